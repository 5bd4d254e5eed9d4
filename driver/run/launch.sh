# shellcheck shell=bash
# Starts the fleet and takes in what it answers, whether the run ends or is ended.

# Launches these jobs of a run, as SCRATCH/config plans it: everything up to the records.
launch() { # RUN RANGES-FILE
  local run=$1
  begin_launch "$run" "$2"
  on_interruption interrupted "$run"
  invoke_all "$run"
  collect "$run"
  end_launch "$run"
}

# Leaves in RUN/work the planned jobs and the event of every invocation, and their names; then the launch in run.json.
begin_launch() { # RUN RANGES-FILE
  local run=$1 n
  n=$(($(field "$run" '.launches | length') + 1))
  jq_program run/launch --argjson n "$n" --slurpfile jobs "$2" --argjson now "$(now)" \
    --argjson ending_s "${ENDING_S:-10}" "$SCRATCH/config" >"$SCRATCH/launch"
  field "$run" '{answers}' >"$SCRATCH/run.json"
  {
    open_answers "$run" &&
      bring_answers "$run" &&
      rm -rf "$run/work.part" &&
      mkdir "$run/work.part" &&
      jq_program run/invocations -c -n -r --slurpfile run "$SCRATCH/run.json" --slurpfile launch "$SCRATCH/launch" \
        "$run/jobs.ndjson" | split_invocations "$run/work.part" &&
      rm -rf "$run/work" &&
      mv "$run/work.part" "$run/work"
  } 2>"$SCRATCH/unplanned" || no_room "$run"
  amend "$run" ".launches[$((n - 1))]" "$(cat "$SCRATCH/launch")" || no_room "$run"
}

