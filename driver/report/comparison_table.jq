# Purpose: the table of a comparison or of a sweep, for a terminal of 80 columns.
# Input:   what comparison.jq gives; sweeps of earlier versions lack letters, names and figures.
#          Optional: --argjson colour true where the terminal shows colours (false).
# Output:  lines of text (-r). GB/s and MB/s are decimal.

include "text";

# The figures of each row under these heads, [text, width]. Where a name is longer than its column the figures stand
# below it.
def block($heads; figures_of):
  def line($cells): [range($heads | length) as $n | $cells[$n] | right($heads[$n][1])] | add | sub(" +$"; "");
  "",
  "  " + (("" | left(26)) + line($heads | map(.[0]))),
  (
    .[]
    | ("\(.letter // "" | left(2)) \(.name // "\(.op) \(.jobs | grouped)")" | wrapped(75)) as $name
    | line([figures_of]) as $figures
    | if ($name | length) == 1 and ($name[0] | length) < 26 then "  \($name[0] | left(26))\($figures)"
      else "  \($name[0])", "     \($name[1:][])", "  \("" | left(26))\($figures)" end
  );

# A figure that is only a bound says so.
def bounded($bound; figure): if . == null then "-" else $bound + figure end;
def lower_bound: if .untimed // .at_least then ">=" else "" end;

# Percent of the first row's goodput; of nothing and of bounds there is none.
def change($first):
  if .goodput.median == null or (lower_bound + ($first | lower_bound)) != "" or ($first.goodput.median // 0) == 0
  then "-"
  else
    (.goodput.median / $first.goodput.median - 1) * 100
    | (if . >= 0 then "+" else "" end) + fixed(if fabs < 1000 then 1 else 0 end) + " %"
  end;

def goodputs($scales):
  .[0] as $first
  | block(
      [["runs", 6], ["GB/s", 9], ["least", 9], ["most", 9], ["MB/s each", 10],
       [if $scales then "ideal" else "to A" end, 9]];
      lower_bound as $bound
      | (.repetitions | grouped),
        (.goodput | .median, .min, .max | bounded($bound; figures)),
        (.mbps_p50 | bounded(""; figures)),
        if $scales then .of_ideal | bounded(""; . * 100 | fixed(0) + " %")
        elif . == $first then ""
        else change($first) end
    );

# Long names stand above already.
def times_and_losses:
  select(all(.[]; .figures != null))
  | map(.name |= if length > 22 then "" else . end)
  | block(
      [["stragglers", 10], ["started", 8], ["makespan", 10], ["503s", 7], ["not good", 9], ["USD", 8]];
      (if .untimed then "<=" else "" end) as $bound
      | .failed as $failed
      | .figures
      | (.straggler_tax | bounded($bound; percent)),
        (.start_spread_s | bounded(""; figures + " s")),
        (.makespan_s | bounded($bound; figures + " s")),
        (.throttled | bounded(""; fixed(0))),
        ($failed | grouped),
        (.cost_usd | bounded(""; fixed(if . < 0.1 then 5 else 2 end)))
    );

# What stands before any figure: where something is so of all rows, no letters are told.
def warning($text; condition):
  length as $rows
  | map(select(condition) | .letter // .op)
  | select(. != [])
  | $text + if length == $rows then "" else ", in \(join(", "))" end;

# Two runs of one kind differ by chance as well. What the difference to the first row is worth, null for nothing.
def doubt($first):
  if .repetitions == 1 or $first.repetitions == 1 then "one run shows no spread: the difference may be noise"
  elif (lower_bound + ($first | lower_bound)) != "" then
    "goodput is known within bounds only, there or in A: nobody knows the difference"
  elif .goodput.median == null or $first.goodput.median == null then null
  elif .goodput.max < $first.goodput.min or .goodput.min > $first.goodput.max then
    "goodput lies outside the range of A in every run"
  else "goodput overlaps the range of A: the difference may be noise" end;

def doubts:
  .[0] as $first
  | if all(.[]; .repetitions == 1) then
      "One run of each: the differences may be noise. Repeat each, three times or more."
    else
      .[1:]
      | map(. + {doubt: doubt($first)} | select(.doubt))
      | group_by(.doubt)[]
      | "\(map(.letter) | join(", ")): \(.[0].doubt)."
    end;

# Where there are few, the runs of each row; records from elsewhere are named by their file.
def sources:
  select((map(.repetitions) | add) <= 12)[]
  | select(.settings.source? == null)
  | .letter as $letter
  | .runs
  | to_entries[]
  | "  \(if .key == 0 then $letter // "" else "" end | left(3))\(.value | visible)";

($ARGS.named.colour == true) as $colour
| .rows as $rows
| (.scales != false) as $scales
| ("terabit: \($rows | map(.repetitions) | add // 0 | counted("run"; "runs")) of "
    + ($rows | length | counted("kind"; "kinds"))
    | strong($colour)),
  ($rows | sources),
  (
    ($rows | warning("LOOPBACK, NOT S3: figures of this machine"; .loopback)),
    (.stopped // empty | "STOPPED EARLY (\(visible)): what had been measured follows."),
    (.unfinished // empty | "UNFINISHED: \(visible)"),
    (
      $rows
      | warning("NOT VALID: more than 1 % failed or missing"; .valid | not),
        warning("BOUNDS (>=, <=) OR NONE: when jobs ended is not known"; .untimed // .at_least),
        warning("DAMAGED: records that come twice or were not planned"; .damaged)
    )
    | wrapped(width - 2)[]
    | "  " + .
    | alarming($colour)
  ),
  if $rows == [] then "  nothing was measured"
  else
    ($rows | goodputs($scales), times_and_losses),
    "",
    "  GB/s: goodput, the median of the runs, with the least and the most of them.",
    "  MB/s each: the median worker.",
    if $scales then
      "  ideal: share of what the smallest valid fleet moved per worker, times workers."
    else $rows | doubts | wrapped(width - 2)[] | "  " + . end
  end
