"""Part `bytes`: what moving an object costs the worker, its peers and the floor: processor time and memory.

All of a row share one process of `local`, the size, and, where a contender lets them be set, part size and requests in
flight; they take turns. The worker's memory is also measured with more in flight and with other parts."""

from contenders import Job, TheWorker, contenders
from measure import Usage, interleaved, spread, transfer
from s3 import size_of
from service import Service
from settings import MIB, say

IN_FLIGHT = 8
PART_MB = 64
SCHEMES = {"HTTP": [], "TLS": ["--tls"]}

# Goals for the ratio of processor time per byte: scheme, op, and whose by whose, with the same parts and as many
# requests in flight; at most this.
GOALS = {
    ("TLS", "write", "terabit", "awscrt"): 0.40,
    ("TLS", "read", "terabit", "awscrt"): 0.30,
    ("HTTP", "write", "terabit", "awscrt"): 0.75,
    ("HTTP", "read", "terabit", "awscrt"): 0.22,
    ("HTTP", "read", "terabit ×1", "boto3"): 1.0,
    ("TLS", "write", "terabit", "floor"): 1.5,
}

# (in flight, part in MiB): the worker's peak memory in MB should be at most this.
MEMORY = {(16, 5): 16, (16, 64): 16, (16, 128): 16, (64, 16): 30}


def run(settings):
    rivals, absent = contenders(settings)
    result = {
        "absent": absent,
        "about": {rival.name: rival.about for rival in rivals},
        "versions": {rival.name: rival.version for rival in rivals if hasattr(rival, "version")},
        "size": settings.size(1024, 64) * MIB,
        "part_mb": settings.size(PART_MB, 8),
        "in_flight": IN_FLIGHT,
        "rounds": settings.rounds,
    }
    result["rows"] = [
        row
        for scheme, options in SCHEMES.items()
        for op in ("write", "read")
        for row in compared(scheme, options, op, rivals, result)
    ]
    shapes = {(16, 5): 16} if settings.quick else MEMORY
    result["memory"] = [row for scheme, options in SCHEMES.items() for row in memory(scheme, options, shapes, settings)]
    return result


def compared(scheme, options, op, rivals, plan):
    """A row a contender, for one operation."""
    found = {rival.name: [] for rival in rivals}
    with Service(*options) as service:
        job = Job(op, service.url, service.tls, service.bucket, "bench", plan["size"], plan["part_mb"], IN_FLIGHT)
        # What is read, and the server's first memory.
        writer = next(rival for rival in rivals if rival.name == "terabit")
        usage(writer, Job(**vars(job) | {"op": "write"}), service)
        for rival in interleaved(plan["rounds"], rivals):
            if rival.name not in found:
                continue
            try:
                found[rival.name].append(usage(rival, job, service))
            except (OSError, RuntimeError) as error:
                if rival.name == "terabit":
                    raise
                # The others are worth having.
                plan["absent"][f"{scheme} {op} {rival.name}"] = f"it failed: {error}"
                del found[rival.name]
    for name, usages in found.items():
        row = summary(scheme, op, name, usages)
        say(f"{scheme} {op} {name}: {row['cpu_s_per_gb']['median']:.3f} CPU-s/GB, {row['peak_mb']['median']:.0f} MB")
        yield row


def usage(contender, job, service):
    """One transfer; S3 must have what the contender says that it moved."""
    used = transfer(contender.start(job, service))
    if used.bytes != job.size:
        raise RuntimeError(f"{contender.name} moved {used.bytes} of {job.size} bytes")
    if job.op == "write" and contender.name != "floor" and size_of(service, job.bucket, job.key) != job.size:
        raise RuntimeError(f"{contender.name} left another size in S3")
    return used


