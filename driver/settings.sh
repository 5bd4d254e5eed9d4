# shellcheck shell=bash
# Sets bucket, function and region: an option counts before the environment, the environment before what make deploy
# saved. Tells what of them is on this machine, and this folder's version.

# The function that make deploy makes unless it is told otherwise: memory in MB, timeout in seconds.
# shellcheck disable=SC2034 # preflight.sh and make deploy read them
USUAL_MEMORY=512 USUAL_ARCH=x86_64 USUAL_TIMEOUT=900

# Sets BUCKET and FUNCTION, and exports the region. Where nobody names a region, AWS's own configuration does. A dry run
# may do without a bucket.
settings() { # [DRY-RUN]
  local region=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
  BUCKET=${OPT_BUCKET:-${BUCKET:-$(saved BUCKET)}}
  FUNCTION=${OPT_FUNCTION:-${FUNCTION:-$(saved FUNCTION)}}
  FUNCTION=${FUNCTION:-terabit}
  region=${region:-$(saved REGION)}
  [ -n "$BUCKET${1:-}" ] || usage "no bucket is known: run make deploy once, or name one with --bucket or BUCKET=..." \
    "(make demo needs none: it runs on this machine alone)"
  [ -z "$BUCKET" ] || check_bucket_name "the bucket" "$BUCKET"
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
  [ ! -f "$ROOT/.deployed" ] || awk -v begin="$1=" 'index($0, begin) == 1 { value = substr($0, length(begin) + 1) }
    END { sub(/\r$/, "", value); printf "%s", value }' "$ROOT/.deployed"
}

# The version of this folder; nothing where Cargo.toml is not beside the driver.
own_version() {
  [ ! -f "$ROOT/Cargo.toml" ] || awk -F '"' '/^version *=/ { printf "%s", $2; exit }' "$ROOT/Cargo.toml"
}

# Prints whether Lambda and S3 are on this machine: the run then does not measure S3, and its objects go with `local`.
loopback() {
  if on_this_machine LAMBDA && ! s3_elsewhere; then printf true; else printf false; fi
}

# Prints whether Lambda is on this machine and S3 is not.
shared_machine() {
  if on_this_machine LAMBDA && s3_elsewhere; then printf true; else printf false; fi
}

# `local --s3` says so: an S3 with a life of its own may have an address of this machine.
s3_elsewhere() {
  [ -n "${S3_ELSEWHERE:-}" ] || ! on_this_machine S3
}

on_this_machine() { # LAMBDA|S3
  local here='^https?://(127\.|\[::1\]|0\.0\.0\.0[:/]|(([^/]*\.)?localhost|localhost\.localstack\.cloud)([:/]|$))'
  [[ $(endpoint "$1") =~ $here ]]
}

# Prints the endpoint that the environment names, else the profile; nothing where it is AWS's own.
endpoint() { # LAMBDA|S3
  local own=AWS_ENDPOINT_URL_$1 url
  case ${AWS_IGNORE_CONFIGURED_ENDPOINT_URLS:-} in [Tt][Rr][Uu][Ee]) return 0 ;; esac
  url=${!own:-${AWS_ENDPOINT_URL:-}}
  if [ -n "$url" ]; then printf '%s' "$url"; else endpoint_of_profile "$1"; fi
}

# A profile names an endpoint for all services, or a section with one for each, as in
#   [profile mine]          [services here]
#   services = here         lambda =
#   endpoint_url = ...        endpoint_url = ...
endpoint_of_profile() { # LAMBDA|S3
  local home=~ config=${AWS_CONFIG_FILE:-~/.aws/config} secrets=${AWS_SHARED_CREDENTIALS_FILE:-~/.aws/credentials}
  config=${config/#\~/$home} secrets=${secrets/#\~/$home}
  [ -f "$config" ] || config=/dev/null
  [ -f "$secrets" ] || secrets=/dev/null
  # The file with the secrets has only profiles, and counts before the other one.
  PROFILE="profile ${AWS_PROFILE:-${AWS_DEFAULT_PROFILE:-default}}" awk -v service="$1" '
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
    section == ENVIRON["PROFILE"] && !nested { said[name] = value }
    section ~ /^services / && nested && toupper(group) == service && name == "endpoint_url" { its[section] = value }
    END {
      if (tolower(said["ignore_configured_endpoint_urls"]) == "true") exit
      section = "services " said["services"]
      printf "%s", (section in its) ? its[section] : said["endpoint_url"]
    }' prefix= "$config" 'prefix=profile ' "$secrets"
}
