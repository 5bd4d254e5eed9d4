# shellcheck shell=bash
# What is asked of AWS before anything is launched, all at once. Each refusal names the command that mends it.

ask_too() { # NAME ARGUMENT...
  ask "$@"
  ASKED="$ASKED $1:$GROUP"
}

# Leaves the function's configuration in SCRATCH/function. LAUNCH_CPU is the processor time that one aws process took.
preflight() { # OP
  find_credentials
  ask_all "$1"
  # shellcheck disable=SC2034 # fleet.sh reads it
  LAUNCH_CPU=$(awk '{ sum += $1 + $2 } END { printf "%.3f", sum / NR }' "$SCRATCH"/*.took)
  check_function
  check_bucket
  check_writable "$BUCKET" "$(jq -r '.Role // ""' "$SCRATCH/function")"
  warn
  ask_network
}

# Leaves the answers in SCRATCH, and in FAILED the names of the questions that have none.
ask_all() { # OP
  local asked
  FAILED=' ' ASKED=''
  ask_too function lambda get-function-configuration --function-name "$FUNCTION"
  ask_too account lambda get-account-settings
  ask_too concurrency lambda get-function-concurrency --function-name "$FUNCTION"
  ask_too bucket s3api head-bucket --bucket "$BUCKET"
  if [ "$1" = write ] && [ "$(loopback)" = false ]; then
    ask_too versioning s3api get-bucket-versioning --bucket "$BUCKET"
    # make deploy makes no bucket that refuses writes.
    if [ "$(saved OWN_BUCKET):$(saved BUCKET)" != "yes:$BUCKET" ]; then
      for asked in $BUCKET_QUESTIONS; do
        ask_too "${asked%:*}" s3api "${asked#*:}" --bucket "$BUCKET"
      done
    fi
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

check_function() {
  ! failed function || explain function lambda:GetFunctionConfiguration \
    "the function \"$FUNCTION\" cannot be asked for; nothing was launched: try again in a minute; aws lambda" \
    "get-function-configuration --function-name $FUNCTION asks the same"
}

# Whether the bucket is there, and where the function is. What this machine may not ask is left to the ping.
check_bucket() {
  local here there
  if failed bucket; then
    explain_unless_denied bucket s3:ListBucket
    say "the bucket cannot be looked at from here; the ping will tell: $(complaint_of bucket)"
  else
    here=$(jq -r '.FunctionArn // "" | split(":")[3] // ""' "$SCRATCH/function")
    there=$(jq -r '.BucketRegion // ""' "$(answer_of bucket)")
    [ -z "$here" ] || [ -z "$there" ] || [ "$here" = "$there" ] ||
      refuse "the bucket \"$BUCKET\" is in $there, the function in $here: AWS_REGION=$there make deploy makes a" \
        "function there, --bucket names a bucket in $here"
  fi
}

# What does not keep a run from starting, but changes what it measures or costs.
warn() {
  local vpc
  vpc=$(jq -r '.VpcConfig.VpcId // ""' "$SCRATCH/function")
  [ -z "$vpc" ] || say "the function is in a VPC ($vpc): its NAT or endpoint is measured, and may bill each GB;" \
    "aws lambda update-function-configuration --function-name $FUNCTION --vpc-config" \
    "'SubnetIds=[],SecurityGroupIds=[]'"
  ! failed account || unknown "the account's concurrency" account
  if failed versioning; then
    unknown "whether the bucket keeps versions" versioning
  elif [ "$(jq -r '.Status // ""' "$(answer_of versioning)")" = Enabled ]; then
    say "the bucket keeps versions: what is deleted goes on costing; aws s3api put-bucket-versioning --bucket" \
      "$BUCKET --versioning-configuration Status=Suspended"
  fi
}

unknown() { # WHAT NAME
  say "$1 could not be asked for, so it is not checked: $(complaint_of "$2")"
}

# Whether the account has opted in to more network: asked only where it would show.
ask_network() {
  if on_this_machine LAMBDA ||
    ! jq -e -L "$ROOT/driver" 'include "plan/network"; can_have_more' "$SCRATCH/function" >/dev/null; then
    return 0
  fi
  request network service-quotas list-service-quotas --service-code lambda ||
    unknown "how much network the account has opted in to" network
}
