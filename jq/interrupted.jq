# Purpose: what goes on after an interruption, until when and at what cost.
# Input:   none. $run: [run.json]; $prices: [prices.json]; $planned: the planned jobs of each invocation that was sent
#          and has not answered; $now in epoch seconds on the driver's clock.
# Output:  one line of text (-r).

include "cost";
include "lib";

$run[0] as $run
| ($planned | map(length) | add // 0) as $workers
| (if $run.mode == "squads" then $planned | length else 0 end) as $squads
| ($run.stop_by - $run.clock.offset_s) as $until
| if $workers == 0 then "interrupted: no worker is running"
  else
    "interrupted: up to \($workers | counted("worker"; "workers"))"
    + (if $squads > 0 then " and \($squads | counted("squad"; "squads"))" else "" end)
    + " may still be running, until \($until | strftime("%H:%M:%S UTC")) at the latest, which costs at most "
    + ($run | compute_usd($prices[0]; $workers + $squads; [$until - $now, 0] | max) | dollars)
  end
