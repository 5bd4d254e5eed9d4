# Purpose: the table of a comparison or of a sweep, for a terminal of 80 columns.
# Input:   what comparison.jq gives; sweeps of earlier versions lack letters, names and figures.
#          Optional: --argjson colour true where the terminal shows colours (false).
# Output:  lines of text (-r). GB/s and MB/s are decimal.

include "text";

# The kinds by their letters; where there are few runs, each of them. Records from elsewhere are named by their file.
def legend:
  (map(.repetitions) | add <= 12) as $few
  | .[]
  | select(.name)
  | (.letter | left(2)) as $letter
  | (.name | wrapped(width - 5) | "  \($letter) \(.[0])", ("     " + .[1:][])),
    (select($few and .settings.source == null) | .runs[] | "     \(visible)");

# The figures of each row under these heads, [text, width].
def block($heads; figures_of):
  def line($name; $cells):
    $name | left(22) + ([range($heads | length) as $n | $cells[$n] | right($heads[$n][1])] | add | sub(" +$"; ""));
  "",
  line(""; $heads | map(.[0])),
  (.[] | line("  \(.letter // "" | left(2)) \(.op // "records") \(.jobs | grouped)"; [figures_of]));

def told(figure): if . == null then "-" else figure end;

# A figure that is only a bound says so.
def bounded($bound; figure): told("\($bound)\(figure)");
def at_least: if .at_least then ">=" else "" end;

# Percent of the first row's goodput; of nothing and of bounds there is none.
def change($first):
  if . == $first then ""
  elif any(., $first; .at_least or (.goodput.median // 0) == 0) then "-"
  else
    (.goodput.median / $first.goodput.median - 1) * 100
    | (if . >= 0 then "+" else "" end) + fixed(if fabs < 1000 then 1 else 0 end) + " %"
  end;

def goodputs($scales):
  .[0] as $first
  | block(
      [["runs", 6], ["GB/s", 10], ["least", 10], ["most", 10], ["MB/s each", 11],
       [if $scales then "ideal" else "to A" end, 11]];
      at_least as $bound
      | (.repetitions | grouped),
        (.goodput | .median, .min, .max | bounded($bound; figures)),
        (.mbps_p50 | told(figures)),
        if $scales then .of_ideal | told(percent) else change($first) end
    );

def other_figures:
  block(
    [["sustained", 10], ["best second", 12], ["slow worker", 12], ["stragglers", 11], ["503s", 6], ["failed", 7]];
    (.figures.sustained, .figures.peak_1s, .mbps_p5 | told(figures)),
    ((if .at_least then "<=" else "" end) as $bound | .figures.straggler_tax | bounded($bound; percent)),
    (.figures.throttled | fixed(0)),
    (.failed | grouped)
  );

# What stands before any figure: where something is so of all rows, no letters are told.
def warning($text; condition):
  length as $rows
  | map(select(condition) | .letter // .op)
  | select(. != [])
  | $text + if length == $rows then "" else ", in \(join(", "))" end;

($ARGS.named.colour == true) as $colour
| .rows as $rows
| (.scales != false) as $scales
| ("terabit: \($rows | map(.repetitions) | add // 0 | counted("run"; "runs")) of "
    + ($rows | length | counted("kind"; "kinds"))
    | strong($colour)),
  ($rows | legend),
  (
    ($rows | warning("LOOPBACK, NOT S3: figures of this machine"; .loopback)),
    (.stopped // empty | "STOPPED EARLY (\(visible)): what had been measured follows."),
    (.unfinished // empty | "UNFINISHED: \(visible)"),
    (
      $rows
      | warning("NOT VALID: more than 1 % failed or missing"; .valid | not),
        warning("BOUNDS (>=, <=) OR NONE: when jobs ended is not known"; .at_least),
        warning("DAMAGED: records that come twice or were not planned"; .damaged)
    )
    | wrapped(width - 2)[]
    | "  " + .
    | alarming($colour)
  ),
  if $rows == [] then "  nothing was measured"
  else
    ($rows | goodputs($scales), (select(all(.[]; .figures != null)) | other_figures)),
    "",
    "  GB/s: goodput, the median of the runs, with the least and the most of them.",
    "  MB/s each: the median worker; slow worker: the one at 5 %.",
    if $scales then
      "  ideal: share of what the smallest valid fleet moved per worker, times workers."
    elif any($rows[]; .repetitions == 1) then
      "  One run shows no spread: differences may be noise. Repeat each, three times."
    else "  A difference within the range of the runs may be noise." end
  end
