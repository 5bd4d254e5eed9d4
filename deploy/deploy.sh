#!/usr/bin/env bash
# make deploy: bucket and role as a CloudFormation stack, the function by cargo-lambda, what was deployed in .deployed.
# What is set (BUCKET, REGION, MEMORY, ARCH, STACK, ROLE_ARN, TAGS) stands above what .deployed says of the same stack.
set -euo pipefail

PROGRAM=deploy
# shellcheck source=deploy/place.sh
. "${BASH_SOURCE[0]%/*}/place.sh"

# Fills MEMORY, ARCH, ROLE_ARN, GIVEN_BUCKET and the tags; refuses what AWS would refuse after minutes of building.
options() {
  local tag tags
  MEMORY=${MEMORY:-$(kept MEMORY)}
  MEMORY=$(whole 'MEMORY, in MB,' "${MEMORY:-$USUAL_MEMORY}" 128 10240)
  ARCH=${ARCH:-$(kept ARCH)}
  ARCH=${ARCH:-$USUAL_ARCH}
  [[ $ARCH =~ ^(x86_64|arm64)$ ]] || usage "ARCH is \"$ARCH\"; x86_64 and arm64 are accepted"
  # Set and empty takes back what was given before.
  ROLE_ARN=${ROLE_ARN-$(kept ROLE_ARN)}
  [[ -z $ROLE_ARN || $ROLE_ARN =~ ^arn:aws[a-z-]*:iam::[0-9]{12}:role/[^[:space:]]+$ ]] ||
    usage "ROLE_ARN is \"$ROLE_ARN\"; one like arn:aws:iam::123456789012:role/name is accepted"
  GIVEN_BUCKET=${BUCKET:-}
  [ -n "$GIVEN_BUCKET" ] || [ "$(kept OWN_BUCKET)" = yes ] || GIVEN_BUCKET=$(kept BUCKET)
  TAGS=${TAGS-$(kept TAGS)}
  # .deployed has a line for each name.
  TAGS=${TAGS//[[:space:]]/ }
  FUNCTION_TAGS=(--tag terabit=worker)
  STACK_TAGS=()
  read -r -a tags <<<"$TAGS"
  for tag in "${tags[@]+"${tags[@]}"}"; do
    [[ $tag =~ ^[A-Za-z0-9+./@_-]{1,128}=[A-Za-z0-9+.:/@_=-]{0,255}$ && $tag != aws* && $tag != terabit=* ]] ||
      usage "TAGS holds \"$tag\"; key=value with spaces between is accepted, of letters, digits and + - . / @ _"
    FUNCTION_TAGS+=(--tag "$tag")
  done
  [ "${#tags[@]}" -eq 0 ] || STACK_TAGS=(--tags "${tags[@]}")
}

# Bucket and role that are given do not take the place of those that the stack has made: it would remove them.
check_given() {
  local ways
  ways="another STACK=... makes one of its own; $(again destroy) removes this one first"
  [ "$GIVEN_BUCKET" != "$OWN_BUCKET" ] || GIVEN_BUCKET=''
  [ -z "$OWN_BUCKET" ] || [ -z "$GIVEN_BUCKET" ] ||
    refuse "BUCKET=$GIVEN_BUCKET would remove the bucket that the stack $STACK has made, $OWN_BUCKET: $ways"
  [ -z "$OWN_ROLE" ] || [ -z "$ROLE_ARN" ] ||
    refuse "ROLE_ARN=$ROLE_ARN would remove the role that the stack $STACK has made, $OWN_ROLE: $ways"
  KEY_ARN=''
  [ -z "$GIVEN_BUCKET" ] || check_given_bucket
}

# A given bucket must be there, in this region, of a kind that the stack's role can be given, and take workers' writes.
check_given_bucket() {
  local there question
  check_bucket_name BUCKET "$GIVEN_BUCKET"
  [ -n "$ROLE_ARN" ] || [[ ! $GIVEN_BUCKET =~ (--x-s3|-s3alias)$ ]] ||
    refuse "$GIVEN_BUCKET is a directory bucket or an alias, to which rights are given in another way" \
      "(s3express:CreateSession): name a role that has them with ROLE_ARN="
  request bucket s3api head-bucket --bucket "$GIVEN_BUCKET" || blame bucket s3:ListBucket
  there=$(jq -r '.BucketRegion // ""' "$SCRATCH/bucket")
  [ -z "$there" ] || [ "$there" = "$REGION" ] || refuse "the bucket \"$GIVEN_BUCKET\" is in $there, not in $REGION:" \
    "make deploy BUCKET=$GIVEN_BUCKET REGION=$there deploys beside it"
  for question in $BUCKET_QUESTIONS; do
    request "${question%:*}" s3api "${question#*:}" --bucket "$GIVEN_BUCKET" || true
  done
  # A role that the stack makes is given what the bucket's key wants.
  check_writable "$GIVEN_BUCKET" "$ROLE_ARN"
}

# Refuses a stack that cannot be changed, with the way out.
check_stack() {
  case $STATE in
    none | REVIEW_IN_PROGRESS | CREATE_COMPLETE | UPDATE_COMPLETE | UPDATE_ROLLBACK_COMPLETE) return ;;
  esac
  say_failure
  [ "$STATE" != UPDATE_ROLLBACK_FAILED ] ||
    refuse "once that is mended: aws cloudformation continue-update-rollback --stack-name $STACK --region $REGION," \
      "then $(again)"
  refuse "once that is mended, the stack can only be removed: $(again destroy), then $(again deploy)"
}

