# Purpose: what goes on after an interruption, until when and at what cost.
# Input:   what working.jq says. $run: [run.json, see run.jq]; $prices: [prices.json]; $now in epoch seconds on the
#          workers' clock.
# Output:  one line of text (-r).

include "run/writing";
include "plan/cost";
include "text";

if .until == null or .until <= $now then "interrupted: no worker is running"
else
  (.workers + .squads) as $environments
  | (.until - $now) as $seconds
  | "interrupted: \(who) may still be running, \(until_when($now)), which costs at most "
    + ($run[0] | compute_usd($prices[0]; $environments; $seconds) | dollars)
end
