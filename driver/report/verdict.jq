# Purpose: what held a run back, with its evidence, and the number to plan with. A library.

include "plan/network";
include "report/timeline";
include "text";

# Evidence: times in seconds after the first start, rates in MB/s per worker. What is not known is null.

# What Lambda's network gives each worker, in MB/s; null on loopback, where it is this machine that gives. Input: the
# run, null for records from elsewhere.
def cap_mbps: if .loopback == true then null else (.network_mbps | numbers) // usual_mbps end;

# Memory buys processor time: so many MB are one processor.
def processor_mb: 1769;

def p50: map(select(measured)) | sort | nearest_rank(50);

# The jobs that stop in the later half of the time that the last 5 % of the bytes take: whether they were slow, or late.
def tail($origin; $from; $to):
  map(select($from == null or .stop - $origin >= ($from + $to) / 2))
  | {
      jobs: length,
      mbps_p50: (map(.bytes / (.stop - .start) / 1e6) | p50),
      start_p50_s: (map(.start - $origin) | p50)
    };

# The share of what its memory buys that the median worker used.
def processor_share($run):
  map(
    (.memory_mb // $run.memory_mb // 0) as $memory
    | select(.error == null and .cpu_s != null and $memory > 0)
    | .cpu_s / (.stop - .start) / ($memory / processor_mb)
  )
  | p50;

# Input: the jobs that began, at least one. A worker's rate in the fleet's best second and its rate in the later half of
# the time in which the fleet was together tell a burst from the steady rate; only samples can.
def evidence($run; $points; $most; $held_s; $peak; $sampled):
  (map(.start) | min) as $origin
  | (map(.bytes) | add) as $bytes
  | ($points | last_stop) as $last
  | (if $bytes > 0 then $points | reached(0.95 * $bytes) else null end) as $most_done
  | (if $sampled then $points | held(0.9 * $most; $held_s / 2) else {worker_s: 0} end) as $later
  | map(select((.throttled // 0) > 0)) as $throttled
  | ($run | cap_mbps) as $cap
  | {
      mean_start_s: ((map(.start - $origin) | add) / length),
      median_job_s: (map(.stop - .start) | p50),
      late_max_s: (map(.late_s | numbers) | max),
      last_5_percent_s: (if $most_done == null then null else $last - $most_done end),
      tail: tail($origin; $most_done; $last),
      memory_mb: ([.[].memory_mb, $run.memory_mb] | p50),
      cpu_share: processor_share($run),
      network_mbps: $cap,
      network_opted_in: ($cap != null and $cap > usual_mbps),
      # 503s came within the jobs that met some.
      throttled_jobs: ($throttled | length),
      throttled_from_s: (if $throttled == [] then null else ($throttled | map(.start) | min) - $origin end),
      throttled_to_s: (if $throttled == [] then null else ($throttled | map(.stop) | max) - $origin end),
      best_second_mbps: (if $sampled and $peak != null then $peak[0] / $most / 1e6 else null end),
      best_second_s: (if $sampled and $peak != null then $peak[1] else null end),
      steady_mbps: (if $later.worker_s > 0 then $later.bytes / $later.worker_s / 1e6 else null end)
    };

# Verdict. Input of all below: the summary with its evidence.

# Below this share of the makespan a cause is none.
def threshold: 0.01;

def told_s: "\(fixed(if fabs < 10 then 2 else 1 end)) s";
def told_mbps: "\(figures) MB/s";
def told_gbs: "\(figures) GB/s";

def finding($cause; $cost_s; $short; $sentence): {$cause, $cost_s, $short, $sentence};

# The rate of a worker when it has settled: from samples where there are enough, else the median job's.
def settled_mbps:
  if .sustained_short == false and .evidence.steady_mbps != null then .evidence.steady_mbps
  else .mbps.p50 end;

def bursts:
  .sustained_short == false
  and (.evidence.steady_mbps // 0) > 0
  and .evidence.best_second_mbps != null
  and .evidence.best_second_mbps > 1.2 * .evidence.steady_mbps
  and .evidence.best_second_s < .makespan_s / 2;

# A worker's rate as a share of what the network gives it; null where either is not known.
def share_of_cap:
  if settled_mbps == null or .evidence.network_mbps == null then null else settled_mbps / .evidence.network_mbps end;

def failures:
  (.failed + .missing) as $lost
  | (.errors | to_entries | max_by(.value)) as $most
  | finding("failures"; (.makespan_s // 0) * $lost / .jobs; "failures";
      if .errors.BadRecord == $lost then
        "Bad records: \($lost | grouped) of \(.jobs | counted("record"; "records")) could not be read"
      else
        "Failures: \($lost | grouped) of \(.jobs | counted("job"; "jobs")) were not completed"
        + if $most == null then "" else ", \($most.value | grouped) of them with \($most.key | visible)" end
      end);

# Whether the last workers were as fast as the others and only began late enough to explain most of what they cost.
def tail_is_slow: .mbps.p50 != null and .evidence.tail.mbps_p50 < 0.8 * .mbps.p50;

def tail_is_late:
  .untimed == null
  and .straggler_tax != null
  and .straggler_tax >= threshold
  and (tail_is_slow | not)
  and .evidence.tail.start_p50_s - .evidence.mean_start_s >= .straggler_tax * .makespan_s / 2;

def tail_cost:
  "\(if .untimed == null then "" else "at most " end)\(.straggler_tax * .makespan_s | told_s) "
  + "(\(.straggler_tax | percent))";

def tail_time:
  "the last 5 % of the bytes took \(.evidence.last_5_percent_s | told_s) of \(.makespan_s | told_s)";

def jobs_without_times: .untimed.jobs | counted("job"; "jobs");

def stragglers:
  select(.straggler_tax != null and .straggler_tax >= threshold and (tail_is_late | not))
  | finding("stragglers"; .straggler_tax * .makespan_s; "stragglers";
      "Stragglers cost \(tail_cost): "
      + if .untimed != null then "when \(jobs_without_times) ended is not known"
        elif tail_is_slow then
          "\(tail_time), the last \(.evidence.tail.jobs | counted("worker"; "workers")) at "
          + "\(.evidence.tail.mbps_p50 | told_mbps) where the median is \(.mbps.p50 | told_mbps)"
        else tail_time end);

# Workers that begin late keep a slot idle, and where they are the last to stop all wait for them.
def starts:
  select(.jobs > 1 and .start_spread_s >= 0.1)
  | (if tail_is_late then [.straggler_tax * .makespan_s, tail_cost, ", and \(tail_time)"]
     else [0, "\(.evidence.mean_start_s | told_s) on average", ""] end) as [$waited, $cost, $time]
  | ([.evidence.mean_start_s, $waited] | max) as $seconds
  | if (.late // 0) > 0 then
      finding("late_starts"; $seconds; "late starts";
        "Late starts cost \($cost): \(.late | counted("worker"; "workers")) began after the common start, the last "
        + "\(.evidence.late_max_s | told_s) late\($time)")
    else
      finding("start_spread"; $seconds; "the spread of starts";
        "The spread of starts cost \($cost): workers began one after another, over \(.start_spread_s | told_s)\($time)")
    end;

# Requests open one after another, so that S3 is approached gradually: on average half the opening is idle.
def opening:
  select((.evidence.open_s // 0) > 1)
  | finding("opening"; .evidence.open_s / 2; "the opening over \(.evidence.open_s | told_s)";
      "The opening: requests began one after another over \(.evidence.open_s | told_s), so that S3 was approached "
      + "gradually");

def cpu:
  select(.evidence.cpu_share != null and .evidence.cpu_share >= 0.9 and .mbps.p50 != null)
  | finding("cpu"; .evidence.median_job_s * ([1 - (share_of_cap // 1), 0] | max); "processor time";
      "Processor time: the median worker used \(.evidence.cpu_share | percent) of what "
      + (if .evidence.memory_mb == null then "its memory" else "\(.evidence.memory_mb | grouped) MB" end)
      + " buys, and got \(settled_mbps | told_mbps)");

# Of how many requests so many had to be repeated.
def repeated($count; $cause; $short; text):
  select($count > 0 and (.requests // 0) > 0)
  | "\($count | grouped) of \(.requests | grouped) requests (\($count / .requests | percent))" as $share
  | finding($cause; .makespan_s * $count / .requests; $short; $share | text);

def throttled:
  .evidence.throttled_jobs as $jobs
  | repeated(.throttled // 0; "throttling"; "throttling";
      "S3 throttled: \(.) were answered 503 and repeated, in \($jobs | counted("job"; "jobs"))");

def retried:
  repeated((.retries // 0) - (.throttled // 0); "retries"; "retries";
    "Retries: \(.) repeated one that had failed");

# Not a loss but a ceiling.
def network:
  select(share_of_cap != null and share_of_cap >= 0.9 and share_of_cap <= 1.1)
  | finding("network_cap"; 0; "the network cap";
      "The network cap: workers "
      + (if bursts then
           "began at \(.evidence.best_second_mbps | told_mbps) in a burst and settled at \(settled_mbps | told_mbps)"
         else "ran at \(settled_mbps | told_mbps)" end)
      + ", and \(.evidence.network_mbps | fixed(0)) MB/s is what Lambda gives each"
      + if .evidence.network_opted_in == true then " with \(.evidence.memory_mb | grouped) MB of memory, opted in"
        else " unless opted in to more" end);

def too_short:
  select(.makespan_s < 5)
  | finding("too_short"; 0; "a short run";
      "Too short to judge: it took \(.makespan_s | told_s), and a fleet needs several seconds to settle");

# Every cause that shows, the costliest first. What has no cost of its own ranks as if it cost 5 %: before trifles,
# behind what hurts.
def findings:
  def has_no_cost: .cause | IN("cpu", "network_cap", "too_short");
  .makespan_s as $all
  | if $all == null then []
    else [stragglers, starts, opening, cpu, throttled, retried, failures, network, too_short] end
  | map(select(.cost_s >= threshold * $all or has_no_cost))
  | sort_by(-([.cost_s, if has_no_cost then 0.05 * $all else 0 end] | max));

def also:
  map(.short + if .cost_s > 0 then " (\(.cost_s | told_s))" else "" end)
  | if length == 0 then "" else "; also " + join(", ") end;

# Why nothing shows, with what the records know.
def nothing:
  [
    if share_of_cap == null or share_of_cap >= 0.9 and share_of_cap <= 1.1 then empty
    else
      "workers got \(settled_mbps | told_mbps) each, \(if share_of_cap < 1 then "below" else "above" end) the network "
      + "cap of \(.evidence.network_mbps | fixed(0))"
    end,
    if .evidence.cpu_share == null then empty else "\(.evidence.cpu_share | percent) of their processor time used" end
  ]
  | "Nothing in these records held it back" + if . == [] then "" else ": " + join(", ") end;

# A stage that waits for its last worker gets the goodput, so that is the number to plan with. Only workers that take
# new work as they finish get the sustained rate; of a fleet that began in a burst, what it settled at.
def plan:
  def planned($plan; $plan_gbs; $plan_fed_gbs): {$plan, $plan_gbs, $plan_fed_gbs};
  def nothing($why): planned("Plan nothing with \($why)."; null; null);
  if .loopback == true then nothing("these figures")
  elif .valid | not then nothing("this run: repeat it when the failures are mended")
  elif .cut_off > 0 then
    # Or the time that they were given would stand for the time that they need.
    nothing("this run: \(.cut_off | counted("job"; "jobs")) met the deadline before the work was done; "
      + "repeat it with a longer one")
  elif .goodput == null then nothing("these records: when \(jobs_without_times) ended is not known")
  elif .untimed != null then
    planned(
      "Plan with \(.goodput | told_gbs), the least that the goodput can have been: when \(jobs_without_times) ended is "
        + "not known.";
      .goodput; null
    )
  else
    (if .sustained_short then null
     elif bursts then .evidence.steady_mbps * .max_active / 1e3
     else .sustained end) as $fed
    | (if $fed == null then
         ". The fleet was together for \(.sustained_s | told_s), too short to plan longer work with"
       elif bursts and $fed < 0.98 * .goodput then
         "; for longer work with \($fed | told_gbs), the rate after the burst"
       elif $fed < 1.02 * .goodput then ""
       else
         "; with \($fed | told_gbs), the \(if bursts then "rate after the burst" else "sustained rate" end), only "
         + "where workers take new work as they finish"
       end) as $longer
    | planned(
        "Plan with \(.goodput | told_gbs), the goodput: work is over when its last worker is\($longer).";
        .goodput; $fed
      )
  end;

# What held the run back, in one word and in one sentence.
def judgement:
  if .valid | not then
    {held_back_by: "failures", sentence: (failures.sentence + (.findings | map(select(.cause != "failures")) | also))}
  elif .loopback == true then
    {
      held_back_by: "loopback",
      sentence: ("This run measures this machine, whose processors workers, S3 and Lambda share: not S3"
        + (.findings | also))
    }
  elif .goodput == null then
    {held_back_by: "failures", sentence: "When \(jobs_without_times) ended is not known, so no goodput is"}
  elif .findings == [] then {held_back_by: "nothing", sentence: nothing}
  else {held_back_by: .findings[0].cause, sentence: (.findings[0].sentence + (.findings[1:] | also))}
  end;

# {held_back_by, sentence, plan, plan_gbs, plan_fed_gbs, findings: [{cause, cost_s, sentence, short}, ...]}. Rates to
# plan with in GB/s, null where there is none.
def verdict:
  if .max_active == null then
    {
      held_back_by: (if .failed + .missing > 0 then "failures" else null end),
      sentence: (
        if .jobs == 0 then "There are no records to judge."
        elif .missing > 0 then "No job is known to have begun: there is nothing to judge yet."
        else "No job began: there is nothing to judge." end
      ),
      plan: null,
      plan_gbs: null,
      plan_fed_gbs: null,
      findings: []
    }
  else
    .findings = findings
    | (judgement | .sentence += ".") + plan + {findings}
  end;
