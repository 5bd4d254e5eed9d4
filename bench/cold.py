"""Part `cold`: how long the worker takes from its execution to its first request for an event, and how large it is.

With this machine's own certificates, as on Lambda, and its files in the page cache. Lambda adds what it takes to have
the environment and the zip."""

import io
import zipfile

from measure import cpu_of, peak_mb_of, spread
from per_byte import figure
from settings import Skip
from worker import Worker


def run(settings):
    if not settings.worker.is_file():
        raise Skip(f"{settings.worker} is not built: make bench")
    starts = [start(settings.worker) for _ in range(settings.size(21, 3))]
    binary = settings.worker.read_bytes()
    return {
        "starts": len(starts),
        "next_ms": spread([seconds * 1000 for seconds, _, _ in starts]),
        "cpu_ms": spread([cpu * 1000 for _, cpu, _ in starts]),
        "peak_mb": spread([peak for _, _, peak in starts]),
        "binary_mb": len(binary) / 1e6,
        "zip_mb": zipped(binary) / 1e6,
    }


def start(binary):
    """Seconds, processor seconds and peak memory until the worker asks for an event."""
    worker = Worker(binary)
    try:
        return worker.ready(), cpu_of(worker.pid), peak_mb_of(worker.pid)
    finally:
        worker.end()


def zipped(binary):
    """The bytes of a zip like the one that is deployed."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("bootstrap", binary)
    return len(package.getvalue())


def ratios(_):
    return []


def tables(result):
    yield f"Medians of {result['starts']} starts, in brackets least and most."
    yield (
        ["exec to first /next, ms", "CPU ms", "peak MB", "binary MB", "zip MB"],
        [
            [
                figure(result["next_ms"], 1),
                figure(result["cpu_ms"], 1),
                figure(result["peak_mb"], 1),
                f"{result['binary_mb']:.1f}",
                f"{result['zip_mb']:.1f}",
            ]
        ],
    )
