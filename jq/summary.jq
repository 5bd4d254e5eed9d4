# Purpose: what a run reached: summary.json.
# Input:   records as raw lines (-n -R), streamed; $run: [run.json], [null] for records from elsewhere.
# Output:  one object. bytes in bytes; goodput, end_to_end, pywren_peak in GB/s (10^9 bytes per second); mbps in
#          MB/s (10^6); times in seconds. What is undefined is null.
# Counted: the records of the first launch. Figures are over the jobs that began, failed ones included.

include "lib";

def bad($message): {error: "BadRecord", message: "BadRecord: \($message)"};

# The figures of a record with usable numbers, empty of any other. rate is in GB/s.
def figures_of_record:
  select((.start | measured) and (.stop | measured) and .stop > .start)
  | select(.bytes == null or (.bytes | measured and . >= 0))
  | select(
      if .mbps != null or (has("mbps") and .error == null) then .mbps | measured and . >= 0
      else .bytes != null or .error != null end
    )
  | (.stop - .start) as $seconds
  | (.bytes // ((.mbps // 0) * 1e6 * $seconds)) as $bytes
  | {start, stop, bytes: $bytes, rate: ($bytes / $seconds / 1e9), mbps: (.mbps // ($bytes / $seconds / 1e6))};

# One line's record, cut to what the sums need. Only a job that began has figures.
def job:
  . as $line
  | try fromjson catch null
  | if type != "object" then {launch: 1} + bad("the line is not a JSON object: \($line[:80])")
    else
      {job, key, launch: (.launch // 1), requests, retries, throttled, late_s}
      + if .error == null then
          [figures_of_record][0]
          // bad("start \(.start), stop \(.stop), bytes \(.bytes), mbps \(.mbps): numbers are wanted, and stop "
            + "after start")
        else
          {
            error: ((.error | objects | .type | strings) // "BadRecord"),
            message: ((.error | objects | .message) // .error)
          }
          + [figures_of_record][0]
        end
    end;

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
| [inputs | select(test("[^ \t\r]")) | job]
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
