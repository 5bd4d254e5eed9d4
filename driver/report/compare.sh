# shellcheck shell=bash
# The command report: a run, a sweep or a file shown again, or several compared.

# Prints the report of one source again, or compares several: what is named twice did not run twice.
report() {
  local source known='' found=()
  if [ ${#SOURCES[@]} -eq 0 ]; then
    source=$(latest_run) || usage "there is no run in $PARENT yet; make one: $CALLED write 8 64"
    SOURCES=("$source")
  fi
  for source in "${SOURCES[@]}"; do
    if [ ${#SOURCES[@]} -eq 1 ] || comparable "$source"; then
      source=$(find_source "$source")
      [[ $'\n'$known == *$'\n'"$source"$'\n'* ]] || known+=$source$'\n' found+=("$source")
    fi
  done
  [ ${#found[@]} -gt 0 ] || usage "nothing is left to report"
  if [ ${#found[@]} -gt 1 ]; then
    compare "${found[@]}"
  elif [ -f "${found[0]}/sweep.json" ]; then
    whole_sweep "${found[0]}"
    report_sweep "${found[0]}"
  else
    show "${found[0]}"
  fi
}

# What runs/* names beside runs is left out of a comparison: sweeps, and pictures of earlier comparisons.
comparable() { # SOURCE
  case $1 in
    */compare.html | */compare.svg | */compare.png) return 1 ;;
  esac
  ! find_folder "$1" sweep.json >"$SCRATCH/sweep.found" ||
    { say "left out: $1 is a sweep, which is reported alone: $CALLED report $(shown "$1")" && return 1; }
}

# A RUN, SWEEP or FILE the user named: a path, or the name of a folder in PARENT.
find_source() { # SOURCE
  # A run's own file is the run: what else is known of it stands beside.
  if [ "${1##*/}" = records.ndjson ] && [ -f "${1%records.ndjson}run.json" ]; then
    run_or_records "$(cd "${1%records.ndjson}." && pwd)"
  elif [ -f "$1" ]; then
    [ -r "$1" ] || usage "the file $1 cannot be read: chmod +r $1"
    [ ! -s "$1" ] || awk '/^[ \t]*[{]/ { found = 1; exit } END { exit !found }' "$1" ||
      usage "$1 is not NDJSON: no line of it begins with {\"start\": ..., \"stop\": ..., \"mbps\": ...}"
    printf '%s' "$1"
  elif [ "$1" != "${1%.ndjson}" ]; then
    usage "there is no file \"$1\""
  elif ! find_folder "$1" sweep.json; then
    if source=$(find_folder "$1" run.json keys.txt); then run_or_records "$source"; else find_run "$1"; fi
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
  show_comparison "$1/sweep.json" "$1/sweep.json" "$1/sweep"
  jq -e '.stopped == null and (.lost // []) == [] and all(.rows[]; .failed == 0)' "$1/sweep.json" >/dev/null || return 1
}

# The same of several, side by side. Their picture goes into PARENT.
compare() { # RUN|FILE ...
  local source
  : >"$SCRATCH/compared"
  for source in "$@"; do
    take_to_compare "$source"
  done
  comparison '' '' >"$SCRATCH/comparison"
  jq -n '[inputs | {source} + .summary]' "$SCRATCH/compared" >"$SCRATCH/summaries"
  show_comparison "$SCRATCH/comparison" "$SCRATCH/summaries" "$PARENT/compare"
  jq -e -n 'all(inputs.summary; .jobs > 0 and .unfinished == 0)' "$SCRATCH/compared" >/dev/null || return 1
}

# Adds what a comparison takes of one run to SCRATCH/compared.
take_to_compare() { # RUN|FILE
  evaluate "$1" false
  jq -c --arg source "${1#"$PWD/"}" --slurpfile run "$SCRATCH/evaluated.run" \
    '{$source, run: $run[0], summary: .}' "$SCRATCH/summary.json" >>"$SCRATCH/compared"
}

comparison() { # STOPPED UNFINISHED
  jq_program report/comparison -n --arg stopped "$1" --arg unfinished "$2" "$SCRATCH/compared"
}

show_comparison() { # COMPARISON.json WHAT-JSON-SHOWS PICTURE
  print_table "$2" report/comparison_table "$1"
  draw "$3" report/comparison_picture "$1"
}
