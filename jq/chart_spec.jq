# Purpose: a run's picture, or that of several runs side by side: the panels of chart/ bound to their data.
# Input:   chart/*.json (-n), known by their names; $runs: what chart.jq gives, one object for each run.
# Output:  one Vega-Lite specification, null where no job began. usermeta has its texts once more, for a page that sets
#          them itself; the panel named "footer" is last.

include "lib";

# MB/s of a worker: Lambda's network at every memory size below the opt-in.
def cap_mbps: 75;

def rounded($decimals): pow(10; $decimals) as $scale | . * $scale | round / $scale;

def seconds: "\(if . < 10 then fixed(1) else fixed(0) end) s";

# A panel bound to one run: its colour, its data.
def of_run($run; $i):
  walk(
    if type == "object" then
      (if (.style | type) == "array" then .style |= map(if . == "run" then $run.op else . end) else . end)
      | (if (.data | type) == "object" and (.data | has("name")) then .data.name += " \($i)" else . end)
      | (if (.name | type) == "string" and has("mark") then .name += "_\($i)" else . end)
    else . end
  );

# Text at a place of a panel, in pixels from its upper left corner.
def note($panels; $x; $y; $styles):
  . as $text
  | $panels.label
  | .mark.text = $text
  | .mark.style = ["note"] + $styles
  | .encoding = {x: {value: $x}, y: {value: $y}};

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

def titled($run; $runs; $text):
  .title = {text: (if $runs == 1 then $text else "\($run.op): \($text[:1] | ascii_downcase)\($text[1:])" end),
    style: "group-title"};

def watermark($panels; $run):
  if $run.loopback then
    .width as $width
    | .height as $height
    | layers([
        $panels.loopback
        | .mark.fontSize = ([$width / 10, 64] | min | rounded(1))
        | .encoding = {x: {value: ($width / 2)}, y: {value: ($height / 2)}}
      ])
  else . end;

# The published figures of the same operation.
def published($panels; $run): if $run.loopback then empty else $panels.published[] | select(has($run.op)) end;

# Whether the scale shows a published aggregate, and shows it apart from the axis.
def in_sight($layout): . <= $layout.gbs and . > 0.1 * $layout.gbs;

# The published figures that some panel shows.
def shown($panels; $runs; $layout):
  $panels.published[]
  | . as $one
  | select(any(
      $runs[] | select(.loopback | not) | $one[.op] | values;
      (.gbs | in_sight($layout)) or .mbps < $layout.mbps
    ));

def sentence: .sentence // "\(.began | counted("worker"; "workers")): \(.goodput | figures) GB/s";

def loopback_warning: "LOOPBACK, NOT S3: this measures one machine and says nothing about Amazon S3.";

def setup:
  "\(if .launch == null then .source else "terabit \(.op)" end): \(.planned | counted("job"; "jobs"))"
  + (if .mb_per_file == null then "" else ", \(.mb_per_file | grouped) MiB each" end)
  + (if .failed > 0 then ", \(.failed | grouped) failed" else "" end)
  + (if .unseen > 0 then ", \(.unseen | grouped) never began and are not drawn" else "" end)
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

