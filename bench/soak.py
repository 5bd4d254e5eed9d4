"""Part `soak`, by `make soak`: 64 workers for half an hour under an S3 whose faults strike by chance, all kinds mixed.
Every object is read back and compared, then deleted; every answer must be good, no upload left open, and no worker
larger at its end than half-way."""

import json
import random
import threading
import time
from collections import Counter

import s3
from service import Service
from settings import MIB, Skip, say

WORKERS = 64
# The shares of the requests that meet each fault.
FAULTS = {"slow-down": 0.03, "reset": 0.02, "short": 0.02, "lost": 0.02, "stall": 0.001}
# MB/s of a worker: all of them together leave the processors some rest.
WORKER_RATE = 2
# How much larger than half-way, in MB, is still as large.
GROWN_MB = 3


class Worker:
    """Has one job after the other done until the time is over; what came of them."""

    def __init__(self, number, bucket, clients, seed):
        self.key, self.bucket = f"soak/{number}", {"Bucket": bucket}
        self.chance = random.Random(f"{seed} {number}")
        self.s3, self.function = clients
        self.sums = Counter()
        self.unexplained = []
        # The most memory that each environment has had: [(seconds since the epoch, its name, MB)]
        self.memory = []

    def run(self, over):
        while time.time() < over:
            try:
                self.there_and_back()
            except Exception as error:
                # One that dies silently would look like one that is done.
                self.unexplained.append(f"{type(error).__name__}: {error}")

    def there_and_back(self):
        written = self.job({"op": "write"} | self.objects(), objects=None)
        # A stream by time may end before it has an object.
        if written is None or not (number := written["objects"]):
            return
        read = self.job(
            {
                "op": "read",
                "objects": number,
                "verify": True,
                "range_mb": self.chance.choice([1, 5, 64]),
                "ranges_in_flight": self.chance.randint(1, 16),
            },
            objects=number,
        )
        if read is not None and read["bytes"] != written["bytes"]:
            self.unexplained.append(f"{written['bytes']} bytes were written and {read['bytes']} read")
        for page in self.s3.get_paginator("list_objects_v2").paginate(**self.bucket, Prefix=f"{self.key}/"):
            keys = [{"Key": entry["Key"]} for entry in page.get("Contents", [])]
            self.sums["there"] += len(keys)
            if keys:
                self.s3.delete_objects(**self.bucket, Delete={"Objects": keys, "Quiet": True})

    def objects(self):
        """What is written: small objects, large ones in parts, or as many as a few seconds allow."""
        small = {"bytes_per_file": self.chance.randint(1, 100_000)}
        large = {"bytes_per_file": self.chance.randint(5 * MIB + 1, 12 * MIB), "part_mb": 5}
        number = {"objects": self.chance.randint(1, 40)}
        few = {"objects": self.chance.randint(1, 3)}
        shape = self.chance.choice([small | number, large | few, small | {"for_s": 3}, large | {"for_s": 3}])
        return shape | {"parts_in_flight": self.chance.randint(1, 16)}

    def job(self, event, objects):
        """The answer to an event, where it is good."""
        event |= {"bucket": self.bucket["Bucket"], "key": self.key, "open_s": 0}
        said = self.function.invoke(FunctionName="terabit", Payload=json.dumps(event))
        answer = json.loads(said["Payload"].read())
        self.sums["jobs"] += 1
        wrong = said.get("FunctionError") or answer.get("error") or answer.get("upload_left")
        if wrong or objects not in (None, answer["objects"]):
            self.unexplained.append(f"{event}: {json.dumps(answer)[:500]}")
            return None
        for name in ("requests", "retries", "throttled", "bytes", "objects"):
            self.sums[name] += answer[name]
        self.memory.append((time.time(), answer["worker"], answer["max_rss_mb"]))
        return answer


def run(settings):
    if not settings.worker.is_file():
        raise Skip(f"{settings.worker} is not built: make bench")
    seed = random.randrange(1 << 32)
    seconds = settings.size(settings.minutes * 60, 3)
    workers = settings.size(WORKERS, 4)
    faults = [word for name, share in FAULTS.items() for word in (f"--{name}", share)]
    options = ["--worker", settings.worker, "--concurrency", workers, "--worker-rate", WORKER_RATE, "--seed", seed]
    say(f"{workers} workers for {seconds} s, seed {seed}")
    with Service(*options, *faults) as service:
        asked = s3.client(service)
        clients = asked, s3.lambda_client(service)
        all_workers = [Worker(number, service.bucket, clients, seed) for number in range(workers)]
        begun = time.time()
        threads = [threading.Thread(target=worker.run, args=[begun + seconds], daemon=True) for worker in all_workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        uploads = asked.list_multipart_uploads(Bucket=service.bucket).get("Uploads", [])
    unexplained = [one for worker in all_workers for one in worker.unexplained]
    for one in unexplained[:20]:
        say(one)
    memory = [one for worker in all_workers for one in worker.memory]
    return {
        "workers": workers,
        "seconds": round(time.time() - begun, 1),
        "seed": seed,
        "faults": FAULTS,
        "sums": dict(sum((worker.sums for worker in all_workers), Counter())),
        "unexplained": unexplained[:100],
        "failed": len(unexplained),
        "uploads": len(uploads),
        "peak_mb": max((mb for _, _, mb in memory), default=None),
        "grown_mb": grown(memory),
    }


def grown(memory):
    """By how much the worker that grew the most did so in the second half of its answers; None where there are none."""
    peaks = {}
    for _, name, mb in sorted(memory):
        peaks.setdefault(name, []).append(mb)
    return max((mb[-1] - mb[len(mb) // 2] for mb in peaks.values()), default=None)


def has_failed(result):
    return any(value is None or value > most for _, value, _, most in ratios(result))


def ratios(result):
    yield "soak: answers that are not good", result["failed"], "≤", 0
    yield "soak: uploads left open", result["uploads"], "≤", 0
    yield "soak: a worker's growth in the second half, MB", result["grown_mb"], "≤", GROWN_MB


def tables(result):
    sums = Counter(result["sums"])
    faults = ", ".join(f"{share:.1%} {name}" for name, share in result["faults"].items())
    yield f"{result['workers']} workers, {result['seconds']:,.0f} s, seed {result['seed']}; of the requests: {faults}."
    header = ["jobs", "objects", "GB", "requests", "repeated", "503", "not good", "uploads left", "peak MB", "grown MB"]
    row = [f"{sums[name]:,}" for name in ("jobs", "objects")]
    row += [f"{sums['bytes'] / 1e9:,.1f}", *(f"{sums[name]:,}" for name in ("requests", "retries", "throttled"))]
    row += [result["failed"], result["uploads"], *map(known, (result["peak_mb"], result["grown_mb"]))]
    yield header, [row]
    if result["unexplained"]:
        yield result["unexplained"]


def known(mb):
    return "–" if mb is None else f"{mb:.1f}"
