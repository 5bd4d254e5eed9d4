# shellcheck shell=bash
# From records to the summary and the table. Needs nothing but the run's folder, or a file of records.

# Every record there is: of a run that ended, of one that is under way or was killed, or of a file. A run has one for
# each job and launch: an answer that came late takes the place of its absence.
records() { # RUN|FILE
  if [ -f "$1" ]; then
    cat "$1"
  elif [ -d "$1/answers" ]; then
    (cd "$1/answers" && find . -name '*.ndjson' | sort | xargs cat) | latest_records
  elif [ -f "$1/records.ndjson" ]; then
    cat "$1/records.ndjson"
  fi
}

# The last line of each job and launch, where the first of them stood: {"job":7,"launch":1,...
latest_records() {
  LC_ALL=C awk -F, '
    { key = $1 "," $2; if (!(key in line)) order[++n] = key; line[key] = $0 }
    END { for (i = 1; i <= n; i++) print line[order[i]] }'
}

# The run's configuration, null for a file of records from elsewhere.
configuration_of() { # RUN|FILE
  if [ -d "$1" ]; then
    cat "$1/run.json"
  else
    printf null
  fi
}

summarise() { # RUN|FILE
  configuration_of "$1" >"$SCRATCH/configuration"
  records "$1" |
    jq -n -R -L "$ROOT/jq" -f "$ROOT/jq/summary.jq" --slurpfile run "$SCRATCH/configuration" \
      --slurpfile prices "$ROOT/jq/prices.json"
}

# Prints a run's table, or its summary with --json, draws its picture, and returns 1 unless all jobs are good by now.
conclude() { # RUN|FILE
  local colour=false
  summarise "$1" >"$SCRATCH/summary"
  if [ -n "$OPT_JSON" ]; then
    cat "$SCRATCH/summary"
  else
    # https://no-color.org
    if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then colour=true; fi
    jq -r -L "$ROOT/jq" -f "$ROOT/jq/table.jq" --slurpfile run "$SCRATCH/configuration" \
      --arg source "$(shown "$1")" --argjson colour "$colour" "$SCRATCH/summary"
  fi
  [ ! -d "$1" ] || draw "$1"
  jq -e '.jobs > 0 and (.unfinished // .failed + .missing) == 0' "$SCRATCH/summary" >/dev/null || return 1
}
