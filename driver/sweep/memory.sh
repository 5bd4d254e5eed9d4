# shellcheck shell=bash
# The function's memory in a sweep: SWEEP/memory.json tells what it was from before the first change until it is put
# back, which it is whatever ends the sweep.

# A version has its memory for ever, and an alias is one.
check_own_memory() {
  [ -z "$OPT_MEMORY" ] || [[ $FUNCTION =~ ^((arn:[^:]+:lambda:[^:]+:)?[0-9]+:function:)?[^:]+$ ]] ||
    usage "--memory changes a function, and \"$FUNCTION\" is a version or an alias of one, whose memory is fixed:" \
      "--function names the function itself"
}

# Refuses a second sweep over the memory of one function; both would put back what the other had set.
remember_memory() {
  local note
  [ -n "$OPT_MEMORY" ] || return 0
  for note in "$PARENT"/*-sweep/memory.json; do
    if any "$note" && [ "$(jq .arn "$note")" = "$(jq .FunctionArn "$SCRATCH/function")" ]; then
      alone "${note%/*}"
      refuse "the memory of the function \"$FUNCTION\" has to be put back first: $(putting_back "$note")"
    fi
  done
  jq --arg function "$FUNCTION" --argjson loopback "$(loopback)" \
    '{$function, arn: .FunctionArn, memory_mb: .MemorySize, $loopback}' "$SCRATCH/function" >"$SWEEP/memory.json" \
    2>"$SCRATCH/unwritten" || no_room "$SWEEP"
  finally put_memory_back
}

# Returns once the function has so much memory. What it complains of otherwise is in SCRATCH/memory.complaint.
give_memory() { # MB
  local tries=0 state
  until request memory lambda update-function-configuration --function-name "$FUNCTION" --memory-size "$1"; do
    # Lambda takes no change while another is under way.
    complains memory ResourceConflictException && [ $((tries += 1)) -lt 60 ] || return 1
    sleep 1
  done
  while request memory lambda get-function-configuration --function-name "$FUNCTION"; do
    state=$(jq -r '"\(.LastUpdateStatus // "Successful") \(.MemorySize)"' "$SCRATCH/memory")
    [ "$state" != "Successful $1" ] || return 0
    if [ "${state%% *}" = Failed ] || [ $((tries += 1)) -ge 300 ]; then
      jq -r '"the update of the function is \(.LastUpdateStatus): \(.LastUpdateStatusReason // "no reason is told")"' \
        "$SCRATCH/memory" >"$SCRATCH/memory.complaint"
      return 1
    fi
    sleep 1
  done
  return 1
}

put_memory_back() {
  local note=$SWEEP/memory.json memory
  memory=$(jq .memory_mb "$note")
  say "putting the memory of the function back to $memory MB"
  # A shell of its own, which may give up: what follows must be said.
  if (find_credentials && export AWS_MAX_ATTEMPTS=5 && give_memory "$memory"); then
    rm -f "$note"
  else
    say "that failed: $(complaint_of memory)"
    say "to put it back: $(putting_back "$note")"
    return 1
  fi
}

# Says what sweeps that were killed have not put back.
tell_memory() {
  local note
  for note in "$PARENT"/*-sweep/memory.json; do
    if any "$note" && [ "$(jq .loopback "$note")" = "$(loopback)" ] && ! lives "$(cat "${note%/*}/lock")"; then
      say "the sweep $(shown "${note%/*}") was killed before it put the function's memory back, which this does:" \
        "$(putting_back "$note")"
    fi
  done
}

# The command that does it, and then forgets it.
putting_back() { # NOTE
  jq -r --arg note "$(shown "$1")" -L "$ROOT/driver" 'include "text";
    "aws lambda update-function-configuration --region \(.arn | split(":")[3] | word) --function-name "
    + "\(.function | word) --memory-size \(.memory_mb) && rm \($note | word)"' "$1"
}
