# shellcheck shell=bash
# How far a command is, on stderr: one line redrawn every second on a terminal, elsewhere one line when
# something is new. Only what is known is said: a squad is silent until its last worker has answered.

# Says what a function prints, each second, as long as the driver lives: the watcher is a process of its own.
watching() { # FUNCTION ARGUMENT...
  local line last='' ticks=0
  while sleep 1 && kill -0 $$ 2>/dev/null; do
    ticks=$((ticks + 1))
    line=$("$@")
    if [ -t 2 ]; then
      printf '\r\033[K%s: %s' "$PROGRAM" "$ticks s: $line" >&2
    # Numbers that grow every ten seconds, words that change at once.
    elif [ "$line" != "$last" ] && { [ $((ticks % 10)) -eq 0 ] || [ "${line%% *}" != "${last%% *}" ]; }; then
      say "$ticks s: $line"
      last=$line
    fi
  done
}

# How far a launch of so many invocations is.
launch_progress() { # RUN INVOCATIONS NOUN JOBS START-AT, epoch seconds on the workers' clock, 0 for none
  local launched
  launched=$(count "$SCRATCH"/answers/*.answer)
  if any "$SCRATCH"/answers/*.counts; then
    answered_jobs "$4"
  elif [ "$launched" -lt "$2" ]; then
    printf 'launched %s of %s' "$launched" "$(plural "$2" "$3")"
  elif [ "$(seconds_now)" -lt "$5" ]; then
    printf 'launched %s, %d s to the start' "$(plural "$2" "$3")" $(($5 - $(seconds_now)))
  else
    answered_jobs "$4"
  fi
}

# How many jobs of a launch have answered, and how many of them failed.
answered_jobs() { # JOBS
  local answered failed
  read -r answered failed < <(
    find "$SCRATCH/answers" -name '*.counts' -exec cat {} + |
      awk '{ n += $1; failed += $2 } END { print n + 0, failed + 0 }'
  )
  printf 'answered %s of %s jobs, %s failed' "$answered" "$1" "$failed"
}

count() { # PATH...
  any "$1" && printf '%d' $# || printf 0
}

progress_ends() {
  [ ! -t 2 ] || printf '\r\033[K' >&2
}
