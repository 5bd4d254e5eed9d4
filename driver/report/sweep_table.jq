# Purpose: a sweep's table, for a terminal of 80 columns.
# Input:   what sweep.jq gives.
# Output:  lines of text (-r). GB/s and MB/s are decimal.

include "text";

# Where a goodput is only a bound, all that are made of it are.
def rate($row): if . == null then "-" elif $row.at_least then ">=" + figures else figures end;

def line: .[0:1] + [.[1:][] | right(10)] | (.[0] | left(6)) + (.[1:] | add);

"terabit sweep",
(if any(.rows[]; .loopback) then "  LOOPBACK, NOT S3: these figures are of this machine." else empty end),
(if .stopped then "  STOPPED EARLY (\(.stopped | visible)): what had been measured follows." else empty end),
(if .unfinished then "  UNFINISHED: \(.unfinished | visible)" else empty end),
(if any(.rows[]; .at_least) then "  BOUNDS (>=): some jobs may have run on, nobody knows how long." else empty end),
(if all(.rows[]; .valid) then empty else "  NOT VALID where marked *: more than 1 % failed or missing." end),
"",
"  " + (["", "workers", "runs", "GB/s", "least", "most", "MB/s each", "ideal"] | line),
(.rows[]
  | . as $row
  | "  " + ([
        .op + (if .valid then "" else "*" end),
        (.jobs | grouped),
        (.repetitions | grouped),
        (.goodput.median | rate($row)),
        (.goodput.min | rate($row)),
        (.goodput.max | rate($row)),
        (.mbps_p50 | fixed(1)),
        (if .of_ideal == null then "-" else (.of_ideal * 100 | fixed(0)) + " %" end)
      ] | line)),
(if .rows == [] then "  nothing was measured" else
  "",
  "  GB/s: goodput, median of the runs, with the least and the most of them.",
  "  MB/s each: median worker. ideal: of the smallest valid fleet's goodput per",
  "  worker, times the workers." end)
