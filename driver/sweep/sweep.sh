# shellcheck shell=bash
# The runs of a sweep, each by a driver of its own, and its folder.

# Why sweep.json is not whole, where nothing else is told.
UNDER_WAY='killed, or not at its end yet'

# SWEEP, the folder, is there from the first run on: what had been measured is known however the sweep ends.
begin_sweep() {
  SWEEP=$(new_run sweep) SWEEP_STATUS=0
  lock "$SWEEP"
  : >"$SCRATCH/compared"
  : >"$SCRATCH/lost"
  # Each run writes the name of its folder there: the newest folder may be another driver's. If the sweep is killed,
  # delete finds the run by it.
  export TELL_RUN=$SWEEP/run.one
  keep_sweep "$UNDER_WAY" ''
  say "sweep $(shown "$SWEEP")"
  remember_memory
}

# Writes SWEEP/sweep.json: what has been measured so far. Once that names every run, TELL_RUN is not needed.
keep_sweep() { # STOPPED UNFINISHED
  comparison "$1" "${2#"$PWD/"}" >"$SCRATCH/comparison"
  { jq --slurpfile lost "$SCRATCH/lost" '. + {lost: ($lost | unique)}' "$SCRATCH/comparison" >"$SWEEP/sweep.part" &&
    mv "$SWEEP/sweep.part" "$SWEEP/sweep.json" && rm -f "$TELL_RUN"; } 2>"$SCRATCH/unwritten" ||
    say "$(shown "$SWEEP")/sweep.json cannot be written, is the disk full? Each run has its own figures"
}

measure_points() {
  local n=0 all point
  SWEEP_STOPPED=''
  all=$(lines "$SCRATCH/turns")
  while read -r -a point <&3; do
    POINT=$(at_point told "${point[@]}")
    say "sweep: $((n += 1)) of $all: $POINT"
    at_point measure_point "${point[@]}" || return 0
  done 3<"$SCRATCH/turns"
}

# Fails where the sweep cannot go on.
measure_point() { # NUMBER SIZE
  if [ -n "$OPT_MEMORY" ] && ! give_memory "$OPT_MEMORY"; then
    do_without_memory
    return
  fi
  run_one write "$1" "$2" || return
  if jq -e '.jobs > .failed + .missing' "$SCRATCH/summary.json" >/dev/null; then
    run_one read "$1" "$SWEEP_RUN"
  else
    say "read $POINT is left out: no job of its write is good"
  fi
}

# A size that the account does not have loses its points. Anything else would be so of the next point, too.
do_without_memory() {
  local why
  why=$(complaint_of memory)
  if complains memory MemorySize; then
    say "the account refuses $OPT_MEMORY MB of memory, whose points are left out: $why"
    jq -n -c --argjson memory_mb "$OPT_MEMORY" --arg why "$why" '{$memory_mb, $why}' >>"$SCRATCH/lost"
  else
    # What mends it, and then the table of what there is.
    (explain memory lambda:UpdateFunctionConfiguration) || true
    stop_sweep "the function did not get $OPT_MEMORY MB of memory" 3
  fi
}

stop_sweep() { # WHY STATUS
  SWEEP_STOPPED=$1 SWEEP_STATUS=$2
  say "the sweep stops: $1"
  return 1
}

# Fails where the run was refused, or cut short.
run_one() { # OP NUMBER SIZE|RUN
  local status=0
  command_line "$@"
  # Anew for each run, and before it: in a group of its own it could not have an MFA code typed in.
  find_credentials
  rm -f "$TELL_RUN"
  # As the option takes it: not 1e-05.
  CALL+=("--max-cost=$(printf '%.6f' "$(jq --arg run "$1 $POINT" '.[$run]' "$SCRATCH/shares")")" ${OPT_YES:+--yes})
  start_group "$BASH" "$ROOT/driver.sh" "${CALL[@]}" --json --out "$PARENT" >/dev/null
  wait "$GROUP" || status=$?
  [ "$status" -le 1 ] || stop_sweep "$1 $2 ended with exit status $status" "$status" || return
  [ -s "$TELL_RUN" ] || stop_sweep "$1 $2 left no run" 1 || return
  SWEEP_RUN=$(<"$TELL_RUN")
  take_to_compare "$SWEEP_RUN"
  keep_sweep "$UNDER_WAY" ''
}

# Ctrl-C: the run that is under way keeps what has answered.
cut_sweep_short() {
  SWEEP_STOPPED=interrupted
  end_groups
  end_sweep
}

# Shows what was measured, however the sweep ended.
end_sweep() {
  on_interruption say "interrupted; the sweep had ended"
  keep_sweep "$SWEEP_STOPPED" "$(cat "$TELL_RUN" 2>/dev/null)"
  [ "$(loopback)" = true ] || say "to delete what it wrote: $CALLED delete $(shown "$SWEEP")"
  report_sweep "$SWEEP" || [ "$SWEEP_STATUS" -ne 0 ] || SWEEP_STATUS=1
  return "$SWEEP_STATUS"
}
