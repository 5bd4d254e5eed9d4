# Purpose: which records count: those of one launch, one for each of its jobs. A library.
# Input:   the jobs of all lines (see job.jq), each with its line's number; $run: the run (see run.jq), or null for
#          records from elsewhere, which nobody planned: there every record is a job.
# Output:  {launch: the first one that began a job, launches: how many there were, jobs: how many that launch had,
#          records: of these, missing: jobs without one, unfinished: jobs without a good record in any launch,
#          repeated: how many records a later one of the same job and launch replaced,
#          unplanned: {count, example} of records whose job or launch was not planned; they count nowhere else}.

include "lib";

def whole: type == "number" and . == floor;

# For each launch which jobs it had, as [true, ...] by their numbers; null where that is not known.
def launched:
  [.launches[]? | .jobs
    | if . == null then null else reduce (.[] | range(.[0]; .[1] + 1)) as $job ([]; .[$job] = true) end];

def is_planned($run; $launched):
  if .launch | whole and . >= 1 | not then false
  elif $run == null then true
  else
    .launch as $launch
    | $launch <= ($launched | length)
    and (.job | whole and . >= 0 and . < $run.jobs)
    and ($launched[$launch - 1] == null or $launched[$launch - 1][.job] == true)
  end;

# Of several records of one job and launch the last. A job that has no number is told once.
def last_of_each:
  def name: "\(.launch) \(.job)";
  . as $all
  | (reduce range(length) as $n ({}; if $all[$n].job | numbers then .[$all[$n] | name] = $n else . end)) as $last
  | [range(length) as $n | $all[$n] | select((.job | type != "number") or $last[name] == $n)];

def good_jobs: [.[] | select(.error == null) | .job | numbers] | unique;

def selection($run):
  ($run | launched) as $launched
  | [.[] | select(is_planned($run; $launched))] as $planned
  | [.[] | select(is_planned($run; $launched) | not)] as $unplanned
  | ($planned | last_of_each) as $each
  | ([$each[] | select(.start != null) | .launch] | min) as $began
  | ($began // (if $run == null then [$each[].launch] | min else null end) // 1) as $launch
  | [$each[] | select(.launch == $launch)] as $records
  | (if $run == null then $records | length
     elif $launched[$launch - 1] == null then $run.jobs
     else [$launched[$launch - 1][] | values] | length end) as $jobs
  | {
      $launch,
      launches: (if $run == null then [$each[].launch] | max else $run.launches | length end),
      $jobs,
      $records,
      missing: ($jobs - ($records | length)),
      unfinished: (
        if $run != null then $run.jobs - ($each | good_jobs | length)
        else
          ([$records[] | select(.error != null)] | length)
          - (($each | good_jobs) - ($records | good_jobs) | length)
        end
      ),
      repeated: (($planned | length) - ($each | length)),
      unplanned: {
        count: ($unplanned | length),
        example: (
          $unplanned[0]
          | if . == null then null
            else
              {line, message: (
                if .unread then .message
                else "job \(.job | tojson) of launch \(.launch | tojson) was not planned" end)}
            end
        )
      }
    };
