# Purpose: what `aws` complained of. A library.

# Input: its stderr; $status: its exit status. Output: {"code", "message"}, S3's error code or NoAnswer.
def complaint($status):
  gsub("^\\s+|\\s+$"; "")
  | {
      code: ((capture("An error occurred \\((?<code>[^)]+)\\)")? | .code) // "NoAnswer"),
      message: (if . == "" then "aws said nothing (status \($status))" else . end)
    };
