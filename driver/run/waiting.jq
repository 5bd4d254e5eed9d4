# Purpose: which of the answers that are waited for are in the bucket.
# Input:   what list-objects-v2 says of the run's folder there (-n): one object, or nothing where none is; $folder;
#          $waiting: the names that are waited for, one a line.
# Output:  their names (-r).

($waiting | split("\n")) as $names
| inputs.Contents[]?.Key
| ltrimstr($folder)
| rtrimstr(".json")
| select(IN($names[]))
