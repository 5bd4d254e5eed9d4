# shellcheck shell=bash
# Starts the fleet, watches it, and takes in what it answers, whether the run ends or is ended.

# aws processes at a time; each takes 56 MB.
PROCESSES=256
GROUPS_STARTED=''

# Runs a command in a process group of its own, in the background: what a terminal sends to the driver does not
# reach it, and ending the group ends its children too. Its number is in GROUP.
start_group() { # COMMAND...
  set -m
  "$@" &
  GROUP=$!
  set +m
  GROUPS_STARTED="$GROUPS_STARTED $GROUP"
}

# The same with its output in files, waited for. A trap runs at once: bash only delays it for foreground commands.
in_group() { # STDOUT STDERR COMMAND...
  local out=$1 err=$2
  shift 2
  start_group "$@" </dev/null >"$out" 2>"$err"
  wait "$GROUP"
}

# Ends every group that is left: TERM, and once its leader has gone KILL to whatever did not heed it.
end_groups() {
  local group
  for group in $GROUPS_STARTED; do
    kill -TERM -- "-$group" 2>/dev/null || continue
    wait "$group" 2>/dev/null || true
    kill -KILL -- "-$group" 2>/dev/null || true
  done
  GROUPS_STARTED=''
}

# Launches every planned invocation and waits for all. Sets nothing: all that is learnt is in the run's folder.
launch() { # RUN
  local run=$1 jobs status=0 fleet
  jobs=$(jq .jobs "$run/run.json")
  say "run $(shown "$run")"
  awk -v n="$jobs" 'BEGIN { for (i = 0; i < n; i++) printf "%06d\n", i }' >"$SCRATCH/list"
  if [ "$jobs" -gt "$PROCESSES" ]; then
    say "$jobs jobs, $PROCESSES at a time (56 MB of memory each): the last start when the first have ended"
  fi
  : >"$SCRATCH/throttled"
  trap 'interrupted "$run"' INT TERM HUP
  amend "$run" ".launch = $(now)"
  start_group xargs -n 1 -P "$PROCESSES" "$BASH" "$ROOT/lib/invoke.sh" "$SCRATCH" "$run/answers" "$FUNCTION" \
    "$(jq .timeout_s "$run/run.json")" <"$SCRATCH/list" 2>"$SCRATCH/children"
  fleet=$GROUP
  say "launched $(plural "$jobs" job)"
  start_group watch_answers "$run" "$jobs"
  wait "$fleet" || status=$?
  amend "$run" ".end = $(now)"
  [ "$status" -eq 0 ] || say "xargs ended with status $status: what it did not launch is counted as missing"
  end_groups
  [ ! -s "$SCRATCH/children" ] || say "$(head -n 5 "$SCRATCH/children")"
}

# Progress: a line redrawn every second on a terminal, elsewhere one when ten seconds brought news.
watch_answers() { # RUN JOBS
  local answered last=0 ticks=0
  while sleep 1; do
    ticks=$((ticks + 1))
    answered=$(count "$1"/answers/*.ndjson)
    if [ -t 2 ]; then
      printf '\rdriver: answered %d of %d, %d s ' "$answered" "$2" "$ticks" >&2
    elif [ $((ticks % 10)) -eq 0 ] && [ "$answered" != "$last" ]; then
      say "answered $answered of $2, $ticks s"
      last=$answered
    fi
  done
}

count() { # PATH...
  any "$1" && printf '%d' $# || printf 0
}

# Joins the answers, in job order, and sums them up.
finish() { # RUN
  local run=$1 answered
  answered=$(count "$run"/answers/*.ndjson)
  amend "$run" ".invoke_throttled = $(($(wc -l <"$SCRATCH/throttled")))"
  records "$run" >"$run/records.part"
  mv "$run/records.part" "$run/records.ndjson"
  rm -rf "$run/answers"
  summarise "$run" >"$run/summary.part"
  mv "$run/summary.part" "$run/summary.json"
  [ ! -t 2 ] || printf '\r' >&2
  say "answered $answered of $(jq .jobs "$run/run.json")"
}

# Ctrl-C: what has answered is kept; workers that were started go on without us.
interrupted() { # RUN
  local run=$1 running until
  trap '' INT TERM HUP
  end_groups
  amend "$run" ".end = $(now) | .interrupted = true"
  running=$(($(count "$SCRATCH"/invocations/*.answer) - $(count "$run"/answers/*.ndjson)))
  until=$(jq -r '.end + .timeout_s | strftime("%H:%M:%S UTC")' "$run/run.json")
  finish "$run"
  say "interrupted: up to $(plural "$running" worker) may still be running, until $until at the" \
    "latest (the function's timeout)"
  say "what had answered is kept: ./driver.sh report $(shown "$run")"
  exit 130
}

# Epoch seconds, to the microsecond where bash knows it.
now() {
  local time=${EPOCHREALTIME:-}
  [ -n "$time" ] || time=$(jq -n now)
  printf '%s' "${time/,/.}"
}

# Changes run.json, complete or not at all.
amend() { # RUN FILTER
  jq "$2" "$1/run.json" >"$SCRATCH/run.json"
  cp "$SCRATCH/run.json" "$1/run.part"
  mv "$1/run.part" "$1/run.json"
}