def summary(scheme, op, name, usages: list[Usage]):
    return {
        "scheme": scheme,
        "op": op,
        "contender": name,
        "cpu_s_per_gb": spread([one.cpu_s / one.bytes * 1e9 for one in usages]),
        "system_share": spread([one.system_s / one.cpu_s for one in usages])["median"],
        "peak_mb": spread([one.peak_mb for one in usages]),
        "mbps": spread([one.bytes / one.seconds / 1e6 for one in usages]),
        "runs": [vars(one) for one in usages],
    }


def memory(scheme, options, shapes, settings):
    """The worker alone: peak memory by requests in flight and part size, each object long enough to keep all busy."""
    worker = TheWorker(settings.worker)
    for (in_flight, part_mb), goal in shapes.items():
        with Service(*options) as service:
            for op in ("write", "read"):
                size = part_mb * (in_flight + 1) * MIB
                job = Job(op, service.url, service.tls, service.bucket, "bench", size, part_mb, in_flight)
                used = [usage(worker, job, service).peak_mb for _ in range(settings.size(3, 1))]
                row = {"scheme": scheme, "op": op, "in_flight": in_flight, "part_mb": part_mb}
                yield row | {"goal": goal, "peak_mb": spread(used)}


def ratios(result):
    """[(what, value, goal)]: processor time per byte against the others, and memory against its limit."""
    cpu = {(row["scheme"], row["op"], row["contender"]): row["cpu_s_per_gb"]["median"] for row in result["rows"]}
    found = []
    for scheme, op in dict.fromkeys((scheme, op) for scheme, op, _ in cpu):
        here = {name: value for (*row, name), value in cpu.items() if row == [scheme, op]}
        for own, other in compared_by_name(here):
            goal = GOALS.get((scheme, op, own, other))
            found.append((f"CPU per byte, {scheme} {op}, {own} ÷ {other}", here[own] / here[other], "≤", goal))
    for goal in (16, 30):
        peaks = [row["peak_mb"]["max"] for row in result["memory"] if row["goal"] == goal]
        if peaks:
            in_flight = max(row["in_flight"] for row in result["memory"] if row["goal"] == goal)
            found.append((f"peak memory with {in_flight} in flight, any part size, MB", max(peaks), "≤", goal))
    return found


def compared_by_name(cpu):
    """Whose processor time is held against whose: like with like, and what a peer needs with parts of its own size."""
    for other in cpu:
        if "×" not in other and other != "terabit":
            yield "terabit", other
    for other in ("boto3", "floor ×1"):
        if other in cpu and "terabit ×1" in cpu:
            yield "terabit ×1", other


def tables(result):
    size = result["size"] // MIB
    yield (
        f"{size:,} MiB, parts and ranges of {result['part_mb']} MiB, {result['in_flight']} in flight; medians of "
        f"{result['rounds']}, in brackets least and most. CPU-s: user and system, of the transfer alone."
    )
    header = ["", "", "contender", "CPU-s/GB", "of it system", "peak MB", "MB/s"]
    rows = [
        [
            row["scheme"],
            row["op"],
            row["contender"],
            figure(row["cpu_s_per_gb"], 3),
            f"{row['system_share']:.0%}",
            figure(row["peak_mb"], 1),
            figure(row["mbps"], 0),
        ]
        for row in result["rows"]
    ]
    yield header, rows
    yield "What could not be made equal:"
    yield [
        *[
            f"{name} {result['versions'].get(name, '')}".strip() + f": {about}"
            for name, about in result["about"].items()
        ],
        "awscrt, boto3 and obstore run in Python, whose own start is not counted",
        "MB/s: contender and server share the processors",
    ]
    yield "The worker's memory:"
    yield (
        ["", "", "in flight", "part MiB", "peak MB"],
        [
            [row["scheme"], row["op"], row["in_flight"], row["part_mb"], figure(row["peak_mb"], 1)]
            for row in result["memory"]
        ],
    )


def figure(values, digits):
    """A median with its spread."""
    median, least, most = (f"{values[name]:,.{digits}f}" for name in ("median", "min", "max"))
    return median if least == most else f"{median} ({least}–{most})"
