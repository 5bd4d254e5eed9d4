# Purpose: the picture of a comparison or of a sweep: what fleets moved together, and each worker of them.
# Input:   what comparison.jq gives. $panels: [chart/panels.json].
# Output:  one Vega-Lite specification, null where nothing was moved. A kind's place is its number of workers where
#          kinds differ in that alone, else a line of its own. value, least, most and ideal in GB/s (10^9 bytes per
#          second) of fleets, in MB/s (10^6) of workers.

include "report/panels";
include "text";

# A fleet of ten times the workers that moves ten times as much lies on a straight line of logarithmic axes, which have
# some room beyond their numbers.
def log_scale: {type: "log", domain: [min / 1.3, max * 1.3], nice: false};

# Where a kind stands.
def place($scales):
  if $scales then
    map(.workers)
    | {
        field: "workers",
        type: "quantitative",
        scale: log_scale,
        axis: {title: "workers", values: unique, format: ",d"}
      }
  else {field: "name", type: "nominal", sort: null, axis: {title: null, labelLimit: 400, grid: true}} end;

# One panel. Input: its points. Whiskers stay within the axis: a logarithmic one has no place for 0.
def panel($panels; $scales; $log; $height; $title):
  (if $scales then ["x", "y"] else ["y", "x"] end) as [$place, $value]
  | ([.[] | .value, .least, .most, .ideal | numbers | select(. > 0)]
    | if $log then {scale: log_scale, axis: {$title, format: ",~g"}} else {axis: {$title}} end) as $value_axis
  | {
      height: (if $scales then $height else [26 * length, 60] | max end),
      data: {values: map(.least |= ([., ($value_axis.scale.domain[0] // 0)] | max))},
      encoding: {($place): place($scales), ($value): ({field: "value", type: "quantitative"} + $value_axis)},
      layer: [
        (map(.op) | unique | reverse[]) as $op
        | $panels[0].kinds
        | .whisker.encoding = {($value): {field: "least"}, "\($value)2": {field: "most"}}
        | if $log then .ideal else empty end, if $scales then .line else empty end, .whisker, .dot
        | .transform += [{filter: "datum.op == '\($op)'"}]
        | coloured($op)
      ]
    }
  | marked($panels; any(.data.values[]; .loopback));

# Sweeps of earlier versions have no names.
def name: .name // "\(.op) \(.jobs)" | harmless(60);

# What is drawn of a row.
def point($spread; $ideal):
  {
    op: (.op | if IN("write", "read") then . else "records" end),
    name: "\(.letter // "") \(name)",
    workers: .jobs,
    runs: .repetitions,
    gbs: (.goodput.median | rounded(5)),
    mbps: (.mbps_p50 | rounded(1)),
    of_ideal,
    valid,
    loopback,
    value: ($spread.median | rounded(5)),
    least: ($spread.min | rounded(5)),
    most: ($spread.max | rounded(5)),
    ideal: ($ideal | rounded(5))
  };

# The best fleet of each operation.
def headlines:
  group_by(.op == "read")
  | map(
      (if length > 1 then "moved the most together:" else "moved" end) as $moved
      | max_by(.goodput.median)
      | "\(name) \($moved) \(if .at_least then "at least " else "" end)\(.goodput.median | figures) GB/s"
        + if .of_ideal == null then "" else ", \(.of_ideal | percent) of the ideal" end
    );

.stopped as $stopped
| (.scales != false) as $scales
| .rows
| map(select((.goodput.median // 0) > 0))
| if . == [] then null
  else
    [
      if any(.[]; .loopback) then loopback_warning else empty end,
      if $stopped == null then empty else "The sweep ended early: \($stopped | visible | shortened(120))" end,
      if all(.[]; .valid) then empty else "NOT VALID (pale): in some runs more than 1 % failed." end
    ] as $details
    | [
        "Points: goodput (all bytes over first start to last stop) and the rate of the median worker, each the median "
          + "of a kind's runs; whiskers: the least and the most goodput. GB: 10^9 bytes, MB: 10^6.",
        if $scales then "Ideal: the goodput per worker of the smallest valid fleet, times the workers." else empty end
      ] as $footer
    | headlines as $title
    | [
        (map(point(.goodput; .ideal)) | panel($panels; $scales; $scales; 300; "GB/s together: goodput")),
        (map(select(.mbps_p50 != null) | point(.mbps_p50 | {min: ., median: ., max: .}; null))
          | select(. != [])
          | panel($panels; $scales; false; 150; "MB/s of the median worker"))
      ]
    | .[0].layer += [
        [(.[0].data.values | map(.op) | unique | reverse[] | ["●", ., .]),
         if $scales then ["-", "ideal", "ideal"] else empty end]
        | legend($panels)
      ]
    | picture($panels; $title; $details; $footer)
  end
