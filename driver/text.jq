# Purpose: numbers and text: percentiles, medians and sums; figures with units, lines, tables, colours. A library that
#          the programs of all rooms share. Units are said at each function.

# A finite number; anything else is no measurement.
def measured: type == "number" and (isnan or isinfinite | not);

# Text from elsewhere, fit for a terminal: control and direction characters are spelt out, blanks joined.
def visible:
  def hex: [(. / 4096, . / 256, . / 16, .) | floor % 16 | "0123456789abcdef"[. : . + 1]] | add;
  explode
  | map(
      if . == 9 or . == 10 or . == 13 then 32
      elif . < 32 or (. >= 127 and . < 160) or . == 1564 or (. >= 8203 and . <= 8207) or (. >= 8232 and . <= 8238)
        or (. >= 8288 and . <= 8297) or . == 65279
      then ("\\u" + hex | explode[])
      else . end
    )
  | implode
  | gsub(" +"; " ")
  | ltrimstr(" ")
  | rtrimstr(" ");

# At most so many characters.
def shortened($most): if length > $most then .[: $most - 3] + "..." else . end;

# The beginning of a text from elsewhere.
def excerpt: visible | shortened(200) | if . == "" then "nothing" else "\"\(.)\"" end;

# Foreign text for a picture, short and harmless. Most of it is plain, and need not be looked at letter by letter.
def harmless($most):
  if . == null then null
  else tostring | .[:4 * $most] | if test("^[!-~]*$") then . else visible end | shortened($most) end;

# Nearest rank: element ⌈p N / 100⌉ of a sorted array, from 1; null of an empty one.
def nearest_rank($percent): if length == 0 then null else .[($percent * length / 100 | ceil) - 1] end;

# The median over a few runs: of an even number of them the mean of the two in the middle; null of none.
def middle:
  sort
  | (length / 2 | floor) as $half
  | if length == 0 then null elif length % 2 == 1 then .[$half] else (.[$half - 1] + .[$half]) / 2 end;

def distribution:
  sort
  | {min: .[0], p5: nearest_rank(5), p50: nearest_rank(50), p95: nearest_rank(95), p99: nearest_rank(99), max: .[-1]};

# Sum of what is there; null where nothing is.
def total: map(select(measured)) | if length == 0 then null else add end;

# An integer in groups of three: 1,800.
def grouped:
  tostring
  | if test("^-?[0-9]+$") then
      until(test("^-?[0-9]{1,3}(,|$)"); sub("(?<a>[0-9])(?<b>[0-9]{3})(?<c>,|$)"; "\(.a),\(.b)\(.c)"))
    else . end;

def counted($one; $many): "\(grouped) \(if . == 1 then $one else $many end)";

# A number with so many decimals, grouped; "-" for null.
def fixed($decimals):
  if . == null then "-"
  else
    (if . < 0 then "-" else "" end) as $sign
    | (pow(10; $decimals)) as $scale
    | (fabs * $scale | round) as $units
    | ($units / $scale | floor) as $whole
    | $sign + ($whole | grouped)
      + if $decimals == 0 then ""
        else "." + (($units - $whole * $scale + $scale | tostring)[1:]) end
  end;

# To so many decimals, still a number, and never -0.
def rounded($decimals): if . == null then null else pow(10; $decimals) as $scale | . * $scale | round / $scale + 0 end;

# A share of 1 in percent.
def percent: if . == null then "-" else "\(. * 100 | fixed(if fabs < 9.95 then 1 else 0 end)) %" end;

# So many bytes, exactly, in the largest unit that divides them.
def size:
  . as $bytes
  | [[1048576, "MiB"], [1024, "KiB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "bytes"]]
  | first(.[] | select($bytes % .[0] == 0)) as [$unit, $name]
  | "\($bytes / $unit | grouped) \(if $bytes == 1 then "byte" else $name end)";

# Seconds with so many decimals, milliseconds where they would be nothing.
def seconds($decimals):
  if . > 0 and . < pow(10; -$decimals) then "\(. * 1e3 | fixed(if . < 9.95 then 1 else 0 end)) ms"
  else "\(fixed($decimals)) s" end;

# Seconds where a tenth is enough.
def rough_seconds: seconds(if . < 10 then 1 else 0 end);

# Three figures or so: 0.00123, 0.123, 12.3, 123.
def figures:
  fixed(if . == null then 0 elif . != 0 and fabs < 0.01 then 5 elif fabs < 10 then 3 elif fabs < 100 then 2 else 1 end);

# How many a second: whole ones, where there are not few.
def per_second: if . == null or . >= 10 then fixed(0) elif . >= 1 then fixed(1) else figures end;

# GB/s with their unit, that of $gbs: a few MB/s are not 0.00 GB/s, and figures beside each other have one unit.
def rate_and_unit($gbs): if $gbs != null and $gbs > 0 and $gbs < 0.01 then [. * 1e3, "MB"] else [., "GB"] end;
def told_gbs($gbs): rate_and_unit($gbs) as [$rate, $unit] | "\($rate | figures) \($unit)/s";
def told_gbs: told_gbs(.);

# Filled with blanks to a width. (" " * 0 is null, which adds nothing.)
def left($width): . + " " * ([$width - length, 0] | max);
def right($width): " " * ([$width - length, 0] | max) + .;

# Lines of at most so many characters, cut at blanks.
def wrapped($width):
  reduce (split(" ")[]) as $word (
    [""];
    if .[-1] == "" then .[-1] = $word
    elif (.[-1] | length) + 1 + ($word | length) <= $width then .[-1] += " " + $word
    else . + [$word] end
  );

# The width of what is printed, and its rows: a name and what stands under it, in as many lines as it takes.
def width: 80;
def row($name): "  " + ($name | left(14)) + .;
def paragraph($name): wrapped(width - 16) | (.[0] | row($name)), (.[1:][] | row(""));

# The number of an option; null where it was not told.
def option: if . == "" then null else tonumber end;

# A word for the shell: quoted only where it must be.
def word: if test("^[A-Za-z0-9_./:=@%+-]+$") then . else @sh end;

# Colours of a terminal, for those who asked for them. Pad first: what is painted is longer than it looks.
def painted($code; $colour): if $colour then "\u001b[\($code)m\(.)\u001b[0m" else . end;
def strong($colour): painted("1"; $colour);
def alarming($colour): painted("1;31"; $colour);
