# Purpose: the resolved configuration of a run, as it stands in run.json.
# Input:   none; every value by --arg, an option that was not given empty; $lambda is GetFunctionConfiguration's answer,
#          slurped; $quotas: ListServiceQuotas', [] where it was not asked; $source is the run.json of the run that is
#          read, [] for none.
# Output:  one object. mb_per_file, part_mb and range_mb in MiB, memory_mb in MiB, network_mbps in MB/s (10^6),
#          timeout_s in seconds.

include "plan/network";

def given: if . == "" then null else . end;

$lambda[0] as $lambda
| ($quotas[0] | network_mbps($lambda.MemorySize)) as $network
| {
    op: $op,
    jobs: ($number | tonumber),
    bucket: $bucket,
    function: $function,
    # The region in the function's ARN is the one that answered.
    region: (($lambda.FunctionArn // "" | split(":")[3]) // ($region | given)),
    in_flight: ($in_flight | if . == "" then $network | default_in_flight($op) else tonumber end)
  }
+ if $op == "write" then
    {
      mb_per_file: ($mb_per_file | tonumber),
      part_mb: ($part_mb | tonumber),
      key_prefix: $key_prefix,
      key_file: ($key_file | given)
    }
  else
    {
      # Known only of a run's own objects.
      mb_per_file: ($source[0].mb_per_file // null),
      range_mb: ($range_mb | tonumber),
      read_times: ($read_times | tonumber),
      verify: ($verify != ""),
      keys_from: $keys_from
    }
  end
+ {
    memory_mb: $lambda.MemorySize,
    timeout_s: $lambda.Timeout,
    arch: ($lambda.Architectures[0]? // null),
    network_mbps: $network,
    loopback: $loopback
  }
