#!/usr/bin/env bash
# make destroy: removes what make deploy made, and nothing else: function, bucket with all that is in it, role, logs.
# STACK and REGION name what; without them .deployed does. FORCE=1 does not ask.
set -euo pipefail

PROGRAM=destroy
# shellcheck source=deploy/place.sh
. "${BASH_SOURCE[0]%/*}/place.sh"

# Open uploads go with the bucket.
empty_bucket() {
  say "emptying the bucket"
  # What AWS refuses for the moment may be tried again: a deletion is the same the second time.
  AWS_MAX_ATTEMPTS=5 request empty s3 rm --recursive --only-show-errors "s3://$OWN_BUCKET" ||
    complains empty NoSuchBucket || blame empty 's3:ListBucket and s3:DeleteObject'
}

# Names all that will go.
name_all() {
  say "this will be removed in $REGION, account $ACCOUNT:"
  [ -z "$FOUND_ARCH" ] || say "  function   $STACK"
  [ -z "$OWN_BUCKET" ] || say "  bucket     $OWN_BUCKET with all objects in it"
  [ "$STATE" = none ] || say "  stack      $STACK${OWN_ROLE:+ with the role $OWN_ROLE}"
  say "  logs       /aws/lambda/$STACK"
  [ "$(kept OWN_BUCKET)" != no ] || say "the bucket $(kept BUCKET) stays, and so do the objects of runs in it:" \
    "./driver.sh delete RUN removes those of one"
}

confirm() {
  local answer=''
  [ "${FORCE:-}" != 1 ] || return 0
  [ -t 0 ] || refuse "there is no terminal to ask on: make destroy FORCE=1 does not ask"
  printf 'destroy: remove all this? [y/N] ' >&2
  read -r answer || true
  [[ ! $answer =~ ^(y|Y|yes)$ ]] || return 0
  say "nothing was removed"
  exit 0
}

delete_stack() {
  request delete cloudformation delete-stack --stack-name "$STACK" || blame delete cloudformation:DeleteStack
  ! request wait cloudformation wait stack-delete-complete --stack-name "$STACK" || return 0
  look_at_stack
  [ "$STATE" != none ] || return 0
  say_failure
  refuse "$(again destroy) tries again and empties the bucket first; what somebody else holds on to can be left" \
    "behind: aws cloudformation delete-stack --stack-name $STACK --region $REGION --retain-resources NAME"
}

# The logs first: while function or stack are there, make destroy knows that there may be some.
remove() {
  say "removing it: half a minute or two"
  request delete logs delete-log-group --log-group-name "/aws/lambda/$STACK" ||
    complains delete ResourceNotFoundException || blame delete logs:DeleteLogGroup
  [ -z "$FOUND_ARCH" ] || remove_function
  [ -z "$OWN_BUCKET" ] || empty_bucket
  [ "$STATE" = none ] || delete_stack
}

require_tools destroy
scratch
on_interruption say "interrupted; make destroy again goes on from there"
place
look_at_stack
look_at_function
if [ "$STATE" = none ] && [ -z "$FOUND_ARCH" ]; then
  say "nothing is deployed as $STACK in $REGION, account $ACCOUNT"
else
  name_all
  confirm
  remove
  say "all of it is gone"
fi
[ -z "$SAVED_HERE" ] || rm -f "$ROOT/.deployed"
