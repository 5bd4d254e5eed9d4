#!/usr/bin/env bash
# One invocation, under xargs: its event goes to Lambda, what comes back becomes RUN/answers/<name>.ndjson, one record
# per planned job. Usage: invoke.sh send|fetch RUN SCRATCH FUNCTION TIMEOUT START GIVE-UP DRIVER BUCKET FOLDER NAME
#
# send invokes, and waits for the answer until GIVE-UP; its workers begin at START (both in epoch seconds on this
# machine's clock). fetch takes the answer from FOLDER in the bucket. While RUN/work/<name>.sent exists, an answer may
# still come. Whatever is on its way is in SCRATCH, and stays there where RUN has no room. DRIVER is the process that
# launched it (see process.sh): once it is gone nothing more is sent, what was sent is still taken in.
# Exits 0 whatever happens (255 would stop xargs); an invocation without its file is a missing one.
set -uo pipefail

what=$1 run=$2 scratch=$3 function=$4 timeout=$5 start=$6 give_up=$7 driver=$8 bucket=$9 folder=${10} name=${11}
root=$(CDPATH='' cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
# shellcheck source=driver/process.sh
. "$root/driver/process.sh"
sent=$run/work/$name.sent
base=$scratch/answers/$name
# Nothing ran when Lambda throttled: wait 1, 2, 4, ... 20 s, less up to half by lot, so that a fleet spreads out; at
# most 2 s, and as often as it takes, while the start is ahead.
most_tries=8

start_is_ahead() {
  [ "$(date +%s)" -lt "$start" ]
}

invoke() {
  local left=$((give_up - $(date +%s)))
  [ "$left" -ge 1 ] || left=1
  : >"$base.answer"
  aws lambda invoke --function-name "$function" --payload "fileb://$run/work/$name.event" --output json \
    --cli-connect-timeout 20 --cli-read-timeout "$left" "$base.answer" \
    >"$base.metadata" 2>"$base.complaint" </dev/null
}

back_off() { # TRY
  local most=$((1000 << ($1 - 1))) wait
  [ "$most" -le 20000 ] && [ "$1" -le 6 ] || most=20000
  ! start_is_ahead || [ "$most" -le 2000 ] || most=2000
  wait=$((most - RANDOM % (most / 2)))
  sleep "$((wait / 1000)).$(printf '%03d' $((wait % 1000)))"
}

# Fails where the driver has gone: what was refused then never ran.
send() {
  for ((try = 1; ; try++)); do
    lives "$driver" || return 1
    : >"$sent" || return 1
    status=0
    invoke || status=$?
    case $status:$(<"$base.complaint") in
      0:*) break ;;
      *TooManyRequestsException*)
        printf '%s\n' "$name" >>"$run/work/throttled"
        rm -f "$sent"
        ;;
      *) break ;;
    esac
    [ "$try" -lt "$most_tries" ] || start_is_ahead || break
    back_off "$try"
  done
}

fetch() {
  aws s3api get-object --bucket "$bucket" --key "$folder$name.json" --output json --cli-connect-timeout 20 \
    --cli-read-timeout 60 "$base.fetched" >/dev/null 2>"$base.complaint" </dev/null || return 1
  mv "$base.fetched" "$base.answer"
  try=1 status=0
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
  jq -c -n -L "$root/driver" -f "$root/driver/run/records.jq" "$@" --slurpfile planned "$run/work/$name.jobs" \
    --rawfile beginning "$base.beginning" --rawfile metadata "$base.metadata" --rawfile complaint "$base.complaint" \
    --argjson status "$status" --argjson tries "$try" --argjson timeout "$timeout" --arg function "$function" \
    >"$base.records"
}

# The answer did not arrive, or not whole, and the workers may have run.
lost() {
  [ -n "$torn" ] || { [ "$status" -ne 0 ] && grep -q '"error":{"type":"Unanswered"' "$base.records"; }
}

# Whenever it is cut off, there is the answer or the sign that one may still come. What RUN has no room for stays in
# SCRATCH, whole, and is in the bucket.
keep() {
  local waiting=''
  ! lost || waiting=yes
  # A driver that came later has found the answer.
  [ -z "$waiting" ] || [ -e "$sent" ] || return 0
  awk '/"error":\{"type":/ { failed++ } END { print NR, failed + 0 }' "$base.records" >"$base.counts"
  mv "$base.records" "$base.ndjson"
  if { cp "$base.ndjson" "$run/answers/$name.part" && mv "$run/answers/$name.part" "$run/answers/$name.ndjson"; } \
    2>/dev/null; then
    rm -f "$base.ndjson"
    [ -n "$waiting" ] || rm -f "$sent"
  else
    rm -f "$run/answers/$name.part"
  fi
}

case $what in
  send) ! { send && record; } || keep ;;
  fetch) ! { fetch && record; } || keep ;;
esac
rm -f "$base.answer" "$base.metadata" "$base.complaint" "$base.beginning" "$base.fetched"
exit 0
