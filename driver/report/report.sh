# shellcheck shell=bash
# From records to the summary, the table and the picture. Needs nothing but a run's folder, or a file of records.

# The run or file that was evaluated last.
EVALUATED=''

# Leaves in SCRATCH what the records tell: evaluated.run, the run in format 2, null for a file from elsewhere;
# evaluated, the summary and what its picture shows, a line each; summary.json. Fails where there is no room.
evaluate() { # RUN|FILE WITH-PICTURE
  local status=0 place_unknown=false
  # The records of a run that is damaged: only run.json knew whether they are of loopback.
  if [ -f "$1" ] && { [ -f "${1%records.ndjson}run.json" ] || [ -f "${1%records.ndjson}keys.txt" ]; }; then
    place_unknown=true
  fi
  if [ -d "$1" ]; then field "$1" .; else printf null; fi >"$SCRATCH/evaluated.run" || return 1
  records "$1" |
    jq_program report/summary -c -n -R --slurpfile run "$SCRATCH/evaluated.run" --argjson picture "$2" \
      --argjson place_unknown "$place_unknown" \
      --slurpfile prices "$ROOT/driver/plan/prices.json" 2>"$SCRATCH/faults" >"$SCRATCH/evaluated" || status=$?
  case $status in
    0) ;;
    3 | 5) # jq's own: a program that is none, a program that went wrong.
      say "the records of $(shown "$1") could not be summed up, which is a fault of terabit: $(<"$SCRATCH/faults")"
      exit 1
      ;;
    *) return 1 ;;
  esac
  jq -n input "$SCRATCH/evaluated" >"$SCRATCH/summary.json" && EVALUATED=$1
}

# Writes RUN/summary.json, complete or not at all. Fails where there is no room.
summarise() { # RUN
  evaluate "$1" true &&
    { cp "$SCRATCH/summary.json" "$1/summary.part" && mv "$1/summary.part" "$1/summary.json"; } 2>/dev/null
}

# Prints a run's table, or its summary with --json, draws its picture, and returns 1 unless all jobs are good by now.
show() { # RUN|FILE
  local target=${1%.ndjson} wrote=''
  if [ -d "$1" ]; then target=$1/report; elif [ -n "$OPT_OUT" ]; then target=$OPT_OUT/${target##*/}; fi
  [ "$EVALUATED" = "$1" ] || evaluate "$1" true
  [[ ${1##*/} != *-read-* ]] || wrote=${1%/*}/$(jq -r '.reads.name? // ""' "$SCRATCH/evaluated.run")
  [ -f "$wrote/run.json" ] || wrote=''
  print_table "$SCRATCH/summary.json" report/table "$SCRATCH/summary.json" --slurpfile run "$SCRATCH/evaluated.run" \
    --arg source "${1#"$PWD/"}" --arg wrote "${wrote#"$PWD/"}" --arg driver "$CALLED"
  draw "$target" report/picture -n --slurpfile run "$SCRATCH/evaluated.run" --slurpfile measured "$SCRATCH/evaluated" \
    --arg source "${1##*/}"
  jq -e '.jobs > 0 and .unfinished == 0' "$SCRATCH/summary.json" >/dev/null || return 1
}

# Prints the table that a program of jq makes, where stdout shows them in colours (https://no-color.org), or with --json
# what the table is of.
print_table() { # JSON PROGRAM ARGUMENT-OF-JQ...
  local colour=false
  if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-}" != dumb ]; then colour=true; fi
  if [ -n "$OPT_JSON" ]; then print cat "$1"; else print jq_program "${@:2}" -r --argjson colour "$colour"; fi
}

# Draws what a program of jq makes of the panels, as TARGET.html, .svg and .png. A picture that cannot be drawn is a
# message, never a failure: the figures stand without it.
draw() { # TARGET PROGRAM ARGUMENT-OF-JQ...
  [ -z "${OPT_NO_PICTURE:-}" ] || return 0
  if ! "$ROOT/.venv/bin/python" -c 'import vl_convert' 2>/dev/null; then
    say "no picture: vl-convert is not in .venv; make build installs it, then $CALLED report RUN draws"
  elif ! {
    jq_program "${@:2}" -c --slurpfile panels "$ROOT/driver/report/chart/panels.json" >"$SCRATCH/chart.json" &&
      "$ROOT/.venv/bin/python" "$ROOT/driver/report/chart/render.py" "$SCRATCH/chart.json" "$1"
  } 2>"$SCRATCH/chart.errors"; then
    say "the picture could not be drawn ($(awk 'END { print }' "$SCRATCH/chart.errors")); the figures do not need it"
  else
    say "picture $(shown "$1.html"), .svg and .png"
  fi
}
