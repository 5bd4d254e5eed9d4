# Purpose: what a ping told.
# Input:   the event, a squad of pings. $answer: the text that Lambda passed on; $before, $after: this machine's clock
#          around the call; $own: the version of this folder, empty where it is not known; $lambda:
#          [GetFunctionConfiguration's answer].
# Output:  {took_s, clock: {offset_s, within_s}, version}: the workers' clock is this machine's plus offset_s, to within
#          within_s; version is the oldest. Or {refusal}, what the worker complains of, and
#          early: true where a later ping may be answered well. Times in seconds.

include "text";

# IAM takes a while to know the rights of a new role, and make deploy makes it with the function.
def is_new: ($lambda[0].LastModified? // "" | sub("[.+].*"; "Z") | fromdateiso8601? // 0) > $before - 300;

def refusal:
  {refusal: "\(.type | tostring | visible): \(.message | tostring | visible)"}
  + if .type == "AccessDenied" and is_new then {early: true} else {} end;

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

def pong: type == "object" and (.now | measured) and (.version | type == "string") and (.memory_mb | measured);

(.jobs | length) as $pings
| $lambda[0].MemorySize as $memory
| ($answer | try fromjson catch null)
| if type == "object" and (.errorType | type == "string") then {type: .errorType, message: .errorMessage} | refusal
  elif type == "array" and any(.[]; type == "object" and (.error | type == "object")) then
    first(.[] | objects | .error | objects) | refusal
  elif type == "array" and length == $pings and all(.[]; pong) then
    (map(.version) | min_by(rank)) as $version
    | if $own != "" and ($version | rank) < ($own | rank) then
        "the function is version \($version | visible), older than this folder, \($own): make deploy brings it up"
        | {refusal: .}
      elif any(.[]; .memory_mb != $memory) then
        "the function answers with \(map(.memory_mb) - [$memory] | .[0]) MB of memory and has "
        + "\($memory) by its configuration: somebody is changing it; try again in a minute"
        | {refusal: ., early: true}
      else {took_s: ($after - $before), clock: clock, $version} end
  else
    "the function does not answer like terabit: \($answer | excerpt); make deploy, or --function names another"
    | {refusal: .}
  end
