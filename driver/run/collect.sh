# shellcheck shell=bash
# What the workers answered: records, wherever they are by now, and answers that did not arrive. Every invocation puts
# its answer into the bucket as well, in the folder that run.json names.

# Prints the records of a file, or those of a run: records.ndjson and, until they are joined, the answers. Of those that
# then begin alike, {"job":7,"launch":1,... only the last is printed: a late answer replaces the record of its loss.
records() { # RUN|FILE
  if [ -f "$1" ]; then
    cat "$1"
  elif [ -d "$1/answers" ]; then
    {
      [ ! -f "$1/records.ndjson" ] || cat "$1/records.ndjson"
      (cd "$1/answers" && find . -name '*.ndjson' | sort | xargs cat)
    } | LC_ALL=C awk -F, '
      { key = $1 "," $2; if (!(key in line)) order[++n] = key; line[key] = $0 }
      END { for (i = 1; i <= n; i++) print line[order[i]] }'
  elif [ -f "$1/records.ndjson" ]; then
    cat "$1/records.ndjson"
  fi
}

# Seconds between two looks into the bucket. Tests are in more of a hurry: they set it, ANSWER_S and ENDING_S.
LOOK_EVERY=${LOOK_EVERY:-2}

# Looks into the bucket for the answers that are still out, at least twice, and until all workers must have given up.
# The credentials may have expired meanwhile; where no new ones are found, the first look tries the old ones.
collect() { # RUN
  local looks=0 until=''
  while list_waiting "$1"; do
    [ ! -e "$SCRATCH/no-room" ] || no_room_for_answers "$1"
    until=${until:-$(field "$1" '.launches[-1].until // 0 | ceil')}
    [ "$looks" -lt 2 ] || [ "$(seconds_now)" -lt "$until" ] || break
    if [ "$looks" -gt 0 ]; then sleep "$LOOK_EVERY"; elif (find_credentials); then find_credentials; fi
    fetch_waiting "$1"
    looks=$((looks + 1))
  done
}

# Leaves in SCRATCH/waiting the invocations that may still answer; fails where there is none.
list_waiting() { # RUN
  local sent name
  for sent in "$1"/work/*.sent; do
    name=${sent##*/}
    [ ! -e "$sent" ] || printf '%s\n' "${name%.sent}"
  done >"$SCRATCH/waiting" 2>/dev/null || no_room_for_answers "$1"
  [ -s "$SCRATCH/waiting" ]
}

# Takes in those of them that are in the bucket. What may not be listed is asked for one by one.
fetch_waiting() { # RUN
  local folder
  folder=$(field "$1" .answers)
  if request listed s3api list-objects-v2 --bucket "$BUCKET" --prefix="$folder"; then # it may begin with a dash
    jq -r --arg folder "$folder" '.Contents[]?.Key | ltrimstr($folder) | rtrimstr(".json")' "$SCRATCH/listed" |
      grep -Fx -f "$SCRATCH/waiting" >"$SCRATCH/there" || return 0
  else
    cp "$SCRATCH/waiting" "$SCRATCH/there"
  fi
  each_invocation fetch "$1" "$SCRATCH/there" 4 0 0 \
    "echo taking $(plural "$(lines "$SCRATCH/there")" answer) from the bucket"
}

# Joins the records and the answers.
keep_records() { # RUN
  local run=$1 throttled
  if [ -s "$run/work/throttled" ]; then
    throttled=$(($(field "$run" '.launches[-1].throttled') + $(lines "$run/work/throttled")))
    ! amend "$run" '.launches[-1].throttled' "$throttled" || rm -f "$run/work/throttled"
  fi
  { records "$run" >"$run/records.part" && mv "$run/records.part" "$run/records.ndjson"; } 2>/dev/null ||
    no_room_for_answers "$run"
  # From here on the records count. What may still be answered is kept for --resume.
  rm -rf "$run/answers"
  any "$run"/work/*.sent || rm -rf "$run/work"
}

# What answered is in the bucket.
no_room_for_answers() { # RUN
  rm -f "$1"/*.part
  say "$(shown "$1") cannot be written, is its disk full? What the workers answered is in the bucket: make room, then" \
    "$CALLED $(field "$1" .op) --resume $(shown "$1") takes it in"
  exit 1
}
