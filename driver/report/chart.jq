# Purpose: what the panels of a picture show of one run.
# Input:   records as raw lines (-n -R), streamed; $run: [the run, see run.jq], [null] for records from elsewhere;
#          $summary: [summary.json]; $source: what the reader calls the records.
# Output:  one object. Times (t, t2, start, stop, wait, from, to, t95) in seconds since the first job began, which is
#          epoch; gbs and goodput in GB/s (10^9 bytes per second), mbps in MB/s (10^6), mb in MB (10^6 bytes). A bin
#          lasts from t to t2; its gbs and active are means over that time. sent_gbs: what jobs that failed sent in
#          attempts that never succeeded.
# Counted: the records of the launch that summary.jq counts. Jobs that may have run and of which no time is known are
#          drawn for as long as they are reckoned, as untimed. What did not begin is counted in unseen, and not drawn.

include "report/cap";
include "report/job";
include "report/kinds";
include "plan/network";
include "report/selection";
include "report/timeline";
include "report/untimed";
include "text";

# Foreign text, short and harmless. Most of it is plain, and need not be looked at letter by letter.
def named($most):
  if . == null then null
  else tostring | .[:4 * $most] | if test("^[!-~]*$") then . else visible end | shortened($most) end;

def number: if measured then . else null end;

# The width of a bin: a second is a whole number of bins in any run of up to two minutes.
def bin_width: if . <= 6 then 0.05 elif . <= 30 then 0.1 elif . <= 120 then 0.2 else . / 600 | ceil end;

# Input: a timeline. Bytes and worker-seconds at each of some moments, ascending, as [moment, bytes, worker-seconds].
def at($moments):
  [(.[] | [.[0], 0] + .), ($moments[] | [., 1])]
  | sort
  | foreach .[] as $now (
      # Since .t: .bytes and .worker_s until then, .pace and .active from then on.
      {t: 0, bytes: 0, worker_s: 0, pace: 0, active: 0};
      ($now[0] - .t) as $passed
      | {
          t: $now[0],
          bytes: (if $now[1] == 0 then $now[3] else .bytes + .pace * $passed end),
          worker_s: (.worker_s + .active * $passed),
          pace: (if $now[1] == 0 then $now[4] else .pace end),
          active: (if $now[1] == 0 then $now[5] else .active end)
        };
      if $now[1] == 1 then [.t, .bytes, .worker_s] else empty end
    );

# Input: a timeline. The stretches of time with at least so many active jobs: [{from, to}, ...].
def stretches($least):
  . as $points
  | reduce (range(length - 1) | select($points[.][3] >= $least)) as $n (
      [];
      $points[$n][0] as $from
      | $points[$n + 1][0] as $to
      | if length > 0 and .[-1].to == $from then .[-1].to = $to else . + [{$from, $to}] end
    );

# Input: jobs. Bytes and job-seconds of them alone at these moments, as at() gives them; null of none.
def apart_from_others($origin; $moments):
  if . == [] then null
  else
    ((map(.start) | min) - $origin) as $first
    | [timeline | map(.[0] += $first) | at($moments)]
  end;

# A width of 1, 2 or 5 times a power of ten, so that there are about so many classes up to the input.
def class_width($classes):
  . / $classes
  | if . <= 0 then 1
    else
      pow(10; log10 | floor) as $ten
      | . / $ten
      | (if . < 1.5 then 1 elif . < 3.5 then 2 elif . < 7.5 then 5 else 10 end) * $ten
    end;

# Input: MB/s of each worker.
def classes:
  if . == [] then []
  else
    (max | class_width(50)) as $width
    | group_by(. / $width | floor)
    | map((.[0] / $width | floor) as $n
        | {mbps: ($n * $width | rounded(9)), mbps2: (($n + 1) * $width | rounded(9)), workers: length})
  end;

