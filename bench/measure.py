"""What a child process uses while it moves bytes: processor time, memory, seconds. Linux only: /proc tells.

All children are measured from outside and alike, between the moment when they are ready (program loaded, client made)
and the moment when the bytes are moved."""

import contextlib
import os
import select
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

# How often the memory of a child that may end by itself is looked at.
LOOK_EVERY_S = 0.01


@dataclass
class Usage:
    """Of one transfer."""

    cpu_s: float
    """User and system together, to the nanosecond."""
    system_s: float
    """Of it system, to a hundredth of a second."""
    seconds: float
    peak_mb: float
    bytes: int


def cpu_of(pid):
    """Processor time of a process so far, in seconds, from its own clock: nanoseconds, threads that ended included."""
    # The kernel's encoding of the clock of a process's run time (clock_getcpuclockid(3)).
    return time.clock_gettime((~pid << 3) | 2)


def system_of(pid):
    """What of it was the kernel's, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[12]) / os.sysconf("SC_CLK_TCK")


def peak_mb_of(pid):
    """The most memory that a process has had resident at a time in MB; None when it has none, or is gone.

    Not ru_maxrss: a process inherits that from the one that started it."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return None


class Peak:
    """The peak memory of a process, watched in a thread: some end, and then nobody can tell."""

    def __init__(self, pid):
        self.pid = pid
        self.mb = 0.0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self._look()

    def _look(self):
        self.mb = peak_mb_of(self.pid) or self.mb

    def _watch(self):
        while not self.over.wait(LOOK_EVERY_S):
            self._look()


def transfer(child):
    """Has a child that is ready move its bytes, and ends it."""
    try:
        with Peak(child.pid) as peak:
            system, cpu, begun = system_of(child.pid), cpu_of(child.pid), time.perf_counter()
            moved = child.go()
            seconds, cpu = time.perf_counter() - begun, cpu_of(child.pid) - cpu
            system = system_of(child.pid) - system
        return Usage(cpu, min(system, cpu), seconds, peak.mb, moved)
    finally:
        child.end()


def finish(process):
    """Ends a child, if it has not ended; what it used in all."""
    # Not process.kill(), which reaps one that has ended, and then nobody can tell.
    os.kill(process.pid, signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def tree(command, env, limit, look_every_s=0.25):
    """Runs a command with all that it starts: what it printed and used. `peak_mb` is the most that its processes had
    resident at one moment, shared pages divided among them."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun, peak = time.perf_counter(), 0.0
        # A session of its own, so that nothing of it stays when it has to be ended.
        process = subprocess.Popen(
            list(map(str, command)), env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
        try:
            ended = os.pidfd_open(process.pid)
            while not select.select([ended], [], [], look_every_s)[0]:
                peak = max(peak, sum(map(resident_mb_of, descendants(process.pid))))
                if time.perf_counter() - begun > limit:
                    raise RuntimeError(f"{command[0]} took longer than {limit} s")
            os.close(ended)
            seconds = time.perf_counter() - begun
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            usage = finish(process)
        out.seek(0)
        err.seek(0)
        return {
            "status": process.returncode,
            "out": out.read().decode(),
            "err": err.read().decode(),
            "seconds": seconds,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "peak_mb": peak,
        }


def descendants(pid):
    """A process and all that it, and they, have started."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
    return found


def resident_mb_of(pid):
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def interleaved(rounds, contenders):
    """The order of measurements: round by round, each beginning with the next contender, so that none always comes
    first or after the same one."""
    for number in range(rounds):
        turn = number % len(contenders) if contenders else 0
        yield from (contenders[turn:] + contenders[:turn])


def spread(values):
    """Median, least and most."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}
