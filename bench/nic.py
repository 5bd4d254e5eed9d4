"""Part `nic`: how much of a worker's network it fills, with as little of a processor as Lambda gives it.

The worker is alone in a network namespace behind a wire of 625 Mbit/s, in a control group with the processor share of
its memory size; `local` models S3 (30 ms to the first byte, 20 MB/s up and 90 down a connection) and speaks TLS. What
iperf3 gets over the same wire, without a limit of processors, is 100 %."""

import json
import subprocess
import time

import namespaces
from namespaces import SERVER, WORKER, Share, inside, wire
from service import Service
from settings import MIB, Skip, say
from worker import Refused, RuntimeApi, Worker

MODEL = ["--tls", "--first-byte-ms", 30, "--connection-up", 20, "--connection-down", 90]
# MB of memory that Lambda sells with one processor.
PROCESSOR_MB = 1769
MBIT = 625

# Goals for the share of what iperf3 gets, by memory: sustained, and the mean of a job.
GOALS = {512: (0.99, 0.97), 256: (0.99, 0.97), 128: (0.97, None)}
# 10 GB of memory, with the network that an account can opt in to: (MB, Mbit/s, parts and ranges in flight).
WIDE = (10240, 3000, 19, 8)

# The first seconds of a job open its connections: sustained is reckoned from there on.
OPENING_S = 2


def run(settings):
    namespaces.check()
    if not settings.worker.is_file():
        raise Skip(f"{settings.worker} is not built: make bench")
    size = settings.size(2000, 200)
    result = {"size": size * MIB, "iperf3": {}, "rows": [], "notes": []}
    with wire(MBIT):
        result["iperf3"][MBIT] = reference = iperf3(settings)
        for memory_mb in list(GOALS)[: settings.size(3, 1)]:
            measured(settings, memory_mb, MBIT, 8, 8, size, reference, result)
    memory_mb, mbit, parts, ranges = WIDE
    with wire(mbit):
        result["iperf3"][mbit] = reference = iperf3(settings)
        measured(settings, memory_mb, mbit, parts, ranges, size, reference, result)
    return result


def iperf3(settings):
    """MB/s of payload each way, of eight connections."""
    seconds = settings.size(10, 2)
    found = {}
    for op, way in (("write", []), ("read", ["--reverse"])):
        serve = ["ip", "netns", "exec", SERVER, "iperf3", "--server", "--one-off", "--bind", "127.0.0.1"]
        server = subprocess.Popen(serve, stdout=subprocess.DEVNULL)
        try:
            ask = ["iperf3", "--client", "127.0.0.1", "--parallel", "8", "--time", str(seconds), "--json", *way]
            found[op] = asked(["ip", "netns", "exec", WORKER, *ask], seconds + 20)
        finally:
            server.kill()
            server.wait(20)
    say(f"iperf3: {found['write']:.1f} MB/s up, {found['read']:.1f} down")
    return found


def asked(command, limit):
    """MB/s that iperf3's client measured; it is asked again while its server does not listen yet."""
    for _ in range(20):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
        told = json.loads(done.stdout)
        if "error" not in told:
            return told["end"]["sum_received"]["bits_per_second"] / 8e6
        time.sleep(0.25)
    raise Skip(f"iperf3: {told['error']}")


def measured(settings, memory_mb, mbit, parts, ranges, size, reference, result):
    """Rows of one memory size: a job of so many MiB, and a stream of 20 s, each way."""
    behind = ["ip", "netns", "exec"]
    share = memory_mb / PROCESSOR_MB
    with Service(*MODEL, prefix=[*behind, SERVER]) as service, Share(share) as group:
        shared = {"bucket": service.bucket, "key": "bench"}
        of_op = {"write": {"parts_in_flight": parts}, "read": {"ranges_in_flight": ranges}}
        streams = {"write": {"bytes_per_file": 64 * MIB}, "read": {"read_times": 1_000_000}}
        for op in ("write", "read"):
            job = shared | {"op": op} | of_op[op]
            whole = job | ({"mb_per_file": size} if op == "write" else {})
            jobs = {"object": whole, "stream": job | streams[op] | {"for_s": settings.size(20, 4)}}
            for kind, event in jobs.items():
                answer = moved(settings, event, service, group.prefix + [*behind, WORKER], memory_mb, result)
                if answer:
                    result["rows"].append(row(op, kind, memory_mb, share, mbit, answer, reference[op]))


