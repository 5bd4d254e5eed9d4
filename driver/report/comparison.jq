# Purpose: runs beside each other, one row for each kind: those of the same operation and settings.
# Input:   {source, run, summary} of each run (-n); source: the folder or file as the user would type it, run: its run
#          (see run.jq) or null. $stopped: why a sweep ended early, $unfinished: the run that it cut short; else "".
# Output:  {stopped, unfinished, varies, across, common, sentences, rows}, as in sweep.json. varies: the settings in
#          which rows differ; across: the one that pictures have as their axis, by which rows are sorted, null where
#          none is a number; common: the others, in words. sentences: which kind was the fastest, and the cheapest.
#          A row's series: in words the settings that set it apart from others at the same place. counts: false where it
#          failed, was cut off or moved nothing. goodput and ideal in GB/s, mbps_p5 and mbps_p50 in MB/s of the slow and
#          the median worker; figures: medians over the runs, as named in summary.json, null unless each run has one.
#          ideal, across workers: as many times the goodput per worker of the smallest fleet of its series that counts
#          and is known; of_ideal only of rows that count. at_least: some goodput is only a bound, or not known.

include "report/setup";
include "run";
include "text";

def spread(figure): map(.summary | figure | select(measured)) | {min: min, median: middle, max: max};

# The median of a figure that every run has: beside the others' medians stands no figure of other runs.
def median(figure): map(.summary | figure) | if all(measured) then middle else null end;

