#!/usr/bin/env bash
# One request to S3, under xargs: FOLDER/NAME.request goes to the operation that NAME begins with, as in
# delete-objects.1. FOLDER/NAME.undone becomes what it left undone (see undone.jq), NAME.answer what S3 told: of a
# listing the keys, one per line, page after page. Usage: deletion.sh FOLDER NAME
#
# Exits 0 whatever happens (255 would stop xargs).
set -uo pipefail

base=$1/$2
root=$(CDPATH='' cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
status=0 output=(--output json)
[ "${2%%.*}" != list-objects-v2 ] || output=(--output text --query 'Contents[].[Key]')
aws s3api "${2%%.*}" "${output[@]}" --cli-input-json "file://$base.request" --cli-connect-timeout 20 \
  --cli-read-timeout 120 >"$base.answer" 2>"$base.complaint" </dev/null || status=$?
jq -c -L "$root/driver" -f "$root/driver/delete/undone.jq" --rawfile answer "$base.answer" \
  --rawfile complaint "$base.complaint" --argjson status "$status" "$base.request" >"$base.done" &&
  cp "$base.done" "$base.undone"
exit 0
