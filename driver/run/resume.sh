# shellcheck shell=bash
# The run that --resume names: who may still work for it, and its further launch.

# Leaves in SCRATCH/working who may still work for a run, until when and at what cost.
who_may_work() { # RUN
  local name
  list_waiting "$1" || true
  while IFS= read -r name; do cat "$1/work/$name.jobs"; done <"$SCRATCH/waiting" >"$SCRATCH/sent"
  field "$1" . >"$SCRATCH/run.json"
  records "$1" | jq_program run/working -n -R --slurpfile run "$SCRATCH/run.json" --slurpfile sent "$SCRATCH/sent" \
    --slurpfile prices "$ROOT/driver/plan/prices.json" --argjson now "$(now)" >"$SCRATCH/working"
}

# Sets RUN, and FUNCTION and the place to those of the run.
choose_resumed() { # OP
  local op
  RUN=$(find_run "$OPT_RESUME")
  op=$(field "$RUN" .op)
  [ "$op" = "$1" ] || usage "$(shown "$RUN") is a $op run: $CALLED $op --resume $(shown "$RUN")"
  not_deleted "$RUN"
  within_reach "$RUN"
  place_of "$RUN"
  # shellcheck disable=SC2034 # settings.sh reads it
  FUNCTION=$(field "$RUN" .function)
}

# Takes in what an earlier driver's launch has under way. Its invoke.sh may have outlived it, and then leave records
# here; the answers that nobody waits for come from the bucket.
await_launch() { # RUN
  local run=$1 sent
  clock_of "$run"
  mkdir -p "$run/answers" 2>"$SCRATCH/unwritten" || no_room "$run"
  who_may_work "$run"
  if [ -s "$SCRATCH/waiting" ]; then
    sent=$(lines "$SCRATCH/waiting")
    say "waiting for $(plural "$sent" answer) of the launch before$(jq -r '.text // empty | ": \(.)"' \
      "$SCRATCH/working"); Ctrl-C leaves everything as it is"
    collect "$run"
    who_may_work "$run"
    say "took in $((sent - $(lines "$SCRATCH/waiting"))) of $(plural "$sent" 'waiting answer')"
  fi
  await_workers "$run"
  # That may have taken minutes.
  find_credentials
}

# Waits until the workers have given up.
await_workers() { # RUN
  local until
  jq -e '.text != null' "$SCRATCH/working" >/dev/null || return 0
  # A bucket that cannot be asked is told now, not after the wait.
  find_credentials
  request bucket s3api head-bucket --bucket "$BUCKET" || explain_unless_denied bucket s3:ListBucket
  until=$(jq '.until | ceil' "$SCRATCH/working")
  say "$(shown "$1"): $(jq -r .text "$SCRATCH/working"); waiting for that; Ctrl-C leaves everything as it is"
  start_watching "workers_progress $until"
  while [ "$(seconds_now)" -lt "$until" ]; do sleep 1; done
  stop_watching
}

workers_progress() { # UNTIL
  printf 'waiting for workers, %d s' "$(($1 - $(seconds_now)))"
}

# Plans the launch of the jobs without a good record, which it leaves in SCRATCH/job_numbers. REST is how many they are.
plan_rest() { # RUN
  records "$1" | jq_program run/unfinished -c -n -R --argjson jobs "$(field "$1" .jobs)" >"$SCRATCH/job_numbers"
  REST=$(jq '[.[] | .[1] - .[0] + 1] | add // 0' "$SCRATCH/job_numbers")
  if [ "$REST" -eq 0 ]; then
    say "every job has a good record: nothing is launched"
  else
    field "$1" . >"$SCRATCH/config"
    plan_launch "$REST"
  fi
}
