# Purpose: cuts keys into requests that delete them.
# Input:   keys, a JSON string each (-n); $bucket.
# Output:  the requests, as requests.jq names them.

include "delete/requests";

([inputs] | unique) as $keys
| ($keys | map(select(fits_xml))) as $fit
| [
    (
      range(0; $fit | length; most) as $first
      | {Quiet: true, Objects: ($fit[$first : $first + most] | map({Key: .}))}
      | ["delete-objects", {Bucket: $bucket, Delete: .}]
    ),
    ($keys[] | select(fits_xml | not) | ["delete-object", {Bucket: $bucket, Key: .}])
  ]
| named
