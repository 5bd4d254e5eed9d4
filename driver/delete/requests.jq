# Purpose: requests to S3 that remove something. A library.

# S3 takes so many keys in one request.
def most: 1000;

# XML 1.0 cannot carry the other keys, not even escaped: they go one by one, in the request's address.
def fits_xml: test("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x{fffe}\\x{ffff}]") | not;

# Of a request: its keys, none of which is done.
def undone($why): [{key: (.Delete.Objects[]?.Key, .Key | values)} + $why];

# Requests, [operation, what it takes], as three lines each: a name, which begins with the operation, what it takes, and
# what is undone before it.
def named:
  to_entries[]
  | "\(.value[0]).\(.key + 1)", (.value[1] | ., undone({code: "NoAnswer", message: "it did not come to an end"}));

# The programs of deletions.sh. $at: bucket; the input is an array.

# Of keys: the requests that delete them, each key once.
def deletions($at):
  unique as $keys
  | ($keys | map(select(fits_xml))) as $fit
  | [
      (range(0; $fit | length; most) as $first
        | ["delete-objects",
            {Bucket: $at.bucket, Delete: {Quiet: true, Objects: ($fit[$first : $first + most] | map({Key: .}))}}]),
      ($keys[] | select(fits_xml | not) | ["delete-object", {Bucket: $at.bucket, Key: .}])
    ]
  | named;

# Of keys, at least one: what lists their open uploads. Their longest common prefix keeps the listing short.
def listing($at):
  (min | explode) as $least
  | (max | explode) as $most
  | ([range($least | length) | select($least[.] != $most[.])][0] // ($least | length)) as $common
  | {Bucket: $at.bucket, Prefix: ($least[:$common] | implode)};

# Of what list-multipart-uploads says: what abort-multipart-upload takes, for each upload of $at.keys.
def own_uploads($at):
  (reduce $at.keys[] as $key ({}; .[$key] = true)) as $own
  | .[].Uploads[]?
  | select($own[.Key])
  | {Bucket: $at.bucket, Key, UploadId};

def aborts($at): map(["abort-multipart-upload", .]) | named;
