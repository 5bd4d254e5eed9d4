# Purpose: run.json as a run is planned, format 2; the launches come later.
# Input:   none; every value by --arg, an option that was not told empty; $lambda is GetFunctionConfiguration's answer,
#          slurped; $quotas: ListServiceQuotas', [] where it was not asked; $source is the run.json of the run that is
#          read, [] for none, and $source_name its folder's name; $streams: [{key: its number of objects}] of that run;
#          $id: 32 hex digits; $driver: this folder's version.
# Output:  one object. mb_per_file, part_mb and range_mb in MiB, bytes_per_file in place of mb_per_file where the size
#          is not whole MiB, memory_mb in MiB, network_mbps in MB/s (10^6), timeout_s and for_s in seconds.

include "plan/network";
include "text";

def unless_empty: if . == "" then null else . end;

$lambda[0] as $lambda
| $source[0] as $source
| ($quotas[0] | network_mbps($lambda.MemorySize)) as $network
# Answers lie below the prefix that the run, or the one that it reads, gives its keys.
| (if $op == "write" then $key_prefix else $source.key_prefix // "" end) as $prefix
| {
    format: 2,
    $id,
    $op,
    jobs: ($number | tonumber),
    $bucket,
    $function,
    # The region in the function's ARN is the one that answered.
    region: (($lambda.FunctionArn // "" | split(":")[3]) // ($region | unless_empty)),
    answers: "\($prefix)terabit-runs/\($id)/",
    key_prefix: $prefix
  }
+ if $op == "write" then
    ($size | tonumber) as $bytes
    | ($bytes / 1048576) as $mb
    | (if $mb == ($mb | floor) then {mb_per_file: $mb, bytes_per_file: null}
       else {mb_per_file: null, bytes_per_file: $bytes} end)
      + {part_mb: ($part_mb | tonumber), key_file: ($key_file | unless_empty)}
  else
    {
      # Known only of a run's own objects.
      mb_per_file: $source.mb_per_file,
      bytes_per_file: $source.bytes_per_file,
      range_mb: ($range_mb | tonumber),
      # What ends by time is read as often as it can.
      read_times: ($read_times | if . == "" and $for_s != "" then null else option // 1 end),
      verify: ($verify != "")
    }
    + if $source == null then {$keys_from} else {} end
  end
+ {
    # Of streams that are read, the most that one has.
    objects: ($streams[0] | if . == {} then $objects | option else [.[]] | max end),
    for_s: ($for_s | option)
  }
+ {
    in_flight: ($in_flight | option // ($network | default_in_flight($op))),
    memory_mb: $lambda.MemorySize,
    arch: ($lambda.Architectures[0]? // null),
    timeout_s: $lambda.Timeout,
    network_mbps: $network,
    $loopback,
    # Workers on this machine, and the S3 that they speak to where that is not AWS's own.
    $shared_machine,
    s3_endpoint: (if $shared_machine then $s3_endpoint | unless_empty else null end),
    $driver,
    reads: (if $source == null then null else {id: $source.id, name: $source_name} end),
    deleted: null,
    launches: []
  }
