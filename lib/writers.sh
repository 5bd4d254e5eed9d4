# shellcheck shell=bash
# Workers that may still be writing: a driver that was interrupted, or lost an answer, leaves them running.

# Leaves in SCRATCH/writers who may, and until when.
find_writers() { # RUN
  unanswered "$1" >"$SCRATCH/sent"
  records "$1" | jq -n -c -f "$ROOT/jq/writers.jq" --slurpfile run "$1/run.json" --slurpfile sent "$SCRATCH/sent" \
    --slurpfile planned "$1/jobs.ndjson" >"$SCRATCH/writers"
}

# Waits until all of them have given up: what they wrote later would stay.
await_writers() { # RUN
  local until left ticks=0
  until=$(jq '.until // 0 | ceil' "$SCRATCH/writers")
  left=$((until - $(date +%s)))
  [ "$left" -gt 0 ] || return 0
  say "$(shown "$1"): $(jq -r -L "$ROOT/jq" 'include "writing"; include "lib"; writing' "$SCRATCH/writers"); waiting for that," \
    "$left s; Ctrl-C leaves everything as it is"
  while [ "$left" -gt 0 ]; do
    if [ -t 2 ]; then
      printf '\r\033[K%s: waiting for workers, %d s' "$PROGRAM" "$left" >&2
    elif [ $((++ticks % 30)) -eq 0 ]; then
      say "waiting for workers, $left s"
    fi
    sleep 1
    left=$((until - $(date +%s)))
  done
  progress_ends
}
