# shellcheck shell=bash
# Sets bucket, function and region: an option counts before the environment, the environment before what make deploy
# saved. Tells whether they are on this machine.

# Sets BUCKET and FUNCTION, and exports the region. Where nobody names a region, AWS's own configuration does.
settings() {
  local region=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
  BUCKET=${OPT_BUCKET:-${BUCKET:-$(saved BUCKET)}}
  FUNCTION=${OPT_FUNCTION:-${FUNCTION:-$(saved FUNCTION)}}
  FUNCTION=${FUNCTION:-terabit}
  region=${region:-$(saved REGION)}
  [ -n "$BUCKET" ] || usage "no bucket is known: run make deploy once, or name one with --bucket or BUCKET=..." \
    "(make demo needs none: it runs on this machine alone)"
  check_bucket_name "the bucket" "$BUCKET"
  [[ $FUNCTION =~ ^[A-Za-z0-9_][A-Za-z0-9_:\$-]{0,169}$ ]] ||
    usage "the function is \"$FUNCTION\"; a function's name or ARN is accepted"
  [ -z "$region" ] || use_region "$region"
  # Exactly one attempt, whatever the user's own configuration says.
  export AWS_MAX_ATTEMPTS=1
}

check_bucket_name() { # NAME BUCKET
  [[ $2 =~ ^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$ ]] ||
    usage "$1 is \"$2\"; 3 to 63 of a-z, 0-9, dot and dash are accepted, a letter or digit at both ends"
}

# CLI v1 reads only the second, the Rust SDK and cargo-lambda the first.
use_region() { # REGION
  export AWS_REGION=$1 AWS_DEFAULT_REGION=$1
}

# One value of .deployed, a file of lines NAME=value. The file is read, never run.
saved() { # NAME
  local line value=''
  [ -f "$ROOT/.deployed" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in "$1="*) value=${line#*=} ;; esac
  done <"$ROOT/.deployed"
  printf '%s' "${value%$'\r'}"
}

# Prints whether the Lambda API is on this machine: the run then does not measure S3.
loopback() {
  case $(endpoint) in
    http*://127.* | http*://0.0.0.0[:/]* | http*://\[::1\]* | \
      http*://localhost | http*://localhost[:/]* | http*://*.localhost | http*://*.localhost[:/]* | \
      http*://localhost.localstack.cloud | http*://localhost.localstack.cloud[:/]*) printf true ;;
    *) printf false ;;
  esac
}

# Prints the endpoint of Lambda that the environment names, else the profile; nothing where it is AWS's own.
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
  # It has only profiles, and counts before the other file.
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

# Refuses a run that was made on this machine where the endpoint is AWS's, and the other way round: its objects are
# where it was made.
within_reach() { # RUN
  [ "$(field "$1" .loopback)" != "$(loopback)" ] || return 0
  [ "$(loopback)" = true ] ||
    refuse "$(shown "$1") was made on loopback: its objects went when local ended, and AWS never had them:" \
      "./driver.sh write 8 64 makes some there, make demo on this machine"
  refuse "$(shown "$1") was made on AWS, and the endpoint is of this machine: unset AWS_ENDPOINT_URL" \
    "AWS_ENDPOINT_URL_LAMBDA AWS_ENDPOINT_URL_S3, or export AWS_PROFILE=... with a profile that names none"
}

# Sets bucket and region to those of a run, before settings looks at the environment.
place_of() { # RUN
  local region
  BUCKET=$(field "$1" .bucket)
  region=$(field "$1" '.region // ""')
  [ -z "$region" ] || export AWS_REGION="$region"
}
