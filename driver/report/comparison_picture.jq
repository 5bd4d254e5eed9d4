# Purpose: the picture of a comparison or of a sweep: what fleets moved together, and each worker of them.
# Input:   what comparison.jq gives. $panels: [chart/panels.json].
# Output:  one Vega-Lite specification, null where nothing was moved. A kind's place is its number of workers where
#          kinds differ in that alone, else a line of its own. value, least, most and ideal in GB/s (10^9 bytes per
#          second) of fleets, in MB/s (10^6) of workers.

include "report/panels";
include "text";

# Powers of ten apart, numbers crowd at one end of a linear axis.
def is_wide: max / min >= 20;

# A logarithmic axis has some room beyond its numbers.
def value_axis($title):
  if is_wide then
    {scale: {type: "log", domain: [min / 1.3, max * 1.3], nice: false}, axis: {$title, format: ",~g"}}
  else {scale: {type: "linear"}, axis: {$title}} end;

def workers_axis:
  {
    field: "workers",
    type: "quantitative",
    scale: {type: (if is_wide then "log" else "linear" end), nice: false, padding: 12},
    axis: {title: "workers", values: unique, format: ",d"}
  };
def names_axis: {field: "name", type: "nominal", sort: null, axis: {title: null, labelLimit: 400}};

# One panel. Input: its points. Whiskers stay within the axis: a logarithmic one has no place for 0.
def panel($panels; $scales; $height; $text; $title):
  (if $scales then ["x", "y", (map(.workers) | workers_axis)] else ["y", "x", names_axis] end)
    as [$place, $value, $place_axis]
  | ([.[] | .value, .least, .most, .ideal | numbers | select(. > 0)] | value_axis($title)) as $value_axis
  | {
      width: 780,
      height: (if $scales then $height else 26 * length end),
      data: {values: map(.least |= ([., ($value_axis.scale.domain[0] // 0)] | max))},
      encoding: {($place): $place_axis, ($value): ({field: "value", type: "quantitative"} + $value_axis)},
      layer: [
        any(.[]; .ideal != null) as $ideal
        | (map(.op) | unique | reverse[]) as $op
        | $panels[0].kinds
        | .whisker.encoding = {($value): {field: "least"}, "\($value)2": {field: "most"}}
        | if $scales and $ideal then .ideal else empty end, if $scales then .line else empty end, .whisker, .dot
        | .transform += [{filter: "datum.op == '\($op)'"}]
        | coloured($op)
      ]
    }
  | titled($text)
  | behind($panels; any(.data.values[]; .loopback));

# Sweeps of earlier versions have no names.
def called: "\(.letter // "") \(.name // "\(.op) \(.jobs)")" | harmless(60);

# What is drawn of a row.
def point($spread; $ideal):
  {
    op: (.op | if IN("write", "read") then . else "records" end),
    name: called,
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

def headlines($scales):
  def goodput: "\(if .at_least then "at least " else "" end)\(.goodput.median | figures) GB/s";
  if $scales then
    map(select(.of_ideal != null))
    | group_by(.op == "read")
    | map(max_by(.jobs)
        | "\(.op): \(.jobs | counted("worker"; "workers")) moved \(goodput) together, "
          + "\(.of_ideal * 100 | fixed(0)) % of the ideal")
  elif length > 3 then
    length as $n
    | [max_by(.goodput.median) | "The highest goodput of \($n) kinds: \(goodput), \(called)"]
  else map("\(called): goodput \(goodput)") end;

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
          + "of a kind's runs; whiskers: the least and the most of them. GB: 10^9 bytes, MB: 10^6.",
        if $scales then "Ideal: the goodput per worker of the smallest valid fleet, times the workers." else empty end
      ] as $footer
    | headlines($scales) as $title
    | [
        (map(point(.goodput; .ideal))
          | panel($panels; $scales; 300; "What the fleet moved together"; "GB/s, goodput")),
        (map(point(.per_worker // {median: .mbps_p50}; null))
          | panel($panels; $scales; 150; "What each worker got"; "MB/s, median worker"))
      ]
    | .[0].layer += [
        [(.[0].data.values | map(.op) | unique | reverse[] | ["●", ., .]),
         if $scales then ["-", "ideal", "ideal"] else empty end]
        | legend($panels; 788; 8)
      ]
    | picture($panels; 780; $title; $details; $footer)
  end
