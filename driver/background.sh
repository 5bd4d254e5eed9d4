# shellcheck shell=bash
# What the driver starts in the background: process groups, their end, and a line on stderr that tells how far they are.

# Runs a command in a process group of its own, in the background: what a terminal sends to the driver does not
# reach it, and ending the group ends its children too. Its number is in GROUP. Bash runs a trap while it waits for the
# group; a command in the foreground would delay the trap.
start_group() { # COMMAND...
  set -m
  "$@" 9>&- &
  GROUP=$!
  set +m
}

# Ends every group: TERM, and once its leader has gone KILL to every process that did not heed it. TERM comes again each
# second: bash loses one that finds a process right after its fork.
end_groups() {
  local group looks
  for group in $(jobs -p); do
    looks=0
    while kill -0 "$group" 2>/dev/null; do
      # One that was stopped takes it when it goes on.
      [ $((looks % 10)) -ne 0 ] || { kill -TERM -- "-$group" && kill -CONT -- "-$group"; } 2>/dev/null || true
      looks=$((looks + 1))
      sleep 0.1
    done
    # Bash loses the status of a process that ends at the moment of a signal, and would wait for that process for ever.
    [ "$looks" -eq 0 ] || wait "$group" 2>/dev/null || true
    kill -KILL -- "-$group" 2>/dev/null || true
  done
}

# Hands each line of a file to a command, so many at once, while PROGRESS, a function and its words, tells how far
# they are.
in_parallel() { # FILE AT-ONCE PROGRESS COMMAND...
  local status=0 group
  start_group xargs -n 1 -P "$2" "${@:4}" <"$1" >/dev/null 2>"$SCRATCH/children"
  group=$GROUP
  start_watching "$3"
  wait "$group" || status=$?
  [ "$status" -eq 0 ] || say "xargs ended with status $status: what it did not start is missing"
  stop_watching
  [ ! -s "$SCRATCH/children" ] || say "$(head -n 5 "$SCRATCH/children")"
}

start_watching() { # PROGRESS
  local progress driver
  read -r -a progress <<<"$1"
  driver=$(process "$$")
  # Whoever reads the driver's stdout does not wait for it.
  start_group watch "${progress[@]}" >/dev/null
  WATCHER=$GROUP
}

# It has nothing to put in order; TERM is ignored by what is started while the driver ends.
stop_watching() {
  kill -KILL -- "-$WATCHER" 2>/dev/null || true
  wait "$WATCHER" 2>/dev/null || true
  clear_line
}

clear_line() {
  [ ! -t 2 ] || printf '\r\033[K' >&2
}

# Says what a function prints: one line redrawn every second on a terminal, elsewhere one line when something is new.
# It is a process of its own, and ends with the driver, which may have gone before it begins.
watch() { # FUNCTION WORD...
  local line last='' ticks=0
  while sleep 1 && lives "$driver"; do
    ticks=$((ticks + 1))
    line=$("$@")
    [ -n "$line" ] || continue
    if [ -t 2 ]; then
      printf '\r\033[K%s: %s' "$PROGRAM" "$ticks s: $line" >&2
    # Numbers that grow every ten seconds, words that change at once.
    elif [ "$line" != "$last" ] && { [ $((ticks % 10)) -eq 0 ] || [ "${line%% *}" != "${last%% *}" ]; }; then
      say "$ticks s: $line"
      last=$line
    fi
  done
}
