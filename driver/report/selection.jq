# Purpose: which records count: those of one launch, one for each of its jobs. A library.
# Input:   the jobs of all lines (see job.jq), each with its line's number; $run: the run (see run.jq), or null for
#          records from elsewhere, which nobody planned: there every record is a job.
# Output:  {launch: the first one that began a job, launches: how many there were, jobs: how many that launch had,
#          records: of these, missing: jobs without one, unfinished: jobs without a good record in any launch,
#          repeated: how many records a later one of the same job and launch replaced,
#          last_failures: of each job that no launch completed, where a later launch tried it,
#          uploads_left: how many say that an upload may be left open,
#          unplanned: {count, example} of records whose job or launch was not planned; they count nowhere else}.

include "text";

def whole: type == "number" and . == floor;

# For each launch which jobs it had, as {"0": true, ...}; null where that is not known. (Objects that are added up take
# time in proportion, assignments one by one do not.)
def launched:
  [
    .launches[]?
    | .jobs
    | if . == null then null else [.[] | range(.[0]; .[1] + 1) | {(tostring): true}] | add // {} end
  ];

def is_planned($run; $launched):
  (.launch | whole and . >= 1)
  and ($run == null
    or (.launch as $launch
      | $launch <= ($launched | length)
      and (.job | whole and . >= 0 and . < $run.jobs)
      and ($launched[$launch - 1] == null or $launched[$launch - 1][.job | tostring] == true)));

# Of several records of one job and launch the last. A job that has no number is told once.
def last_of_each:
  . as $all
  | [range(length) as $n | [$all[$n].launch, ($all[$n].job | numbers) // "line \($n)", $n]]
  | group_by(.[:2])
  | map(.[-1][2])
  | sort
  | map($all[.]);

# How many jobs have a good record.
def good_jobs: [.[] | select(.error == null) | .job | numbers] | unique | length;

# Of each job that no launch completed the last failure, where that is of a launch after the first one.
def last_failures($launch):
  if all(.[]; .launch <= $launch) then []
  else
    sort_by(.launch)
    | group_by(.job)
    | map(select(all(.[]; .error != null)) | .[-1] | select(.launch > $launch))
  end;

def not_planned:
  if .unread then .message else "job \(.job | tojson[:40]) of launch \(.launch | tojson[:40]) was not planned" end;

def selection($run):
  ($run | launched) as $launched
  | map(select(is_planned($run; $launched))) as $planned
  | map(select(is_planned($run; $launched) | not)) as $unplanned
  | ($planned | last_of_each) as $each
  | ([$each[] | select(.start != null) | .launch] | min) as $began
  | ($began // (if $run == null then [$each[].launch] | min else null end) // 1) as $launch
  | [$each[] | select(.launch == $launch)] as $records
  | (if $run == null then $records | length
     elif $launched[$launch - 1] == null then $run.jobs
     else $launched[$launch - 1] | length end) as $jobs
  | {
      $launch,
      launches: (if $run == null then [$each[].launch] | max else $run.launches | length end),
      $jobs,
      $records,
      missing: ($jobs - ($records | length)),
      unfinished: (
        if $run == null then [$records[] | select(.error != null)] | length else $run.jobs - ($each | good_jobs) end
      ),
      repeated: (($planned | length) - ($each | length)),
      uploads_left: ([$each[] | select(.upload_left != null)] | length),
      last_failures: ($each | last_failures($launch)),
      unplanned: {
        count: ($unplanned | length),
        example: ($unplanned[0] | if . == null then null else {line, message: not_planned} end)
      }
    };
