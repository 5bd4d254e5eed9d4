# Purpose: a run's table, for a terminal of 80 columns.
# Input:   summary.json; $run: [the run, see run.jq] or [null]; $source: its folder or file, as the user would type it.
#          Optional: --argjson colour true where the terminal shows colours (false); --arg driver, what calls driver.sh;
#          --arg wrote, the run whose objects a read has read, where it lies beside.
# Output:  lines of text (-r). GB/s, Gbit/s and MB/s are decimal, MiB is 2^20 bytes.

include "plan/cost";
include "report/errors";
include "report/setup";
include "run";
include "text";

# How the driver is called.
def driver: $ARGS.named.driver // "./driver.sh";

# Items joined by commas.
def listed($name): select(. != []) | join(", ") | paragraph($name);

# Some lines under a type of error.
def indented: wrapped(width - 11)[] | " " * 11 + .;

# The cells of a line, right-aligned.
def columns: map(right(9)) | add;

def milliseconds: fixed(if . < 10 then 1 else 0 end);

# Bytes; a mean of them, and what was reckoned from a rate, is not whole.
def volume:
  if . >= 1e12 then "\(. / 1e12 | fixed(2)) TB"
  elif . >= 1e9 then "\(. / 1e9 | fixed(2)) GB"
  elif . >= 1e6 then "\(. / 1e6 | fixed(1)) MB"
  else round | counted("byte"; "bytes") end;

