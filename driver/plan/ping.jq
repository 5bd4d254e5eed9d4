# Purpose: what a ping told.
# Input:   none. $answer: the text that Lambda passed on, of a squad of $pings pings; $before, $after: this machine's
#          clock around the call; $own: the version of this folder, empty where it is not known.
# Output:  {took_s, clock: {offset_s, within_s}, ping: {version, ...}}: the workers' clock is this machine's plus
#          offset_s, to within_s; ping is what the oldest of them says. Or {refusal} with the reason and what mends it.
#          Times in seconds.

include "text";

def remedy:
  if .type == "AccessDenied" and (.message | test("lambda:InvokeFunction")) then
    "; make deploy gives the role that permission"
  elif .type == "InvalidEvent" then "; the function is older than this driver: make deploy"
  elif .type == "NoSuchBucket" then "; --bucket names another, make deploy makes one"
  else "" end;

def refusal: {refusal: "the ping failed: \(.type | tostring | visible): \(.message | tostring | visible)\(remedy)"};

# 0.10.0 comes after 0.9.9.
def rank: [scan("[0-9]+") | tonumber];

# Each answered between $before and $after, so the offset lies between two bounds; all of them narrow it. Where their
# clocks differ by more than that, it is their middle.
def clock:
  (map(.now) | min) as $first
  | (map(.now) | max) as $last
  | {
      offset_s: (($first + $last - $before - $after) / 2),
      within_s: ([$after - $before - ($last - $first), $last - $first] | max / 2)
    };

def pong: type == "object" and (.now | measured) and (.version | type == "string");

($answer | try fromjson catch null)
| if type == "object" and (.errorType | type == "string") then
    {type: .errorType, message: (.errorMessage | tostring)} | refusal
  elif type == "array" and any(.[]; type == "object" and (.error | type == "object")) then
    first(.[] | objects | .error | objects) | refusal
  elif type == "array" and length == $pings and all(.[]; pong) then
    min_by(.version | rank) as $oldest
    | if $own != "" and ($oldest.version | rank) < ($own | rank) then
        {
          refusal: (
            "the function is version \($oldest.version | visible), older than this folder, \($own): make deploy brings "
            + "it up"
          )
        }
      else {took_s: ($after - $before), clock: clock, ping: ($oldest | del(.now))} end
  else
    {
      refusal: (
        "the ping failed: the function does not answer like terabit: \($answer | excerpt); make deploy, or --function "
        + "names another"
      )
    }
  end
