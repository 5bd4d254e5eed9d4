# Purpose: a run's picture, or that of several runs side by side: the panels of chart/ bound to their data.
# Input:   chart/*.json (-n), known by their names; $runs: what chart.jq gives, one object for each run.
# Output:  one Vega-Lite specification, null where no job began. usermeta has its texts once more, for a page that sets
#          them itself; the panel named "footer" is last.

include "report/kinds";
include "plan/network";
include "report/picture";
include "text";

# A panel bound to one run: its colour, its data.
def of_run($run; $i):
  walk(
    if type == "object" then
      (if (.style | type) == "array" then .style |= map(if . == "run" then $run.op else . end) else . end)
      | (if (.data | type) == "object" and (.data | has("name")) then .data.name += " \($i)" else . end)
      | (if (.name | type) == "string" and has("mark") then .name += "_\($i)" else . end)
    else . end
  );

# Labels with .at, pixels from the top, moved down and then up until they are $gap from each other.
def apart($gap; $bottom):
  def down:
    reduce .[] as $one (
      [];
      (if length == 0 then $one.at else .[-1].at + $gap end) as $least
      | . + [$one | .at = ([.at, $least] | max)]
    );
  def up:
    reduce reverse[] as $one (
      [];
      (if length == 0 then $bottom else .[-1].at - $gap end) as $most
      | . + [$one | .at = ([.at, $most] | min)]
    );
  sort_by(.at) | down | up;

def layers($more): .layer += $more;

# What a run is called beside others.
def called: "\(.name), \(.op)";

def titled($run; $runs; $text):
  .title = {
    text: (if $runs == 1 then $text else "\($run | called): \($text[:1] | ascii_downcase)\($text[1:])" end),
    style: "group-title"
  };

# The published figures of the same operation.
def published($panels; $run): if $run.loopback then empty else $panels.published[] | select(has($run.op)) end;

# Whether the scale shows a published aggregate, and shows it apart from the axis.
def in_sight($layout): . <= $layout.gbs and . > 0.1 * $layout.gbs;

# The published figures that some panel shows; panels of many runs have no room for those of a worker.
def shown($panels; $runs; $layout):
  $panels.published[]
  | . as $one
  | select(any(
      $runs[] | select(.loopback | not) | $one[.op] | values;
      (.gbs | in_sight($layout)) or ($layout.many | not) and .mbps < $layout.mbps
    ));

# A goodput with what it is worth.
def goodput_gbs: "\(if .at_least then "at least " else "" end)\(.goodput | figures) GB/s";

def sentence: .sentence // "\(.began | counted("worker"; "workers")): \(goodput_gbs)";

def setup:
  "\(if .alone and .launch != null then "terabit \(.op)" else .source end): \(.planned | counted("job"; "jobs"))"
  + (if .mb_per_file == null then "" else ", \(.mb_per_file | grouped) MiB each" end)
  + (if .failed > 0 then ", \(.failed | grouped) failed" else "" end)
  + (if .untimed > 0 then ", \(.untimed | grouped) that may have run, nobody knows how long" else "" end)
  + (if .unseen > 0 then ", \(.unseen | grouped) not known to have begun and not drawn" else "" end)
  + (if .valid then "" else ". NOT VALID: more than 1 % failed or are missing" end);

