# Purpose: what a launch cost, in USD, by what its workers reported. A library; prices.json has the prices.

include "plan/cost";
include "plan/squads";
include "run";
include "text";

# What is billed of one worker, in seconds; null where its record does not say.
def billed_s: if .handler_s == null or .init_s == null then null else .handler_s + .init_s end;

def worker_usd($prices; $seconds):
  if $seconds == null or .memory_mb == null or $prices.gb_second[.arch // ""] == null then null
  else compute_usd($prices; 1; $seconds) end;

# Writes ask with PUT and POST, reads with GET.
def s3_usd($prices):
  (if .op == "write" then $prices.thousand_puts elif .op == "read" then $prices.thousand_gets else null end)
    as $thousand
  | if .requests == null or $thousand == null then null
    else .requests / 1e3 * $thousand + (.bytes // 0) / pow(2; 30) * $prices.gb_moved end;

# A squad says nothing of itself: it waits for its workers, so it is billed as long as the slowest of them.
def squad_usd($prices; $run):
  map(billed_s) as $seconds
  | if any($seconds[]; . == null) then null else $run | compute_usd($prices; 1; $seconds | max) end;

# {usd, known_usd}: the launch's cost, null where a record lacks a field or a job its record; the sum of what is known.
# Input: the launch's jobs (see job.jq), failed ones included. $run, $launch: see run.jq, null for others' records.
def bill($prices; $run; $launch; $missing):
  # A HEAD on each connection that is opened ahead of a common start.
  (if $launch.start_in_s == null then 0 else $run | connections end) as $heads
  | (if ($launch.squad // 1) > 1 then [sort_by(.job) | into_squads($launch.squad)] else [] end) as $squads
  # Each invocation by the driver puts its answer into the bucket; in format 1 of a run, which has no id, squads alone.
  | (if $squads != [] then $squads | length elif $run.id != null then length else 0 end) as $answers
  | [
      (.[] | worker_usd($prices; billed_s), s3_usd($prices)),
      ($squads[] | squad_usd($prices; $run)),
      ({invocations: (length + ($squads | length)), puts: $answers, gets: (length * $heads), bytes: 0}
        | requests_usd($prices))
    ]
  | {usd: (if $missing > 0 or any(.[]; . == null) then null else add end), known_usd: total};

# What moving the bytes of jobs that began cost, for each TB of them: their seconds between start and stop, and their
# requests. Waiting for the start is not in it. Null where a record lacks a field, nothing was moved or nothing is
# billed.
def usd_per_tb($prices; $bytes):
  [.[] | worker_usd($prices; .stop - .start), s3_usd($prices)]
  | if $bytes == 0 or any(.[]; . == null) or add == 0 then null else add / $bytes * 1e12 end;
