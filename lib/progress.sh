# shellcheck shell=bash
# How far a run is, on stderr: one line redrawn every second on a terminal, elsewhere one line when something is new.
# Only what is known is said: a squad is silent until its last worker has answered.

watch_answers() { # send|fetch RUN NAMES-FILE
  local what=$1 run=$2 all mode last='' line ticks=0 files=-1 found answered launched start_at number
  read -r number mode start_at < <(
    field "$run" -r '"\(.launches) \(if .mode == "squads" then "squad" else "worker" end)" +
      " \((.start_at // 0) - .clock.offset_s | floor)"'
  )
  all=$(($(wc -l <"$3")))
  # $$ is the driver: this does not outlive it.
  while kill -0 $$ 2>/dev/null; do
    found=$(count "$run/answers/$number-"*.ndjson)
    if [ "$found" != "$files" ]; then
      files=$found
      answered=$(answered_jobs "$run" "$number")
    fi
    launched=$(count "$run"/work/*.metadata)
    if [ "$what" = fetch ]; then
      line="looking in the bucket for the answers of $(plural "$all" squad)"
    elif [ "$launched" -lt "$all" ] && [ "$files" -eq 0 ]; then
      line="launched $launched of $(plural "$all" "$mode")"
    elif [ "$files" -eq 0 ] && [ "$(date +%s)" -lt "$start_at" ]; then
      line="launched $(plural "$all" "$mode"), $((start_at - $(date +%s))) s to the start"
    else
      line=$answered
    fi
    if [ -t 2 ]; then
      printf '\r\033[K%s: %s' "$PROGRAM" "$ticks s: $line" >&2
    elif [ "$line" != "$last" ] && { [ $((ticks % 10)) -eq 0 ] || [ "${line%% *}" != "${last%% *}" ]; }; then
      say "$ticks s: $line"
      last=$line
    fi
    sleep 1
    ticks=$((ticks + 1))
  done
}

# How many jobs of a launch have answered, and how many of them failed.
answered_jobs() { # RUN LAUNCH
  local jobs answered=0 failed=0
  jobs=$(cat "$1"/work/*.jobs | grep -o '"job":' | wc -l | tr -d ' ')
  ! any "$1/answers/$2-"*.ndjson || read -r answered failed < <(
    cat "$1/answers/$2-"*.ndjson | awk '/"error":\{"type":/ { failed++ } END { print NR, failed + 0 }'
  )
  printf 'answered %s of %s jobs, %s failed' "$answered" "$jobs" "$failed"
}

count() { # PATH...
  any "$1" && printf '%d' $# || printf 0
}

progress_ends() {
  [ ! -t 2 ] || printf '\r\033[K' >&2
}
