# shellcheck shell=bash
# What one driver left undone the next takes up: late answers, and jobs without a good record.

# Finishes a run: takes in late answers, then runs the jobs that have no good record.
resume() { # OP
  local op=$1 run parent=${OPT_OUT:-$ROOT/runs} rest
  run=$(find_run "$parent" "$OPT_RESUME")
  run=$(cd "$run" && pwd)
  resumable "$op" "$run"
  within_reach "$run"
  place_of "$run"
  # shellcheck disable=SC2034 # settings.sh reads it
  FUNCTION=$(field "$run" .function)
  settings
  lock "$run"
  say "resuming $(shown "$run")"
  preflight "$op"
  clock_of "$run"
  open_answers "$run" 2>"$SCRATCH/unplanned" || no_room "$run"
  await_launch "$run"
  # That may have taken minutes.
  find_credentials
  records "$run" | jq_program run/again -c -n --argjson jobs "$(field "$run" .jobs)" >"$SCRATCH/again"
  rest=$(jq '[.[] | .[1] - .[0] + 1] | add // 0' "$SCRATCH/again")
  if [ "$rest" -gt 0 ]; then
    run_json "$run" >"$SCRATCH/base"
    prepare "$SCRATCH/base" "$rest"
    launch "$run" "$SCRATCH/again"
  else
    say "every job has a good record: nothing is launched"
  fi
  settle "$run"
}

# The command line must not contradict the run.
resumable() { # OP RUN
  local option op
  op=$(field "$2" .op)
  [ "$op" = "$1" ] || usage "$(shown "$2") is a $op run: ./driver.sh $op --resume $(shown "$2")"
  not_deleted "$2"
  for option in BUCKET FUNCTION KEY_FILE KEY_PREFIX KEY READ_TIMES VERIFY PART_MB RANGE_MB IN_FLIGHT DRY_RUN; do
    option=OPT_$option
    [ -z "${!option}" ] || usage "--resume takes up a run as it was planned; only --squad, --start-in, --timeout," \
      "--max-cost, --yes, --out and --json go with it"
  done
  [ -z "$NUMBER" ] || [ "$NUMBER" = "$(field "$2" .jobs)" ] ||
    usage "$(shown "$2") has $(field "$2" .jobs) jobs, not $NUMBER; --resume needs no NUMBER"
  [ -z "$MB_PER_FILE" ] || [ "$MB_PER_FILE" = "$(field "$2" .mb_per_file)" ] ||
    usage "the objects of $(shown "$2") have $(field "$2" .mb_per_file) MiB, not $MB_PER_FILE; --resume needs no size"
}
