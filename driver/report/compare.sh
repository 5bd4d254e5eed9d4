# shellcheck shell=bash
# The command report: a run, a sweep or a file shown again, or several compared.

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
