# shellcheck shell=bash
# Where a run goes: options above the environment above what make deploy saved; and whether that is this machine.

# Fills BUCKET and FUNCTION; exports the region, where one is named: else AWS's own configuration decides.
settings() {
  local region=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
  BUCKET=${OPT_BUCKET:-${BUCKET:-$(saved BUCKET)}}
  FUNCTION=${OPT_FUNCTION:-${FUNCTION:-$(saved FUNCTION)}}
  FUNCTION=${FUNCTION:-terabit}
  region=${region:-$(saved REGION)}
  [ -n "$BUCKET" ] || usage "no bucket is known: run make deploy once, or name one with --bucket or BUCKET=..." \
    "(make demo needs none: it runs on this machine alone)"
  [[ $BUCKET =~ ^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$ ]] ||
    usage "the bucket is \"$BUCKET\"; 3 to 63 of a-z, 0-9, dot and dash are accepted, a letter or digit at both ends"
  [[ $FUNCTION =~ ^[A-Za-z0-9_][A-Za-z0-9_:\$-]{0,169}$ ]] ||
    usage "the function is \"$FUNCTION\"; a function's name or ARN is accepted"
  # CLI v1 reads only the second, the Rust SDK the first.
  if [ -n "$region" ]; then
    export AWS_REGION=$region AWS_DEFAULT_REGION=$region
  fi
  # Exactly one attempt, whatever the user's own configuration says.
  export AWS_MAX_ATTEMPTS=1
}

# One value out of .deployed: lines of NAME=value. Read, never run.
saved() { # NAME
  local line value=''
  [ -f "$ROOT/.deployed" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in "$1="*) value=${line#*=} ;; esac
  done <"$ROOT/.deployed"
  printf '%s' "${value%$'\r'}"
}

# Prints true where the Lambda API is on this machine: what is measured then is not S3.
loopback() {
  case $(endpoint) in
    http*://127.* | http*://0.0.0.0[:/]* | http*://\[::1\]* | \
      http*://localhost | http*://localhost[:/]* | http*://*.localhost | http*://*.localhost[:/]* | \
      http*://localhost.localstack.cloud | http*://localhost.localstack.cloud[:/]*) printf true ;;
    *) printf false ;;
  esac
}

# The endpoint that the AWS CLI takes for Lambda from the environment, else from the profile; nothing for AWS's own.
endpoint() {
  case ${AWS_IGNORE_CONFIGURED_ENDPOINT_URLS:-} in [Tt][Rr][Uu][Ee]) return 0 ;; esac
  if [ -n "${AWS_ENDPOINT_URL_LAMBDA:-}" ] || [ -n "${AWS_ENDPOINT_URL:-}" ]; then
    printf '%s' "${AWS_ENDPOINT_URL_LAMBDA:-$AWS_ENDPOINT_URL}"
  else
    endpoint_of_profile
  fi
}

# A profile names an endpoint for all services, or a section with one for each, as in
#   [profile mine]          [services here]
#   services = here         lambda =
#   endpoint_url = ...        endpoint_url = ...
endpoint_of_profile() {
  local config=${AWS_CONFIG_FILE:-~/.aws/config} secrets=${AWS_SHARED_CREDENTIALS_FILE:-~/.aws/credentials} files=()
  [ ! -f "${config/#\~/$HOME}" ] || files+=("prefix=" "${config/#\~/$HOME}")
  # Its sections are profiles alone, and what they say goes above the other file.
  [ ! -f "${secrets/#\~/$HOME}" ] || files+=("prefix=profile " "${secrets/#\~/$HOME}")
  [ "${#files[@]}" -gt 0 ] || return 0
  awk -v profile="profile ${AWS_PROFILE:-${AWS_DEFAULT_PROFILE:-default}}" '
    /^[ \t]*([#;]|\r?$)/ { next }
    /^\[/ {
      section = $0
      gsub(/^\[[ \t]*|[ \t]*\].*$|["\047]/, "", section)
      section = (section == "default" ? "profile " : prefix) section
      next
    }
    {
      name = $0; sub(/[ \t]*=.*/, "", name)
      value = $0; sub(/^[^=]*=[ \t]*/, "", value); sub(/[ \t\r]+$/, "", value)
      nested = sub(/^[ \t]+/, "", name)
      if (!nested) group = name
    }
    section == profile && !nested { said[name] = value }
    section ~ /^services / && nested && group == "lambda" && name == "endpoint_url" { its[section] = value }
    END {
      if (tolower(said["ignore_configured_endpoint_urls"]) == "true") exit
      section = "services " said["services"]
      printf "%s", (section in its) ? its[section] : said["endpoint_url"]
    }' "${files[@]}"
}

# What a run wrote is where the run was made, and nowhere else.
within_reach() { # RUN
  [ "$(field "$1" .loopback)" != "$(loopback)" ] || return 0
  [ "$(loopback)" = true ] ||
    refuse "$(shown "$1") was made on loopback: its objects went when local ended, and AWS never had them:" \
      "./driver.sh write 8 64 makes some there, make demo on this machine"
  refuse "$(shown "$1") was made on AWS, and the endpoint is of this machine: unset AWS_ENDPOINT_URL" \
    "AWS_ENDPOINT_URL_LAMBDA AWS_ENDPOINT_URL_S3, or export AWS_PROFILE=... with a profile that names none"
}

# Takes the bucket and the region of a run, whatever the environment names, for settings.
place_of() { # RUN
  local region
  BUCKET=$(field "$1" .bucket)
  region=$(field "$1" '.region // ""')
  [ -z "$region" ] || export AWS_REGION="$region"
}
