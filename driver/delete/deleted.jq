# Purpose: what a deletion did, or would do, and what is left.
# Input:   none (-n). $name: of the run or key file; $bucket; $folder: of the run's answers in it, "" for none;
#          $dry_run: "" or "yes"; $keys, $uploads, $answers: what was found of each, slurped; $left: {"what", "key",
#          "code", "message"} for each that is left, slurped (a null key: they could not be listed); $writers:
#          [working.jq's output]; $now: on the workers' clock; $versioning: [the answer of
#          get-bucket-versioning], $complaint: why there is none.
# Output:  lines of text (-r).

include "complaint";
include "run/writing";
include "text";

# What the caller lacks where S3 says AccessDenied.
def permission:
  if .key == null then {uploads: "s3:ListBucketMultipartUploads", answers: "s3:ListBucket"}[.what]
  elif .what == "uploads" then "s3:AbortMultipartUpload"
  else "s3:DeleteObject" end;

def reason:
  .[0]
  | if .code == "AccessDenied" then "AccessDenied, allow \(permission)"
    else "\(.code), \(.message | visible | shortened(200))" end;

# What could not be listed, or the first few keys, and how many.
def left_over:
  (.[0].what) as $what
  | if .[0].key == null then "\({uploads: "open uploads", answers: "answers"}[$what]) could not be listed: \(reason)"
    else
      (length | counted($what | rtrimstr("s"); $what)) + ": \(reason): "
      + ([limit(3; .[]) | .key | visible | shortened(80)] | join(", "))
      + if length > 3 then ", ..." else "" end
    end;

# How many of these are done.
def done($what): length - ([$left[] | select(.what == $what and .key != null)] | length) | if . < 0 then 0 else . end;

def unlisted($what): any($left[]; .what == $what and .key == null);

def objects:
  if $keys == [] then "a read made none; those that it read stay"
  elif $dry_run != "" then "\($keys | unique | length | counted("key"; "keys"))"
  else
    "\($keys | unique | done("objects") | counted("key"; "keys")) deleted; S3 does not tell which were there"
  end;

def uploads:
  if $uploads == [] then if unlisted("uploads") then "not known" else "none was open" end
  elif $dry_run != "" then "\($uploads | length | grouped) open"
  else "\($uploads | done("uploads") | grouped) aborted" end;

def answers:
  if $answers == [] then if unlisted("answers") then "not known" else "none was there" end
  else
    if $dry_run != "" then "\($answers | length | grouped) in \($folder)"
    else "\($answers | done("answers") | grouped) removed from \($folder)" end
  end;

def versions:
  $versioning[0].Status as $status
  | if $versioning == [] and $complaint != "" then
      $complaint
      | complaint(0)
      | "not known whether the bucket keeps them: "
        + if .code == "AccessDenied" then "AccessDenied, allow s3:GetBucketVersioning"
          else "\(.code), \(.message | visible | shortened(200))" end
    elif $status == null then empty
    else
      "the bucket keeps them (\($status)): what is deleted goes on costing",
      "they are shown by: aws s3api list-object-versions --bucket \($bucket) --prefix KEY",
      "one is removed by: aws s3api delete-object --bucket \($bucket) --key KEY --version-id ID"
    end;

"terabit delete: \($name | visible), bucket \($bucket)" + if $dry_run != "" then ", nothing is deleted" else "" end,
(objects | row("objects")),
(if $keys == [] then empty else uploads | row("open uploads") end),
(if $folder == "" then empty else answers | row("answers") end),
([versions] | to_entries[] | .key as $n | .value | row(if $n == 0 then "versions" else "" end)),
(
  if $dry_run == "" or $writers[0].until == null or $writers[0].until < $now then empty
  else $writers[0] | "\(writing($now)); delete waits for that" | paragraph("workers") end
),
(
  [$left | group_by([.what, .code, .key == null])[] | left_over]
  | if . != [] then to_entries[] | .key as $n | .value | row(if $n == 0 then "left" else "" end)
    elif $dry_run != "" then empty
    else "nothing" | row("left") end
)
