# shellcheck shell=bash
# What is asked of AWS before anything is launched. Each refusal names the command that mends it.

# Prints the function's configuration, as Lambda gives it.
preflight() {
  local complaint="$SCRATCH/complaint"
  in_group "$SCRATCH/function.raw" "$complaint" aws lambda get-function-configuration --function-name "$FUNCTION" \
    --output json --cli-connect-timeout 10 --cli-read-timeout 20 || explain "$(cat "$complaint")"
  jq -e 'select(.Timeout and .MemorySize)' "$SCRATCH/function.raw" 2>/dev/null ||
    refuse "Lambda described the function \"$FUNCTION\" in a way that is not understood:" \
      "$(head -c 200 "$SCRATCH/function.raw")"
}

explain() { # MESSAGE of the AWS CLI
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
      refuse "the credentials may not look at \"$FUNCTION\": allow lambda:GetFunctionConfiguration and" \
        "lambda:InvokeFunction on it, or export AWS_PROFILE=... with another profile"
      ;;
    *"specify a region"*)
      refuse "no region is known: export AWS_REGION=... with the one of the function"
      ;;
    *"connect to the endpoint"* | *"Connect timeout"* | *"Read timeout"* | *"Connection was closed"*)
      refuse "Lambda cannot be reached in the $where: is the network up, is the region's name right," \
        "is AWS_ENDPOINT_URL meant?"
      ;;
    *) refuse "the function \"$FUNCTION\" cannot be looked at; nothing was launched" ;;
  esac
}
