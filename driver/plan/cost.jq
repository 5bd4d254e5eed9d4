# Purpose: what a run costs, in USD, by the prices in prices.json. A library.

include "text";

# What Lambda takes for a number of environments over a number of seconds. Input: the run's configuration.
def compute_usd($prices; $environments; $seconds):
  $environments * $seconds * .memory_mb / 1024 * $prices.gb_second[.arch // "x86_64"];

# The most parts, or ranges, that an object can have. The first of several is shorter than the others, but not shorter
# than S3's smallest part. Sizes in MiB.
def smallest_part_mb: 5;
def pieces($mb; $piece_mb):
  if $mb <= $piece_mb then 1
  else ($piece_mb | [., smallest_part_mb] | min) as $first | 1 + (($mb - $first) / $piece_mb | ceil) end;

# The requests that one job sends to S3: {puts, gets}; null where the size of the objects is not known.
def requests_of_a_job:
  if .mb_per_file == null then null
  elif .op == "write" then
    pieces(.mb_per_file; .part_mb) as $parts
    | {puts: (if $parts == 1 then 1 else $parts + 2 end), gets: 0}
  else
    {puts: 0, gets: (.read_times * (if .range_mb == 0 then 1 else pieces(.mb_per_file; .range_mb) end))}
  end;

# The requests that a job has in flight, each on a connection of its own: at most as many as it has parts or ranges, one
# where a single GET takes the whole object.
def connections:
  if .op == "read" and .range_mb == 0 then 1
  elif .mb_per_file == null then .in_flight
  elif .op == "read" then [.in_flight, requests_of_a_job.gets] | min
  else [.in_flight, pieces(.mb_per_file; .part_mb)] | min end;

# All requests of a launch, {invocations, puts, gets}: the invocations of workers and squads; what the workers send to
# S3; a HeadBucket on each connection before a common start ($barrier); a put of each invocation's answer. Null where
# the size is not known.
def requests($jobs; $invocations; $squad; $barrier):
  (if $barrier then connections else 0 end) as $connections
  | requests_of_a_job
  | if . == null then null
    else {
      invocations: ($jobs + if $squad > 1 then $invocations else 0 end),
      puts: ($jobs * .puts + $invocations),
      gets: ($jobs * (.gets + $connections))
    } end;

def requests_usd($prices):
  if . == null then null
  else
    .invocations * $prices.million_invocations / 1e6
    + .puts * $prices.thousand_puts / 1e3
    + .gets * $prices.thousand_gets / 1e3
  end;

# What the objects of a number of jobs cost each day until they are deleted. Input: the run's configuration.
def storage_usd_per_day($prices; $jobs):
  if .op == "write" then $jobs * .mb_per_file / 1024 * $prices.gb_month / 30 else 0 end;

# An amount for a person to read. A small amount is not shown as zero.
def dollars:
  if . == null then "an unknown amount"
  elif . == 0 then "$0"
  elif . < 0.01 then "less than $0.01"
  else "$" + fixed(2) end;
