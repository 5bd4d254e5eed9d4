# Purpose: what a run reached: summary.json.
# Input:   records as raw lines (-n -R), streamed; $run: [run.json], [null] for records from elsewhere.
# Output:  one object. bytes in bytes; goodput, end_to_end, pywren_peak in GB/s (10^9 bytes per second); mbps in
#          MB/s (10^6); times in seconds. What is undefined is null.
# Counted: the records of the first launch. Figures are over the jobs that began, failed ones included.

include "lib";

def bad($message): {error: "BadRecord", message: "BadRecord: \($message)"};

# One record, cut to what the sums need. A job that began has start, stop, bytes and rate (GB/s).
def job:
  if type != "object" then bad("the line is not a JSON object")
  else
    . as $r
    | {job, key, launch: (.launch // 1), requests, retries, throttled, late_s}
      + if .error != null then
          {error: (.error | (objects | .type | strings) // "BadRecord"), message: (.error | (objects | .message) // .)}
        else {} end
      + if (.start | measured) and (.stop | measured) and .stop > .start
          and (.bytes == null or (.bytes | measured and . >= 0))
          and (if has("mbps") then .mbps | measured and . >= 0 else .bytes != null or .error != null end)
        then
          (.bytes // ((.mbps // 0) * (.stop - .start) * 1e6)) as $bytes
          | {
              start,
              stop,
              bytes: $bytes,
              rate: ($bytes / (.stop - .start) / 1e9),
              mbps: (.mbps // ($bytes / (.stop - .start) / 1e6))
            }
        elif .error != null then {}
        else
          bad("start \($r.start), stop \($r.stop), bytes \($r.bytes), mbps \($r.mbps): numbers are wanted, and stop "
            + "after start")
        end
  end;

def parsed: . as $line | try fromjson catch "not JSON: \($line[:60])";

# [highest sum of the mean rates of active jobs, most active jobs]: a job is active for start <= t < stop.
def peaks:
  [.[] | [.start, 1, .rate], [.stop, 0, .rate]]
  | sort
  | reduce .[] as [$t, $begins, $rate] (
      [0, 0, 0, 0];
      (if $begins == 1 then .[0] + $rate else .[0] - $rate end) as $sum
      | (.[1] + 2 * $begins - 1) as $active
      | [(if $active == 0 then 0 else $sum end), $active, ([.[2], $sum] | max), ([.[3], $active] | max)]
    )
  | .[2:];

# Per type: how many, and the first of them as an example.
def by_type:
  reduce .[] as $job (
    {};
    .[$job.error] |= if . == null then [1, $job] else .[0] += 1 end
  );

$run[0] as $run
| [inputs | select(test("[^ \t\r]")) | parsed | job]
| ([.[].launch | numbers] | max // (if $run == null then null else 1 end)) as $launches
| map(select(.launch == 1)) as $records
| [$records[] | select(.start != null)] as $began
| [$records[] | select(.error != null)] as $failed
| ($failed | by_type) as $types
| ($run.jobs // ($records | length)) as $jobs
| ([$jobs - ($records | length), 0] | max) as $missing
| ($began | length) as $n
| ([$began[].start] | min) as $first
| ([$began[].stop] | max) as $last
| ([$began[].bytes] | add // 0) as $bytes
| (if $n > 0 then $last - $first else null end) as $makespan
| ($began | peaks) as [$peak, $active]
| {
    op: $run.op,
    loopback: $run.loopback,
    jobs: $jobs,
    failed: ($failed | length),
    missing: $missing,
    errors: ($types | map_values(.[0])),
    valid: ($jobs > 0 and (($failed | length) + $missing) * 100 <= $jobs),
    launches: $launches,
    bytes: $bytes,
    makespan_s: $makespan,
    goodput: (if $n > 0 then $bytes / $makespan / 1e9 else null end),
    end_to_end: (
      if $n > 0 and $run.end != null and $run.launch != null and $run.end > $run.launch then
        $bytes / ($run.end - $run.launch) / 1e9
      else null end
    ),
    pywren_peak: (if $n > 0 then $peak else null end),
    mbps: ([$began[] | select(.error == null) | .mbps] | distribution),
    max_active: $active,
    slot_efficiency: (if $n > 0 then ([$began[] | .stop - .start] | add) / ($n * $makespan) else null end),
    start_spread_s: (if $n > 0 then ([$began[].start] | max) - $first else null end),
    stop_spread_s: (if $n > 0 then $last - ([$began[].stop] | min) else null end),
    requests: ([$records[].requests] | total),
    retries: ([$records[].retries] | total),
    throttled: ([$records[].throttled] | total),
    late: ([$records[].late_s | numbers] | if length == 0 then null else map(select(. > 0.1)) | length end),
    examples: ($types | map_values(.[1] | {job, key, message}))
  }
