# Purpose: a run's table, for a terminal of 80 columns.
# Input:   summary.json; $run: [the run, see run.jq] or [null]; $source: the run's folder or file as the user would type
#          it.
#          Optional: --argjson colour true where the terminal shows colours (false).
# Output:  lines of text (-r). GB/s, Gbit/s and MB/s are decimal, MiB is 2^20 bytes.

include "plan/cost";
include "report/errors";
include "report/next";
include "text";

# Items joined by commas.
def listed($name): map(select(. != null)) | if . == [] then empty else join(", ") | paragraph($name) end;

# Some lines under a type of error.
def indented: wrapped(width - 11)[] | " " * 11 + .;

# The cells of a line, right-aligned.
def columns: map(right(9)) | add;

def in_seconds: if . == null then "-" else "\(fixed(2)) s" end;
def milliseconds: if . == null then "-" else fixed(if . < 10 then 1 else 0 end) end;

def volume:
  if . >= 1e12 then "\(. / 1e12 | fixed(2)) TB"
  elif . >= 1e9 then "\(. / 1e9 | fixed(2)) GB"
  elif . >= 1e5 then "\(. / 1e6 | fixed(1)) MB"
  else "\(grouped) bytes" end;

# Whose figures these are.
def title($run; $source):
  if $run == null then "terabit: records of \($source | visible)"
  else
    "terabit \($run.op): \($run.jobs | counted("job"; "jobs"))"
    + (if $run.mb_per_file then ", \($run.mb_per_file | grouped) MiB each" else "" end)
    + (if ($run.read_times // 1) > 1 then ", \($run.read_times | grouped) times over" else "" end)
    + (if $run.verify == true then ", every byte verified" else "" end)
  end;

# The launch whose figures these are.
def own_launch($run): .launch as $n | $run.launches[($n // 1) - 1] // {};

def place($run):
  own_launch($run) as $launch
  | select($run != null)
  | "\($run.bucket), \($run.function) (\($run.memory_mb // "?") MB, \($run.arch // "?")), \($run.region // "?")"
  + (if $launch.launch then ", \($launch.launch | strftime("%Y-%m-%d %H:%M:%S UTC"))" else "" end)
  | visible;

# Why figures are bounds, or cannot be told.
def bounds($goodput):
  (.errors | to_entries | map("\(.value | grouped) \(.key | visible)") | join(", ")) as $errors
  | "\(.jobs | counted("job"; "jobs")) (\($errors)) may have run" as $jobs
  | if $goodput == null then "NO GOODPUT: \($jobs), nobody knows how long."
    else
      "AT LEAST: \($jobs) until \(.until_s | rough_seconds) after the first start. Goodput and end to end are reckoned "
      + "as if \(if .jobs == 1 then "it" else "they" end) had."
    end;

# What stands before any figure because it changes how they read.
def warnings($run):
  ($run.launches[-1] // {}) as $last
  | if .loopback == true then "LOOPBACK, NOT S3: these figures are of this machine." else empty end,
  if .unfinished == 0 or $last.launch == null or $last.end != null then empty
  elif $last.interrupted != null then "INTERRUPTED: what had not answered is missing."
  else "NOT ENDED: its driver was killed, or is at work; what has not answered is missing." end,
  if (.launches // 1) == 1 then empty
  else
    "RESUMED: \(.launches | grouped) launches; every figure is of launch \(.launch | grouped), the first that began a "
    + "job. "
    + if .unfinished == 0 then "The others completed all objects."
      else "\(.unfinished | counted("job is"; "jobs are")) not completed yet." end
  end,
  if .valid or .jobs == 0 then empty
  else
    "NOT VALID: \(.failed | grouped) of \(.jobs | counted("job"; "jobs")) failed, \(.missing | grouped) missing; "
    + "more than 1 %"
  end,
  if .repeated == 0 then empty
  else
    "REPEATED: \(.repeated | counted("record"; "records")) of jobs that a later line tells once more; the last counts."
  end,
  if .unplanned.count == 0 then empty
  else
    "NOT PLANNED: \(.unplanned.count | counted("line is"; "lines are")) of no planned job and counted nowhere else; "
    + "line \(.unplanned.example.line): \(.unplanned.example.message | visible | shortened(200))"
  end,
  if .untimed == null or .max_active == null then empty
  else .goodput as $goodput | .untimed | bounds($goodput) end;

# A rate in both units, with what it is.
def rate($name; $note):
  "\(figures | right(7)) GB/s \(if . == null then "-" else . * 8 | figures end | right(8)) Gbit/s   \($note)"
  | row($name);

# Said of a figure that is only a bound.
def at_least($name): .at_least | index($name) != null;
def at_most($name): if .at_most | index($name) then "at most " else "" end;

# Goodput first, never a peak alone.
def headline($colour):
  ((if at_least("goodput") then "AT LEAST; first start to last end" else "bytes, first start to last stop" end) as $note
    | .goodput
    | rate("goodput"; $note)
    | strong($colour)),
  ("\(.sustained_s | fixed(1)) s" as $time
    | (if .sustained_short then "9 in 10 active, \($time): too short"
       else "with 9 in 10 active, for \($time)" end) as $note
    | .sustained
    | rate("sustained"; $note)),
  if .peak_1s == null then "not known: it was over within a second" | row("best second")
  else .peak_1s | rate("best second"; "the fastest one of them all") end,
  if .end_to_end == null then empty
  else
    (if at_least("end_to_end") then "AT LEAST; launch to last end" else "launch to last answer" end) as $note
    | .end_to_end
    | rate("end to end"; $note)
  end;

def per_worker:
  select(.mbps.p50 != null)
  | "",
    (["min", "p5", "median", "p95", "max"] | columns | row("")),
    (.mbps | ([.min, .p5, .p50, .p95, .max] | map(fixed(1)) | columns) + "  MB/s" | row("per worker"));

def latency:
  def times($name): select(.p50 != null) | [.p50, .p95, .p99, .max] | map(milliseconds)
    | "         \(columns)  ms" | row($name);
  select(.first_byte_ms.p50 != null or .request_ms.p50 != null)
  | "",
    (["", "median", "p95", "p99", "max"] | columns | row("latency")),
    (.first_byte_ms | times("first byte")),
    (.request_ms | times("request"));

def job_of:
  if .job != null then "job \(.job | tostring | visible | shortened(40)): "
  elif .line != null then "line \(.line): "
  else "" end;

# How many jobs failed for what reason: the first as an example, and what to do.
def failures($run; $colour):
  (error_types($run.function // "the function")) as $types
  | .examples as $examples
  | .errors
  | to_entries
  | sort_by(-.value)[]
  | ("    \(.value | grouped | right(6)) \(.key | visible)" | alarming($colour)),
    ($examples[.key] | job_of + (.message | tostring | visible | shortened(500)) | indented),
    ($types[.key].todo // empty | "What to do: \(.)." | indented);

# Why further launches have not completed the rest.
def last_failures($colour):
  .last_failures
  | to_entries[]
  | ("    \(.value.jobs | grouped | right(6)) \(.key | visible), in launch \(.value.launch)" | alarming($colour)),
    ("job \(.value.job): \(.value.message | tostring | visible | shortened(500))" | indented);

# What S3 holds of uploads that no worker could abort shows in no list of objects, and costs.
def uploads_left($run; $source):
  select(.uploads_left > 0)
  | "up to \(.uploads_left | counted("upload"; "uploads")) could not be aborted and cost until they are: "
    + (if $run == null then "aws s3api list-multipart-uploads shows them"
       else "./driver.sh delete \($source | word) removes them" end)
  | paragraph("left open");

# What a job that failed had sent is nobody's bytes: a repetition would have sent them again.
def sent:
  .sent
  | values
  | "\(.jobs | counted("failed job"; "failed jobs")) had sent \(.bytes | volume) in attempts that never succeeded: no "
    + "figure counts them"
  | paragraph("sent");

def workers:
  select(.max_active != null)
  | ("\(.bytes | volume) in \(at_most("makespan_s"))\(.makespan_s | in_seconds)" | row("moved")),
    ("started within \(.start_spread_s | in_seconds), stopped within \(.stop_spread_s | in_seconds)" | row("workers")),
    ([
        "\(.max_active | grouped) active at most",
        "slots \(if at_least("slot_efficiency") then "at least " else "" end)\(.slot_efficiency | percent) used",
        if .late == null then null else "\(.late | grouped) late" end
      ] | listed(""));

def requests($run):
  ([
      if .requests == null then null else .requests | counted("request"; "requests") end,
      if .requests_per_s == null then null else "about \(.requests_per_s | fixed(0)) in the busiest second" end,
      if .retries == null then null else "\(.retries | grouped) repeated" end
    ] | listed("S3")),
  if .throttled == null then empty
  elif .throttled == 0 then "none throttled (503)" | row("")
  else
    "\(.throttled | grouped) throttled (503), in \(.evidence.throttled_jobs | counted("job"; "jobs"))"
    + (if .evidence.throttled_from_s == null then ""
       else " between \(.evidence.throttled_from_s | fixed(1)) and \(.evidence.throttled_to_s | fixed(1)) s" end)
    | paragraph("")
  end,
  (own_launch($run).throttled // 0
    | select(. > 0)
    | "\(counted("invocation"; "invocations")) throttled (429) and tried again"
    | row("Lambda"));

# At list prices of one region and day, which are not everybody's.
def cost:
  "by the list prices of \(.prices.region), \(.prices.date)" as $prices
  | if .cost_usd != null and .loopback == true then
      "nothing; on AWS these seconds and requests would cost \(.cost_usd | dollars), \($prices)"
    elif .cost_usd != null then "\(.cost_usd | dollars) for seconds and requests, \($prices)"
    elif (.cost_known_usd // 0) >= 0.01 and .loopback != true then
      "at least \(.cost_known_usd | dollars), \($prices): not every job says what it used"
    else empty end
  | paragraph("cost");

def article:
  select(.pywren_peak != null)
  | "",
    ("\(.pywren_peak | figures) GB/s: the highest sum of active workers' mean rates, the way the 2016 article counts; "
      + "for comparison only"
      | paragraph("PyWren peak"));

def judgement($colour):
  .verdict
  | "",
    (.sentence | visible | paragraph("verdict") | strong($colour)),
    (.plan | values | paragraph("plan"));

($ARGS.named.colour == true) as $colour
| $run[0] as $run
| (title($run; $source) | wrapped(width)[] | strong($colour)),
  (place($run) | wrapped(width - 2)[] | "  " + .),
  (warnings($run) | wrapped(width - 2)[] | "  " + . | alarming($colour)),
  (select(.max_active != null) | "", headline($colour), per_worker),
  "",
  ("\(.jobs - .failed - .missing | grouped) good, \(.failed | grouped) failed, \(.missing | grouped) missing"
    | row("jobs")),
  failures($run; $colour),
  last_failures($colour),
  sent,
  uploads_left($run; $source),
  workers,
  requests($run),
  cost,
  latency,
  article,
  judgement($colour),
  "",
  ($source | visible | paragraph("records")),
  ([next_commands($run; $source)] | to_entries[] | .key as $n | .value | row(if $n == 0 then "next:" else "" end))
