# Purpose: what is damaged in a run's folder.
# Input:   the text of run.json (-R -s). $plan: whether jobs.ndjson and keys.txt count too; $jobs, $keys: their texts.
# Output:  a sentence about the first damage (-r); an empty line where all is whole.

include "misfits";
include "run";
include "text";

# The shape of run.json in format 2.
def shape: {
  op: "string", jobs: "number", bucket: "string", function: "string", answers: "string", region: "string null",
  arch: "string null", in_flight: "number", memory_mb: "number", timeout_s: "number", mb_per_file: "number null",
  bytes_per_file: "number null", part_mb: "number null", range_mb: "number null", read_times: "number null",
  objects: "number null", for_s: "number null", verify: "boolean null", network_mbps: "number null",
  loopback: "boolean null", shared_machine: "boolean null", key_prefix: "string null", keys_from: "string null",
  deleted: "number null", reads: {},
  launches: [
    {
      squad: "number null", clock: {offset_s: "number"}, cost: {}, throttled: "number", launch: "number null",
      start_at: "number null", stop_by: "number null", until: "number null", "end": "number null",
      interrupted: "number null", open_s: "number null", start_in_s: "number null", stop_in_s: "number null",
      expected_s: "number null", processes: "number null"
    }
  ]
};

def is_range($number):
  type == "array" and length == 2 and all(.[]; type == "number" and . == floor)
  and 0 <= .[0] and .[0] <= .[1] and .[1] < $number;

def damage_of_run:
  (misfits("run.json"; shape) | "has \(.)"),
  (select(.format != 2) | "has \"format\": \(.format | tojson | visible | shortened(80))"),
  (.jobs as $number
    | .launches[].jobs
    | values
    | select(type == "array" and all(.[]; is_range($number)) | not)
    | "has a launch of \"jobs\": \(tojson | shortened(80))"),
  (select(.op | IN("write", "read") | not) | "has \"op\": \(.op | excerpt)"),
  (.arch | values | select(IN("x86_64", "arm64") | not) | "has \"arch\": \(excerpt)"),
  ({write: "part_mb", read: "range_mb"}[.op] as $size | select(.[$size] == null) | "has no \"\($size)\""),
  # delete removes all below it.
  (.answers | select(test("terabit-runs/[^/]+/$") | not) | "has \"answers\": \(excerpt)"),
  (.jobs | select(. != floor or . < 1 or . > 100000) | "has \"jobs\": \(.)");

# jobs.ndjson is the plan; in format 1 the jobs of later launches follow. keys.txt has its keys and no others.
def damage_of_plan($number):
  [$jobs | split("\n")[] | select(. != "") | fromjson? // null | select(.launch? == null)] as $planned
  | ($keys | split("\n") | map(select(. != "") | {(.): true}) | add // {}) as $kept
  | (range($planned | length)
      | select([$planned[.] | objects | .key, .op | strings] | length < 2)
      | "jobs.ndjson: line \(. + 1) is torn"),
    (select($planned | length != $number) | "jobs.ndjson has \($planned | length) jobs of \($number)"),
    ($planned[].key | select($kept[.] | not) | "keys.txt lacks \(excerpt)"),
    (($planned | map({(.key): true}) | add) as $own
      | $kept | keys[] | select($own[.] | not) | "keys.txt has \(excerpt), which the run did not plan");

. as $text
| [fromjson?][0]
| if $text == "" then "run.json is missing or empty: its driver was killed before the launch, or it was lost since"
  elif type != "object" then "run.json holds no object"
  else
    # In format 1 their number, which is made into a list of them.
    (if .launches | type == "number" and . > 1000 then . else [run_of("folder")?][0] // . end)
    | first(
        (damage_of_run | "run.json \(.)"),
        (select($plan) | damage_of_plan(.jobs)),
        ""
      )
  end
