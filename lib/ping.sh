# shellcheck shell=bash
# One ping before every run, on the way that its jobs will take: it proves the function, its right to invoke itself
# where squads will be used, the bucket and the region, and bounds the offset of this machine's clock.

# How long it may take, in seconds: a new environment for a squad and for its worker, and some tries.
PING_PATIENCE=60

# Writes {"took_s", "clock", "ping"} into a file.
ping() { # SQUAD-OF-ONE? FILE
  local before after status=0
  say "ping"
  jq -n -c --arg bucket "$BUCKET" --arg squad "$1" \
    '{op: "ping", bucket: $bucket} | if $squad == "yes" then {jobs: [.]} else . end' >"$SCRATCH/ping.event"
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
  jq -n -L "$ROOT/jq" -f "$ROOT/jq/ping.jq" --rawfile answer "$SCRATCH/ping.answer" --argjson before "$before" \
    --argjson after "$after" >"$2"
  status=$(jq -r '.refusal // empty' "$2")
  [ -z "$status" ] || refuse "the ping failed: $status"
  compare_version "$(jq -r .ping.version "$2")"
}

# The function may be older than this folder.
compare_version() { # VERSION
  local line own=''
  [ -f "$ROOT/Cargo.toml" ] || return 0
  while IFS= read -r line; do
    [[ $line =~ ^version\ *=\ *\"([^\"]+)\" ]] && own=${BASH_REMATCH[1]} && break
  done <"$ROOT/Cargo.toml"
  [ -z "$own" ] || [ "$own" = "$1" ] || say "the function is version $1, this folder is $own: make deploy brings it up"
}
