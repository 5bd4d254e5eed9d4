# Purpose: runs side by side, for a terminal of 80 columns.
# Input:   one array, [{source, run, summary}, ...]; source: the folder or file as the user would type it, run: its
#          the run (see run.jq) or null, summary: its summary.json. Optional: --argjson colour true (false).
# Output:  lines of text (-r). Runs of one kind (same op and configuration) are one column: the median, and below it the
#          least and the most. Differences are to the first column, in percent. GB/s and MB/s are decimal.

include "report/kinds";
include "report/layout";
include "text";

# What is compared: name, unit, and where it stands; at last a sign where it is only a bound.
def rows:
  def bound($name):
    if .at_least | index($name) then ">=" elif .at_most | index($name) then "<=" else "" end;
  ["goodput", "GB/s", .goodput, bound("goodput")],
  ["sustained", "GB/s", .sustained],
  ["best second", "GB/s", .peak_1s],
  ["end to end", "GB/s", .end_to_end, bound("end_to_end")],
  ["median worker", "MB/s", .mbps.p50],
  ["slow workers", "MB/s", .mbps.p5],
  ["stragglers", "%", (.straggler_tax | if . == null then null else . * 100 end), bound("straggler_tax")],
  ["started within", "s", .start_spread_s],
  ["makespan", "s", .makespan_s, bound("makespan_s")],
  ["throttled", "503s", .throttled],
  ["not good", "jobs", .failed + .missing],
  ["cost", "USD", .cost_usd];

# Percent of the first column's; a share of percents is not taken twice, of nothing and of bounds none can be.
def change($unit; $first):
  if .bound != "" or $first.bound != "" then {of: {}} else . end
  | .of.median
  | $first.of.median as $first
  | if . == null or $first == null then "-"
  elif $unit == "%" then . - $first | (if . >= 0 then "+" else "" end) + fixed(1) + " pt"
  elif $first == 0 then (if . == 0 then "same" else "-" end)
  else (. / $first - 1) * 100 | (if . >= 0 then "+" else "" end) + fixed(if . < 1000 then 1 else 0 end) + " %" end;

def figure($unit):
  if . == null then "-"
  elif $unit | IN("503s", "jobs") then fixed(0)
  elif $unit == "USD" then fixed(if . < 0.1 then 5 else 2 end)
  elif $unit == "%" then if fabs < 0.05 then "0.0" else fixed(1) end
  else figures end;

# A row's figure, marked where it is a bound.
def cell(figure_of; $unit): .bound as $bound | .of | figure_of | if . == null then "-" else $bound + figure($unit) end;

# Runs of one kind, in the order in which they were named.
def columns_of_runs:
  map(.kind = kind)
  | lettered
  | group_by(.column)
  | map({
      letter: .[0].letter,
      kind: .[0].kind,
      count: length,
      title: (run_title(.[0].run; .[0].source) | sub("^terabit:? "; "")),
      sources: (if .[0].run == null then [] else map(.source | visible) end),
      loopback: any(.[]; .summary.loopback == true),
      invalid: any(.[]; .summary.valid | not),
      untimed: any(.[]; .summary.untimed != null and .summary.max_active != null),
      damaged: any(.[]; .summary.repeated > 0 or .summary.unplanned.count > 0),
      rows: (
        map([.summary | rows])
        | transpose
        | map({name: .[0][0], unit: .[0][1], of: (map(.[2]) | range_of), bound: (map(.[3] // "") | max)})
      )
    });

# Which settings set a column apart from others that have them too.
def settings($columns):
  .kind as $kind
  | [
      $kind
      | keys_unsorted[]
      | select(IN("op", "jobs", "mb_per_file", "source") | not)
      | . as $name
      | select(any($columns[].kind; has($name) and .[$name] != $kind[$name]))
      | "\($name) \($kind[$name])"
    ]
  | if . == [] then empty else join(", ") | visible end;

# Two runs of one kind differ by chance as well.
def doubt:
  def goodput: .rows[0];
  if length == 1 then
    if .[0].count > 1 then empty else "One run alone has nothing to be compared with." end
  elif all(.[]; .count == 1) then
    "One run of each: the differences may be noise. Repeat each, three times or more."
  elif any(.[]; .count == 1) then
    "A column of one run shows no spread: its difference may be noise. Repeat it."
  else
    (.[0] | goodput) as $first
    | .[1:][]
    | goodput as $other
    | select($first.of.median != null and $other.of.median != null)
    | if $first.bound + $other.bound != "" then
        "\(.letter): goodput is known within bounds only, here or in A: what the difference is nobody knows."
      elif $other.of.most < $first.of.least or $other.of.least > $first.of.most then
        "\(.letter): goodput lies outside the range of A in every run."
      else "\(.letter): goodput overlaps the range of A: the difference may be noise." end
  end;

# One line: a name, a unit, and a cell for each column; all but A have a second cell.
def line($name; $unit; cell; second):
  "  \($name | left(16))\($unit | left(6))"
  + (map((cell | right(11)) + if .letter == "A" then "" else second | right(10) end) | add)
  | sub(" +$"; "");

# A and up to two others, which is what 80 columns hold.
def block($colour):
  . as $columns
  | "",
    line(""; ""; .letter + if .count > 1 then ", \(.count) runs" else "" end; "to A"),
    (
      range(.[0].rows | length) as $n
      | .[0].rows[$n] as $first
      | $first.unit as $unit
      | select(any(.[]; .rows[$n].of.median != null))
      | line(
          $first.name; $unit;
          .rows[$n] | cell(.median; $unit);
          .rows[$n] | change($unit; $first)
        ),
        if any(.[]; .count > 1) and ($unit | IN("GB/s", "MB/s")) then
          line("  least"; ""; if .count > 1 then .rows[$n] | cell(.least; $unit) else "" end; ""),
          line("  most"; ""; if .count > 1 then .rows[$n] | cell(.most; $unit) else "" end; "")
          | quiet($colour)
        else empty end
    );

def warning($text): if . == [] then empty else "  \($text), in \(map(.letter) | join(", "))" end;

($ARGS.named.colour == true) as $colour
| length as $runs
| columns_of_runs
| . as $columns
| ("terabit: \($runs | counted("run"; "runs")) side by side" | strong($colour)),
  (
    .[]
    | ("  \(.letter)  \(.title)" | shortened(width)),
      (.sources[], settings($columns) | wrapped(width - 5)[] | "     " + .)
  ),
  (map(select(.loopback)) | warning("LOOPBACK, NOT S3: figures of this machine") | alarming($colour)),
  (map(select(.invalid)) | warning("NOT VALID: more than 1 % failed or missing") | alarming($colour)),
  (map(select(.untimed)) | warning("BOUNDS (>=, <=) OR NONE: when jobs ended is not known") | alarming($colour)),
  (map(select(.damaged)) | warning("DAMAGED: records that come twice or were not planned") | alarming($colour)),
  (
    if length < 2 then block($colour)
    else range(1; length; 2) as $n | [.[0]] + .[$n : $n + 2] | block($colour) end
  ),
  "",
  (doubt | wrapped(width - 2)[] | "  " + .)
