#!/usr/bin/env bash
# One invocation, under xargs: its event goes to Lambda, what comes back becomes RUN/answers/<name>.ndjson, one record
# per planned job. Usage: invoke.sh send|fetch RUN SCRATCH FUNCTION START GIVE-UP DRIVER BUCKET FOLDER NAME
#
# send invokes, and waits for the answer until GIVE-UP; its workers begin at START (both in epoch seconds on this
# machine's clock). fetch takes the answer from FOLDER in the bucket. While RUN/work/<name>.sent exists, an answer may
# still come. SCRATCH/no-room tells that RUN could not take one. DRIVER is the process that launched it: once it is gone
# nothing more is sent, what was sent is still taken in.
# Exits 0 whatever happens (255 would stop xargs); an invocation without its file is a missing one.
set -uo pipefail

what=$1 run=$2 scratch=$3 function=$4 start=$5 give_up=$6 driver=$7 bucket=$8 folder=$9 name=${10}
root=$(CDPATH='' cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
# shellcheck source=driver/process.sh
. "$root/driver/process.sh"
# shellcheck source=driver/aws.sh
. "$root/driver/aws.sh"
sent=$run/work/$name.sent
base=$scratch/answers/$name
# Nothing ran when Lambda throttled: wait 1, 2, 4, ... 20 s, less up to half at random, so that a fleet spreads out; at
# most 2 s, and as often as it takes, while the start is ahead.
most_tries=8

start_is_ahead() {
  [ "$(date +%s)" -lt "$start" ]
}

back_off() { # TRY
  local most=20000 wait
  [ "$1" -gt 5 ] || most=$((1000 << ($1 - 1)))
  ! start_is_ahead || [ "$most" -le 2000 ] || most=2000
  wait=$((most - RANDOM % (most / 2)))
  sleep "$((wait / 1000)).$(printf '%03d' $((wait % 1000)))"
}

# Fails where the driver has gone before Lambda took the invocation: nothing ran.
send() {
  local time_left
  for ((try = 1; ; try++)); do
    lives "$driver" || return 1
    : >"$sent" || return 1
    : >"$base.answer"
    time_left=$((give_up - $(date +%s)))
    status=0
    invoke_function "$function" "$run/work/$name.event" "$base.answer" $((time_left > 1 ? time_left : 1)) \
      >"$base.metadata" 2>"$base.complaint" </dev/null || status=$?
    [ "$status" -ne 0 ] && [[ $(<"$base.complaint") == *TooManyRequestsException* ]] || break
    printf '%s\n' "$name" >>"$run/work/throttled"
    rm -f "$sent"
    [ "$try" -lt "$most_tries" ] || start_is_ahead || break
    back_off "$try"
  done
}

fetch() {
  aws s3api get-object --bucket "$bucket" --key="$folder$name.json" --cli-connect-timeout 20 --cli-read-timeout 60 \
    "$base.answer" >/dev/null 2>"$base.complaint" </dev/null || return 1
  try=1 status=0
  printf '{}' >"$base.metadata"
  : >"$base.complaint"
}

# Leaves the records in RUN/answers, and in SCRATCH how many they are, how many of a failed job, and whether the answer
# is lost. Whenever this is interrupted, either the answer or its .sent is there.
record() {
  local part=$run/answers/$name.part counts
  jq -c -r -n -L "$root/driver" -f "$root/driver/run/records.jq" --slurpfile planned "$run/work/$name.jobs" \
    --rawfile answer "$base.answer" --rawfile metadata "$base.metadata" --rawfile complaint "$base.complaint" \
    --argjson status "$status" --argjson tries "$try" >"$base.found" || return 1
  {
    IFS= read -r counts
    # A driver that came later has found the answer.
    [ "${counts##* }" != lost ] || [ -e "$sent" ] || return 0
    if { cat >"$part" && mv "$part" "$run/answers/$name.ndjson"; } 2>/dev/null; then
      printf '%s\n' "$counts" >"$base.counts"
      [ "${counts##* }" = lost ] || rm -f "$sent"
    else
      rm -f "$part"
      : >"$scratch/no-room"
    fi
  } <"$base.found"
}

case $what in
  send) ! send || record ;;
  fetch) ! fetch || record ;;
esac
rm -f "$base.answer" "$base.metadata" "$base.complaint" "$base.found"
exit 0