# How the runs are laid out, so that they can be compared: one time axis, one scale of rates.
def layout:
  (map(.makespan_s) | max) as $most
  | (map([.bins[].gbs, .best.gbs, .sustained.gbs] | max) | max * 1.08) as $moved
  | (map([.bins[].active] | max | . * cap_mbps / 1e3) | max * 1.08) as $cap
  | {
      runs: length,
      width: (if length == 1 then 780 else 350 end),
      from: ([([.[].jobs[].wait | numbers] | min // 0), 0] | min | [., -0.4 * $most] | max),
      to: $most,
      mbps: ([.[].rates[].mbps2] | max // 0 | . * 1.06),
      # A cap far above what was reached must not press that flat.
      gbs: (if $moved > 0 and $cap > 2.5 * $moved then $moved else [$cap, $moved] | max end)
    };

# Where a time is, in pixels.
def across($layout): (. - $layout.from) / ($layout.to - $layout.from) * $layout.width | rounded(1);

# An axis that ends where it is told to.
def exactly($from; $to): {domain: [$from, $to], nice: false, padding: 0};

def on_time_axis($layout): .width = $layout.width | .encoding.x.scale = exactly($layout.from; $layout.to);

# Long after most bytes were there the last jobs still ran.
def dragged: .t95 != null and .makespan_s > 1.1 * .t95;

def tail($panels; $run; $layout):
  if $run | dragged then layers([$panels.tail | .encoding.x = {value: ($run.t95 | across($layout))}]) else . end;

def timeline($panels; $i; $layout):
  . as $run
  | $panels.timeline
  | .height as $height
  | on_time_axis($layout)
  | titled($run; $layout.runs; "When each worker was busy")
  | .encoding.y.scale = exactly(0; $run.began * 1.02)
  # Lines stand apart where there is room, and lie on each other where there is none; a failure is always seen.
  | ($height / $run.began | if . >= 3 then [0.75 * ., 12] | min else [. + 0.4, 1] | max end | rounded(2)) as $thick
  | .layer |= map(
      if .mark.type != "bar" then .
      elif .mark.style | index("failed") then .mark.size = ([$thick, 2] | max)
      else .mark.size = $thick end
    )
  | of_run($run; $i)
  | layers([
      [
        ["active jobs", "active"],
        ["a job, start to stop", $run.op],
        (if $run.waited then ["waiting for the start", "quiet"] else empty end),
        (if $run.failed > 0 then ["failed, to its last byte", "failed"] else empty end)
      ]
      | to_entries[]
      | .key as $n
      | .value as [$text, $style]
      | $text | note($panels; $layout.width + 8; 8 + 16 * $n; [$style])
    ])
  | tail($panels; $run; $layout)
  | watermark($panels; $run);

# A height that is far from all labels and from the upper edge, for two lines of text.
def free_height($height):
  map(.at) as $taken
  | [range(10; 0.5 * $height; 4)]
  | max_by(. as $y | [$taken[] | . - $y - 7 | fabs] | min);

# Input: bins. A cap far above what was reached is not drawn: all that could be seen of it is that it rises and falls.
def cap_in_sight($layout): (map(.active) | max) * cap_mbps / 1e3 <= $layout.gbs;

# What the panel of the aggregate says beside its right edge: {text, gbs, style, from, to}, times in seconds.
def aggregate_labels($panels; $layout):
  . as $run
  | {text: "goodput \(.goodput | figures) GB/s", gbs: .goodput, from: 0, to: .makespan_s},
    (.sustained // empty
      | {text: "sustained \(.gbs | figures) GB/s, \(.seconds | seconds)", gbs, from, to}),
    (.best // empty | {text: "best second \(.gbs | figures) GB/s", gbs, from, to}),
    (.bins
      | select(cap_in_sight($layout))
      | {text: "\(cap_mbps) MB/s × active workers", gbs: (map(.active) | max * cap_mbps / 1e3), quiet: true}),
    (published($panels; $run)
      | .over as $over
      | .name as $name
      | .[$run.op]
      | select(.gbs | in_sight($layout))
      | {text: "\($name), peak \(if $over then "over " else "" end)\(.gbs) GB/s", gbs, quiet: true, lined: true});

def aggregate($panels; $i; $layout):
  . as $run
  | $panels.aggregate
  | .height as $height
  | [
      $run | aggregate_labels($panels; $layout)
      | .at = $height * (1 - .gbs / $layout.gbs)
    ] as $labels
  | on_time_axis($layout)
  | titled($run; $layout.runs; "How fast all of them together moved data")
  | .encoding.y.scale = exactly(0; $layout.gbs)
  | of_run($run; $i)
  | tail($panels; $run; $layout)
  | if $run | dragged then
      ($run.t95 | across($layout)) as $x
      | ($x > 0.6 * $layout.width) as $left
      | layers([
          ["95 % of the bytes by \($run.t95 | seconds),", "the rest by \($run.makespan_s | seconds)"]
          | note($panels; $x + (if $left then -7 else 7 end); $labels | free_height($height); [])
          | .mark.align = (if $left then "right" else "left" end)
        ])
    else . end
  | layers([
      $labels | apart(15; $height)[]
      | .quiet as $quiet
      | .at as $at
      | .text | note($panels; $layout.width + 8; $at; [if $quiet then "quiet" else empty end])
    ])
  | watermark($panels; $run);

# The lines that belong to the labels.
def marks($panels; $layout):
  [
    aggregate_labels($panels; $layout)
    | select(.to != null or .lined)
    | {from, to, gbs, lead: (.to // $layout.from)}
  ];

def throttled($panels; $i; $layout):
  . as $run
  | $panels.throttled
  | on_time_axis($layout)
  | titled($run; $layout.runs; "503s: \($run.throttled | grouped) in \($run.throttled_jobs | counted("job"; "jobs"))")
  | .title.subtitle = "when within a job they came is not recorded"
  | .encoding.y.scale = exactly(0; ([$run.bins[].throttled, 1] | max * 1.05))
  | of_run($run; $i)
  | watermark($panels; $run);

# The lines across the panel of the rates, with their labels and these's places in pixels.
def rate_marks($panels; $runs; $most; $width):
  [
      ($runs[] | {text: "median \(.median | fixed(1))", mbps: .median, style: .op}),
      {text: "\(cap_mbps): Lambda's network", mbps: cap_mbps, style: "quiet"},
      ([$runs[] | . as $run | published($panels; .) | {
          text: "\(.name): \(.[$run.op].mbps)\(if $runs | length > 1 then ", " + $run.op else "" end)",
          mbps: .[$run.op].mbps,
          style: "quiet"
        }] | unique[])
    ]
  | map(select(.mbps != null and .mbps < $most))
  | sort_by(.mbps)
  # A label too near to the one before it goes a line further down.
  | reduce .[] as $mark (
      [];
      ($mark.mbps / $most * $width) as $x
      | (if length > 0 and $x - .[-1].x < 130 then .[-1].line + 1 else 0 end) as $line
      | . + [$mark + {x: $x, line: $line}]
    );

def rates($panels; $runs; $layout; $width):
  $layout.mbps as $most
  | rate_marks($panels; $runs; $most; $width) as $marks
  | $panels.rates
  | .width = $width
  | .title = {text: "How fast each worker was", style: "group-title"}
  | .encoding.x.scale = exactly(0; $most)
  | ([$marks[].line] | max // -1 | . * 14 + 18) as $room
  | (([$runs[].rates[].workers] | max) * .height / (.height - $room) | rounded(3)) as $top
  | .encoding.y.scale = exactly(0; $top)
  | .layer = [$runs | to_entries[] | .key as $i | .value as $run | $panels.rates_run | of_run($run; $i)] + .layer
  | layers([$marks[] | . as $mark | .text | note($panels; $mark.x + 4; 6 + 14 * $mark.line; [$mark.style])])
  | watermark($panels; {loopback: any($runs[]; .loopback)})
  | {panel: ., marks: [$marks[] | {mbps}]};

def nothing: {gbs: 0, active: 0, throttled: 0};

def footer($panels; $lines; $width):
  $panels.label
  | {name: "footer", width: $width, height: ($lines | length * 15), layer: [.]}
  | .layer[0] |= (.mark.text = $lines | .mark.style = "foot" | .encoding = {x: {value: 0}, y: {value: 0}});

(reduce inputs as $panel ({}; .[input_filename | sub(".*/"; "") | rtrimstr(".json")] = $panel)) as $panels
| ($runs | map(select(.began > 0))) as $runs
| if ($runs | length) == 0 then null
  else
    ($runs | layout) as $layout
    | ($layout.width * ([$runs | length, 2] | min) + (if $runs | length > 1 then 250 else 0 end)) as $width
    | any($runs[]; .loopback) as $loopback
    | (if $runs | length == 1 then $runs[0] | sentence | wrapped(90)
       else [$runs[] | (.op + ": " + sentence | wrapped(108))[]] end) as $title
    | ([$runs[] | setup]
        + if $loopback then [loopback_warning] else [] end
      ) as $details
    | ([
        ($runs[] | (if $runs | length > 1 then "\(.op): " else "" end) + conditions),
        "GB: 10^9 bytes. goodput: all bytes over first start to last stop. sustained: while at least nine in ten of "
          + "the most active jobs were active.",
        if cap_mbps < $layout.mbps or any($runs[].bins; cap_in_sight($layout)) then
          "\(cap_mbps) MB/s: what Lambda's network gives a worker at every memory size, unless more is opted into. A "
            + "burst may be faster."
        else empty end,
        (shown($panels; $runs; $layout) | "\(.name): \(.setup); \(.source).")
      ] | map(wrapped(170)[])) as $footer
    | ($runs | to_entries | map(
        .key as $i
        | .value
        | {
            vconcat: [
              timeline($panels; $i; $layout),
              aggregate($panels; $i; $layout),
              if any($runs[]; .throttled > 0) then throttled($panels; $i; $layout) else empty end
            ]
          }
      )) as $columns
    | [$runs[] | select(.rates != [])] as $rated
    | (if $rated == [] then null else rates($panels; $rated; $layout; $width) end) as $rates
    | {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        title: {text: $title, subtitle: $details, fontSize: 19, offset: 16},
        vconcat: (
          [range(0; $columns | length; 2) as $i | {hconcat: $columns[$i:$i + 2]}]
          + [$rates.panel | select(. != null)]
          + [footer($panels; $footer; $width)]
        ),
        datasets: (
          reduce ($runs | to_entries[]) as {key: $i, value: $run} (
            {"rate marks": ($rates.marks // [])};
            .["jobs \($i)"] = $run.jobs
            | .["bins \($i)"] = (
                $run.bins
                | if cap_in_sight($layout) then map(.cap = (.active * cap_mbps / 1e3 | rounded(4))) else . end
                # Steps rise from nothing and fall back to it.
                | . + [{t: .[-1].t2} + nothing]
                | [{t: 0} + nothing] + .
              )
            | .["marks \($i)"] = ($run | marks($panels; $layout))
            | .["rates \($i)"] = $run.rates
          )
        ),
        usermeta: {title: $title, details: $details, footer: $footer}
      }
  end
