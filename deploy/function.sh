# shellcheck shell=bash
# The function of make deploy: what is there, how it gets there by cargo-lambda, how it goes.

LOG_DAYS=7

# Leaves the function in SCRATCH/function and its processor in FOUND_ARCH; empty where there is none.
look_at_function() {
  FOUND_ARCH=''
  if ! request function lambda get-function --function-name "$STACK"; then
    complains function ResourceNotFoundException || blame function lambda:GetFunction
    return 0
  fi
  # Ours by its tag: anything else of that name is not to be written over or removed.
  jq -e '.Tags.terabit == "worker"' "$SCRATCH/function" >/dev/null ||
    refuse "there is a function \"$STACK\" in $REGION that make deploy did not make (it has no tag terabit=worker, or" \
      "lambda:ListTags is not allowed): STACK=... names another"
  FOUND_ARCH=$(jq -r '.Configuration.Architectures[0] // "x86_64"' "$SCRATCH/function")
}

# Makes the function or brings it up to date.
make_function() { # ROLE
  local state
  if [ "${FOUND_ARCH:-$ARCH}" != "$ARCH" ]; then
    say "the function $STACK is for $FOUND_ARCH; it is made anew for $ARCH"
    remove_function
    FOUND_ARCH=''
  fi
  say "function $STACK: $MEMORY MB, $ARCH"
  # cargo-lambda leaves the role as it is where nothing else of the configuration changes.
  [ -z "$FOUND_ARCH" ] || [ "$(jq -r .Configuration.Role "$SCRATCH/function")" = "$1" ] ||
    change role request role lambda update-function-configuration --function-name "$STACK" --role "$1" ||
    blame role lambda:UpdateFunctionConfiguration
  change upload upload "$1" || blame upload lambda:CreateFunction
  # Lambda takes changes in the background.
  for state in active updated; do
    request settled lambda wait "function-$state-v2" --function-name "$STACK" || blame settled lambda:GetFunction
  done
}

# Makes a change of the function; tries for a minute and a quarter. Lambda takes no change while another is under way,
# and does not know a new role at once.
change() { # NAME COMMAND...
  local pause
  for pause in 5 10 15 20 25 ''; do
    ! "${@:2}" || return 0
    if complains "$1" 'cannot be performed at this time'; then
      say "another change of the function $STACK is under way${pause:+; trying again in $pause s}"
    elif complains "$1" 'cannot be assumed by Lambda'; then
      [ -z "$ROLE_ARN" ] || refuse "Lambda may not assume $ROLE_ARN: its trust policy must allow sts:AssumeRole to" \
        "lambda.amazonaws.com; without ROLE_ARN= a role is made"
      say "Lambda does not know the new role yet${pause:+; trying again in $pause s}"
    else
      return 1
    fi
    [ -z "$pause" ] || sleep "$pause"
  done
  return 1
}

# The cargo-lambda of .venv is the one that was tried.
upload() { # ROLE
  (cd "$ROOT" && PATH=$OWN_TOOLS:$PATH cargo lambda deploy --lambda-dir "target/lambda-$ARCH" --binary-name terabit \
    --role "$1" --memory "$MEMORY" --timeout "$USUAL_TIMEOUT" --log-retention "$LOG_DAYS" "${FUNCTION_TAGS[@]}" \
    --output-format json "$STACK") >"$SCRATCH/upload" 2>"$SCRATCH/upload.complaint"
}

remove_function() {
  change delete request delete lambda delete-function --function-name "$STACK" ||
    complains delete ResourceNotFoundException || blame delete lambda:DeleteFunction
}
