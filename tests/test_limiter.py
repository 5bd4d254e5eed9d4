"""The worker before a real rate limiter: nginx, which lets 20 requests a second through to S3 and answers the others
503."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest
from serving import MIB, WORKER, holds, serving

NGINX = shutil.which("nginx", path=os.environ["PATH"] + os.pathsep + "/usr/sbin")

if not NGINX:
    pytest.skip("there is no nginx (Debian's nginx-light) to limit the rate of requests", allow_module_level=True)

SLOW_DOWN = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"

# The key is the same for all requests: the limit is the whole server's.
CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  limit_req_zone $server_name zone=s3:1m rate=20r/s;
  server {{
    listen 127.0.0.1:{port};
    server_name all;
    client_max_body_size 0;
    location / {{
      limit_req zone=s3 burst=5 nodelay;
      limit_req_status 503;
      error_page 503 = @throttled;
      proxy_pass {s3};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      proxy_request_buffering off;
      proxy_buffering off;
    }}
    location @throttled {{
      internal;
      default_type application/xml;
      return 503 "{slow_down}";
    }}
  }}
}}
"""


@contextlib.contextmanager
def limited(folder, *options):
    """A fleet whose workers reach S3 through nginx."""
    port = free_port()
    worker = folder / "worker"
    worker.write_text(f'#!/bin/sh\nAWS_ENDPOINT_URL_S3=http://127.0.0.1:{port} exec "{WORKER}"\n')
    worker.chmod(0o755)
    with serving(folder, *options, worker=worker) as fleet:
        configuration = folder / "nginx.conf"
        text = CONFIGURATION.format(
            folder=folder, port=port, s3=fleet.env["AWS_ENDPOINT_URL_S3"], slow_down=SLOW_DOWN
        )
        configuration.write_text(text)
        nginx = subprocess.Popen([NGINX, "-c", configuration, "-p", folder, "-e", folder / "error.log"])
        try:
            wait_for_port(port, nginx)
            yield fleet
        finally:
            nginx.send_signal(signal.SIGTERM)
            nginx.wait(timeout=20)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def wait_for_port(port, process):
    deadline = time.time() + 30
    while True:
        assert process.poll() is None and time.time() < deadline, "nginx does not serve"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)


def test_ten_invocations_of_a_warm_worker_sit_a_rate_limit_out(tmp_path):
    """An environment's first invocation exhausted what its retries were paid from, and the next ones failed at once."""
    with limited(tmp_path, "--concurrency", "1") as fleet:
        write = fleet.good("write", mb_per_file=300, part_mb=5, parts_in_flight=20)
        assert write["throttled"] > 0 and write["requests"] == 62 + write["retries"]
        reads = [fleet.good("read", range_mb=5, ranges_in_flight=60, verify=True) for _ in range(10)]
        for read in reads:
            holds(read)
            assert read["bytes"] == 300 * MIB and read["requests"] == 60 + read["retries"]
            assert read["throttled"] == read["retries"]
        assert sum(read["throttled"] for read in reads) > 100
        assert {read["worker"] for read in reads} == {write["worker"]}
        uploads = fleet.aws("s3api", "list-multipart-uploads", "--bucket", "terabit-local", "--query", "Uploads")
        assert uploads.strip() == "null"
