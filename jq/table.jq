# Purpose: a run's table, for a terminal of 80 columns.
# Input:   summary.json; $run: [run.json] or [null]; $source: the run's folder or file as the user would type it.
# Output:  lines of text (-r). GB/s and MB/s are decimal, MiB is 2^20 bytes.

include "lib";

def row($name): "  " + ($name | left(14)) + .;

def rate($name; $note): if . == null then empty
  else "\(figures | right(7)) GB/s \(. * 8 | figures | right(8)) Gbit/s   \($note)" | row($name) end;

# The five figures of a distribution, or their headings.
def columns: map(right(10)) | add;

def counted($one; $many): "\(grouped) \(if . == 1 then $one else $many end)";

def seconds: "\(fixed(2)) s";

def volume:
  if . == null then "-"
  elif . >= 1e12 then "\(. / 1e12 | fixed(2)) TB"
  elif . >= 1e9 then "\(. / 1e9 | fixed(2)) GB"
  elif . >= 1e5 then "\(. / 1e6 | fixed(1)) MB"
  else "\(grouped) bytes" end;

def paragraph($first; $indent): wrapped(78 - $indent) | ($first + .[0]), (.[1:][] | " " * $indent + .);

def job_of: if .job == null then "" else "job \(.job): " end;

# Which measurement this is.
def title($run):
  if $run == null then "terabit: records of \($source | visible)"
  else
    "terabit \($run.op): \($run.jobs | counted("job"; "jobs"))"
    + (if $run.mb_per_file then ", \($run.mb_per_file | grouped) MiB each" else "" end)
    + (if ($run.read_times // 1) > 1 then ", \($run.read_times | grouped) times over" else "" end)
    + (if $run.verify == true then ", every byte verified" else "" end)
  end;

def place($run):
  if $run == null then empty
  else
    "\($run.bucket), \($run.function) (\($run.memory_mb // "?") MB, \($run.arch // "?")), \($run.region // "?")"
    + (if $run.launch then ", \($run.launch | strftime("%Y-%m-%d %H:%M:%S UTC"))" else "" end)
    | "  " + visible
  end;

# What stands before any figure because it changes how they read.
def warnings($run):
  if .loopback == true then "  LOOPBACK, NOT S3: these figures are of this machine." else empty end,
  if $run.interrupted == true then "  INTERRUPTED: what had not answered is missing." else empty end,
  if .valid | not then
    "  NOT VALID: \(.failed | grouped) of \(.jobs | counted("job"; "jobs")) failed, \(.missing | grouped) missing; "
    + "more than 1 %"
  else empty end;

def failures:
  .examples as $examples
  | .errors | to_entries | sort_by(-.value)[]
  | $examples[.key] as $example
  | "    \(.value | grouped | right(6)) \(.key | visible)",
    (($example | job_of) + ($example.message | tostring | visible | shortened(500)) | paragraph(" " * 11; 11));

def next_commands($run):
  ($source | word) as $folder
  | if $run == null then empty
    elif .failed + .missing == 0 and $run.op == "write" then
      "./driver.sh read \($run.jobs) \($folder) --verify",
      "./driver.sh report \($folder) --json"
    elif .failed + .missing == 0 then "./driver.sh report \($folder) --json"
    else
      (if .failed > 0 then "jq -c 'select(.error)' \($source + "/records.ndjson" | word)" else empty end),
      "./driver.sh \($run.op) \($run.jobs) " + (if $run.op == "write" then $run.mb_per_file | tostring else $folder end)
    end;

$run[0] as $run
| title($run),
  place($run),
  warnings($run),
  if .makespan_s != null then
    "",
    (.goodput | rate("goodput"; "bytes, first start to last stop")),
    (.end_to_end | rate("end to end"; "bytes, launch to last answer")),
    if .mbps.p50 == null then empty
    else
      "",
      (["min", "p5", "median", "p95", "max"] | columns | row("")),
      (.mbps | ([.min, .p5, .p50, .p95, .max] | map(fixed(1)) | columns) + "   MB/s" | row("per worker"))
    end
  else empty end,
  "",
  ("\(.jobs - .failed - .missing | grouped) good, \(.failed | grouped) failed, \(.missing | grouped) missing"
    | row("jobs")),
  failures,
  if .makespan_s != null then
    ("\(.bytes | volume) in \(.makespan_s | seconds)" | row("moved")),
    ("started within \(.start_spread_s | seconds), stopped within \(.stop_spread_s | seconds)" | row("workers")),
    ("\(.max_active | grouped) active at most; slots \(.slot_efficiency * 100 | fixed(0)) % used" | row(""))
  else empty end,
  if .requests == null then empty
  else
    ("\(.requests | counted("request"; "requests"))"
      + (if .retries then ", \(.retries | grouped) retried" else "" end)
      + (if .throttled then ", \(.throttled | grouped) throttled (503)" else "" end) | row("S3"))
  end,
  if ($run.invoke_throttled // 0) > 0 then
    ("\($run.invoke_throttled | counted("invocation"; "invocations")) throttled (429) and tried again" | row("Lambda"))
  else empty end,
  if .pywren_peak == null then empty
  else
    ("\(.pywren_peak | figures) GB/s: the highest sum of active workers' mean rates," | row("PyWren peak")),
    ("the way the 2016 article counts; for comparison only" | row(""))
  end,
  "",
  ($source | visible | row("records")),
  ([next_commands($run)] | to_entries[] | .key as $n | .value | row(if $n == 0 then "next:" else "" end))
