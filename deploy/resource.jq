# Purpose: the name that CloudFormation gave to one of a stack's resources.
# Input:   the answer of describe-stack-resources; $id: the resource's name in the template.
# Output:  its physical name as text (-r); nothing where there is none, or none any more.

.StackResources[]
| select(.LogicalResourceId == $id and .ResourceStatus != "DELETE_COMPLETE")
| .PhysicalResourceId // empty
