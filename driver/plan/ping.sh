# shellcheck shell=bash
# One ping before every run, on the way that its jobs will take: it proves the function, its version, its right to
# invoke itself where squads will be used, the bucket and the region, and bounds the offset of this machine's clock.

# How long it may take, in seconds: a worker tries for 30 s, and a new environment for it and one for its squad start.
PING_S=60

# Leaves what it told in SCRATCH/ping. A squad of one does its job itself, one of two invokes two workers.
ping() { # NUMBER-OF-PINGS
  local tries=0
  say "ping"
  jq -n -c --arg bucket "$BUCKET" --argjson pings "$1" '{jobs: [range($pings) | {op: "ping", bucket: $bucket}]}' \
    >"$SCRATCH/ping.event"
  # For a moment after a change Lambda may go on with what the function was.
  while ping_once "$1" && jq -e .early "$SCRATCH/ping" >/dev/null && [ $((tries += 1)) -lt 10 ]; do sleep 3; done
  jq -r '.refusal // empty | "the ping failed: " + .' "$SCRATCH/ping" >"$SCRATCH/ping.complaint"
  [ ! -s "$SCRATCH/ping.complaint" ] || unpinged
}

ping_once() { # NUMBER-OF-PINGS
  local before after
  : >"$SCRATCH/ping.answer"
  before=$(now)
  start_group invoke_function "$FUNCTION" "$SCRATCH/ping.event" "$SCRATCH/ping.answer" "$PING_S" \
    </dev/null >"$SCRATCH/ping.metadata" 2>"$SCRATCH/ping.complaint"
  wait "$GROUP" || unpinged
  after=$(now)
  jq_program plan/ping -n --rawfile answer "$SCRATCH/ping.answer" --argjson before "$before" \
    --argjson after "$after" --argjson pings "$1" --arg own "$(own_version)" \
    --argjson memory "$(jq .MemorySize "$SCRATCH/function")" >"$SCRATCH/ping"
}

unpinged() {
  explain ping lambda:InvokeFunction "the function \"$FUNCTION\" does not answer a ping; nothing was launched"
}

# The version of this folder; nothing where Cargo.toml is not beside the driver.
own_version() {
  [ ! -f "$ROOT/Cargo.toml" ] || awk -F '"' '/^version *=/ { printf "%s", $2; exit }' "$ROOT/Cargo.toml"
}
