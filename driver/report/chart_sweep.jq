# Purpose: a sweep's picture: what a fleet moves together, and each worker of it, against the number of workers.
# Input:   chart/*.json (-n), known by their names; $sweep: what sweep.jq gives, slurped.
# Output:  one Vega-Lite specification, null where nothing was measured; usermeta as in chart_spec.jq. gbs, least, most
#          and ideal in GB/s (10^9 bytes per second), mbps in MB/s (10^6).

include "report/picture";
include "text";

# Powers of ten apart, numbers crowd at one end of a linear axis.
def logarithmic: max / min >= 20;
def scale: {type: (if logarithmic then "log" else "linear" end)};

# A logarithmic axis with some room beyond its numbers, and marks that can be read: 1, 2, 5, 10, or powers of ten alone.
def rates_axis:
  if logarithmic then
    (min / 1.3) as $from
    | (max * 1.3) as $to
    | (if $to / $from > 1000 then [1] else [1, 2, 5] end) as $steps
    | [range($from | log10 | floor; $to | log10 | ceil) as $n | $steps[] * pow(10; $n)]
    | map(select(. >= $from and . <= $to))
    | {
        scale: {type: "log", domain: [$from, $to], nice: false},
        axis: {title: "GB/s, goodput", values: ., format: ",~g"}
      }
  else {scale: {type: "linear"}} end;

panels as $panels
| [
    $sweep[0].rows[]
    | select(.goodput.median != null and .goodput.median > 0)
    | {
        op,
        workers: .jobs,
        gbs: (.goodput.median | rounded(5)),
        least: (.goodput.min | rounded(5)),
        most: (.goodput.max | rounded(5)),
        ideal: (.ideal | rounded(5)),
        of_ideal: (if .valid == false or (.ideal // 0) == 0 then null else .goodput.median / .ideal end),
        mbps: (.mbps_p50 | rounded(1)),
        runs: .repetitions,
        at_least: (.at_least == true),
        loopback,
        valid
      }
  ] as $rows
| if $rows == [] then null
  else
    any($rows[]; .loopback) as $loopback
    | ([$rows[] | .workers] | scale) as $across
    | ([$rows[] | .gbs, .least, .most, .ideal | numbers | select(. > 0)] | rates_axis) as $up
    # A logarithmic axis has no place for 0: the whisker ends where the axis does.
    | [$rows[] | .least = ([.least, ($up.scale.domain[0] // 0)] | max)] as $drawn
    | ([$rows[] | select(.of_ideal != null)] | group_by(.op == "read") | map(max_by(.workers))
        | map("\(.op): \(.workers | counted("worker"; "workers")) moved "
            + "\(if .at_least then "at least " else "" end)\(.gbs | figures) GB/s together, "
            + "\(.of_ideal * 100 | fixed(0)) % of the ideal")) as $title
    | ([
        if $loopback then loopback_warning else empty end,
        if $sweep[0].stopped != null then "The sweep ended early: \($sweep[0].stopped | visible | shortened(120))"
        else empty end,
        if all($rows[]; .valid != false) then empty else "NOT VALID (pale): in some runs more than 1 % failed." end
      ]) as $details
    | [
        "Points: goodput (all bytes over first start to last stop), the median of the runs of a size; whiskers: the "
          + "least and the most of them.",
        "Ideal (dashed): the goodput per worker of the smallest valid fleet, times the workers. GB: 10^9 bytes, MB: "
          + "10^6."
      ] as $footer
    | {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        title: {text: ([$title[] | wrapped(72)[]]), subtitle: $details, fontSize: 17, offset: 16},
        vconcat: (
          $panels.sweep
          | .vconcat[].encoding.x.scale = $across + {nice: false, padding: 12}
          | .vconcat[].encoding.x.axis.values = ([$rows[].workers] | unique)
          | .vconcat[0].encoding.y += $up
          | .vconcat[0].layer += [
              [([$rows[].op] | unique | reverse[] | ["●", ., .]), ["- -", "quiet", "ideal"]]
              | legend($panels; 18; 10)
            ]
          | .vconcat
          | map(behind($panels; $loopback))
          + [.[0].width as $width | $footer | footer($panels; $width)]
        ),
        datasets: {rows: $drawn},
        usermeta: {$title, $details, $footer}
      }
  end
