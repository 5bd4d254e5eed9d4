"""Part `nic`: how much of a worker's network it fills, with as little of a processor as Lambda gives it.

The worker is alone in a network namespace behind a wire of 625 Mbit/s, in a control group with the processor share of
its memory size; `local` models S3 (30 ms to the first byte, 20 MB/s up and 90 down a connection) and speaks TLS. What
iperf3 gets over the same wire, without a limit of processors, is 100 %."""

import json
import subprocess
import time
from dataclasses import dataclass

import namespaces
from namespaces import SERVER, WORKER, Share, inside, wire
from service import Service
from settings import MIB, Skip, say
from worker import Refused, RuntimeApi, Worker

MODEL = ["--tls", "--first-byte-ms", 30, "--connection-up", 20, "--connection-down", 90]
# MB of memory that Lambda sells with one processor.
PROCESSOR_MB = 1769
STREAM_S = 20


@dataclass
class Lane:
    """A worker of some memory size and its network, with the requests in flight that the driver gives it, and the goals
    for its share of what iperf3 gets: sustained, and the mean of a job."""

    memory_mb: int
    mbit: int = 625
    parts: int = 8
    ranges: int = 8
    sustained: float = None
    mean: float = None

    @property
    def processors(self):
        return self.memory_mb / PROCESSOR_MB


LANES = [
    Lane(512, sustained=0.99, mean=0.97),
    Lane(256, sustained=0.99, mean=0.97),
    Lane(128, sustained=0.97),
    # The network that an account can opt in to, as far as the processors here carry it.
    Lane(10240, 3000, parts=19),
]

# The first seconds of a job open its connections: sustained is reckoned from there on.
OPENING_S = 2


def run(settings):
    namespaces.check()
    if not settings.worker.is_file():
        raise Skip(f"{settings.worker} is not built: make bench")
    version = subprocess.run(["iperf3", "--version"], capture_output=True, text=True, check=True, timeout=20).stdout
    result = {
        "version": version.splitlines()[0].split(" (")[0],
        "size": settings.size(2000, 200) * MIB,
        "stream_s": settings.size(STREAM_S, 4),
        "iperf3": {},
        "rows": [],
        "notes": [],
    }
    for mbit in dict.fromkeys(lane.mbit for lane in LANES):
        with wire(mbit):
            result["iperf3"][mbit] = iperf3(settings)
            for lane in [lane for lane in LANES if lane.mbit == mbit][: settings.size(3, 1)]:
                measured(settings, lane, result)
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


def measured(settings, lane, result):
    """Adds the rows of a lane: a job of one object, and a stream, each way."""
    enter = ["ip", "netns", "exec"]
    with Service(*MODEL, prefix=[*enter, SERVER]) as service, Share(lane.processors) as group:
        job = {"bucket": service.bucket, "key": "bench"}
        write = job | {"op": "write", "parts_in_flight": lane.parts}
        read = job | {"op": "read", "ranges_in_flight": lane.ranges}
        by_time = {"for_s": result["stream_s"]}
        for kind, event in (
            ("object", write | {"mb_per_file": result["size"] // MIB}),
            ("object", read),
            ("stream", read | by_time | {"read_times": 1_000_000}),
            ("stream", write | by_time | {"mb_per_file": 64}),
        ):
            try:
                answer = moved(settings, event, service, [*group.prefix, *enter, WORKER], lane)
            except (Refused, RuntimeError) as reason:
                told = f"{lane.memory_mb:,} MB, {event['op']} of {kind}: {reason}"
                if getattr(reason, "unknown", False):
                    told = f"no streams, which this worker does not know yet ({reason})"
                if told not in result["notes"]:
                    result["notes"].append(told)
                    say(told)
            else:
                reference = result["iperf3"][lane.mbit][event["op"]]
                result["rows"].append(row(kind, event, lane, answer, reference))


def moved(settings, event, service, prefix, lane):
    """The worker's answer, from a common start as the driver has them: connections are open by then."""
    with inside(SERVER):
        api = RuntimeApi()
    worker = Worker(settings.worker, service, prefix, api, lane.memory_mb)
    try:
        worker.ready()
        return worker.invoke(event | {"start_at": time.time() + 4})
    finally:
        worker.end()


def row(kind, event, lane, answer, reference):
    steady = sustained(answer, event.get("for_s"))
    found = vars(lane) | {
        "op": event["op"],
        "kind": kind,
        "processors": lane.processors,
        "mean_mbps": answer["mbps"],
        "mean_share": answer["mbps"] / reference,
        "sustained_share": steady and steady / reference,
        "cpu_s_per_gb": answer["cpu_s"] / answer["bytes"] * 1e9,
        "answer": answer,
    }
    told = "too short" if steady is None else f"{found['sustained_share']:.1%}"
    say(
        f"{lane.memory_mb} MB, {lane.mbit} Mbit/s, {event['op']} of {kind}: "
        f"mean {found['mean_share']:.1%}, sustained {told} of iperf3"
    )
    return found


def sustained(answer, for_s=None):
    """MB/s between the whole seconds after the opening and before the end, or before a stream begins nothing new; None
    where there are not two of them."""
    steady = answer["samples"][OPENING_S:for_s]
    return (steady[-1] - steady[0]) / (len(steady) - 1) / 1e6 if len(steady) > 1 else None


def ratios(result):
    found = []
    for row in result["rows"]:
        what = f"{row['memory_mb']:,} MB, {row['mbit']:,} Mbit/s, {row['op']}, % of iperf3"
        if row["kind"] == "object":
            found.append((f"mean of an object, {what}", row["mean_share"] * 100, "≥", percent(row["mean"])))
        elif row["sustained_share"] is not None:
            goal = percent(row["sustained"])
            found.append((f"sustained over {result['stream_s']} s, {what}", row["sustained_share"] * 100, "≥", goal))
    return found


def percent(share):
    return share and share * 100


def tables(result):
    got = ", ".join(
        f"at {mbit} Mbit/s {way['write']:.1f} MB/s up and {way['read']:.1f} down"
        for mbit, way in result["iperf3"].items()
    )
    yield (
        f"{result['version']}, eight connections: {got}. An object of {result['size'] // MIB:,} MiB, "
        f"and a stream of {result['stream_s']} s where the worker knows streams."
    )
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
                f"{row['mean_share']:.1%}",
                "" if row["sustained_share"] is None else f"{row['sustained_share']:.1%}",
                f"{row['cpu_s_per_gb']:.2f}",
                f"{row['answer']['max_rss_mb']:.1f}",
            ]
            for row in result["rows"]
        ],
    )
    yield f"Sustained: from {OPENING_S} s after the first whole second on, without what ends after a stream's time."
    if result["notes"]:
        yield result["notes"]
