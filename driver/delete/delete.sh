# shellcheck shell=bash
# Deletes what runs put into the bucket, and nothing else: the keys of a RUN or of a key file, their open uploads, and
# the folder of the run's answers.

# Makes RUNS of what was named. They stay empty where there is a key file that is not of a run here.
runs_to_delete() { # [RUN|SWEEP ...]
  local name sweep run
  for name in "$@"; do
    if sweep=$(find_folder "$name" sweep.json); then
      alone "$sweep"
      whole_sweep "$sweep"
      runs_of_sweep "$sweep"
    else
      printf '%s\n' "$name"
    fi
  done >"$SCRATCH/runs"
  if [ -n "$OPT_KEY_FILE" ]; then
    keys_in "$OPT_KEY_FILE" >"$SCRATCH/file.txt"
    for run in "$PARENT"/*-write-*; do
      cmp -s "$SCRATCH/file.txt" "$run/keys.txt" && [ -z "$(damage "$run" true)" ] || continue
      say "$OPT_KEY_FILE holds the keys of $(shown "$run"): deleting that run"
      printf '%s\n' "$run" >"$SCRATCH/runs"
    done
  elif [ $# -eq 0 ]; then
    run=$(latest_run write) ||
      usage "there is nothing to delete: no write run in $PARENT, no RUN, no --key-file ($CALLED delete RUN)"
    say "deleting the latest write run, $(shown "$run")"
    printf '%s\n' "$run" >"$SCRATCH/runs"
  elif [ ! -s "$SCRATCH/runs" ]; then
    usage "$(shown "$sweep") has no run that is there: nothing was deleted"
  fi
  RUNS=()
  while IFS= read -r name <&3; do
    run=$(find_run "$name")
    RUNS+=("$run")
  done 3<"$SCRATCH/runs"
}

# Refuses a run that another driver works on, or that is not where this call would look.
deletable() { # RUN
  local bucket
  bucket=$(field "$1" .bucket)
  [ -z "$OPT_BUCKET" ] || [ "$OPT_BUCKET" = "$bucket" ] ||
    usage "$(shown "$1") is in the bucket $bucket, not $OPT_BUCKET; a RUN needs no --bucket"
  within_reach "$1"
  alone "$1"
}

delete_run() { # RUN
  local run=$1
  place_of "$run"
  settings
  [ "$(field "$run" .deleted)" = null ] ||
    say "$(shown "$run") was deleted at $(deleted_at "$run"); looking again"
  [ -n "$OPT_DRY_RUN" ] || lock "$run"
  clock_of "$run"
  who_may_work "$run"
  # What workers wrote later would stay.
  [ -n "$OPT_DRY_RUN" ] || await_workers "$run"
  # A read made nothing but its answers.
  if [ "$(field "$run" .op)" = write ]; then keys_in "$run/keys.txt"; fi >"$SCRATCH/keys.txt"
  clear_out "$(shown "$run")" "$(field "$run" .answers)" "$(field "$run" written_in_a_stream)"
  if [ -z "$OPT_DRY_RUN" ] && [ -s "$SCRATCH/keys" ] && [ ! -s "$SCRATCH/left_over" ]; then
    mark_deleted "$run"
  fi
  unlock
}

delete_key_file() { # FILE
  settings
  cp "$SCRATCH/file.txt" "$SCRATCH/keys.txt"
  printf '{}' >"$SCRATCH/working"
  say "$1 is of no run here: workers that may still be writing its keys are not known and not waited for"
  clear_out "$1" '' 0
}

# Deletes the objects at the keys in SCRATCH/keys.txt, or of the streams at these keys the first PER-STREAM objects,
# with their uploads, and a folder of answers in the bucket. Says what came of it.
clear_out() { # NAME FOLDER, empty for none PER-STREAM, 0 where the keys are of objects
  # Here what AWS refused for the moment may be tried again: a deletion is the same the second time.
  export AWS_MAX_ATTEMPTS=5 PYTHONUTF8=1
  : >"$SCRATCH/left_over"
  : >"$SCRATCH/strangers"
  # shellcheck disable=SC2034 # deletions.sh reads it
  PER_STREAM=$3
  jq -R -a . "$SCRATCH/keys.txt" >"$SCRATCH/keys"
  find_credentials
  { [ ! -s "$SCRATCH/keys" ] || list_uploads; } >"$SCRATCH/uploads"
  # shellcheck disable=SC2153 # settings.sh fills it
  request versioning s3api get-bucket-versioning --bucket "$BUCKET" ||
    unknown "whether the bucket keeps versions" versioning
  [ -n "$OPT_DRY_RUN" ] || on_interruption say "interrupted: the same command goes on with what is left"
  if [ "$3" -gt 0 ]; then list_streams; else cp "$SCRATCH/keys" "$SCRATCH/objects"; fi
  if [ -z "$OPT_DRY_RUN" ]; then
    abort_uploads
    make_requests deletions "$SCRATCH/objects" objects s3:DeleteObject
    [ -z "$2" ] || delete_answers "$2"
  fi
  print jq_program delete/deleted -n -r --arg name "$1" --arg bucket "$BUCKET" --arg folder "$2" \
    --argjson per_stream "$3" --arg dry_run "$OPT_DRY_RUN" --slurpfile keys "$SCRATCH/keys" \
    --slurpfile objects "$SCRATCH/objects" --slurpfile strangers "$SCRATCH/strangers" \
    --slurpfile uploads "$SCRATCH/uploads" --slurpfile left_over "$SCRATCH/left_over" \
    --slurpfile working "$SCRATCH/working" --slurpfile versioning "$(answer_of versioning)"
  # shellcheck disable=SC2034 # driver.sh ends with it
  [ ! -s "$SCRATCH/left_over" ] || DELETE_STATUS=1
}

# Says in the run's folder, and in those of the reads of its keys, that the objects are gone.
mark_deleted() { # RUN
  local run
  for run in "$1" "${1%/*}"/*-read-*; do
    [ "$run" = "$1" ] || { [ -f "$run/run.json" ] && [ ! -e "$run/lock" ] && [ -z "$(damage "$run" false)" ] &&
      [ "$(field "$run" .reads.name)" = "${1##*/}" ]; } || continue
    amend "$run" .deleted "$(now)" ||
      say "$(shown "$run")/run.json cannot be written: it will not tell that the objects are gone"
  done
}
