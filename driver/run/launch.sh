# shellcheck shell=bash
# Starts the fleet and keeps what it answers, whether the launch ends or is interrupted.

# Leaves in RUN/work the planned jobs and the event of every invocation, and their names; then the launch in run.json.
# Its jobs are those without a good record.
begin_launch() { # RUN
  local run=$1 n
  n=$(($(field "$run" '.launches | length') + 1))
  unfinished "$run" >"$SCRATCH/jobs"
  jq_program run/launch --argjson n "$n" --slurpfile jobs "$SCRATCH/jobs" --argjson now "$(now)" \
    --argjson ending_s "${ENDING_S:-null}" "$SCRATCH/fleet" >"$SCRATCH/launch"
  {
    open_answers "$run" &&
      # What RUN had no room for when it came.
      { ! any "$SCRATCH"/answers/*.ndjson || mv "$SCRATCH"/answers/*.ndjson "$run/answers/"; } &&
      rm -rf "$run/work.part" &&
      mkdir "$run/work.part" &&
      jq_program run/invocations -c -n -r --arg answers "$(field "$run" .answers)" \
        --slurpfile launch "$SCRATCH/launch" "$run/jobs.ndjson" | into_files "$run/work.part" jobs event &&
      rm -rf "$run/work" &&
      mv "$run/work.part" "$run/work"
  } 2>"$SCRATCH/unwritten" || no_room "$run"
  amend "$run" ".launches[$((n - 1))]" "$(cat "$SCRATCH/launch")" || no_room "$run"
}

# The numbers of the jobs without a good record, as ranges.
unfinished() { # RUN
  records "$1" | jq_program run/unfinished -c -n --argjson jobs "$(field "$1" .jobs)"
}

# Hands every invocation to invoke.sh and waits for all, showing how far they are.
invoke_all() { # RUN
  local run=$1 processes noun jobs start_at start give_up
  read -r processes noun jobs start_at start give_up < <(
    field "$run" '.launches[-1] | "\(.processes) \(if .squad > 1 then "squad" else "worker" end)" +
      " \([.jobs[] | .[1] - .[0] + 1] | add) \(.start_at // 0 | ceil)" +
      " \((.start_at // .clock.offset_s) - .clock.offset_s | floor) \(.stop_by - .clock.offset_s | floor)"'
  )
  rm -rf "$SCRATCH/answers"
  each_invocation send "$run" "$run/work/names" "$processes" "$start" $((give_up + ${ANSWER_S:-30})) \
    "launch_progress $(lines "$run/work/names") $noun $jobs $start_at"
  # On a terminal the table follows at once, in the place of the progress.
  [ -t 2 ] || say "$(answered_jobs "$jobs")"
}

# Runs invoke.sh for each of some invocations. What comes of them is in the run's folder, so that nothing is lost with
# this process.
each_invocation() { # send|fetch RUN NAMES-FILE AT-ONCE START GIVE-UP PROGRESS
  mkdir -p "$SCRATCH/answers"
  in_parallel "$3" "$4" "$7" "$BASH" "$ROOT/driver/run/invoke.sh" "$1" "$2" "$SCRATCH" "$FUNCTION" "$5" "$6" \
    "$(process "$$")" "$BUCKET" "$(field "$2" .answers)"
}

# How far a launch of so many invocations is. A squad is silent until its last worker has answered.
launch_progress() { # INVOCATIONS NOUN JOBS START-AT, epoch seconds on the workers' clock, 0 for none
  local launched
  launched=$(count "$SCRATCH"/answers/*.answer)
  if any "$SCRATCH"/answers/*.counts; then
    answered_jobs "$3"
  elif [ "$launched" -lt "$1" ]; then
    printf 'launched %s of %s' "$launched" "$(plural "$1" "$2")"
  elif [ "$(seconds_now)" -lt "$4" ]; then
    printf 'launched %s, %d s to the start' "$(plural "$1" "$2")" $(($4 - $(seconds_now)))
  else
    answered_jobs "$3"
  fi
}

# How many jobs of a launch have answered, and how many of them failed, as invoke.sh has counted them.
answered_jobs() { # JOBS
  local answered failed
  read -r answered failed < <(
    find "$SCRATCH/answers" -name '*.counts' -exec cat {} + |
      awk '{ n += $1; failed += $2 } END { print n + 0, failed + 0 }'
  )
  printf 'answered %s of %s jobs, %s failed' "$answered" "$1" "$failed"
}

# Every invocation has answered or given up.
end_launch() { # RUN
  amend "$1" '.launches[-1].end' "$(now)" || true
}

# Ctrl-C while workers run: what has answered is kept; workers that were started go on without us.
interrupt_launch() { # RUN
  stop_watching
  amend "$1" '.launches[-1].interrupted' "$(now)" || true
  who_may_work "$1"
  keep_records "$1"
  say "$(jq -r 'if .text == null then "interrupted: no worker is running"
    else "interrupted: \(.text), which costs at most \(.cost)" end' "$SCRATCH/working")"
}
