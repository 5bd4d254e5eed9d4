# Purpose: what a run would be, for --dry-run; $brief: the two lines that stand before every run.
# Input:   the run's configuration with its fleet (see configuration.jq, fleet.jq); $jobs: how many are launched;
#          $prices: [prices.json].
# Output:  lines of text (-r).

include "plan/cost";
include "text";

def fleet:
  "\($jobs | counted("job"; "jobs"))"
  + (if .squad > 1 then
       " in \(.invocations | counted("squad"; "squads"))"
       + if .invocations == 1 then ""
         else
           ($jobs / .invocations | ceil) as $most
           | " of \(if $most * .invocations > $jobs then "up to " else "" end)\($most | grouped)"
         end
     elif $jobs > 1 then ", each invoked directly"
     else ", invoked directly" end)
  + if .processes < .invocations then
      ", \(.processes | grouped) at a time (56 MB of memory each): the last start when the first have ended"
    else "" end
  + (if .start_in_s == null then ", no common start"
     else "; they start together \(.start_in_s | rough_seconds) after the launch" end)
  + ", give up \(.stop_in_s - (.start_in_s // 0) | rough_seconds) after "
  + (if .start_in_s == null then "the launch" else "that" end)
  + if .timeout_cut then
      " (--timeout is cut: the function itself times out after \(.timeout_s | rough_seconds))"
    else "" end;

def list_prices: "list prices of \(.cost.prices.region), \(.cost.prices.date)";

# What is expected, as far as the objects' size is known.
def together: if .cost.compute_usd == null then null else .cost.compute_usd + .cost.requests_usd end;

def price:
  (if .loopback then "nothing on loopback; on AWS " else "" end)
  + (together
      | if . == null then ""
        elif . < 0.01 then dollars + ", "
        else "about \(dollars), " end)
  + "at most \(.cost.ceiling_usd | dollars) if all run until they give up"
  + (if .cost.requests_usd == null then " and their requests (objects of unknown size)" else "" end)
  + (if .cost.storage_usd_per_day > 0 then
       "; then \(.cost.storage_usd_per_day | dollars) a day until the objects are deleted"
     else "" end)
  + " (\(list_prices))";

# The amounts as somebody would add them up by hand: to a tenth of a cent, so that the sum is that of what is shown.
def amount: "$" + fixed(3);

def sums:
  .cost as $cost
  | $prices[0] as $prices
  | ["compute",
      if $cost.expected_s == null then "unknown, as is the objects' size"
      else
        "\($cost.compute_usd | amount): \(.environments | grouped) environments for \($cost.expected_s | fixed(1)) s, "
        + "\(.memory_mb / 1024) GB each, at $\($prices.gb_second[.arch // "x86_64"] | fixed(10)) a GB-second"
      end],
    (select($cost.requests != null)
      | $cost.requests
      | ["requests",
          "\($cost.requests_usd | amount): "
          + "\(.puts | grouped) PUT at $\($prices.thousand_puts) and \(.gets | grouped) GET or HEAD at "
          + "$\($prices.thousand_gets | fixed(4)) a thousand, \(.invocations | grouped) invocations at "
          + "$\($prices.million_invocations | fixed(2)) a million"]),
    (select(together != null) | ["together", (together | amount)]),
    ["at most",
      "\($cost.ceiling_usd | amount): compute for \(.stop_in_s | fixed(1)) s, until all give up, and the requests"],
    (select($cost.storage_usd_per_day > 0)
      | ["storage",
          "\($cost.storage_usd_per_day | amount) a day until deleted: \($jobs * .mb_per_file / 1024 | figures) GB at "
          + "$\($prices.gb_month) a month of 30 days"])
  | .[0] as $name
  | .[1] | paragraph($name);

if $brief then fleet, price | "driver: " + .
else
  ("terabit \(.op): would launch \(fleet)" | wrapped(width)[]),
  (
    to_entries[]
    | select(.value != null and .value != "")
    | select(.key | IN("op", "jobs", "launch", "end", "cost", "start_at", "stop_by", "timeout_cut") | not)
    | .value |= if type == "number" and . != floor then fixed(2) else tostring | visible end
    | "  \(.key | left(14))\(.value)"
  ),
  "",
  "What it costs, by \(list_prices)" + (if .loopback then "; loopback costs nothing" else "" end) + ":",
  sums,
  "",
  "Nothing was launched or written."
end
