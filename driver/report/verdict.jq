# Purpose: what held a run back, with its evidence, and the number to plan with. A library.
# Input:   the summary with its evidence.
# Output:  {held_back_by, sentence, plan, plan_gbs, plan_fed_gbs, findings}. findings: every cause that shows, the
#          costliest first, [{cause, cost_s, sentence, short}]. Rates to plan with in GB/s, null where there is none.

include "text";

# Below this share of the makespan a cause is none.
def threshold: 0.01;

def seconds: "\(fixed(if fabs < 10 then 2 else 1 end)) s";
def mbps: "\(figures) MB/s";
def gbs: "\(figures) GB/s";

def finding($cause; $cost_s; $short; $sentence): {cause: $cause, cost_s: $cost_s, short: $short, sentence: $sentence};

# The rate of a worker when it has settled: from samples where there are enough, else the median job's.
def settled:
  if .sustained_short == false and .evidence.steady_mbps != null then .evidence.steady_mbps
  else .mbps.p50 end;

def bursts:
  .sustained_short == false
  and .evidence.steady_mbps != null
  and .evidence.best_second_mbps != null
  and .evidence.steady_mbps > 0
  and .evidence.best_second_mbps > 1.2 * .evidence.steady_mbps
  and .evidence.best_second_s < .makespan_s / 2;

# What Lambda's network gives each worker; null where it is not Lambda's.
def network_cap: .evidence.network_mbps;

# A worker's rate as a share of that; null where either is not known.
def share_of_cap: if settled == null or network_cap == null then null else settled / network_cap end;