def conditions:
  [
    (.launch // .epoch | strftime("%Y-%m-%d %H:%M UTC")),
    .region,
    (if .memory_mb == null then null else "\(.memory_mb | grouped) MB" end),
    .arch,
    (if .part_mb == null then null else "parts of \(.part_mb | grouped) MiB" end),
    (if .range_mb == null then null elif .range_mb == 0 then "one GET an object"
     else "ranges of \(.range_mb | grouped) MiB" end),
    (if .in_flight == null then null else "\(.in_flight | grouped) in flight" end),
    (if .version == null then null else "terabit \(.version)" end)
  ]
  | map(strings)
  | join(", ");

# Input: a run. The highest rate that its network could have carried at any moment, in GB/s; null where that is not
# known.
def cap: if .cap_mbps == null then null else (.bins | map(.active) | max) * .cap_mbps / 1e3 end;

# How the runs are laid out, so that they can be compared: one time axis, one scale of rates. More than two are small
# multiples, three in a row. Widths and heights in pixels.
def layout:
  (map(.makespan_s) | max) as $most
  | (map([.bins[].gbs, .bins[].sent_gbs, .best.gbs, .sustained.gbs] | max) | max * 1.08) as $moved
  | (map(cap // 0) | max * 1.08) as $cap
  | {
      runs: length,
      many: (length > 2),
      from: ([([.[].jobs[].wait | numbers] | min // 0), 0] | min | [., -0.4 * $most] | max),
      to: $most,
      mbps: ([.[].rates[].mbps2] | max // 0 | . * 1.06),
      workers: ([.[].rates[].workers] | max // 0),
      # A cap far above what was reached must not press that flat.
      # Where nothing was moved, and no cap is known, there is a scale all the same.
      gbs: (
        if $moved > 0 and $cap > 2.5 * $moved then $moved else [$cap, $moved] | max end
        | if . > 0 then . else 1 end
      )
    }
  + if length == 1 then {across: 1, width: 780, whole: 780, shrink: 1, ticks: 10}
    elif length == 2 then {across: 2, width: 350, whole: 950, shrink: 1, ticks: 10}
    else {across: 3, width: 210, whole: 1090, shrink: 0.6, ticks: 5} end;

# Where a time is, in pixels.
def across($layout): (. - $layout.from) / ($layout.to - $layout.from) * $layout.width | rounded(1);

# An axis that ends where it is told to.
def exactly($from; $to): {domain: [$from, $to], nice: false, padding: 0};

def sized($layout): .width = $layout.width | .height |= . * $layout.shrink;

def on_time_axis($layout):
  sized($layout)
  | .encoding.x.scale = exactly($layout.from; $layout.to)
  | .encoding.x.axis.tickCount = $layout.ticks;

# Long after most bytes were there the last jobs still ran.
def dragged: .t95 != null and .makespan_s > 1.1 * .t95;

def tail($panels; $run; $layout):
  if $run | dragged then layers([$panels.tail | .encoding.x = {value: ($run.t95 | across($layout))}]) else . end;

def timeline($panels; $i; $layout):
  . as $run
  | $panels.timeline
  | on_time_axis($layout)
  | .height as $height
  | titled($run; $layout.runs; "When each worker was busy")
  | ($run.began + $run.untimed) as $lines
  | .encoding.y.scale = exactly(0; $lines * 1.02)
  | .encoding.y.axis.tickCount = ([$lines, 10] | min)
  # Lines stand apart where there is room, and lie on each other where there is none; a failure is always seen.
  | ($height / $lines | if . >= 3 then [0.75 * ., 12] | min else [. + 0.4, 1] | max end | rounded(2)) as $thick
  | .layer |= map(
      if .mark.type != "bar" then .
      elif .mark.style | index("failed") then .mark.size = ([$thick, 2] | max)
      else .mark.size = $thick end
    )
  | of_run($run; $i)
  | layers([
      [
        ["—", "active", "active jobs"],
        ["■", $run.op, "a job, start to stop"],
        if $run.waited then ["■", "wait", "waiting for the start"] else empty end,
        if $run.failed > 0 then ["■", "failed", "failed, to its last byte"] else empty end,
        if $run.untimed > 0 then ["■", "untimed", "may have run so long"] else empty end
      ]
      | legend($panels; $layout.width + 8; 8)
    ])
  | tail($panels; $run; $layout)
  | above($panels; $run.loopback);

# Where two lines of text beside $x are far from all labels' lines, and above the curves or below them: {x, y, align},
# right of it where there is such a place, else left. Input: a run. $labels: with .at.
def beside($x; $wide; $labels; $height; $layout):
  . as $run
  | 7 as $gap
  | (($layout.to - $layout.from) / $layout.width) as $pixel
  | [
      {align: "left", x: ($x + $gap), from: ($x + $gap)},
      {align: "right", x: ($x - $gap), from: ($x - $gap - $wide)}
      | select(.from >= 0 and .from + $wide <= $layout.width)
      | ($layout.from + .from * $pixel) as $from
      | [
          $run.bins[]
          | select(.t2 > $from and .t < $from + $wide * $pixel)
          | .gbs, (if $run.cap_mbps == null then empty else .active * $run.cap_mbps / 1e3 end)
          | $height * (1 - . / $layout.gbs)
        ] as $curves
      | .y = (
          [range(10; $height - 30; 4) | select(. + 26 < ($curves | min) or . - 10 > ($curves | max))]
          | max_by(. as $y | [$labels[].at - $y - 7 | fabs] | min)
        )
    ]
  | (map(select(.y != null)) + [{align: "left", x: ($x + $gap), y: 10}])[0];

# Input: a run. A cap far above what was reached is not drawn: all that could be seen of it is that it rises and falls.
def cap_in_sight($layout): cap != null and cap <= $layout.gbs;

# What the panel of the aggregate says beside its right edge: {text, gbs, style, stretches}. A rate is drawn over the
# stretches of time that it is of, in seconds.
def aggregate_labels($panels; $layout):
  . as $run
  | (select(.goodput != null)
      | {text: "goodput \(goodput_gbs)", gbs: .goodput, stretches: [{from: 0, to: .makespan_s}]}),
    (.sustained // empty
      | {text: "sustained \(.gbs | figures) GB/s, \(.seconds | rough_seconds)", gbs, stretches}),
    (.best // empty | {text: "best second \(.gbs | figures) GB/s", gbs, stretches: [{from, to}]}),
    (select(cap_in_sight($layout))
      | {text: "\(.cap_mbps | fixed(0)) MB/s × active workers", gbs: cap, quiet: true}),
    (published($panels; $run)
      | .over as $over
      | .name as $name
      | .[$run.op]
      | select(.gbs | in_sight($layout))
      | {text: "\($name), peak \(if $over then "over " else "" end)\(.gbs) GB/s", gbs, quiet: true, lined: true});

def aggregate($panels; $i; $layout):
  . as $run
  | $panels.aggregate
  | on_time_axis($layout)
  | .height as $height
  | [
      $run | aggregate_labels($panels; $layout)
      | .at = $height * (1 - .gbs / $layout.gbs)
    ] as $labels
  | titled($run; $layout.runs; "How fast all of them together moved data")
  | .encoding.y.scale = exactly(0; $layout.gbs)
  | if $run.sent_mb == null then .
    else
      layers([$panels.sent])
      | .title.subtitle = "dashed red: \($run.sent_mb | fixed(1)) MB that failed jobs sent in vain"
    end
  | of_run($run; $i)
  | behind($panels; $run.loopback)
  | tail($panels; $run; $layout)
  | if $run | dragged then
      (if $layout.many then {wide: 90, most: "95 %", rest: "all"}
       else {wide: 140, most: "95 % of the bytes", rest: "the rest"} end) as $text
      | ($run.t95 | across($layout)) as $x
      | ($run | beside($x; $text.wide; $labels; $height; $layout)) as $place
      | (if $run.makespan_s < 1 then 2 else 1 end) as $decimals
      | layers([
          [
            "\($text.most) by \($run.t95 | fixed($decimals)) s,",
            "\($text.rest) by \($run.makespan_s | fixed($decimals)) s"
          ]
          | note($panels; $place.x; $place.y; [])
          | .mark.align = $place.align
        ])
    else . end
  | layers([
      $labels | apart(15; $height)[]
      | .quiet as $quiet
      | .at as $at
      | .text | note($panels; $layout.width + 8; $at; [if $quiet then "quiet" else empty end])
    ]);

# The lines that belong to the labels: a rate's own, and from the last of them a thin one to its label.
def marks($panels; $layout):
  [
    aggregate_labels($panels; $layout)
    | select(.stretches != null or .lined)
    | .gbs as $gbs
    | (.stretches[]? | {from, to, $gbs}),
      {$gbs, lead: (.stretches[-1].to? // $layout.from)}
  ];

def throttled($panels; $i; $layout):
  . as $run
  | $panels.throttled
  | on_time_axis($layout)
  | titled($run; $layout.runs; "503s: \($run.throttled | grouped) in \($run.throttled_jobs | counted("job"; "jobs"))")
  | .title.subtitle = "when within a job they came is not recorded"
  | .encoding.y.scale = exactly(0; ([$run.bins[].throttled, 1] | max * 1.05))
  | of_run($run; $i)
  | behind($panels; $run.loopback);

# The lines across the panel of the rates, with their labels and these's places in pixels.
def rate_marks($panels; $runs; $layout; $width):
  [
      ($runs[] | {text: "median \(.median | fixed(1))", mbps: .median, style: .op}),
      ($runs | map(.cap_mbps | values) | unique[] | {text: "\(fixed(0)): Lambda's network", mbps: ., style: "quiet"}),
      ([$runs[] | select($layout.many | not) | . as $run | published($panels; .) | {
          text: "\(.name): \(.[$run.op].mbps)\(if $runs | length > 1 then ", " + $run.op else "" end)",
          mbps: .[$run.op].mbps,
          style: "quiet"
        }] | unique[])
    ]
  | map(select(.mbps != null and .mbps < $layout.mbps))
  | sort_by(.mbps)
  # A label too near to the one before it goes a line further down.
  | reduce .[] as $mark (
      [];
      ($mark.mbps / $layout.mbps * $width) as $x
      | (if length > 0 and $x - .[-1].x < 140 then .[-1].line + 1 else 0 end) as $line
      | . + [$mark + {x: $x, line: $line}]
    );

# Of one run, or of two over each other. A mark's line begins at its label, so that it crosses none above.
def rates($panels; $layout; $width):
  . as $runs
  | rate_marks($panels; $runs; $layout; $width) as $marks
  | $panels.rates
  | sized($layout)
  | .width = $width
  | .height as $height
  | .encoding.x.scale = exactly(0; $layout.mbps)
  | .encoding.x.axis.tickCount = $layout.ticks
  | ([$marks[].line, if $layout.many then 1 else 0 end] | max | . * 14 + 18) as $room
  | ($layout.workers * $height / ($height - $room) | rounded(3)) as $top
  | .encoding.y.scale = exactly(0; $top)
  | .encoding.y.axis.tickCount = ([$layout.workers, 4] | min)
  | .layer[0].data = {values: [$marks[] | {mbps, top: ($top * (1 - 14 * .line / $height))}]}
  | .layer = [$runs[] | . as $run | $panels.rates_run | of_run($run; $run.index)] + .layer
  | behind($panels; any($runs[]; .loopback))
  | layers([$marks[] | . as $mark | .text | note($panels; $mark.x + 4; 6 + 14 * $mark.line; [$mark.style])])
  | titled($runs[0]; if $layout.many then $layout.runs else 1 end; "How fast each worker was");

def nothing: {gbs: 0, active: 0, throttled: 0, sent_gbs: 0};

# One sentence for each of up to two runs; of more, a line for each kind with its median and range.
def headlines:
  if length == 1 then [.[0] | sentence]
  elif length == 2 then [.[] | called + ": " + sentence]
  else
    group_by(.column)
    | map(
        (map(.goodput | values) | sort) as $sorted
        | "\(.[0].letter), \(.[0].op): goodput \(if any(.at_least) then "at least " else "" end)"
        + "\($sorted | middle | figures) GB/s"
        + if $sorted | length < 2 then "" else
            ", the median of \($sorted | length) runs from \($sorted[0] | figures) to \($sorted[-1] | figures)"
          end
      )
  end;

# What is said of one run, with its name where there are others.
def said(text): if .alone then text else "\(called), \(text)" end;

def footer_lines($panels; $layout):
  . as $runs
  | [
      ($runs | group_by(.column)[] | .[0] | said(conditions)),
      "GB: 10^9 bytes. goodput: all bytes over first start to last stop. sustained: while at least nine in ten of the "
        + "most active jobs were active.",
      ($runs
        | map(select(.cap_mbps != null and (.cap_mbps < $layout.mbps or cap_in_sight($layout))) | .cap_mbps)
        | unique[]
        | "\(fixed(0)) MB/s: what Lambda's network gives a worker "
          + (if . == usual_mbps then "at every memory size, unless more is opted into"
             else "of this memory, where more is opted into" end)
          + ". A burst may be faster."),
      (shown($panels; $runs; $layout) | "\(.name): \(.setup); \(.source).")
    ]
  | map(wrapped(170)[]);

def column_of_panels($panels; $layout; $throttled):
  . as $run
  | {
      vconcat: [
        timeline($panels; $run.index; $layout),
        aggregate($panels; $run.index; $layout),
        if $throttled then throttled($panels; $run.index; $layout) else empty end,
        if $layout.many and $run.rates != [] then [$run] | rates($panels; $layout; $layout.width) else empty end
      ]
    };

def datasets($panels; $layout):
  reduce .[] as $run (
    {};
    .["jobs \($run.index)"] = $run.jobs
    | .["bins \($run.index)"] = (
        $run.bins
        | if $run | cap_in_sight($layout) then map(.cap = (.active * $run.cap_mbps / 1e3 | rounded(4))) else . end
        # Steps rise from nothing and fall back to it.
        | . + [{t: .[-1].t2} + nothing]
        | [{t: 0} + nothing] + .
      )
    | .["marks \($run.index)"] = ($run | marks($panels; $layout))
    | .["rates \($run.index)"] = $run.rates
  );

panels as $panels
| ($runs | lettered | map(select(.began > 0))) as $runs
| if $runs == [] then null
  else
    ($runs | to_entries | map(.value + {index: .key, alone: ($runs | length == 1)})) as $runs
    | ($runs | layout) as $layout
    | ($runs | headlines) as $title
    | ([
        ($runs[] | said(setup)),
        if any($runs[]; .loopback) then loopback_warning else empty end
      ] | map(wrapped(if $layout.runs == 1 then 130 else 170 end)[])) as $details
    | ($runs | footer_lines($panels; $layout)) as $footer
    | any($runs[]; .throttled > 0) as $throttled
    | [$runs[] | column_of_panels($panels; $layout; $throttled)] as $columns
    | [$runs[] | select(.rates != [])] as $rated
    | {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        title: (
          (if $layout.runs == 1 then {fontSize: 19, letters: 90} else {fontSize: 17, letters: 122} end) as $size
          | {text: [$title[] | wrapped($size.letters)[]], subtitle: $details, fontSize: $size.fontSize, offset: 16}
        ),
        vconcat: (
          [range(0; $columns | length; $layout.across) as $i | {hconcat: $columns[$i:$i + $layout.across]}]
          + (if $layout.many or $rated == [] then [] else [$rated | rates($panels; $layout; $layout.whole)] end)
          + [$footer | footer($panels; $layout.whole)]
        ),
        datasets: ($runs | datasets($panels; $layout)),
        usermeta: {title: $title, details: $details, footer: $footer}
      }
  end
