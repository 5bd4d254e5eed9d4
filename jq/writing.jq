# Purpose: workers that may still be writing, in words. A library.

include "lib";

# Input: what writers.jq says, until not null.
def writing:
  (if .workers == 0 then [] else [.workers | counted("worker"; "workers")] end
    + if .squads == 0 then [] else [.squads | counted("squad"; "squads")] end
    | join(" and ")) as $who
  | "up to \($who) may still be writing, until \(.until | strftime("%H:%M:%S UTC")) at the latest";
