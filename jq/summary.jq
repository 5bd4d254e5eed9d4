# Purpose: what a run reached: summary.json.
# Input:   records as raw lines (-n -R), streamed; $run: [run.json], [null] for records from elsewhere.
#          Optional: --slurpfile prices prices.json; without it what the run cost is null.
# Output:  one object. bytes in bytes; rates (goodput, end_to_end, sustained, peak_*, pywren_peak, first_done, g95, g99)
#          in GB/s (10^9 bytes per second); mbps in MB/s (10^6) per worker; *_s in seconds, *_ms in milliseconds; cost
#          in USD. What is undefined is null.
# Counted: the records of the first launch, failed, missing and errors as well. Figures are over the jobs that began,
#          failed ones included. unfinished alone is over all launches: jobs without a good record in any.

include "bill";
include "cost";
include "evidence";
include "job";
include "network";
include "timeline";
include "verdict";
include "lib";

# Per type: how many, and the first of them as an example.
def by_type:
  reduce .[] as $job (
    {};
    .[$job.error] |= if . == null then [1, $job] else .[0] += 1 end
  );

# How many jobs later launches made good that had no good record ($good: the numbers of those that had).
def completed_later($good):
  (reduce $good[] as $job ({}; .[$job | tostring] = true)) as $had
  | [.[] | select(.error == null) | .job | tostring | select($had[.] | not)]
  | unique
  | length;

def timeline_kind:
  map(.samples != null)
  | if length == 0 then null elif all then "sampled" elif any then "mixed" else "uniform" end;

# The most requests in any one second, each job's taken as spread evenly over it: records do not say when they were.
def peak_requests:
  map(select(.requests != null) | {start, stop, bytes: .requests, samples: null})
  | if length == 0 then null else timeline | best(1) | if . == null then null else .[0] end end;

def latencies: sort | {p50: nearest_rank(50), p95: nearest_rank(95), p99: nearest_rank(99), max: .[-1]};

# Of the jobs' own medians the median, of their 99th percentiles the 99th, of their slowest the slowest.
def request_times:
  def over($name): [.[].request_ms[$name]? | select(measured)] | sort;
  {
    p50: (over("p50") | nearest_rank(50)),
    p99: (over("p99") | nearest_rank(99)),
    max: (over("max") | .[-1])
  };

# With S3's own names of it, for whoever asks S3 about it.
def slowest_request:
  map(select(.request_ms.max? | measured))
  | if length == 0 then null else max_by(.request_ms.max) | {job, key} + (.request_ms | del(.p50, .p99)) end;

# The rates of a fleet of which jobs began. Input: these jobs.
def rates($points; $makespan; $bytes; $most):
  ($points | held(0.9 * $most; 0)) as $together
  | def gbs($width): if . == null then null else .[0] / $width / 1e9 end;
    def until($share): if $bytes == 0 then null else $points | $share * $bytes / reached($share * $bytes) / 1e9 end;
    (map(.start) | min) as $origin
  | (map(.stop) | min - $origin) as $done
  | ($points | best(1)) as $peak
  | {
      goodput: ($bytes / $makespan / 1e9),
      end_to_end: null,
      sustained: ($together.bytes / $together.s / 1e9),
      sustained_s: $together.s,
      sustained_short: ($together.s < 5),
      peak_1s: ($peak | gbs(1)),
      peak_5s: ($points | best(5) | gbs(5)),
      peak_10s: ($points | best(10) | gbs(10)),
      pywren_peak: highest_sum,
      first_done: (($points | delivered_by($done)) / $done / 1e9),
      g95: until(0.95),
      g99: until(0.99)
    }
  | .straggler_tax = (if .g95 == null then null else 1 - .goodput / .g95 end)
  | {figures: ., $together, $peak};

def no_rates:
  [
    "goodput", "end_to_end", "sustained", "sustained_s", "sustained_short", "peak_1s", "peak_5s", "peak_10s",
    "pywren_peak", "first_done", "g95", "g99", "straggler_tax"
  ]
  | map({(.): null})
  | add;

$run[0] as $run
| $ARGS.named.prices[0] as $prices
| [foreach inputs as $text (0; . + 1; {line: .} + ($text | select(test("[^ \t\r]")) | job))]
| . as $all
| ([.[].launch] | if $run == null then min else 1 end // 1) as $first_launch
| ([.[].launch] | max // (if $run == null then null else 1 end)) as $launches
| [.[] | select(.launch == $first_launch)] as $records
| [$records[] | select(.start != null)] as $began
| [$records[] | select(.error != null)] as $failed
| ($failed | by_type) as $types
| ($run.jobs // ($records | length)) as $jobs
| ([$jobs - ($records | length), 0] | max) as $missing
| ([$all[] | select(.launch > $first_launch)] | completed_later([$records[] | select(.error == null) | .job])) as $later
| ($began | length) as $n
| ([$began[].bytes] | add // 0) as $bytes
| (if $n > 0 then ([$began[].stop] | max) - ([$began[].start] | min) else null end) as $makespan
| (if $n > 0 then $began | timeline else [] end) as $points
| ([$points[][3]] | max // 0) as $most
| ($began | timeline_kind) as $kind
| (if $n > 0 then $began | rates($points; $makespan; $bytes; $most) else {figures: no_rates} end) as $rates
| (if $prices == null or $records == [] then null else $records | bill($prices; $run; $missing) end) as $bill
| {
    op: ($run.op // ([$records[].op | strings] | unique | if length == 1 then .[0] else null end)),
    loopback: $run.loopback,
    jobs: $jobs,
    failed: ($failed | length),
    missing: $missing,
    unfinished: (($failed | length) + $missing - $later),
    errors: ($types | map_values(.[0])),
    valid: ($jobs > 0 and (($failed | length) + $missing) * 100 <= $jobs),
    launches: $launches,
    timeline: $kind,
    bytes: $bytes,
    makespan_s: $makespan
  }
  + $rates.figures
  + {
    end_to_end: (
      if $n > 0 and $run.end != null and $run.launch != null and $run.end > $run.launch then
        $bytes / ($run.end - $run.launch) / 1e9
      else null end
    ),
    mbps: ([$began[] | select(.error == null) | .mbps] | distribution),
    max_active: (if $n == 0 then null else $most end),
    slot_efficiency: (if $n > 0 then ([$began[] | .stop - .start] | add) / ($n * $makespan) else null end),
    start_spread_s: (if $n > 0 then [$began[].start] | max - min else null end),
    stop_spread_s: (if $n > 0 then [$began[].stop] | max - min else null end),
    requests: ([$records[].requests] | total),
    requests_per_s: ($began | peak_requests),
    retries: ([$records[].retries] | total),
    throttled: ([$records[].throttled] | total),
    late: ([$records[].late_s | numbers] | if length == 0 then null else map(select(. > 0.1)) | length end),
    first_byte_ms: ([$records[].first_byte_ms | numbers] | latencies),
    request_ms: ($records | request_times),
    slowest_request: ($records | slowest_request),
    cost_usd: $bill.usd,
    cost_known_usd: $bill.known_usd,
    prices: (if $prices == null then null else $prices | {date, region} end),
    examples: ($types | map_values(.[1] | {job, line, key, message})),
    evidence: (
      if $n == 0 then null
      else
        $rates.together.s as $held_s
        | $began
        | evidence($run; $points; $most; $held_s; $rates.peak; $kind != "uniform")
      end
    )
  }
| .verdict = verdict
