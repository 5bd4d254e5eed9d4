# shellcheck shell=bash
# Requests to S3 that list and delete. What they leave goes to SCRATCH/left_over: {what, key, code, message, allow}, a
# line for each key; allow is the permission to look for. The CLI tries again what S3 refused for the moment.

# S3 takes 3,500 deletions a second, each key of a request is one: more at once would only be throttled.
AT_ONCE=4

# Leaves in SCRATCH/keys, of the keys in SCRATCH/named, the objects to delete: those keys, or the objects of the streams
# that they are; in SCRATCH/strangers what else is below those streams. What may not be listed is left over.
list_objects() { # STREAMS: true or false
  : >"$SCRATCH/strangers"
  if [ "$1" = false ]; then
    cp "$SCRATCH/named" "$SCRATCH/keys"
    return
  fi
  make_requests listings "$SCRATCH/named" streams s3:ListBucket
  find "$SCRATCH/requests" -name '*.answer' -exec cat {} + >"$SCRATCH/below"
  named own "$1" -R "$SCRATCH/below" >"$SCRATCH/keys"
  named strangers "$1" -R "$SCRATCH/below" >"$SCRATCH/strangers"
}

# Leaves in a file of SCRATCH the open uploads of the keys in SCRATCH/named. What may not be listed is left over.
list_uploads() { # STREAMS FILE
  local status=0
  : >"$SCRATCH/$2"
  with_requests uploads "$SCRATCH/named" >"$SCRATCH/list.request"
  request list s3api list-multipart-uploads --cli-input-json "file://$SCRATCH/list.request" || status=$?
  if [ "$status" -eq 0 ]; then
    named own_uploads "$1" "$SCRATCH/list" >"$SCRATCH/$2"
  else
    explain_unless_denied list s3:ListBucketMultipartUploads
    note_complaint uploads null s3:ListBucketMultipartUploads list "$status"
  fi
}

# Aborts the uploads in SCRATCH/uploads, and looks for them again: one that a part was on its way to can outlive it.
abort_uploads() { # STREAMS
  [ -s "$SCRATCH/uploads" ] || return 0
  make_requests aborts "$SCRATCH/uploads" uploads s3:AbortMultipartUpload
  list_uploads "$1" open
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

# A function of requests.jq, over all lines of a file.
with_requests() { # FUNCTION ARGUMENT-OF-JQ...
  local function=$1
  shift
  jq -n -a -c -L "$ROOT/driver" --arg bucket "$BUCKET" \
    "include \"delete/requests\"; [inputs] | $function(\$ARGS.named)" "$@"
}

# The same of what a listing showed, for the keys in SCRATCH/named.
named() { # FUNCTION STREAMS ARGUMENT-OF-JQ...
  local function=$1 streams=$2
  shift 2
  with_requests "$function" --slurpfile keys "$SCRATCH/named" --arg streams "$streams" "$@"
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
