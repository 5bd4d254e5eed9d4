# shellcheck shell=bash
# Starts the fleet and takes in what it answers, whether the run ends or is ended.

# Whether this driver has launched something: what ends then is the launch.
LAUNCHED=''

# Hands invocations to lib/invoke.sh and waits for all, showing how far they are. What comes of them is in the run's
# folder, so that nothing is lost with this process.
each_invocation() { # send|fetch RUN NAMES-FILE
  local run=$2 status=0 fleet processes timeout until
  read -r processes timeout until < <(
    field "$run" -r '"\(.processes) \(.timeout_s) \(.stop_by - .clock.offset_s + 10 | floor)"'
  )
  : >"$SCRATCH/children"
  start_group_on "$3" /dev/null "$SCRATCH/children" \
    xargs -n 1 -P "$processes" "$BASH" "$ROOT/lib/invoke.sh" "$1" "$run" "$FUNCTION" "$timeout" "$BUCKET" "$until"
  fleet=$GROUP
  printf '%s\n' "$fleet" >>"$run/lock/groups"
  start_group watch_answers "$1" "$run" "$3"
  wait "$fleet" || status=$?
  [ "$status" -eq 0 ] || say "xargs ended with status $status: what it did not launch is counted as missing"
  end_groups
  progress_ends
  [ ! -s "$SCRATCH/children" ] || say "$(head -n 5 "$SCRATCH/children")"
}

# Launches what has been planned last.
launch() { # RUN
  local run=$1
  LAUNCHED=yes
  trap 'interrupted "$run"' INT TERM HUP
  amend "$run" ".launch //= $(now)"
  each_invocation send "$run" "$run/work/names"
  launch_ends "$run"
  # On a terminal the table follows at once, in the place of the progress.
  [ -t 2 ] || say "$(answered_jobs "$run" "$(field "$run" .launches)")"
}

# The run's end is that of its first launch, as its figures are.
launch_ends() { # RUN
  amend "$1" "if .launches == 1 then .end = $(now) else . end"
}

# Sums up a run whose fleet has ended: an interruption finds nothing more to end or to change.
settle() { # RUN
  local run=$1
  trap 'say "interrupted; the fleet had ended, its records are kept: ./driver.sh report $(shown "$run")"; exit 130' \
    INT TERM HUP
  finish "$run"
  conclude "$run"
}

# Joins the answers, the latest of each job and launch, and sums them up.
finish() { # RUN
  local run=$1
  records "$run" >"$run/records.part"
  mv "$run/records.part" "$run/records.ndjson"
  if [ -s "$run/work/throttled" ]; then
    amend "$run" ".invoke_throttled = (.invoke_throttled // 0) + $(($(wc -l <"$run/work/throttled")))"
    rm -f "$run/work/throttled"
  fi
  # From here on the records count. What may still be answered is kept for --resume.
  mkdir -p "$run/work"
  rm -rf "$run/work/answers"
  [ ! -d "$run/answers" ] || mv "$run/answers" "$run/work/answers"
  rm -rf "$run/work/answers"
  any "$run"/work/*.sent || rm -rf "$run/work"
  summarise "$run" >"$run/summary.part"
  mv "$run/summary.part" "$run/summary.json"
}

# Ctrl-C: what has answered is kept; workers that were started go on without us.
interrupted() { # RUN
  local run=$1
  trap '' INT TERM HUP
  end_groups
  progress_ends
  amend "$run" '.interrupted = true'
  [ -z "$LAUNCHED" ] || launch_ends "$run"
  unanswered "$run" >"$SCRATCH/unanswered"
  finish "$run"
  jq -r -n -L "$ROOT/jq" -f "$ROOT/jq/interrupted.jq" --slurpfile run "$run/run.json" \
    --slurpfile prices "$ROOT/jq/prices.json" --argjson now "$(now)" --slurpfile planned "$SCRATCH/unanswered" |
    while IFS= read -r line; do say "$line"; done
  say "what had answered is kept: ./driver.sh report $(shown "$run")"
  say "to finish it: ./driver.sh $(field "$run" -r .op) --resume $(shown "$run")"
  exit 130
}

# The planned jobs of each invocation that was sent and has not answered, one array for each.
unanswered() { # RUN
  local sent
  for sent in "$1"/work/*.sent; do
    [ -e "$sent" ] || continue
    [ -e "$1/answers/$(base_name "$sent" .sent).ndjson" ] || cat "${sent%.sent}.jobs"
  done
}

base_name() { # PATH SUFFIX
  local name=${1##*/}
  printf '%s' "${name%"$2"}"
}
