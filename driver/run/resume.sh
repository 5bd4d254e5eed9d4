# shellcheck shell=bash
# The run that --resume names, and its further launch.

# Sets RUN, and FUNCTION and the place to those of the run. The command line must not contradict the run.
choose_resumed() { # OP
  local option op jobs mb
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
  read -r jobs mb < <(field "$RUN" '"\(.jobs) \(.mb_per_file)"')
  [ "${NUMBER:-$jobs} ${MB_PER_FILE:-$mb}" = "$jobs $mb" ] ||
    usage "$(shown "$RUN") has $jobs jobs${MB_PER_FILE:+ of $mb MiB}; --resume needs neither NUMBER nor MB_PER_FILE"
  within_reach "$RUN"
  place_of "$RUN"
  # shellcheck disable=SC2034 # settings.sh reads it
  FUNCTION=$(field "$RUN" .function)
}

# Takes in what an earlier driver's launch has under way: invocations of its own, which outlive it, end with a record
# here; workers that nobody waits for any more answer in the bucket.
await_launch() { # RUN
  local run=$1 sent
  clock_of "$run"
  open_answers "$run" 2>"$SCRATCH/unwritten" || no_room "$run"
  list_waiting "$run" || return 0
  sent=$(lines "$SCRATCH/waiting")
  who_may_work "$run"
  say "waiting for $(plural "$sent" answer) of the launch before$(jq -r '.text | if . then ": " + . else "" end' \
    "$SCRATCH/working"); Ctrl-C leaves everything as it is"
  collect "$run"
  list_waiting "$run" || true
  say "took in $((sent - $(lines "$SCRATCH/waiting"))) of $(plural "$sent" 'waiting answer')"
  # That may have taken minutes.
  find_credentials
}

# Plans the launch of the jobs without a good record. REST is how many they are.
plan_rest() { # RUN
  records "$1" | jq_program run/unfinished -c -n --argjson jobs "$(field "$1" .jobs)" >"$SCRATCH/jobs"
  REST=$(jq '[.[] | .[1] - .[0] + 1] | add // 0' "$SCRATCH/jobs")
  if [ "$REST" -eq 0 ]; then
    say "every job has a good record: nothing is launched"
  else
    run_json "$1" >"$SCRATCH/config"
    plan_launch "$REST"
  fi
}
