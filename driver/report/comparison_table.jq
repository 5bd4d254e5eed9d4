# Purpose: the table of a comparison or of a sweep, for a terminal of 80 columns.
# Input:   what comparison.jq gives, of earlier versions too.
#          Optional: --argjson colour true where the terminal shows colours (false).
# Output:  lines of text (-r). GB/s and MB/s are decimal.

include "report/setup";
include "run";
include "text";

# A column of the rows: its head, and a cell of each, - where there is none.
def column($head; cell): {$head, cells: map([cell][0] // "-")};
def column_of_words($head; cell): column($head; cell) + {words: true};

# Columns that tell nothing are left out.
def telling: select(any(.cells[]; . != "-"));

def beside:
  map(
    .words as $words
    | [.head, .cells[]]
    | (map(length) | max) as $width
    | map("  " + if $words then left($width) else right($width) end)
  )
  | transpose[]
  | add
  | sub(" +$"; "");

# As many blocks of columns as the width needs; each begins with the names.
def blocks($names):
  reduce .[] as $column ([[]];
    if .[-1] == [] or ([$names + .[-1] + [$column] | beside | length] | max) <= width then .[-1] += [$column]
    else . + [[$column]] end)
  | .[]
  | "", ($names + . | beside);

# A figure that is only a bound says so.
def bounded($sign; figure): (if .at_least then $sign else "" end) as $bound | figure | values | $bound + .;

# What a row's goodput is of that of the first row of its operation; of nothing and of bounds there is none.
def change($firsts):
  .op as $op
  | first($firsts[] | select(.op == $op)) as $first
  | if . == $first or any(., $first; .at_least or (.goodput.median // 0) == 0) then empty
  else
    .goodput.median / $first.goodput.median
    | if . >= 10 then "x \(fixed(0))" else (if . >= 1 then "+" else "" end) + (. - 1 | percent) end
  end;

def names($varies):
  [
    column_of_words(""; .letter),
    column_of_words(""; .op // "records"),
    ($varies - ["file"])[] as $name | column($name | head; .settings[$name] | cell($name))
  ]
  | map(telling);

def figures_of_rows($across):
  (group_by(.op) | map(.[0]) | sort_by(.letter)) as $firsts
  | any(.[]; .repetitions > 1) as $repeated
  | def gbs($head; $which): column($head; bounded(">="; .goodput[$which] | values | figures));
  [
    if $repeated then column("runs"; .repetitions | grouped) else empty end,
    gbs("GB/s"; "median"),
    if $repeated then gbs("least"; "min"), gbs("most"; "max") else empty end,
    column("MB/s each"; .mbps_p50 | values | figures),
    column("objects/s"; bounded(">="; select(.small_objects) | .figures.objects_per_s | values | per_second)),
    column("$ per TB"; .figures.usd_per_tb | values | fixed(2)),
    if $across == "workers" then column("ideal"; bounded(">="; .of_ideal | values | percent))
    else column("to \($firsts | map(.letter) | join(", "))"; change($firsts)) end,
    column_of_words("held back by"; .held_back),
    column("sustained"; .figures.sustained | values | figures),
    column("best second"; .figures.peak_1s | values | figures),
    column("slow worker"; .mbps_p5 | values | figures),
    column("last 5 %"; bounded("<="; .figures.straggler_tax | values | if . < 0.01 then "none" else percent end)),
    column("503s"; .figures.throttled | values | fixed(0)),
    if any(.[]; .failed > 0) then column("failed"; .failed | grouped) else empty end
  ]
  | map(telling);

# Which runs they are: each where they are few, and files from elsewhere always.
def sources:
  (map(.repetitions) | add <= 12) as $few
  | .[]
  | select($few or .settings.file)
  | (.runs | map(visible) | join(", ") | wrapped(width - 6)) as $lines
  | "  \(.letter // "" | left(4))\($lines[0])", ($lines[1:][] | "      \(.)");

# What stands before any figure: where something is so of all rows, no letters are told.
def warning($text; condition):
  length as $rows
  | map(select(condition) | .letter // .op)
  | select(. != [])
  | $text + if length == $rows then "" else ", in \(join(", "))" end;

($ARGS.named.colour == true) as $colour
| any_comparison
| .across as $across
| .rows as $rows
| ([
      "terabit: \($rows | map(.repetitions) | add // 0 | counted("run"; "runs")) of "
        + ($rows | length | counted("kind"; "kinds")),
      .common[]?
    ] | join(", ") | wrapped(width)[] | strong($colour)),
  ($rows | sources),
  (
    ($rows
      | machines as [$field, $mark, $why]
      | warning("\($mark): \($why)"; .[$field])),
    (.stopped // empty | "STOPPED EARLY (\(visible)): what had been measured follows."),
    (.unfinished // empty | "UNFINISHED: \(word | visible)"),
    (.lost[]? | "LEFT OUT: \(.memory_mb | grouped) MB of memory (\(.why | visible))"),
    (
      $rows
      | warning("NOT VALID: more than 1 % failed or missing"; .valid | not),
        warning("CUT OFF: jobs met the deadline before their work was done"; .cut_off),
        warning("BOUNDS (>=, <=) OR NONE: when jobs ended is not known"; .at_least),
        warning("DAMAGED: records that come twice, or do not count"; .damaged)
    )
    | wrapped(width - 2)[]
    | "  " + .
    | alarming($colour)
  ),
  if $rows == [] then "  nothing was measured"
  else
    .varies as $varies
    | ($rows | names($varies) as $names | figures_of_rows($across) | blocks($names)),
    "",
    (.sentences[]? | "\(.)." | wrapped(width - 2)[] | "  " + . | strong($colour)),
    "  GB/s: goodput. MB/s each: the median worker; slow worker: the one at 5 %.",
    "  last 5 %: of the bytes; the share of the time that waiting for them cost.",
    if $across == "workers" then
      "  ideal: share of what the smallest valid fleet moved per worker, times workers."
    elif any($rows[]; .repetitions == 1) then
      "  One run shows no spread: differences may be noise. Repeat each, three times."
    else "  A difference within the range of the runs may be noise." end
  end
