# shellcheck shell=bash
# From records to the summary, the table and the picture; from several runs to one comparison. Needs nothing but run
# folders, or files of records.

# Prints the report of one source again, or compares several.
report() {
  local source found=()
  for source in "${SOURCES[@]+"${SOURCES[@]}"}"; do
    if [ ${#SOURCES[@]} -eq 1 ] || comparable "$PARENT" "$source"; then
      source=$(find_source "$PARENT" "$source")
      found+=("$source")
    fi
  done
  if [ ${#found[@]} -eq 0 ] && [ ${#SOURCES[@]} -gt 0 ]; then
    usage "nothing is left to report"
  elif [ ${#found[@]} -eq 0 ]; then
    source=$(latest_run "$PARENT") || usage "there is no run in $PARENT yet; make one: $CALLED write 8 64"
    found=("$(run_or_records "$source")")
  fi
  if [ ${#found[@]} -gt 1 ]; then
    compare "$PARENT" "${found[@]}"
  elif [ -f "${found[0]}/sweep.json" ]; then
    whole_sweep "${found[0]}"
    report_sweep "${found[0]}"
  else
    show "${found[0]}"
  fi
}

# What runs/* names beside runs is left out of a comparison: sweeps, and pictures of earlier comparisons.
comparable() { # PARENT SOURCE
  case $2 in
    */compare.html | */compare.svg | */compare.png) return 1 ;;
  esac
  ! find_folder "$1" "$2" sweep.json >"$SCRATCH/sweep.found" ||
    { say "left out: $2 is a sweep, which is reported alone: $CALLED report $(shown "$2")" && return 1; }
}

# A RUN, SWEEP or FILE the user named: a path, or the name of a folder in PARENT.
find_source() { # PARENT SOURCE
  # A run's own file is the run: what else is known of it stands beside.
  if [ "${2##*/}" = records.ndjson ] && [ -f "${2%records.ndjson}run.json" ]; then
    run_or_records "$(cd "${2%records.ndjson}." && pwd)"
  elif [ -f "$2" ]; then
    [ -r "$2" ] || usage "the file $2 cannot be read: chmod +r $2"
    [ ! -s "$2" ] || awk '/^[ \t]*[{]/ { found = 1; exit } END { exit !found }' "$2" ||
      usage "$2 is not NDJSON: no line of it begins with {\"start\": ..., \"stop\": ..., \"mbps\": ...}"
    printf '%s' "$2"
  elif [ "$2" != "${2%.ndjson}" ]; then
    usage "there is no file \"$2\""
  elif ! find_folder "$1" "$2" sweep.json; then
    if source=$(find_folder "$1" "$2" run.json); then run_or_records "$source"; else find_run "$1" "$2"; fi
  fi
}

# A run; where it is damaged its records, as a file from elsewhere.
run_or_records() { # RUN
  local damage
  damage=$(damage "$1" false)
  if [ -z "$damage" ]; then
    printf '%s' "$1"
  else
    say "$(shown "$1") is damaged: $damage. Only its records are reported"
    [ -f "$1/records.ndjson" ] || usage "$(shown "$1") has no records.ndjson"
    printf '%s' "$1/records.ndjson"
  fi
}

# The run in format 2, null for a file of records from elsewhere.
run_or_null() { # RUN|FILE
  if [ -d "$1" ]; then field "$1" .; else printf null; fi
}

# The run or file that was evaluated last.
EVALUATED=''

# Leaves in SCRATCH what the records tell: evaluated.run, the run; evaluated, the summary and what its picture shows, a
# line each; summary.json. Fails where there is no room.
evaluate() { # RUN|FILE WITH-PICTURE
  local status=0 place_unknown=false
  # The records of a run that is damaged: only run.json knew whether they are of loopback.
  if [ -f "$1" ] && [ -f "${1%records.ndjson}run.json" ]; then place_unknown=true; fi
  run_or_null "$1" >"$SCRATCH/evaluated.run" || return 1
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
  local target=${1%.ndjson}
  if [ -d "$1" ]; then target=$1/report; elif [ -n "$OPT_OUT" ]; then target=$OPT_OUT/${target##*/}; fi
  [ "$EVALUATED" = "$1" ] || evaluate "$1" true
  if [ -n "$OPT_JSON" ]; then
    print cat "$SCRATCH/summary.json"
  else
    colours
    print jq_program report/table -r --slurpfile run "$SCRATCH/evaluated.run" --arg source "${1#"$PWD/"}" \
      --arg driver "$CALLED" --argjson colour "$COLOUR" "$SCRATCH/summary.json"
  fi
  draw "$target" report/picture -n --slurpfile run "$SCRATCH/evaluated.run" --slurpfile measured "$SCRATCH/evaluated" \
    --arg source "${1##*/}"
  jq -e '.jobs > 0 and .unfinished == 0' "$SCRATCH/summary.json" >/dev/null || return 1
}

# A sweep's table and picture; returns 1 unless it came to its end with all jobs good.
report_sweep() { # FOLDER
  show_comparison "$1/sweep.json" "$1/sweep.json"
  draw "$1/sweep" report/comparison_picture "$1/sweep.json"
  jq -e '.stopped == null and (.lost // []) == [] and all(.rows[]; .failed == 0)' "$1/sweep.json" >/dev/null || return 1
}

# The same of several, side by side. Their picture goes into FOLDER.
compare() { # FOLDER RUN|FILE ...
  local folder=$1 source
  shift
  for source in "$@"; do
    evaluate "$source" false
    compared "$source" "$SCRATCH/summary.json"
  done >"$SCRATCH/compared"
  comparison '' '' >"$SCRATCH/comparison"
  jq -n '[inputs | {source} + .summary]' "$SCRATCH/compared" >"$SCRATCH/summaries"
  show_comparison "$SCRATCH/comparison" "$SCRATCH/summaries"
  draw "$folder/compare" report/comparison_picture "$SCRATCH/comparison"
  jq -e -n 'all(inputs.summary; .jobs > 0 and .unfinished == 0)' "$SCRATCH/compared" >/dev/null || return 1
}

# What a comparison takes of one run.
compared() { # RUN|FILE SUMMARY.json
  run_or_null "$1" >"$SCRATCH/compared.run"
  jq -c -n --arg source "${1#"$PWD/"}" --slurpfile run "$SCRATCH/compared.run" --slurpfile summary "$2" \
    '{source: $source, run: $run[0], summary: $summary[0]}'
}

comparison() { # STOPPED UNFINISHED
  jq_program report/comparison -n --arg stopped "$1" --arg unfinished "$2" "$SCRATCH/compared"
}

show_comparison() { # COMPARISON.json WHAT-JSON-SHOWS
  colours
  if [ -n "$OPT_JSON" ]; then
    print cat "$2"
  else
    print jq_program report/comparison_table -r --argjson colour "$COLOUR" "$1"
  fi
}

# Sets COLOUR to whether stdout shows colours: https://no-color.org
colours() {
  COLOUR=false
  if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-}" != dumb ]; then COLOUR=true; fi
}

# Draws what a program of jq makes of the panels, as TARGET.html, .svg and .png. A picture that cannot be drawn is a
# message, never a failure: the figures stand without it.
draw() { # TARGET PROGRAM ARGUMENT-OF-JQ...
  local target=$1
  [ -z "${OPT_NO_PICTURE:-}" ] || return 0
  shift
  if ! "$ROOT/.venv/bin/python" -c 'import vl_convert' 2>/dev/null; then
    say "no picture: vl-convert is not in .venv; make build installs it, then $CALLED report draws"
  elif ! jq_program "$@" -c --slurpfile panels "$ROOT/driver/report/chart/panels.json" >"$SCRATCH/chart.json"; then
    say "the picture could not be drawn; the figures do not need it"
  elif [ "$(head -c 4 "$SCRATCH/chart.json")" = null ]; then
    say 'no picture: there is nothing to draw'
  elif ! "$ROOT/.venv/bin/python" "$ROOT/driver/report/chart/render.py" "$SCRATCH/chart.json" "$target" \
    2>"$SCRATCH/chart.errors"; then
    say "the picture could not be drawn ($(awk 'END { print }' "$SCRATCH/chart.errors")); the figures do not need it"
  else
    say "picture $(shown "$target.html"), .svg and .png"
  fi
}