# Makes the stack or brings it up to date.
make_stack() {
  local makes='bucket and role'
  [ -z "$GIVEN_BUCKET" ] || makes='the role'
  [ -z "$ROLE_ARN" ] || makes='the bucket'
  say "stack $STACK in $REGION: $makes, half a minute or two"
  # A parameter that is not named keeps its value: here a key that this caller may not ask for.
  if ! request change cloudformation deploy --stack-name "$STACK" --template-file "$ROOT/deploy/stack.yaml" \
    --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset \
    --parameter-overrides "FunctionName=$STACK" "ExistingBucket=$GIVEN_BUCKET" "ExistingRole=$ROLE_ARN" \
    ${KEY_ARN+"KeyOfBucket=$KEY_ARN"} "${STACK_TAGS[@]+"${STACK_TAGS[@]}"}" &&
    ! complains change 'No updates are to be performed'; then
    complains change 'Failed to create/update' || blame change cloudformation:CreateChangeSet
    look_at_stack
    check_stack
    say_failure
    refuse "everything is as it was before. Once that is mended: $(again)"
  fi
  look_at_stack
}

# Makes the stack; without anything to make there is none. Fills BUCKET and ROLE.
around_function() {
  if [ -n "$GIVEN_BUCKET" ] && [ -n "$ROLE_ARN" ] && [ "$STATE" = none ]; then
    say "bucket and role are given: no stack is made"
  else
    make_stack
  fi
  BUCKET=${GIVEN_BUCKET:-$OWN_BUCKET}
  # CloudFormation does not see that somebody removed what it made, and does not make it again.
  [ -n "$GIVEN_BUCKET" ] || request bucket s3api head-bucket --bucket "$BUCKET" ||
    lost bucket "$BUCKET" '(404)' s3:ListBucket
  [ -n "$ROLE_ARN" ] || request role iam get-role --role-name "$OWN_ROLE" ||
    lost role "$OWN_ROLE" NoSuchEntity iam:GetRole
  ROLE=${ROLE_ARN:-$(jq -r .Role.Arn "$SCRATCH/role")}
}

lost() { # bucket|role NAME COMPLAINT ACTION
  complains "$1" "$3" || blame "$1" "$4"
  refuse "the $1 $2 of the stack $STACK was removed by hand, and is not made again: $(again destroy)," \
    "then $(again deploy)"
}

# Keeps what the driver and make destroy need.
save() {
  local own=yes
  [ -z "$GIVEN_BUCKET" ] || own=no
  printf '%s\n' "BUCKET=$BUCKET" "FUNCTION=$STACK" "REGION=$REGION" "STACK=$STACK" "ACCOUNT=$ACCOUNT" \
    "OWN_BUCKET=$own" "ROLE_ARN=$ROLE_ARN" "MEMORY=$MEMORY" "ARCH=$ARCH" "TAGS=$TAGS" >"$SCRATCH/deployed"
  mv "$SCRATCH/deployed" "$ROOT/.deployed"
}

tell() {
  local made='given, stays with make destroy'
  [ -n "$GIVEN_BUCKET" ] || made='made by the stack; objects in it live for a day'
  printf '%s\n' "deployed in $REGION, account $ACCOUNT; saved in .deployed" \
    "  function  $STACK: $MEMORY MB, $ARCH, $USUAL_TIMEOUT s, logs kept for $LOG_DAYS days" \
    "  bucket    $BUCKET ($made)" "  role      $ROLE" \
    "next:       ./driver.sh write 8 64                 8 workers write 64 MiB each" \
    "            ./driver.sh read                       and read them back" \
    "            ./driver.sh write 1800 2000 --dry-run  could it run, and at what cost?" \
    "            make destroy                           removes what make deploy made"
}

require_tools deploy
scratch
on_interruption say "interrupted; make deploy again goes on from there"
place
options
look_at_stack
check_stack
check_given
look_at_function
[ -z "$(saved STACK)" ] || [ -n "$SAVED_HERE" ] || say "$(saved STACK) in $(saved REGION) stays; it goes with:" \
  "make destroy STACK=$(saved STACK) REGION=$(saved REGION)"
make -C "$ROOT" lambda ARCH="$ARCH" >&2 || refuse "the worker could not be built; nothing was deployed"
# The build took its time; and cargo-lambda knows fewer kinds of credentials than the CLI.
find_credentials
around_function
save
make_function "$ROLE"
tell
