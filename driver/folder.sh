# shellcheck shell=bash
# The folders of runs: make, find, lock, read and amend one; and the clock of the moments in it.

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

# The path as somebody in this folder would type it.
shown() { # PATH
  quoted "${1#"$PWD/"}"
}

# Finding one

# Prints the newest run folder; of one op only those that are within reach count, as long as there is one. Fails where
# there is none.
latest_run() { # PARENT [OP]
  local runs=("$1"/[0-9]*Z-*-[0-9]*) n run latest=''
  for ((n = ${#runs[@]} - 1; n >= 0; n--)); do
    run=${runs[n]}
    [ -f "$run/run.json" ] && [[ ${run##*/} == *-"${2:-}"* ]] || continue
    latest=${latest:-$run}
    if [ -z "${2:-}" ] || [ -n "$(damage "$run" false)" ] || (within_reach "$run") 2>/dev/null; then
      latest=$run
      break
    fi
  done
  [ -n "$latest" ] && printf '%s' "$latest"
}

# A RUN the user named: a path, or the name of a folder in PARENT. Refuses one that is damaged.
find_run() { # PARENT RUN
  local run damage
  run=$(find_folder "$1" "$2" run.json) ||
    usage "there is no run \"$2\": neither it nor $1/${2%/} is a folder with a run.json in it"
  damage=$(damage "$run" true)
  [ -z "$damage" ] || usage "$(shown "$run") is damaged: $damage. Its records are shown by: $CALLED report" \
    "$(shown "$run"). The keys in keys.txt are deleted by: $CALLED delete --key-file $(shown "$run/keys.txt")"
  printf '%s' "$run"
}

# What is damaged in a run's folder, of PLAN's keys and jobs too; nothing where all is whole.
damage() { # RUN PLAN, true or false
  jq_program damage -R -s -r --argjson plan "$2" --rawfile jobs <(cat "$1/jobs.ndjson" 2>/dev/null) \
    --rawfile keys <(cat "$1/keys.txt" 2>/dev/null) "$1/run.json"
}

# The whole path of a folder that the user named; fails where neither NAME nor PARENT/NAME has such a file.
find_folder() { # PARENT NAME FILE-IN-IT
  local folder
  for folder in "$2" "$1/$2"; do
    [ ! -f "$folder/$3" ] || { (cd "$folder" && pwd) && return; }
  done
  return 1
}

# Refuses a sweep of which it is not known what its runs are.
whole_sweep() { # SWEEP
  jq -e '.rows | type == "array" and all(.[]; .runs | type == "array" and all(.[]; type == "string"))' \
    "$1/sweep.json" >/dev/null 2>&1 ||
    usage "$(shown "$1/sweep.json") is damaged; the folders of its runs lie beside it: name them"
}

# The folders of a sweep's runs, which lie beside its own; reads before what they read.
runs_of_sweep() { # SWEEP
  local parent=${1%/*} name
  # Where the sweep was killed, run.one names the run that was under way.
  jq -r --rawfile one <(cat "$1/run.one" 2>/dev/null) '
    ($one | split("\n")[0] // empty), (.unfinished // empty), (.rows | reverse[] | .runs[]) | split("/")[-1] // empty' \
    "$1/sweep.json" | awk '!named[$0]++' |
    while IFS= read -r name; do
    if [ -f "$parent/$name/run.json" ]; then
      printf '%s\n' "$parent/$name"
    else
      say "$(shown "$parent/$name") is not there any more: what it wrote is not known"
    fi
  done
}

# The objects of a run that was deleted are neither read nor completed.
not_deleted() { # RUN
  [ "$(field "$1" .deleted)" = null ] ||
    usage "the objects of $(shown "$1") were deleted at $(deleted_at "$1"): $CALLED write makes new ones," \
      "or name another RUN"
}

deleted_at() { # RUN
  field "$1" '.deleted | strftime("%Y-%m-%d %H:%M UTC")'
}

# Locking one: RUN/lock holds the number of the driver's process and when that began. A dead driver's is void.

LOCKED=''

lock() { # RUN
  # A void one goes; drivers before format 2 made it a folder.
  [ ! -e "$1/lock" ] || { alone "$1" && rm -rf "$1/lock"; }
  if ! (set -C && process "$$" >"$1/lock") 2>/dev/null; then
    alone "$1"
    rm -f "$1/lock"
    refuse "$(shown "$1") cannot be written: chmod u+w, or is its disk full?"
  fi
  LOCKED=$1
}

# Refuses while another driver is alive.
alone() { # RUN
  local driver
  # It is signed right after it is made.
  [ ! -e "$1/lock" ] || [ -s "$1/lock" ] || sleep 0.5
  driver=$(cat "$1/lock" "$1/lock/driver" 2>/dev/null) || true
  ! lives "$driver" || refuse "another driver (process ${driver%% *}) is at work in $(shown "$1"): wait for it;" \
    "ps -p ${driver%% *} shows what it is"
}

unlock() {
  [ -z "$LOCKED" ] || rm -f "$LOCKED/lock" || true
  LOCKED=''
}

# Reading and amending run.json

# A value of run.json, in format 2 whatever it was written in; a text without quotes.
field() { # RUN FILTER
  jq -r -L "$ROOT/driver" --arg folder "${1##*/}" "include \"run\"; run_of(\$folder) | $2" "$1/run.json"
}

# Sets a value in run.json, complete or not at all. Fails where that cannot be written.
amend() { # RUN PATH JSON
  {
    jq -e -L "$ROOT/driver" --arg folder "${1##*/}" --argjson value "$3" \
      "include \"run\"; run_of(\$folder) | $2 = \$value" "$1/run.json" >"$SCRATCH/amended" &&
      cp "$SCRATCH/amended" "$1/run.part" && mv "$1/run.part" "$1/run.json"
  } 2>"$SCRATCH/unwritten"
}

# Ends where a run's folder cannot take what must be there before anything is launched.
no_room() { # RUN
  local why
  why=$(awk 'END { sub(/.*: /, ""); print }' "$SCRATCH/unwritten")
  refuse "$(shown "$1") cannot be written${why:+ ($why)}: nothing was launched; make room, or" \
    "name another folder with --out"
}

# The clock: seconds that the workers' is ahead of this machine's, as the ping, or the run, has told.
CLOCK_OFFSET=0

# The moment, in epoch seconds on the workers' clock: every moment in a run's folder is.
now() {
  jq -n --argjson offset "$CLOCK_OFFSET" 'now + $offset'
}

# The same in whole seconds.
seconds_now() {
  printf '%d' "$(($(date +%s) + $(LC_ALL=C printf '%.0f' "$CLOCK_OFFSET")))"
}

# Takes the workers' clock from the run's last launch.
clock_of() { # RUN
  CLOCK_OFFSET=$(field "$1" '.launches[-1].clock.offset_s // 0')
}