# What RUN had no room for when it came.
bring_answers() { # RUN
  ! any "$SCRATCH"/answers/*.ndjson || mv "$SCRATCH"/answers/*.ndjson "$1/answers/"
}

# Three lines for each invocation become a line in names and two files.
split_invocations() { # FOLDER
  (
    cd "$1" &&
      awk 'NR % 3 == 1 { name = $0; print >"names" }
      NR % 3 == 2 { print >(name ".jobs"); close(name ".jobs") }
      NR % 3 == 0 { print >(name ".event"); close(name ".event") }'
  )
}

# Hands every invocation to driver/run/invoke.sh and waits for all, showing how far they are.
invoke_all() { # RUN
  local run=$1 processes noun jobs start_at start give_up
  read -r processes noun jobs start_at start give_up < <(
    field "$run" '.launches[-1] | "\(.processes) \(if .squad > 1 then "squad" else "worker" end)" +
      " \([.jobs[] | .[1] - .[0] + 1] | add) \(.start_at // 0 | ceil)" +
      " \((.start_at // .clock.offset_s) - .clock.offset_s | floor) \(.stop_by - .clock.offset_s | floor)"'
  )
  give_up=$((give_up + ${ANSWER_S:-30}))
  rm -rf "$SCRATCH/answers"
  mkdir "$SCRATCH/answers"
  in_parallel send "$run" "$run/work/names" "$processes" "$start" "$give_up" \
    launch_progress "$run" "$(lines "$run/work/names")" "$noun" "$jobs" "$start_at"
  # On a terminal the table follows at once, in the place of the progress.
  [ -t 2 ] || say "$(answered_jobs "$jobs")"
}

# Runs invoke.sh for each of some invocations, while a function tells how far they are. What comes of them is in the
# run's folder, so that nothing is lost with this process.
in_parallel() { # send|fetch RUN NAMES-FILE PROCESSES START GIVE-UP PROGRESS...
  local what=$1 run=$2 names=$3 processes=$4 start=$5 give_up=$6 status=0 fleet timeout folder
  shift 6
  timeout=$(field "$run" .timeout_s)
  folder=$(field "$run" .answers)
  mkdir -p "$SCRATCH/answers"
  : >"$SCRATCH/children"
  start_group_on "$names" /dev/null "$SCRATCH/children" \
    xargs -n 1 -P "$processes" "$BASH" "$ROOT/driver/run/invoke.sh" "$what" "$run" "$SCRATCH" "$FUNCTION" "$timeout" \
    "$start" "$give_up" "$(process "$$")" "$BUCKET" "$folder"
  fleet=$GROUP
  start_group watching "$@"
  wait "$fleet" || status=$?
  [ "$status" -eq 0 ] || say "xargs ended with status $status: what it did not launch is counted as missing"
  end_groups
  progress_ends
  [ ! -s "$SCRATCH/children" ] || say "$(head -n 5 "$SCRATCH/children")"
}

# What belongs to a launch once every invocation has answered or given up.
end_launch() { # RUN
  amend "$1" '.launches[-1].end' "$(now)" || true
}

# Sums up a run whose fleet has ended: an interruption finds nothing more to end or to change.
settle() { # RUN
  on_interruption interrupted_at_last "$1"
  finish "$1"
  show "$FINISHED" && [ "$FINISHED" = "$1" ]
}

# Joins the answers, the latest of each job and launch, and sums them up. FINISHED is the folder that has them.
finish() { # RUN
  local run=$1 throttled
  FINISHED=$run
  if [ -s "$run/work/throttled" ]; then
    throttled=$(($(field "$run" '.launches[-1].throttled') + $(lines "$run/work/throttled")))
    ! amend "$run" '.launches[-1].throttled' "$throttled" || rm -f "$run/work/throttled"
  fi
  records "$run" >"$SCRATCH/records.ndjson" 2>/dev/null || no_room_at_all "$run"
  if ! keep_records "$run" 2>/dev/null; then
    rescue "$run"
    return 0
  fi
  # From here on the records count. What may still be answered is kept for --resume.
  rm -rf "$run/answers"
  any "$run"/work/*.sent || rm -rf "$run/work"
}

keep_records() { # RUN
  cp "$SCRATCH/records.ndjson" "$1/records.part" && mv "$1/records.part" "$1/records.ndjson" &&
    summarise "$1"
}

# Where the run's own folder has no room, a folder beside the scratch files takes all that is known of it.
rescue() { # RUN
  local parent
  rm -f "$1"/*.part
  parent=$(mktemp -d "${TMPDIR:-/tmp}/terabit-run.XXXXXX" 2>/dev/null) || no_room_at_all "$1"
  FINISHED=$parent/${1##*/}
  {
    mkdir "$FINISHED" && cp "$1/keys.txt" "$1/jobs.ndjson" "$FINISHED" && run_json "$1" >"$FINISHED/run.json" &&
      keep_records "$FINISHED"
  } 2>/dev/null || no_room_at_all "$1"
  say "$(shown "$1") cannot be written, is its disk full? All that was measured is in $FINISHED; when there is room:" \
    "cp $FINISHED/* $(shown "$1")"
}

# Where neither the run's folder nor that of the scratch files has room: what answered is in the bucket.
no_room_at_all() { # RUN
  say "neither $(shown "$1") nor ${TMPDIR:-/tmp} has room: what the workers answered is in the bucket. Make room," \
    "then ./driver.sh $(field "$1" .op) --resume $(shown "$1") takes it in"
  exit 1
}

# Ctrl-C while workers run: what has answered is kept; workers that were started go on without us.
interrupted() { # RUN
  local run=$1
  end_groups
  progress_ends
  amend "$run" '.launches[-1].interrupted' "$(now)" || true
  who_may_work "$run" >"$SCRATCH/working"
  finish "$run"
  run_json "$run" >"$SCRATCH/run.json"
  jq_program run/interrupted -r --slurpfile run "$SCRATCH/run.json" \
    --slurpfile prices "$ROOT/driver/plan/prices.json" --argjson now "$(now)" "$SCRATCH/working" |
    while IFS= read -r line; do say "$line"; done
  say "what had answered is kept: ./driver.sh report $(shown "$FINISHED")"
  say "to finish it: ./driver.sh $(field "$run" .op) --resume $(shown "$run")"
}

interrupted_at_last() { # RUN
  say "interrupted; the fleet had ended, its records are kept: ./driver.sh report $(shown "$1")"
}