def moved(settings, event, service, prefix, memory_mb, result):
    """The worker's answer, from a common start as the driver has them: connections are open by then."""
    with inside(SERVER):
        api = RuntimeApi()
    worker = Worker(settings.worker, service, prefix, api, memory_mb)
    try:
        worker.ready()
        return worker.invoke(event | {"start_at": time.time() + 4})
    except Refused as refused:
        note = f"without streams, which this worker does not know yet ({str(refused).partition(', expected')[0]})"
        if "for_s" not in event:
            raise
        if note not in result["notes"]:
            result["notes"].append(note)
            say(note)
        return None
    finally:
        worker.end()


def row(op, kind, memory_mb, share, mbit, answer, reference):
    found = {
        "op": op,
        "kind": kind,
        "memory_mb": memory_mb,
        "processors": share,
        "mbit": mbit,
        "mean_mbps": answer["mbps"],
        "mean": answer["mbps"] / reference,
        "sustained": sustained(answer) and sustained(answer) / reference,
        "cpu_s_per_gb": answer["cpu_s"] / answer["bytes"] * 1e9,
        "max_rss_mb": answer["max_rss_mb"],
        "retries": answer["retries"],
        "samples": answer["samples"],
        "start": answer["start"],
        "stop": answer["stop"],
    }
    told = "too short" if found["sustained"] is None else f"{found['sustained']:.1%}"
    say(f"{memory_mb} MB, {mbit} Mbit/s, {op} of {kind}: mean {found['mean']:.1%}, sustained {told} of iperf3")
    return found


def sustained(answer):
    """MB/s between the whole seconds after the opening and before the end; None where there are not two of them."""
    steady = answer["samples"][OPENING_S:]
    return (steady[-1] - steady[0]) / (len(steady) - 1) / 1e6 if len(steady) > 1 else None


def ratios(result):
    found = []
    for row in result["rows"]:
        steady, mean = GOALS.get(row["memory_mb"], (None, None))
        what = f"{row['memory_mb']:,} MB, {row['mbit']:,} Mbit/s, {row['op']}, % of iperf3"
        if row["kind"] == "stream" and row["sustained"]:
            found.append((f"sustained over 20 s, {what}", row["sustained"] * 100, "≥", steady and steady * 100))
        elif row["kind"] == "object":
            found.append((f"mean of an object, {what}", row["mean"] * 100, "≥", mean and mean * 100))
    return found


def tables(result):
    got = ", ".join(
        f"at {mbit} Mbit/s {way['write']:.1f} MB/s up and {way['read']:.1f} down"
        for mbit, way in result["iperf3"].items()
    )
    size = result["size"] // MIB
    yield f"iperf3, eight connections: {got}. An object of {size:,} MiB, and where the worker can a stream of 20 s."
    yield (
        ["MB", "processors", "Mbit/s", "", "", "mean MB/s", "mean", "sustained", "CPU-s/GB", "peak MB"],
        [
            [
                f"{row['memory_mb']:,}",
                f"{row['processors']:.3f}",
                f"{row['mbit']:,}",
                row["op"],
                row["kind"],
                f"{row['mean_mbps']:.1f}",
                f"{row['mean']:.1%}",
                "" if row["sustained"] is None else f"{row['sustained']:.1%}",
                f"{row['cpu_s_per_gb']:.2f}",
                f"{row['max_rss_mb']:.1f}",
            ]
            for row in result["rows"]
        ],
    )
    yield f"Sustained: from {OPENING_S} s after the first whole second to the last one before the end."
    if result["notes"]:
        yield result["notes"]
