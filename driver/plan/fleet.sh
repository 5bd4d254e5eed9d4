# shellcheck shell=bash
# How the fleet is launched: its configuration, squads, start and end; whether it fits and may cost that.

# Leaves the configuration of a run that is new in SCRATCH/config: run.json as it will stand.
configure() { # OP
  { [ -z "$READ_RUN" ] || field "$READ_RUN" .; } >"$SCRATCH/source"
  jq_program plan/configuration -n --arg op "$1" --arg number "$NUMBER" --arg size "$SIZE" \
    --arg bucket "$BUCKET" --arg function "$FUNCTION" --arg region "${AWS_REGION:-}" \
    --arg key_prefix "$OPT_KEY_PREFIX" --arg key_file "$OPT_KEY_FILE" --arg keys_from "$KEYS_FROM" \
    --arg part_mb "$PART_MB" --arg range_mb "$RANGE_MB" --arg in_flight "$OPT_IN_FLIGHT" --arg for_s "$OPT_FOR" \
    --arg read_times "$OPT_READ_TIMES" --arg objects "$OPT_OBJECTS" --arg verify "$OPT_VERIFY" \
    --argjson loopback "$(loopback)" --argjson shared_machine "$(shared_machine)" --arg s3_endpoint "$(endpoint S3)" \
    --arg id "$(od -An -v -tx1 -N 16 /dev/urandom | tr -d ' \n')" --arg driver "$(own_version)" \
    --slurpfile lambda "$SCRATCH/function" --slurpfile quotas "$(answer_of network)" \
    --slurpfile streams "$SCRATCH/streams" --slurpfile source "$SCRATCH/source" \
    --arg source_name "${READ_RUN##*/}" >"$SCRATCH/config"
}

# Plans the launch of so many jobs in SCRATCH/fleet, says what it will be, and refuses one that cannot be.
plan_launch() { # JOBS
  : >"$SCRATCH/ping"
  plan_fleet "$1"
  [ -z "$OPT_DRY_RUN" ] || return 0
  ping
  # shellcheck disable=SC2034 # folder.sh reads it
  CLOCK_OFFSET=$(jq .clock.offset_s "$SCRATCH/ping")
  plan_fleet "$1"
  heed show_plan "$1" true
}

# Leaves the plan in SCRATCH/fleet, prints it in a dry run, and refuses a launch that cannot be. Before the ping usual
# answers of it are assumed: what they allow may be refused after it.
plan_fleet() { # JOBS
  local cores
  cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null) || cores=2
  jq_program plan/fleet --slurpfile prices "$ROOT/driver/plan/prices.json" --arg squad "$OPT_SQUAD" \
    --arg start_in "$OPT_START_IN" --arg timeout "$OPT_TIMEOUT" --argjson jobs "$1" --argjson cores "$cores" \
    --argjson cpu "${LAUNCH_CPU:-0.5}" --argjson max_cost "$MAX_COST" --arg yes "$OPT_YES" \
    --slurpfile ping "$SCRATCH/ping" "$SCRATCH/config" >"$SCRATCH/fleet"
  [ -z "$OPT_DRY_RUN" ] || dry_run "$1"
  heed jq_program plan/limits -s -r --argjson jobs "$1" --arg squad "$OPT_SQUAD" --argjson max_cost "$MAX_COST" \
    --arg yes "$OPT_YES" --slurpfile account "$(answer_of account)" --slurpfile bucket "$(answer_of bucket)" \
    --slurpfile versioning "$(answer_of versioning)" --slurpfile concurrency "$(answer_of concurrency)" \
    --slurpfile lambda "$SCRATCH/function" "$SCRATCH/config" "$SCRATCH/fleet"
}

dry_run() { # JOBS
  if [ -z "$OPT_JSON" ]; then
    show_plan "$1" false
  else
    jq -s 'add | . + .paid | del(.id, .answers, .clock, .version, .deleted, .launches, .paid)' "$SCRATCH/config" \
      "$SCRATCH/fleet"
  fi
}

show_plan() { # JOBS BRIEF
  jq_program plan/plan -s -r --argjson jobs "$1" --argjson brief "$2" "$SCRATCH/config" "$SCRATCH/fleet"
}

# Leaves in a folder of its own, RUN, what is going to happen.
make_run() { # OP
  RUN=$(new_run "$1" "$NUMBER")
  finally unmake_run
  [ -z "${TELL_RUN:-}" ] || printf '%s\n' "$RUN" >"$TELL_RUN"
  lock "$RUN"
  {
    cp "$SCRATCH/keys.txt" "$RUN/keys.txt" &&
      jq -s '.[0] + .[1].paid' "$SCRATCH/config" "$SCRATCH/fleet" >"$RUN/run.part" &&
      jq_program plan/jobs -c -n -R --slurpfile config "$RUN/run.part" --slurpfile streams "$SCRATCH/streams" \
        <"$RUN/keys.txt" >"$RUN/jobs.ndjson" &&
      # Last: a folder with a run.json is a run.
      mv "$RUN/run.part" "$RUN/run.json"
  } 2>"$SCRATCH/unwritten" || no_room "$RUN"
  printf '[[0, %d]]' $((NUMBER - 1)) >"$SCRATCH/job_numbers"
  say "run $(shown "$RUN")"
}

# What a driver that ends before the launch has made: of a write, the key file too.
# shellcheck disable=SC2329 # finally is told of it
unmake_run() {
  rm -rf "${RUN:?}" ${TELL_RUN:+"$TELL_RUN"} ${SIZE:+${OPT_KEY_FILE:+"$OPT_KEY_FILE"}}
}
