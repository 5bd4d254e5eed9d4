# Purpose: what a fleet had delivered by when, exactly. A library.
# A timeline is an array of points [t, bytes, rate, active], sorted by t: seconds since the first start, bytes delivered
# by then, bytes per second and active jobs from then on. Between two points the bytes are linear. The last point is the
# last stop. Every program here is a sort and a sweep, whatever the number of jobs.

# An event is [t, change of active jobs, change of bytes per second]. Sorted, stops precede starts of the same moment.

# A job's own two events: the pace up to its first sample from its start, the pace after its last one until its stop.
# (No samples: one pace for all.) Adds what else the job needs: first and last pace, and its first second.
def paced($origin):
  (.start - $origin) as $start
  | (.stop - $origin) as $stop
  | ((.start | floor) + 1) as $second
  | (.samples // []) as $samples
  | ($samples | length) as $count
  | if $count == 0 then
      (.bytes / ($stop - $start)) as $pace
      | {events: [[$start, 1, $pace], [$stop, -1, -$pace]]}
    else
      ($samples[0] / ($second - $origin - $start)) as $first
      | ((.bytes - $samples[-1]) / ($stop - ($second + $count - 1 - $origin))) as $last
      | {events: [[$start, 1, $first], [$stop, -1, -$last]], second: $second, samples: $samples, $first, $last}
    end;

# One event per whole second for all jobs that share their first second. sums: their cumulative bytes at each second;
# ended: the part of that by jobs that have no later sample; last: the paces which those then keep until they stop.
def shared_events($origin):
  .[0].second as $second
  | (map(.samples | length) | max) as $count
  # A generator within the reduce's source takes a third of the time of an expression within its body.
  | (map(.samples) | [range($count) as $n | reduce .[][$n] as $bytes (0; . + $bytes)]) as $sums
  | (reduce .[].samples as $samples ([]; ($samples | length - 1) as $n | .[$n] = .[$n] + $samples[-1])) as $ended
  | (reduce .[] as $job ([]; ($job.samples | length - 1) as $n | .[$n] = .[$n] + $job.last)) as $last
  | [range($count - 1) as $n | $sums[$n + 1] - $sums[$n] + $ended[$n]] as $paces
  | (map(.first) | add) as $first
  | range($count) as $n
  | [
      $second + $n - $origin,
      0,
      ($paces[$n] // 0) + ($last[$n] // 0) - (if $n == 0 then $first else $paces[$n - 1] end)
    ];

# The events of jobs that began, sorted. Input: the jobs, as {start, stop, bytes, samples}.
def events:
  (map(.start) | min) as $origin
  | map(paced($origin))
  | [.[].events[]] + [map(select(.second)) | group_by(.second)[] | shared_events($origin)]
  | sort;

def last_stop: .[-1][0];

# Of events: [most bytes delivered in any $width seconds, when those begin]; null where all is shorter. Between the
# moments at which either end of the window meets an event the difference is linear: so the most is at one of those.
def best($width):
  ((last_stop // 0) - $width) as $latest
  | if $latest < 0 then null
    else
      # The pace changes for the window's end, then for its beginning.
      [.[] as [$t, $_, $change] | [$t - $width, $change], [$t, -$change]]
      | sort
      | reduce .[] as [$t, $change] (
          [-$width, 0, 0, -1, 0];
          . as [$since, $before, $pace, $most, $when]
          | ($before + $pace * ($t - $since)) as $now
          | [$t, $now, $pace + $change]
            + if $now > $most and $t >= 0 and $t <= $latest then [$now, $t] else [$most, $when] end
        )
      | .[3:]
    end;

# The timeline of some events. Where no job is active the pace is exactly 0 again.
def timeline:
  . + [[infinite, 0, 0]]
  | [
      foreach .[] as [$t, $active, $pace] (
        [0, 0, 0, 0];
        .[0] as $since
        | (.[3] + $active) as $now
        | [
            $t,
            (if $t == infinite then 0 else .[1] + .[2] * ($t - $since) end),
            (if $now == 0 then 0 else .[2] + $pace end),
            $now,
            (if $t > $since then .[:4] else null end)
          ];
        .[4] | values
      )
    ];

# Input of all below: a timeline.

# When so many bytes had been delivered, in seconds after the first start; null where they never are.
def reached($bytes):
  first(
    range(1; length) as $n
    | select(.[$n][1] >= $bytes)
    | .[$n - 1]
    | .[0] + if .[2] == 0 then 0 else ($bytes - .[1]) / .[2] end
  ) // null;

# The stretches of time with at least so many active jobs: [{from, to}, ...].
def stretches($least):
  . as $points
  | reduce (range(length - 1) | select($points[.][3] >= $least)) as $n (
      [];
      $points[$n][0] as $from
      | $points[$n + 1][0] as $to
      | if length > 0 and .[-1].to == $from then .[-1].to = $to else . + [{$from, $to}] end
    );

# Bytes and worker-seconds at each of some moments, which ascend: [moment, bytes, worker-seconds], ...
def at($moments):
  [(.[] | [.[0], 0] + .), ($moments[] | [., 1])]
  | sort
  | foreach .[] as [$t, $asked, $_, $bytes, $pace, $active] (
      # [moment, bytes and worker-seconds until then, pace and active jobs from then on]
      [0, 0, 0, 0, 0];
      . as [$since, $before, $worker_s, $old_pace, $old_active]
      | [$t, $before + $old_pace * ($t - $since), $worker_s + $old_active * ($t - $since), $old_pace, $old_active]
      | if $asked == 1 then . else [$t, $bytes, .[2], $pace, $active] end;
      if $asked == 1 then .[:3] else empty end
    );

# {s, bytes, worker_s} of some stretches of time, from a moment on.
def during($stretches; $from):
  [at([$stretches[] | select(.to > $from) | ([.from, $from] | max), .to])]
  | [range(length) as $n | .[$n] | if $n % 2 == 0 then map(-.) else . end]
  | transpose
  | map(add) as [$s, $bytes, $worker_s]
  | {$s, $bytes, $worker_s};
