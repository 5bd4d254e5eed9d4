# shellcheck shell=bash
# What the AWS CLI complains of, and the command that mends it.

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
  case $1 in
    *ExpiredToken* | *"Token has expired"* | *"token is expired"* | *"SSO session"* | *"SSO Token"*)
      refuse "the credentials have expired: aws sso login, or renew them where they came from"
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