# The launch whose figures these are.
def own_launch($run): .launch as $n | $run.launches[($n // 1) - 1] // {};

def where_it_ran($run):
  own_launch($run) as $launch
  | select($run != null)
  | "\($run.bucket), \($run.function) (\($run.memory_mb // "?") MB, \($run.arch // "?"))"
  + ($run | settings.region | if . == null then "" else ", \(.)" end)
  + (if $launch.launch then ", \($launch.launch | strftime("%Y-%m-%d %H:%M:%S UTC"))" else "" end)
  | visible;

# Why figures are bounds, or cannot be told.
def why_bounds:
  (.untimed.errors | to_entries | map("\(.value | grouped) \(.key | visible)") | join(", ")) as $errors
  | "\(.untimed.jobs | counted("job"; "jobs")) (\($errors)) may have run" as $jobs
  | if .goodput == null then "NO GOODPUT: \($jobs), nobody knows how long."
    else
      "AT LEAST: \($jobs) until \(.untimed.until_s | rough_seconds) after the first start. Goodput and end to end are "
      + "reckoned as if that were so."
    end;

# What stands before any figure because it changes how they read.
def warnings($run):
  ([.] | machine | values | .warning),
  ($run.launches[-1] // {}) as $last
  | (select(.unfinished > 0 and $last.launch != null and $last.end == null)
      | if $last.interrupted != null then "INTERRUPTED: what had not answered is missing."
        else "NOT ENDED: its driver was killed, or is at work; what has not answered is missing." end),
    (select((.launches // 1) > 1)
      | "RESUMED: \(.launches | grouped) launches; every figure is of launch \(.launch | grouped), the first that "
        + "began a job. "
        + if .unfinished == 0 then "All jobs are completed by now."
          else "\(.unfinished | counted("job is"; "jobs are")) not completed yet." end),
    (select(.jobs > 0 and (.valid | not))
      | "NOT VALID: \(.failed | grouped) of \(.jobs | counted("job"; "jobs")) failed, \(.missing | grouped) missing; "
        + "more than 1 %"),
    (select(.repeated > 0)
      | "REPEATED: \(.repeated | counted("record"; "records")) of jobs that a later line tells once more; the last "
        + "counts."),
    (select(.unplanned.count > 0)
      | "NOT COUNTED: \(.unplanned.count | counted("line"; "lines")) that cannot be read, or of no planned job; "
        + "line \(.unplanned.example.line): \(.unplanned.example.message | visible | shortened(200))"),
    (select(.untimed != null and .max_active != null) | why_bounds);

# Said before a figure that is only a bound; see figures.jq.
def bound($text): if .untimed == null or .goodput == null then "" else $text end;

# A rate in both units, those of the goodput, with what it is.
def rate($goodput; $name; $note):
  rate_and_unit($goodput) as [$rate, $unit]
  | "\($rate | figures | right(7)) \($unit)/s "
    + "\(if $rate == null then "-" else $rate * 8 | figures end | right(8)) \($unit[:1])bit/s   \($note)"
  | row($name);

# Goodput first, never a peak alone; of small objects how many there were, too.
def headline($colour):
  bound("AT LEAST; ") as $bound
  | .goodput as $goodput
  | (select(.small_objects and .objects_per_s != null)
      | "\(.objects_per_s | per_second | right(7)) objects/s\(" " * 13)\($bound)\(.bytes / .objects | volume) each"
      | row("objects")
      | strong($colour)),
    (.goodput | rate($goodput; "goodput"; "\($bound)first start to last end") | strong($colour)),
    ((if .sustained_short then "9 in 10 active, \(.sustained_s | seconds(1)): too short"
      else "with 9 in 10 active, for \(.sustained_s | fixed(1)) s" end) as $note
      | .sustained
      | rate($goodput; "sustained"; $note)),
    if .peak_1s == null then "not known: it was over within a second" | row("best second")
    else .peak_1s | rate($goodput; "best second"; "the fastest one of them all") end,
    ((if $bound == "" then "launch to last answer" else "\($bound)launch to last end" end) as $note
      | .end_to_end
      | values
      | rate($goodput; "end to end"; $note));

def per_worker:
  select(.mbps.p50 != null)
  | "",
    (["min", "p5", "median", "p95", "max"] | columns | row("")),
    (.mbps | ([.min, .p5, .p50, .p95, .max] | map(figures) | columns) + "  MB/s" | row("per worker"));

def latency_rows:
  def times($name):
    select(.p50 != null)
    | [.p50, .p90, .p95, .p99, .p999, .max]
    | "\(map(if . == null then "" else milliseconds end) | columns)  ms"
    | row($name);
  select(.first_byte_ms.p50 != null or .request_ms.p50 != null)
  | "",
    (["median", "p90", "p95", "p99", "p99.9", "max"] | columns | row("latency")),
    (.first_byte_ms | times("first byte")),
    (.request_ms | times("request"));

def job_of:
  if .job != null then "job \(.job | tostring | visible | shortened(40)): "
  elif .line != null then "line \(.line): "
  else "" end;

# Jobs that failed for one reason, with one of them as an example.
def failed_alike($title; $colour):
  ("    \(.jobs | grouped | right(6)) \($title)" | alarming($colour)),
  (job_of + (.message | tostring | visible | shortened(500)) | indented);

# Why jobs failed, and what to do; then why further launches have not completed the rest.
def failure_rows($run; $colour):
  ($run | error_types) as $types
  | .examples as $examples | .bad_records as $bad
  | (
      .errors
      | to_entries
      | sort_by(-.value)[]
      | .key as $type
      | ($examples[$type] + {jobs: .value} | failed_alike($type | visible; $colour)),
        (select($type == "BadRecord" and ($bad | length) > 1)
          | $bad[]
          | "\(.jobs | grouped) of them: \(.reason); the first is line \(.line)"
          | indented),
        ($types[$type].todo // empty | "What to do: \(.)." | indented)
    ),
    (.last_failures | to_entries[] | .key as $type
      | .value
      | failed_alike("\($type | visible), in launch \(.launch)"; $colour));

# What S3 holds of uploads that no worker could abort shows in no list of objects, and costs.
def uploads_left($run; $source):
  select(.uploads_left > 0)
  | "up to \(.uploads_left | counted("upload"; "uploads")) could not be aborted and cost until they are: "
    + (if $run == null then "aws s3api list-multipart-uploads shows them"
       else "\(driver) delete \($source | word) removes them" end)
  | paragraph("left open");

# What a job that failed had sent is nobody's bytes: a repetition would have sent them again.
def sent:
  .sent
  | values
  | "\(.jobs | counted("failed job"; "failed jobs")) had sent \(.bytes | volume) in attempts that never succeeded: no "
    + "figure counts them"
  | paragraph("sent");

def workers($run):
  select(.max_active != null)
  | ((.objects | values | ", \(counted("object"; "objects"))") // "") as $objects
  | (if .makespan_s == null then "" else " in \(bound("at most "))\(.makespan_s | seconds(2))" end) as $time
  | ("\(.bytes | volume)\($objects)\($time)" | row("moved")),
    ("started within \(.start_spread_s | seconds(2)), stopped within \(.stop_spread_s | seconds(2))" | row("workers")),
    ([
        "\(.max_active | grouped) active at most",
        (select(.slot_efficiency != null) | "busy \(bound("at least "))\(.slot_efficiency | percent) of the time"),
        # Nobody is late for a start that was not common.
        (select($run == null or own_launch($run).start_in_s != null) | .late | values | "\(grouped) late")
      ] | listed(""));

def request_rows($run):
  ([
      (.requests | values | counted("request"; "requests")),
      (.requests_per_s | values | select(. >= 1) | "about \(per_second) in the busiest second"),
      (.retries | values | "\(grouped) repeated")
    ] | listed("S3")),
  ([
      (.throttled | values | "\(grouped) throttled (503)"),
      (.evidence.throttled | values
        | "in \(.jobs | counted("job"; "jobs")) between \(.from_s | fixed(1)) and \(.to_s | fixed(1)) s")
    ] | listed("")),
  (own_launch($run).throttled // 0
    | select(. > 0)
    | "\(counted("invocation"; "invocations")) throttled (429) and tried again"
    | row("Lambda"));

# At list prices of one region and day, which are not everybody's. On loopback the seconds are those of this machine.
def cost:
  "by the list prices of \(.prices.region), \(.prices.date)" as $prices
  | ((.usd_per_tb | values | "; moving alone $\(fixed(2)) per TB") // "") as $moving
  | if .loopback == true or .cost_usd == 0 then free
    elif .cost_usd != null then "\(.cost_usd | dollars) for seconds and requests, \($prices)\($moving)"
    elif (.cost_known_usd // 0) >= 0.01 then
      "at least \(.cost_known_usd | dollars), \($prices): not every job says what it used\($moving)"
    else empty end
  | paragraph("cost");

def pywren_peak:
  .goodput as $goodput
  | .pywren_peak
  | values
  | "", ("\(told_gbs($goodput)), as the article of 2016 counts: for comparison only" | row("PyWren peak"));

# The commands that make sense after a run; none for records from elsewhere, whose fleet is not ours to start. What is
# on loopback goes when local ends. A read leaves its answers; the objects are those of the write.
def next_commands($run; $source):
  ($source | word) as $folder
  | ($run.deleted != null or $run.loopback == true) as $gone
  | select($run != null)
  | (select(.failed > 0) | "jq -c 'select(.error)' \($source + "/records.ndjson" | word)"),
    (select(.unfinished > 0 and $run.deleted == null) | "\(driver) \($run.op) --resume \($folder)"),
    (select(.unfinished == 0 and $run.op == "write" and ($gone | not))
      | "\(driver) read \($run.jobs) \($folder) --verify"),
    "\(driver) report \($folder) --json",
    (select($run.loopback == true and .unfinished == 0) | "make deploy"),
    (select($gone | not)
      | [($ARGS.named.wrote | values | select(. != "")), $source]
      | "\(driver) delete \(map(word) | join(" "))");

($ARGS.named.colour == true) as $colour
| $run[0] as $run
| .jobs as $jobs
| ($run | title($jobs; $source) | wrapped(width)[] | strong($colour)),
  (where_it_ran($run) | wrapped(width - 2)[] | "  " + .),
  (warnings($run) | wrapped(width - 2)[] | "  " + . | alarming($colour)),
  (select(.max_active != null) | "", headline($colour), per_worker),
  "",
  ("\(.jobs - .failed - .missing | grouped) good, \(.failed | grouped) failed, \(.missing | grouped) missing"
    | row("jobs")),
  failure_rows($run; $colour),
  sent,
  uploads_left($run; $source),
  workers($run),
  request_rows($run),
  cost,
  latency_rows,
  pywren_peak,
  "",
  (.verdict.sentence | visible | paragraph("verdict") | strong($colour)),
  (.verdict.plan | values | paragraph("plan")),
  "",
  ($source | visible | paragraph("records")),
  ([next_commands($run; $source)] | to_entries[] | .key as $n | .value | row(if $n == 0 then "next:" else "" end))
