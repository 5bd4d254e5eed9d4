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
  FUNCTION=$(field "$run" -r .function)
  settings
  lock "$run"
  say "resuming $(shown "$run")"
  preflight
  open_answers "$run"
  trap 'interrupted "$run"' INT TERM HUP
  late_answers "$run"
  records "$run" | jq -c -n -f "$ROOT/jq/again.jq" --slurpfile planned "$run/jobs.ndjson" \
    --slurpfile run "$run/run.json" >"$SCRATCH/again"
  rest=$(($(wc -l <"$SCRATCH/again")))
  if [ "$rest" -gt 0 ]; then
    trap 'say "interrupted before anything was launched"; exit 130' INT TERM HUP
    relaunch "$run" "$rest"
  else
    say "every job has a good record: nothing is launched"
    amend "$run" 'del(.interrupted)'
  fi
  settle "$run"
}

# The command line must not contradict the run.
resumable() { # OP RUN
  local option
  [ "$(field "$2" -r .op)" = "$1" ] ||
    usage "$(shown "$2") is a $(field "$2" -r .op) run: ./driver.sh $(field "$2" -r .op) --resume $(shown "$2")"
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

# Squads that were sent and have not answered put their answers into the bucket, at the latest when they give up.
late_answers() { # RUN
  local sent found
  : >"$SCRATCH/sent"
  for sent in "$1"/work/*.sent; do
    [ -e "$sent" ] || continue
    base_name "$sent" .sent >>"$SCRATCH/sent"
    printf '\n' >>"$SCRATCH/sent"
  done
  [ -s "$SCRATCH/sent" ] || return 0
  if [ "$(field "$1" -r .mode)" = squads ]; then
    each_invocation fetch "$1" "$SCRATCH/sent"
    found=$(($(wc -l <"$SCRATCH/sent") - $(count "$1"/work/*.sent)))
    say "took $found of $(plural "$(($(wc -l <"$SCRATCH/sent")))" 'waiting answer') from the bucket"
  else
    say "$(plural "$(($(wc -l <"$SCRATCH/sent")))" worker) of the launch before did not answer and may still run"
  fi
}

# One launch more, of the jobs in SCRATCH/again.
relaunch() { # RUN JOBS
  local run=$1 launch
  launch=$(($(field "$run" .launches) + 1))
  prepare "$run/run.json" "$2"
  records "$run" | jq -c -n -f "$ROOT/jq/again.jq" --slurpfile planned "$run/jobs.ndjson" \
    --slurpfile run <(jq --argjson launch "$launch" '.launches = $launch' "$SCRATCH/config") >"$SCRATCH/again"
  jq -c --argjson launch "$launch" 'select((.launch // 1) < $launch)' "$run/jobs.ndjson" |
    cat - "$SCRATCH/again" >"$run/jobs.part"
  mv "$run/jobs.part" "$run/jobs.ndjson"
  cut_squads "$run" "$launch" "$(jq .squad "$SCRATCH/config")"
  jq -f "$ROOT/jq/relaunch.jq" --slurpfile now "$SCRATCH/config" --argjson launch "$launch" "$run/run.json" \
    >"$SCRATCH/amended"
  cp "$SCRATCH/amended" "$run/run.part"
  mv "$run/run.part" "$run/run.json"
  launch "$run"
}
