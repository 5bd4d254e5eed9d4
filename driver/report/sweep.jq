# Purpose: how a fleet scales, from the summaries of a sweep's runs.
# Input:   summaries, each with its run's folder (-n); $stopped: why the sweep ended early, empty if it did not;
#          $unfinished: the folder of the run that it cut short, empty for none.
# Output:  {stopped, unfinished, rows: [one for each op and number of workers]}. goodput and ideal in GB/s; mbps in MB/s
#          per worker. ideal: as many times the goodput per worker of the op's smallest valid fleet that moved
#          something; of_ideal: only of valid runs. Runs in which no job began have no rate. at_least: some goodput is
#          only a bound.

include "text";

[inputs]
| group_by(.op == "read", .jobs)
| map({
    op: .[0].op,
    jobs: .[0].jobs,
    runs: map(.run),
    repetitions: length,
    valid: all(.valid),
    failed: (map(.failed + .missing) | add),
    at_least: any(.at_least // [] | index("goodput")),
    goodput: (map(.goodput) | range_of | {min: .least, median, max: .most}),
    mbps_p50: (map(.mbps.p50) | range_of | .median),
    loopback: any(.loopback == true)
  })
| [group_by(.op == "read")[]
    | ([.[] | select(.valid and .goodput.median != null and .goodput.median > 0) | .goodput.median / .jobs][0]) as $one
    | .[]
    | .ideal = (if $one == null then null else $one * .jobs end)
    | .of_ideal = (if .goodput.median == null or .ideal == null or (.valid | not) then null
        else .goodput.median / .ideal end)]
| {
    stopped: (if $stopped == "" then null else $stopped end),
    unfinished: (if $unfinished == "" then null else $unfinished end),
    rows: .
  }
