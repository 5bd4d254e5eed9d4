#!/usr/bin/env bash
# make destroy: removes what make deploy made, and nothing else: function, bucket with all that is in it, role, logs.
# STACK and REGION name what; without them .deployed does. FORCE=1 does not ask.
set -euo pipefail

PROGRAM=destroy
ROOT=$(CDPATH='' cd "${BASH_SOURCE[0]%/*}/.." && pwd)
# shellcheck source=driver/messages.sh
. "$ROOT/driver/messages.sh"
# shellcheck source=driver/tools.sh
. "$ROOT/driver/tools.sh"
# shellcheck source=driver/settings.sh
. "$ROOT/driver/settings.sh"
# shellcheck source=driver/runs.sh
. "$ROOT/driver/runs.sh"
# shellcheck source=driver/explain.sh
. "$ROOT/driver/explain.sh"
# shellcheck source=driver/credentials.sh
. "$ROOT/driver/credentials.sh"
# shellcheck source=driver/progress.sh
. "$ROOT/driver/progress.sh"
# shellcheck source=driver/groups.sh
. "$ROOT/driver/groups.sh"
# shellcheck source=driver/delete/deletions.sh
. "$ROOT/driver/delete/deletions.sh"
# shellcheck source=deploy/aws.sh
. "$ROOT/deploy/aws.sh"
# shellcheck source=deploy/bucket.sh
. "$ROOT/deploy/bucket.sh"
# shellcheck source=deploy/stack.sh
. "$ROOT/deploy/stack.sh"
# shellcheck source=deploy/function.sh
. "$ROOT/deploy/function.sh"

# Fills LOG_GROUP; empty where there is none.
look_at_logs() {
  request logs logs describe-log-groups --log-group-name-prefix "/aws/lambda/$STACK" ||
    blame logs logs:DescribeLogGroups
  LOG_GROUP=$(jq -r --arg name "/aws/lambda/$STACK" '.logGroups[] | select(.logGroupName == $name) | .logGroupName' \
    "$SCRATCH/logs")
}

# Names all that will go.
name_all() {
  say "this will be removed in $REGION, account $ACCOUNT:"
  [ -z "$FOUND_ARCH" ] || say "  function   $STACK"
  if [ -n "$OWN_BUCKET" ]; then
    look_into_bucket
    say "  bucket     $OWN_BUCKET with $(how_many object '.Versions[]?, .DeleteMarkers[]?' objects) and" \
      "$(how_many 'open upload' '.Uploads[]?' uploads)"
  fi
  [ "$STATE" = none ] || say "  stack      $STACK${OWN_ROLE:+ with the role $OWN_ROLE}"
  [ -z "$LOG_GROUP" ] || say "  logs       $LOG_GROUP"
  name_what_stays
}

name_what_stays() {
  local bucket
  [ -z "$OWN_BUCKET" ] && [ -n "$SAVED_HERE" ] || return 0
  bucket=$(saved BUCKET)
  [ "$(saved OWN_BUCKET)" = yes ] || [ -z "$bucket" ] ||
    say "the bucket $bucket stays, and so do the objects of runs in it: ./driver.sh delete RUN removes those of one"
}

confirm() {
  local answer=''
  [ "${FORCE:-}" != 1 ] || return 0
  [ -t 0 ] || refuse "there is no terminal to ask on: make destroy FORCE=1 does not ask"
  printf 'destroy: remove all this? [y/N] ' >&2
  read -r answer || true
  case $answer in
    y | Y | yes) ;;
    *) refuse "nothing was removed" ;;
  esac
}

remove() {
  if [ -n "$FOUND_ARCH" ]; then
    say "removing the function"
    remove_function
  fi
  if [ -n "$OWN_BUCKET" ]; then
    say "emptying the bucket"
    empty_bucket
  fi
  if [ "$STATE" != none ]; then
    say "removing the stack: half a minute or two"
    delete_stack
  fi
  if [ -n "$LOG_GROUP" ]; then
    say "removing the logs"
    request delete logs delete-log-group --log-group-name "$LOG_GROUP" ||
      complains delete ResourceNotFoundException || blame delete logs:DeleteLogGroup
  fi
}

require_tools destroy
workspace
# Requests run in groups of their own, which a Ctrl-C does not reach.
trap 'end_groups; rm -rf "$SCRATCH"' EXIT
# Where it was deployed counts, not where the terminal is.
place "$([ "${STACK:-$(saved STACK)}" != "$(saved STACK)" ] || saved REGION)" \
  "${AWS_REGION:-${AWS_DEFAULT_REGION:-}}"
settle_stack
look_at_function
look_at_logs
if [ "$STATE" = none ] && [ -z "$FOUND_ARCH" ] && [ -z "$LOG_GROUP" ]; then
  say "nothing is deployed as $STACK in $REGION, account $ACCOUNT"
else
  name_all
  confirm
  remove
  say "all of it is gone"
fi
[ -z "$SAVED_HERE" ] || rm -f "$ROOT/.deployed"
