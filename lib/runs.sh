# shellcheck shell=bash
# The run folders: making one, finding one, planning into one.

# Makes PARENT/<UTC time>-<op>-<number> and prints it. A second belongs to one run, so that names sort by time.
# A sweep has no number.
new_run() { # PARENT OP [NUMBER]
  local time
  mkdir -p "$1" 2>/dev/null || usage "the folder $1 cannot be made (--out names the folder that holds the runs)"
  while :; do
    time=$(date -u +%Y%m%dT%H%M%SZ)
    if ! any "$1/$time-"* && mkdir "$1/$time-$2${3:+-$3}" 2>/dev/null; then
      printf '%s' "$1/$time-$2${3:+-$3}"
      return
    fi
    [ -w "$1" ] || usage "the folder $1 cannot be written (--out names the folder that holds the runs)"
    sleep 0.1
  done
}

any() { # PATH...: does the first exist (an unmatched pattern does not)
  [ -e "$1" ]
}

# Prints the newest run folder, of one op if given; fails where there is none.
latest_run() { # PARENT [OP]
  local run latest=''
  for run in "$1"/[0-9]*Z-*-[0-9]*; do
    case ${run##*/} in
      *-"${2:-}"*) [ ! -f "$run/run.json" ] || latest=$run ;;
    esac
  done
  [ -n "$latest" ] && printf '%s' "$latest"
}

# A RUN the user named: a path, or the name of a folder in PARENT.
find_run() { # PARENT RUN
  local run
  for run in "${2%/}" "$1/${2%/}"; do
    if [ -f "$run/run.json" ]; then
      printf '%s' "$run"
      return
    fi
  done
  usage "there is no run \"$2\": neither it nor $1/${2%/} is a folder with a run.json in it"
}

# The path as somebody in this folder would type it.
shown() { # PATH
  printf '%s' "${1#"$PWD/"}"
}

# Writes what is going to happen into a new run's folder.
plan() { # RUN CONFIGURATION-FILE
  local run=$1
  cp "$SCRATCH/keys.txt" "$run/keys.txt"
  jq -c -n -R -L "$ROOT/jq" -f "$ROOT/jq/jobs.jq" --slurpfile config "$2" <"$run/keys.txt" >"$run/jobs.ndjson"
  mkdir "$run/answers"
  cut_squads "$run" 1 "$(jq .squad "$2")"
  # Last: a folder with a run.json is a run.
  cp "$2" "$run/run.part"
  mv "$run/run.part" "$run/run.json"
}

# Makes RUN/work with the planned jobs and the event of every invocation of one launch, and their names.
cut_squads() { # RUN LAUNCH JOBS-PER-SQUAD
  rm -rf "$1/work"
  mkdir "$1/work"
  jq -c -n -r -f "$ROOT/jq/squads.jq" --argjson launch "$2" --argjson squad "$3" --arg folder "terabit-runs/${1##*/}" \
    "$1/jobs.ndjson" | (
    cd "$1/work" || exit
    awk 'NR % 3 == 1 { name = $0; print >"names" }
      NR % 3 == 2 { print >(name ".jobs"); close(name ".jobs") }
      NR % 3 == 0 { print >(name ".event"); close(name ".event") }'
  )
}

# RUN/answers holds what there is; the records of an ended launch come first, so that what arrives later wins.
open_answers() { # RUN
  [ ! -d "$1/answers" ] || return 0
  rm -rf "$1/answers.part"
  mkdir "$1/answers.part"
  [ ! -f "$1/records.ndjson" ] || cp "$1/records.ndjson" "$1/answers.part/0.ndjson"
  mv "$1/answers.part" "$1/answers"
}

# Epoch seconds, to the microsecond where bash knows it.
now() {
  local time=${EPOCHREALTIME:-}
  [ -n "$time" ] || time=$(jq -n now)
  printf '%s' "${time/,/.}"
}

# Changes run.json, complete or not at all.
amend() { # RUN FILTER
  jq "$2" "$1/run.json" >"$SCRATCH/run.json"
  cp "$SCRATCH/run.json" "$1/run.part"
  mv "$1/run.part" "$1/run.json"
}

# A value of run.json.
field() { # RUN JQ-ARGUMENT...
  local run=$1
  shift
  jq "$@" "$run/run.json"
}
