# Purpose: what a run would be and cost, for --dry-run; $brief: the two lines that stand before every run.
# Input:   the configuration and its fleet (-s; see fleet.jq); $jobs: how many are launched.
# Output:  lines of text (-r).

include "plan/cost";
include "run";
include "text";

# What each job of a stream, or by time, is.
def work:
  if .for_s == null and .objects == null then ""
  else
    "; each \(.op)s" + (if .for_s == null then "" else " for \(.for_s) s" end)
    + if .op == "read" and .for_s != null then
        if .read_times == null then "" else ", at most \(.read_times | counted("round"; "rounds"))" end
      elif .objects == null then ""
      else
        (if .for_s != null then ", at most" elif .op == "read" then " up to" else "" end)
        + " \(.objects | counted("object"; "objects"))"
      end
  end;

def fleet:
  "\($jobs | counted("job"; "jobs"))"
  + (if .squad > 1 then
       " in \(.invocations | counted("squad"; "squads")) of up to \($jobs / .invocations | ceil)"
     elif $jobs > 1 then ", each invoked directly"
     else ", invoked directly" end)
  + if .processes < .invocations then
      ", \(.processes | grouped) at a time (56 MB of memory each): the last start when the first have ended"
    else "" end
  + (if .start_in_s == null then ", no common start, give up \(.stop_in_s | rough_seconds) after the launch"
     else
       "; they start together \(.start_in_s | rough_seconds) after the launch, give up "
       + "\(.stop_in_s - .start_in_s | rough_seconds) after that"
     end)
  + if .timeout_cut then
      " (--timeout is cut: the function itself times out after \(.timeout_s | rough_seconds))"
    else "" end
  + work;

def price:
  estimate(.cost | if .compute_usd == null then null else .compute_usd + .requests_usd end; .cost.ceiling_usd)
  + " if all run until they give up"
  + (if .op == "write" then " and the objects stay for a day" else "" end)
  + (if .cost.requests_usd == null then ", whatever the objects' size" else "" end)
  + (if .cost.storage_usd_per_day > 0 then
       "; \(.cost.storage_usd_per_day | dollars) a day until they are deleted"
     else "" end)
  + " (list prices of \(.cost.prices.region), \(.cost.prices.date))";

# Every field that is known, costs and requests among them.
def fields:
  (if is_free then {requests: .cost.requests} else .cost end) as $cost
  | del(.format, .id, .op, .jobs, .answers, .cost, .reads, .deleted, .launches, .clock, .version, .timeout_cut, .paid)
  + ($cost | del(.prices, .requests, .expected_s, .least_usd)) + ($cost.requests // {} | {puts, gets})
  | to_entries[]
  | select(.value != null and .value != "")
  | .value |=
      if type == "number" and . != floor then fixed(if fabs < 0.01 then 6 else 2 end) else tostring | visible end
  | "  \(.key | left(20))\(.value)";

add
| . + .paid
| (if is_free then free else price end) as $price
| if $brief then fleet, "cost: \($price)"
  else
    ("terabit \(.op): would launch \(fleet)" | wrapped(width - 2)[]),
    fields,
    "",
    ("It costs \($price)." | wrapped(width - 2)[]),
    "Nothing was launched or written."
  end
