# shellcheck shell=bash
# What the stack's bucket holds, and its removal: objects, versions, delete markers, open uploads.

# How often a bucket is looked at again that still holds something: a worker may just have written it.
MOST_SWEEPS=4

# Leaves what the stack's bucket holds in SCRATCH/objects and SCRATCH/uploads, and the requests that remove it in
# SCRATCH/cut. A bucket that is gone holds nothing.
look_into_bucket() {
  : >"$SCRATCH/cut"
  : >"$SCRATCH/uploads"
  if ! request objects s3api list-object-versions --bucket "$OWN_BUCKET"; then
    ! complains objects NoSuchBucket || return 0
    blame objects s3:ListBucketVersions
  fi
  request uploads s3api list-multipart-uploads --bucket "$OWN_BUCKET" || blame uploads s3:ListBucketMultipartUploads
  jq -n -a -c -L "$ROOT/driver" -f "$ROOT/deploy/empty_requests.jq" --arg bucket "$OWN_BUCKET" "$SCRATCH/objects" \
    "$SCRATCH/uploads" >"$SCRATCH/cut"
}

how_many() { # WORD FILTER NAME
  plural "$(jq -n "[inputs | $2] | length" "$SCRATCH/$3")" "$1"
}

empty_bucket() {
  local sweep
  # What AWS refuses for the moment may be tried again: a deletion is the same the second time.
  export AWS_MAX_ATTEMPTS=5
  for ((sweep = 1; sweep <= MOST_SWEEPS; sweep++)); do
    [ -s "$SCRATCH/cut" ] || return 0
    make_requests objects "$SCRATCH/cut" >"$SCRATCH/left"
    if ! jq -e -s --argjson last "$((sweep == MOST_SWEEPS))" 'all(.[]; .again and $last == 0)' \
      "$SCRATCH/left" >/dev/null; then
      jq -r '"\(.key): \(.code): \(.message)"' "$SCRATCH/left" >"$SCRATCH/left.complaint"
      blame left 's3:DeleteObject, s3:DeleteObjectVersion and s3:AbortMultipartUpload'
    fi
    look_into_bucket
  done
  [ ! -s "$SCRATCH/cut" ] || refuse "something still writes to $OWN_BUCKET: workers go on for up to $TIMEOUT s;" \
    "$(again) goes on from there"
}
