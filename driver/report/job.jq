# Purpose: one line of records.ndjson, whoever wrote it, as a job that the summary can count. A library.
# A job:   {job, key, op, launch, ...counters}, with start and stop (epoch seconds), bytes, mbps (MB/s) and
#          samples where it began, with error (a type) and message where it failed. samples: null where its bytes are
#          taken as spread evenly. sent and sent_samples, of a job that failed: bytes that it had sent in attempts that
#          never succeeded; no figure counts them. squad_failed: true where not the job but its squad is known to have
#          failed. unread: true where the line says nothing that can be believed.

include "text";

def bad($reason; $told): {error: "BadRecord", unread: true, $reason, message: "BadRecord: \($told)\($reason)"};

# S3 is not older than this, and nothing that was measured ends later than tomorrow.
def earliest: 1136073600; # 2006-01-01
def latest: now + 86400;

def amount: measured and . >= 0;

# Cumulative bytes at the whole seconds strictly between start and stop, as far as the list goes; null where there is
# none, or none that can be this job's. One more than fits is cut off: printed times are rounded to the microsecond.
def fitting($samples; $bytes):
  ((.stop | ceil) - (.start | floor) - 1) as $seconds
  | if ($samples | type != "array") or ($samples | length) > $seconds + 1 then null
    else
      $samples[:$seconds]
      | if . == [] or (. == sort and (.[0] | amount) and (.[-1] | measured and . <= $bytes)) then . else null end
    end;

# Why a record's numbers cannot be so; null where they can.
def fault:
  if (.start | measured | not) or (.stop | measured | not) then "start and stop must be numbers"
  elif .stop <= .start then "stop must be after start"
  elif .start < earliest or .stop > latest then "start and stop must be epoch seconds, from 2006 to tomorrow"
  elif .bytes != null and (.bytes | amount | not) then "bytes must be a number, not below 0"
  elif (.mbps != null or (has("mbps") and .error == null)) and (.mbps | amount | not) then
    "mbps must be a number, not below 0"
  elif .mbps == null then if .bytes != null or .error != null then null else "bytes or mbps must be told" end
  else
    (.mbps * 1e6 * (.stop - .start)) as $told
    | if .bytes != null and (.bytes - $told | fabs) > 0.01 * $told then "bytes and mbps contradict each other"
      else null end
  end;

# What a record adds whose numbers can be so.
def moved:
  (.stop - .start) as $seconds
  | (.bytes // ((.mbps // 0) * 1e6 * $seconds)) as $bytes
  | {
      start,
      stop,
      bytes: $bytes,
      mbps: (.mbps // ($bytes / $seconds / 1e6)),
      samples: (if .samples_dropped == true then null else fitting(.samples; $bytes) end)
    };

# [[b, n], ...]: n requests took 2^(b/16) to 2^((b+1)/16) microseconds. Its text: that is tested as a whole, in a tenth
# of the time that a look at each number takes, and kept in a fifth of the memory.
def histogram_text:
  arrays | tojson | select(test("^\\[(\\[[0-9]{1,3},[0-9]{1,12}\\],?)*\\]$"));

def counters:
  def told: if amount then . else null end;
  {
    job,
    key,
    op,
    arch: (.arch | strings // null),
    launch: (if .launch == null then 1 else .launch end),
    request_ms: (.request_ms | objects // null),
    latency: (.latency | histogram_text // null),
    upload_left: (.upload_left | strings // null),
    objects: (.objects | told), requests: (.requests | told), retries: (.retries | told),
    throttled: (.throttled | told), late_s: (.late_s | told), first_byte_ms: (.first_byte_ms | told),
    handler_s: (.handler_s | told), init_s: (.init_s | told), cpu_s: (.cpu_s | told), memory_mb: (.memory_mb | told)
  };

def unless_bad(what):
  fault as $fault
  | if $fault == null then what
    else bad($fault; "start \(.start), stop \(.stop), bytes \(.bytes), mbps \(.mbps): ") end;

def sent_in_vain:
  if .sent | measured and . > 0 then {sent, sent_samples: fitting(.sent_samples; .sent)} else {} end;

def failed:
  ((.error | objects | .message) // .error) as $message
  | {
      error: ((.error | objects | .type | strings) // "BadRecord"),
      $message,
      # Format 1 of a run tells a squad's failure in words alone.
      squad_failed: (.squad_failed == true or ($message | strings | startswith("the squad failed")) // false)
    }
  + if .start == null and .stop == null then {} else unless_bad(moved + sent_in_vain) end;

# Most lines need no regular expression, which takes longer than to parse them.
def blank: (startswith("{") or test("[^ \t\r]")) | not;

# Input: the line's text.
def job:
  . as $line
  | try fromjson catch null
  | if type != "object" then {launch: 1} + bad("the line is not a JSON object"; "\($line[:80]): ")
    elif .error == null then counters + unless_bad(moved)
    else counters + failed end;
