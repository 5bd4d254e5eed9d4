# shellcheck shell=bash
# The credentials of the processes that the driver starts.

# A role or an SSO profile is resolved once, not by each of many processes; and in the foreground, where a code that is
# asked for can be typed in.
find_credentials() {
  [ -z "${AWS_ACCESS_KEY_ID:-}" ] || return 0
  if aws configure export-credentials --format process >"$SCRATCH/credentials" 2>/dev/null; then
    export_credentials
  else
    # Version 1 of the CLI does not tell them, but keeps those of a role for the processes that follow. What it
    # complains of they will complain of too.
    aws sts get-caller-identity --cli-connect-timeout 10 --cli-read-timeout 20 >/dev/null 2>&1 || true
  fi
}

export_credentials() {
  local name value
  for name in AccessKeyId:AWS_ACCESS_KEY_ID SecretAccessKey:AWS_SECRET_ACCESS_KEY SessionToken:AWS_SESSION_TOKEN; do
    value=$(jq -r --arg name "${name%%:*}" '.[$name] // ""' "$SCRATCH/credentials")
    [ -z "$value" ] || export "${name#*:}=$value"
  done
}
