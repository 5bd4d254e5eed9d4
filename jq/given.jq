# Purpose: what a launch is given besides its configuration, for fleet.jq.
# Input:   none (-n). $squad, $start_in, $timeout: the options, empty where they were not given; $jobs: how many are
#          launched; $cores: of this machine; $cpu: processor time of one aws process in seconds; $now: this machine's
#          clock, in epoch seconds; $ping: [ping.jq's output], [] before the ping: then a usual one is assumed.
# Output:  fleet.jq's $given.

def given: if . == "" then null else tonumber end;

{
  $jobs,
  squad: ($squad | given),
  start_in: ($start_in | given),
  timeout: ($timeout | given),
  $cores,
  cpu_s: $cpu,
  ping_s: ($ping[0].took_s // 2),
  within_s: ($ping[0].clock.within_s // 1),
  now: ($now + ($ping[0].clock.offset_s // 0))
}
