# Purpose: why a stack failed: the first failure of what it did last.
# Input: the answer of describe-stack-events, newest event first.
# Output: "logical name (type): reason", text; empty where no event of the last operation tells of a failure.

# The operation began with the stack's own event; what it does to its resources while it rolls back is not a beginning.
def begins: .PhysicalResourceId == .StackId
  and (.ResourceStatus | IN("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"));

.StackEvents
| (map(begins) | index(true)) as $beginning
| .[: if $beginning then $beginning + 1 else length end]
# What failed later, or was cancelled, did so because of the first.
| map(select((.ResourceStatus | endswith("_FAILED")) and .ResourceStatusReason))
| last // empty
| "\(.LogicalResourceId) (\(.ResourceType)): \(.ResourceStatusReason)"
