# Purpose: what came of one invocation, as records: nothing is dropped, whatever came.
# Input:   none. $planned: [[job, ...]] (slurped), the jobs of the squad; $answer: the JSON values in
#          Lambda's answer, [] where it was none; $beginning: its first bytes; $metadata, $complaint, $status: stdout,
#          stderr and exit status of `aws lambda invoke`; $tries: how often it ran; $timeout: the function's, in
#          seconds; $function.
# Output:  one record per planned job: {"job", "launch", ...result} or {"job", "launch", "op", "key", "error"}.
#          squad_failed: true beside an error that is the squad's: its workers may have gone on.

include "text";

def failure($type; $message): {error: {type: $type, message: ($message | visible | shortened(1000))}};

def said: $complaint | visible | if . == "" then "it said nothing" else . end;

def quoted: $beginning | excerpt;

# Lambda's own error types, and the worker's, which are kept.
def function_error($answer):
  $answer.errorType as $type
  | ($answer.errorMessage | if type == "string" then . else "no message (\(tojson))" end) as $message
  | if $type == "Sandbox.Timedout" or ($message | test("Task timed out after")) then
      failure("TimedOut"; "\($message): the function's timeout is \($timeout) s; give it more time, or each "
        + "worker less to do")
    elif $type == "Function.ResponseSizeTooLarge" then
      failure("BadAnswer"; "\($message): the answer is over the 6 MB that Lambda passes on; give each worker less "
        + "to do")
    elif $message | startswith("Lambda panicked") then
      failure("Crashed"; "\($message): a fault of the worker; its log in CloudWatch (/aws/lambda/\($function)) "
        + "says where")
    elif $type | test("^(Runtime|Extension|Sandbox)\\.") then
      failure("Crashed"; "\($type): \($message): the worker process ended before it answered; its log in CloudWatch "
        + "(/aws/lambda/\($function)) says why. Killed by a signal, it usually lacked memory: give the function more")
    else
      failure($type; $message)
    end;

# `aws` failed: there is no answer.
def cli_error:
  if $complaint | test("TooManyRequestsException") then
    failure("Throttled"; "Lambda refused it \($tries) times, nothing ran: start fewer workers, or raise the account's "
      + "or the function's concurrency. \(said)")
  elif $complaint | test("AccessDenied|UnrecognizedClient|InvalidSignature|ExpiredToken|InvalidClientTokenId|"
      + "MissingAuthentication|Unable to locate credentials") then
    failure("AccessDenied"; "the call was refused, nothing ran: allow lambda:InvokeFunction on \($function), or renew "
      + "the credentials. \(said)")
  elif $complaint | test("RequestTooLarge|InvalidRequestContent|InvalidParameterValue|UnsupportedMediaType") then
    failure("InvalidEvent"; "Lambda refused the event, nothing ran. \(said)")
  elif $complaint | test("ResourceNotFoundException") then
    failure("Connect"; "the function \($function) is not there any more, nothing ran: make deploy. \(said)")
  elif $complaint | test("InvalidRuntime|InvalidZipFile|SnapStart|EFS|KMS|EC2|ENILimit|SubnetIPAddress") then
    failure("Crashed"; "Lambda could not start a worker. \(said)")
  elif $complaint | test("Could not connect to the endpoint|Connect timeout on endpoint") then
    failure("Connect"; "Lambda could not be reached, nothing ran: check the network. \(said)")
  elif $status > 128 and $status < 252 then # the CLI itself ends with 252 to 255
    failure("Unanswered"; "aws was ended by signal \($status - 128) before the answer came; the job may have run and "
      + "is not repeated. A machine short of memory does this: start fewer workers. \(said)")
  else
    failure("Unanswered"; "the answer was lost; the job may have run and is not repeated. \(said)")
  end;

def an_error: type == "object" and (.type | type == "string") and (.message | type == "string");

# The workers of a squad of one are the squad itself.
def squad: $planned[0] | length > 1;

# One job's part of an answer that arrived.
def result($job):
  def quoted: tojson | excerpt;
  if type != "object" then failure("BadAnswer"; "the result is not a JSON object; it begins with \(quoted)")
  elif .op == null and .key == null then
    failure("BadAnswer"; "the answer names no op and key; is \($function) terabit? It begins with \(quoted)")
  elif .op != $job.op or .key != $job.key then
    failure("BadAnswer"; "the answer is of another job, \(.op) of \(.key | tostring | excerpt); is another run's kept "
      + "at the same place?")
  elif .error != null then
    if .error | an_error then .
    else failure("BadAnswer"; "the answer's error has no type and message; it begins with \(quoted)") end
  elif (.start | measured) and (.stop | measured) then del(.error)
  else failure("BadAnswer"; "the answer has no start and stop; it begins with \(quoted)") end;

# What became of the whole invocation: its answer, or one error for all of its jobs.
def outcome:
  ($metadata | try fromjson catch null | if type == "object" then .FunctionError else null end) as $error
  | if $status != 0 then cli_error
    elif $answer | length != 1 then
      failure("BadAnswer"; "the answer is not JSON, or cut short; it begins with \(quoted)")
    elif $error != null then
      if $answer[0] | type == "object" and (.errorType | type == "string") then
        function_error($answer[0])
        | if squad then
            .error.message |= "the squad failed, its workers may have gone on: \(.)" | .squad_failed = true
          else . end
      else failure("BadAnswer"; "Lambda reports the error \"\($error)\" without its type; it begins with \(quoted)") end
    else {answer: $answer[0]}
    end;

# An answer is taken apart by position.
def outcomes($jobs):
  outcome as $outcome
  | if $outcome | has("error") then $jobs[] | $outcome
    elif $outcome.answer | type != "array" then
      $jobs[] | failure("BadAnswer"; "the answer is not an array of results; is \($function) terabit? It begins with "
        + quoted)
    elif ($outcome.answer | length) != ($jobs | length) then
      $jobs[]
      | failure("BadAnswer"; "the squad of \($jobs | length) answered with \($outcome.answer | length) results: which "
          + "is whose cannot be told")
    else range($jobs | length) as $n | $outcome.answer[$n] | result($jobs[$n])
    end;

$planned[0] as $jobs
| [outcomes($jobs)] as $outcomes
| range($jobs | length) as $n
| $jobs[$n] as $job
| {job: $job.job, launch: ($job.launch // 1)}
| . + {op: $job.op, key: $job.key} + $outcomes[$n] + .
