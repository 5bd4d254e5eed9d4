# Purpose: which workers of a run may still put something into the bucket, and until when.
# Input:   the run's records (-n), of all launches. $run: [run.json]; $planned: jobs.ndjson, slurped; $sent: the planned
#          jobs of each invocation of the last launch that was sent and has not answered, an array each.
# Output:  {"workers", "squads", "until"}: until in epoch seconds on the driver's clock, null where nobody may.

# After the moment to give up, a worker throws its upload away and a squad puts its answer into the bucket.
def ending_s: 10;

def name: "\(.job),\(.launch // 1)";

$run[0] as $run
# The workers of a squad outlive it: that it broke down says nothing of them.
| (["Unanswered"]
    + if "squads" | IN($run.mode, $run.first.mode) then ["Crashed", "TimedOut", "BadAnswer"] else [] end) as $unsure
| (reduce inputs as $record ({};
    .[$record | name] = if $record.error.type? | IN($unsure[]) then "lost" else "answered" end)) as $became
| (reduce ($sent[][] | name) as $name ({}; .[$name] = true)) as $waiting
| (if $run.mode == "squads" then $sent else [] end) as $squads
| (if $run.op == "write" then
     $planned
     | map(select(
         $waiting[name] or $became[name] == "lost"
         # What was sent in an earlier launch is not known any more.
         or ((.launch // 1) < $run.launches and $became[name] == null)
       ))
   else [] end) as $writing
| {
    workers: ($writing | length),
    squads: ($squads | length),
    until: (
      [$writing[], $squads[][]]
      | if . == [] then null
        else map(.stop_by // $run.stop_by) | max - $run.clock.offset_s + ending_s end
    )
  }
