# Purpose: what a deletion did, or would do, and what is left over.
# Input:   none (-n). $name: of the run or key file; $bucket; $folder: of the run's answers in it, "" for none;
#          $dry_run: "" or "yes"; $keys: the keys; $per_stream: the most objects of each where they are keys of streams,
#          else 0; $objects, $strangers, $uploads: what was found of each; $left_over: {"what", "key", "code",
#          "message", "allow"} for each that is left (a null key: they could not be listed), all slurped; $working:
#          [working.jq's output]; $versioning: [the answer of get-bucket-versioning], [] where there is none.
# Output:  lines of text (-r).

include "text";

def reason:
  if .code == "AccessDenied" then "AccessDenied, allow \(.allow)"
  else "\(.code), \(.message | visible | shortened(200))" end;

def first_few: ([limit(3; .[]) | visible | shortened(80)] | join(", ")) + if length > 3 then ", ..." else "" end;

# What could not be listed, or the first few keys, and how many.
def left_over:
  .[0].what as $what
  | if .[0].key == null then "open uploads could not be listed: \(.[0] | reason)"
    elif $what == "answers" then "answers in \(.[0].key | visible): \(.[0] | reason)"
    else "\(length | counted($what | rtrimstr("s"); $what)): \(.[0] | reason): \(map(.key) | first_few)" end;

# How many of these are done.
def done($what): length - ([$left_over[] | select(.what == $what and .key != null)] | length);

def objects:
  ($keys | unique | length) as $number
  | if $keys == [] then "a read made none; those that it read stay"
    elif $dry_run != "" and $per_stream == 0 then $number | counted("key"; "keys")
    elif $per_stream > 0 then
      "\($objects | done("objects") | counted("object"; "objects")) of \($number | counted("stream"; "streams"))"
      + if $dry_run != "" then "" else " deleted" end
    else
      "\($objects | unique | done("objects") | counted("key"; "keys")) deleted; S3 does not tell which were there"
    end;

# What is below the keys of streams and no number.
def strangers:
  "\($strangers | length | counted("object"; "objects")) below the streams' keys, which the run did not write: "
  + ($strangers | first_few);

def uploads:
  if $uploads == [] then if any($left_over[]; .what == "uploads") then "not known" else "none was open" end
  elif $dry_run != "" then "\($uploads | length | grouped) open"
  else "\($uploads | done("uploads") | grouped) aborted" end;

def answers:
  if $dry_run != "" then "all below \($folder | visible)"
  elif any($left_over[]; .what == "answers") then "not all removed"
  else "\($folder | visible) is empty" end;

def versions:
  $versioning[0].Status
  | values
  | "the bucket keeps them (\(.)): what is deleted goes on costing",
    "they are shown by: aws s3api list-object-versions --bucket \($bucket) --prefix KEY",
    "one is removed by: aws s3api delete-object --bucket \($bucket) --key KEY --version-id ID";

# Several lines under one name.
def rows($name): (.[:1][] | row($name)), (.[1:][] | row(""));

"terabit delete: \($name | visible), bucket \($bucket)" + if $dry_run != "" then ", nothing is deleted" else "" end,
(objects | row("objects")),
(if $strangers == [] then empty else strangers | paragraph("others stay") end),
(if $keys == [] then empty else uploads | row("open uploads") end),
(if $folder == "" then empty else answers | row("answers") end),
([versions] | rows("versions")),
(if $dry_run == "" or $working[0].text == null then empty
 else "\($working[0].text); delete waits for that" | paragraph("workers") end),
(
  [$left_over | group_by([.what, .code, .key == null])[] | left_over]
  | if . == [] and $dry_run == "" then ["nothing"] else . end
  | rows("left")
)
