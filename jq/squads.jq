# Purpose: cuts the jobs of one launch into invocations.
# Input:   jobs.ndjson (-n); $launch: its number; $squad: jobs per squad, 1 for none; $folder: where in the bucket the
#          squads put their answers.
# Output:  three lines for each invocation: its name, its planned jobs, and the event that Lambda gets.

def event: del(.job, .launch);

[inputs | select((.launch // 1) == $launch)] as $jobs
| range(0; $jobs | length; $squad) as $first
| ($first / $squad | 1000000 + . | tostring | .[1:]) as $number
| $jobs[$first : $first + $squad] as $planned
| "\($launch)-\($number)" as $name
| $name,
  $planned,
  if $squad == 1 then $planned[0] | event
  else {jobs: ($planned | map(event)), answer_key: "\($folder)/\($name).json"} end
