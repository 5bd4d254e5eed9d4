# Purpose: the answers that a run's squads left in the bucket.
# Input:   what list-objects-v2 says of their folder (-n): one object, or nothing where none is there; $folder.
# Output:  the key of each, a JSON string; only of names that invocations.jq gives.

inputs.Contents[]?.Key
| select(startswith($folder))
| select(.[$folder | length:] | test("^[0-9]+-[0-9]{6}\\.json$"))
