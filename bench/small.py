"""Part `small`: many small objects: one worker beside s5cmd and boto3, and alone with other sizes, by time."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import s3
from contenders import Job, Peer, WorkerChild
from measure import cpu_of, interleaved, peak_mb_of, spread, transfer
from per_byte import figure
from service import Service
from settings import Skip, say
from worker import Refused, Worker

# (bytes of an object, in flight)
SHAPES = [(1_000, 16), (1_000, 64), (64_000, 16), (1_000_000, 16)]
SCHEMES = {"HTTP": [], "TLS": ["--tls"]}
# A job ends by time, whichever machine it is on.
FOR_S = 5

# What is compared, HTTP: bytes of an object, in flight.
COMPARED = (4096, 64)
# Of the worker's figure to another's: what, whose, at least or at most.
GOALS = {
    ("objects_per_s", "s5cmd"): ("≥", 1.0),
    ("objects_per_s", "boto3"): ("≥", 5.0),
    ("cpu_us", "s5cmd"): ("≤", 0.7),
}
PEAK_MB = 24


@dataclass
class Objects(Job):
    """A transfer of many objects, each of `size` bytes."""

    objects: int
    folder: str


class TheWorker:
    name = "terabit"
    about = "a stream of objects, fresh data in each"

    def __init__(self, binary):
        self.binary = binary

    def start(self, job, service):
        child = WorkerChild(self.binary, job, service)
        child.event = {"op": job.op, "bucket": job.bucket, "key": job.key, "objects": job.objects, "open_s": 0}
        if job.op == "write":
            child.event |= {"bytes_per_file": job.size, "parts_in_flight": job.in_flight}
        else:
            child.event |= {"ranges_in_flight": job.in_flight}
        return child


def run(settings):
    if not settings.worker.is_file():
        raise Skip(f"{settings.worker} is not built: make bench")
    shapes = SHAPES[:1] if settings.quick else SHAPES
    rows = []
    for scheme, options in SCHEMES.items():
        for size, in_flight in shapes:
            with Service(*options) as service:
                rows += stream(scheme, size, in_flight, service, settings)
    return {"rows": rows, "for_s": settings.size(FOR_S, 1)} | compared(settings)


def compared(settings):
    """The worker beside others, which have as many requests in flight: objects that are written, then read."""
    peers = [
        Peer("s5cmd", "small_s5.py", "a Go program, its start included; files in memory"),
        Peer("boto3", "small_boto3.py", "Python, a thread a request"),
    ]
    absent = {peer.name: reason for peer in peers if (reason := peer.missing())}
    rivals = [TheWorker(settings.worker), *(peer for peer in peers if peer.name not in absent)]
    size, in_flight = COMPARED
    objects, found = settings.size(20_000, 500), {}
    with Service() as service, tempfile.TemporaryDirectory(dir=memory()) as folder:
        for rival in interleaved(settings.rounds, rivals):
            for op in ("write", "read"):
                place = (service.url, service.tls, service.bucket, rival.name)
                job = Objects(op, *place, size, 64, in_flight, objects, f"{folder}/{rival.name}")
                Path(job.folder).mkdir(exist_ok=True)
                found.setdefault((op, rival.name), []).append(transfer(rival.start(job, service)))
                there = s3.number_of(service, job.bucket, f"{job.key}/")
                if there != objects:
                    raise RuntimeError(f"{rival.name} left {there} of {objects} objects in S3")
    rows = [compared_row(op, name, objects, usages) for (op, name), usages in found.items()]
    return {"compared": rows, "objects": objects, "rounds": settings.rounds, "absent": absent}


def memory():
    """A folder in memory, where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def compared_row(op, name, objects, usages):
    found = {
        "op": op,
        "contender": name,
        "objects_per_s": spread([objects / one.seconds for one in usages]),
        "cpu_us": spread([one.cpu_s / objects * 1e6 for one in usages]),
        "peak_mb": spread([one.peak_mb for one in usages]),
    }
    say(f"{op} {name}: {found['objects_per_s']['median']:,.0f} objects/s, {found['cpu_us']['median']:.0f} CPU-µs each")
    return found


