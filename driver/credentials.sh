# shellcheck shell=bash
# The credentials of the processes that are started here: the user's CLI finds them, all others are handed them.

# Whether the keys in the environment were found here. Not exported: a driver that a sweep starts is handed them.
FOUND_HERE=''

# A role, a profile or a login is resolved once, not by each of many processes; and in the foreground, where a code that
# is asked for can be typed in. Called again, as after a wait, it resolves anew. Keys that the user has set stay.
find_credentials() {
  [ -z "$FOUND_HERE" ] || unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
  [ -z "${AWS_ACCESS_KEY_ID:-}" ] || return 0
  FOUND_HERE=yes
  if [ "$CLI_VERSION" != 1 ]; then
    take_credentials aws configure export-credentials --format process
  # Version 1 does not tell them; the library that it stands on does, where .venv has it.
  elif "$OWN_TOOLS/python" -c 'import botocore' 2>/dev/null; then
    take_credentials "$OWN_TOOLS/python" "$ROOT/driver/credentials.py"
  else
    # It keeps those of a role for the processes that follow. What it complains of they will complain of too.
    aws sts get-caller-identity --cli-connect-timeout 20 --cli-read-timeout 60 >/dev/null 2>&1 || true
  fi
}

take_credentials() { # COMMAND...
  local name value
  "$@" >"$SCRATCH/credentials" 2>"$SCRATCH/credentials.complaint" || {
    explain "$(complaint_of credentials)"
    refuse "the AWS CLI finds no credentials: aws sts get-caller-identity asks for the same"
  }
  unset AWS_SESSION_TOKEN AWS_SECURITY_TOKEN AWS_CREDENTIAL_EXPIRATION
  for name in AccessKeyId:AWS_ACCESS_KEY_ID SecretAccessKey:AWS_SECRET_ACCESS_KEY SessionToken:AWS_SESSION_TOKEN; do
    value=$(jq -r --arg name "${name%%:*}" '.[$name] // ""' "$SCRATCH/credentials")
    [ -z "$value" ] || export "${name#*:}=$value"
  done
}
