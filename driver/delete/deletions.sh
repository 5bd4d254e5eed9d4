# shellcheck shell=bash
# Requests to S3 that delete. What they leave goes to SCRATCH/left_over: {what, key, code, message, allow}, a line for
# each key; allow is the permission to look for.

# S3 takes 3,500 deletions a second, each key of a request is one: more at once would only be throttled.
AT_ONCE=4
# How often a request is tried that S3 refused for the moment, or an abort of an upload that is still there.
MOST_ROUNDS=4

# Deletes every key of a file of JSON strings, in as few requests as there can be.
delete_objects() { # KEYS-FILE
  local round
  cp "$1" "$SCRATCH/todo"
  for ((round = 1; round <= MOST_ROUNDS; round++)); do
    [ -s "$SCRATCH/todo" ] || return 0
    [ "$round" -eq 1 ] || sleep $((1 << (round - 1)))
    with_requests deletions "$SCRATCH/todo" >"$SCRATCH/named"
    make_requests objects "$SCRATCH/named" >"$SCRATCH/undone"
    note_left_over objects s3:DeleteObject 'select(.again | not)' "$SCRATCH/undone"
    jq -a -c 'select(.again) | .key' "$SCRATCH/undone" >"$SCRATCH/todo"
  done
  note_left_over objects s3:DeleteObject 'select(.again)' "$SCRATCH/undone"
}

# Leaves the open uploads of the keys in SCRATCH/uploads. What may not be listed is left over.
list_uploads() { # KEYS-FILE
  local status=0
  with_requests listing "$1" >"$SCRATCH/list.request"
  request list s3api list-multipart-uploads --cli-input-json "file://$SCRATCH/list.request" || status=$?
  if [ "$status" -eq 0 ]; then
    with_requests own_uploads --slurpfile keys "$1" "$SCRATCH/list" >"$SCRATCH/uploads"
  else
    explain_unless_denied "$(complaint_of list)"
    : >"$SCRATCH/uploads"
    note_complaint uploads null s3:ListBucketMultipartUploads list "$status"
  fi
}

# Aborts the uploads in SCRATCH/uploads. A part in flight can outlive an abort, so it looks again until none is left.
abort_uploads() { # KEYS-FILE
  local round
  : >"$SCRATCH/undone"
  for ((round = 1; round <= MOST_ROUNDS; round++)); do
    [ -s "$SCRATCH/uploads" ] || return 0
    [ "$round" -eq 1 ] || sleep 2
    with_requests aborts "$SCRATCH/uploads" >"$SCRATCH/named"
    make_requests uploads "$SCRATCH/named" >"$SCRATCH/undone"
    # Where none could be aborted, one more try would not do it either.
    [ "$(lines "$SCRATCH/undone")" -lt "$(lines "$SCRATCH/uploads")" ] || break
    list_uploads "$1"
  done
  with_requests still_open --slurpfile undone "$SCRATCH/undone" "$SCRATCH/uploads" >"$SCRATCH/open"
  note_left_over uploads s3:AbortMultipartUpload . "$SCRATCH/open"
}

# Deletes all below the folder of a run's answers, which is the run's own.
delete_answers() { # FOLDER
  local status=0
  request answers s3 rm --recursive --only-show-errors "s3://$BUCKET/${1:?}" || status=$?
  [ "$status" -eq 0 ] ||
    note_complaint answers "$(jq -n --arg folder "$1" '$folder')" 's3:ListBucket and s3:DeleteObject' answers "$status"
}

# A function of requests.jq, over all lines of a file.
with_requests() { # FUNCTION ARGUMENT-OF-JQ...
  local function=$1
  shift
  jq -n -a -c -L "$ROOT/driver" --arg bucket "$BUCKET" \
    "include \"delete/requests\"; [inputs] | $function(\$ARGS.named)" "$@"
}

# Makes the requests of a file, names and their JSON in turn, and prints what they left undone.
make_requests() { # WHAT FILE
  local folder=$SCRATCH/requests name
  rm -rf "$folder"
  mkdir "$folder"
  into_files "$folder" request <"$2"
  in_parallel "$folder/names" "$AT_ONCE" "deletion_progress $1" "$BASH" "$ROOT/driver/delete/deletion.sh" "$folder"
  while IFS= read -r name; do
    if [ -e "$folder/$name.undone" ]; then
      cat "$folder/$name.undone"
    else
      jq_program delete/undone -c --argjson answer '[]' --argjson status 1 \
        --arg complaint 'the request did not come to an end' "$folder/$name.request"
    fi
  done <"$folder/names"
}

deletion_progress() { # WHAT
  printf 'deleting %s: %s of %s' "$1" "$(count "$SCRATCH"/requests/*.undone)" \
    "$(plural "$(lines "$SCRATCH/requests/names")" request)"
}

note_left_over() { # WHAT PERMISSION FILTER FILE
  jq -c --arg what "$1" --arg allow "$2" "$3 | {what: \$what, key, code, message, allow: \$allow}" "$4" \
    >>"$SCRATCH/left_over"
}

# The same of what `aws` complained of. KEY is JSON; null where it is not known what is left.
note_complaint() { # WHAT KEY PERMISSION NAME STATUS
  jq -n -c -L "$ROOT/driver" --argjson key "$2" --rawfile complaint "$SCRATCH/$4.complaint" --argjson status "$5" \
    'include "complaints"; {$key} + ($complaint | code_and_message($status))' >"$SCRATCH/noted"
  note_left_over "$1" "$3" . "$SCRATCH/noted"
}
