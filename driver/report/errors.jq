# Purpose: the types of errors: whether such a job may have run, until when, and what to do about it. A library, and the
#          only place that says so.

include "run";
include "text";

# Where the log of a run's workers is. The name of a log group is the function's own, without account and version.
def log_of_workers:
  if workers_here then ", which local prints or keeps (--log),"
  elif .function == null then " in CloudWatch"
  else " in CloudWatch, /aws/lambda/\(.function | sub("^.*:function:"; "") | split(":")[0])," end;

# Input: a run, null for records from elsewhere.
# held: until when a job without times may have held its slot: null, it is known not to have run; "end", it had ended
# when its launch had; "until", it may have gone on until all workers have given up. A type that is not here counts as
# "end". todo: only of types whose own message cannot know it.
def error_types:
  {
    AccessDenied: {held: null},
    Connect: {held: null},
    Deadline: {held: null},
    InvalidEvent: {held: null},
    Throttled: {
      held: null,
      todo: "start fewer workers, or raise the concurrency of the account or of the function"
    },
    Crashed: {
      held: "end",
      todo: "the worker's log\(log_of_workers) says why; a worker that a signal ended usually lacked memory"
    },
    TimedOut: {held: "end", todo: "give the function more time, or each worker less to do"},
    BadAnswer: {held: "until", todo: "make deploy, if \(.function // "the function") is not this version of terabit"},
    Lambda: {held: "until", todo: "the fault was Lambda's: --resume looks for such a job's answer, then runs it again"},
    Unanswered: {
      held: "until",
      todo: "such a job may have run, and is not repeated by itself: --resume looks for its answer, then runs it again"
    }
  };

def held_slot: if .squad_failed then "until" else (null | error_types)[.error] // {held: "end"} | .held end;

# When such a job had surely ended, in epoch seconds; null where nobody knows.
def ended_by($launch):
  if held_slot == "end" and $launch.end != null then $launch.end
  elif $launch.until == null then null
  else [$launch.end, $launch.until] | max end;

# The jobs that may have run and of which no time is known.
# Input: the records of a launch (see selection.jq); $launch: that of the run, null for records from elsewhere, where a
# line that cannot be read need not be a job; $missing: how many more there are without a record.
# Output: [{job, key, error, ended_by}, ...]
def untimed($launch; $missing):
  [
    (.[] | select(.error != null and .start == null and ($launch != null or (.unread | not)))),
    (range($missing) | {job: null, key: null, error: "missing"})
    | select(held_slot != null)
    | {job, key, error, ended_by: ended_by($launch)}
  ];

# Input: what untimed gives. The latest moment at which one of them may have ended; null where nobody knows.
def all_ended_by: map(.ended_by) | if any(. == null) then null else max end;
