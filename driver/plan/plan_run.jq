# Purpose: run.json as a plan leaves it, format 2.
# Input:   the configuration (see configuration.jq) with its fleet.
# Args:    $id: 32 hex digits; $driver: this folder's version; $read: [the run whose keys are read], [] for none, and
#          $read_name, the name of its folder.
# Output:  one object; the launches come later.

($read[0] // null) as $read
# Answers lie below the prefix that the run, or the one that it reads, gives its keys.
| (if .op == "write" then .key_prefix else $read.key_prefix // "" end) as $prefix
| {
    format: 2,
    $id,
    op,
    jobs,
    bucket,
    function,
    region,
    answers: "\($prefix)terabit-runs/\($id)/",
    key_prefix: $prefix
  }
+ (if .op == "write" then {mb_per_file, part_mb, key_file}
   else {mb_per_file, range_mb, read_times, verify} end)
+ {in_flight, memory_mb, arch, timeout_s, network_mbps, loopback, $driver}
+ (if .op == "write" or $read != null then {} else {keys_from} end)
+ {reads: (if $read == null then null else {id: $read.id, name: $read_name} end), deleted: null, launches: []}