def stream(scheme, size, in_flight, service, settings):
    """A row for the writing of a stream, and one for its reading."""
    seconds = settings.size(FOR_S, 1)
    shared = {"bucket": service.bucket, "key": "bench", "for_s": seconds, "open_s": 0}
    write = {"op": "write", "bytes_per_file": size, "parts_in_flight": in_flight}
    written = moved(shared | write, service, settings)
    yield row(scheme, "write", size, in_flight, written)
    read = {"op": "read", "objects": written["objects"], "ranges_in_flight": in_flight, "read_times": 1_000_000}
    yield row(scheme, "read", size, in_flight, moved(shared | read, service, settings))


def moved(event, service, settings):
    worker = Worker(settings.worker, service)
    try:
        worker.ready()
        cpu, begun = cpu_of(worker.pid), time.perf_counter()
        answer = worker.invoke(event, limit=120)
        used = {"cpu_s": cpu_of(worker.pid) - cpu, "wall_s": time.perf_counter() - begun}
        return answer | used | {"peak_mb": peak_mb_of(worker.pid)}
    except Refused as refused:
        if refused.unknown:
            raise Skip(f"this worker does not know streams yet ({refused})") from None
        raise
    finally:
        worker.end()


def row(scheme, op, size, in_flight, answer):
    seconds, objects = answer["stop"] - answer["start"], answer["objects"]
    found = {
        "scheme": scheme,
        "op": op,
        "size": size,
        "in_flight": in_flight,
        "objects": objects,
        "objects_per_s": objects / seconds,
        "cpu_us_per_request": answer["cpu_s"] / answer["requests"] * 1e6,
        "p50_ms": answer["request_ms"]["p50"],
        "p99_ms": answer["request_ms"]["p99"],
        "peak_mb": answer["peak_mb"],
    }
    say(f"{scheme} {op} {size} bytes × {in_flight}: {found['objects_per_s']:,.0f} objects/s")
    return found


def ratios(result):
    """[(what, value, relation, goal)]: the worker's figures to those of the others, and its memory."""
    rows = {(row["op"], row["contender"]): row for row in result["compared"]}
    size, in_flight = COMPARED
    for op in ("write", "read"):
        for (what, other), goal in GOALS.items():
            if (op, other) in rows:
                own, others = (rows[op, one][what]["median"] for one in ("terabit", other))
                name = {"objects_per_s": "objects a second", "cpu_us": "CPU per object"}[what]
                yield f"{name}, {op} of {size:,} bytes, terabit ÷ {other}", own / others, *goal
    peak = max(row["peak_mb"]["max"] for (_, name), row in rows.items() if name == "terabit")
    yield f"peak memory with {in_flight} small objects in flight, MB", peak, "≤", PEAK_MB


def tables(result):
    size, in_flight = COMPARED
    yield (
        f"{result['objects']:,} objects of {size:,} bytes, {in_flight} in flight, HTTP; medians of {result['rounds']}, "
        "in brackets least and most. Contender and server share the processors."
    )
    yield (
        ["", "contender", "objects/s", "CPU µs an object", "peak MB"],
        [
            [
                row["op"],
                row["contender"],
                figure(row["objects_per_s"], 0),
                figure(row["cpu_us"], 0),
                figure(row["peak_mb"], 1),
            ]
            for row in result["compared"]
        ],
    )
    yield f"One worker, streams of {result['for_s']} s; worker and server share the processors."
    yield (
        ["", "", "bytes", "in flight", "objects/s", "CPU µs a request", "p50 ms", "p99 ms", "peak MB"],
        [
            [
                row["scheme"],
                row["op"],
                f"{row['size']:,}",
                row["in_flight"],
                f"{row['objects_per_s']:,.0f}",
                f"{row['cpu_us_per_request']:.0f}",
                f"{row['p50_ms']:.1f}",
                f"{row['p99_ms']:.1f}",
                f"{row['peak_mb']:.1f}",
            ]
            for row in result["rows"]
        ],
    )
