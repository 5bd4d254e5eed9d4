# Purpose: the jobs that a launch is to run: those without a good record in any launch before.
# Input:   records (-n), of all launches; $jobs: how many were planned.
# Output:  their numbers, as inclusive ranges: [[first, last], ...].

(reduce (inputs | select(.error == null)) as $record ({}; .[$record.job | tostring] = true)) as $good
| reduce (range($jobs) | select($good[tostring] | not)) as $job (
    [];
    if .[-1][1] == $job - 1 then .[-1][1] = $job else . + [[$job, $job]] end
  )
