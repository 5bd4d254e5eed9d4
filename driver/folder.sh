# shellcheck shell=bash
# The folder of a run: make, lock, read and amend it; and the clock of the moments in it.

# Makes the folder of the runs, before anything is asked of AWS.
make_parent() {
  mkdir -p "$PARENT" 2>/dev/null && [ -w "$PARENT" ] ||
    usage "the folder $PARENT cannot be made, or written (--out names the folder that holds the runs)"
}

# Makes PARENT/<UTC time>-<op>-<number> and prints it. A second belongs to one run, so that names sort by time.
# A sweep has no number.
new_run() { # OP [NUMBER]
  local time run
  while :; do
    make_parent
    time=$(date -u +%Y%m%dT%H%M%SZ) run=$PARENT/$time-$1${2:+-$2}
    if ! any "$PARENT/$time-"*; then
      if mkdir "$run" 2>"$SCRATCH/unwritten"; then break; fi
      any "$run" || no_room "$PARENT"
    fi
    sleep 0.1
  done
  printf '%s' "$run"
}

# The path as somebody in this folder would type it.
shown() { # PATH
  quoted "${1#"$PWD/"}"
}

# Locking one: RUN/lock holds the number of the driver's process and when that began. A dead driver's is void.

LOCKED=''

lock() { # RUN
  take_lock "$1" lock
  LOCKED=$1
}

# A void one is removed only by the driver that holds a second lock, NAME.next: without it another driver might have
# replaced the void one by its own already.
take_lock() { # RUN NAME
  local file=$1/$2 own void
  own=$(process "$$")
  if [ -e "$file" ]; then
    void=$(driver_of "$file")
    alone "$@"
    take_lock "$1" "$2.next"
    # Drivers before format 2 made it a folder.
    [ "$(driver_of "$file")" != "$void" ] || rm -rf "$file"
  fi
  if ! (set -C && printf '%s\n' "$own" >"$file") 2>"$SCRATCH/unwritten"; then
    rm -f "$file.next"
    alone "$@"
    # A full disk takes its name alone.
    [ -s "$file" ] || rm -f "$file"
    no_room "$1"
  fi
  rm -f "$file.next"
}

# Refuses while another driver is alive.
alone() { # RUN [NAME]
  local file=$1/${2:-lock} driver
  # Its driver writes into it right after making it.
  [ ! -e "$file" ] || [ -s "$file" ] || sleep 0.5
  driver=$(driver_of "$file")
  ! lives "$driver" || refuse "another driver (process ${driver%% *}) is at work in $(shown "$1"): wait for it;" \
    "ps -p ${driver%% *} shows what it is"
}

driver_of() { # LOCK
  cat "$1" "$1/driver" 2>/dev/null || true
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
    # As a file: the system takes no long arguments.
    jq -e -L "$ROOT/driver" --arg folder "${1##*/}" --slurpfile value <(printf '%s' "$3") \
      "include \"run\"; run_of(\$folder) | $2 = \$value[0]" "$1/run.json" >"$SCRATCH/amended" &&
      cp "$SCRATCH/amended" "$1/run.part" && mv "$1/run.part" "$1/run.json"
  } 2>"$SCRATCH/unwritten"
}

# Ends where a run's folder cannot take what must be there before anything is launched.
no_room() { # RUN
  local why
  why=$(awk 'END { sub(/.*: /, ""); print }' "$SCRATCH/unwritten")
  refuse "$(shown "$1") cannot be written${why:+ ($why)}: nothing was launched; make room;" \
    "--out names another folder for a new run"
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
