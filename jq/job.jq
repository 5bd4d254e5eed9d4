# Purpose: one line of records.ndjson, whoever wrote it, as a job that the summary can count. A library.
# A job:   {job, key, op, launch, ...counters}, with start and stop (epoch seconds), bytes, rate (GB/s), mbps (MB/s) and
#          samples where it began, with error (a type) and message where it failed. samples: null where its bytes are
#          taken as spread evenly.

include "lib";

def bad($message): {error: "BadRecord", message: "BadRecord: \($message)"};

# Cumulative bytes at the whole seconds strictly between start and stop, as far as the list goes; null where there is
# none, or none that can be this job's. One more than fits is cut off: printed times are rounded to the microsecond.
def fitting_samples($bytes):
  ((.stop | ceil) - (.start | floor) - 1) as $seconds
  | if .samples_dropped == true or (.samples | type != "array") or (.samples | length) > $seconds + 1 then null
    else
      .samples[:$seconds]
      | if . == [] or (. == sort and (.[0] | measured and . >= 0) and (.[-1] | measured and . <= $bytes)) then .
        else null end
    end;

# What a record with usable numbers adds; empty of any other.
def moved:
  select((.start | measured) and (.stop | measured) and .stop > .start)
  | select(.bytes == null or (.bytes | measured and . >= 0))
  | select(
      if .mbps != null or (has("mbps") and .error == null) then .mbps | measured and . >= 0
      else .bytes != null or .error != null end
    )
  | (.stop - .start) as $seconds
  | (.bytes // ((.mbps // 0) * 1e6 * $seconds)) as $bytes
  | {
      start,
      stop,
      bytes: $bytes,
      rate: ($bytes / $seconds / 1e9),
      mbps: (.mbps // ($bytes / $seconds / 1e6)),
      samples: fitting_samples($bytes)
    };

def counters:
  {job, key, op, arch: (.arch | strings // null), launch: (.launch | if measured then . else 1 end)}
  + ({requests, retries, throttled, late_s, first_byte_ms, handler_s, init_s, cpu_s, memory_mb}
      | map_values(select(measured and . >= 0)))
  + {request_ms: (.request_ms | objects // null)};

# What became of a record that says nothing of an error, and of one that does.
def good:
  [moved][0]
  // bad("start \(.start), stop \(.stop), bytes \(.bytes), mbps \(.mbps): numbers are wanted, and stop after start");

def failed:
  {
    error: ((.error | objects | .type | strings) // "BadRecord"),
    message: ((.error | objects | .message) // .error)
  }
  + [moved][0];

# Input: the line's text.
def job:
  . as $line
  | try fromjson catch null
  | if type != "object" then {launch: 1} + bad("the line is not a JSON object: \($line[:80])")
    elif .error == null then counters + good
    else counters + failed end;
