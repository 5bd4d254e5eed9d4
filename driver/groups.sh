# shellcheck shell=bash
# Process groups: what the driver starts in the background, and its end.

# Runs a command in a process group of its own, in the background: what a terminal sends to the driver does not
# reach it, and ending the group ends its children too. Its number is in GROUP.
start_group() { # COMMAND...
  set -m
  "$@" 9>&- &
  GROUP=$!
  set +m
}

# The same with its streams in files. They are not those of a function call, where what a trap says would land.
start_group_on() { # STDIN STDOUT STDERR COMMAND...
  local in=$1 out=$2 err=$3
  shift 3
  set -m
  "$@" <"$in" >"$out" 2>"$err" 9>&- &
  GROUP=$!
  set +m
}

# The same, waited for. A trap runs at once: bash only delays it for foreground commands.
in_group() { # STDOUT STDERR COMMAND...
  start_group_on /dev/null "$@"
  wait "$GROUP"
}

# Ends every group that is left: TERM, and once its leader has gone KILL to whatever did not heed it.
end_groups() {
  local group
  for group in $(jobs -p); do
    kill -TERM -- "-$group" 2>/dev/null || continue
    wait "$group" 2>/dev/null || true
    kill -KILL -- "-$group" 2>/dev/null || true
  done
}
