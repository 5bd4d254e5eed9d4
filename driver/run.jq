# Purpose: run.json in format 2, whatever format it was written in. A library: whoever needs a fact of a run takes it
#          from here. damage.jq alone looks at the file as it is.
# Output:  {format: 2, id, op, jobs, bucket, answers, ..., launches: [one for each launch]}. Every moment is in epoch
#          seconds on the workers' clock. What format 1 did not tell is null.

# In format 1 `launches` is a number, `first` keeps what belonged to the first launch, and `launch`, `end` are of the
# driver's clock.
def launches_of_format_1:
  (.launches // 1) as $last
  | (.clock.offset_s // 0) as $offset
  | [
      range(1; $last + 1) as $n
      | (if $n == $last then . elif $n == 1 then .first // {} else {} end)
        + {jobs: (if $n == 1 then [[0, .jobs - 1]] else null end)}
        + (if $n == 1 then {launch, end: .end} else {launch: null, end: null} end)
        + (if $n == $last then {} else {interrupted: null, ping: null, cost: null, invoke_throttled: null} end)
      | (.clock.offset_s // $offset) as $offset
      | {
          $n,
          jobs,
          squad: (if .mode == "direct" then 1 else .squad end),
          open_s: 1,
          version: .ping.version?,
          launch: (if .launch == null then null else .launch + $offset end),
          until: (if .stop_by == null then null else .stop_by + 10 end),
          "end": (if .end == null or .interrupted == true then null else .end + $offset end),
          interrupted: (if .interrupted != true then null elif .end == null then .stop_by else .end + $offset end),
          throttled: (.invoke_throttled // 0)
        }
        + {processes, start_in_s, stop_in_s, expected_s, cost, clock, start_at, stop_by}
    ];

# $folder: the name of the run's folder, below which format 1 keeps its squads' answers.
def run_of($folder):
  if . == null or .format == 2 then .
  else
    {format: 2, id: null, op, jobs, bucket, function, region, answers: "terabit-runs/\($folder)/"}
    + del(
        .launches, .first, .launch, .end, .interrupted, .ping, .invoke_throttled, .network_opted_in, .mode, .squad,
        .invocations, .processes, .environments, .start_in_s, .start_at, .expected_s, .stop_in_s, .stop_by,
        .timeout_cut, .launch_cpu_s, .cost, .clock, .took_s
      )
    + {
        reads: (
          if .op == "read" and (.keys_from // "" | test("/keys\\.txt$")) then
            {id: null, name: (.keys_from | split("/")[-2])}
          else null end
        ),
        keys_from,
        deleted,
        launches: launches_of_format_1
      }
  end;

# The size of each object in bytes; null where it is not known.
def object_bytes: if .mb_per_file == null then .bytes_per_file else .mb_per_file * 1048576 end;

# Whether its keys have streams of objects below them.
def is_stream: .objects != null or (.op == "write" and .for_s != null);

# The most objects that a worker can have written below its key, 0 where it writes at the key. The worker takes no more
# than a million.
def written_in_a_stream: if .op == "write" and is_stream then .objects // 1000000 else 0 end;

# Whether all its workers share this machine.
def workers_here: .loopback == true or .shared_machine == true;
