# shellcheck shell=bash
# The records of a run, wherever they are by now.

# Every record there is: of a run that ended, of one that is under way or was killed, or of a file. A run has one for
# each job and launch: an answer that came late takes the place of its absence.
records() { # RUN|FILE
  if [ -f "$1" ]; then
    cat "$1"
  elif [ -d "$1/answers" ]; then
    answers_in "$1/answers" "$SCRATCH/answers" | latest_records
  elif [ -f "$1/records.ndjson" ]; then
    cat "$1/records.ndjson"
  fi
}

# The records of every invocation, in the order of their names; what the first folder had no room for is in the second.
answers_in() { # FOLDER ...
  local folder
  for folder in "$@"; do
    [ ! -d "$folder" ] || (cd "$folder" && find . -name '*.ndjson' | sort | xargs cat)
  done
}

# RUN/answers holds what there is; the records of an ended launch come first, so that what arrives later wins.
open_answers() { # RUN
  [ ! -d "$1/answers" ] || return 0
  rm -rf "$1/answers.part" &&
    mkdir "$1/answers.part" &&
    { [ ! -f "$1/records.ndjson" ] || cp "$1/records.ndjson" "$1/answers.part/0.ndjson"; } &&
    mv "$1/answers.part" "$1/answers"
}

# The last line of each job and launch, where the first of them stood: {"job":7,"launch":1,...
latest_records() {
  LC_ALL=C awk -F, '
    { key = $1 "," $2; if (!(key in line)) order[++n] = key; line[key] = $0 }
    END { for (i = 1; i <= n; i++) print line[order[i]] }'
}
