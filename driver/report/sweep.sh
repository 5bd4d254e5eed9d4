# shellcheck shell=bash
# Write and read with each number of workers, each run by a driver of its own, and one comparison of all.

sweep() {
  local parent=${OPT_OUT:-$ROOT/runs} number turn
  settings
  SWEEP_PARENT=$parent SWEEP_STATUS=0 SWEEP_STOPPED=''
  : >"$SCRATCH/compared"
  # Each run writes the name of its folder there: the newest folder may be another driver's.
  export TELL_RUN=$SCRATCH/run.one
  on_interruption sweep_interrupted
  for ((turn = 1; turn <= ${OPT_REPEAT:-1}; turn++)); do
    for number in $NUMBERS; do
      say "sweep: $(plural "$number" worker), turn $turn of ${OPT_REPEAT:-1}"
      sweep_run write "$number" "$MB_PER_FILE" || break 2
      sweep_run read "$number" "$SWEEP_RUN" || break 2
    done
  done
  sweep_ends
  return "$SWEEP_STATUS"
}

sweep_interrupted() {
  SWEEP_STOPPED=interrupted
  end_groups
  sweep_ends
}

# One run. Fails where the sweep cannot go on: the run was refused, or cut short.
sweep_run() { # OP ARGUMENT...
  local op=$1 status=0
  pass_on "$op"
  # Anew for each run, and here: the runs are in groups of their own, where nothing can be typed in.
  find_credentials
  start_group "$BASH" "$ROOT/driver.sh" "$@" --json --out "$SWEEP_PARENT" \
    "${PASSED[@]+"${PASSED[@]}"}" >"$SCRATCH/summary.one"
  wait "$GROUP" || status=$?
  case $status in
    0) ;;
    1) SWEEP_STATUS=1 ;;
    *)
      SWEEP_STOPPED="$op $2 ended with exit status $status" SWEEP_STATUS=$status
      say "the sweep stops: $SWEEP_STOPPED"
      return 1
      ;;
  esac
  SWEEP_RUN=$(<"$TELL_RUN")
  compared "$SWEEP_RUN" "$SCRATCH/summary.one" >>"$SCRATCH/compared"
  rm -f "$TELL_RUN"
}

# The options of a sweep that a run of OP takes, in PASSED.
pass_on() { # OP
  local option
  PASSED=()
  for option in $(options_of "$1"); do
    case $option in --json | --out | --resume | --dry-run | --key | --key-file) continue ;; esac
    look_up "$option" "$1"
    [ -n "${!VARIABLE}" ] || continue
    if [ "$VALUES" = none ]; then PASSED+=("$option"); else PASSED+=("$option=${!VARIABLE}"); fi
  done
}

# Prints what was measured, however the sweep ended, and keeps it in a folder of its own.
sweep_ends() {
  local folder unfinished=''
  on_interruption say "interrupted; the sweep had ended"
  [ ! -e "$TELL_RUN" ] || unfinished=$(shown "$(<"$TELL_RUN")")
  comparison "$SWEEP_STOPPED" "$unfinished" >"$SCRATCH/sweep.json"
  show_comparison "$SCRATCH/sweep.json" "$SCRATCH/sweep.json"
  [ -s "$SCRATCH/compared" ] || [ -n "$unfinished" ] || return 0
  folder=$(new_run "$SWEEP_PARENT" sweep)
  cp "$SCRATCH/sweep.json" "$folder/sweep.json"
  say "sweep $(shown "$folder")"
  [ "$(loopback)" = true ] || say "to delete what it wrote: ./driver.sh delete $(shown "$folder")"
  draw "$folder/sweep" report/comparison_picture "$folder/sweep.json"
}

# A sweep's table and picture again; returns 1 unless it came to its end with all jobs good.
report_sweep() { # FOLDER
  show_comparison "$1/sweep.json" "$1/sweep.json"
  draw "$1/sweep" report/comparison_picture "$1/sweep.json"
  jq -e '.stopped == null and all(.rows[]; .failed == 0)' "$1/sweep.json" >/dev/null || return 1
}

is_sweep() { # FOLDER
  [ -f "$1/sweep.json" ]
}
