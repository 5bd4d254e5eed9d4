"""Two network namespaces with a shaped wire between them, and a group of processes with a share of a processor. Needs
root, iproute2 and the kernel's tbf; all of it goes again, whatever ends the measurement.

The server's end of the wire is 127.0.0.1 in its namespace, because that is where `local` listens and what its
certificate names; the worker's end is 127.0.0.2. Neither namespace has a loopback device of its own, and neither has a
way to any other network."""

import contextlib
import ctypes
import os
import shutil
import subprocess
import time
from pathlib import Path

from settings import Skip

SERVER, WORKER = "terabit-bench-s", "terabit-bench-w"
WIRE = {SERVER: ("tbench-s", "127.0.0.1", "127.0.0.2"), WORKER: ("tbench-w", "127.0.0.2", "127.0.0.1")}
CLONE_NEWNET = 0x40000000
PERIOD_US = 20_000


def check():
    """Raises Skip where namespaces cannot be made."""
    if os.geteuid() != 0:
        raise Skip("it needs root, for network namespaces: sudo make bench PARTS=nic")
    for tool in ("ip", "tc"):
        if not shutil.which(tool):
            raise Skip(f"it needs {tool}: apt-get install iproute2")
    if not shutil.which("iperf3"):
        raise Skip("it needs iperf3, to compare with: apt-get install iperf3")


def call(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=20)
    if done.returncode:
        raise Skip(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.returncode}")


@contextlib.contextmanager
def wire(mbit):
    """Both namespaces, with so many Mbit/s each way between them."""
    with contextlib.ExitStack() as stack:
        for name in (SERVER, WORKER):
            call("ip", "netns", "add", name)
            stack.callback(call, "ip", "netns", "delete", name)
        call(
            "ip",
            "link",
            "add",
            WIRE[SERVER][0],
            "netns",
            SERVER,
            "type",
            "veth",
            "peer",
            WIRE[WORKER][0],
            "netns",
            WORKER,
        )
        for name, (device, address, other) in WIRE.items():
            for where in ("all", device):
                call("ip", "netns", "exec", name, "sysctl", "-qw", f"net.ipv4.conf.{where}.route_localnet=1")
            call("ip", "-n", name, "address", "add", f"{address}/32", "dev", device)
            call("ip", "-n", name, "link", "set", device, "up")
            call("ip", "-n", name, "route", "add", f"{other}/32", "dev", device, "src", address)
            shape = ["root", "tbf", "rate", f"{mbit}mbit", "burst", "256kb", "latency", "50ms"]
            call("tc", "-n", name, "qdisc", "add", "dev", device, *shape)
        yield


@contextlib.contextmanager
def inside(name):
    """What this thread opens meanwhile is in that namespace."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(path):
        with open(path) as namespace:
            if libc.setns(namespace.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns {path}")

    with open("/proc/thread-self/ns/net") as before:
        enter(f"/run/netns/{name}")
        try:
            yield
        finally:
            if libc.setns(before.fileno(), CLONE_NEWNET):
                raise SystemExit("bench: no way back into this machine's network namespace")


class Share:
    """A control group whose processes get so much of a processor together; `prefix` runs a command in it."""

    def __init__(self, processors):
        self.processors = processors

    def __enter__(self):
        quota = round(self.processors * PERIOD_US)
        first, second = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
        if (first / "cpu.cfs_quota_us").exists() or (first / "cgroup.procs").exists():
            self.group = first / "terabit-bench"
            limits = {"cpu.cfs_period_us": PERIOD_US, "cpu.cfs_quota_us": quota}
        else:
            self.group = second / "terabit-bench"
            limits = {"cpu.max": f"{quota} {PERIOD_US}"}
        try:
            self.group.mkdir(exist_ok=True)
            for name, value in limits.items():
                (self.group / name).write_text(str(value))
        except OSError as error:
            raise Skip(f"it needs a control group with a processor quota: {error}") from None
        return self

    @property
    def prefix(self):
        # First the group, whose files are out of sight inside of `ip netns exec`.
        return ["sh", "-c", f'echo $$ >{self.group}/cgroup.procs && exec "$@"', "sh"]

    def __exit__(self, *_):
        for _ in range(50):
            with contextlib.suppress(OSError):
                self.group.rmdir()
                return
            time.sleep(0.1)
        print(f"bench: {self.group} could not be removed", flush=True)
