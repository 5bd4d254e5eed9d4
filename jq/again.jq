# Purpose: the jobs of a further launch: those without a good record in any launch before.
# Input:   records (-n), of all launches; $planned: jobs.ndjson, slurped; $run: [the run's configuration, with
#          the launch's number and its own start_at and stop_by, null for none].
# Output:  lines for jobs.ndjson: {"job": n, "launch": 2, ...event}.

(reduce (inputs | select(.error == null)) as $record ({}; .[$record.job | tostring] = true)) as $good
| $planned[]
| select(.launch == null and ($good[.job | tostring] | not))
| {job, launch: $run[0].launches}
  + (del(.job, .start_at, .stop_by))
  + ({start_at: $run[0].start_at, stop_by: $run[0].stop_by} | map_values(values))
