# shellcheck shell=bash
# What the AWS CLI answers and complains of, and the command that mends it.

# The file with a question's answer, an object; an empty one where there is none.
answer_of() { # NAME
  case $(cat "$SCRATCH/$1" 2>/dev/null) in
    '{'*'}') printf '%s' "$SCRATCH/$1" ;;
    *) printf /dev/null ;;
  esac
}

explain() { # COMPLAINT ACTION
  local where="region ${AWS_REGION:-of your AWS profile}" elsewhere
  say "${1#$'\n'}"
  explain_access "$1"
  case $1 in
    *ResourceNotFoundException*)
      elsewhere=$(saved REGION)
      [ -z "$elsewhere" ] || [ "$elsewhere" = "${AWS_REGION:-}" ] ||
        refuse "there is no function \"$FUNCTION\" in the $where, which the environment names; make deploy was told" \
          "$elsewhere: unset AWS_REGION AWS_DEFAULT_REGION goes there"
      refuse "there is no function \"$FUNCTION\" in the $where: make deploy makes it, --function names another," \
        "export AWS_REGION=... looks elsewhere"
      ;;
    *ResourceConflictException*)
      refuse "the function \"$FUNCTION\" is being changed at this moment; nothing was launched: try again in a minute"
      ;;
    *AccessDenied*)
      refuse "the credentials may not use \"$FUNCTION\": allow $2 on it (lambda:GetFunctionConfiguration and" \
        "lambda:InvokeFunction are needed), or export AWS_PROFILE=... with another profile"
      ;;
    *"connect to the endpoint"* | *"Connect timeout"* | *"Read timeout"* | *"Connection was closed"*)
      refuse "Lambda cannot be reached in the $where: is the network up, is the region's name right," \
        "is AWS_ENDPOINT_URL meant?"
      ;;
    *)
      refuse "the function \"$FUNCTION\" cannot be asked for; nothing was launched: try again in a minute;" \
        "aws lambda get-function-configuration --function-name $FUNCTION asks the same"
      ;;
  esac
}

# What stands in the way of any call; returns where it is something else.
explain_access() { # COMPLAINT
  local profile=${AWS_PROFILE:+ --profile $AWS_PROFILE}
  case $1 in
    *"Unable to locate credentials"* | *"no credentials found"*)
      refuse "there are no AWS credentials: aws configure sets them, aws login or aws sso login (version 2 of the AWS" \
        "CLI) logs in, export AWS_PROFILE=... names a profile that has them"
      ;;
    *"login credential provider"* | *"aws login"* | *"login session"*) log_in "aws login$profile" ;;
    *"SSO session"* | *"SSO Token"* | *"Token has expired and refresh failed"*) log_in "aws sso login$profile" ;;
    *ExpiredToken* | *"Token has expired"* | *"token is expired"*)
      refuse "the credentials have expired: aws sso login, or renew them where they came from"
      ;;
    *"MFA token required"* | *"EOF when reading a line"*)
      refuse "the profile's role asks for an MFA code, and there is no terminal to type it in: aws sts" \
        "get-caller-identity$profile on a terminal keeps the role's credentials for an hour, or export keys"
      ;;
    *"Signature expired"* | *"Signature not yet current"* | *RequestTimeTooSkewed* | *RequestExpired*)
      refuse "this machine's clock is wrong, it says $(date -u '+%Y-%m-%d %H:%M UTC'): set it" \
        "(sudo timedatectl set-ntp true; macOS: sudo sntp -sS time.apple.com)"
      ;;
    *UnrecognizedClient* | *InvalidClientTokenId* | *InvalidAccessKeyId* | *InvalidSignature* | \
      *SignatureDoesNotMatch* | *credentials* | *"config profile"*)
      refuse "AWS does not accept the credentials: aws sts get-caller-identity shows which are used," \
        "aws configure sets them"
      ;;
    *"specify a region"*)
      refuse "no region is known: export AWS_REGION=... with the one of the function"
      ;;
  esac
}

# The session of a profile is over, or this CLI cannot take it up.
log_in() { # COMMAND
  [ "${CLI_VERSION:-1}" != 1 ] || refuse "your AWS profile logs in, which this AWS CLI, of version 1, does not know:" \
    "install version 2 (https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html), then: $1"
  refuse "the session of your AWS profile is over: $1"
}

# What keeps the bucket from being asked at all; returns where it is something else, a missing permission say.
explain_bucket() { # COMPLAINT
  case $1 in
    *AccessDenied*) return ;;
  esac
  say "${1#$'\n'}"
  explain_access "$1"
  case $1 in
    *NoSuchBucket* | *'(404)'*) refuse "there is no bucket \"$BUCKET\": --bucket names another" ;;
    *PermanentRedirect* | *AuthorizationHeaderMalformed* | *IllegalLocationConstraint*)
      refuse "the bucket \"$BUCKET\" is in another region than ${AWS_REGION:-that of your AWS profile}: export" \
        "AWS_REGION=... with its region"
      ;;
    *"connect to the endpoint"* | *"Connect timeout"*)
      refuse "S3 cannot be reached in the region ${AWS_REGION:-of your AWS profile}: is the network up, is the" \
        "region's name right, is AWS_ENDPOINT_URL meant?"
      ;;
  esac
}
