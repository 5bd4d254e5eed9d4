# Purpose: what a run costs, in USD, by the table prices.json. A library.

include "lib";

# Compute: so many environments for so many seconds. Input: the run's configuration.
def compute_usd($prices; $environments; $seconds):
  $environments * $seconds * .memory_mb / 1024 * $prices.gb_second[.arch // "x86_64"];

# How many requests of S3 one job makes, as {puts, gets}; null where the objects' size is not known.
def requests_of_a_job:
  if .mb_per_file == null then null
  elif .op == "write" then
    (.mb_per_file / .part_mb | ceil) as $parts
    | {puts: (if $parts == 1 then 1 else $parts + 2 end), gets: 0}
  else
    {puts: 0, gets: (.read_times * (if .range_mb == 0 then 1 else .mb_per_file / .range_mb | ceil end))}
  end;

# All requests of a run: invocations of workers and squads, and what the workers ask of S3, the barrier's HeadBucket on
# each connection included. Null where the objects' size is not known.
def requests_usd($prices; $jobs; $squads):
  .in_flight as $connections
  | requests_of_a_job
  | if . == null then null
    else
      ($jobs + $squads) * $prices.million_invocations / 1e6
      + ($jobs * .puts + $squads) * $prices.thousand_puts / 1e3
      + $jobs * (.gets + $connections) * $prices.thousand_gets / 1e3
    end;

# An amount for a person: never zero where it is not.
def dollars:
  if . == null then "an unknown amount"
  elif . == 0 then "$0"
  elif . < 0.01 then "less than $0.01"
  else "$" + fixed(2) end;