# Of the runs of one kind.
def row_of_kind:
  . as $runs
  | .[0].kind
  + {
      jobs: .[0].summary.jobs,
      runs: map(.source),
      repetitions: length,
      valid: all(.[].summary; .valid),
      failed: (map(.summary | .failed + .missing) | add),
      at_least: any(.[].summary; .untimed != null and .max_active != null),
      cut_off: any(.[].summary; .cut_off > 0),
      damaged: any(.[].summary; .repeated > 0 or .unplanned.count > 0),
      goodput: spread(.goodput),
      mbps_p5: median(.mbps.p5),
      mbps_p50: median(.mbps.p50),
      # What held most of them back, and loopback is not that.
      held_back: (
        map(.summary.verdict | if .held_back_by == "failures" then "failures" else .findings[0].short // "nothing" end)
        | group_by(.)
        | max_by(length)[0]
      ),
      figures: (
        ["sustained", "peak_1s", "straggler_tax", "throttled", "usd_per_tb", "objects_per_s"]
        | map(. as $name | {($name): ($runs | median(.[$name]))})
        | add
      )
    }
  + reduce ("loopback", "shared_machine", "place_unknown", "small_objects") as $name (
      {}; .[$name] = any($runs[].summary; .[$name] == true))
  # A short --timeout must not trim the stragglers away.
  | .counts = (.valid and (.cut_off | not) and (.goodput.median // 0) > 0);

# The settings in which rows differ. Squads follow the number of workers. One run has objects of a size, a number of
# them, a time, and another has not: that is a difference, too.
def differing:
  def of($name):
    map(.settings | select(.[$name] != null or (.file == null and IN($name; "size", "objects", "for_s"))) | .[$name])
    | unique
    | length > 1;
  . as $rows
  | (map(.settings) | add // {} | keys_unsorted)
  | map(select(. as $name | $rows | if $name == "squad" then any(group_by(.jobs)[]; of($name)) else of($name) end));

# The settings that set rows of one operation apart, but for the one across which they stand. Requests in flight follow
# the memory, which has its network.
def apart($across):
  (group_by(.op) | map(differing) | add // [] | unique) - [$across]
  - if $across == "memory_mb" then ["in_flight"] - (group_by([.op, .settings.memory_mb]) | map(differing) | add // [])
    else [] end;

# The first setting across which some of them stand that differ in nothing else, where it has a place on an axis.
def axis($varies):
  . as $rows
  | first(
      ("workers", "memory_mb", "size", "in_flight", "part_mb", "range_mb", "for_s")
      | select(IN($varies[]))
      | . as $name
      | ($rows | apart($name)) as $names
      | select(any($rows | group_by([.op, (.settings | [.[$names[]]])])[]; length > 1))
    ) // null
  | . as $name
  | if any($rows[].settings | .file, .[$name // ""] | values; type == "string" or . == 0) then null else $name end;

# A, B, ... Z, AA, AB, ...
def letter: if . < 26 then [65 + .] | implode else ((. / 26 | floor) - 1 | letter) + (. % 26 | letter) end;

# How far a fleet is from the smallest one of its series that counts, as many times. The bound of that one's goodput, of
# which a failure makes less, would make the others better.
def ideal($rows):
  . as $row
  | ([$rows[] | select(.op == $row.op and .series == $row.series and .counts and (.at_least | not))]
    | min_by(.jobs)) as $one
  | .ideal = (if $one == null then null else $one.goodput.median / $one.jobs * .jobs end)
  | .of_ideal = if .counts and .ideal != null then .goodput.median / .ideal else null end;

# Its goodput in the unit of another one, $gbs.
def told($gbs): "\(if .at_least then "at least " else "" end)\(.goodput.median | told_gbs($gbs))"
  + (.figures.usd_per_tb | if . == null then "" else " at $\(fixed(2)) per TB" end)
  + (.of_ideal | if . == null then "" else ", \(percent) of the ideal" end);

# Of one operation, which kind to choose; its letter where names are long. The cheapest is known where all costs are.
# Where another kind had a run as fast as the slowest of the fastest kind, medians alone tell them apart.
def sentence($long):
  map(select(.counts) | .name = if $long then "\(.letter) (\(.op // "records"))" else .name end)
  | max_by(.goodput.median) as $fastest
  | (if all(.[]; .figures.usd_per_tb != null) then min_by(.figures.usd_per_tb) else null end) as $cheapest
  | (any(.[]; .repetitions > 1) and any(.[]; .letter != $fastest.letter and .goodput.max >= $fastest.goodput.min))
  as $close
  | $fastest.goodput.median as $gbs
  | if length == 0 then empty
    elif length == 1 then "\($fastest.name) moved \($fastest | told($gbs))"
    elif $cheapest == $fastest then "\($fastest.name) was the fastest and the cheapest: \($fastest | told($gbs))"
    else
      "\($fastest.name) was the fastest: \($fastest | told($gbs))"
      + ($cheapest | if . == null then "" else "; \(.name) was the cheapest: \(told($gbs))" end)
    end
  + if $close then "; by medians alone: the runs of one kind differ more than the kinds" else "" end;

[inputs
  | .kind = {
      op: .summary.op,
      settings: (if .run == null then {workers: .summary.jobs, file: .source} else .run | settings end)
    }]
| to_entries
| group_by(.value.kind)
| sort_by(.[0].key)
| map(map(.value) | row_of_kind)
| differing as $varies
| axis($varies) as $across
| ($varies - ($varies - apart($across))) as $series
| map(
    .series = (.settings | described($series) | join(", "))
    | .name = (
        [(.settings.file // (.op // "records")), (.settings | described($varies - ["file"])[])] | join(", ") | visible
      )
  )
| (if $across == null then . else sort_by(.op == "read", [.settings[$series[]]], .settings[$across]) end)
| . as $rows
| [
    range(length) as $n
    | {letter: ($n | letter)} + $rows[$n]
    | if $across == "workers" then ideal($rows) else .ideal = null | .of_ideal = null end
  ]
| {
    stopped: ($stopped | select(. != "") // null),
    unfinished: ($unfinished | select(. != "") // null),
    $varies,
    $across,
    common: (
      (map(.settings) | add // {})
      | described(["workers", "size", "memory_mb", "in_flight", "part_mb", "range_mb", "objects", "for_s"] - $varies)
    ),
    sentences: [group_by(.op == "read")[] | sentence($across == null and ($varies | length > 2))],
    rows: .
  }
