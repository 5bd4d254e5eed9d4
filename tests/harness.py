"""A copy of the driver with a stub in place of the AWS CLI, on a PATH that holds its declared tools and nothing else."""

import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = "bash awk cat find jq mktemp rm sort xargs cmp cp date fold grep head mkdir mv od sleep tr wc".split()


class Driver:
    """A copy of the driver in a project folder of its own, with a scratch HOME."""

    def __init__(self, tmp_path):
        self.project = tmp_path / "pro ject"
        self.home = tmp_path / "home"
        self.stub = tmp_path / "stub"
        self.bin = tmp_path / "bin"
        self.tmp = tmp_path / "tmp"
        for folder in (self.project, self.home, self.stub, self.bin, self.tmp):
            folder.mkdir()
        shutil.copy(ROOT / "driver.sh", self.project)
        for folder in ("lib", "jq"):
            shutil.copytree(ROOT / folder, self.project / folder)
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
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **more,
        )

    def run(self, *args, exit=0):
        process = self.start(*args)
        process.out, process.err = process.communicate(timeout=60)
        assert process.returncode == exit, f"exit {process.returncode}\n{process.err}\n{process.out}"
        return process

    def behave(self, *lines, key=None):
        name = "any" if key is None else "job-" + key.encode().hex()
        (self.stub / name).write_text("".join(line + "\n" for line in lines))

    def hasty(self):
        """Looks for lost answers only until the workers have given up, not 10 s more."""
        launch = self.project / "lib" / "launch.sh"
        launch.write_text(launch.read_text().replace("offset_s + 10 |", "offset_s |"))

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
