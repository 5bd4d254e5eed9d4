# Purpose: why a stack failed: the first failure of what it did last. The others, cancellations say, followed from it.
# Input:   the answer of describe-stack-events, newest event first.
# Output:  "logical name (type): reason", text; empty where no event of the last operation tells of a failure.

.StackEvents
| .[: 1 + (map(.ResourceStatusReason == "User Initiated") | index(true) // length)]
| map(select((.ResourceStatus // "" | endswith("_FAILED")) and .ResourceStatusReason))
| last // empty
| "\(.LogicalResourceId) (\(.ResourceType)): \(.ResourceStatusReason)"
