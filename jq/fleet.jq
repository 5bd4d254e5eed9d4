# Purpose: how a fleet is launched: squads, barrier, the moment to give up, cost.
# Input:   the run's configuration (see configuration.jq).
# Args:    $prices: [prices.json]; $given: {jobs: how many this launch runs, squad, start_in, timeout: the options or
#          null, cpu_s: processor time of one aws process, cores, ping_s: how long the ping took, within_s: how well the
#          workers' clock is known, now: the moment of the launch on that clock}. Times in seconds.
# Output:  the fields that this adds to the configuration.

include "cost";
include "cut";
include "lib";

# Lambda gives a function so many new environments at once, and again every 10 s.
def environments_at_once: 1000;
# MB/s of one worker's network, and of a whole machine on which workers, S3 and Lambda share the loopback.
def worker_rate: 75;
def machine_rate: 300;
# What starting one worker process on this machine takes, in processor seconds.
def spawning_s: 0.03;
# Connections are opened in the last 3 s before the start.
def margin_s: 4;
# The least time that jobs get after the start, and what an environment keeps of its own timeout to answer.
def least_s: 60;
def answering_s: 10;

. as $run
| $given.jobs as $jobs
| ($given.squad // squad_for($jobs)) as $squad
| ($jobs | per($squad)) as $invocations
| ($invocations | at_most(most_processes)) as $processes
| ($invocations | per($processes)) as $waves
| (if $squad > 1 then $invocations else 0 end) as $squads
| environments($jobs; $squad) as $slots
| (($slots | per(environments_at_once)) * 10 - 10) as $scaling
| (if $run.loopback then $slots * spawning_s / $given.cores else 0 end) as $spawning
| ($processes * $given.cpu_s / $given.cores + $given.ping_s + $given.within_s + ([$scaling, $spawning] | max)) as $ready
| (if $given.start_in == 0 then null
   elif $given.start_in != null then $given.start_in
   elif $jobs == 1 or $waves > 1 then null
   else $ready + margin_s end) as $start_in
| ($start_in // $ready) as $begin
| ($run.mb_per_file // null) as $mb
| (if $mb == null then null
   else
     $mb * 1048576 / 1e6 * ($run.read_times // 1)
     | [. / worker_rate, (if $run.loopback then . * $jobs / machine_rate else 0 end)] | max * $waves
   end) as $expected
| ($run.timeout_s * $waves - answering_s | at_least(1)) as $most
| ($given.timeout // if $expected == null then $most else 4 * $expected | at_least(least_s) end) as $patience
| ($begin + $patience | at_most($most)) as $until
| (if $expected == null then null else $begin + $expected | at_most($until) end) as $over
| {
    launches: 1,
    squad: $squad,
    mode: (if $squad > 1 then "squads" else "direct" end),
    invocations: $invocations,
    processes: $processes,
    environments: $slots,
    start_in_s: $start_in,
    start_at: (if $start_in == null then null else $given.now + $start_in end),
    expected_s: $expected,
    stop_in_s: $until,
    stop_by: ($given.now + $until),
    timeout_cut: ($given.timeout != null and $begin + $patience > $most),
    launch_cpu_s: $given.cpu_s,
    cost: (
      $prices[0] as $table
      | ($run | requests($jobs; $squads; $start_in != null)) as $requests
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
