# Purpose: what came of one invocation, as records: nothing is dropped, whatever came.
# Input:   none. $planned: [[job, ...]] (slurped), the jobs of the squad; $answer: the text of Lambda's answer;
#          $metadata, $complaint, $status: stdout, stderr and exit status of `aws lambda invoke`; $tries: how often it
#          ran.
# Output:  lines (-r): how many records, how many of them failed, and "lost" where the answer did not arrive whole and
#          the workers may have run, else "known". Then one record per planned job: {"job", "launch", ...result} or
#          {"job", "launch", "op", "key", "error"}. squad_failed: true beside an error that is the squad's: its workers
#          may have gone on.

include "complaints";
include "text";

def failure($type; $message): {error: {type: $type, message: ($message | visible | shortened(1000))}};

def quoted: $answer[:400] | excerpt;

# A function error as the worker's own squad reads it (function/src/invoker.rs).
def function_error:
  ([objects.errorType | strings][0] // "") as $type
  | ([objects.errorMessage | strings][0] // "no message") as $message
  | if $type == "Sandbox.Timedout" or ($message | test("Task timed out after")) then failure("TimedOut"; $message)
    elif $type == "Function.ResponseSizeTooLarge" then failure("BadAnswer"; $message)
    elif $type == "" then failure("BadAnswer"; "a function error without a type: \(quoted)")
    elif $message | startswith("Lambda panicked") then failure("Crashed"; $message)
    elif $type | test("^(Runtime|Extension|Sandbox)\\.") then failure("Crashed"; "\($type): \($message)")
    else failure($type; $message) end;

# `aws` failed: there is no answer.
def cli_error:
  ($complaint | refused_type) as $type
  | failure($type;
      if $type == "Throttled" then "Lambda refused it \($tries) times, nothing ran"
      elif $type | IN("Unanswered", "Lambda") | not then "nothing ran"
      else
        # The CLI itself ends with 252 to 255.
        (if $type == "Lambda" then "the fault is Lambda's own"
         elif $status > 128 and $status < 252 then "aws was ended by signal \($status - 128) before the answer came"
         else "the answer was lost" end)
        + "; the job may have run and is not repeated"
      end
      + ". " + ($complaint | visible | if . == "" then "aws said nothing" else . end));

def an_error: type == "object" and (.type | type == "string") and (.message | type == "string");

# One job's part of an answer that arrived.
def result($job):
  if type == "object" and .op == $job.op and .key == $job.key and (
      if .error != null then .error | an_error else (.start | measured) and (.stop | measured) end
    ) then if .error == null then del(.error) else . end
  else failure("BadAnswer"; "this is not a result of the job; it begins with \(tojson | excerpt)") end;

# Of each job its part of the answer, by position, or the one error of all.
def outcomes($jobs; $values):
  ([$metadata | try fromjson catch null | objects | .FunctionError][0]) as $error
  | if $status != 0 then cli_error
    elif $values == [] then
      failure("BadAnswer"; "the answer is not JSON, or torn; it begins with \(quoted)")
    elif $error != null then
      $values[0]
      | function_error
      # The worker of a squad of one is the squad itself.
      | if $jobs | length > 1 then
          .error.message |= "the squad failed, its workers may have gone on: \(.)" | .squad_failed = true
        else . end
    elif $values[0] | type != "array" then
      failure("BadAnswer"; "the answer is not an array of results; is the function terabit? It begins with \(quoted)")
    elif ($values[0] | length) != ($jobs | length) then
      failure("BadAnswer"; "the squad of \($jobs | length) answered with \($values[0] | length) results: which is "
        + "whose cannot be told")
    else null end
  | . as $failure
  | [range($jobs | length) as $n | $failure // ($values[0][$n] | result($jobs[$n]))];

$planned[0] as $jobs
| ($answer | try [fromjson] catch []) as $values
| outcomes($jobs; $values) as $outcomes
| "\($outcomes | length) \([$outcomes[] | select(.error)] | length) "
  + (if any($outcomes[]; .error.type? | IN("Unanswered", "Lambda")) and $status != 0 or $status == 0 and $values == []
     then "lost" else "known" end),
  (
    range($jobs | length) as $n
    | $jobs[$n] as $job
    | {job: $job.job, launch: ($job.launch // 1)}
    | . + {op: $job.op, key: $job.key} + $outcomes[$n] + .
  )
