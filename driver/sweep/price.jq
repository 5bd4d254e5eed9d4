# Purpose: what the runs of a sweep would cost together.
# Input:   the plan of each run, once per point, without a ceiling, as a dry run prints it, with `point`, the point in
#          words (-n). $turns: how often each is run; $max_cost: USD; $yes, $dry_run: "" or "yes".
# Output:  lines (-r). By $want, table: every point and the sum; verdict: the sum before a sweep, and "refuse ..." where
#          it may be more than $max_cost; shares: one object, what each run may cost, in USD, by op and point.

include "plan/cost";
include "run";
include "text";

# Null where the size of some objects is not known.
def about:
  map(.cost | if .compute_usd == null or .requests_usd == null then null else .compute_usd + .requests_usd end)
  | if any(. == null) then null else add end;
def sum($cost): map(.cost[$cost]) | add;
def price($most): estimate(about | if . == null then . else [., $most] | min end; $most);

# A run plans again, with its own ping, and may find that it costs a little more.
def reserve: 1.1;

[inputs] as $plans
| [$plans[] | range($turns) as $turn | .]
| sum("ceiling_usd") as $most
| (reserve * sum("least_usd")) as $least
| ($yes != "" or $most <= $max_cost) as $within
| ($plans | any(.[]; is_free | not)) as $billed
| ("\(length | grouped) runs: "
  + if $billed then price(if $within or $least > $max_cost then $most else $max_cost end) else free end) as $sum
| if $want == "table" then
    "terabit sweep: would write and read",
    ($plans | group_by(.point)[]
      | "  \(.[0].point)" + if $billed then ": \(price(sum("ceiling_usd")))" else "" end),
    ("\($turns | counted("turn"; "turns")) of \($plans | length / 2 | counted("point"; "points")), \($sum)"
      + if $billed then " (list prices of \($plans[0].cost.prices | "\(.region), \(.date)"))" else "" end
      | wrapped(width - 2)[]),
    "Nothing was launched or written."
  elif $want == "verdict" then
    (select($dry_run == "") | $sum),
    if $within then empty
    elif $least > $max_cost then
      "refuse the runs of this sweep may cost up to \($most | dollars) together, more than "
      + "$\($max_cost) (--max-cost): add --yes to allow it, --max-cost USD for another ceiling, or --timeout SECONDS "
      + "for less time"
    else
      "WARNING: for all of its time this sweep may cost up to \($most | dollars); each run gets its share of "
      + "$\($max_cost) (--max-cost), and workers end when it is used up: --yes, or a higher --max-cost, allows more"
    end
  else
    $plans
    | map({
        "\(.op) \(.point)": (
          if $within then $max_cost
          else
            reserve * .cost.least_usd
            + ($max_cost - $least) * (.cost.ceiling_usd - .cost.least_usd) / ($most - $least / reserve)
            | . * 1e6 | floor / 1e6
          end
        )
      })
    | add
  end
