# Purpose: rows, units and colours of the tables, 80 columns wide. A library.

include "text";

def width: 80;

# Colours of a terminal, for those who asked for them. Pad first: what is painted is longer than it looks.
def painted($code; $colour): if $colour then "\u001b[\($code)m\(.)\u001b[0m" else . end;
def strong($colour): painted("1"; $colour);
def quiet($colour): painted("2"; $colour);
def alarming($colour): painted("1;31"; $colour);

def row($name): "  " + ($name | left(14)) + .;

# Text under a name, in as many lines as it takes.
def paragraph($name):
  wrapped(width - 16)
  | (.[0] | row($name)),
    (.[1:][] | row(""));

# Items joined by commas, or in more lines where they do not fit one.
def listed($name): map(select(. != null and . != "")) | if . == [] then empty else join(", ") | paragraph($name) end;

# The cells of a line, right-aligned.
def columns($each): map(right($each)) | add;

def seconds: if . == null then "-" else "\(fixed(2)) s" end;
def milliseconds: if . == null then "-" else fixed(if . < 10 then 1 else 0 end) end;

def volume:
  if . == null then "-"
  elif . >= 1e12 then "\(. / 1e12 | fixed(2)) TB"
  elif . >= 1e9 then "\(. / 1e9 | fixed(2)) GB"
  elif . >= 1e5 then "\(. / 1e6 | fixed(1)) MB"
  else "\(grouped) bytes" end;

# Whose figures stand in a table; $run: the run (see run.jq) or null; $source: the folder or file.
def run_title($run; $source):
  if $run == null then "terabit: records of \($source | visible)"
  else
    "terabit \($run.op): \($run.jobs | counted("job"; "jobs"))"
    + (if $run.mb_per_file then ", \($run.mb_per_file | grouped) MiB each" else "" end)
    + (if ($run.read_times // 1) > 1 then ", \($run.read_times | grouped) times over" else "" end)
    + (if $run.verify == true then ", every byte verified" else "" end)
  end;
