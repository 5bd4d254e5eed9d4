"""Part `report`: what `./driver.sh report` takes for a large run, its table and its picture together.

Of records that are made up, always the same: a minute at about 75 MB/s each, a sample a second, a few late starters
and stragglers among them."""

import json
import os
import random
import tempfile
from pathlib import Path

from measure import spread, tree
from per_byte import figure
from settings import ROOT, Skip, say

JOBS = [1_000, 10_000]
BEGAN = 1_790_000_000
LIMIT_S = 300


def run(settings):
    rows = []
    for jobs in settings.size(JOBS, [100]):
        with tempfile.TemporaryDirectory(prefix="terabit-bench-") as folder:
            path = Path(folder) / "records.ndjson"
            with path.open("w") as file:
                file.writelines(json.dumps(record) + "\n" for record in records(jobs))
            runs = [reported(path) for _ in range(settings.size(3, 1))]
        row = {"jobs": jobs} | {name: spread([one[name] for one in runs]) for name in ("seconds", "cpu_s", "peak_mb")}
        say(f"report of {jobs} jobs: {row['seconds']['median']:.1f} s, {row['peak_mb']['median']:.0f} MB")
        rows.append(row)
    return {"rows": rows}


def reported(path):
    used = tree([ROOT / "driver.sh", "report", path], dict(os.environ), LIMIT_S, look_every_s=0.05)
    if used["status"]:
        raise Skip(f"the driver ended with {used['status']}: {used['err'].strip()[-300:]}")
    return used


def records(jobs):
    """Results of so many workers, in the worker's own fields."""
    chance = random.Random(1)
    for job in range(jobs):
        start = BEGAN + chance.random() * 0.3 + (chance.random() < 0.01) * 4
        rate = chance.gauss(75, 2) * (0.7 if chance.random() < 0.01 else 1) * 1e6
        stop = start + 4_500_000_000 / rate
        seconds = range(int(start) + 1, int(stop) + 1)
        yield {
            "start": start,
            "stop": stop,
            "mbps": 4500 / (stop - start),
            "op": "write",
            "key": f"{job:032X}",
            "bytes": 4_500_000_000,
            "samples": [int((second - start) * rate) for second in seconds if second < stop],
            "requests": 70,
            "retries": 0,
            "throttled": 0,
            "first_byte_ms": chance.uniform(20, 60),
            "request_ms": {"p50": 7000, "p99": 7500, "max": 7600},
            "late_s": 0,
            "handler_s": stop - start + 0.5,
            "init_s": 0,
            "cpu_s": 2.5,
            "memory_mb": 512,
        }


def ratios(_):
    return []


def tables(result):
    yield "`./driver.sh report`, table and picture, of jobs with a minute's samples each; in brackets least and most."
    yield (
        ["jobs", "seconds", "CPU-s", "peak MB"],
        [
            [
                f"{row['jobs']:,}",
                figure(row["seconds"], 1),
                figure(row["cpu_s"], 1),
                figure(row["peak_mb"], 0),
            ]
            for row in result["rows"]
        ],
    )
