# shellcheck shell=bash
# One ping before every run, on the way that its jobs will take: it proves the function, its version, its right to
# invoke itself where squads will be used, the bucket and the region, and bounds the offset of this machine's clock.

# How long it may take, in seconds: a worker tries for 30 s, and a new environment for it and one for its squad start.
PING_S=60

# Leaves what it told in SCRATCH/ping. A squad of one does its job itself, one of two invokes two workers.
ping() {
  local tries=0
  say "ping"
  jq -c --arg bucket "$BUCKET" '{jobs: [range(if .squad > 1 then 2 else 1 end) | {op: "ping", $bucket}]}' \
    "$SCRATCH/fleet" >"$SCRATCH/ping.event"
  while ! ping_once; do
    # For a moment after a change Lambda may go on with what the function was, and S3 with what its role might.
    jq -e .early "$SCRATCH/ping" >/dev/null && [ $((tries += 1)) -lt 10 ] || unpinged
    sleep 3
  done
}

# Fails where the answer is a refusal, which is then in SCRATCH/ping.complaint.
ping_once() {
  # This machine's clock is compared, not the one that an earlier launch has told.
  # shellcheck disable=SC2034 # now reads it
  local before after CLOCK_OFFSET=0
  : >"$SCRATCH/ping.answer"
  before=$(now)
  start_group invoke_function "$FUNCTION" "$SCRATCH/ping.event" "$SCRATCH/ping.answer" "$PING_S" \
    </dev/null >"$SCRATCH/ping.metadata" 2>"$SCRATCH/ping.complaint"
  wait "$GROUP" || unpinged
  after=$(now)
  jq_program plan/ping --rawfile answer "$SCRATCH/ping.answer" --argjson before "$before" --argjson after "$after" \
    --slurpfile lambda "$SCRATCH/function" --arg own "$(own_version)" "$SCRATCH/ping.event" >"$SCRATCH/ping"
  jq -r '.refusal // empty | "the ping failed: " + .' "$SCRATCH/ping" >"$SCRATCH/ping.complaint"
  [ ! -s "$SCRATCH/ping.complaint" ]
}

unpinged() {
  explain ping lambda:InvokeFunction "the function \"$FUNCTION\" does not answer a ping; nothing was launched"
}
