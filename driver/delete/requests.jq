# Purpose: requests to S3 that remove something. A library.

# S3 takes so many keys in one request.
def most: 1000;

# XML 1.0 cannot carry the other keys, not even escaped: they go one by one, in the request's address.
def fits_xml: test("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x{fffe}\\x{ffff}]") | not;

# Of a request: its keys, none of which is done.
def undone($why): [{key: (.Delete.Objects[]?.Key, .Key, .Prefix | values)} + $why];

# Requests, [operation, what it takes], as three lines each: a name, which begins with the operation, what it takes, and
# what is undone before it.
def in_lines:
  to_entries[]
  | "\(.value[0]).\(.key + 1)", (.value[1] | ., undone({code: "NoAnswer", message: "it did not come to an end"}));

# The functions that deletions.sh calls. Their input is an array; $at is what with_requests tells: bucket, keys,
# per_stream, and what its caller adds.

# Of keys: the requests that delete them, each key once.
def deletions($at):
  unique
  | map(select(fits_xml)) as $fit
  | [
      (range(0; $fit | length; most) as $first
        | ["delete-objects",
            {Bucket: $at.bucket, Delete: {Quiet: true, Objects: ($fit[$first : $first + most] | map({Key: .}))}}]),
      (.[] | select(fits_xml | not) | ["delete-object", {Bucket: $at.bucket, Key: .}])
    ]
  | in_lines;

# Of keys, at least one: their longest common prefix, to keep listings short. In a directory bucket it ends in "/".
def common_prefix($bucket):
  (min | explode) as $least
  | (max | explode) as $most
  | ([range($least | length) | select($least[.] != $most[.])][0] // ($least | length)) as $common
  | $least[:$common]
  | implode
  | if $bucket | endswith("--x-s3") then sub("[^/]*$"; "") else . end;

# Of keys, at least one: what lists their open uploads.
def uploads($at): {Bucket: $at.bucket, Prefix: common_prefix($at.bucket)};

# Of the keys of streams: what lists what is below them. Of many it is cheaper to list all at once.
def most_listings: 64;
def listings($at):
  unique
  | if length <= most_listings then map(. + "/") else [common_prefix($at.bucket)] end
  | map(["list-objects-v2", {Bucket: $at.bucket, Prefix: .}])
  | in_lines;

# Of listed keys: own, those in $at.keys, or where $at.per_stream is not 0 the first so many objects of the streams at
# $at.keys; strangers, what else is below those streams. So it is said what a listing showed and a run did not write.
def set: reduce .[] as $key ({}; .[$key] = true);
def is_own($own; $at):
  if $at.per_stream == 0 then $own[.]
  else
    split("/")
    | $own[.[:-1] | join("/")] and (.[-1] | test("^(0|[1-9][0-9]{0,5})$")) and (.[-1] | tonumber) < $at.per_stream
  end;
def own($at): ($at.keys | set) as $own | .[] | select(is_own($own; $at));
def strangers($at):
  ($at.keys | set) as $own
  | .[]
  | select(is_own($own; $at) | not)
  | select(split("/") as $path | any(range(1; $path | length); $own[$path[:.] | join("/")]));

# A key that S3 has encoded as in an address: bytes of UTF-8.
def decoded:
  [
    scan("%([0-9A-Fa-f]{2})|(.)")
    | if .[0] == null then .[1] | sub("[+]"; " ") | explode[0]
      else
        .[0] | ascii_upcase | explode | map(if . < 65 then . - 48 else . - 55 end) | .[0] * 16 + .[1]
      end
  ]
  | reduce .[] as $byte ([];
      if $byte >= 128 and $byte < 192 then .[-1] = .[-1] * 64 + $byte - 128
      else . + [$byte - if $byte < 192 then 0 elif $byte < 224 then 192 elif $byte < 240 then 224 else 240 end] end)
  | implode;

# Of what list-multipart-uploads says, where $at.encoded is not "" with encoded keys: what abort-multipart-upload takes,
# for each upload of own keys.
def own_uploads($at):
  ($at.keys | set) as $own
  | .[].Uploads[]?
  | if $at.encoded == "" then . else .Key |= decoded end
  | select(.Key | is_own($own; $at))
  | {Bucket: $at.bucket, Key, UploadId};

def aborts($at): map(["abort-multipart-upload", .]) | in_lines;

# Of uploads that are listed after their aborts: those of which nothing else is said in $at.left_over.
def still_open($at):
  ($at.left_over | map(select(.what == "uploads").key) | set) as $said
  | map(select($said[.Key] | not)
      | {key: .Key, code: "StillOpen", message: "S3 took the abort and lists the upload nevertheless"});
