# Purpose: what the panels of a run's picture show. A library.
# Input:   the jobs that began (see job.jq), at least one; their timeline, its best second and stretches; the jobs
#          without times (see errors.jq), [] where nobody knows how long they may have run; how many jobs there were.
# Output:  {epoch, began, untimed, unseen, best, stretches, latency, bins, jobs}. Times (t, t2, start, stop, wait,
#          from, to, best) in seconds since the first job began, which is epoch; gbs in GB/s (10^9 bytes per
#          second), mbps in MB/s (10^6), mb and sent in MB (10^6 bytes). A bin lasts from t to t2; its gbs and active
#          are means over that time. sent_gbs: what jobs that failed sent in attempts that never succeeded. stretches:
#          the time of the sustained rate; best: when the best second began. unseen: jobs that did not begin and are
#          not drawn. latency: how many requests took from_ms to to_ms, by $histogram, which may be null. y: a job's
#          place, the middle of its line.

include "report/timeline";
include "text";

# The width of a bin: a second is a whole number of bins in any run of up to two minutes.
def bin_width:
  if . <= 0.5 then 0.001 elif . <= 6 then 0.05 elif . <= 30 then 0.1 elif . <= 120 then 0.2 else . / 600 | ceil end;

# Means between these moments.
def bins($moments; $sums; $sent):
  range(1; $moments | length) as $n
  | ($moments[$n] - $moments[$n - 1]) as $length
  | select($length > 0)
  | def mean($column): if . == null then null else (.[$n][$column] - .[$n - 1][$column]) / $length end;
    {
      t: ($moments[$n - 1] | rounded(6)),
      t2: ($moments[$n] | rounded(6)),
      gbs: ($sums | mean(1) / 1e9 | rounded(9)),
      active: ($sums | mean(2) | rounded(2)),
      sent_gbs: ($sent | mean(1) | if . == null then null else . / 1e9 | rounded(9) end)
    };

def drawing($points; $peak; $stretches; $untimed; $planned; $histogram):
  sort_by(.start) as $jobs
  | $jobs[0].start as $origin
  | ($points | last_stop) as $last
  | ($last | bin_width) as $width
  # Bins end on whole seconds, as samples do.
  | ($origin - ($origin | floor)) as $offset
  | ([0, (range(1; ($last + $offset) / $width | ceil) | . * $width - $offset | select(. > 0)), $last]) as $moments
  | {
      epoch: $origin,
      began: ($jobs | length),
      untimed: ($untimed | length),
      unseen: ($planned - ($jobs | length) - ($untimed | length)),
      best: $peak[1],
      $stretches,
      latency: [
        range($histogram // [] | length) as $b
        | select($histogram[$b])
        | {from_ms: (pow(2; $b / 16) / 1e3), to_ms: (pow(2; ($b + 1) / 16) / 1e3), requests: $histogram[$b]}
      ],
      bins: [bins(
        $moments;
        [$points | at($moments)];
        $jobs
          | map(select(.sent != null) | .bytes = .sent | .samples = .sent_samples)
          | if . == [] then null
            else (.[0].start - $origin) as $first | [events | timeline | map(.[0] += $first) | at($moments)] end
      )],
      jobs: [
        $jobs + ($untimed | map(. + {start: $origin, stop: ([.ended_by, $origin] | max), untimed: true}))
        | to_entries[]
        | .key as $rank
        | .value
        | {
            y: ($rank + 0.5),
            job: (.job | if measured then . else null end),
            key: (.key | harmless(64)),
            state: (if .untimed then "untimed" elif .error == null then "good" else "failed" end),
            start: (.start - $origin | rounded(6)),
            stop: (.stop - $origin | rounded(6)),
            wait: (if .handler_s == null then null else [.stop - .handler_s, .start] | min - $origin | rounded(6) end),
            mb: (if .untimed then null else .bytes / 1e6 | rounded(6) end),
            mbps: (.mbps | rounded(9)),
            why: (.error | harmless(60)),
            throttled,
            sent: (if .sent == null then null else .sent / 1e6 | rounded(6) end)
          }
      ]
    };
