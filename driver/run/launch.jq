# Purpose: one launch: as it stands in run.json's `launches`, and its invocations, each a squad of its jobs.
# Input:   jobs.ndjson (-n). $run: [run.json]; $fleet: [the fleet (see fleet.jq), with what the ping told].
# Args:    $numbers: [[[first, last], ...]], of its jobs; $now: the moment of the launch, in epoch seconds on the
#          workers' clock as all moments are; $ending_s: seconds that worker and squad get after stop_by to abort, to
#          answer and to store the answer; null: the fleet's answering_s.
# Output:  lines (-c -r). The launch: {n, jobs, squad, ..., launch, start_at, stop_by, until, end, interrupted,
#          throttled}; then three for each invocation: its name, its planned jobs with their launch, and the event that
#          Lambda gets.

include "plan/squads";

(1 + ($run[0].launches | length)) as $n
| ($fleet[0]
  | {$n, jobs: $numbers[0], squad, processes, open_s, start_in_s, stop_in_s, expected_s, cost, version, clock}
  + {
      launch: $now,
      start_at: (if .start_in_s == null then null else $now + .start_in_s end),
      stop_by: ($now + .stop_in_s),
      until: ($now + .stop_in_s + ($ending_s // .answering_s)),
      "end": null,
      interrupted: null,
      throttled: 0
    }) as $launch
| $launch,
  (
    # In format 1 the jobs of later launches follow.
    [inputs | select(.launch == null)] as $planned
    | [$launch.jobs[] | range(.[0]; .[1] + 1) | $planned[.]]
    | [into_squads($launch.squad)]
    | to_entries[]
    | "\($n)-\(.key + 1000000 | tostring | .[1:])" as $name
    | $name,
      (.value | map(. + {launch: $n})),
      {
        jobs: (.value | map(del(.job, .launch) + ($launch | {open_s, start_at, stop_by} | map_values(values)))),
        answer_key: "\($run[0].answers)\($name).json"
      }
  )
