# Purpose: what a run would be, for --dry-run.
# Input:   the run's configuration (see configuration.jq).
# Output:  lines of text (-r).

include "lib";

"terabit \(.op): would launch \(.jobs | grouped) of the function \(.function), "
+ "\([.jobs, .processes] | min | grouped) at a time",
(
  to_entries[]
  | select(.value != null and (.key | IN("op", "jobs", "launch", "end", "processes") | not))
  | "  \(.key | left(14))\(.value | tostring | visible)"
),
"nothing was launched or written"
