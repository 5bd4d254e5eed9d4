# Purpose: what a request to S3 left undone.
# Input:   the request: DeleteObjects', DeleteObject's or AbortMultipartUpload's. $answer: [S3's answer], [] where it
#          said nothing; $complaint, $status: stderr and exit status of `aws`.
# Output:  a line for each key that is left: {"key", "code", "message"}.

include "complaints";

. as $request
| if $status == 0 then $answer[0].Errors[]? | {key: .Key, code: (.Code // "Unknown"), message: (.Message // "")}
  else
    ($complaint | code_and_message($status)) as $failure
    # An upload that is not there needs no abort.
    | select($request.UploadId == null or $failure.code != "NoSuchUpload")
    | {key: ($request.Delete.Objects[]?.Key, $request.Key | values)} + $failure
  end
