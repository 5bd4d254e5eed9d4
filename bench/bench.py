"""Side-by-side measurements: `make bench`, or `make bench PARTS="bytes fanout"`, or `make bench QUICK=1`.

Runs the parts that are named, all of them otherwise, and writes bench/results/<date>.md and .json (quick ones below
target/bench, since they prove nothing). What cannot be measured here is skipped with its reason."""

import argparse
import signal
import sys
import time
from pathlib import Path

if sys.platform != "linux":
    raise SystemExit("bench: it needs Linux, whose /proc tells what a process uses")

import cold
import fanout
import nic
import per_byte
import report_cost
import small
import soak
from results import Results, machine
from settings import ROOT, Settings, Skip, say

PARTS = {"bytes": per_byte, "nic": nic, "fanout": fanout, "cold": cold, "report": report_cost, "small": small}
# What takes long, and is run by its name alone.
NAMED = {"soak": soak}


def arguments():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (all), soak")
    options.add_argument("--quick", action="store_true", help="small sizes and one repetition")
    options.add_argument("--minutes", type=int, default=30, help="how long a soak takes (30)")
    options.add_argument("--only", nargs="+", default=[], metavar="NAME", help="compare these contenders only")
    options.add_argument("--worker", type=Path, help="its binary (the one that is deployed; a quick run's is release)")
    options.add_argument("--out", type=Path, help="the folder for the results")
    given = options.parse_args()
    if unknown := set(given.parts) - set(PARTS | NAMED):
        options.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS | NAMED)}")
    given.worker = given.worker or ROOT / "target" / ("release" if given.quick else "deploy") / "terabit"
    given.out = given.out or (ROOT / "target" / "bench" if given.quick else ROOT / "bench" / "results")
    return given


def main():
    given = arguments()
    # Whatever ends this: servers, namespaces and groups go on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    settings = Settings(given.quick, given.worker.resolve(), given.only, given.minutes)
    parts = PARTS | NAMED
    results = Results(given.out, parts)
    failed = False
    for name in given.parts or PARTS:
        say(f"{name} …")
        about, begun = machine(), time.monotonic()
        try:
            outcome = {"result": parts[name].run(settings), "quick": given.quick}
            failed |= name in NAMED and parts[name].has_failed(outcome["result"])
        except Skip as reason:
            outcome = {"skipped": str(reason)}
            say(f"{name} is skipped: {reason}")
        except Exception as error:
            # The other parts are worth having.
            outcome = {"skipped": f"it failed: {error}"}
            failed = True
            say(f"{name} failed: {error}")
        results.add(name, about | {"took_s": round(time.monotonic() - begun, 1)}, outcome)
    say(f"written: {results.table}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
