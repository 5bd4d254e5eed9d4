# shellcheck shell=bash
# What the AWS CLI complains of, and the command that mends it.

explain() { # COMPLAINT ACTION
  local where="region ${AWS_REGION:-of your AWS profile}"
  say "${1#$'\n'}"
  case $1 in
    *ResourceNotFoundException*)
      refuse "there is no function \"$FUNCTION\" in the $where: make deploy makes it, --function names another," \
        "export AWS_REGION=... looks elsewhere"
      ;;
    *ExpiredToken* | *"Token has expired"* | *"token is expired"* | *"SSO session"* | *"SSO Token"*)
      refuse "the credentials have expired: aws sso login, or renew them where they came from"
      ;;
    *UnrecognizedClient* | *InvalidClientTokenId* | *InvalidSignature* | *SignatureDoesNotMatch* | *credentials* | \
      *"config profile"*)
      refuse "AWS does not accept the credentials: aws sts get-caller-identity shows which are used," \
        "aws configure sets them"
      ;;
    *AccessDenied*)
      refuse "the credentials may not use \"$FUNCTION\": allow $2 on it (lambda:GetFunctionConfiguration and" \
        "lambda:InvokeFunction are needed), or export AWS_PROFILE=... with another profile"
      ;;
    *"specify a region"*)
      refuse "no region is known: export AWS_REGION=... with the one of the function"
      ;;
    *"connect to the endpoint"* | *"Connect timeout"* | *"Read timeout"* | *"Connection was closed"*)
      refuse "Lambda cannot be reached in the $where: is the network up, is the region's name right," \
        "is AWS_ENDPOINT_URL meant?"
      ;;
    *) refuse "the function \"$FUNCTION\" cannot be used; nothing was launched" ;;
  esac
}
