# shellcheck shell=bash
# What is asked of AWS before anything is launched, all at once. Each refusal names the command that mends it.

ask_too() { # NAME ARGUMENT...
  ask "$@"
  ASKED="$ASKED $1:$GROUP"
}

# Leaves the function's configuration in SCRATCH/function. LAUNCH_CPU is the processor time that one aws process took.
preflight() { # OP
  if [ -z "$BUCKET" ]; then
    suppose_a_function
    return
  fi
  find_credentials
  ask_all "$1"
  # shellcheck disable=SC2034 # fleet.sh reads it
  LAUNCH_CPU=$(awk '{ sum += $1 + $2 } END { printf "%.3f", sum / NR }' "$SCRATCH"/*.took)
  ! failed function || explain function lambda:GetFunctionConfiguration \
    "the function \"$FUNCTION\" cannot be asked for; nothing was launched: try again in a minute; aws lambda" \
    "get-function-configuration --function-name $FUNCTION${AWS_REGION:+ --region $AWS_REGION} asks the same"
  check_bucket
  [[ $ASKED != *" encryption:"* ]] || check_writable "$BUCKET" "$(jq -r '.Role // ""' "$SCRATCH/function")"
  ! failed account || unknown "the account's concurrency" account
  ! failed concurrency || unknown "the concurrency that is reserved for the function" concurrency
  ! failed versioning || unknown "whether the bucket keeps versions" versioning
  check_objects
  ask_network
}

# A dry run where nothing is deployed.
suppose_a_function() {
  local memory
  memory=$(whole 'MEMORY, in MB,' "${MEMORY:-$USUAL_MEMORY}" 128 10240)
  say "no bucket is known, so AWS was not asked and nothing was checked: this is the plan for a function of" \
    "$memory MB, as make deploy makes it (MEMORY=... for another size)"
  jq -n -c --argjson memory "$memory" --arg arch "$USUAL_ARCH" --argjson timeout "$USUAL_TIMEOUT" \
    '{MemorySize: $memory, Architectures: [$arch], Timeout: $timeout}' >"$SCRATCH/function"
}

# Leaves the answers in SCRATCH, and in FAILED the names of the questions that have none.
ask_all() { # OP
  local asked
  FAILED=' ' ASKED=''
  ask_too function lambda get-function-configuration --function-name "$FUNCTION"
  ask_too bucket s3api head-bucket --bucket "$BUCKET"
  # Of one worker alone the ping shows whether there is room.
  if [ "${NUMBERS:-$NUMBER}" != 1 ] || [ -n "$OPT_DRY_RUN" ]; then
    ask_too account lambda get-account-settings
    ask_too concurrency lambda get-function-concurrency --function-name "$FUNCTION"
  fi
  # On loopback objects are lost when `local` ends. One of the run's own shows whether it is still the same `local`.
  if [ -s "$SCRATCH/known_records" ] && [ "$(loopback)" = true ]; then
    jq -c -n -R --arg bucket "$BUCKET" 'first(inputs | fromjson? | objects | select(.error == null) | .key | strings)
      | {Bucket: $bucket, Prefix: ., MaxKeys: 1}' "$SCRATCH/known_records" >"$SCRATCH/one"
    [ ! -s "$SCRATCH/one" ] || ask_too object s3api list-objects-v2 --cli-input-json "file://$SCRATCH/one"
  fi
  # make deploy makes no bucket that refuses writes, or keeps versions.
  if [ "$1" = write ] && [ "$(loopback)" = false ] && [ "$(saved OWN_BUCKET):$(saved BUCKET)" != "yes:$BUCKET" ]; then
    for asked in versioning:get-bucket-versioning $BUCKET_QUESTIONS; do
      ask_too "${asked%:*}" s3api "${asked#*:}" --bucket "$BUCKET"
    done
  fi
  start_watching waiting_for_aws
  for asked in $ASKED; do
    wait "${asked#*:}" || FAILED="$FAILED${asked%%:*} "
  done
  stop_watching
}

failed() { # NAME
  [[ $FAILED == *" $1 "* ]]
}

# Whether the bucket is there. What this machine may not ask is left to the ping.
check_bucket() {
  failed bucket || return 0
  explain_unless_denied bucket s3:ListBucket
  say "the bucket cannot be looked at from here; the ping will tell: $(complaint_of bucket)"
}

unknown() { # WHAT NAME
  say "$1 could not be asked for, so it is not checked: $(complaint_of "$2")"
}

# Whether the objects of the run that is read, or completed, are there.
check_objects() {
  [[ $ASKED != *" object:"* ]] || failed object ||
    jq -e -n '[inputs.Contents[]?] != []' "$SCRATCH/object" >/dev/null ||
    refuse "the run's objects are not here: it was made on loopback, and they were lost when its local ended:" \
      "$CALLED write 8 64 makes new ones"
}

# Whether the account has opted in to more network: asked only of functions that could get it.
ask_network() {
  if [ -z "$BUCKET" ] || on_this_machine LAMBDA ||
    ! jq -e -L "$ROOT/driver" 'include "plan/network"; can_have_more' "$SCRATCH/function" >/dev/null; then
    return 0
  fi
  request network service-quotas list-service-quotas --service-code lambda ||
    unknown "how much network the account has opted in to" network
}
