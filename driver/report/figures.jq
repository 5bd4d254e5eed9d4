# The figures of a run.
# Units:   bytes in bytes; rates (goodput, end_to_end, sustained, peak_*, pywren_peak, first_done, g95, g99) in GB/s
#          (10^9 bytes per second); mbps in MB/s (10^6) per worker; *_s in seconds, *_ms in milliseconds; cost in USD.
#          What is undefined is null. docs/figures.md defines every field.
# Counted: the records of the first launch that began a job, failed ones included; unfinished alone is of all launches.
# Bounds:  untimed: {jobs, errors, planned_bytes, until_s} of the jobs that may have run and of which no time is known,
#          null where there is none: how many, by type, what they were to move, and until when they may have held their
#          slots, in seconds after the first start. We assume that they began with the first job.

include "report/bill";
include "report/drawing";
include "report/errors";
include "report/job";
include "report/selection";
include "report/verdict";
include "plan/cost";
include "plan/network";
include "plan/squads";
include "report/timeline";
include "run";
include "text";

# Per type: how many, and the first of them as an example.
def by_type:
  reduce .[] as $job (
    {};
    .[$job.error] |= if . == null then [1, $job] else .[0] += 1 end
  );

# The most requests in any one second. Records do not say when they were: where all tell when their bytes came, requests
# follow them; else each job's are taken as spread evenly over it. $share: of the bytes in the best second.
def peak_requests($share):
  map(select(.requests != null))
  | if . == [] then null
    elif $share != null and all(.[]; .samples != null) then (map(.requests) | add) * $share
    else map({start, stop, bytes: .requests, samples: null}) | events | best(1)[0] end;

# The latencies of all requests with a body, each bucket's number of them added up; null unless every job has them.
def histogram:
  if any(.[]; .latency == null) then null
  # An assignment takes half as long again as setpath.
  else reduce (.[].latency | fromjson[]) as [$bucket, $count] ([]; setpath([$bucket]; .[$bucket] + $count)) end;

