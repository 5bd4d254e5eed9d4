# shellcheck shell=bash
# Answers that did not arrive: every invocation puts its own into the bucket as well, in the folder that run.json names.

# Looks for the answers of invocations that were sent and have not answered, at least twice, until the last worker must
# have given up.
collect() { # RUN
  local run=$1 looks=0 until
  any "$run"/work/*.sent || return 0
  until=$(field "$run" '.launches[-1].until | ceil')
  while list_waiting "$run"; do
    fetch_waiting "$run"
    any "$run"/work/*.sent || break
    looks=$((looks + 1))
    [ "$looks" -lt 2 ] || [ "$(seconds_now)" -lt "$until" ] || break
    sleep "$LOOK_EVERY"
  done
}

# Seconds between two looks into the bucket.
LOOK_EVERY=${LOOK_EVERY:-2}

# Leaves in SCRATCH/waiting the invocations that may still answer; fails where there is none.
list_waiting() { # RUN
  local sent
  for sent in "$1"/work/*.sent; do
    [ ! -e "$sent" ] || { base_name "$sent" .sent; printf '\n'; }
  done >"$SCRATCH/waiting"
  [ -s "$SCRATCH/waiting" ]
}

# Takes in those of them that are in the bucket. What may not be listed is asked for one by one.
fetch_waiting() { # RUN
  local folder
  folder=$(field "$1" .answers)
  if in_group "$SCRATCH/listed" "$SCRATCH/listed.complaint" aws s3api list-objects-v2 --bucket "$BUCKET" \
    --prefix "$folder" --output json --cli-connect-timeout 20 --cli-read-timeout 60; then
    jq -n -r -f "$ROOT/jq/waiting.jq" --arg folder "$folder" --rawfile waiting "$SCRATCH/waiting" "$SCRATCH/listed" \
      >"$SCRATCH/there"
  else
    cp "$SCRATCH/waiting" "$SCRATCH/there"
  fi
  [ ! -s "$SCRATCH/there" ] || in_parallel fetch "$1" "$SCRATCH/there" 4 0 \
    printf 'taking %s from the bucket' "$(plural "$(lines "$SCRATCH/there")" answer)"
}

# Waits for what an earlier driver's launch has under way: invocations of its own, which outlive it, end with a record
# here; workers that nobody waits for any more answer in the bucket.
await_launch() { # RUN
  local run=$1 sent
  any "$run"/work/*.sent || return 0
  list_waiting "$run"
  sent=$(lines "$SCRATCH/waiting")
  say "$(plural "$sent" invocation) of the launch before may still be at work, until" \
    "$(field "$run" '.launches[-1].until | strftime("%H:%M:%S UTC")') at the latest; Ctrl-C leaves everything as it is"
  collect "$run"
  say "took in $((sent - $(count "$run"/work/*.sent))) of $(plural "$sent" 'waiting answer')"
}

# The planned jobs of each invocation that was sent and has not answered, one array for each.
unanswered() { # RUN
  local sent
  for sent in "$1"/work/*.sent; do
    [ ! -e "$sent" ] || cat "${sent%.sent}.jobs"
  done
}

# Who may still work for a run, and until when.
who_may_work() { # RUN
  unanswered "$1" >"$SCRATCH/sent"
  run_json "$1" >"$SCRATCH/run.json"
  records "$1" | jq -n -c -f "$ROOT/jq/working.jq" --slurpfile run "$SCRATCH/run.json" --slurpfile sent "$SCRATCH/sent"
}

base_name() { # PATH SUFFIX
  local name=${1##*/}
  printf '%s' "${name%"$2"}"
}
