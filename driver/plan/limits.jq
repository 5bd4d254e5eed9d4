# Purpose: what keeps a launch from starting, or changes what it measures or costs: of function and bucket, and of how
#          the fleet fits its workers' time, Lambda's concurrency and the ceiling of its cost.
# Input:   the configuration and its fleet (-s; see fleet.jq). $jobs: how many are launched; $squad: the option, empty
#          for none; $max_cost: USD, $yes: "" or "yes"; $lambda: [GetFunctionConfiguration]; $bucket: [HeadBucket],
#          $versioning: [GetBucketVersioning], $account: [GetAccountSettings], $concurrency: [GetFunctionConcurrency],
#          each [] where it is not known.
# Output:  lines (-r): "refuse ..." with the commands that mend it, or before the ping a warning, or none.

include "plan/cost";
include "plan/squads";
include "plan/network";
include "run";
include "text";

add as $run
| $lambda[0] as $function
| ($function.FunctionArn // "" | split(":")[3] // "") as $region
| (if $region == "" then "" else " --region \($region)" end) as $there
| "aws lambda update-function-configuration\($there) --function-name \($run.function | word)" as $update
| $concurrency[0].ReservedConcurrentExecutions as $reserved
| $account[0].AccountLimit.ConcurrentExecutions as $limit
| ($reserved // $account[0].AccountLimit.UnreservedConcurrentExecutions // $limit) as $free
| $run.environments as $need
| ($run.network_mbps // usual_mbps) as $network
| ($run | workers_here) as $here

| def regions:
    ($bucket[0].BucketRegion // "") as $other
    | if "" | IN($region, $other) or $region == $other then empty
      else
        "refuse the bucket \"\($run.bucket)\" is in \($other), the function in \($region): AWS_REGION=\($other) make "
        + "deploy makes a function there, --bucket names a bucket in \($region)"
      end;

  # One memory, and one price, is told of all jobs of a run that is resumed.
  def changed:
    "refuse the function \($run.function) " as $the
    | ($run.memory_mb | select(. != $function.MemorySize)
        | "\($the)has \($function.MemorySize | grouped) MB of memory now, and the run \(grouped): "
          + "\($update) --memory-size \(.)"),
      ($run.timeout_s | select(. != $function.Timeout)
        | "\($the)times out after \($function.Timeout) s now, and in the run after \(.) s: \($update) --timeout \(.)"),
      ($run.arch | values | select(. != ($function.Architectures[0]? // .))
        | "\($the)is for \($function.Architectures[0]) now, and in the run for \(.): make deploy ARCH=\(.)");

  def surroundings:
    ($function.VpcConfig.VpcId // ""
      | select(. != "")
      | "the function is in a VPC (\(.)): its NAT or endpoint is measured, and may bill each GB; \($update) "
        + "--vpc-config 'SubnetIds=[],SecurityGroupIds=[]'"),
    ($versioning[0].Status
      | select(. == "Enabled")
      | "the bucket keeps versions: what is deleted goes on costing; aws s3api put-bucket-versioning --bucket "
        + "\($run.bucket) --versioning-configuration Status=Suspended");

  def timeout:
    "the function's timeout is \($run.timeout_s) s" as $short
    | "\($update) --timeout 900 (make deploy sets that too)"
    | if $run.timeout_s < 2 * $run.answering_s then
        "refuse \($short), and a worker keeps \($run.answering_s) s of it to abort its upload and to answer: \(.)"
      elif $run.start_in_s != null and $run.start_in_s >= $run.stop_in_s then
        "refuse the fleet would start together \($run.start_in_s | round) s after the launch, and \($short): \(.), or "
        + "--start-in 0 for no common start"
      else empty end;

  # The largest fleet that has room.
  def workers_that_fit:
    def jobs_per_squad: if $squad == "" then squad_for(.) else $squad | tonumber end;
    first(range([$free, $jobs] | min; 0; -1) | select(environments(.; jobs_per_squad) <= $free)) // 0;

  def more_room:
    if $run.loopback then "local --concurrency \($need)"
    elif $reserved != null then
      "aws lambda put-function-concurrency\($there) --function-name \($run.function | word) "
      + "--reserved-concurrent-executions \($need)"
    else
      "aws service-quotas request-service-quota-increase\($there) --service-code lambda --quota-code L-B99A9384 "
      + "--desired-value \($need + (($limit // $free) - $free) + 100)"
    end;

  def concurrency:
    if $free == null then empty
    elif $need > $free then
      "refuse the fleet takes \($need | counted("environment"; "environments")) at once, workers and squads, and the "
      + (if $reserved != null then "function has \($free | grouped) reserved for it"
         else "account has \($free | grouped) free" end)
      + ". \(workers_that_fit | counted("worker fits"; "workers fit")) now. To raise it: \(more_room)"
    elif $limit != null and $need * 2 > $limit then
      "the fleet takes \($need | grouped) of the account's \($limit | grouped) concurrent executions, more than half: "
      + "other functions of the account may be throttled meanwhile"
    else empty end;

  # Not for a few percent.
  def more_network:
    opted_in_mbps($run.memory_mb) as $more
    | if $here or $more < 1.2 * $network then empty
      else
        "\($run.memory_mb | grouped) MB of memory can have \($more | fixed(0)) MB/s of network instead of "
        + "\($network | fixed(0)), at no charge, outside a VPC, once the account has opted in. The quota to raise: "
        + "aws service-quotas list-service-quotas\($there) --service-code lambda "
        + "--query \"Quotas[?QuotaName=='\(quota_name)']\""
      end;

  ($run.stop_in_s - ($run.start_in_s // 0)) as $allowed
  | (if $run.stop_in_s < $run.timeout_s - $run.answering_s then "; a longer --timeout allows more" else "" end)
    as $longer

  # Of one wave: each goes on for its time.
  | def expected: $run.expected_s / ($run.invocations | per($run.processes));
    def by_time:
      if $run.for_s == null then empty
      elif $run.for_s > $run.for_most_s then
        "refuse --for \($run.for_s) does not end before the workers give up, \($allowed | fixed(0)) s after the start: "
        + if $run.for_most_s < 1 then "there is no time at all" else "--for \($run.for_most_s) is the longest" end
        + $longer
      elif ($run.reckoned_objects == null or expected < 0.99 * $run.for_s)
        and any($run.paid | to_entries[]; .value < ($run[.key] // infinite)) then
        "WARNING: $\($max_cost) (--max-cost) pays for "
        + (if $run.reckoned_objects == null then "less than \($run.for_s) s where objects are small"
           else "\(expected | rough_seconds) of \($run.for_s)" end)
        + ": workers end after \($run.paid | if .objects then .objects | counted("object"; "objects")
             else .read_times | counted("round"; "rounds") end); --yes, or a higher --max-cost, allows more"
      else empty end;

  # A faster network may do it: no refusal.
  def time:
    if $run.for_s != null or $run.expected_s == null or $run.expected_s <= $allowed then empty
    else
      "WARNING: this takes \($run.expected_s | fixed(0)) s at "
      + (if $here then "the rate of this machine" else "\($network | fixed(0)) MB/s per worker" end)
      + ", and workers give up \($allowed | fixed(0)) s after the start, with nothing done unless they are faster: "
      + "smaller objects end in time" + $longer
    end;

  def ceiling:
    if $yes != "" or $run.cost.ceiling_usd <= $max_cost then empty
    else
      "refuse this may cost up to \($run.cost.ceiling_usd | dollars), more than $\($max_cost) (--max-cost): add --yes "
      + "to allow it, --max-cost USD for another ceiling, or --timeout SECONDS for less time"
    end;

  regions, changed, surroundings, timeout, concurrency, by_time, time, more_network, ceiling
  | select($run.clock == null or startswith("refuse "))
