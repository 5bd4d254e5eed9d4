# Purpose: the commands that make sense after a run. A library.
# Input:   the summary; $run: the run (see run.jq) or null; $source: the run's folder or file as the user would type it.
# Output:  a stream of command lines; none for records from elsewhere, whose fleet is not ours to start.

include "text";

# How the driver is called: --arg driver.
def driver: $ARGS.named.driver // "./driver.sh";

# What is on loopback goes when local ends. A read leaves its answers; the objects are those of the write run, which
# lies beside it.
def next_commands($run; $source):
  ($source | word) as $folder
  | ($run.deleted != null or $run.loopback == true) as $gone
  | select($run != null)
  | (select(.failed > 0) | "jq -c 'select(.error)' \($source + "/records.ndjson" | word)"),
    (select(.unfinished > 0 and $run.deleted == null) | "\(driver) \($run.op) --resume \($folder)"),
    (select(.unfinished == 0 and $run.op == "write" and ($gone | not))
      | "\(driver) read \($run.jobs) \($folder) --verify"),
    "\(driver) report \($folder) --json",
    (select($run.loopback == true and .unfinished == 0) | "make deploy"),
    (select($gone | not)
      | [($run.reads.name | values | ($source | sub("[^/]+/?$"; "")) + .), $source]
      | "\(driver) delete \(map(word) | join(" "))");
