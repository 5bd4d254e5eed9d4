# shellcheck shell=bash
# One ping before every run, on the way that its jobs will take: it proves the function, its version, its right to
# invoke itself where squads will be used, the bucket and the region, and bounds the offset of this machine's clock.

# How long it may take, in seconds: a worker tries for 30 s, and a new environment for it and one for its squad start.
PING_PATIENCE=60

# Writes {"took_s", "clock", "ping"} into a file. A squad of one does its job itself, one of two invokes two workers.
ping() { # SQUADS?, yes or empty; FILE
  local before after status=0 pings=1
  [ "$1" != yes ] || pings=2
  say "ping"
  jq -n -c --arg bucket "$BUCKET" --argjson pings "$pings" '{jobs: [range($pings) | {op: "ping", bucket: $bucket}]}' \
    >"$SCRATCH/ping.event"
  : >"$SCRATCH/ping.answer"
  before=$(now)
  in_group "$SCRATCH/ping.metadata" "$SCRATCH/ping.complaint" aws lambda invoke --function-name "$FUNCTION" \
    --payload "fileb://$SCRATCH/ping.event" --output json --cli-connect-timeout 10 --cli-read-timeout "$PING_PATIENCE" \
    "$SCRATCH/ping.answer" || status=$?
  after=$(now)
  if [ "$status" -ne 0 ]; then
    case $(<"$SCRATCH/ping.complaint") in
      *"Read timeout"*)
        refuse "no answer to the ping within $PING_PATIENCE s: Lambda may have had no room for a worker (429), for" \
          "other functions take the account's concurrency or an earlier run goes on; try again in a minute"
        ;;
      *TooManyRequestsException*)
        refuse "Lambda has no room for one worker now (429): other functions take the account's concurrency, or" \
          "an earlier run goes on; try again in a minute"
        ;;
    esac
    explain "$(cat "$SCRATCH/ping.complaint")" lambda:InvokeFunction
  fi
  jq_program plan/ping -n --rawfile answer "$SCRATCH/ping.answer" --argjson before "$before" \
    --argjson after "$after" --argjson pings "$pings" --arg own "$(own_version)" >"$2"
  status=$(jq -r '.refusal // empty' "$2")
  [ -z "$status" ] || refuse "$status"
}

# The version of this folder; nothing where Cargo.toml is not beside the driver.
own_version() {
  local line
  [ -f "$ROOT/Cargo.toml" ] || return 0
  while IFS= read -r line; do
    if [[ $line =~ ^version\ *=\ *\"([^\"]+)\" ]]; then
      printf '%s' "${BASH_REMATCH[1]}"
      return
    fi
  done <"$ROOT/Cargo.toml"
}
