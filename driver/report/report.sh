# shellcheck shell=bash
# From records to the summary and the table. Needs nothing but run folders, or files of records.

# What was measured once more, of one source or of several side by side.
report() {
  local parent=${OPT_OUT:-$ROOT/runs} source found=()
  for source in "${SOURCES[@]+"${SOURCES[@]}"}"; do
    source=$(find_source "$parent" "$source")
    found+=("$source")
  done
  if [ ${#found[@]} -eq 0 ]; then
    found=("$(latest_run "$parent")") || usage "there is no run in $parent yet; make one: ./driver.sh write 8 64"
  fi
  if [ ${#found[@]} -gt 1 ]; then
    compare "$parent" "${found[@]}"
  elif is_sweep "${found[0]}"; then
    report_sweep "${found[0]}"
  else
    conclude "${found[0]}"
  fi
}

# A RUN, SWEEP or FILE the user named: a path, or the name of a folder in PARENT. A sweep is no run among others.
find_source() { # PARENT SOURCE
  if [ -f "$2" ]; then
    [ -r "$2" ] || usage "the file $2 cannot be read: chmod +r $2"
    # A run's own file is the run: what else is known of it stands beside.
    case $2 in
      */records.ndjson)
        if [ -f "${2%/*}/run.json" ]; then
          printf '%s' "${2%/*}"
          return
        fi
        ;;
    esac
    [ ! -s "$2" ] || awk '/^[ \t]*{/ { found = 1; exit } END { exit !found }' "$2" ||
      usage "$2 is not NDJSON: no line of it begins with {\"start\": ..., \"stop\": ..., \"mbps\": ...}"
    printf '%s' "$2"
    return
  fi
  case $2 in
    *.ndjson) usage "there is no file \"$2\"" ;;
  esac
  if find_sweep "$1" "$2"; then
    [ ${#SOURCES[@]} -eq 1 ] || usage "$2 is a sweep, which is reported alone: ./driver.sh report $(shown "$2")"
  else
    find_run "$1" "$2"
  fi
}

# The run in format 2, null for a file of records from elsewhere.
configuration_of() { # RUN|FILE
  if [ -d "$1" ]; then
    run_json "$1"
  else
    printf null
  fi
}

summarise() { # RUN|FILE
  configuration_of "$1" >"$SCRATCH/configuration"
  records "$1" |
    jq_program report/summary -n -R --slurpfile run "$SCRATCH/configuration" \
      --slurpfile prices "$ROOT/driver/plan/prices.json"
}

# Leaves what is known of the Nth source in SCRATCH: run.N, in format 2 or null for records from elsewhere, and
# summary.N.
take_up() { # N RUN|FILE
  summarise "$2" >"$SCRATCH/summary.$1"
  configuration_of "$2" >"$SCRATCH/run.$1"
}

# Sets COLOUR to whether stdout shows colours: https://no-color.org
colours() {
  COLOUR=false
  if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-}" != dumb ]; then COLOUR=true; fi
}

# Prints a run's table, or its summary with --json, draws its picture, and returns 1 unless all jobs are good by now.
conclude() { # RUN|FILE
  local picture=${1%.ndjson}
  take_up 0 "$1"
  if [ -n "$OPT_JSON" ]; then
    cat "$SCRATCH/summary.0"
  else
    colours
    jq_program report/table -r --slurpfile run "$SCRATCH/run.0" \
      --arg source "$(shown "$1")" --argjson colour "$COLOUR" "$SCRATCH/summary.0"
  fi
  [ ! -d "$1" ] || picture=$1/report
  draw "$picture" "$1"
  good "$SCRATCH/summary.0"
}

# The same of several, side by side. Their picture goes into FOLDER.
compare() { # FOLDER RUN|FILE ...
  local folder=$1 source n=0
  shift
  for source in "$@"; do
    take_up "$n" "$source"
    jq -c -n --arg source "$(shown "$source")" --slurpfile run "$SCRATCH/run.$n" \
      --slurpfile summary "$SCRATCH/summary.$n" '{source: $source, run: $run[0], summary: $summary[0]}'
    n=$((n + 1))
  done >"$SCRATCH/compared"
  if [ -n "$OPT_JSON" ]; then
    jq -n '[inputs | {source} + .summary]' "$SCRATCH/compared"
  else
    colours
    jq_program report/compare -r -s --argjson colour "$COLOUR" "$SCRATCH/compared"
  fi
  draw "$folder/compare" "$@"
  good "$SCRATCH"/summary.[0-9]*
}

# Returns 1 unless all jobs of these summaries are good by now.
good() { # SUMMARY ...
  jq -e -n 'all(inputs; .jobs > 0 and (.unfinished // .failed + .missing) == 0)' "$@" >/dev/null || return 1
}
