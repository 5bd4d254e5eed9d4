# Purpose: how a fleet is launched: squads, barrier, opening, the moment to give up, cost. Durations only: the launch
#          makes moments of them.
# Input:   the run's configuration (see configuration.jq).
# Args:    $prices: [prices.json]; $jobs: how many this launch runs; $squad, $start_in, $timeout: the options, empty
#          where they were not told; $max_cost: USD, $yes: "" or "yes"; $cores: of this machine; $cpu: processor
#          seconds of one aws process; $ping: [ping.jq's output], [] before the ping: then a usual one is assumed.
# Output:  what this adds to the configuration. Times in seconds after the launch; cost in USD.
#          reckoned_objects: of a job, as expected; for_most_s: the longest for_s that can end; paid: {objects} or
#          {read_times} to which --max-cost limits a job that ends by time, {} for none.

include "plan/pace";
include "plan/cost";
include "plan/squads";
include "plan/network";
include "run";
include "text";

# Lambda gives a function so many new environments at once, and again every 10 s.
def environments_at_once: 1000;
# What starting one worker process on this machine takes, in processor seconds.
def spawning_s: 0.03;
# What a squad needs of a processor for each of its workers: a TLS handshake and a request. (0.5 ms on an AMD EPYC.)
def invoking_s: 0.001;
# Connections are opened in the last 3 s before the start; a few need less.
def margin_s($connections): 1 + $connections / 128 | at_most(4);
# What one partition of S3 takes is 3,500 PUT-like and 5,500 GET-like requests a second; a fleet opens below that.
def openings_per_s: {write: 3000, read: 5000};
# The least time that jobs get after the start.
def least_s: 60;
# Seconds reserved for a worker to abort its upload and for its squad to answer.
def answering_s: 10;

. as $run
| ($squad | option // squad_for($jobs)) as $squad
| invocations($jobs; $squad) as $invocations
| ($invocations | at_most(most_processes)) as $processes
| ($invocations | per($processes)) as $waves
| environments($jobs; $squad) as $slots
| (($slots | per(environments_at_once)) * 10 - 10) as $scaling
| (if $run | workers_here then $slots * spawning_s / $cores else 0 end) as $spawning
| (if $squad == 1 then 0
   else $jobs / $invocations * invoking_s / ($run.memory_mb / processor_mb | at_most(1)) end) as $invoking
| ($ping[0].took_s // 2) as $ping_s
| ($ping[0].clock.within_s // 1) as $within_s
| ($processes * $cpu / $cores + $invoking + $ping_s + $within_s + ([$scaling, $spawning] | max)) as $ready
| ($jobs * ($run | connections)) as $connections
# 0 is no common start.
| (($start_in | option) // if $jobs == 1 or $waves > 1 then 0 else $ready + margin_s($connections) end
   | select(. > 0) // null) as $start_in
| ($start_in // $ready) as $begin
# What starting the invocations of later waves takes.
| (($invocations - $processes) * $cpu / $cores) as $later
| ($run | objects_per_s($jobs)) as $rate
| ($run.timeout_s * $waves - answering_s | at_least(1)) as $latest
# Invocations of a later wave start when others have ended.
| (($timeout | option | values * $waves)
    // if $run.for_s != null then $run.for_s * $waves + least_s
      elif $rate == null then $latest
      else 4 * ($run | most_objects) / $rate * $waves | at_least(least_s) end) as $patience
| ($begin + $later + $patience | at_most($latest)) as $until
| ($run | conceivable_objects($jobs; $until - $begin)) as $conceivable
| ($run | further($until - $begin)) as $further

# The cost where every job has so many objects.
| ($prices[0] | paid_by($run)) as $table
| def requests_at($objects; $more):
    $run | requests($jobs; $invocations; $squad; $start_in != null; $objects; $more);
  def stored_at($objects): $run | storage_usd_per_day($table; $jobs * ($objects // 0));
  def most_usd($objects):
    ($run | compute_usd($table; $slots; $until)) + (requests_at($objects; $further) | requests_usd($table))
    + stored_at($objects);

# What --max-cost pays for, in whole rounds of what is read. A further launch has its jobs already.
(if $run.op == "read" then $run.objects else null end // 1) as $round
| ($run.for_s != null and $run.launches == [] and $yes == "" and most_usd($round) > most_usd(0)) as $limited
| (if $limited then
     ($max_cost - most_usd(0)) / (most_usd($round) - most_usd(0)) | floor | at_least(1) * $round | at_most($conceivable)
   else $conceivable end) as $objects
| (if $rate == null then $run.for_s
   else [$objects / $rate, $run.for_s | values] | min end
   | values * $waves // null) as $expected
| (if $expected == null then null else $begin + $later + $expected | at_most($until) end) as $all_done
| (if $rate == null then null else [$objects, $expected / $waves * $rate | ceil] | min end) as $reckoned
| {
    $squad,
    $invocations,
    $processes,
    environments: $slots,
    open_s: ($connections / openings_per_s[$run.op] | at_most([60, ($expected // 600) / 10] | min) | at_least(1)),
    start_in_s: $start_in,
    stop_in_s: $until,
    expected_s: $expected,
    reckoned_objects: $reckoned,
    for_most_s: (
      if $run.for_s == null then null
      else ($until - $begin - $later) / $waves - ($run | finishing_s($jobs)) | floor end
    ),
    paid: (
      if ($limited | not) or ($rate == null and $objects == $conceivable) then {}
      elif $run.op == "write" then {$objects}
      else {read_times: ($objects / $round | ceil)} end
    ),
    timeout_cut: ($timeout != "" and $begin + $later + $patience > $latest),
    answering_s: answering_s,
    version: $ping[0].version,
    clock: $ping[0].clock,
    cost: (
      requests_at($reckoned; null) as $requests
      | ($requests | requests_usd($table)) as $requests_usd
      | {
          compute_usd: (if $all_done == null then null else $run | compute_usd($table; $slots; $all_done) end),
          $requests_usd,
          ceiling_usd: most_usd($objects),
          # The least that a job by time costs: one object, or one round.
          least_usd: most_usd(if $run.for_s == null then $objects else $round end),
          storage_usd_per_day: stored_at($reckoned),
          # What the amounts are made of.
          expected_s: $all_done,
          $requests,
          prices: ($table | {date, region})
        }
    )
  }
