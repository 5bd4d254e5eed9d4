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

# Leaves the launch in run.json, and in RUN/work the planned jobs and the event of every invocation, and their names.
begin_launch() { # RUN RANGES-FILE
  local run=$1 n
  n=$(($(field "$run" '.launches | length') + 1))
  jq -f "$ROOT/jq/launch.jq" --argjson n "$n" --slurpfile jobs "$2" --argjson now "$(now)" \
    --argjson ending_s "${ENDING_S:-10}" "$SCRATCH/config" >"$SCRATCH/launch"
  amend "$run" ".launches[$((n - 1))]" "$(cat "$SCRATCH/launch")" || no_room "$run"
  {
    open_answers "$run" &&
      rm -rf "$run/work" &&
      mkdir "$run/work" &&
      run_json "$run" >"$SCRATCH/run.json" &&
      jq -c -n -r -L "$ROOT/jq" -f "$ROOT/jq/invocations.jq" --slurpfile run "$SCRATCH/run.json" "$run/jobs.ndjson" |
      split_invocations "$run/work"
  } 2>"$SCRATCH/unplanned" || no_room "$run"
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

# Hands every invocation to lib/invoke.sh and waits for all, showing how far they are.
invoke_all() { # RUN
  local run=$1 processes noun jobs start_at give_up
  read -r processes noun jobs start_at give_up < <(
    field "$run" '.launches[-1] | "\(.processes) \(if .squad > 1 then "squad" else "worker" end)" +
      " \([.jobs[] | .[1] - .[0] + 1] | add) \(.start_at // 0 | ceil) \(.stop_by - .clock.offset_s | floor)"'
  )
  give_up=$((give_up + ${ANSWER_S:-30}))
  rm -rf "$SCRATCH/answers"
  mkdir "$SCRATCH/answers"
  in_parallel send "$run" "$run/work/names" "$processes" "$give_up" \
    launch_progress "$run" "$(lines "$run/work/names")" "$noun" "$jobs" "$start_at"
  # On a terminal the table follows at once, in the place of the progress.
  [ -t 2 ] || say "$(answered_jobs "$jobs")"
}

# Runs lib/invoke.sh for each of some invocations, while a function tells how far they are. What comes of them is in the
# run's folder, so that nothing is lost with this process.
in_parallel() { # send|fetch RUN NAMES-FILE PROCESSES GIVE-UP PROGRESS...
  local what=$1 run=$2 names=$3 processes=$4 give_up=$5 status=0 fleet timeout folder
  shift 5
  timeout=$(field "$run" .timeout_s)
  folder=$(field "$run" .answers)
  mkdir -p "$SCRATCH/answers"
  : >"$SCRATCH/children"
  start_group_on "$names" /dev/null "$SCRATCH/children" \
    xargs -n 1 -P "$processes" "$BASH" "$ROOT/lib/invoke.sh" "$what" "$run" "$SCRATCH" "$FUNCTION" "$timeout" \
    "$give_up" "$(process "$$")" "$BUCKET" "$folder"
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
  conclude "$FINISHED" && [ "$FINISHED" = "$1" ]
}

# Joins the answers, the latest of each job and launch, and sums them up. FINISHED is the folder that has them.
finish() { # RUN
  local run=$1 throttled
  FINISHED=$run
  if [ -s "$run/work/throttled" ]; then
    throttled=$(($(field "$run" '.launches[-1].throttled') + $(lines "$run/work/throttled")))
    ! amend "$run" '.launches[-1].throttled' "$throttled" || rm -f "$run/work/throttled"
  fi
  records "$run" >"$SCRATCH/records.ndjson"
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
    summarise "$1" >"$SCRATCH/summary" && cp "$SCRATCH/summary" "$1/summary.part" &&
    mv "$1/summary.part" "$1/summary.json"
}

# Where the run's own folder has no room, a folder beside the scratch files takes all that is known of it.
rescue() { # RUN
  local parent file
  rm -f "$1"/*.part
  parent=$(mktemp -d "${TMPDIR:-/tmp}/terabit-run.XXXXXX") || refuse "there is no room in ${TMPDIR:-/tmp} either"
  FINISHED=$parent/${1##*/}
  mkdir "$FINISHED"
  for file in keys.txt jobs.ndjson; do cp "$1/$file" "$FINISHED"; done
  run_json "$1" >"$FINISHED/run.json"
  # shellcheck disable=SC2034 # runs.sh reads it: the folder has its own
  KEPT=''
  keep_records "$FINISHED" || refuse "there is no room in $parent either"
  say "$(shown "$1") cannot be written, is its disk full? All that was measured is in $FINISHED; when there is room:" \
    "cp $FINISHED/* $(shown "$1")"
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
  jq -r -L "$ROOT/jq" -f "$ROOT/jq/interrupted.jq" --slurpfile run "$SCRATCH/run.json" \
    --slurpfile prices "$ROOT/jq/prices.json" --argjson now "$(now)" "$SCRATCH/working" |
    while IFS= read -r line; do say "$line"; done
  say "what had answered is kept: ./driver.sh report $(shown "$FINISHED")"
  say "to finish it: ./driver.sh $(field "$run" .op) --resume $(shown "$run")"
}

interrupted_at_last() { # RUN
  say "interrupted; the fleet had ended, its records are kept: ./driver.sh report $(shown "$1")"
}
