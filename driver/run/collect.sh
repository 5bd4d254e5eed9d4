# shellcheck shell=bash
# Answers that did not arrive: every invocation puts its own into the bucket as well, in the folder that run.json names.

# Looks for the answers of invocations that were sent and have not answered, at least twice, until the last worker must
# have given up.
collect() { # RUN
  local run=$1 looks=0 until
  list_waiting "$run" || return 0
  until=$(field "$run" '.launches[-1].until | ceil')
  while list_waiting "$run"; do
    fetch_waiting "$run"
    list_waiting "$run" || break
    looks=$((looks + 1))
    [ "$looks" -lt 2 ] || [ "$(seconds_now)" -lt "$until" ] || break
    sleep "$LOOK_EVERY"
  done
}

# Seconds between two looks into the bucket.
LOOK_EVERY=${LOOK_EVERY:-2}

# Leaves in SCRATCH/waiting the invocations that may still answer; fails where there is none. RUN may have had no room
# for an answer that is here.
list_waiting() { # RUN
  local sent name
  for sent in "$1"/work/*.sent; do
    name=$(base_name "$sent" .sent)
    [ ! -e "$sent" ] || [ -e "$SCRATCH/answers/$name.ndjson" ] || printf '%s\n' "$name"
  done >"$SCRATCH/waiting" 2>/dev/null || no_room_at_all "$1"
  [ -s "$SCRATCH/waiting" ]
}

# Takes in those of them that are in the bucket. What may not be listed is asked for one by one.
fetch_waiting() { # RUN
  local folder
  folder=$(field "$1" .answers)
  if in_group "$SCRATCH/listed" "$SCRATCH/listed.complaint" aws s3api list-objects-v2 --bucket "$BUCKET" \
    --prefix "$folder" --output json --cli-connect-timeout 20 --cli-read-timeout 60; then
    jq_program run/waiting -n -r --arg folder "$folder" --rawfile waiting "$SCRATCH/waiting" "$SCRATCH/listed" \
      >"$SCRATCH/there"
  else
    cp "$SCRATCH/waiting" "$SCRATCH/there"
  fi
  [ ! -s "$SCRATCH/there" ] || in_parallel fetch "$1" "$SCRATCH/there" 4 0 0 \
    printf 'taking %s from the bucket' "$(plural "$(lines "$SCRATCH/there")" answer)"
}

# Waits for what an earlier driver's launch has under way: invocations of its own, which outlive it, end with a record
# here; workers that nobody waits for any more answer in the bucket.
await_launch() { # RUN
  local run=$1 sent
  list_waiting "$run" || return 0
  sent=$(lines "$SCRATCH/waiting")
  say "$(plural "$sent" invocation) of the launch before may still be at work, until" \
    "$(field "$run" '.launches[-1].until | strftime("%H:%M:%S UTC")') at the latest; Ctrl-C leaves everything as it is"
  collect "$run"
  list_waiting "$run" || true
  say "took in $((sent - $(lines "$SCRATCH/waiting"))) of $(plural "$sent" 'waiting answer')"
}

# The planned jobs of each invocation that was sent and has not answered, one array for each.
unanswered() { # RUN
  local name
  list_waiting "$1" || return 0
  while IFS= read -r name; do cat "$1/work/$name.jobs"; done <"$SCRATCH/waiting"
}

# Who may still work for a run, and until when.
who_may_work() { # RUN
  unanswered "$1" >"$SCRATCH/sent"
  run_json "$1" >"$SCRATCH/run.json"
  records "$1" | jq_program run/working -n -c --slurpfile run "$SCRATCH/run.json" --slurpfile sent "$SCRATCH/sent"
}

base_name() { # PATH SUFFIX
  local name=${1##*/}
  printf '%s' "${name%"$2"}"
}
