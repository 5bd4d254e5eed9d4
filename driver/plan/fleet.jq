# Purpose: how a fleet is launched: squads, barrier, opening, the moment to give up, cost. Durations only: the launch
#          makes moments of them.
# Input:   the run's configuration (see configuration.jq).
# Args:    $prices: [prices.json]; $jobs: how many this launch runs; $squad, $start_in, $timeout: the options, empty
#          where they were not told; $cores: of this machine; $cpu: processor seconds of one aws process; $ping:
#          [ping.jq's output], [] before the ping: then a usual one is assumed.
# Output:  what this adds to the configuration. Times in seconds after the launch; cost in USD.

include "plan/cost";
include "plan/squads";
include "plan/network";
include "text";

# Lambda gives a function so many new environments at once, and again every 10 s.
def environments_at_once: 1000;
# MB/s of a whole machine on which workers, S3 and Lambda share the loopback.
def machine_rate: 300;
# What starting one worker process on this machine takes, in processor seconds.
def spawning_s: 0.03;
# Connections are opened in the last 3 s before the start; a few need less.
def margin_s($connections): 1 + $connections / 128 | at_most(4);
# What one partition of S3 takes is 3,500 PUT-like and 5,500 GET-like requests a second; a fleet opens below that.
def openings_per_s: {write: 3000, read: 5000};
# The least time that jobs get after the start.
def least_s: 60;
# Seconds reserved for a worker to abort its upload and for its squad to answer.
def answering_s: 10;

def option: if . == "" then null else tonumber end;

. as $run
| ($squad | option // squad_for($jobs)) as $squad
| invocations($jobs; $squad) as $invocations
| ($invocations | at_most(most_processes)) as $processes
| ($invocations | per($processes)) as $waves
| environments($jobs; $squad) as $slots
| (($slots | per(environments_at_once)) * 10 - 10) as $scaling
| (if $run.loopback then $slots * spawning_s / $cores else 0 end) as $spawning
| ($ping[0].took_s // 2) as $ping_s
| ($ping[0].clock.within_s // 1) as $within_s
| ($processes * $cpu / $cores + $ping_s + $within_s + ([$scaling, $spawning] | max)) as $ready
| ($jobs * ($run | connections)) as $connections
| ($start_in | option) as $told
| (if $told == 0 then null
   elif $told != null then $told
   elif $jobs == 1 or $waves > 1 then null
   else $ready + margin_s($connections) end) as $start_in
| ($start_in // $ready) as $begin
| ($run.mb_per_file // null) as $mb
| (if $mb == null then null
   else
     $mb * 1048576 / 1e6 * ($run.read_times // 1)
     | [. / ($run.network_mbps // usual_mbps), (if $run.loopback then . * $jobs / machine_rate else 0 end)]
     | max * $waves
   end) as $expected
| ($run.timeout_s * $waves - answering_s | at_least(1)) as $most
| ($timeout | option // if $expected == null then $most else 4 * $expected | at_least(least_s) end) as $patience
| ($begin + $patience | at_most($most)) as $until
| (if $expected == null then null else $begin + $expected | at_most($until) end) as $over
| {
    $squad,
    $invocations,
    $processes,
    environments: $slots,
    open_s: ($connections / openings_per_s[$run.op] | at_most([60, ($expected // 600) / 10] | min) | at_least(1)),
    start_in_s: $start_in,
    stop_in_s: $until,
    expected_s: $expected,
    timeout_cut: ($timeout != "" and $begin + $patience > $most),
    answering_s: answering_s,
    version: $ping[0].version,
    clock: $ping[0].clock,
    cost: (
      $prices[0] as $table
      | ($run | requests($jobs; $invocations; $squad; $start_in != null)) as $requests
      | ($requests | requests_usd($table)) as $requests_usd
      | {
          compute_usd: (if $over == null then null else $run | compute_usd($table; $slots; $over) end),
          $requests_usd,
          ceiling_usd: (($run | compute_usd($table; $slots; $until)) + ($requests_usd // 0)),
          storage_usd_per_day: ($run | storage_usd_per_day($table; $jobs)),
          # What the amounts are made of.
          expected_s: $over,
          $requests,
          prices: ($table | {date, region})
        }
    )
  }
