# shellcheck shell=bash
# Requests to S3 that list and delete. What they leave goes to SCRATCH/left_over: {what, key, code, message, allow}, a
# line for each key; allow is the permission to look for. The CLI tries again what S3 refused for the moment.

# S3 takes 3,500 deletions a second, each key of a request is one: more at once would only be throttled.
AT_ONCE=4

# Leaves in SCRATCH/objects the objects of the streams at SCRATCH/keys, and in SCRATCH/strangers what else is below
# them. What may not be listed is left over.
list_streams() {
  make_requests listings "$SCRATCH/keys" streams s3:ListBucket
  find "$SCRATCH/requests" -name '*.answer' -exec cat {} + >"$SCRATCH/below"
  with_requests own -R "$SCRATCH/below" >"$SCRATCH/objects"
  with_requests strangers -R "$SCRATCH/below" >"$SCRATCH/strangers"
}

# Prints the open uploads of the keys in SCRATCH/keys. What may not be listed is left over.
list_uploads() {
  local status=0 encoded='' list=(s3api list-multipart-uploads --cli-input-json "file://$SCRATCH/list.request")
  with_requests uploads "$SCRATCH/keys" >"$SCRATCH/list.request"
  request list "${list[@]}" || status=$?
  # Somebody else's key may have a character that XML cannot carry: no XML comes, or none that can be read.
  if [ "$status" -ne 0 ] && { complains list 'Unable to parse' || complains list '(500)'; }; then
    status=0 encoded=yes
    request list "${list[@]}" --encoding-type url || status=$?
  fi
  if [ "$status" -eq 0 ]; then
    with_requests own_uploads "$SCRATCH/list" --arg encoded "$encoded"
  else
    explain_unless_denied list s3:ListBucketMultipartUploads
    note_complaint uploads null s3:ListBucketMultipartUploads list "$status"
  fi
}

# Aborts the uploads in SCRATCH/uploads, and looks for them again: one that a part was on its way to can outlive it.
abort_uploads() {
  [ -s "$SCRATCH/uploads" ] || return 0
  make_requests aborts "$SCRATCH/uploads" uploads s3:AbortMultipartUpload
  list_uploads >"$SCRATCH/open"
  with_requests still_open --slurpfile left_over "$SCRATCH/left_over" "$SCRATCH/open" |
    note_left_over uploads s3:AbortMultipartUpload
}

# Deletes all below the folder of a run's answers, which is the run's own.
delete_answers() { # FOLDER
  local status=0
  request answers s3 rm --recursive --only-show-errors "s3://$BUCKET/${1:?}" || status=$?
  [ "$status" -eq 0 ] ||
    note_complaint answers "$(jq -n --arg folder "$1" '$folder')" 's3:ListBucket and s3:DeleteObject' answers "$status"
}

# A function of requests.jq, over all lines of a file. It knows the keys in SCRATCH/keys, and PER_STREAM.
with_requests() { # FUNCTION ARGUMENT-OF-JQ...
  jq -n -a -c -L "$ROOT/driver" --arg bucket "$BUCKET" --argjson per_stream "$PER_STREAM" \
    --slurpfile keys "$SCRATCH/keys" "include \"delete/requests\"; [inputs] | $1(\$ARGS.named)" "${@:2}"
}

# Makes the requests for all lines of a file, as few as there can be, and notes what they leave.
make_requests() { # listings|deletions|aborts FILE WHAT PERMISSION
  local folder=$SCRATCH/requests
  [ -s "$2" ] || return 0
  rm -rf "$folder"
  mkdir "$folder"
  with_requests "$1" "$2" | into_files "$folder" request undone
  in_parallel "$folder/names" "$AT_ONCE" "deletion_progress $1" "$BASH" "$ROOT/driver/delete/deletion.sh" "$folder"
  find "$folder" -name '*.undone' -exec cat {} + | note_left_over "$3" "$4"
}

deletion_progress() { # listings|deletions|aborts
  printf '%s: %s of %s' "$1" "$(count "$SCRATCH"/requests/*.done)" \
    "$(plural "$(lines "$SCRATCH/requests/names")" request)"
}

note_left_over() { # WHAT PERMISSION
  jq -c --arg what "$1" --arg allow "$2" '.[] | {$what, key, code, message, $allow}' >>"$SCRATCH/left_over"
}

# The same of what `aws` complained of. KEY is JSON; null where it is not known what is left.
note_complaint() { # WHAT KEY PERMISSION NAME STATUS
  jq -n -c -L "$ROOT/driver" --argjson key "$2" --rawfile complaint "$SCRATCH/$4.complaint" --argjson status "$5" \
    'include "complaints"; [{$key} + ($complaint | code_and_message($status))]' | note_left_over "$1" "$3"
}
