# Purpose: runs beside each other, one row for each kind: those of the same operation and settings.
# Input:   {source, run, summary} of each run (-n); source: the folder or file as the user would type it, run: its run
#          (see run.jq) or null. $stopped: why a sweep ended early, $unfinished: the run that it cut short; else "".
# Output:  {stopped, unfinished, scales, rows}, as in sweep.json. scales: whether rows of an operation differ in the
#          number of workers alone; they are then sorted by it. letter and name: what a row is called. goodput and ideal
#          in GB/s, mbps_p5 and mbps_p50 in MB/s of the slow and the median worker; figures: medians over the runs, as
#          named in summary.json. ideal, of fleets that scale: as many times the goodput per worker of the operation's
#          smallest valid fleet that moved something; of_ideal only of valid runs. at_least: some goodput is only a
#          bound, or not known.

include "text";

# What makes two runs the same experiment. Nobody knows that of records from elsewhere: each file is its own.
def settings:
  if .run == null then {source}
  else
    .run
    | {
        mb_per_file, part_mb, range_mb, in_flight, read_times, verify, memory_mb, arch, region, loopback, bucket,
        function, squad: .launches[0].squad
      }
    | map_values(values)
  end;

def spread(figure): map(.summary | figure) | range_of | {min: .least, median, max: .most};

# Of the runs of one kind.
def row:
  . as $runs
  | .[0].kind
  + {
      runs: map(.source),
      repetitions: length,
      valid: all(.[].summary; .valid),
      failed: (map(.summary | .failed + .missing) | add),
      at_least: any(.[].summary; .untimed != null and .max_active != null),
      damaged: any(.[].summary; .repeated > 0 or .unplanned.count > 0),
      goodput: spread(.goodput),
      mbps_p5: spread(.mbps.p5).median,
      mbps_p50: spread(.mbps.p50).median,
      loopback: any(.[].summary; .loopback == true),
      figures: (
        ["sustained", "peak_1s", "straggler_tax", "throttled"]
        | map(. as $name | {($name): ($runs | spread(.[$name]).median)})
        | add
      )
    };

# Squads follow the number of workers.
def differ_in_workers_alone:
  group_by(.op)
  | any(length > 1)
    and all(.[]; (map(.settings | del(.squad)) | unique | length) == 1 and (map(.jobs) | length == (unique | length)));

# The settings in which some of the rows that have them differ.
def differing:
  [.[].settings | to_entries[] | select(.key != "source")]
  | unique
  | group_by(.key)
  | map(select(length > 1) | .[0].key);

# A, B, ... Z, AA, AB, ...
def letter: if . < 26 then [65 + .] | implode else ((. / 26 | floor) - 1 | letter) + (. % 26 | letter) end;

# Operation, workers, and the settings that set a row apart.
def name($differing):
  .settings as $settings
  | [
      "\(.op // "records") \(.jobs | grouped)" + if $settings.source then " of \($settings.source)" else "" end,
      ($differing[] | select($settings[.] != null) | "\(.) \($settings[.])")
    ]
  | join(", ")
  | visible;

# How far a fleet is from the smallest valid one of its operation, as many times.
def ideal($rows):
  .op as $op
  | ([$rows[] | select(.op == $op and .valid and (.goodput.median // 0) > 0)] | min_by(.jobs)) as $one
  | .ideal = (if $one == null then null else $one.goodput.median / $one.jobs * .jobs end)
  | .of_ideal = if .valid and .ideal != null and .goodput.median != null then .goodput.median / .ideal else null end;

[inputs | .kind = {op: .summary.op, jobs: .summary.jobs, settings: settings}]
| to_entries
| group_by(.value.kind)
| sort_by(.[0].key)
| map(map(.value) | row)
| differ_in_workers_alone as $scales
| (if $scales then sort_by(.op == "read", .jobs) else . end)
| (if $scales then [] else differing end) as $differing
| . as $rows
| {
    stopped: (if $stopped == "" then null else $stopped end),
    unfinished: (if $unfinished == "" then null else $unfinished end),
    $scales,
    rows: [
      range(length) as $n
      | $rows[$n]
      | {letter: ($n | letter), name: name($differing)} + .
      | if $scales then ideal($rows) else .ideal = null | .of_ideal = null end
    ]
  }
