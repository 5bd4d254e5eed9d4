"""Part `small`: many small objects by one worker, as a stream: objects a second and processor time for each."""

import time

from measure import cpu_of, peak_mb_of
from service import Service
from settings import Skip, say
from worker import Refused, Worker

# (bytes of an object, in flight)
SHAPES = [(1_000, 16), (1_000, 64), (64_000, 16), (1_000_000, 16)]
SCHEMES = {"HTTP": [], "TLS": ["--tls"]}
# A job ends by time, whichever machine it is on.
FOR_S = 5


def run(settings):
    if not settings.worker.is_file():
        raise Skip(f"{settings.worker} is not built: make bench")
    shapes = SHAPES[:1] if settings.quick else SHAPES
    rows = []
    for scheme, options in SCHEMES.items():
        for size, in_flight in shapes:
            with Service(*options) as service:
                rows += stream(scheme, size, in_flight, service, settings)
    return {"rows": rows, "for_s": settings.size(FOR_S, 1)}


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


def ratios(_):
    return []


def tables(result):
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
