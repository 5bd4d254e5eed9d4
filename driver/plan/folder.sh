# shellcheck shell=bash
# A run as it is planned: what its folder holds before anything is launched.

# 128 random bits, in hex digits.
new_id() {
  od -An -v -tx1 -N 16 /dev/urandom | tr -d ' \n'
}

# Writes what is going to happen into a new run's folder; the numbers of its jobs, a range, are in SCRATCH/all.
plan() { # RUN CONFIGURATION-FILE
  local run=$1 id
  id=$(new_id)
  jq '[[0, .jobs - 1]]' "$2" >"$SCRATCH/all"
  run_json "$READ_RUN" >"$SCRATCH/read"
  {
    cp "$SCRATCH/keys.txt" "$run/keys.txt" &&
      jq_program plan/jobs -c -n -R --slurpfile config "$2" <"$run/keys.txt" >"$run/jobs.ndjson" &&
      jq_program plan/plan_run --arg id "$id" --arg driver "$(own_version)" \
        --slurpfile read "$SCRATCH/read" --arg read_name "${READ_RUN##*/}" "$2" >"$run/run.part" &&
      # Last: a folder with a run.json is a run.
      mv "$run/run.part" "$run/run.json"
  } 2>"$SCRATCH/unplanned" || no_room "$run"
}
