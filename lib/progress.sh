# shellcheck shell=bash
# How far a run is, on stderr: one line redrawn every second on a terminal, elsewhere one line when something is new.
# Only what is known is said: a squad is silent until its last worker has answered.

watch_answers() { # send|fetch RUN NAMES-FILE
  local what=$1 run=$2 all jobs mode last='' line ticks=0 files=-1 found answered=0 failed=0 launched start_at number
  read -r number mode start_at < <(
    field "$run" -r '"\(.launches) \(if .mode == "squads" then "squad" else "worker" end)" +
      " \((.start_at // 0) - .clock.offset_s | floor)"'
  )
  all=$(($(wc -l <"$3")))
  jobs=$(cat "$run"/work/*.jobs | grep -o '"job":' | wc -l | tr -d ' ')
  # $$ is the driver: this does not outlive it.
  while kill -0 $$ 2>/dev/null; do
    found=$(count "$run/answers/$number-"*.ndjson)
    if [ "$found" != "$files" ]; then
      files=$found
      read -r answered failed < <(tally "$run/answers/$number-"*.ndjson)
    fi
    launched=$(count "$run"/work/*.metadata)
    if [ "$what" = fetch ]; then
      line="looking in the bucket for the answers of $(plural "$all" squad)"
    elif [ "$launched" -lt "$all" ] && [ "$answered" -eq 0 ]; then
      line="launched $launched of $(plural "$all" "$mode")"
    elif [ "$answered" -eq 0 ] && [ "$(date +%s)" -lt "$start_at" ]; then
      line="launched $(plural "$all" "$mode"), $((start_at - $(date +%s))) s to the start"
    else
      line="answered $answered of $jobs jobs, $failed failed"
    fi
    if [ -t 2 ]; then
      printf '\r\033[K%s: %s' "$PROGRAM" "$line, $ticks s" >&2
    elif [ "$line" != "$last" ] && { [ $((ticks % 10)) -eq 0 ] || [ "${line%% *}" != "${last%% *}" ]; }; then
      say "$line, $ticks s"
      last=$line
    fi
    sleep 1
    ticks=$((ticks + 1))
  done
}

# How many jobs have answered, and how many of them failed.
tally() { # FILE...
  if any "$1"; then
    cat "$@" | awk '/"error":\{"type":/ { failed++ } END { print NR, failed + 0 }'
  else
    printf '0 0\n'
  fi
}

count() { # PATH...
  any "$1" && printf '%d' $# || printf 0
}

progress_ends() {
  [ ! -t 2 ] || printf '\r\033[K' >&2
}
