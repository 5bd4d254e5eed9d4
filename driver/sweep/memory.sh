# shellcheck shell=bash
# The function's memory in a sweep. SWEEP/memory.json holds the old memory while it is changed. Every end of a sweep but
# SIGKILL restores it.

# A version has its memory for ever, and an alias is one.
check_own_memory() {
  [ -z "$OPT_MEMORY" ] || [[ $FUNCTION =~ ^((arn:[^:]+:lambda:[^:]+:)?[0-9]+:function:)?[^:]+$ ]] ||
    usage "--memory changes a function, and \"$FUNCTION\" is a version or an alias of one, whose memory is fixed:" \
      "--function names the function itself"
}

# The notes of all sweeps that changed a function of this Lambda: `local` has its own, which ends with it.
notes() {
  local note damage
  for note in "$PARENT"/*-sweep/memory.json; do
    any "$note" || continue
    damage='it is empty'
    if [ ! -s "$note" ] || ! damage=$(fits memory.json "$note" 2>&1); then
      say "$(shown "$note") is damaged: $damage. Which memory a function had before that sweep is not known;" \
        "rm $(shown "$note") forgets it"
    elif [ "$(jq -r .endpoint "$note")" = "$(endpoint LAMBDA)" ]; then
      printf '%s\n' "$note"
    fi
  done
}

# Refuses a second sweep over the memory of one function; both would put back what the other had set.
remember_memory() {
  local note
  [ -n "$OPT_MEMORY" ] || return 0
  while IFS= read -r note; do
    [ "$(jq .arn "$note")" = "$(jq .FunctionArn "$SCRATCH/function")" ] || continue
    alone "${note%/*}"
    refuse "the memory of the function \"$FUNCTION\" has to be put back first: $(putting_back "$note")"
  done < <(notes)
  {
    jq --arg function "$FUNCTION" --arg endpoint "$(endpoint LAMBDA)" \
      '{$function, arn: .FunctionArn, memory_mb: .MemorySize, $endpoint}' "$SCRATCH/function" >"$SWEEP/memory.part" &&
      # Whole or not there: what is put back is read from it.
      mv "$SWEEP/memory.part" "$SWEEP/memory.json"
  } 2>"$SCRATCH/unwritten" || no_room "$SWEEP"
  finally put_memory_back
}

# Returns once the function has so much memory. What it complains of otherwise is in SCRATCH/memory.complaint.
give_memory() { # MB
  local tries=0 state
  # To ask for the same again changes nothing.
  local -x AWS_MAX_ATTEMPTS=5
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
  any "$note" || return 0
  memory=$(jq .memory_mb "$note")
  say "putting the memory of the function back to $memory MB"
  # A shell of its own, which may give up: what follows must be said.
  if (find_credentials && give_memory "$memory"); then
    rm -f "$note"
  else
    say "that failed: $(complaint_of memory)"
    say "to put it back: $(putting_back "$note")"
    return 1
  fi
}

# Says what sweeps have not put back: they were killed, or could not.
tell_memory() {
  local note
  while IFS= read -r note; do
    lives "$(cat "${note%/*}/lock" 2>/dev/null)" ||
      say "the sweep $(shown "${note%/*}") ended without putting the function's memory back. To do that:" \
        "$(putting_back "$note") (if the function is gone, only rm $(shown "$note"))"
  done < <(notes)
}

# The command that does it, and then forgets it.
putting_back() { # NOTE
  jq -r --arg note "$(shown "$1")" -L "$ROOT/driver" 'include "text";
    (.arn | split(":")[3] // "" | if . == "" then . else " --region \(word)" end) as $there
    | "aws lambda update-function-configuration\($there) --function-name \(.function | word) "
    + "--memory-size \(.memory_mb) && rm \($note | word)"' "$1"
}
