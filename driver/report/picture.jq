# Purpose: the picture of one run: when each worker was busy, what all moved together, how fast each was.
# Input:   none (-n). $panels: [chart/panels.json]; $run: [the run, see run.jq] or [null]; $measured: what summary.jq
#          gives with $picture, the summary and the drawing; $source: what the reader calls the records.
# Output:  one Vega-Lite specification, null where no job began.

include "report/panels";
include "report/setup";
include "run";
include "text";

$run[0] as $run
| $measured[0] as $summary
| $measured[1] as $drawing
| ([$run.op, $summary.op | select(IN("write", "read"))][0] // "records") as $op
# The network holds no small objects back.
| (if $summary.small_objects then null else $summary.evidence.network_mbps end) as $cap_mbps
| ([$summary] | machine) as $machine
# The unit of the aggregate, and how many of it a GB/s is: objects where they are small, MB/s where there are few.
| (if $summary.small_objects and $summary.bytes > 0 then ["objects/s", 1e9 * $summary.objects / $summary.bytes]
   elif ($summary.goodput | rate_and_unit(.)[1]) == "MB" then ["MB/s", 1e3]
   else ["GB/s", 1] end) as [$unit, $factor]

| def makespan_s: [$drawing.bins[-1].t2, $summary.makespan_s] | max;

# The time axis begins where workers began to wait, and ends where the last job may have ended, if that is not long
# before the first start, or after the last stop that is known.
def last_s: [makespan_s, 1.4 * $drawing.bins[-1].t2] | min;
def on_time:
  ([([$drawing.jobs[].wait | numbers] | min // 0), 0] | min | [., -0.4 * last_s] | max) as $from
  | .encoding.x.scale = exactly($from; last_s);

# Lines of one style: horizontal where their ends in time are told, else vertical.
def lines($style; $values):
  $panels[0].rule
  | .mark.style = $style
  | .data.values = $values
  | .encoding = (
      if $values[0] | has("to") then {x: {field: "from"}, x2: {field: "to"}, y: {field: "rate"}}
      else {x: {field: "x"}, y: {value: 0}, y2: {value: "height"}} end
    );

# Lines across a panel, each {style, over, text}, and a legend of them and of $more.
def crossed($lines; $more):
  .layer += [
    ($lines[] | select(.over != []) | lines(.style; .over)),
    ($lines | map(["-", .style, .text]) + $more | legend($panels))
  ];

def timeline_panel:
  ($drawing.began + $drawing.untimed) as $lines
  | $panels[0].timeline
  | .height = ([[24 * $lines, 100] | max, 300] | min)
  | .encoding.y.scale = exactly(0; $lines * 1.02)
  | .encoding.y.axis.tickCount = ([$lines, 10] | min)
  | on_time
  | .layer += [
      [
        ["-", "active", "active jobs"],
        ["■", $op, "a job, start to stop"],
        if any($drawing.jobs[]; .wait != null and .wait < .start - 0.05) then ["■", "wait", "waiting for the start"]
        else empty end,
        if any($drawing.jobs[]; .state == "failed") then ["■", "failed", "failed, to its last byte"] else empty end,
        if $drawing.untimed == 0 then empty
        else ["■", "untimed", "may have run, to \(makespan_s | rough_seconds) at most"] end
      ]
      | legend($panels)
    ];

# The published figures of the same operation: those that the scale shows, apart from its axis.
def published($name; $most):
  if $machine != null or $summary.small_objects then empty
  else
    $panels[0].published[]
    | .[$op][$name] as $value
    | select($value != null and $value < $most and ($name == "mbps" or $value > 0.1 * $most))
    | . + {$value}
  end;

# The highest rate that the network could have carried at any moment, in GB/s; null where that is not known.
def cap_gbs: if $cap_mbps == null then null else ([$drawing.bins[].active] | max) * $cap_mbps / 1e3 end;

# The scale of the aggregate: a cap far above what was reached must not press that flat, and is then not drawn. Where
# nothing was moved, and no cap is known, there is a scale all the same.
def most_gbs:
  ([$drawing.bins[] | .gbs, .sent_gbs | numbers] + [$summary.peak_1s, $summary.sustained, 0] | max * 1.08) as $moved
  | ((cap_gbs // 0) * 1.08) as $cap
  | if $moved > 0 and $cap > 2.5 * $moved then $moved else [$cap, $moved] | max end
  | if . > 0 then . else 1 end;
def cap_in_sight: cap_gbs != null and cap_gbs <= most_gbs;

def bound: if $summary.untimed == null then "" else "at least " end;

def in_unit: if . == null then null else . * $factor end;
def told_together:
  if $unit == "objects/s" then "\(in_unit | per_second) objects/s" else told_gbs($summary.goodput) end;

# What is drawn across the aggregate, the highest first: {gbs, style, text, over: the time that it is of, its height}.
def rates_together:
  # There is no text of what is null.
  def rate($gbs; $style; $over; text):
    select($gbs != null) | {$gbs, $style, over: ($over | map(. + {rate: ($gbs | in_unit)})), text: text};
  [{from: 0, to: last_s}] as $all
  | $summary
  | [
      rate(.goodput; "goodput"; $all; "goodput \(bound)\(.goodput | told_together)"),
      rate(.sustained; "sustained"; $drawing.stretches;
        "sustained \(.sustained | told_together), \(.sustained_s | rough_seconds)"
        + if .sustained_short then ", too short" else "" end),
      rate(.peak_1s; "best"; $drawing.best | [{from: ., to: (. + 1)}];
        "best second \(.peak_1s | told_together)"),
      rate(cap_gbs | select(. <= most_gbs); "cap"; []; "\($cap_mbps | fixed(0)) MB/s × active workers"),
      (published("gbs"; most_gbs)
        | rate(.value; "published"; $all; "\(.name), peak \(if .over then "over " else "" end)\(.value) GB/s"))
    ]
  | sort_by(-.gbs);

def aggregate_panel:
  $panels[0].aggregate
  | on_time
  | .encoding.y.scale = exactly(0; most_gbs | in_unit)
  | .encoding.y.axis.title = "\($unit), all jobs together"
  | crossed(rates_together; [
      $summary.sent | values | ["-", "sent", "\(.bytes / 1e6 | fixed(1)) MB that failed jobs sent in vain"]
    ]);

# The scale of the workers' rates, with room for the last class, and what is drawn across them: {style, over, text}.
def most_mbps: ($summary.mbps.max // 0) * 1.06;
def rates_of_a_worker:
  [
    {mbps: $summary.mbps.p50, style: "median", text: "median \($summary.mbps.p50 | figures) MB/s"},
    {mbps: $cap_mbps, style: "cap", text: "\($cap_mbps | fixed(0)): Lambda's network"},
    (published("mbps"; most_mbps) | {mbps: .value, style: "published", text: "\(.name): \(.value)"})
  ]
  | map(select(.mbps != null and .mbps < most_mbps))
  | sort_by(.mbps)
  | map(.over = [{x: .mbps}]);

def rates_panel:
  $panels[0].rates
  | .encoding.x.scale = exactly(0; most_mbps)
  | .layer[0].transform[1].bin.extent = [0, most_mbps]
  | crossed(rates_of_a_worker; []);

# How long requests took: where objects are small that is what their rate comes from.
def latency_panel:
  $panels[0].latency
  | .data.values = $drawing.latency
  | crossed([
      $summary.request_ms
      | to_entries[]
      | select(.key != "max" and .value != null)
      | {
          style: "percentile",
          over: [{x: .value}],
          text: "\({p50: "median", p999: "p99.9"}[.key] // .key) \(.value | figures) ms"
        }
    ]; []);

# The figure, and whose it is.
def headline:
  ($summary | .jobs - .failed - .missing) as $good
  | (if $summary.valid then "" else "NOT VALID, " end)
  + (if $summary.goodput == null then "no goodput is known"
     else
       bound + (if $summary.small_objects then "\($summary.objects_per_s | per_second) objects/s, " else "" end)
       + ($summary.goodput | told_gbs)
     end)
  + ": "
  + (if $good == 0 or $good == $summary.jobs then "" else "\($good | grouped) of " end)
  + "\($summary.jobs | counted("worker"; "workers")) "
  + (if $good == 0 then {write: "were to write", read: "were to read"} else {write: "wrote", read: "read"} end
    | .[$op] // "moved")
  + " "
  + ($run | asked(["size", "objects", "for_s", "read_times"]) | join(", ")
    | if . == "" then "their bytes" else . end)
  | (.[:1] | ascii_upcase) + .[1:];

def setup:
  ($run | title($summary.jobs; $source | harmless(120)))
  + ([$drawing.jobs[] | select(.state == "failed")] | length | if . > 0 then ", \(grouped) failed" else "" end)
  + ($drawing.untimed | if . > 0 then ", \(grouped) that may have run, nobody knows how long" else "" end)
  + ($drawing.unseen | if . > 0 then ", \(grouped) not known to have begun and not drawn" else "" end)
  + (if $summary.valid then "" else ". NOT VALID: more than 1 % failed or are missing" end);

def conditions:
  $run.launches[$summary.launch - 1] as $launch
  | [
      (($launch.launch | numbers) // $drawing.epoch | strftime("%Y-%m-%d %H:%M UTC")),
      (($run // {}) | settings | described(["region", "memory_mb", "arch", "part_mb", "range_mb", "in_flight"])[]),
      ($launch.version | values | "terabit \(harmless(30))")
    ]
  | join(", ");

def footer:
  [
    conditions,
    "GB: 10^9 bytes. goodput: all bytes over first start to last stop. sustained: while at least 90 % as many jobs "
      + "were active as at the most.",
    (select($cap_mbps != null and ($cap_mbps < most_mbps or cap_in_sight))
      | "\($cap_mbps | fixed(0)) MB/s: what Lambda's network gives a worker of this memory. A burst may be faster."),
    ([published("gbs"; most_gbs), published("mbps"; most_mbps)] | unique_by(.name)[]
      | "\(.name): \(.setup); \(.source).")
  ];

if $drawing == null then null
else
  [timeline_panel, aggregate_panel,
   if $summary.small_objects and $drawing.latency != [] then latency_panel else empty end,
   if ($summary.mbps.max // 0) == 0 then empty else rates_panel end]
  | map(coloured($op))
  | picture($panels; $machine; [headline]; [($summary.verdict.sentence | harmless(400)), setup]; footer)
  | .params = [{name: "unit", value: $unit}]
  | .datasets = {
      jobs: $drawing.jobs,
      # Steps rise from nothing and fall back to it.
      bins: (
        {rate: 0, active: 0, sent: 0} as $nothing
        | (if cap_in_sight then $cap_mbps / 1e3 else null end) as $cap_gbs
        | $drawing.bins
        | map({t, t2, active, rate: (.gbs | in_unit), sent: (.sent_gbs | in_unit)}
            + if $cap_gbs then {cap: (.active * $cap_gbs | in_unit)} else {} end)
        | [{t: 0} + $nothing] + . + [{t: .[-1].t2} + $nothing]
      )
    }
end
