# Purpose: what a run would be, for --dry-run; $brief: the two lines that stand before every run.
# Input:   the run's configuration with its fleet (see configuration.jq, fleet.jq); $jobs: how many are launched.
# Output:  lines of text (-r).

include "lib";
include "cost";

def counted($one; $many): "\(grouped) \(if . == 1 then $one else $many end)";

def seconds: "\(if . < 10 then fixed(1) else fixed(0) end) s";

def fleet:
  "\($jobs | counted("job"; "jobs"))"
  + if .mode == "squads" then " in \(.invocations | counted("squad"; "squads")) of \(.squad | grouped)"
    else ", each invoked directly" end
  + if .processes < .invocations then
      ", \(.processes | grouped) at a time (56 MB of memory each): the last start when the first have ended"
    else "" end
  + (if .start_in_s == null then ", no common start"
     else "; they start together \(.start_in_s | seconds) after the launch" end)
  + ", give up \(.stop_in_s - (.start_in_s // 0) | seconds) after "
  + if .start_in_s == null then "the launch" else "that" end;

def price:
  (if .cost.compute_usd == null then ""
   else "compute about \(.cost.compute_usd | dollars), " end)
  + (if .cost.requests_usd == null then "requests unknown (objects of unknown size), "
     else "requests \(.cost.requests_usd | dollars), " end)
  + "at most \(.cost.ceiling_usd | dollars) until then"
  + " (prices of \(.cost.prices.region), \(.cost.prices.date)"
  + (if .loopback then "; loopback costs nothing)" else ")" end);

if $brief then fleet, price | "driver: " + .
else
  "terabit \(.op): would launch \(fleet)",
  (
    to_entries[]
    | select(.value != null)
    | select(.key | IN("op", "jobs", "launch", "end", "cost", "start_at", "stop_by", "timeout_cut") | not)
    | "  \(.key | left(14))\(.value | tostring | visible)"
  ),
  price,
  "nothing was launched or written"
end
