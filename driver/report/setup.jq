# Purpose: what a run was asked to do: its settings, and their words. A library.

include "run";
include "text";

# Input: a run (see run.jq). In the order in which they are told. What it does not have is left out.
def settings:
  {
    workers: .jobs, size: object_bytes, memory_mb, in_flight, part_mb, range_mb, objects, for_s, read_times, verify,
    arch, region: (if .loopback then null else .region end), bucket, function, squad: .launches[0].squad, loopback,
    shared_machine
  }
  | map_values(values)
  # By time those are no more than what the cost or the keys allow, other ones in every run: what was done is counted.
  | if .for_s == null then . else del(.objects, .read_times) end;

# The head of a setting's column, and what stands below it.
def head:
  {memory_mb: "memory MB", in_flight: "in flight", part_mb: "part MiB", range_mb: "range MiB", for_s: "seconds",
   read_times: "times over", shared_machine: "one machine"}[.] // .;
def cell($name): if . == null then null elif $name == "size" then size else grouped | harmless(40) end;

# A setting in words.
def words($name):
  cell($name) as $value
  | {
      workers: (if . == 1 then "1 worker" else "\($value) workers" end),
      size: "\($value) each",
      memory_mb: "\($value) MB of memory",
      in_flight: "\($value) in flight",
      part_mb: "parts of \($value) MiB",
      range_mb: (if . == 0 then "one GET an object" else "ranges of \($value) MiB" end),
      objects: "\($value) in a stream",
      for_s: "for \($value) s",
      read_times: (if . == 1 then null else "\($value) times over" end),
      verify: (if . == true then "every byte verified" else null end),
      loopback: (if . == true then "on loopback" else null end),
      shared_machine: (if . == true then "on one machine" else null end),
      arch: $value,
      region: $value
    }
  | if has($name) then .[$name] else "\($name) \($value)" end;

# Input: settings. The words of some of them, in their own order. A stream has many objects of its size.
def described($names):
  (.objects // .for_s) as $stream
  | [to_entries[]
      | select(.key | IN($names[]))
      | if .key == "size" and $stream then "objects of \(.value | size)"
        else .key as $name | .value | words($name) | values end];

# Input: a run, null for records from elsewhere. What it was asked to do; one worker is not "each".
def asked($names):
  (.jobs == 1) as $alone | . // {} | settings | described($names) | if $alone then map(rtrimstr(" each")) else . end;

# Input: a run, null for records from elsewhere; $source: what the reader calls these.
def title($jobs; $source):
  if . == null then "records of \($source | visible)" else "terabit \(.op | harmless(20))" end
  + ": "
  + ([
      ($jobs | counted("job"; "jobs")),
      asked(["size", "objects", "for_s", "read_times", "verify"])[]
    ] | join(", "));

# What comparison.jq gives, of earlier versions too, which knew workers alone.
def any_comparison:
  (if .varies != null then . else .across = "workers" | .varies = ["workers"] end)
  | .rows |= map(
      .settings = {workers: .jobs} + (.settings // {})
      | if has("counts") then . else .counts = (.valid and (.goodput.median // 0) > 0) end
    );

# The machines that figures may be of besides AWS's: the field that says so, the mark on what is shown, and its meaning.
def machines:
  ["loopback", "LOOPBACK, NOT S3", "these figures are of this machine"],
  ["shared_machine", "ONE MACHINE", "all workers share this one, its processors and its network"],
  ["place_unknown", "PLACE NOT KNOWN", "run.json is damaged; these figures may be of loopback"];

# Which machine figures are of, {mark, warning}; null where that is AWS's alone. Input: summaries, or rows of a
# comparison.
def machine:
  . as $all
  | first(machines as [$field, $mark, $why] | select(any($all[]; .[$field] == true))
      | {$mark, warning: "\($mark): \($why)."}) // null;
