# Purpose: cuts all that a bucket holds into requests that remove it.
# Input:   what list-object-versions and list-multipart-uploads say (-n); nothing where there is nothing; $bucket.
# Output:  two lines for each request: its name, which begins with the operation, and what the operation takes.

# S3 takes so many in one request.
def most: 1000;

# XML 1.0 cannot carry the other ones, not even escaped: they go one by one, in the request's address.
def fits_xml: test("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x{fffe}\\x{ffff}]") | not;

[inputs] as $answers
| [$answers[] | .Versions[]?, .DeleteMarkers[]? | {Key, VersionId}] as $objects
| ($objects | map(select(.Key | fits_xml))) as $fit
| [
    (range(0; $fit | length; most) as $first
      | ["delete-objects", {Bucket: $bucket, Delete: {Quiet: true, Objects: $fit[$first:$first + most]}}]),
    ($objects[] | select(.Key | fits_xml | not) | ["delete-object", {Bucket: $bucket} + .]),
    ($answers[].Uploads[]? | ["abort-multipart-upload", {Bucket: $bucket, Key, UploadId}])
  ]
| to_entries[]
| "\(.value[0]).\(.key + 1)", .value[1]
