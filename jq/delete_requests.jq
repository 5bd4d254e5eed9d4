# Purpose: cuts keys into requests that delete them.
# Input:   keys, a JSON string each (-n); $bucket.
# Output:  two lines for each request: its name, which begins with the operation, and what the operation takes.

# S3 takes so many in one request.
def most: 1000;

# XML 1.0 cannot carry the other ones, not even escaped: they go one by one, in the request's address.
def fits_xml: test("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x{fffe}\\x{ffff}]") | not;

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
| to_entries[]
| "\(.value[0]).\(.key + 1)", .value[1]