def failures:
  (.failed + .missing) as $lost
  | (.errors | to_entries | max_by(.value)) as $most
  | finding("failures"; (.makespan_s // 0) * $lost / .jobs; "failures";
      if .errors.BadRecord == $lost then
        "Bad records: \($lost | grouped) of \(.jobs | counted("record"; "records")) could not be read"
      else "Failures: \($lost | grouped) of \(.jobs | counted("job"; "jobs")) were not completed" end
      + (if $most == null or .errors.BadRecord == $lost then ""
         else ", \($most.value | grouped) of them with \($most.key | visible)" end));

# Whether the last workers were as fast as the others and only began late enough to explain most of what they cost.
def tail_is_slow: .mbps.p50 != null and .evidence.tail.mbps_p50 < 0.8 * .mbps.p50;

def tail_is_late:
  .untimed == null
  and .straggler_tax != null
  and .straggler_tax >= threshold
  and (tail_is_slow | not)
  and .evidence.tail.start_p50_s - .evidence.mean_start_s >= .straggler_tax * .makespan_s / 2;

def tail_cost:
  "\(if .untimed == null then "" else "at most " end)\(.straggler_tax * .makespan_s | seconds) "
  + "(\(.straggler_tax | percent))";

def tail_time:
  "the last 5 % of the bytes took \(.evidence.last_5_percent_s | seconds) of \(.makespan_s | seconds)";

def untimed_jobs: .untimed.jobs | counted("job"; "jobs");

def stragglers:
  select(.straggler_tax != null and .straggler_tax >= threshold and (tail_is_late | not))
  | finding("stragglers"; .straggler_tax * .makespan_s; "stragglers";
      "Stragglers cost \(tail_cost): "
      + if .untimed != null then "when \(untimed_jobs) ended is not known"
        elif tail_is_slow then
          "\(tail_time), the last \(.evidence.tail.jobs | counted("worker"; "workers")) at "
          + "\(.evidence.tail.mbps_p50 | mbps) where the median is \(.mbps.p50 | mbps)"
        else tail_time end);

# Workers that begin late keep a slot idle, and where they are the last to stop all wait for them.
def starts:
  select(.jobs > 1 and .start_spread_s >= 0.1)
  | (if tail_is_late then .straggler_tax * .makespan_s else 0 end) as $waited
  | (if tail_is_late then "cost \(tail_cost)" else "cost \(.evidence.mean_start_s | seconds) on average" end) as $cost
  | (if tail_is_late then ", and \(tail_time)" else "" end) as $time
  | ([.evidence.mean_start_s, $waited] | max) as $seconds
  | if (.late // 0) > 0 then
      finding("late_starts"; $seconds; "late starts";
        "Late starts \($cost): \(.late | counted("worker"; "workers")) began after the common start, the last "
        + "\(.evidence.late_max_s | seconds) late\($time)")
    else
      finding("start_spread"; $seconds; "the spread of starts";
        "The spread of starts \($cost): workers began one after another, over "
        + "\(.start_spread_s | seconds)\($time)")
    end;

# Requests open one after another, so that S3 is approached gradually: on average half the opening is idle.
def opening:
  select((.evidence.open_s // 0) > 1)
  | finding("opening"; .evidence.open_s / 2; "the opening over \(.evidence.open_s | seconds)";
      "The opening: requests began one after another over \(.evidence.open_s | seconds), so that S3 was approached "
      + "gradually");

def cpu:
  select(.evidence.cpu_share != null and .evidence.cpu_share >= 0.9 and .mbps.p50 != null)
  | finding("cpu"; .evidence.median_job_s * ([1 - (share_of_cap // 1), 0] | max); "processor time";
      "Processor time: the median worker used \(.evidence.cpu_share | percent) of what "
      + (if .evidence.memory_mb == null then "its memory" else "\(.evidence.memory_mb | grouped) MB" end)
      + " buys, and got \(settled | mbps)");

def throttled:
  select((.throttled // 0) > 0 and (.requests // 0) > 0)
  | finding("throttling"; .makespan_s * .throttled / .requests; "throttling";
      "S3 throttled: \(.throttled | grouped) of \(.requests | grouped) requests (\(.throttled / .requests | percent)) "
      + "were answered 503 and repeated, in \(.evidence.throttled_jobs | counted("job"; "jobs"))");

def retried:
  ((.retries // 0) - (.throttled // 0)) as $others
  | select($others > 0 and (.requests // 0) > 0)
  | finding("retries"; .makespan_s * $others / .requests; "retries";
      "Retries: \($others | grouped) of \(.requests | grouped) requests (\($others / .requests | percent)) "
      + "repeated one that had failed");

# Not a loss but a ceiling.
def network:
  select(share_of_cap != null and share_of_cap >= 0.9 and share_of_cap <= 1.1)
  | finding("network_cap"; 0; "the network cap";
      "The network cap: workers "
      + (if bursts then
           "began at \(.evidence.best_second_mbps | mbps) in a burst and settled at \(settled | mbps)"
         else "ran at \(settled | mbps)" end)
      + ", and \(network_cap | fixed(0)) MB/s is what Lambda gives each"
      + if .evidence.network_opted_in == true then " with \(.evidence.memory_mb | grouped) MB of memory, opted in"
        else " unless opted in to more" end);

def too_short:
  select(.makespan_s < 5)
  | finding("too_short"; 0; "a short run";
      "Too short to judge: it took \(.makespan_s | seconds), and a fleet needs several seconds to settle");

# What has no cost of its own ranks as if it cost 5 %: before trifles, behind what hurts.
def findings:
  .makespan_s as $all
  | if $all == null then []
    else [stragglers, starts, opening, cpu, throttled, retried, failures, network, too_short] end
  | map(select(.cost_s >= threshold * $all or (.cause | IN("cpu", "network_cap", "too_short"))))
  | sort_by(-([.cost_s, if .cause | IN("cpu", "network_cap", "too_short") then 0.05 * $all else 0 end] | max));

def also:
  map(.short + if .cost_s > 0 then " (\(.cost_s | seconds))" else "" end)
  | if length == 0 then "" else "; also " + join(", ") end;

# Why nothing shows, with what the records know.
def nothing:
  "Nothing in these records held it back"
  + ([
      if share_of_cap == null then empty
      elif share_of_cap < 0.9 then
        "workers got \(settled | mbps) each, below the network cap of \(network_cap | fixed(0))"
      elif share_of_cap > 1.1 then
        "workers got \(settled | mbps) each, above the network cap of \(network_cap | fixed(0))"
      else empty end,
      if .evidence.cpu_share != null then "\(.evidence.cpu_share | percent) of their processor time used" else empty end
    ]
    | if length == 0 then "" else ": " + join(", ") end);

# A stage that waits for its last worker gets the goodput, so that is the number to plan with. Only workers that take
# new work as they finish get the sustained rate; of a fleet that began in a burst, what it settled at.
def plan:
  def nothing($why): {plan: "Plan nothing with \($why).", plan_gbs: null, plan_fed_gbs: null};
  if .loopback == true then nothing("these figures")
  elif .valid | not then nothing("this run: repeat it when the failures are mended")
  elif .cut_off > 0 then
    # Or the time that they were given would stand for the time that they need.
    nothing("this run: \(.cut_off | counted("job"; "jobs")) met the deadline before the work was done; "
      + "repeat it with a longer one")
  elif .goodput == null then nothing("these records: when \(untimed_jobs) ended is not known")
  elif .untimed != null then
    {
      plan: ("Plan with \(.goodput | gbs), the least that the goodput can have been: when \(untimed_jobs) ended is "
        + "not known."),
      plan_gbs: .goodput,
      plan_fed_gbs: null
    }
  else
    (if .sustained_short then null
     elif bursts then .evidence.steady_mbps * .max_active / 1e3
     else .sustained end) as $fed
    | {
        plan: (
          "Plan with \(.goodput | gbs), the goodput: work is over when its last worker is"
          + if $fed == null then
              ". The fleet was together for \(.sustained_s | seconds), too short to plan longer work with"
            elif bursts and $fed < 0.98 * .goodput then
              "; for longer work with \($fed | gbs), the rate after the burst"
            elif $fed < 1.02 * .goodput then ""
            else
              "; with \($fed | gbs), the \(if bursts then "rate after the burst" else "sustained rate" end), only "
              + "where workers take new work as they finish"
            end
          + "."
        ),
        plan_gbs: .goodput,
        plan_fed_gbs: $fed
      }
  end;

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
    findings as $findings
    | (if .valid | not then
         {held_back_by: "failures", sentence: (failures.sentence
           + ($findings | map(select(.cause != "failures")) | also) + ".")}
       elif .loopback == true then
         {
           held_back_by: "loopback",
           sentence: (
             "This run measures this machine, whose processors workers, S3 and Lambda share: not S3"
             + ($findings | also) + "."
           )
         }
       elif .goodput == null then
         {held_back_by: "failures", sentence: "When \(untimed_jobs) ended is not known, so no goodput is."}
       elif $findings == [] then {held_back_by: "nothing", sentence: (nothing + ".")}
       else
         {
           held_back_by: $findings[0].cause,
           sentence: ($findings[0].sentence + ($findings[1:] | also) + ".")
         }
       end)
      + plan
      + {findings: $findings}
  end;
