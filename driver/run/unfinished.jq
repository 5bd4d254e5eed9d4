# Purpose: the jobs that a launch is to run: those without a good record in any launch before.
# Input:   records as raw lines (-n -R), of all launches, a torn one is none; $jobs: how many were planned.
# Output:  their numbers, as inclusive ranges: [[first, last], ...].

(reduce (inputs | fromjson? | objects | select(.error == null)) as $record ({};
  .[$record.job | tostring] = true)) as $good
| reduce (range($jobs) | select($good[tostring] | not)) as $job (
    [];
    if .[-1][1] == $job - 1 then .[-1][1] = $job else . + [[$job, $job]] end
  )
