"""A proxy between the workers of a fleet and its S3, in which a test loses answers, delays them or says no."""

import contextlib
import http.client
import http.server
import socket
import threading
from urllib.parse import urlsplit

from serving import WORKER, serving

NOT_PASSED_ON = ("connection", "keep-alive", "transfer-encoding", "date", "server")


@contextlib.contextmanager
def serving_through(folder, script, *options):
    """A fleet whose workers reach S3 through a proxy. For each request `script` gets what was asked, as "POST uploads",
    and the handler, whose `forward` and `answer` it may call; if it calls neither the connection is closed."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.daemon_threads = True
    server.request_queue_size = 128
    server.server_bind()
    server.server_activate()
    server.script = script
    worker = folder / "worker"
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    worker.write_text(f'#!/bin/sh\nAWS_ENDPOINT_URL_S3={endpoint} exec "{WORKER}"\n')
    worker.chmod(0o755)
    with serving(folder, *options, worker=worker) as fleet:
        server.upstream = urlsplit(fleet.env["AWS_ENDPOINT_URL_S3"]).netloc
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield fleet
        finally:
            server.shutdown()
            thread.join(timeout=20)
            server.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_request(self):
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        query = urlsplit(self.path).query.split("&")
        asked = " ".join([self.command, *(field for field in query if not field.startswith("x-id="))])
        self.answered = False
        self.server.script(asked.strip(), self)
        self.close_connection |= not self.answered

    def forward(self):
        """S3's answer: status, headers, body. The worker does not get it yet."""
        connection = http.client.HTTPConnection(self.server.upstream, timeout=60)
        with contextlib.closing(connection):
            connection.request(self.command, self.path, self.body, dict(self.headers))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()

    def answer(self, status, headers=(), body=b""):
        self.send_response(status)
        passed_on = [(name, value) for name, value in headers if name.lower() not in NOT_PASSED_ON]
        for name, value in passed_on:
            self.send_header(name, value)
        if status != 204 and "content-length" not in [name.lower() for name, _ in passed_on]:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.answered = True

    def closed_within(self, seconds):
        """Whether the worker closes the connection so soon."""
        self.connection.settimeout(seconds)
        try:
            return self.connection.recv(1) == b""
        except (socket.timeout, ConnectionError) as error:
            return not isinstance(error, socket.timeout)

    def log_message(self, *_):
        pass
