"""Two surroundings for the driver: a stub in place of the AWS CLI, or the real CLI with S3 and Lambda on loopback."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Where jq finds libraries, which programs include by room and name.
JQ = ROOT / "driver"
CHART = JQ / "report" / "chart"
# Every program of the driver and of deploy, by its name: no two share one.
PARTS = {path.name: path for folder in ("driver", "deploy") for path in sorted((ROOT / folder).rglob("*.*"))}


def part(name):
    """The path of a program, in whatever room it is."""
    return PARTS[name]


def includes(*names):
    """What includes libraries of jq and all that they need, each before those that it needs (see test_includes.py)."""
    found = []

    def visit(path):
        for needed in re.findall(r'^include "([\w/]+)";', path.read_text(), re.M):
            if needed not in found:
                visit(JQ / f"{needed}.jq")
        found.append(str(path.relative_to(JQ).with_suffix("")))

    for name in names:
        visit(part(f"{name}.jq"))
    return "".join(f'include "{one}"; ' for one in reversed(found))
TOOLS = "bash awk cat find jq mktemp rm sort xargs cmp cp date fold grep head mkdir mv od sleep tr wc".split()


HASTY = {"ENDING_S": "0", "ANSWER_S": "0", "LOOK_EVERY": "0.2"}


class Driver:
    """A copy of the driver in a project folder of its own, with a stub in place of the AWS CLI, a scratch HOME, and a
    PATH that holds its declared tools and nothing else."""

    def __init__(self, tmp_path, made=None):
        self.made = made
        self.project = tmp_path / "pro ject"
        self.home = tmp_path / "home"
        self.stub = tmp_path / "stub"
        self.bin = tmp_path / "bin"
        self.tmp = tmp_path / "tmp"
        copy_driver(self.project)
        for folder in (self.home, self.stub, self.bin, self.tmp):
            folder.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        (self.bin / "aws").symlink_to(ROOT / "tests" / "stub_aws")
        self.env = {
            "PATH": str(self.bin),
            "HOME": str(self.home),
            "TMPDIR": str(self.tmp),
            "STUB": str(self.stub),
            "STUB_PATH": os.environ["PATH"],
            "BUCKET": "some-bucket",
            "LC_ALL": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        }

    def start(self, *args, **more):
        return subprocess.Popen(
            [self.bin / "bash", self.project / "driver.sh", *map(str, args)],
            env=self.env,
            cwd=self.project,
            text=True,
            stdin=subprocess.DEVNULL,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more,
        )

    def run(self, *args, exit=0):
        return ended(self.start(*args), exit)

    def after(self, *args):
        """Has what such a run leaves behind. It was run once, for all tests: this is a copy of its folders."""
        assert not any(self.stub.iterdir()) and not self.runs()
        first, done = self.made(*args)
        shutil.copytree(first.project / "runs", self.project / "runs")
        shutil.copytree(first.stub, self.stub, dirs_exist_ok=True)
        return done

    def behave(self, *lines, key=None):
        name = "any" if key is None else "job-" + key.encode().hex()
        (self.stub / name).write_text("".join(line + "\n" for line in lines))

    def hasty(self):
        """Waits for lost answers only until the workers have given up, not longer, and without long pauses."""
        self.env |= HASTY

    def keys(self, *keys, name="keys", end="\n"):
        path = self.project / name
        path.write_text("\n".join(keys) + end)
        return path

    def calls(self, kind="invoke"):
        log = self.stub / "calls"
        return (
            [line.split(" ") for line in log.read_text().splitlines() if line.startswith(kind)] if log.exists() else []
        )

    def invoked(self, key):
        return sum(bytes.fromhex(call[1]).decode() == key for call in self.calls())

    def runs(self):
        return sorted((self.project / "runs").glob("*"))

    def only_run(self):
        (run,) = self.runs()
        return run


class Local:
    """`local` with the real worker, the real AWS CLI, and a copy of the driver with a folder for its runs. The copy
    draws no pictures, which take longer than a run."""

    program = Path(os.environ.get("TERABIT_LOCAL", ROOT / "target" / "release" / "local"))
    worker = Path(os.environ.get("TERABIT_WORKER", ROOT / "target" / "release" / "terabit"))
    path = os.environ["PATH"] + os.pathsep + str(ROOT / ".venv" / "bin")

    def __init__(self, folder):
        self.folder = folder
        self.runs = folder / "runs"
        self.events = folder / "events"
        self.log = folder / "worker.log"
        self.server = None

    @cached_property
    def project(self):
        """A copy of the driver, made when it is first needed."""
        project = self.folder / "project"
        copy_driver(project)
        return project

    @classmethod
    def missing(cls):
        """What is not there of it, None if all is."""
        if not cls.program.is_file():
            return f"{cls.program} is not built (TERABIT_LOCAL names another)"
        if not cls.worker.is_file():
            return f"{cls.worker} is not built (TERABIT_WORKER names another)"
        if not shutil.which("aws", path=cls.path):
            return "there is no AWS CLI on the PATH or in .venv"
        return None

    def command(self, options, command):
        own = ["--worker", self.worker, "--log", self.log, "--events", self.events]
        return list(map(str, [self.program, *own, *options, "--", *command]))

    def __call__(self, script, *options, exit=0):
        """Runs a shell script inside; $D is the driver, $RUNS the folder for its runs."""
        done = subprocess.run(
            self.command(options, ["bash", "-uc", script]),
            check=False,
            cwd=self.folder,
            capture_output=True,
            text=True,
            env=os.environ | {"D": str(self.project / "driver.sh"), "PATH": self.path, "RUNS": str(self.runs)},
            timeout=270,
        )
        assert done.returncode == exit, f"exit {done.returncode}\n{done.stderr}\n{done.stdout}"
        return done

    def serve(self, *options):
        """Serves until stop, for drivers that are started outside: `env` is what they need."""
        tell = "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read()"
        self.server = subprocess.Popen(
            self.command(options, [sys.executable, "-c", tell]),
            text=True,
            env=os.environ | {"PATH": self.path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.env = json.loads(self.server.stdout.readline())

    def stop(self):
        if self.server:
            self.server.communicate(timeout=20)
            assert self.server.returncode == 0, "it ends with its command's status"

    def start(self, *args, **more):
        """A driver in a session of its own, as in a terminal of its own: what stays of it can be told."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [self.project / "driver.sh", *map(str, args), "--out", self.runs],
            **{"env": self.env, "cwd": self.folder, "text": True, "start_new_session": True} | streams | more,
        )

    def drive(self, *args, exit=0, **more):
        """A driver from its start to its end."""
        return ended(self.start(*args, **more), exit)

    def put(self, sizes):
        """Puts objects of so many MiB: {key: size}. Returns a file of their keys."""
        objects = self.folder / "objects"
        objects.mkdir()
        for key, size in sizes.items():
            (objects / key).write_bytes(bytes(size * 2**20))
        put = ["aws", "s3", "cp", "--recursive", "--quiet", objects, f"s3://{self.env['BUCKET']}"]
        subprocess.run(put, check=True, env=self.env, timeout=120)
        keys = self.folder / "keys"
        keys.write_text("".join(key + "\n" for key in sizes))
        return keys

    def executed(self):
        """How often each key's job was given to a worker: alone, or as a squad of one."""
        events = ndjson(self.events)
        alone = [event["jobs"][0] for event in events if "answer_key" in event and len(event["jobs"]) == 1]
        return Counter(event["key"] for event in [*events, *alone] if "key" in event)

    def squads(self):
        """How many squads were given to a worker, those of pings not among them."""
        return sum("answer_key" in event for event in ndjson(self.events))

    def run_of(self, op):
        """The latest run."""
        return max(self.runs.glob(f"*-{op}-*"))


    def workers(self):
        """The processes of workers, busy or not."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
                if parent == self.server.pid and (stat.parent / "exe").resolve() == self.worker.resolve():
                    found.append(int(stat.parent.name))
        return found


class Bucket:
    """The bucket as botocore sees it, many requests at a time."""

    def __init__(self, env):
        session = pytest.importorskip("botocore.session").Session()
        session.set_credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"])
        endpoint = env["AWS_ENDPOINT_URL_S3"]
        self.client = session.create_client("s3", region_name=env["AWS_REGION"], endpoint_url=endpoint)
        self.name = env["BUCKET"]

    def each(self, call, keys):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: call(Bucket=self.name, Key=key), keys))

    def put(self, keys):
        self.each(self.client.put_object, keys)

    def open(self, keys):
        self.each(self.client.create_multipart_upload, keys)

    def pages(self, operation):
        yield from self.client.get_paginator(operation).paginate(Bucket=self.name)

    def keys(self):
        return {entry["Key"] for page in self.pages("list_objects_v2") for entry in page.get("Contents", [])}

    def uploads(self):
        found = [entry["Key"] for page in self.pages("list_multipart_uploads") for entry in page.get("Uploads", [])]
        return sorted(found)


def copy_driver(folder):
    folder.mkdir()
    shutil.copy(ROOT / "driver.sh", folder)
    shutil.copytree(ROOT / "driver", folder / "driver")


def ended(process, exit):
    """A driver once it has ended with that status, and what it said; one that goes on for ever is interrupted."""
    try:
        process.out, process.err = process.communicate(timeout=270)
    except subprocess.TimeoutExpired:
        process.terminate()
        raise
    assert process.returncode == exit, f"exit {process.returncode}\n{process.err}\n{process.out}"
    return process


def without_waiting(err):
    """What a driver said on stderr, however long AWS took."""
    return re.sub(r"^driver: .*waiting for AWS.*\n", "", err, flags=re.M)


def wait_for(condition, process, seconds=40):
    """Until something is so, while a process runs, if there is one."""
    deadline = time.time() + seconds
    while not condition():
        assert time.time() < deadline and (process is None or process.poll() is None)
        time.sleep(0.05)


def session_of(process):
    """The processes in the session that a process leads, those that have ended left out."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(session) == process.pid and state != "Z":
            found.append(int(stat.parent.name))
    return found


def ndjson(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def read_json(path):
    return json.loads(path.read_text())


def processes_of(driver):
    """Processes whose environment carries this test's stub folder: the driver's children, wherever they went."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(driver.stub).encode() in environ.read_bytes():
                found.append((environ.parent / "cmdline").read_bytes())
        except OSError:
            continue
    return found


def quick_sleep(driver):
    (driver.bin / "sleep").unlink()
    (driver.bin / "sleep").write_text('#!/bin/sh\nprintf "%s\\n" "$1" >>"$STUB/sleeps"\nexec /bin/sleep 0.05\n')
    (driver.bin / "sleep").chmod(0o755)
