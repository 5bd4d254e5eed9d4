# Purpose: the streams of a run that can be read, and how many objects each has.
# Input:   the run's records (-n). $op: what it did, $jobs: [its jobs]: those of a read tell what a write had left.
#          $most: how many objects are read of each at most, "" for all.
# Output:  {key: number of objects}.

reduce ((if $op == "read" then $jobs[] else inputs | select(.error == null) end) | select(.objects > 0)) as $one ({};
  .[$one.key] = ([$one.objects, ($most | select(. != "") | tonumber)] | min)
)
