# Purpose: the commands that make sense after a run. A library.
# Input:   the summary; $run: the run (see run.jq) or null; $source: the run's folder or file as the user would type it.
# Output:  a stream of command lines; none for records from elsewhere, whose fleet is not ours to start.

include "text";

# A function is named as its stack where make deploy has made it, and only make deploy keeps what it is then.
def with_memory($function; $mb):
  if $function | test("^[A-Za-z][A-Za-z0-9-]{0,63}$") then "make deploy STACK=\($function) MEMORY=\($mb)"
  else "aws lambda update-function-configuration --function-name \($function | word) --memory-size \($mb)" end;

# What the verdict asks for.
def remedies($run; $folder):
  .verdict.held_back_by as $cause
  | (.evidence.memory_mb // $run.memory_mb // 0) as $memory
  | ($run.launches[(.launch // 1) - 1].start_in_s) as $start_in
  | if .loopback == true then empty
    elif .valid == false then empty
    elif $cause == "cpu" and $memory > 0 and $memory < 10240 then
      with_memory($run.function; [$memory * 2, 10240] | min)
    elif $cause == "late_starts" and $start_in != null then
      "./driver.sh \($run.op) \($run.jobs) "
      + (if $run.op == "write" then "\($run.mb_per_file)" else $folder end)
      + " --start-in \($start_in + .evidence.late_max_s | ceil)"
    elif .sustained_short == true and $run.op == "write" and $run.mb_per_file != null then
      "./driver.sh write \($run.jobs) \($run.mb_per_file * 4)"
    else empty end;

# The write run whose objects these are, as the user would type it; empty where it is not known, or they are gone: local
# takes them along.
def written($run; $source):
  if $run.deleted != null or $run.loopback == true then empty
  elif $run.op == "write" then $source
  # It lies beside the run that read it.
  else $run.reads.name | values | ($source | sub("[^/]+/?$"; "")) + . end;

def next_commands($run; $source):
  ($source | word) as $folder
  | if $run == null then empty
    else
      (if .failed > 0 then "jq -c 'select(.error)' \($source + "/records.ndjson" | word)" else empty end),
      (
        if $run.deleted != null then empty
        elif .unfinished > 0 then "./driver.sh \($run.op) --resume \($folder)"
        else empty end
      ),
      (
        # What is on loopback goes when local ends.
        if $run.deleted != null or $run.loopback == true then empty
        else
          remedies($run; $folder),
          if .unfinished == 0 and $run.op == "write" then "./driver.sh read \($run.jobs) \($folder) --verify"
          else empty end
        end
      ),
      "./driver.sh report \($folder) --json",
      if $run.loopback == true and .unfinished == 0 then "make deploy" else empty end,
      "./driver.sh delete \(written($run; $source) | word)"
    end;
