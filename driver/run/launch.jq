# Purpose: one launch, as it stands in run.json's `launches`: moments made of the plan's durations.
# Input:   the fleet (see fleet.jq), with what the ping told.
# Args:    $n: the launch's number; $jobs: [[[first, last], ...]], the numbers of its jobs; $now: the moment of the
#          launch; $ending_s: a worker gives up at stop_by and then aborts its upload, its squad answers and puts the
#          answer into the bucket: how long that may take, null for what it keeps of its time for that. Moments are in
#          epoch seconds on the workers' clock.
# Output:  {n, jobs, squad, ..., launch, start_at, stop_by, until, end, interrupted, throttled}

{$n, jobs: $jobs[0], squad, processes, open_s, start_in_s, stop_in_s, expected_s, cost, version, clock}
+ {
    launch: $now,
    start_at: (if .start_in_s == null then null else $now + .start_in_s end),
    stop_by: ($now + .stop_in_s),
    until: ($now + .stop_in_s + ($ending_s // .answering_s)),
    "end": null,
    interrupted: null,
    throttled: 0
  }
