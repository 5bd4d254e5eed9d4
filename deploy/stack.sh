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
  [[ $STATE != *_IN_PROGRESS ]] ||
    refuse "the stack $STACK is being changed ($STATE): once that has ended, in a minute or two, $(again)"
  request resources cloudformation describe-stack-resources --stack-name "$STACK" ||
    blame resources cloudformation:DescribeStackResources
  # shellcheck disable=SC2034 # deploy.sh and destroy.sh read them
  OWN_BUCKET=$(resource Bucket) OWN_ROLE=$(resource Role)
}

resource() { # NAME-IN-THE-TEMPLATE
  jq -r --arg name "$1" '.StackResources[] | select(.LogicalResourceId == $name)
    | select(.ResourceStatus != "DELETE_COMPLETE") | .PhysicalResourceId // empty' "$SCRATCH/resources"
}

# Says why the stack failed: the first failure of its last change. The others, such as cancellations, follow from it.
say_failure() {
  local failure=''
  ! request events cloudformation describe-stack-events --stack-name "$STACK" --max-items 200 ||
    failure=$(jq -r '.StackEvents
      | .[: 1 + (map(.ResourceStatusReason == "User Initiated") | index(true) // length)]
      | map(select((.ResourceStatus // "" | endswith("_FAILED")) and .ResourceStatusReason))
      | last // empty
      | "\(.LogicalResourceId) (\(.ResourceType)): \(.ResourceStatusReason)"' "$SCRATCH/events")
  say "the stack $STACK is in $STATE: ${failure:-CloudFormation gives no reason}"
  [[ ! $failure =~ not\ authorized|Access\ ?Denied ]] ||
    say "the credentials may not do that: allow it; deploy/caller-policy.json has all that is needed"
}
