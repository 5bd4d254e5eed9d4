#!/usr/bin/env bash
# make deploy: bucket and role as a CloudFormation stack, the function by cargo-lambda, what was deployed in .deployed.
# What is set (BUCKET, REGION, MEMORY, ARCH, STACK, ROLE_ARN, TAGS) stands above what .deployed says of the same stack.
set -euo pipefail

PROGRAM=deploy
ROOT=$(CDPATH='' cd "${BASH_SOURCE[0]%/*}/.." && pwd)
# shellcheck source=driver/messages.sh
. "$ROOT/driver/messages.sh"
# shellcheck source=driver/tools.sh
. "$ROOT/driver/tools.sh"
# shellcheck source=driver/settings.sh
. "$ROOT/driver/settings.sh"
# shellcheck source=driver/explain.sh
. "$ROOT/driver/explain.sh"
# shellcheck source=driver/credentials.sh
. "$ROOT/driver/credentials.sh"
# shellcheck source=deploy/aws.sh
. "$ROOT/deploy/aws.sh"
# shellcheck source=driver/plan/writable.sh
. "$ROOT/driver/plan/writable.sh"
# shellcheck source=deploy/deployment.sh
. "$ROOT/deploy/deployment.sh"
# shellcheck source=deploy/stack.sh
. "$ROOT/deploy/stack.sh"
# shellcheck source=deploy/function.sh
. "$ROOT/deploy/function.sh"

# It goes elsewhere than before only where that is said.
same_region() {
  local before there=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
  before=$(saved REGION)
  if [ -z "${REGION:-}" ] && [ -n "$before" ] && [ "${there:-$before}" != "$before" ] &&
    [ "${STACK:-$(saved STACK)}" = "$(saved STACK)" ]; then
    refuse "$(saved STACK) was deployed in $before, and the environment names $there: make deploy REGION=$before or" \
      "REGION=$there says which is meant"
  fi
}

# Says what was deployed before and is no longer in .deployed after this.
mention_other() {
  [ -n "$(saved STACK)" ] && [ -z "$SAVED_HERE" ] || return 0
  say "$(saved STACK) in $(saved REGION) stays; it goes with: make destroy STACK=$(saved STACK) REGION=$(saved REGION)"
}

# Makes the stack; without anything to make there is none. Fills BUCKET and ROLE.
around_function() {
  if [ -n "$GIVEN_BUCKET" ] && [ -n "$ROLE_ARN" ] && [ "$STATE" = none ]; then
    say "bucket and role are given: no stack is made"
  else
    make_stack
  fi
  BUCKET=${GIVEN_BUCKET:-$OWN_BUCKET}
  ROLE=$ROLE_ARN
  [ -n "$BUCKET" ] || refuse "the stack $STACK is complete and has no bucket: $(again destroy), then $(again deploy)"
  [ -n "$GIVEN_BUCKET" ] || check_own_bucket
  [ -z "$ROLE" ] || return 0
  check_own_role
  ROLE=$(jq -r .Role.Arn "$SCRATCH/role")
}

tell() {
  local made='given, stays with make destroy'
  [ -n "$GIVEN_BUCKET" ] || made='made by the stack; objects in it live for a day'
  printf '%s\n' "deployed in $REGION, account $ACCOUNT; saved in .deployed" \
    "  function  $STACK: $MEMORY MB, $ARCH, $TIMEOUT s, logs kept for $LOG_DAYS days" \
    "  bucket    $BUCKET ($made)" "  role      $ROLE" \
    "next:       ./driver.sh write 8 64                 8 workers write 64 MiB each" \
    "            ./driver.sh read                       and read them back" \
    "            ./driver.sh write 1800 2000 --dry-run  could it run, and at what cost?" \
    "            make destroy                           removes all of the above"
}

require_tools deploy
same_region
workspace
place "${AWS_REGION:-${AWS_DEFAULT_REGION:-}}" "$(saved REGION)"
options
settle_stack
check_given
look_at_function
mend_stack
mention_other
make -C "$ROOT" lambda ARCH="$ARCH" >&2 || refuse "the worker could not be built; nothing was deployed"
around_function
save
make_function "$ROLE"
save
tell
