#!/usr/bin/env bash
# One invocation, under xargs: its event goes to Lambda, what comes back becomes RUN/answers/<name>.ndjson, one record
# per planned job. Usage: invoke.sh send|fetch RUN FUNCTION TIMEOUT BUCKET UNTIL NAME
#
# send invokes; a squad's answer that does not arrive is looked for in the bucket until the epoch second UNTIL. fetch
# looks in the bucket alone. While RUN/work/<name>.sent exists, an answer may still come.
# Exits 0 whatever happens (255 would stop xargs); an invocation without its file is a missing one.
set -uo pipefail

what=$1 run=$2 function=$3 timeout=$4 bucket=$5 until=$6 name=$7
root=$(CDPATH='' cd "${BASH_SOURCE[0]%/*}/.." && pwd)
base=$run/work/$name
squad=false
grep -q '^{"jobs":' "$base.event" && squad=true
# Nothing ran when Lambda throttled: wait 1, 2, 4, ... 20 s, less up to half by lot, so that a fleet spreads out.
most_tries=8

invoke() {
  : >"$base.answer"
  aws lambda invoke --function-name "$function" --payload "fileb://$base.event" --output json \
    --cli-connect-timeout 20 --cli-read-timeout $((timeout + 60)) "$base.answer" \
    >"$base.metadata" 2>"$base.complaint" </dev/null
}

back_off() { # TRY
  local most=$((1000 << ($1 - 1))) wait
  [ "$most" -le 20000 ] || most=20000
  wait=$((most - RANDOM % (most / 2)))
  sleep "$((wait / 1000)).$(printf '%03d' $((wait % 1000)))"
}

send() {
  for ((try = 1; ; try++)); do
    status=0
    : >"$base.sent"
    invoke || status=$?
    case $status:$(<"$base.complaint") in
      0:*) break ;;
      *TooManyRequestsException*) printf '%s\n' "$name" >>"$run/work/throttled" ;;
      *) break ;;
    esac
    [ "$try" -lt "$most_tries" ] || break
    back_off "$try"
  done
}

# The squad puts its answer into the bucket before it gives it. Looks at least twice, UNTIL may be past.
fetch() {
  local looks=0
  while ! aws s3api get-object --bucket "$bucket" --key "terabit-runs/${run##*/}/$name.json" --output json \
    --cli-connect-timeout 20 --cli-read-timeout 60 "$base.fetched" >/dev/null 2>&1 </dev/null; do
    looks=$((looks + 1))
    [ "$looks" -lt 2 ] || [ "$(date +%s)" -lt "$until" ] || return 1
    sleep 2
  done
  mv "$base.fetched" "$base.answer"
  status=0
  printf '{}' >"$base.metadata"
  : >"$base.complaint"
}

# --slurpfile refuses what is not JSON, a torn answer among it: then its beginning is all that is looked at.
record() {
  head -c 400 "$base.answer" >"$base.beginning"
  torn=''
  convert --slurpfile answer "$base.answer" 2>/dev/null && return
  torn=yes
  convert --argjson answer '[]'
}

convert() {
  jq -c -n -L "$root/jq" -f "$root/jq/records.jq" "$@" --argjson squad "$squad" \
    --slurpfile planned "$base.jobs" --rawfile beginning "$base.beginning" --rawfile metadata "$base.metadata" \
    --rawfile complaint "$base.complaint" --argjson status "$status" --argjson tries "$try" \
    --argjson timeout "$timeout" --arg function "$function" >"$base.records"
}

# The answer did not arrive, or not whole, and the workers may have run.
lost() {
  [ -n "$torn" ] || { [ "$status" -ne 0 ] && grep -q '"error":{"type":"Unanswered"' "$base.records"; }
}

try=1
if [ "$what" = send ]; then
  send
  record || exit 0
  if lost && [ "$squad" = true ] && fetch; then
    record || exit 0
  fi
else
  fetch && record || exit 0
fi
# In this order: whenever it is cut off, there is the answer or the sign that one may still come.
lost && waiting=yes || waiting=''
mv "$base.records" "$run/answers/$name.ndjson"
[ -n "$waiting" ] || rm -f "$base.sent"
exit 0
