# shellcheck shell=bash
# The run folders: making one, finding one, reading and changing its run.json; and the clock of its moments.

# Makes PARENT/<UTC time>-<op>-<number> and prints it. A second belongs to one run, so that names sort by time.
# A sweep has no number.
new_run() { # PARENT OP [NUMBER]
  local time
  mkdir -p "$1" 2>/dev/null || usage "the folder $1 cannot be made (--out names the folder that holds the runs)"
  while :; do
    time=$(date -u +%Y%m%dT%H%M%SZ)
    if ! any "$1/$time-"* && mkdir "$1/$time-$2${3:+-$3}" 2>/dev/null; then
      printf '%s' "$1/$time-$2${3:+-$3}"
      return 0
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
      intact "$run"
      printf '%s' "$run"
      return 0
    fi
  done
  usage "there is no run \"$2\": neither it nor $1/${2%/} is a folder with a run.json in it"
}

# Refuses a run whose run.json tells too little to go on with.
intact() { # RUN
  jq -e -s 'length == 1 and (.[0] | type == "object" and (.jobs | type == "number") and (.op | IN("write", "read"))
    and all(.bucket, .function; type == "string"))' "$1/run.json" >/dev/null 2>&1 ||
    usage "$(shown "$1")/run.json is damaged; jq . $(shown "$1")/run.json says where. What its workers told is shown" \
      "by: cp $(shown "$1")/records.ndjson some.ndjson && ./driver.sh report some.ndjson"
}

# The path as somebody in this folder would type it.
shown() { # PATH
  printf '%s' "${1#"$PWD/"}"
}

# Ends where a run's folder cannot take what must be there before anything is launched.
no_room() { # RUN
  local why
  why=$(awk 'END { sub(/.*: /, ""); print }' "$SCRATCH/unplanned")
  refuse "$(shown "$1") cannot be written${why:+ ($why)}: nothing was launched; make room, or" \
    "name another folder with --out"
}

# Seconds that the workers' clock is ahead of this machine's, as the ping, or the run, has told.
CLOCK_OFFSET=0

# The moment, in epoch seconds on the workers' clock: every moment in a run's folder is.
now() {
  jq -n --argjson offset "$CLOCK_OFFSET" 'now + $offset'
}

# The same in whole seconds.
seconds_now() {
  printf '%d' "$(($(date +%s) + $(LC_ALL=C printf '%.0f' "$CLOCK_OFFSET")))"
}

set_clock() { # SECONDS-AHEAD
  CLOCK_OFFSET=$1
}

# Takes the workers' clock from the run's last launch.
clock_of() { # RUN
  set_clock "$(field "$1" '.launches[-1].clock.offset_s // 0')"
}

# run.json in format 2, whatever it was written in; nothing for no RUN.
run_json() { # RUN
  [ -z "$1" ] || field "$1" .
}

# What could not be written into a run's folder, and counts instead, and the run.
KEPT='' KEPT_OF=''

# A value of run.json; a text without quotes.
field() { # RUN FILTER
  local name file=$1/run.json
  name=$(cd "$1" && pwd)
  [ "$KEPT_OF" != "$name" ] || file=$KEPT
  jq -r -L "$ROOT/driver" --arg folder "${name##*/}" "include \"run\"; run_of(\$folder) | $2" "$file"
}

# Sets a value in run.json, complete or not at all. Where that cannot be written it fails and keeps what should be.
amend() { # RUN PATH JSON
  local run=$1
  {
    run_json "$run" >"$SCRATCH/run.json" &&
      jq --argjson value "$3" "$2 = \$value" "$SCRATCH/run.json" >"$SCRATCH/amended" &&
      [ -s "$SCRATCH/amended" ]
  } 2>"$SCRATCH/unplanned" || return 1
  if { cp "$SCRATCH/amended" "$run/run.part" && mv "$run/run.part" "$run/run.json"; } 2>"$SCRATCH/unplanned"; then
    KEPT='' KEPT_OF=''
  else
    KEPT=$SCRATCH/kept.json KEPT_OF=$(cd "$run" && pwd)
    mv "$SCRATCH/amended" "$KEPT"
    return 1
  fi
}
