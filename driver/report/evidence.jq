# Purpose: what the verdict is founded on. A library.
# Input:   the jobs that began (see job.jq), at least one.
# Output:  one object; times in seconds after the first start, rates in MB/s per worker. What is not known is null.

include "report/cap";
include "plan/network";
include "report/timeline";
include "text";

# Memory buys processor time: so many MB are one processor.
def processor_mb: 1769;

def p50: map(select(measured)) | sort | nearest_rank(50);

# The jobs that stop in the later half of the time that the last 5 % of the bytes take: whether they were slow, or late.
def tail($origin; $from; $to):
  map(select($from == null or .stop - $origin >= ($from + $to) / 2))
  | {
      jobs: length,
      mbps_p50: (map(.bytes / (.stop - .start) / 1e6) | p50),
      start_p50_s: (map(.start - $origin) | p50)
    };

# The share of what its memory buys that the median worker used.
def processor_share($run):
  map(
    (.memory_mb // $run.memory_mb // 0) as $memory
    | select(.error == null and .cpu_s != null and $memory > 0)
    | .cpu_s / (.stop - .start) / ($memory / processor_mb)
  )
  | p50;

# When 503s can have come: within the jobs that met some.
def throttling($origin):
  map(select((.throttled // 0) > 0))
  | {
      throttled_jobs: length,
      throttled_from_s: (if length == 0 then null else (map(.start) | min) - $origin end),
      throttled_to_s: (if length == 0 then null else (map(.stop) | max) - $origin end)
    };

# A worker's rate in the fleet's best second, when that began, and the rate in the later half of the time in which the
# fleet was together: apart, they tell a burst from the steady rate. Only samples can.
def paces($points; $most; $held_s; $peak; $sampled):
  if $sampled | not then {best_second_mbps: null, best_second_s: null, steady_mbps: null}
  else
    ($points | held(0.9 * $most; $held_s / 2)) as $later
    | {
        best_second_mbps: (if $peak == null then null else $peak[0] / $most / 1e6 end),
        best_second_s: (if $peak == null then null else $peak[1] end),
        steady_mbps: (if $later.worker_s > 0 then $later.bytes / $later.worker_s / 1e6 else null end)
      }
  end;

def evidence($run; $points; $most; $held_s; $peak; $sampled):
  (map(.start) | min) as $origin
  | (map(.bytes) | add) as $bytes
  | ($points | last_stop) as $last
  | (if $bytes > 0 then $points | reached(0.95 * $bytes) else null end) as $most_done
  | {
      mean_start_s: ((map(.start - $origin) | add) / length),
      median_job_s: (map(.stop - .start) | p50),
      late_max_s: (map(.late_s | numbers) | max),
      last_5_percent_s: (if $most_done == null then null else $last - $most_done end),
      tail: tail($origin; $most_done; $last),
      memory_mb: ([.[].memory_mb, $run.memory_mb] | p50),
      cpu_share: processor_share($run),
      network_mbps: ($run | cap_mbps),
      network_opted_in: ($run | opted_in)
    }
    + throttling($origin)
    + paces($points; $most; $held_s; $peak; $sampled);
