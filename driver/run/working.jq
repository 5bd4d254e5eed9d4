# Purpose: who may still work for a run, until when and at what cost: workers that may write, squads that may put their
#          answers into the bucket.
# Input:   the run's records as raw lines (-n -R); a torn one is none. $run: [run.json, see run.jq]; $sent: the planned
#          jobs of each invocation of the last launch that was sent and has not answered, an array each; $prices:
#          [prices.json]; $now in epoch seconds on the workers' clock.
# Output:  {until, text, cost}: until in epoch seconds on the workers' clock; text and cost say so. {} where nobody may.

include "plan/cost";
include "run";
include "text";

$run[0] as $run
# A launch begins when the workers of the one before have given up.
| ($run.launches[-1] // {}) as $launch
| [
    $sent[][].job,
    (
      inputs
      | fromjson?
      | objects
      | select(.launch == $launch.n)
      # The workers of a squad outlive it: that it broke down says nothing of them.
      | select((.error.type? | IN("Unanswered", "Lambda", "BadAnswer")) or .squad_failed == true)
      | .job
    )
  ]
| (unique | length) as $workers
| (if $launch.squad > 1 then $sent | length else 0 end) as $squads
| (($launch.until // 0) - $now) as $seconds
| if $workers == 0 or $seconds <= 0 then {}
  else
    {
      until: $launch.until,
      text: (
        "up to "
        + ([($workers | counted("worker"; "workers")), ($squads | select(. > 0) | counted("squad"; "squads"))]
          | join(" and "))
        # The clock of whoever reads it may be another.
        + " may still be at work, until \($launch.until | strftime("%H:%M:%S UTC")) at the latest, "
        + "\($seconds | ceil | counted("second"; "seconds")) from now"
      ),
      cost: ($run | compute_usd($prices[0] | paid_by($run); $workers + $squads; $seconds)
        | if . == 0 then free elif . < 0.01 then dollars else "at most \(dollars)" end)
    }
  end
