# shellcheck shell=bash
# Workers that may still be writing: a driver that was interrupted, or lost an answer, leaves them running.

# Waits until all of them have given up: what they wrote later would stay.
await_writers() { # RUN
  local until left ticks=0
  until=$(jq '.until // 0 | ceil' "$SCRATCH/writers")
  left=$((until - $(seconds_now)))
  [ "$left" -gt 0 ] || return 0
  say "$(shown "$1"): $(jq -r -L "$ROOT/driver" --argjson now "$(now)" \
    'include "run/writing"; include "text"; writing($now)' "$SCRATCH/writers"); waiting for that;" \
    "Ctrl-C leaves everything as it is"
  while [ "$left" -gt 0 ]; do
    if [ -t 2 ]; then
      printf '\r\033[K%s: waiting for workers, %d s' "$PROGRAM" "$left" >&2
    elif [ $((++ticks % 30)) -eq 0 ]; then
      say "waiting for workers, $left s"
    fi
    sleep 1
    left=$((until - $(seconds_now)))
  done
  progress_ends
}
