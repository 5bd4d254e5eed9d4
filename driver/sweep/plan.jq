# Purpose: what the runs of a sweep would cost together.
# Input:   of each run of each point once its plan, as a dry run prints it, with `point`, the point in words (-n).
#          $turns: how often each is run; $max_cost: USD; $yes, $dry_run: "" or "yes".
# Output:  lines (-r). By $want, table: every point and the sum; verdict: the sum
#          before a sweep, and "refuse ..." where it may be more
#          than $max_cost.

include "plan/cost";
include "text";

# Null where the size of some objects is not known.
def about: map(.cost | if .compute_usd == null or .requests_usd == null then null else .compute_usd + .requests_usd end)
  | if any(. == null) then null else add end;
def at_most: map(.cost.ceiling_usd) | add;
def price: (if about == null then "" else "about \(about | dollars), " end) + "at most \(at_most | dollars)";

[inputs] as $plans
| ([$plans[] | range($turns) as $turn | .]) as $runs
| (if $plans[0].loopback then "nothing on loopback; on AWS " else "" end) as $where
| "\($runs | length | grouped) runs: \($where)\($runs | price)" as $sum
| if $want == "table" then
    "terabit sweep: would write and read",
    ($plans | group_by(.point)[] | "  \(.[0].point): \(price)"),
    ("\($turns | counted("turn"; "turns")) of \($plans | length / 2 | counted("point"; "points")), \($sum)"
      + " (list prices of \($plans[0].cost.prices | "\(.region), \(.date)"))" | wrapped(width - 2)[]),
    "Nothing was launched or written."
  else
    (select($dry_run == "") | $sum),
    if $plans[0].loopback or $yes != "" or ($runs | at_most) <= $max_cost then empty
    else
      "refuse the runs of this sweep may cost up to \($runs | at_most | dollars) together, more than $\($max_cost) "
      + "(--max-cost): add --yes to allow it, --max-cost USD for another ceiling, or --timeout SECONDS for less time"
    end
  end
