# Purpose: what function and bucket tell that keeps a run from starting, or changes what it measures or costs.
# Input:   none (-n). $lambda: [GetFunctionConfiguration], $place: [HeadBucket], $versioning: [GetBucketVersioning], the
#          last two [] where they were not answered; $function, $bucket: their names.
# Output:  lines (-r): "refuse ..." with the command that mends it, or a warning, or none.

($lambda[0].FunctionArn // "" | split(":")[3] // "") as $here
| ($place[0].BucketRegion // "") as $there
| (if "" | IN($here, $there) or $here == $there then empty
   else
     "refuse the bucket \"\($bucket)\" is in \($there), the function in \($here): AWS_REGION=\($there) make deploy "
     + "makes a function there, --bucket names a bucket in \($here)"
   end),
  ($lambda[0].VpcConfig.VpcId // ""
    | select(. != "")
    | "the function is in a VPC (\(.)): its NAT or endpoint is measured, and may bill each GB; aws lambda "
      + "update-function-configuration --function-name \($function) --vpc-config 'SubnetIds=[],SecurityGroupIds=[]'"),
  ($versioning[0].Status
    | select(. == "Enabled")
    | "the bucket keeps versions: what is deleted goes on costing; aws s3api put-bucket-versioning --bucket "
      + "\($bucket) --versioning-configuration Status=Suspended")
