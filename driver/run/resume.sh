# shellcheck shell=bash
# The run that --resume names, and its further launch.

# Sets RUN, and FUNCTION and the place to those of the run. The command line must not contradict the run.
choose_resumed() { # OP
  local option op
  RUN=$(find_run "$PARENT" "$OPT_RESUME")
  RUN=$(cd "$RUN" && pwd)
  op=$(field "$RUN" .op)
  [ "$op" = "$1" ] || usage "$(shown "$RUN") is a $op run: ./driver.sh $op --resume $(shown "$RUN")"
  not_deleted "$RUN"
  for option in BUCKET FUNCTION KEY_FILE KEY_PREFIX KEY READ_TIMES VERIFY PART_MB RANGE_MB IN_FLIGHT DRY_RUN; do
    option=OPT_$option
    [ -z "${!option}" ] || usage "--resume takes up a run as it was planned; only --squad, --start-in, --timeout," \
      "--max-cost, --yes, --out and --json go with it"
  done
  [ -z "$NUMBER" ] || [ "$NUMBER" = "$(field "$RUN" .jobs)" ] ||
    usage "$(shown "$RUN") has $(field "$RUN" .jobs) jobs, not $NUMBER; --resume needs no NUMBER"
  [ -z "$MB_PER_FILE" ] || [ "$MB_PER_FILE" = "$(field "$RUN" .mb_per_file)" ] ||
    usage "the objects of $(shown "$RUN") have $(field "$RUN" .mb_per_file) MiB, not $MB_PER_FILE; --resume needs no" \
      "size"
  within_reach "$RUN"
  place_of "$RUN"
  # shellcheck disable=SC2034 # settings.sh reads it
  FUNCTION=$(field "$RUN" .function)
}

# Plans the launch of the jobs without a good record. REST is how many they are.
plan_rest() { # RUN
  REST=$(unfinished "$1" | jq '[.[] | .[1] - .[0] + 1] | add // 0')
  if [ "$REST" -eq 0 ]; then
    say "every job has a good record: nothing is launched"
  else
    run_json "$1" >"$SCRATCH/config"
    plan_launch "$REST"
  fi
}
