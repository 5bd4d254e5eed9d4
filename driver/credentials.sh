# shellcheck shell=bash
# Credentials. The user's CLI finds them once; every later process takes them from the environment.

# Whether the credentials in the environment were found by this process. It is not exported: to a driver that a sweep
# starts they are the user's.
FOUND_HERE=''

# Exports the credentials of the user's role, profile or login, so that not each of many processes asks for them. It
# runs in the foreground: the user may have to type in a code. Called again, as after a long wait, it finds new ones.
# Those that the user has set stay.
find_credentials() {
  [ -z "$FOUND_HERE" ] || unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
  [ -z "${AWS_ACCESS_KEY_ID:-}" ] || return 0
  FOUND_HERE=yes
  if [ "$CLI_VERSION" != 1 ]; then
    take_credentials aws configure export-credentials --format process
  # Version 1 cannot print them; the botocore within it can.
  elif "$OWN_TOOLS/python" -c 'import awscli.botocore' 2>/dev/null; then
    take_credentials "$OWN_TOOLS/python" "$ROOT/driver/credentials.py"
  else
    # This leaves a role's credentials in the CLI's cache. What fails here will fail, and be said, at the next call.
    aws sts get-caller-identity --cli-connect-timeout 20 --cli-read-timeout 60 >/dev/null 2>&1 || true
  fi
}

take_credentials() { # COMMAND...
  local name value
  { "$@" >"$SCRATCH/credentials" && fits credentials "$SCRATCH/credentials"; } 2>"$SCRATCH/credentials.complaint" ||
    explain credentials '' "the AWS CLI finds no credentials: aws sts get-caller-identity asks for the same"
  unset AWS_SESSION_TOKEN AWS_SECURITY_TOKEN AWS_CREDENTIAL_EXPIRATION
  for name in AccessKeyId:AWS_ACCESS_KEY_ID SecretAccessKey:AWS_SECRET_ACCESS_KEY SessionToken:AWS_SESSION_TOKEN; do
    value=$(jq -r --arg name "${name%%:*}" '.[$name] // ""' "$SCRATCH/credentials")
    [ -z "$value" ] || export "${name#*:}=$value"
  done
}
