#!/usr/bin/env bash
# One invocation, under xargs: its event goes to Lambda, what comes back becomes ANSWERS/<number>.ndjson, one
# record per planned job. Usage: invoke.sh SCRATCH ANSWERS FUNCTION TIMEOUT NUMBER
#
# Exits 0 whatever happens (255 would stop xargs); an invocation without its file is a missing one.
set -uo pipefail

scratch=$1 answers=$2 function=$3 timeout=$4 number=$5
root=$(CDPATH='' cd "${BASH_SOURCE[0]%/*}/.." && pwd)
base=$scratch/invocations/$number
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

# --slurpfile refuses what is not JSON, a torn answer among it: then its beginning is all that is looked at.
record() {
  jq -c -n -L "$root/jq" -f "$root/jq/records.jq" "$@" \
    --slurpfile planned "$base.jobs" --rawfile beginning "$base.beginning" --rawfile metadata "$base.metadata" \
    --rawfile complaint "$base.complaint" --argjson status "$status" --argjson tries "$try" \
    --argjson timeout "$timeout" --arg function "$function" >"$answers/$number.part"
}

for ((try = 1; ; try++)); do
  status=0
  invoke || status=$?
  case $status:$(<"$base.complaint") in
    0:*) break ;;
    *TooManyRequestsException*) printf '%s\n' "$number" >>"$scratch/throttled" ;;
    *) break ;;
  esac
  [ "$try" -lt "$most_tries" ] || break
  back_off "$try"
done

head -c 400 "$base.answer" >"$base.beginning"
if record --slurpfile answer "$base.answer" 2>/dev/null || record --argjson answer '[]'; then
  mv "$answers/$number.part" "$answers/$number.ndjson"
fi
exit 0
