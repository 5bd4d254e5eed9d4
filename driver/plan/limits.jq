# Purpose: whether a fleet fits Lambda's concurrency and its workers' time, and whether they get the network that their
#          memory could have.
# Input:   none. $run: [the configuration with its fleet]; $jobs: how many it launches; $squad: the
#          option, empty for none; $besides: "more" where the command line says more than that, "resume" where it cannot
#          be of fewer, else empty; $account: [GetAccountSettings], $function: [GetFunctionConcurrency], each [] where
#          it is not known.
# Output:  lines (-r): "refuse ..." with the commands that mend it, or a warning, or none.

include "plan/cut";
include "plan/network";
include "text";

$run[0] as $run
| $function[0].ReservedConcurrentExecutions as $reserved
| $account[0].AccountLimit.ConcurrentExecutions as $limit
| ($reserved // $account[0].AccountLimit.UnreservedConcurrentExecutions // $limit) as $free
| $run.environments as $need
| ($run.network_mbps // usual_mbps) as $network

# The largest fleet that has room.
| def what_fits:
    def rest: if $besides == "more" then ", with the other arguments as they were" else "" end;
    def chosen: if $squad == "" then squad_for(.) else $squad | tonumber end;
    (first(range([$free, $jobs] | min; 0; -1) | select(environments(.; chosen) <= $free)) // 0) as $fits
    | if $fits == 0 or $besides == "resume" then ""
      else
        " What fits now: ./driver.sh \($run.op) \($fits)"
        + (if $run.op == "write" then " \($run.mb_per_file)" else "" end)
        + (if $squad == "" then "" else " --squad \($squad)" end)
        + rest
        + "."
      end;

  def more_room:
    if $reserved != null then
      "aws lambda put-function-concurrency --function-name \($run.function | word) "
      + "--reserved-concurrent-executions \($need)"
    else
      "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
      + "--desired-value \($need + (($limit // $free) - $free) + 100)"
    end;

  def concurrency:
    if $free == null then empty
    elif $need > $free then
      "refuse "
      # Of a very large fleet only a part runs at once.
      + (if $need < $jobs then "\($need | grouped) environments"
         else
           ($jobs | counted("worker"; "workers"))
           + if $run.squad > 1 then " and \($need - $jobs | counted("squad"; "squads"))" else "" end
         end)
      + " run at once, and \(if $reserved != null then "the function has \($free | grouped) reserved for it"
                             else "the account has \($free | grouped) free" end)."
      + what_fits
      + " To raise it: "
      + more_room
    elif $limit != null and $need * 2 > $limit then
      "the fleet takes \($need | grouped) of the account's \($limit | grouped) concurrent executions, more than half: "
      + "other functions of the account may be throttled meanwhile"
    else empty end;

  # Not for a few percent.
  def more_network:
    opted_in_mbps($run.memory_mb) as $more
    | if $run.loopback or $more < 1.2 * $network then empty
      else
        "\($run.memory_mb | grouped) MB of memory can have \($more | fixed(0)) MB/s of network instead of "
        + "\($network | fixed(0)), at no charge, outside a VPC, once the account has opted in. The quota to raise: "
        + "aws service-quotas list-service-quotas --service-code lambda --query \"Quotas[?QuotaName=='\(quota_name)']\""
      end;

  # A faster network may do it: no refusal.
  def time:
    if $run.expected_s == null then empty
    else
      ($run.stop_in_s - ($run.start_in_s // 0)) as $given
      | ($run.mb_per_file * $given / $run.expected_s | floor) as $most
      | if $run.expected_s <= $given then empty
        else
          "WARNING: this takes \($run.expected_s | fixed(0)) s at "
          + (if $run.loopback then "the rate of this machine" else "\($network | fixed(0)) MB/s per worker" end)
          + ", and workers give up \($given | fixed(0)) s after the start, with nothing done unless they are faster. "
          + (if $most > 0 then "Objects of \($most) MiB at most end in time" else "No object is small enough" end)
          + (if $run.stop_in_s < $run.timeout_s - 10 then "; a longer --timeout allows more" else "" end)
        end
    end;

  concurrency, time, more_network
