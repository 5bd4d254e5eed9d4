# Purpose: what held a run back, with its evidence, and the number to plan with. A library.

include "plan/cost";
include "plan/network";
include "report/timeline";
include "run";
include "text";

# Evidence: times in seconds after the first start, rates in MB/s per worker. What is not known is null.

# What Lambda's network gives each worker, in MB/s; null where it is this machine that gives. Input: the run, null for
# records from elsewhere.
def cap_mbps:
  if .loopback == true or .shared_machine == true then null else (.network_mbps | numbers) // usual_mbps end;

def p50: map(select(measured)) | sort | nearest_rank(50);

# The share of what its memory buys that the median worker used.
def processor_share($run):
  map(select(.error == null) | (.cpu_s / (.stop - .start) / (.memory_mb // $run.memory_mb) * processor_mb)?) | p50;

# Input: the jobs that began, at least one. $points: their timeline; $stretches: the time in which the fleet was
# together. After the middle of that a burst is over and workers have their steady rate.
def evidence($run; $points; $stretches):
  (map(.start) | min) as $origin
  | ($points | during($stretches; ($stretches[0].from + $stretches[-1].to) / 2)) as $later
  | {
      mean_start_s: ((map(.start - $origin) | add) / length),
      median_job_s: (map(.stop - .start) | p50),
      last: (max_by(.stop) | {start_s: (.start - $origin), job_s: (.stop - .start)}),
      memory_mb: ([.[].memory_mb, $run.memory_mb] | p50),
      cpu_share: processor_share($run),
      in_flight: $run.in_flight,
      for_s: $run.for_s,
      # Jobs by time that ended before it, for they had moved as many objects as they may. (null is below any number.)
      ended_early: (
        ($run | most_objects // infinite) as $most
        | map(select(.error == null and .objects >= $most and .stop - .start < 0.95 * ($run.for_s // 0)))
        | length
      ),
      network_mbps: ($run | cap_mbps),
      # 503s came within the jobs that met some.
      throttled: (
        map(select((.throttled // 0) > 0))
        | if . == [] then null
          else {jobs: length, from_s: (map(.start) | min - $origin), to_s: (map(.stop) | max - $origin)} end
      ),
      steady_mbps: ($later.bytes / $later.worker_s / 1e6)
    };

# Verdict. Input of all below: the summary with its evidence.

# Below this share of the makespan a cause is none.
def threshold: 0.01;

def told_s: seconds(if fabs < 10 then 2 else 1 end);
def told_mbps: "\(figures) MB/s";

# cost_s: null where what it cost cannot be told. short: the cause behind other causes.
def finding($cause; $cost_s; $sentence):
  {cpu: "processor time", network_cap: "the network cap", too_short: "a short run"} as $names
  | {$cause, $cost_s, short: ($names[$cause] // ($cause | gsub("_"; " "))), $sentence};

def settled_mbps: if .sustained_short then .mbps.p50 else .evidence.steady_mbps end;

def begins_with_a_burst:
  (.sustained_short | not) and .sustained * 1e3 / .max_active > 1.1 * .evidence.steady_mbps;

# Whether a worker's rate is what the network gives it.
def is_at_cap:
  settled_mbps != null and .evidence.network_mbps != null
  and (settled_mbps / .evidence.network_mbps | . >= 0.9 and . <= 1.1);

def failures:
  (.failed + .missing) as $lost
  | (.errors | to_entries | max_by(.value)) as $most
  | finding("failures"; (.makespan_s // 0) * $lost / .jobs;
      "Failures: \($lost | grouped) of \(.jobs | counted("job"; "jobs")) were not completed"
      + if $most == null then "" else ", \($most.value | grouped) of them with \($most.key | visible)" end);

def jobs_without_times: .untimed.jobs | counted("job"; "jobs");

# What the last 5 % of the bytes cost, in seconds. No straggler cost more than lies between the first stop and the last:
# before that all waited alike.
def tail_s: (.straggler_tax // 0) * .makespan_s;
def apart_s: if .untimed == null then [tail_s, .stop_spread_s] | min else tail_s end;
def has_tail: apart_s >= threshold * .makespan_s;
def tail_cost:
  "\(if .untimed == null then "" else "at most " end)\(apart_s | told_s) (\(apart_s / .makespan_s | percent))";

# Whether the worker that all waited for had begun late rather than been slow.
def last_is_late: .untimed == null and .evidence.last.start_s > .evidence.last.job_s - .evidence.median_job_s;

def stragglers:
  select(has_tail and (last_is_late | not))
  | finding("stragglers"; apart_s;
      "Stragglers cost \(tail_cost): "
      + if .untimed != null then "when \(jobs_without_times) ended is not known"
        elif .evidence.for_s != null and .evidence.last.job_s > .evidence.for_s then
          "the last worker took \(.evidence.last.job_s - .evidence.for_s | told_s) more than its "
          + "\(.evidence.for_s | grouped) s, for what was under way"
        else
          "the last worker took \(.evidence.last.job_s | told_s), the median \(.evidence.median_job_s | told_s)"
        end);

def last_requests:
  select(.untimed == null)
  | finding("last_requests"; tail_s - apart_s;
      "The last requests cost \(tail_s - apart_s | told_s): workers stopped within \(.stop_spread_s | told_s), and had "
      + "waited "
      + if .evidence.for_s != null then "for what was under way when their time was over"
        elif .op == "write" then "for S3 to confirm what it had been sent"
        else "for the last bytes" end);

# Workers that begin late keep a slot idle, and where one of them is the last to stop all wait for it.
def late_starts:
  select(.start_spread_s >= 0.1)
  | (if has_tail and last_is_late then [apart_s, tail_cost]
     else .evidence.mean_start_s | [., "\(told_s) on average"] end) as [$cost_s, $cost]
  | finding("late_starts"; $cost_s;
      "Late starts cost \($cost): the last worker began \(.start_spread_s | told_s) after the first");

# Requests open one after another, so that S3 is approached gradually: on average half the opening is idle.
def opening:
  select((.evidence.open_s // 0) > 1)
  | ([.evidence.open_s, .evidence.median_job_s] | min) as $s
  | finding("opening"; $s / 2;
      "The opening: requests began one after another over \($s | told_s), so that S3 was approached gradually");

def cpu:
  select(.evidence.cpu_share != null and .evidence.cpu_share >= 0.9 and .mbps.p50 != null)
  | finding("cpu"; null;
      "Processor time: the median worker used \(.evidence.cpu_share | percent) of what "
      + "\(.evidence.memory_mb | grouped) MB buys, and got \(settled_mbps | told_mbps)");

# Of how many requests so many had to be repeated.
def repeated($count; $cause; $why):
  select($count > 0 and (.requests // 0) > 0)
  | finding($cause; .makespan_s * $count / .requests;
      "\($count | grouped) of \(.requests | grouped) requests (\($count / .requests | percent)) \($why) and were "
      + "repeated");

# A request of a small object is mostly waiting, of which the network knows nothing.
def small_requests:
  select(.small_objects)
  | finding("requests"; null;
      "Requests, not the network, hold small objects back: "
      + if .evidence.in_flight == null or .request_ms.p50 == null then "each takes its time whatever its size"
        else
          "a worker had \(.evidence.in_flight | grouped) in flight, and the median request took "
          + "\(.request_ms.p50 | fixed(1)) ms"
        end);

def network:
  select(is_at_cap and (.small_objects | not))
  | finding("network_cap"; null;
      "The network cap: workers \(if begins_with_a_burst then "settled, after a burst," else "ran" end) at "
      + "\(settled_mbps | told_mbps), and \(.evidence.network_mbps | fixed(0)) MB/s is what Lambda gives each"
      + if .evidence.network_mbps == usual_mbps then " unless opted in to more" else "" end);

def limit_of_objects:
  select(.evidence.ended_early > 0)
  | finding("limit_of_objects"; null;
      "The limit of objects (--objects, --read-times, or what --max-cost pays for) ended "
      + "\(.evidence.ended_early | grouped) of \(.jobs | counted("job"; "jobs")) before the "
      + "\(.evidence.for_s | grouped) s were over");

def too_short:
  select(.makespan_s < 5)
  | finding("too_short"; null;
      "Too short to judge: it took \(.makespan_s | told_s), and a fleet needs several seconds to settle");

# Every cause that shows, the costliest first. What has no cost of its own ranks as if it cost 5 %: before trifles,
# behind what hurts.
def findings:
  .makespan_s as $all
  | if $all == null then []
    else
      [
        limit_of_objects, stragglers, last_requests, late_starts, opening, cpu, small_requests,
        repeated(.throttled // 0; "throttling"; "were throttled by S3 (503)"),
        repeated((.retries // 0) - (.throttled // 0); "retries"; "failed"),
        failures, network, too_short
      ]
    end
  | map(select(.cost_s == null or .cost_s >= ([threshold * $all, 0.01] | max)))
  | sort_by(-(.cost_s // 0.05 * $all));

def also:
  map(.short + ((.cost_s | values | " (\(told_s))") // ""))
  | if . == [] then "" else "; also " + join(", ") end;

# A stage that waits for its last worker gets the goodput, so that is the number to plan with. Only workers that take
# new work as they finish get the steady rate. Rates in GB/s, null where there is none to plan with.
def plan:
  def nothing($why): {plan: "Plan nothing with \($why).", plan_gbs: null, plan_fed_gbs: null};
  if .max_active == null then {plan: null, plan_gbs: null, plan_fed_gbs: null}
  elif .loopback == true then nothing("these figures")
  elif .place_unknown == true then nothing("these figures: run.json is damaged, so nobody knows where they are from")
  elif .valid | not then nothing("this run: repeat it when the failures are mended")
  elif .cut_off > 0 then
    # Or the time that they were given would stand for the time that they need.
    nothing("this run: \(.cut_off | counted("job"; "jobs")) met the deadline before the work was done; "
      + "repeat it with a longer one")
  elif .goodput == null then nothing("these records: when \(jobs_without_times) ended is not known")
  else
    .goodput as $gbs
    | (if .untimed != null or .sustained_short then null else .evidence.steady_mbps * .max_active / 1e3 end) as $fed
    | (if .untimed != null then
         "the least that the goodput can have been: when \(jobs_without_times) ended is not known"
       else
         (if .evidence.for_s != null then "the goodput of workers that have work for \(.evidence.for_s | grouped) s"
          else "the goodput: work is over when its last worker is" end)
         + if $fed == null then
             ". The fleet was together for \(.sustained_s | told_s), too short to plan longer work with"
           elif $fed < 0.98 * .goodput then "; for longer work with \($fed | told_gbs($gbs)), the steady rate"
           elif $fed < 1.02 * .goodput then ""
           else "; with \($fed | told_gbs($gbs)), the steady rate, only where workers take new work as they finish" end
       end) as $why
    | (if .small_objects and .objects_per_s != null then "\(.objects_per_s | per_second) objects/s, " else "" end)
      as $objects
    | (if .shared_machine == true then " from this one machine" else "" end) as $where
    | {plan: "Plan with \($objects)\(.goodput | told_gbs)\($where), \($why).", plan_gbs: .goodput, plan_fed_gbs: $fed}
  end;

# What held the run back: [in one word, in one sentence].
def judgement:
  if .jobs == 0 then [null, "There are no records to judge"]
  elif .max_active == null then ["failures", "No job is known to have begun: there is nothing to judge"]
  elif .valid | not then ["failures", failures.sentence + (.findings | map(select(.cause != "failures")) | also)]
  elif .loopback == true then
    ["loopback", "This run measures this machine, not S3: workers, S3 and Lambda share its processors"
      + (.findings | also)]
  elif .goodput == null then ["failures", "When \(jobs_without_times) ended is not known, so no goodput is"]
  elif .findings == [] and .untimed != null then
    ["failures", "When \(jobs_without_times) ended is not known, nor what it cost to wait for that"]
  elif .findings == [] then
    (.evidence.network_mbps) as $network
    | ["nothing",
      (if $network != null and settled_mbps < 0.9 * $network then "These records do not show what held it back"
       else "Nothing in these records held it back" end)
      + ": workers got \(settled_mbps | told_mbps) each"
      + if $network == null then ""
        elif settled_mbps > $network then ", more than the \($network | fixed(0)) that Lambda's network gives"
        else ", and the network gives \($network | fixed(0))" end]
  else [.findings[0].cause, .findings[0].sentence + (.findings[1:] | also)] end;

# {held_back_by, sentence, plan, plan_gbs, plan_fed_gbs, findings: [{cause, cost_s, sentence, short}, ...]}
def verdict:
  .findings = findings
  | judgement as [$held_back_by, $sentence]
  | {$held_back_by, sentence: "\($sentence)."} + plan + {findings};