# Input: a histogram, null where there is none. A percentile is the middle of its bucket, at most the maximum.
def request_times($max):
  . as $counts
  | ($counts // [] | add // 0) as $all
  | {p50: 0.5, p90: 0.9, p99: 0.99, p999: 0.999}
  | map_values(
      ($all * . | ceil | select(. > 0)) as $rank
      | first(foreach range($counts | length) as $n (0; . + $counts[$n]; select(. >= $rank) | $n))
      | [pow(2; (. + 0.5) / 16) / 1e3, $max | values]
      | min
    )
  | {p50, p90, p99, p999, $max};

# The figures of a fleet. Input: the jobs that began, at least one. $all_events: theirs, $points: their timeline,
# $together: the stretches in which 90 % of the most jobs were active, $peak: the best second. $last: the last
# moment at which a job may have ended, $planned: the bytes of jobs of no known time, both null where nobody knows.
def fleet_figures($all_events; $points; $together; $peak; $last; $untimed; $planned):
  def gbs($s): if . == null or $s == null then null else . / $s / 1e9 end;
  (map(.bytes) | add) as $bytes
  | (map(.start) | min) as $origin
  | (map(.stop) | min - $origin) as $done
  | (if $last == null then null else $last - $origin end) as $makespan
  | def reaching($share):
      if $planned == null or $bytes + $planned == 0 then null
      else ($share * ($bytes + $planned)) as $wanted | $wanted | gbs($points | reached($wanted)) end;
    ($points | during($together; 0)) as $sustained
  | {
      timeline: (map(.samples != null) | if all then "sampled" elif any then "mixed" else "uniform" end),
      makespan_s: $makespan,
      goodput: ($bytes | gbs($makespan)),
      sustained: ($sustained | .s as $s | .bytes | gbs($s)),
      sustained_s: $sustained.s,
      sustained_short: ($sustained.s < 5),
      peak_1s: ($peak[0] | gbs(1)),
      peak_5s: ($all_events | best(5)[0] | gbs(5)),
      peak_10s: ($all_events | best(10)[0] | gbs(10)),
      # The sum of the mean rates of the active jobs, which is how the article of 2016 counts.
      pywren_peak: (map(.samples = null) | events | [foreach .[][2] as $change (0; . + $change)] | max / 1e9),
      first_done: (first($points[] | select(.[0] >= $done))[1] | gbs($done)),
      g95: reaching(0.95),
      g99: reaching(0.99),
      max_active: ($points | map(.[3]) | max),
      slot_efficiency: (
        if $makespan == null then null else (map(.stop - .start) | add) / ((length + $untimed) * $makespan) end
      ),
      start_spread_s: (map(.start) | max - min),
      stop_spread_s: (map(.stop) | max - min)
    }
  | .straggler_tax = if .g95 == null or .goodput == null then null else 1 - .goodput / .g95 end;

# What bounds figures instead of telling them, and why; null where nothing does.
def bounds($planned; $origin; $ended_by):
  select(. != [])
  | {
      jobs: length,
      errors: (reduce .[].error as $type ({}; .[$type] += 1)),
      planned_bytes: $planned,
      until_s: (if $origin == null or $ended_by == null then null else [$ended_by - $origin, 0] | max end)
    };

# Whether the moment to give up ended a job, whatever it says that it was waiting for: S3 that throttled until then, a
# connection that broke. What is tried again is given up a second or two before that moment.
def is_cut_off($launch):
  .error == "Deadline" or (.stop != null and $launch.stop_by != null and .stop >= $launch.stop_by - 3);

# What one job of a run was to move, in bytes; null where that is not known, or ends by time.
def planned_bytes:
  object_bytes as $bytes
  | if $bytes == null or .for_s != null then null else $bytes * (.objects // 1) * (.read_times // 1) end;

# The summary of records, which are given as lines; then, where it is to be drawn, what drawing.jq makes of it, null
# where no job began. $run: see run.jq, null for records from elsewhere. $prices: prices.json; where it is null, so is
# what the run cost. $place_unknown: the run is damaged, and nobody knows whether it was on AWS or on loopback.
def figures(lines; $run; $prices; $place_unknown; $drawn):
  (($prices | values | select($place_unknown | not) | paid_by($run)) // null) as $prices
  | [foreach lines as $text (0; . + 1; {line: .} + ($text | select(blank | not) | job))]
  | selection($run) as $selection
  | $selection.records as $records
  | ($run | if . == null then null else .launches[$selection.launch - 1] // {} end) as $launch
  | [$records[] | select(.start != null)] as $began
  | [$records[] | select(.error != null)] as $failed
  | ($failed | by_type) as $types
  | ($records | untimed($launch; $selection.missing)) as $untimed
  | ($untimed | all_ended_by) as $ended_by
  | (if $untimed == [] then 0 else ($run | planned_bytes | values | . * ($untimed | length)) // null end) as $planned
  | ([$began[].bytes] | add // 0) as $bytes
  | ([$began[].start] | min) as $origin
  | ($began | if any(.[]; .objects == null) then null else map(.objects) | add end) as $objects
  | ($began | histogram) as $histogram
  | (if $began == [] or $untimed != [] and $ended_by == null then null
     else [$began[].stop, $ended_by] | max end) as $last
  | ($began | events) as $all_events
  | ($all_events | timeline) as $points
  | ($points | stretches(0.9 * (map(.[3]) | max // 0))) as $together
  | ($all_events | best(1)) as $peak
  | ((
      $began
      | select(. != [])
      | fleet_figures($all_events; $points; $together; $peak; $last; $untimed | length; $planned)
    ) // {}) as $figures
  | (if $prices == null or $records == [] then null
     else $records | bill($prices; $run; $launch; $selection.missing) end) as $bill
  | {
      op: ($run.op // ([$records[].op | strings] | unique | if length == 1 then .[0] else null end)),
      loopback: $run.loopback,
      shared_machine: $run.shared_machine,
      $place_unknown
    }
    + ($selection | {jobs, missing, unfinished, launches, launch, repeated, unplanned, uploads_left})
    + ($figures
      | {
          timeline, makespan_s, goodput, sustained, sustained_s, sustained_short, peak_1s, peak_5s, peak_10s,
          pywren_peak, first_done, g95, g99, straggler_tax, max_active, slot_efficiency, start_spread_s, stop_spread_s
        })
    + {
      bytes: $bytes,
      objects: $objects,
      objects_per_s: (if $objects == null or $last == null then null else $objects / ($last - $origin) end),
      small_objects: (($objects // 0) > 0 and $bytes / $objects < 1048576),
      failed: ($failed | length),
      errors: ($types | map_values(.[0])),
      examples: ($types | map_values(.[1] | {job, line, key, message})),
      bad_records: (
        [$failed[] | select(.error == "BadRecord")]
        | group_by(.reason)
        | map({reason: (.[0].reason // "error has no type and message"), jobs: length, line: .[0].line})
      ),
      last_failures: ($selection.last_failures | by_type | map_values({jobs: .[0]} + (.[1] | {job, launch, message}))),
      cut_off: ($failed | map(select(is_cut_off($launch))) | length),
      valid: ($selection | .jobs > 0 and (($failed | length) + .missing) * 100 <= .jobs),
      # A clock that was set back in mid run makes the time from launch to last answer shorter than a part of it.
      end_to_end: (
        ([$launch.end, if $untimed == [] then null else $last end] | max // nan) - ($launch.launch // infinite)
        | if $last != null and . >= $figures.makespan_s then $bytes / . / 1e9 else null end
      ),
      mbps: ([$began[] | select(.error == null) | .mbps] | distribution | {min, p5, p50, p95, max}),
      untimed: ($untimed | bounds($planned; $origin; $ended_by) // null),
      sent: ([$failed[].sent | values] | if . == [] then null else {jobs: length, bytes: add} end),
      requests: ([$records[].requests] | total),
      requests_per_s: ($began | peak_requests(if $bytes == 0 then null else $peak[0] | values / $bytes end // null)),
      retries: ([$records[].retries] | total),
      throttled: ([$records[].throttled] | total),
      late: ([$records[].late_s | numbers] | if . == [] then null else map(select(. > 0.1)) | length end),
      first_byte_ms: ([$records[].first_byte_ms | numbers] | distribution | {p50, p95, p99, max}),
      request_ms: ([$records[].request_ms.max? | select(measured)] | max as $max | $histogram | request_times($max)),
      cost_usd: $bill.usd,
      cost_known_usd: $bill.known_usd,
      usd_per_tb: (
        if $prices == null or $untimed != [] then null else $began | usd_per_tb($prices; $bytes) end
      ),
      prices: (if $prices == null then null else $prices | {date, region} end),
      evidence: (($began | select(. != []) | evidence($run; $points; $together) + {open_s: $launch.open_s}) // null
        | if $place_unknown and . != null then .network_mbps = null else . end)
    }
  | .verdict = verdict
  | .,
    if $drawn | not then empty
    elif $began == [] then null
    else $began | drawing($points; $peak; $together; if $ended_by == null then [] else $untimed end; $selection.jobs;
      $histogram) end;
