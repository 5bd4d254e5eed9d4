# shellcheck shell=bash
# Whether a bucket takes what workers write. Three kinds refuse every write: one whose Object Lock has
# a default retention (S3 then wants a checksum with each part, and workers send none), one whose policy demands a
# header that names an encryption, and one that encrypts with a customer's KMS key which the function's role may not
# use. What may not be asked is no reason to refuse.

# The questions about a bucket, by their names.
# shellcheck disable=SC2034 # preflight.sh and deploy.sh read it
BUCKET_QUESTIONS='lock:get-object-lock-configuration encryption:get-bucket-encryption bucket_policy:get-bucket-policy'

# From the answers to BUCKET_QUESTIONS, in SCRATCH: refuses it, or warns, or is content. KEY_ARN becomes the customer's
# key that the bucket encrypts with, empty for none; it is unset where that could not be asked for. Without a ROLE the
# role is still to be made.
check_writable() { # BUCKET ROLE
  local key
  unset KEY_ARN
  key=$(writable "$1" "$2" key)
  if [ -z "$key" ]; then
    [ ! -s "$(answer_of encryption)" ] || KEY_ARN=''
  else
    ! request key kms describe-key --key-id "$key" || KEY_ARN=$(writable "$1" "$2" arn)
    if [ -n "$2" ] && [ -n "${KEY_ARN:-}" ]; then
      # Where IAM refuses, the key's own policy may still allow it.
      request rights iam simulate-principal-policy --policy-source-arn "$2" \
        --action-names kms:GenerateDataKey kms:Decrypt --resource-arns "$KEY_ARN" || true
      request key_policy kms get-key-policy --key-id "$KEY_ARN" --policy-name default || true
    fi
  fi
  heed writable "$1" "$2" verdict
}

writable() { # BUCKET ROLE key|arn|verdict
  jq_program writable -n -r --arg bucket "$1" --arg role "$2" --arg want "$3" \
    --slurpfile lock "$(answer_of lock)" --slurpfile encryption "$(answer_of encryption)" \
    --slurpfile bucket_policy "$(answer_of bucket_policy)" \
    --slurpfile key "$(answer_of key)" --slurpfile rights "$(answer_of rights)" \
    --slurpfile policy "$(answer_of key_policy)"
}
