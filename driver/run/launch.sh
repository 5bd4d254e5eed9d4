# shellcheck shell=bash
# Starts the fleet and keeps what it answers, whether the launch ends or is interrupted.

# Of the jobs in SCRATCH/job_numbers: leaves in RUN/work the names of the invocations, and of each its planned jobs and
# its event; then the launch in run.json.
begin_launch() { # RUN
  local run=$1 launch
  field "$run" . >"$SCRATCH/run.json"
  jq_program run/launch -c -n -r --slurpfile run "$SCRATCH/run.json" --slurpfile fleet "$SCRATCH/fleet" \
    --slurpfile numbers "$SCRATCH/job_numbers" --argjson now "$(now)" --argjson ending_s "${ENDING_S:-null}" \
    "$run/jobs.ndjson" >"$SCRATCH/launch"
  {
    mkdir -p "$run/answers" && rm -rf "$run/work.part" && mkdir "$run/work.part" &&
      { IFS= read -r launch && into_files "$run/work.part" jobs event; } <"$SCRATCH/launch" &&
      rm -rf "$run/work" && mv "$run/work.part" "$run/work"
  } 2>"$SCRATCH/unwritten" || no_room "$run"
  amend "$run" '.launches[.launches | length]' "$launch" || no_room "$run"
  finally true # what is there now stays
}

# Hands every invocation to invoke.sh and waits for all, showing how far they are.
invoke_all() { # RUN
  local run=$1 processes noun jobs start end give_up
  # On this machine's clock; without a common start the jobs begin with the launch.
  read -r processes noun jobs start end give_up < <(
    field "$run" '.launches[-1] + {for_s}
      | .launch -= .clock.offset_s
      | .start = (.launch + (.start_in_s // 0) | floor)
      | "\(.processes) \(if .squad > 1 then "squad" else "worker" end) \([.jobs[] | .[1] - .[0] + 1] | add)" +
      " \(.start) \(.start + (.for_s // 0)) \(.launch + .stop_in_s | floor)"'
  )
  rm -rf "$SCRATCH/answers"
  each_invocation send "$run" "$run/work/names" "$processes" "$start" $((give_up + ${ANSWER_S:-30})) \
    "launch_progress $(lines "$run/work/names") $noun $jobs $start $end"
  # On a terminal the table follows at once, in the place of the progress.
  [ -t 2 ] || say "$(answered_jobs "$jobs")"
}

# Runs invoke.sh for each of some invocations. What comes of them is in the run's folder, and outlives this process.
each_invocation() { # send|fetch RUN NAMES-FILE AT-ONCE START GIVE-UP PROGRESS
  mkdir -p "$SCRATCH/answers"
  in_parallel "$3" "$4" "$7" "$BASH" "$ROOT/driver/run/invoke.sh" "$1" "$2" "$SCRATCH" "$FUNCTION" "$5" "$6" \
    "$(process "$$")" "$BUCKET" "$(field "$2" .answers)"
}

# How far a launch is. A squad is silent until its last worker has answered; a job by time begins nothing after END.
launch_progress() { # INVOCATIONS NOUN JOBS START END, epoch seconds on this machine's clock
  local launched now
  launched=$(count "$SCRATCH"/answers/*.answer)
  now=$(date +%s)
  if any "$SCRATCH"/answers/*.counts || { [ "$launched" -eq "$1" ] && [ "$now" -ge "$5" ]; }; then
    answered_jobs "$3"
  elif [ "$launched" -lt "$1" ]; then
    printf 'launched %s of %s' "$launched" "$(plural "$1" "$2")"
  elif [ "$now" -lt "$4" ]; then
    printf 'launched %s, %d s to the start' "$(plural "$1" "$2")" $(($4 - now))
  else
    printf '%s at work, %d s to the end' "$(plural "$1" "$2")" $(($5 - now))
  fi
}

# How many jobs of a launch have answered, and how many of them failed, as invoke.sh has counted them.
answered_jobs() { # JOBS
  find "$SCRATCH/answers" -name '*.counts' -exec cat {} + | awk -v jobs="$1" '
    { n += $1; failed += $2 }
    END { printf "answered %d of %d jobs, %d failed", n, jobs, failed }'
}

# Every invocation has answered or given up.
end_launch() { # RUN
  amend "$1" '.launches[-1].end' "$(now)" || true
}

# Ctrl-C while workers run: what has answered is kept; workers that were started go on without us.
interrupt_launch() { # RUN
  end_groups
  clear_line
  amend "$1" '.launches[-1].interrupted' "$(now)" || true
  who_may_work "$1"
  keep_records "$1"
  say "$(jq -r 'if .text == null then "interrupted: no worker is running"
    else "interrupted: \(.text), which costs \(.cost)" end' "$SCRATCH/working")"
}
