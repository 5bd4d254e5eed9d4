# shellcheck shell=bash
# The stack of deploy/stack.yaml: in what state it is, what it holds, why it failed.

# Fills STATE (none where there is no stack), and OWN_BUCKET and OWN_ROLE with the names of what it made and still has.
look_at_stack() {
  OWN_BUCKET='' OWN_ROLE=''
  if ! request stack cloudformation describe-stacks --stack-name "$STACK"; then
    complains stack 'does not exist' || blame stack cloudformation:DescribeStacks
    STATE=none
    return
  fi
  STATE=$(jq -r '.Stacks[0].StackStatus' "$SCRATCH/stack")
  [ "$STATE" != REVIEW_IN_PROGRESS ] || return 0
  jq -e '[.Stacks[0].Parameters[]?.ParameterKey] | contains(["ExistingBucket", "ExistingRole"])' \
    "$SCRATCH/stack" >/dev/null ||
    refuse "there is a stack \"$STACK\" in $REGION that make deploy did not make: STACK=... names another"
  request resources cloudformation describe-stack-resources --stack-name "$STACK" ||
    blame resources cloudformation:DescribeStackResources
  # shellcheck disable=SC2034 # deploy.sh and destroy.sh read it
  OWN_BUCKET=$(resource Bucket)
  # shellcheck disable=SC2034 # and this one
  OWN_ROLE=$(resource Role)
}

resource() { # LOGICAL-ID
  jq -r -f "$ROOT/deploy/resource.jq" --arg id "$1" "$SCRATCH/resources"
}

# How often it is looked at, every 5 s, while it is at work.
MOST_LOOKS=120

# Waits for what an earlier command, or somebody else, has begun.
settle_stack() {
  local looks
  look_at_stack
  for ((looks = 1; ; looks++)); do
    [[ $STATE == *_IN_PROGRESS && $STATE != REVIEW_IN_PROGRESS ]] || return 0
    [ "$looks" -lt "$MOST_LOOKS" ] ||
      refuse "the stack $STACK is still at work ($STATE): aws cloudformation describe-stack-events" \
        "--stack-name $STACK --region $REGION tells what it waits for; then $(again)"
    [ "$looks" -gt 1 ] || say "the stack $STACK is at work ($STATE); waiting for it"
    sleep 5
    look_at_stack
  done
}

# The first failure of what the stack did last; empty where none is known.
first_failure() {
  request events cloudformation describe-stack-events --stack-name "$STACK" --max-items 200 || return 0
  jq -r -f "$ROOT/deploy/stack_failure.jq" "$SCRATCH/events"
}

# Says the failure of the stack, with what is to be allowed where that is why.
say_failure() {
  local failure
  failure=$(first_failure)
  say "the stack $STACK is in $STATE: ${failure:-CloudFormation gives no reason}"
  case $failure in
    *"not authorized to perform"* | *AccessDenied* | *"Access Denied"*)
      say "the credentials may not do that: allow it; deploy/caller-policy.json has all that is needed"
      ;;
    *"already exists"*) say "names are given by CloudFormation: another STACK=... has others" ;;
  esac
}

# Makes sure that the stack can be made or changed; removes one that was never completed and holds nothing.
mend_stack() {
  case $STATE in
    none | REVIEW_IN_PROGRESS | CREATE_COMPLETE | UPDATE_COMPLETE | UPDATE_ROLLBACK_COMPLETE | IMPORT_*COMPLETE) ;;
    ROLLBACK_COMPLETE)
      say_failure
      say "it was never completed and holds nothing: it is removed first"
      delete_stack
      ;;
    UPDATE_ROLLBACK_FAILED)
      say_failure
      refuse "once that is mended: aws cloudformation continue-update-rollback --stack-name $STACK --region $REGION," \
        "then $(again)"
      ;;
    *)
      say_failure
      refuse "it can only be removed: $(again destroy), then $(again deploy)"
      ;;
  esac
}

delete_stack() {
  if ! request delete cloudformation delete-stack --stack-name "$STACK"; then
    ! complains delete TerminationProtection || refuse "the stack $STACK is protected: aws cloudformation" \
      "update-termination-protection --no-enable-termination-protection --stack-name $STACK --region $REGION," \
      "then $(again)"
    blame delete cloudformation:DeleteStack
  fi
  if ! request wait cloudformation wait stack-delete-complete --stack-name "$STACK"; then
    look_at_stack
    [ "$STATE" = none ] || undeletable
  fi
  STATE=none
}

undeletable() {
  say_failure
  refuse "$(again destroy) tries again and empties the bucket first; what somebody else holds on to can be left" \
    "behind: aws cloudformation delete-stack --stack-name $STACK --region $REGION --retain-resources NAME"
}

# Makes the stack or brings it up to date.
make_stack() {
  local done=made
  [ "$STATE" = none ] || [ "$STATE" = REVIEW_IN_PROGRESS ] || done='brought up to date'
  say "stack $STACK in $REGION: bucket and role, half a minute or two"
  if request change cloudformation deploy --stack-name "$STACK" --template-file "$ROOT/deploy/stack.yaml" \
    --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset \
    --parameter-overrides "FunctionName=$STACK" "ExistingBucket=$GIVEN_BUCKET" "ExistingRole=$ROLE_ARN" \
    "KeyOfBucket=$KEY_ARN" \
    "${STACK_TAGS[@]+"${STACK_TAGS[@]}"}"; then
    ! grep -q 'No changes to deploy' "$SCRATCH/change" || done='is as it was'
  elif complains change 'No updates are to be performed'; then
    done='is as it was'
  else
    explain_stack
  fi
  say "stack $STACK: $done"
  [ "$done" = 'is as it was' ] || look_at_stack
}

# Why the stack could not be made or changed.
explain_stack() {
  complains change 'Failed to create/update' || blame change cloudformation:CreateChangeSet
  look_at_stack
  say_failure
  case $STATE in
    ROLLBACK_COMPLETE) refuse "nothing is left of it. Once that is mended, $(again) begins anew" ;;
    UPDATE_ROLLBACK_COMPLETE) refuse "everything is as it was before. Once that is mended: $(again)" ;;
    *) mend_stack; refuse "once that is mended: $(again)" ;;
  esac
}
