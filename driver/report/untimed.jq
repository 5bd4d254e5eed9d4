# Purpose: the jobs that may have run and of which no time is known, and until when they may have held their slots, so
#          that no failure makes a figure better. A library.

include "text";

# What follows from each type of error where the record has no times. "not run": the job is known not to have run,
# refused or out of reach. "end": it had ended when its launch had. "until": it may have gone on until all workers have
# given up.
def fates:
  {
    AccessDenied: "not run",
    Connect: "not run",
    Deadline: "not run",
    InvalidEvent: "not run",
    Throttled: "not run",
    BadRecord: "end",
    Crashed: "end",
    Lambda: "end",
    TimedOut: "end",
    missing: "end",
    BadAnswer: "until",
    Unanswered: "until"
  };

# Of any other type nothing is known: it may have run.
def fate: if .squad_failed then "until" else fates[.error] // "end" end;

# When such a job had surely ended, in epoch seconds; null where nobody knows.
def ended_by($launch):
  if fate == "end" and $launch.end != null then $launch.end
  elif $launch.until == null then null
  else [$launch.end, $launch.until] | max end;

# Input: the records of a launch (see selection.jq); $launch: that of the run, null for records from elsewhere, where a
# line that cannot be read need not be a job; $missing: how many more there are without a record.
# Output: [{job, key, error, ended_by}, ...]
def untimed($launch; $missing):
  [
    (.[] | select(.error != null and .start == null and ($launch != null or (.unread | not)))),
    (range($missing) | {job: null, key: null, error: "missing"})
    | select(fate != "not run")
    | {job, key, error, ended_by: ended_by($launch)}
  ];

# Input: what untimed gives. The latest moment at which one of them may have ended; null where nobody knows.
def all_ended_by: map(.ended_by) | if any(. == null) then null else max end;

# What one job of a run was to move, in bytes; null where that is not known.
def planned_bytes: if .mb_per_file == null then null else .mb_per_file * 1048576 * (.read_times // 1) end;
