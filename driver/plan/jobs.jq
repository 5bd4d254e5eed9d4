# Purpose: the planned jobs of a run. launch.jq adds what belongs to a launch.
# Input:   keys as raw lines (-n -R); $config: [the run's configuration]; $streams: [{key: its number of objects}], of
#          the keys whose own number is known.
# Output:  jobs.ndjson: {"job": n, ...event}, n from 0; the keys in turn until every job has one.

include "plan/cost";
include "run";
include "text";

def event($run; $key):
  {op: $run.op, bucket: $run.bucket, key: $key}
  + if $run.op == "write" then
      ($run | {mb_per_file, bytes_per_file} | map_values(values))
      + {part_mb: $run.part_mb, parts_in_flight: $run.in_flight}
    else
      ($run | {read_times} | map_values(values))
      # Only here the object's size is known.
      + {range_mb: $run.range_mb, ranges_in_flight: ($run | connections), verify: $run.verify}
    end
  + ({objects: ($streams[0][$key] // $run.objects), for_s: $run.for_s} | map_values(values));

$config[0] as $run
| [inputs] as $keys
| range($run.jobs) as $n
| {job: $n} + event($run; $keys[$n % ($keys | length)])
