# shellcheck shell=bash
# The function of make deploy: what is there, how it gets there by cargo-lambda, how it goes.

TIMEOUT=900
LOG_DAYS=7

# Leaves the function in SCRATCH/function and its parts in FOUND_ARCH (empty where there is none) and FOUND_CODE.
look_at_function() {
  FOUND_ARCH='' FOUND_CODE=''
  if ! request function lambda get-function --function-name "$STACK"; then
    complains function ResourceNotFoundException || blame function lambda:GetFunction
    return 0
  fi
  # Ours by its tag: anything else of that name is not to be written over or removed.
  jq -e '.Tags.terabit == "worker"' "$SCRATCH/function" >/dev/null ||
    refuse "there is a function \"$STACK\" in $REGION that make deploy did not make (it has no tag terabit=worker, or" \
      "lambda:ListTags is not allowed): STACK=... names another"
  FOUND_ARCH=$(jq -r '.Configuration.Architectures[0] // "x86_64"' "$SCRATCH/function")
  FOUND_CODE=$(jq -r '.Configuration | "\(.CodeSha256) \(.Role) \(.MemorySize) \(.Timeout)"' "$SCRATCH/function")
}

# Makes the function or brings it up to date.
make_function() { # ROLE
  local role=$1 before=$FOUND_CODE
  if [ -n "$FOUND_ARCH" ] && [ "$FOUND_ARCH" != "$ARCH" ]; then
    say "the function $STACK is for $FOUND_ARCH; it is made anew for $ARCH"
    remove_function
    before=''
  fi
  say "function $STACK: ${MEMORY} MB, $ARCH"
  # The build took its time; and cargo-lambda knows fewer kinds of credentials than the CLI.
  find_credentials
  upload "$role"
  await_function
  # cargo-lambda leaves the role as it is where nothing else of the configuration changes.
  if [ "$(jq -r .Configuration.Role "$SCRATCH/function")" != "$role" ]; then
    undisturbed role request role lambda update-function-configuration --function-name "$STACK" --role "$role" ||
      blame role lambda:UpdateFunctionConfiguration
    await_function
  fi
  case $before in
    '') say "function $STACK: made" ;;
    "$FOUND_CODE") say "function $STACK: is as it was" ;;
    *) say "function $STACK: brought up to date" ;;
  esac
}

# Uploads what was built. A new role takes some seconds until Lambda may assume it.
upload() { # ROLE
  local pause
  for pause in 5 10 15 20 25 0; do
    ! undisturbed upload carry_up "$1" || return 0
    [[ $(complaint upload) == *"cannot be assumed by Lambda"* ]] || blame upload lambda:CreateFunction
    [ "$pause" -gt 0 ] || break
    [ -z "$ROLE_ARN" ] || break
    say "Lambda does not know the new role yet; trying again in $pause s"
    sleep "$pause"
  done
  [ -z "$ROLE_ARN" ] || refuse "Lambda may not assume $ROLE_ARN: its trust policy must allow sts:AssumeRole to" \
    "lambda.amazonaws.com; without ROLE_ARN= a role is made"
  refuse "Lambda still does not know the new role after more than a minute: $(again) goes on from there"
}

# The cargo-lambda of .venv is the one that was tried.
carry_up() { # ROLE
  (cd "$ROOT" && PATH=$OWN_TOOLS:$PATH cargo lambda deploy --lambda-dir "target/lambda-$ARCH" --binary-name terabit \
    --role "$1" --memory "$MEMORY" --timeout "$TIMEOUT" --log-retention "$LOG_DAYS" "${FUNCTION_TAGS[@]}" \
    --output-format json "$STACK") >"$SCRATCH/upload" 2>"$SCRATCH/upload.complaint"
}

# How often a change is tried that finds another one under way.
MOST_CHANGES=5

# Makes a change of the function. While another is under way, an earlier make deploy's say, Lambda takes none: waits for
# its end and tries again.
undisturbed() { # NAME COMMAND...
  local name=$1 tries
  shift
  for ((tries = 1; ; tries++)); do
    ! "$@" || return 0
    [ "$tries" -lt "$MOST_CHANGES" ] || return 1
    [[ $(complaint "$name") == *"cannot be performed at this time"* ]] || return 1
    [ "$tries" -gt 1 ] || say "another change of the function $STACK is under way; waiting for it"
    # It may be over before it can be looked at.
    sleep 1
    await_function
  done
}

# Lambda takes changes in the background. Leaves the function as it is then in SCRATCH/function.
await_function() {
  look_at_function
  [ -n "$FOUND_ARCH" ] || return 0
  ! jq -e '.Configuration | (.State // "Active") != "Pending" and (.LastUpdateStatus // "Successful") == "Successful"' \
    "$SCRATCH/function" >/dev/null || return 0
  request settled lambda wait function-active-v2 --function-name "$STACK" || blame settled lambda:GetFunction
  request settled lambda wait function-updated-v2 --function-name "$STACK" || blame settled lambda:GetFunction
  look_at_function
}

remove_function() {
  undisturbed delete request delete lambda delete-function --function-name "$STACK" ||
    complains delete ResourceNotFoundException || blame delete lambda:DeleteFunction
}
