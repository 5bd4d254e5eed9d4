# Purpose: why uploads are still open after the last try.
# Input:   what abort-multipart-upload took, a line each; $undone: what is left of these requests (left.jq), slurped.
# Output:  {"key", "code", "message"} for each.

.Key as $key
| ([$undone[] | select(.key == $key)][0]
    // {$key, code: "StillOpen", message: "S3 took the abort and lists the upload nevertheless"})
