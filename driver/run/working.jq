# Purpose: who may still work for a run, until when and at what cost: workers that may write, squads that may put their
#          answers into the bucket.
# Input:   the run's records (-n), of all launches. $run: [run.json, see run.jq]; $sent: the planned jobs of each
#          invocation of the last launch that was sent and has not answered, an array each; $prices: [prices.json];
#          $now in epoch seconds on the workers' clock.
# Output:  {workers, squads, until, text, cost}: until in epoch seconds on the workers' clock, null where nobody may;
#          text and cost say so, null where nobody may any more.

include "plan/cost";
include "text";

$run[0] as $run
# The workers of a squad outlive it: that it broke down says nothing of them.
| (reduce inputs as $record ({};
    .["\($record.launch) \($record.job)"] =
      (($record.error.type? | IN("Unanswered", "BadAnswer")) or $record.squad_failed == true))) as $may_work
| (reduce $sent[][].job as $job ({}; .[$job | tostring] = true)) as $waiting
| [
    $run.launches[]
    | .n as $n
    | (.n == $run.launches[-1].n) as $last
    | [
        # Format 1 did not tell the jobs of a further launch: they are among all.
        (.jobs // [[0, $run.jobs - 1]])[]
        | range(.[0]; .[1] + 1)
        | select(
            if $last and $waiting[tostring] then true
            else $may_work["\($n) \(.)"]
              # What was sent in an earlier launch and has no record is not known any more.
              | if . == null then $last | not else . end
            end
          )
      ] as $workers
    | {
        workers: ($workers | length),
        squads: (if $last and .squad > 1 then $sent | length else 0 end),
        until
      }
    | select(.workers + .squads > 0)
  ]
| {
    workers: (map(.workers) | add // 0),
    squads: (map(.squads) | add // 0),
    until: (map(.until) | max)
  }
| . + if .until == null or .until <= $now then {text: null, cost: null}
  else
    (.until - $now) as $seconds
    | {
        text: (
          "up to "
          + ([(.workers | select(. > 0) | counted("worker"; "workers")),
              (.squads | select(. > 0) | counted("squad"; "squads"))] | join(" and "))
          # The clock of whoever reads it may be another.
          + " may still be at work, until \(.until | strftime("%H:%M:%S UTC")) at the latest, "
          + "\($seconds | ceil | counted("second"; "seconds")) from now"
        ),
        cost: (.workers + .squads | . as $environments
          | $run | compute_usd($prices[0]; $environments; $seconds) | dollars)
      }
  end
