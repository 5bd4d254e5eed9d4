# Purpose: cuts all that a bucket holds into requests that remove it.
# Input:   what list-object-versions and list-multipart-uploads say (-n); nothing where there is nothing; $bucket.
# Output:  the requests, as requests.jq names them.

include "delete/requests";

[inputs] as $answers
| [$answers[] | .Versions[]?, .DeleteMarkers[]? | {Key, VersionId}] as $objects
| ($objects | map(select(.Key | fits_xml))) as $fit
| [
    (range(0; $fit | length; most) as $first
      | ["delete-objects", {Bucket: $bucket, Delete: {Quiet: true, Objects: $fit[$first:$first + most]}}]),
    ($objects[] | select(.Key | fits_xml | not) | ["delete-object", {Bucket: $bucket} + .]),
    ($answers[].Uploads[]? | ["abort-multipart-upload", {Bucket: $bucket, Key, UploadId}])
  ]
| named
