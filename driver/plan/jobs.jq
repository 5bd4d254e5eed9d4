# Purpose: the planned jobs of a run. launch.jq adds what belongs to a launch.
# Input:   keys as raw lines (-n -R); $config: [the run's configuration].
# Output:  jobs.ndjson: {"job": n, ...event}, n from 0; the keys in turn until every job has one.

include "plan/cost";
include "text";

def event($run; $key):
  {op: $run.op, bucket: $run.bucket, key: $key}
  + if $run.op == "write" then
      {mb_per_file: $run.mb_per_file, part_mb: $run.part_mb, parts_in_flight: $run.in_flight}
    else
      {
        read_times: $run.read_times,
        range_mb: $run.range_mb,
        # Only here the object's size is known.
        ranges_in_flight: ($run | connections),
        verify: $run.verify
      }
    end;

$config[0] as $run
| [inputs] as $keys
| range($run.jobs) as $n
| {job: $n} + event($run; $keys[$n % ($keys | length)])
