# Purpose: what a ping told.
# Input:   none. $answer: the text that Lambda passed on; $before, $after: this machine's clock around the call.
# Output:  {took_s, clock: {offset_s, within_s}, ping: {version, ...}}: the workers' clock is this machine's plus
#          offset_s, to within_s. Or {refusal} with the reason and what mends it. Times in seconds.

include "lib";

def remedy:
  if .type == "AccessDenied" and (.message | test("lambda:InvokeFunction")) then
    "; make deploy gives the role that permission"
  elif .type == "InvalidEvent" then "; the function is older than this driver: make deploy"
  elif .type == "NoSuchBucket" then "; --bucket names another, make deploy makes one"
  else "" end;

($answer | try fromjson catch null)
| (if type == "array" and length == 1 then .[0] else . end)
| if type == "object" and (.errorType | type == "string") then
    {type: .errorType, message: (.errorMessage | tostring)}
    | {refusal: "\(.type): \(.message | visible)\(remedy)"}
  elif type == "object" and (.error | type == "object") then
    .error | {refusal: "\(.type): \(.message | tostring | visible)\(remedy)"}
  elif type == "object" and (.now | measured) then
    {
      took_s: ($after - $before),
      clock: {offset_s: (.now - ($before + $after) / 2), within_s: (($after - $before) / 2)},
      ping: del(.now)
    }
  else
    {
      refusal: (
        "the function does not answer like terabit: \($answer | excerpt); make deploy, or --function names another"
      )
    }
  end
