"""Runs and records for tests of what is reported, and what is. Times are seconds after EPOCH, a moment that a run can
have."""

import functools
import json
import os
import subprocess
from pathlib import Path

import pytest
from harness import JQ, includes, read_json

EPOCH = 1_700_000_000


@functools.cache
def summing_up():
    """What sums up, a line for a line. It is started once: with jq 1.6 that takes longer than a hundred summaries."""
    program = "inputs | try [figures(.lines[]; .run; .prices; false; .drawn)] catch {error: .}"
    command = ["jq", "-n", "-c", "--unbuffered", "-L", JQ, includes("figures") + program]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def figures(records, run=None, prices=None, drawn=False):
    """The summary of records (dicts, or lines as they stand), and what a picture shows where it is drawn. A run's are
    numbered where they are not."""
    if run:
        records = [r if isinstance(r, str) else {"job": n, "launch": 1, **r} for n, r in enumerate(records)]
    lines = [r if isinstance(r, str) else json.dumps(r) for r in records]
    jq = summing_up()
    jq.stdin.write(json.dumps({"lines": lines, "run": run, "prices": prices, "drawn": drawn}) + "\n")
    jq.stdin.flush()
    found = json.loads(jq.stdout.readline())
    assert isinstance(found, list), found
    return found


def summary(records, run=None, prices=None):
    return figures(records, run, prices)[0]


def job(start, stop, size=0, **more):
    return {"start": EPOCH + start, "stop": EPOCH + stop, "bytes": size, "mbps": size / (stop - start) / 1e6, **more}


def failure(type="ShortBody", message="half came", **more):
    """A job that failed, with no times unless they are given."""
    return {"error": {"type": type, "message": message}, **more}


def failed(start, stop, size=0, **more):
    return {"start": EPOCH + start, "stop": EPOCH + stop, "bytes": size, **failure(), **more}


def reference(op):
    """Real records of 1,000 workers, and the summary that is expected of them."""
    folder = os.environ.get("TERABIT_REFERENCE")
    if not folder:
        pytest.skip("TERABIT_REFERENCE names no folder of reference records")
    folder = Path(folder)
    return folder / f"lithops-2022-aws-1000-{op}.ndjson", read_json(folder / f"expected-1000-{op}.json")


def a_run(jobs, *launches, **more):
    """run.json in format 2, with one launch for each dict of what it does not share with the others."""
    run = {
        "format": 2,
        "id": "0123456789abcdef0123456789abcdef",
        "op": "write",
        "jobs": jobs,
        "bucket": "b",
        "function": "terabit",
        "region": "eu-west-1",
        "answers": "terabit-runs/0123456789abcdef0123456789abcdef/",
        "mb_per_file": 64,
        "part_mb": 64,
        "in_flight": 8,
        "memory_mb": 2048,
        "arch": "arm64",
        "timeout_s": 900,
        "network_mbps": 78.125,
        "loopback": False,
        "reads": None,
        "deleted": None,
        **more,
    }
    common = {
        "jobs": [[0, jobs - 1]],
        "squad": 16,
        "version": "0.1.0",
        "start_in_s": 10,
        "start_at": EPOCH,
        "launch": EPOCH - 10,
        "until": EPOCH + 1000,
        "end": EPOCH + 20,
        "interrupted": None,
        "throttled": 0,
    }
    return {**run, "launches": [{"n": n, **common, **one} for n, one in enumerate(launches or ({},), 1)]}
