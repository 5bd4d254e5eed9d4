# Purpose: the open uploads of our keys, and of no other.
# Input:   what list-multipart-uploads says (-n): one object, or nothing where none is open; $keys: ours, slurped;
#          $bucket.
# Output:  for each what abort-multipart-upload takes.

(reduce $keys[] as $key ({}; .[$key] = true)) as $own
| inputs.Uploads[]?
| select($own[.Key])
| {Bucket: $bucket, Key, UploadId}
