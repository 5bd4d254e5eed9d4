# Purpose: the streams of a run that can be read, and how many objects each has.
# Input:   the run's records as raw lines (-n -R); a torn one is none. $op: what it did, $jobs: [its jobs]: those of a
#          read tell what a write had left. $most: how many objects are read of each at most, "" for all.
# Output:  {key: number of objects}.

def known_jobs: if $op == "read" then $jobs[] else inputs | fromjson? | objects | select(.error == null) end;

reduce (known_jobs | select((.key | type == "string") and (.objects | type == "number" and . > 0))) as $one ({};
  .[$one.key] = ([$one.objects, ($most | select(. != "") | tonumber)] | min)
)
