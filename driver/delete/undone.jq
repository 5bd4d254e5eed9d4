# Purpose: what a request to S3 left undone.
# Input:   the request: DeleteObjects', DeleteObject's, AbortMultipartUpload's or ListObjectsV2's. $answer: S3's
#          answer, a text; $complaint, $status: stderr and exit status of `aws`.
# Output:  [{"key", "code", "message"} for each key that is left].

include "delete/requests";
include "complaints";

if $status == 0 then
  [$answer
    | fromjson?
    | objects.Errors[]?
    | objects
    | {key: .Key, code: (.Code // "Unknown"), message: (.Message // "")}]
else
  ($complaint | code_and_message($status)) as $failure
  # An upload that is not there needs no abort.
  | if .UploadId != null and $failure.code == "NoSuchUpload" then [] else undone($failure) end
end
