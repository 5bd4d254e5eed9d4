# Purpose: who may still work for a run, and until when: workers that may write, squads that may put their answers into
#          the bucket.
# Input:   the run's records (-n), of all launches. $run: [run.json, see run.jq]; $sent: the planned jobs of each
#          invocation of the last launch that was sent and has not answered, an array each.
# Output:  {"workers", "squads", "until"}: until in epoch seconds on the workers' clock, null where nobody may.

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
    # Of a further launch of format 1 it is known only whom it sent, and what records it has.
    | (if .jobs != null then [.jobs[] | range(.[0]; .[1] + 1)]
       else
         [
           (if $last then $waiting else {} end, $may_work | keys[])
           | select(test(" ") | not), (select(startswith("\($n) ")) | ltrimstr("\($n) "))
           | tonumber
         ]
         | unique
       end) as $jobs
    | [
        $jobs[]
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
