# Purpose: whether a bucket takes what workers write (see writable.sh).
# Input:   none. $lock: [GetObjectLockConfiguration], $encryption: [GetBucketEncryption], $bucket_policy:
#          [GetBucketPolicy], $key: [DescribeKey], $rights: [SimulatePrincipalPolicy], $policy: [GetKeyPolicy], each []
#          where it was not answered; $bucket;
#          $role: the ARN of the function's role, empty where it is still to be made.
# Output:  by $want, in lines (-r): key: the KMS key that the bucket names, none for AWS's own; arn: the ARN of that key
#          where it is a customer's; verdict: "refuse ..." with the command that mends it, or a warning, or nothing.

include "text";

# AWS's own key may be used by whoever may use S3.
def named_key:
  $encryption[0].ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault
  | select(.SSEAlgorithm // "" | startswith("aws:kms"))
  | .KMSMasterKeyID // empty
  | select(endswith("alias/aws/s3") | not);

def metadata: $key[0].KeyMetadata;

def retention:
  $lock[0].ObjectLockConfiguration.Rule.DefaultRetention
  | select(. != null)
  | "refuse the bucket \"\($bucket)\" has Object Lock with a default retention (\(.Mode | visible), "
    + (if .Days then .Days | counted("day"; "days") else .Years | counted("year"; "years") end)
    + "): S3 refuses writes without a checksum there, as those of the workers are, and what is written cannot be "
    + "deleted. make deploy makes a bucket without, --bucket names another; this takes the retention away for all "
    + "that is written to it later: aws s3api put-object-lock-configuration --bucket \($bucket) "
    + "--object-lock-configuration ObjectLockEnabled=Enabled";

# A statement that denies everybody's writes without the header. A condition that holds only where the header is sent
# does not.
def demands_header:
  "s3:x-amz-server-side-encryption" as $header
  | .Effect == "Deny"
    and (.Principal | . == "*" or .AWS? == "*")
    and any([.Resource] | flatten[] | strings; endswith(":\($bucket)/*"))
    and (([.Condition.Null[$header]?][0] | tostring) as $null
      | $null == "true" or ([.Condition.StringNotEquals[$header]?][0] != null and $null != "false"));

def header:
  $bucket_policy[0].Policy
  | fromjson?
  | select([objects.Statement] | flatten | any(objects | demands_header))
  | "refuse the bucket \"\($bucket)\" has a policy that denies writes without the header "
    + "x-amz-server-side-encryption, and workers send none: every write would fail. A default encryption of the bucket "
    + "does the same without the policy; make deploy makes a bucket of its own, --bucket names another";

# Whether the key's own policy may let the role use it: conditions are not looked into. That it leaves the choice to
# IAM, by naming the account's root, lets nobody in who IAM refuses.
def lets_the_role_in:
  any(.. | objects | select(.Effect == "Allow").Principal | .. | strings; IN("*", $role));

def grant:
  "aws iam put-role-policy --role-name \($role | split("/")[-1] | word) --policy-name terabit-key --policy-document "
  + ({Version: "2012-10-17", Statement: [
      {Effect: "Allow", Action: ["kms:GenerateDataKey", "kms:Decrypt"], Resource: metadata.Arn}
    ]} | tojson | @sh);

def encryption:
  [$rights[0].EvaluationResults[]?.EvalDecision] as $decisions
  | [$policy[0].Policy | strings | fromjson?] as $key_policy
  | "the bucket \"\($bucket)\" encrypts with the KMS key \(named_key | visible)"
  | if $key != [] and metadata.KeyManager == "AWS" then empty
    elif $key != [] and metadata.KeyState != "Enabled" then
      "refuse \(.), which is \(metadata.KeyState | tostring | visible): every write would fail. make deploy makes a "
      + "bucket of its own, --bucket names another"
    elif $role == "" and $key != [] then empty
    elif $decisions == ["allowed", "allowed"] then empty
    elif any($decisions[]; . == "explicitDeny") then
      "refuse \(.), and a policy denies it to the role \($role | visible): every write would fail. ROLE_ARN= of make "
      + "deploy names another role, --bucket another bucket"
    elif $decisions == [] or $key_policy == [] then
      "\(.). The role needs kms:GenerateDataKey and kms:Decrypt on it, else every write fails; whether it has them "
      + "could not be asked for (kms:DescribeKey, iam:SimulatePrincipalPolicy, kms:GetKeyPolicy)"
    elif $key_policy[0] | lets_the_role_in then empty
    else "refuse \(.), and the role may not use it: every write would fail. This allows it: \(grant)" end;

if $want == "key" then named_key
elif $want == "arn" then metadata | select(.KeyManager != "AWS") | .Arn // empty
else retention, header, encryption end
