# Purpose: workers that may still be at work, in words. A library.

include "text";

# Input of both: what working.jq says, until not null. $now: the moment, on the workers' clock like until.
def who:
  [
    (.workers | select(. > 0) | counted("worker"; "workers")),
    (.squads | select(. > 0) | counted("squad"; "squads"))
  ]
  | "up to " + join(" and ");

# The clock of whoever reads it may be another.
def until_when($now):
  "until \(.until | strftime("%H:%M:%S UTC")) at the latest, "
  + "\(.until - $now | ceil | counted("second"; "seconds")) from now";

def writing($now): "\(who) may still be writing, \(until_when($now))";
