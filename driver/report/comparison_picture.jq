# Purpose: the picture of a comparison or of a sweep: what fleets moved together, at what cost, and each worker of them.
# Input:   what comparison.jq gives, of earlier versions too. $panels: [chart/panels.json].
# Output:  one Vega-Lite specification, null where no kind counts. A kind's place is the setting across which they are
#          compared, else a line of its own. value, least, most and ideal in the unit of the panel: GB/s and MB/s are
#          decimal.

include "report/panels";
include "report/setup";
include "run";
include "text";

# A fleet of ten times the workers that moves ten times as much lies on a straight line of logarithmic axes.
def log_scale: {type: "log", domain: [min / 1.3, max * 1.3], nice: false};

# Where a kind stands. An axis leaves room for the names of series beside it; a letter is 6 pixels wide.
def place($across):
  if $across == null then
    {field: "name", type: "nominal", sort: null, axis: {title: null, labelLimit: 400, grid: true}}
  else
    (map(.place) | unique) as $places
    | {
        field: "place",
        type: "quantitative",
        scale: (($places | log_scale) + {range: [0, 780 - 6 * (map(.series | length) | max)]}),
        axis: {
          title: ($across | head),
          values: $places,
          # What stands at a place, in the unit of the setting.
          labelExpr: "\($places | map({(tostring): cell($across)}) | add)[datum.value]"
        }
      }
  end;

# What is drawn of a row, whose $figure it is.
def point($across; $figure; $ideal):
  {
    op: (.op | if IN("write", "read") then . else "records" end),
    name: "\(.letter // "") \(.name // "\(.op) \(.jobs)" | harmless(60))",
    place: .settings[$across // ""],
    series: (.series // "" | harmless(60)),
    runs: .repetitions,
    gbs: .goodput.median,
    mbps: .mbps_p50,
    usd: .figures.usd_per_tb,
    of_ideal,
    value: $figure.median,
    least: $figure.min,
    most: $figure.max,
    $ideal
  };

# A figure that has no spread.
def alone: {min: ., median: ., max: .};

# The last point of each series, and how many pixels below the panel's upper edge the name of that stands: at its height
# where there is room, else 14 pixels above the one below it. All of them have room in the panel. Input: the points.
def series_ends($scale; $height):
  $scale.domain as [$least, $most]
  | [group_by([.op, .series])[] | .[-1] | select(.series != "")]
  | sort_by(.value)
  | length as $count
  | reduce .[] as $one (
      [];
      ($one.value | if $scale.type == "log" then (. / $least | log) / ($most / $least | log) else . / $most end)
      as $share
      | ([$height * (1 - $share), (.[-1].below // infinite) - 14] | min) as $below
      | . + [$one + {below: ([$below, 14 * ($count - 1 - length)] | max)}]
    );

# One panel of the rows that have a figure, with room for the names of all series. Whiskers stay within the axis: a
# logarithmic one has no place for 0.
def panel($panels; $across; $log; $height; $title; figure_of; ideal_of):
  map(point($across; figure_of; ideal_of) | select(.value != null))
  | select(. != [])
  | ([$height, 14 * (map(select(.series != "") | [.op, .series]) | unique | length)] | max) as $height
  | (if $across == null then ["y", "x"] else ["x", "y"] end) as [$place, $value]
  | ([.[] | .value, .least, .most, .ideal | numbers | select(. > 0)]
    | if $log then {scale: log_scale, axis: {$title, format: ",~g"}}
      else {scale: {domain: [0, max // 1]}, axis: {$title}} end) as $axis
  | series_ends($axis.scale; $height) as $ends
  | {
      height: (if $across == null then [26 * length, 60] | max else $height end),
      data: {values: map(.least |= ([., ($axis.scale.domain[0]? // 0)] | max))},
      encoding: {($place): place($across), ($value): ({field: "value", type: "quantitative"} + $axis)},
      layer: [
        (map(.op) | unique | reverse) as $ops
        | $ops[] as $op
        | $panels[0].kinds
        | .series.data.values = $ends
        | .whisker.encoding = {($value): {field: "least"}, "\($value)2": {field: "most"}}
        | (if $log then .ideal else empty end), (if $across == null then .bar else .line, .series end), .whisker, .dot
        # Side by side, or one operation hides the other's whiskers.
        | (if $across == null or ($ops | length) == 1 then .
           else (.mark | select(.type != "text")).xOffset = {read: 4, write: -4}[$op] end)
        | .transform += [{filter: "datum.op == '\($op)'"}]
        | coloured($op)
      ]
    };

any_comparison
| .across as $across
| .stopped as $stopped
| (.sentences // ["Fleets of \(.rows | map(.jobs) | unique | map(grouped) | join(", ")) workers"]) as $title
| (.rows | map(.drawn = (.counts and ($across == null or .settings[$across] > 0)))) as $all
| $all
| map(select(.drawn))
| if . == [] then null
  else
    machine as $machine
    | ($across == "workers") as $scales
    | [
        ($stopped // empty | "The sweep ended early: \(visible | shortened(120))"),
        (map(select(.at_least) | .letter // .op) | select(. != [])
          | "At least: \(join(", ")), where nobody knows when some jobs ended."),
        ([$all[] | select(.drawn | not) | .letter // .op] | select(. != [])
          | "Not drawn: \(join(", ")), where more than 1 % failed, jobs were cut off, nothing moved, or there is no "
            + "place on the axis.")
      ] as $details
    | [
        "Points: goodput (all bytes over first start to last stop) and the rate of the median worker, each the median "
          + "of a kind's runs; whiskers: the least and the most goodput. GB: 10^9 bytes, MB: 10^6.",
        if any(.[]; .ideal) then "Ideal: the goodput per worker of the smallest valid fleet, times the workers."
        else empty end
      ] as $footer
    | [
        panel($panels; $across; $scales; 300; "GB/s together: goodput"; .goodput; .ideal),
        panel($panels; $across; false; 150; "$ per TB moved"; .figures.usd_per_tb | alone; null),
        (select(any(.[]; .small_objects))
          | panel($panels; $across; $scales; 200; "objects per second together"; .figures.objects_per_s | alone; null)),
        panel($panels; $across; false; 150; "MB/s of the median worker"; .mbps_p50 | alone; null)
      ]
    | .[0].layer += [
        [(.[0].data.values | map(.op) | unique | reverse[] | ["●", ., .]),
         if any(.[0].data.values[]; .ideal) then ["-", "ideal", "ideal"] else empty end]
        | legend($panels)
      ]
    | picture($panels; $machine; $title; $details; $footer)
  end
