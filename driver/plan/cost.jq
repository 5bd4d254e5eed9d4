# Purpose: what a run costs, in USD, by the prices in prices.json. A library.

include "run";
include "text";

# What a run has to pay: a directory bucket has prices of its own, and takes one for each GB; workers on this machine
# cost nothing, and neither does an S3 that is not AWS's.
def paid_by($run):
  (if $run.bucket // "" | endswith("--x-s3") then . + .directory_bucket | .gb_moved |= .[$run.op]
   else .gb_moved = 0 end)
  | if $run | workers_here then .gb_second[] = 0 | .million_invocations = 0 else . end
  | ($run.s3_endpoint | . == null or test("amazonaws\\.com")) as $of_aws
  | if $run.loopback == true or $run.shared_machine == true and ($of_aws | not) then
      .thousand_puts = 0 | .thousand_gets = 0 | .gb_month = 0 | .gb_moved = 0
    else . end;

# What Lambda takes for a number of environments over a number of seconds. Input: the run's configuration.
def compute_usd($prices; $environments; $seconds):
  $environments * $seconds * .memory_mb / 1024 * $prices.gb_second[.arch // "x86_64"];

# The most parts, or ranges, that an object can have. The first of several is shorter than the others, but not shorter
# than S3's smallest part.
def mib: 1048576;
def smallest_part: 5 * mib;
def pieces($bytes; $piece):
  if $bytes <= $piece then 1
  else ([$piece, smallest_part] | min) as $first | 1 + (($bytes - $first) / $piece | ceil) end;

# The requests with a body that one object takes; null where its size is not known.
def pieces_of_an_object:
  object_bytes as $bytes
  | if $bytes == null then null
    elif .op == "read" and .range_mb == 0 then 1
    else pieces($bytes; mib * if .op == "write" then .part_mb else .range_mb end) end;

# The requests that so many objects take: {puts, gets}. Where their size is not known one each, and $more, {gets,
# bytes}, of all; null where that is not known either.
def requests_of($objects; $more):
  pieces_of_an_object as $pieces
  | if $pieces == null then if $more == null then null else {puts: 0, gets: ($objects + $more.gets)} end
    elif .op == "read" then {puts: 0, gets: ($objects * $pieces)}
    else {puts: ($objects * if $pieces == 1 then 1 else $pieces + 2 end), gets: 0} end;

# How many objects a job writes or reads at most, each time counted; null where only time ends it.
def most_objects:
  if .for_s == null then (.objects // 1) * (.read_times // 1)
  elif .op == "write" then .objects
  elif .read_times == null then null
  else (.objects // 1) * .read_times end;

# The requests that a job has in flight, each on a connection of its own: at most as many as its objects have parts or
# ranges, one where a single GET takes the whole object.
def connections:
  if .op == "read" and .range_mb == 0 and .objects == null then 1
  else
    pieces_of_an_object as $pieces
    | most_objects as $objects
    | if $pieces == null or $objects == null then .in_flight else [.in_flight, $pieces * $objects] | min end
  end;

# All requests of a launch whose jobs have so many objects, {invocations, puts, gets, bytes}: the invocations of workers
# and squads; what the workers send to S3; a HeadBucket on each connection before a common start ($barrier); a put of
# each invocation's answer. $more: see requests_of; null where that is null.
def requests($jobs; $invocations; $squad; $barrier; $objects; $more):
  (if $barrier then connections else 0 end) as $connections
  | (object_bytes | if . == null then $more.bytes else . * $objects end) as $bytes
  | requests_of($objects; $more)
  | if . == null then null
    else {
      invocations: ($jobs + if $squad > 1 then $invocations else 0 end),
      puts: ($jobs * .puts + $invocations),
      gets: ($jobs * (.gets + $connections)),
      bytes: ($jobs * $bytes)
    } end;

def requests_usd($prices):
  if . == null then null
  else
    .invocations * $prices.million_invocations / 1e6
    + .puts * $prices.thousand_puts / 1e3
    + .gets * $prices.thousand_gets / 1e3
    + .bytes / pow(2; 30) * $prices.gb_moved
  end;

# What so many objects cost each day until they are deleted. Input: the run's configuration.
def storage_usd_per_day($prices; $objects):
  if .op == "write" then $objects * object_bytes / pow(2; 30) * $prices.gb_month / 30 else 0 end;

# An amount for a person to read. A small amount is not shown as zero.
def dollars:
  if . == null then "an unknown amount"
  elif . == 0 then "$0"
  elif . < 0.01 then "less than $0.01"
  else "$" + fixed(2) end;

# Whether a plan costs nothing.
def is_free: .cost.ceiling_usd == 0;
def free: "nothing that AWS bills";

# What a plan costs: about so much, null where nobody knows, and at most so much.
def estimate($about; $most):
  if $most < 0.01 then $most | dollars
  else
    (if $about == null then "" else "\(if $about < 0.01 then "" else "about " end)\($about | dollars), " end)
    + "at most \($most | dollars)"
  end;
