"""Whoever moves an object's bytes to be compared: the worker, its peers, and the floor.

A contender's `start(job, service)` gives a child that is ready to move the job's bytes: `pid`, `go()`, which moves them
and returns how many, and `end()`."""

import json
import os
import select
import subprocess
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import s3
from measure import finish
from settings import ROOT, Skip, say
from worker import Worker, event_of

PEERS = Path(__file__).resolve().parent / "peers"
PEERS_PYTHON = ROOT / ".tools" / "bench" / "bin" / "python"
FLOOR = ROOT / "target" / "release" / "floor"

# awscrt, obstore and s5cmd hold whole parts in memory, and pay for it where parts are large.
SMALLER_MB = 8

# How long a child may take to be ready, and to move its bytes.
READY_S = 60
MOVED_S = 300


@dataclass
class Job:
    """One transfer."""

    op: str
    url: str
    tls: str
    bucket: str
    key: str
    size: int
    part_mb: int
    in_flight: int


class Child:
    """A program that prints `ready`, moves the bytes when a line arrives on its stdin, and prints `moved` with their
    number; one that becomes another program closes its stdout when it has moved them."""

    def __init__(self, name, command, job, plan="", **more):
        self.name, self.job = name, job
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, **more
        )
        self.pid = self.process.pid
        try:
            self.process.stdin.write(plan)
            self.process.stdin.flush()
            if (said := self.line(READY_S)) != "ready\n":
                raise RuntimeError(f"{name}: {said!r} in place of ready")
        except BaseException:
            self.end()
            raise

    def line(self, limit):
        if not select.select([self.process.stdout], [], [], limit)[0]:
            raise RuntimeError(f"{self.name} was silent for {limit} s")
        return self.process.stdout.readline()

    def go(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        if said := self.line(MOVED_S):
            return int(said.removeprefix("moved "))
        # It has ended, but stays as it is until `end`.
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        if ended.si_status:
            raise RuntimeError(f"{self.name} ended with status {ended.si_status}")
        return self.job.size

    def end(self):
        finish(self.process)
        self.process.stdin.close()
        self.process.stdout.close()


class WorkerChild(Worker):
    """The worker with a job's event."""

    def __init__(self, binary, job, service):
        super().__init__(binary, service)
        self.event = event_of(job)
        try:
            self.ready()
        except BaseException:
            self.end()
            raise

    def go(self):
        self.answer = self.invoke(self.event, MOVED_S)
        return self.answer["bytes"]


class TheWorker:
    name = "terabit"
    about = "the worker: fresh data, generated while it is sent"

    def __init__(self, binary):
        self.binary = binary

    def missing(self):
        return None if self.binary.is_file() else f"{self.binary} is not built: make bench"

    def start(self, job, service):
        return WorkerChild(self.binary, job, service)


class TheFloor:
    name = "floor"
    about = "one thread, plain sockets opened before, signed requests given; the worker's generator for writes"

    def missing(self):
        return None if FLOOR.is_file() else "target/release/floor is not built: make bench"

    def start(self, job, service):
        requests = s3.presigned(job, service)
        first = [job.op, job.url.partition("//")[2], job.tls or "-", job.key, job.in_flight]
        lines = [first, *requests]
        return Child(self.name, [FLOOR], job, "".join(" ".join(map(str, line)) + "\n" for line in lines) + "\n")


class Variant:
    """A contender with another part size, or with other requests in flight, than the rest of its row."""

    def __init__(self, contender, name, about, **changes):
        self.contender, self.changes = contender, changes
        self.name, self.about = f"{contender.name} {name}", about

    def missing(self):
        return self.contender.missing()

    def start(self, job, service):
        return self.contender.start(replace(job, **self.changes), service)


class Peer:
    """A program of others, driven by a script in peers/ that is named after it."""

    def __init__(self, name, script, about):
        self.name, self.script, self.about = name, PEERS / script, about

    def missing(self):
        if not PEERS_PYTHON.is_file():
            return "the peers are not installed: make bench installs them into .tools/bench"
        found = subprocess.run(
            [PEERS_PYTHON, self.script, "version"], capture_output=True, text=True, check=False, timeout=60
        )
        if found.returncode:
            return f"{self.name} does not start: {(found.stderr.strip() or 'no reason').splitlines()[-1]}"
        self.version = found.stdout.strip()
        return None

    def start(self, job, service):
        return Child(self.name, [PEERS_PYTHON, self.script, json.dumps(asdict(job))], job, env=service.env)


def contenders(settings):
    """Those that are wanted and here; says which are not, and why."""
    peers = [
        Peer("awscrt", "crt.py", "AWS's C client through Python; one random MiB over and over"),
        Peer(
            "boto3",
            "seed.py",
            "as the 2016 benchmark used it, one request for all, digests as by default; the same MiB",
        ),
        Peer("obstore", "object_store.py", "Rust's object_store through Python; one random MiB over and over"),
        Peer("s5cmd", "s5.py", "a Go program, its start included, digests as by default; a file in memory, /dev/null"),
    ]
    found, absent = [], {}
    smaller = [
        Variant(peer, f"{SMALLER_MB} MiB", "parts and ranges nearer to its own default", part_mb=SMALLER_MB)
        for peer in peers
        if peer.name != "boto3"
    ]
    worker, floor = TheWorker(settings.worker), TheFloor()
    alone = [Variant(one, "×1", "with one request in flight, as boto3 has", in_flight=1) for one in (worker, floor)]
    for contender in [worker, *peers, *smaller, floor, *alone]:
        if settings.only and contender.name not in settings.only:
            continue
        if reason := contender.missing():
            absent[contender.name] = reason
            say(f"without {contender.name}: {reason}")
        else:
            found.append(contender)
    if not any(contender.name == "terabit" for contender in found):
        raise Skip(absent.get("terabit", "the worker is not among those to compare"))
    return found, absent
