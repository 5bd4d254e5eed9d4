# shellcheck shell=bash
# Deletes what runs put into the bucket, and nothing else: the keys of a RUN or of a key file, their open uploads, and
# what the run's squads answered there.

delete() {
  local parent=${OPT_OUT:-$ROOT/runs} run
  DELETE_STATUS=0
  on_interruption say "interrupted before anything was deleted"
  runs_to_delete "$parent"
  for run in "${RUNS[@]+"${RUNS[@]}"}"; do
    deletable "$run"
  done
  for run in "${RUNS[@]+"${RUNS[@]}"}"; do
    delete_run "$run"
  done
  [ "${#RUNS[@]}" -gt 0 ] || delete_key_file "$OPT_KEY_FILE"
  return "$DELETE_STATUS"
}

# Makes paths of RUNS. They stay empty where there is a key file that is not of a run here.
runs_to_delete() { # PARENT
  local run sweep found=()
  for run in "${RUNS[@]+"${RUNS[@]}"}"; do
    if sweep=$(find_sweep "$1" "$run"); then
      while IFS= read -r run; do found+=("$run"); done < <(runs_of_sweep "$sweep")
    else
      run=$(find_run "$1" "$run")
      found+=("$run")
    fi
  done
  RUNS=("${found[@]+"${found[@]}"}")
  if [ -n "$OPT_KEY_FILE" ]; then
    keys_in "$OPT_KEY_FILE" >"$SCRATCH/file.txt"
    for run in "$1"/*-write-*; do
      cmp -s "$SCRATCH/file.txt" "$run/keys.txt" || continue
      say "$OPT_KEY_FILE holds the keys of $(shown "$run"): deleting that run"
      RUNS=("$run")
    done
  elif [ "${#RUNS[@]}" -eq 0 ]; then
    run=$(latest_run "$1" write) ||
      usage "there is nothing to delete: no write run in $1, no RUN, no --key-file (./driver.sh delete RUN)"
    say "deleting the latest write run, $(shown "$run")"
    RUNS=("$run")
  fi
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
  local run
  run=$(cd "$1" && pwd)
  place_of "$run"
  settings
  [ "$(field "$run" .deleted)" = null ] ||
    say "$(shown "$run") was deleted at $(deleted_at "$run"); looking again"
  [ -n "$OPT_DRY_RUN" ] || lock "$run"
  clock_of "$run"
  who_may_work "$run" >"$SCRATCH/writers"
  if [ -z "$OPT_DRY_RUN" ]; then
    check_reach
    await_writers "$run"
  fi
  # A read made nothing but its answers.
  if [ "$(field "$run" .op)" = write ]; then keys_in "$run/keys.txt"; fi >"$SCRATCH/keys.txt"
  clear_out "$(shown "$run")" "$(field "$run" .answers)"
  if [ -z "$OPT_DRY_RUN" ] && [ -s "$SCRATCH/keys" ] && [ ! -s "$SCRATCH/left" ]; then
    mark_deleted "$run"
  fi
  unlock
}

# Whatever keeps S3 from being asked at all is said before anything is waited for.
check_reach() {
  find_credentials
  # shellcheck disable=SC2153 # settings.sh fills it
  in_group /dev/null "$SCRATCH/bucket.complaint" aws s3api head-bucket --bucket "$BUCKET" --cli-connect-timeout 20 \
    --cli-read-timeout 60 || explain_bucket "$(cat "$SCRATCH/bucket.complaint")"
}

delete_key_file() { # FILE
  settings
  cp "$SCRATCH/file.txt" "$SCRATCH/keys.txt"
  printf '{"workers": 0, "squads": 0, "until": null}' >"$SCRATCH/writers"
  say "$1 is of no run here: workers that may still be writing its keys are not known and not waited for"
  clear_out "$1" ''
}

# Deletes the keys in SCRATCH/keys.txt, their uploads, and the answers in a folder of the bucket; says what came of it.
clear_out() { # NAME FOLDER, empty for none
  # Here what AWS refused for the moment may be tried again: a deletion is the same the second time.
  export AWS_MAX_ATTEMPTS=5 PYTHONUTF8=1
  : >"$SCRATCH/left"
  : >"$SCRATCH/uploads"
  : >"$SCRATCH/answers"
  jq -R -a . "$SCRATCH/keys.txt" >"$SCRATCH/keys"
  find_credentials
  [ ! -s "$SCRATCH/keys" ] || list_uploads "$SCRATCH/keys"
  [ -z "$2" ] || list_answers "$2"
  in_group "$SCRATCH/versioning" "$SCRATCH/versioning.complaint" aws s3api get-bucket-versioning --bucket "$BUCKET" \
    --output json --cli-connect-timeout 20 --cli-read-timeout 60 || : >"$SCRATCH/versioning"
  cp "$SCRATCH/uploads" "$SCRATCH/found"
  if [ -z "$OPT_DRY_RUN" ]; then
    on_interruption say "interrupted: the same command goes on with what is left"
    abort_uploads "$SCRATCH/keys"
    delete_keys objects "$SCRATCH/keys"
    delete_keys answers "$SCRATCH/answers"
  fi
  jq_program delete/deleted -n -r --arg name "$1" --arg bucket "$BUCKET" --arg folder "$2" \
    --arg dry_run "$OPT_DRY_RUN" --argjson now "$(now)" --slurpfile keys "$SCRATCH/keys" \
    --slurpfile uploads "$SCRATCH/found" \
    --slurpfile answers "$SCRATCH/answers" --slurpfile left "$SCRATCH/left" --slurpfile writers "$SCRATCH/writers" \
    --slurpfile versioning "$SCRATCH/versioning" --rawfile complaint "$SCRATCH/versioning.complaint"
  [ ! -s "$SCRATCH/left" ] || DELETE_STATUS=1
}

# Says in the run's folder, and in those of the reads of its keys, that the objects are gone.
mark_deleted() { # RUN
  local read name=${1##*/}
  mark "$1"
  for read in "${1%/*}"/*-read-*; do
    [ -f "$read/run.json" ] && [ ! -d "$read/lock" ] || continue
    [ "$(field "$read" .reads.name)" != "$name" ] || mark "$read"
  done
}

mark() { # RUN
  amend "$1" .deleted "$(now)" ||
    say "$(shown "$1")/run.json cannot be written: it will not tell that the objects are gone"
}

# The objects of a run that was deleted are neither read nor completed.
not_deleted() { # RUN
  [ "$(field "$1" .deleted)" = null ] ||
    usage "the objects of $(shown "$1") were deleted at $(deleted_at "$1"): ./driver.sh write makes new ones," \
      "or name another RUN"
}

deleted_at() { # RUN
  field "$1" '.deleted | strftime("%Y-%m-%d %H:%M UTC")'
}
