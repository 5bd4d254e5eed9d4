# shellcheck shell=bash
# A sweep: a write and its read with each number of workers, each run by a driver of its own.

measure_points() {
  local number turn
  SWEEP_STATUS=0 SWEEP_STOPPED=''
  : >"$SCRATCH/compared"
  # Each run writes the name of its folder there: the newest folder may be another driver's.
  export TELL_RUN=$SCRATCH/run.one
  for ((turn = 1; turn <= ${OPT_REPEAT:-1}; turn++)); do
    for number in $NUMBERS; do
      say "sweep: $(plural "$number" worker), turn $turn of ${OPT_REPEAT:-1}"
      run_one write "$number" "${SIZE}B" && run_one read "$number" "$SWEEP_RUN" || return 0
    done
  done
}

# One run. Fails where the sweep cannot go on: the run was refused, or cut short.
run_one() { # OP ARGUMENT...
  local op=$1 status=0
  pass_on "$op"
  # Anew for each run, and here: the runs are in groups of their own, where nothing can be typed in.
  find_credentials
  start_group "$BASH" "$ROOT/driver.sh" "$@" --json --out "$PARENT" "${PASSED[@]+"${PASSED[@]}"}" >"$SCRATCH/summary.one"
  wait "$GROUP" || status=$?
  if [ "$status" -gt 1 ]; then
    SWEEP_STOPPED="$op $2 ended with exit status $status" SWEEP_STATUS=$status
    say "the sweep stops: $SWEEP_STOPPED"
    return 1
  fi
  [ "$status" -eq 0 ] || SWEEP_STATUS=1
  SWEEP_RUN=$(<"$TELL_RUN")
  compared "$SWEEP_RUN" "$SCRATCH/summary.one" >>"$SCRATCH/compared"
  rm -f "$TELL_RUN"
}

# The sweep's options that a run of OP takes too, in PASSED.
pass_on() { # OP
  local option
  PASSED=()
  for option in $(options_of sweep); do
    case $option in --json | --out) continue ;; esac
    look_up "$option" "$1" && [ -n "${!VARIABLE}" ] || continue
    if [ "$VALUES" = none ]; then PASSED+=("$option"); else PASSED+=("$option=${!VARIABLE}"); fi
  done
}

# Ctrl-C: the run that is under way ends by itself, and the sweep with it.
cut_sweep_short() {
  SWEEP_STOPPED=interrupted
  end_groups
  end_sweep
}

# Prints what was measured, however the sweep ended, and keeps it in a folder of its own.
end_sweep() {
  local folder unfinished=''
  on_interruption say "interrupted; the sweep had ended"
  [ ! -e "$TELL_RUN" ] || unfinished=$(shown "$(<"$TELL_RUN")")
  comparison "$SWEEP_STOPPED" "$unfinished" >"$SCRATCH/sweep.json"
  if [ ! -s "$SCRATCH/compared" ] && [ -z "$unfinished" ]; then
    show_comparison "$SCRATCH/sweep.json" "$SCRATCH/sweep.json"
    return "$SWEEP_STATUS"
  fi
  folder=$(new_run "$PARENT" sweep)
  cp "$SCRATCH/sweep.json" "$folder/sweep.json"
  say "sweep $(shown "$folder")"
  [ "$(loopback)" = true ] || say "to delete what it wrote: ./driver.sh delete $(shown "$folder")"
  report_sweep "$folder" || true
  return "$SWEEP_STATUS"
}
