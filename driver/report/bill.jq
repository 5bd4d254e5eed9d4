# Purpose: what a launch cost, in USD, by what its workers reported. A library; prices.json has the prices.
# Input:   the launch's jobs (see job.jq), failed ones included.
# Args:    $prices: prices.json; $run: the run, $launch: its launch (see run.jq), null for records from elsewhere.

include "plan/cost";
include "plan/cut";
include "text";

# What is billed of one worker, in seconds; null where its record does not say.
def billed_s: if .handler_s == null or .init_s == null then null else .handler_s + .init_s end;

def worker_usd($prices):
  billed_s as $seconds
  | if $seconds == null or .memory_mb == null or $prices.gb_second[.arch // ""] == null then null
    else compute_usd($prices; 1; $seconds) end;

# Writes ask with PUT and POST, reads with GET.
def s3_usd($prices):
  if .requests == null or (.op | IN("write", "read") | not) then null
  else .requests / 1e3 * if .op == "write" then $prices.thousand_puts else $prices.thousand_gets end end;

# A HEAD on each connection that is opened ahead of a common start.
def barrier_usd($prices; $run; $launch):
  if $launch.start_at == null then 0 else ($run | connections) / 1e3 * $prices.thousand_gets end;

# An invocation that does its own job needs no further environment, and puts its answer into the bucket (not in format
# 1 of a run, which has no id).
def answers_usd($prices; $run):
  if $run == null or $run.id == null then 0 else length * $prices.thousand_puts / 1e3 end;

# A squad says nothing of itself: it waits for its workers, so it is billed as long as the slowest of them. Its answer
# in the bucket is one PUT.
def squad_usd($prices; $run):
  map(billed_s)
  | if any(.[]; . == null) then null
    else
      max as $seconds
      | ($run | compute_usd($prices; 1; $seconds)) + $prices.million_invocations / 1e6 + $prices.thousand_puts / 1e3
    end;

# {usd, known_usd}: the launch's cost, null where a record lacks a field or a job its record; the sum of what is known.
def bill($prices; $run; $launch; $missing):
  [
    (.[] | worker_usd($prices), s3_usd($prices)),
    length * ($prices.million_invocations / 1e6 + barrier_usd($prices; $run; $launch)),
    if ($launch.squad // 1) > 1 then sort_by(.job) | cut($launch.squad) | squad_usd($prices; $run)
    else answers_usd($prices; $run) end
  ]
  | {usd: (if $missing > 0 or any(.[]; . == null) then null else add end), known_usd: total};
