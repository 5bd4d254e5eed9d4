# Purpose: the invocations of a launch, each a squad of its jobs.
# Input:   jobs.ndjson (-n); $answers: the run's folder in the bucket; $launch: [the launch, see launch.jq].
# Output:  three lines for each invocation: its name, its planned jobs with their launch, the event that Lambda gets.

include "plan/squads";

$launch[0] as $launch
# In format 1 the jobs of later launches follow.
| [inputs | select(.launch == null)] as $planned
| [$launch.jobs[] | range(.[0]; .[1] + 1) | $planned[.]]
| [into_squads($launch.squad)]
| to_entries[]
| "\($launch.n)-\(.key + 1000000 | tostring | .[1:])" as $name
| $name,
  (.value | map(. + {launch: $launch.n})),
  {
    jobs: (.value | map(del(.job, .launch) + ($launch | {open_s, start_at, stop_by} | map_values(values)))),
    answer_key: "\($answers)\($name).json"
  }
