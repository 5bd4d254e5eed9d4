# shellcheck shell=bash
# Requests to S3 that delete: keys and uploads in, what is left of them out. $1 of each function says what they are of,
# objects, uploads or answers; what is left goes to SCRATCH/left, one line for each key.

# S3 takes 3,500 deletions a second, each key of a request is one: more at once would only be throttled.
AT_ONCE=4
# How often something is tried that S3 refused for the moment, or that was still there.
MOST_ROUNDS=4

# Deletes every key of a file of JSON strings, in as few requests as there can be.
delete_keys() { # WHAT KEYS-FILE
  local round
  cp "$2" "$SCRATCH/todo"
  for ((round = 1; ; round++)); do
    [ -s "$SCRATCH/todo" ] || return 0
    jq_program delete/delete_requests -n -a -c --arg bucket "$BUCKET" "$SCRATCH/todo" >"$SCRATCH/cut"
    make_requests "$1" "$SCRATCH/cut" >"$SCRATCH/undone"
    if [ "$round" -eq "$MOST_ROUNDS" ]; then break; fi
    jq -a -c 'select(.again) | .key' "$SCRATCH/undone" >"$SCRATCH/todo"
    note_left "$1" 'select(.again | not)' "$SCRATCH/undone"
    [ ! -s "$SCRATCH/todo" ] || sleep $((1 << round))
  done
  note_left "$1" . "$SCRATCH/undone"
}

# Aborts the uploads in SCRATCH/uploads. A part in flight can outlive an abort, so it looks again until none is left.
abort_uploads() { # KEYS-FILE
  local round
  : >"$SCRATCH/undone"
  for ((round = 1; round <= MOST_ROUNDS; round++)); do
    [ -s "$SCRATCH/uploads" ] || return 0
    [ "$round" -eq 1 ] || sleep 2
    jq -n -a -c -L "$ROOT/driver" 'include "delete/requests"; [inputs | ["abort-multipart-upload", .]] | named' \
      "$SCRATCH/uploads" >"$SCRATCH/cut"
    make_requests uploads "$SCRATCH/cut" >"$SCRATCH/undone"
    # Where none could be aborted, one more try would not do it either.
    [ "$(lines "$SCRATCH/undone")" -lt "$(lines "$SCRATCH/uploads")" ] || break
    list_uploads "$1"
  done
  jq_program delete/still_open -c --slurpfile undone "$SCRATCH/undone" "$SCRATCH/uploads" >"$SCRATCH/open"
  note_left uploads . "$SCRATCH/open"
}

# Keeps the open uploads of the keys in SCRATCH/uploads.
list_uploads() { # KEYS-FILE
  list uploads list-multipart-uploads "$(jq_program delete/alike -n -a "$1")"
  jq_program delete/uploads -n -a -c --arg bucket "$BUCKET" --slurpfile keys "$1" "$SCRATCH/list" >"$SCRATCH/uploads"
}

# Keeps the keys of a run's answers in SCRATCH/answers.
list_answers() { # FOLDER
  list answers list-objects-v2 "$(jq -n -a --arg folder "$1" '$folder')"
  jq_program delete/answers -n -a -c --arg folder "$1" "$SCRATCH/list" >"$SCRATCH/answers"
}

# Leaves in SCRATCH/list what begins so; the CLI turns the pages. What may not be listed is left.
list() { # WHAT OPERATION PREFIX, a JSON string
  local status=0
  jq -n -a --arg bucket "$BUCKET" --argjson prefix "$3" '{Bucket: $bucket, Prefix: $prefix}' >"$SCRATCH/list.request"
  in_group "$SCRATCH/list" "$SCRATCH/list.complaint" aws s3api "$2" --cli-input-json "file://$SCRATCH/list.request" \
    --output json --cli-connect-timeout 20 --cli-read-timeout 60 || status=$?
  [ "$status" -ne 0 ] || return 0
  explain_bucket "$(cat "$SCRATCH/list.complaint")"
  : >"$SCRATCH/list"
  jq -n -c -L "$ROOT/driver" --rawfile complaint "$SCRATCH/list.complaint" --argjson status "$status" \
    'include "complaint"; {key: null} + ($complaint | complaint($status))' >"$SCRATCH/unlisted"
  note_left "$1" . "$SCRATCH/unlisted"
}

# Makes the requests of a file, names and their JSON in turn, and prints what they left undone.
make_requests() { # WHAT FILE
  local folder=$SCRATCH/requests status=0 requests name
  rm -rf "$folder"
  mkdir "$folder"
  (
    cd "$folder" || exit
    awk 'NR % 2 == 1 { gsub(/"/, ""); name = $0; print >"names" }
      NR % 2 == 0 { print >(name ".request"); close(name ".request") }' "$2"
  )
  start_group_on "$folder/names" /dev/null "$SCRATCH/children" \
    xargs -n 1 -P "$AT_ONCE" "$BASH" "$ROOT/driver/delete/deletion.sh" "$folder"
  requests=$GROUP
  start_group watching deletion_progress "$1" "$folder"
  wait "$requests" || status=$?
  [ "$status" -eq 0 ] || say "xargs ended with status $status"
  end_groups
  progress_ends
  [ ! -s "$SCRATCH/children" ] || say "$(head -n 5 "$SCRATCH/children")"
  while IFS= read -r name; do
    if [ -e "$folder/$name.left" ]; then
      cat "$folder/$name.left"
    else
      jq_program delete/left -c --argjson answer '[]' --argjson status 1 \
        --arg complaint 'the request did not come to an end' "$folder/$name.request"
    fi
  done <"$folder/names"
}

deletion_progress() { # WHAT FOLDER
  printf 'deleting %s: %s of %s' "$1" "$(count "$2"/*.left)" "$(plural "$(lines "$2/names")" request)"
}

note_left() { # WHAT FILTER FILE
  jq -c --arg what "$1" "$2 | {what: \$what, key, code, message}" "$3" >>"$SCRATCH/left"
}
