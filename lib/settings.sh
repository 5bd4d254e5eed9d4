# shellcheck shell=bash
# Where a run goes: options above the environment above what make deploy saved; and the environment of the AWS CLI.

# Fills BUCKET, FUNCTION and REGION (empty: AWS's own configuration decides), exports what the CLI is to see.
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
  # Exactly one attempt, and JSON, whatever the user's own configuration says.
  export AWS_MAX_ATTEMPTS=1 AWS_DEFAULT_OUTPUT=json AWS_PAGER='' AWS_CLI_AUTO_PROMPT=off
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
  case ${AWS_ENDPOINT_URL_LAMBDA:-${AWS_ENDPOINT_URL:-}} in
    http*://127.* | http*://localhost | http*://localhost[:/]* | http*://\[::1\]*) printf true ;;
    *) printf false ;;
  esac
}

# What a run wrote is where the run was made, and nowhere else.
within_reach() { # RUN
  [ "$(field "$1" .loopback)" != "$(loopback)" ] || return 0
  [ "$(loopback)" = true ] ||
    refuse "$(shown "$1") was made on loopback: its objects went when local ended, and AWS never had them:" \
      "./driver.sh write 8 64 makes some there, make demo on this machine"
  refuse "$(shown "$1") was made on AWS, and AWS_ENDPOINT_URL is of this machine: unset AWS_ENDPOINT_URL" \
    "AWS_ENDPOINT_URL_LAMBDA AWS_ENDPOINT_URL_S3"
}

# Takes the bucket and the region of a run, whatever the environment names, for settings.
place_of() { # RUN
  local region
  BUCKET=$(field "$1" .bucket)
  region=$(field "$1" '.region // ""')
  [ -z "$region" ] || export AWS_REGION="$region"
}
