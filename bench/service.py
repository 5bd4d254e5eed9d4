"""`local` as a server for the time of a measurement: S3 and Lambda on loopback."""

import json
import subprocess
import sys

from settings import ROOT, Skip

LOCAL = ROOT / "target" / "release" / "local"

# What local runs as its COMMAND: tells its environment, then waits until the conductor, or its end, closes stdin.
TELL = "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read()"


class Service:
    """`env` is what a client of it needs, `tls` the file with the authority's certificate or None."""

    def __init__(self, *options, prefix=()):
        self.command = [*prefix, str(LOCAL), *map(str, options), "--", sys.executable, "-c", TELL]

    def __enter__(self):
        if not LOCAL.is_file():
            raise Skip("target/release/local is not built: make build")
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            self.__exit__()
            raise RuntimeError(f"local ended at once, with status {self.process.returncode}")
        self.env = json.loads(line)
        self.url = self.env["AWS_ENDPOINT_URL_S3"]
        self.bucket = self.env["BUCKET"]
        self.tls = self.env["AWS_CA_BUNDLE"] if self.url.startswith("https:") else None
        return self

    def __exit__(self, *_):
        # COMMAND ends with its stdin, local with COMMAND.
        try:
            self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate(timeout=20)
