# Purpose: what a run reached, and what its picture shows of that.
# Input:   records as raw lines (-n -R), streamed; $run: [the run, see run.jq], [null] for records from elsewhere.
#          Optional: --slurpfile prices prices.json; without it what the run cost is null. --argjson picture true.
#          --argjson place_unknown true where the run is damaged: on AWS or on loopback, nobody knows.
# Output:  what figures.jq makes of them: summary.json, one object; with $picture then what drawing.jq makes.

include "report/figures";
include "report/bill";
include "report/drawing";
include "report/errors";
include "report/job";
include "report/selection";
include "report/verdict";
include "plan/cost";
include "plan/network";
include "plan/squads";
include "report/timeline";
include "run";
include "text";

figures(inputs; $run[0]; $ARGS.named.prices[0]; $ARGS.named.place_unknown == true; $ARGS.named.picture == true)