$run[0] as $run
| $summary[0] as $summary
| [inputs | select(blank | not) | job | del(.request_ms, .message)]
| selection($run) as $selection
| $selection.records as $records
| (if $run == null then null else $run.launches[$selection.launch - 1] // {} end) as $launch
| ($records | map(select(.start != null)) | sort_by(.start)) as $jobs
| (if $summary.untimed.until_s == null then [] else $records | untimed($launch; $selection.missing) end) as $untimed
| ([$jobs[0].start, 0] | map(numbers)[0]) as $origin
| ($jobs | if . == [] then [[0, 0, 0, 0]] else timeline end) as $points
| ($jobs | map(select((.throttled // 0) > 0))) as $throttled
| ($jobs | map(select(.sent != null))) as $sent
| ($points | last_stop) as $last
| ([$jobs[].bytes] | add // 0) as $bytes
| ($last | bin_width) as $width
# Bins end on whole seconds, as samples do.
| ($origin - ($origin | floor)) as $offset
| ([0, (range(1; ($last + $offset) / $width | ceil) | . * $width - $offset | select(. > 0)), $last]) as $moments
| [$points | at($moments)] as $sums
| ($throttled | map(.bytes = 0) | apart_from_others($origin; $moments)) as $throttled_sums
| ($sent | map(.bytes = .sent | .samples = .sent_samples) | apart_from_others($origin; $moments)) as $sent_sums
| {
    op: ([$run.op, $summary.op | select(IN("write", "read"))][0] // "records"),
    source: ($source | named(120)),
    # Told apart by it, and never shown: it is as it was found.
    kind: ({$source, $run, $summary} | kind),
    loopback: ($run.loopback == true),
    valid: ($summary.valid != false),
    planned: $selection.jobs,
    began: ($jobs | length),
    failed: ([$jobs[] | select(.error != null)] | length),
    untimed: ($untimed | length),
    unseen: ($selection.jobs - ($jobs | length) - ($untimed | length)),
    sent_mb: ([$sent[].sent] | if . == [] then null else add / 1e6 end),
    throttled: ([$throttled[].throttled] | add // 0),
    throttled_jobs: ($throttled | length),
    # Not of a job that was invoked late, but of those that were there and waited.
    waited: any($jobs[]; .handler_s != null and .stop - .handler_s < .start - 0.05),
    epoch: $jobs[0].start,
    launch: ($launch.launch | number),
    region: ($run.region | named(30)),
    memory_mb: (($run.memory_mb // $jobs[0].memory_mb) | number),
    arch: (($run.arch // $jobs[0].arch) | named(20)),
    cap_mbps: ($run | cap_mbps),
    mb_per_file: ($run.mb_per_file | number),
    part_mb: ($run.part_mb | number),
    range_mb: ($run.range_mb | number),
    in_flight: ($run.in_flight | number),
    version: ($launch.version | named(30)),
    sentence: ([$summary.verdict.sentence?] | map(strings)[0] | named(400)),
    bytes: $bytes,
    makespan_s: (if $jobs == [] then null else [$last, $summary.makespan_s] | max end),
    # Not while the rest may have come when nobody knows.
    t95: (if $bytes == 0 or $summary.untimed != null then null else $points | reached(0.95 * $bytes) end),
    goodput: $summary.goodput,
    at_least: ($summary.at_least // [] | index("goodput") != null),
    sustained: (
      if $summary.sustained == null or $jobs == [] then null
      else
        {
          gbs: $summary.sustained,
          seconds: $summary.sustained_s,
          stretches: ($points | stretches(0.9 * ([.[][3]] | max)))
        }
      end
    ),
    best: ($points | best(1) | if . == null then null else {gbs: (.[0] / 1e9), from: .[1], to: (.[1] + 1)} end),
    median: ([$jobs[] | select(.error == null) | .mbps] | sort | nearest_rank(50)),
    rates: ([$jobs[] | select(.error == null) | .mbps] | classes),
    bins: [
      range($sums | length - 1) as $i
      | $sums[$i] as $from
      | $sums[$i + 1] as $to
      | ($to[0] - $from[0]) as $length
      | select($length > 0)
      | {
          t: ($from[0] | rounded(3)),
          t2: ($to[0] | rounded(3)),
          gbs: (($to[1] - $from[1]) / $length / 1e9 | rounded(5)),
          active: (($to[2] - $from[2]) / $length | rounded(2))
        }
        + if $throttled_sums == null then {}
          else {throttled: (($throttled_sums[$i + 1][2] - $throttled_sums[$i][2]) / $length | rounded(2))} end
        + if $sent_sums == null then {}
          else {sent_gbs: (($sent_sums[$i + 1][1] - $sent_sums[$i][1]) / $length / 1e9 | rounded(5))} end
    ],
    # y: the job's place among all, sorted by start, the middle of its line.
    jobs: ([
      $jobs | to_entries[]
      | .key as $rank
      | .value
      | {
          y: ($rank + 0.5),
          job: (.job | number),
          key: (.key | named(64)),
          start: (.start - $origin | rounded(3)),
          stop: (.stop - $origin | rounded(3)),
          mb: (.bytes / 1e6 | rounded(1)),
          mbps: (.mbps | rounded(1))
        }
        + (if .handler_s == null then {} else {wait: ([.stop - .handler_s, .start] | min - $origin | rounded(3))} end)
        + (if .error == null then {} else {error: (.error | named(60))} end)
        + (if .throttled == null then {} else {throttled} end)
        + (if .sent == null then {} else {sent: (.sent / 1e6 | rounded(1))} end)
    ] + [
      range($untimed | length) as $rank
      | $untimed[$rank]
      | {
          y: (($jobs | length) + $rank + 0.5),
          job: (.job | number),
          key: (.key | named(64)),
          start: 0,
          stop: ([.ended_by - $origin, 0] | max | rounded(3)),
          untimed: (.error | named(60))
        }
    ])
  }
