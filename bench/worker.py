"""The worker as a child: its environment as on Lambda, and the Runtime API from which it gets one event after another.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html"""

import contextlib
import json
import os
import queue
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from measure import finish
from settings import MIB

# How long a worker may take to be ready, and to answer.
READY_S = 30
ANSWER_S = 600


class Refused(Exception):
    """The worker answered with a function error."""

    def __init__(self, document):
        message = f"{document.get('errorType')}: {document.get('errorMessage')}".partition(", expected")[0]
        super().__init__(message)
        # An older worker than this measurement is made for.
        self.unknown = "unknown field" in message


class RuntimeApi:
    """The Runtime API for one worker, on loopback of the namespace in which it is made."""

    def __init__(self):
        self.events, self.answers = queue.Queue(), queue.Queue()
        self.asked = threading.Event()
        self.asked_at = None
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if api.asked_at is None:
                    api.asked_at = time.perf_counter()
                api.asked.set()
                event = api.events.get()
                if event is None:
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", "00000000-0000-0000-0000-000000000001")
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + ANSWER_S) * 1000)))
                arn = "arn:aws:lambda:us-east-1:000000000000:function:terabit"
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", arn)
                self.answer(event)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                api.answers.put((self.path.rpartition("/")[2], json.loads(body)))
                self.send_response(202)
                self.answer(b"{}")

            def answer(self, body):
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(BrokenPipeError):
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # Of a worker that is ended while it waits for an event there is nothing to tell.
        self.server.handle_error = lambda *_: None
        self.address = "{}:{}".format(*self.server.server_address)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.events.put(None)
        self.server.shutdown()
        self.server.server_close()


class Worker:
    """A process of the worker. `prefix` is a command that runs it somewhere else."""

    def __init__(self, binary, service=None, prefix=(), api=None, memory_mb=512):
        self.api = api or RuntimeApi()
        environment = {
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "terabit",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
            "AWS_LAMBDA_LOG_LEVEL": "WARN",
            "AWS_REGION": "us-east-1",
            # The first worker of `local`, by whose key it tells workers.
            "AWS_ACCESS_KEY_ID": "AKIALOCALW0000000001",
            "AWS_SECRET_ACCESS_KEY": service.env["AWS_SECRET_ACCESS_KEY"] if service else "none",
            "AWS_EC2_METADATA_DISABLED": "true",
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        }
        if service:
            environment["AWS_ENDPOINT_URL"] = environment["AWS_ENDPOINT_URL_S3"] = service.url
            if service.tls:
                environment["SSL_CERT_FILE"] = service.tls
        self.executed_at = time.perf_counter()
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*prefix, str(binary)], env=environment, stdin=subprocess.DEVNULL, stderr=self.log
        )
        self.pid = self.process.pid

    def ready(self):
        """Waits until it asks for an event; the seconds since it was executed."""
        for _ in range(READY_S):
            if self.api.asked.wait(1):
                return self.api.asked_at - self.executed_at
            self._check()
        raise RuntimeError(f"the worker did not ask for an event within {READY_S} s")

    def invoke(self, event, limit=ANSWER_S):
        """Its answer to an event."""
        self.api.events.put(json.dumps(event).encode())
        kind, document = self._answer(limit)
        if kind == "error":
            raise Refused(document)
        if "error" in document:
            raise RuntimeError(f"the worker failed: {document['error']}")
        return document

    def _answer(self, limit):
        for _ in range(limit):
            with contextlib.suppress(queue.Empty):
                return self.api.answers.get(timeout=1)
            self._check()
        raise RuntimeError(f"the worker did not answer within {limit} s")

    def _check(self):
        """Raises what it said last, if it has ended. It stays as it is until `end`."""
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
            self.log.seek(0)
            said = self.log.read().decode(errors="replace").strip().splitlines()
            raise RuntimeError(f"the worker has ended: {said[-1] if said else 'it said nothing'}")

    def end(self):
        finish(self.process)
        self.api.close()
        self.log.close()


def event_of(job):
    """The event of a write or read by which all contenders are compared: requests open at once, as theirs do."""
    event = {"op": job.op, "bucket": job.bucket, "key": job.key, "open_s": 0}
    if job.op == "write":
        return event | {"mb_per_file": job.size // MIB, "part_mb": job.part_mb, "parts_in_flight": job.in_flight}
    return event | {"range_mb": job.part_mb, "ranges_in_flight": job.in_flight}
