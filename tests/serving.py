"""The real worker on real parts: `local` serving S3 and Lambda, and what every result of the worker promises."""

import contextlib
import itertools
import json
import ssl
import subprocess
import urllib.request

import pytest
from harness import ROOT, Local

WORKER = Local.worker
MIB = 1 << 20

if Local.missing():
    pytest.skip(Local.missing(), allow_module_level=True)


class Fleet:
    """`local`, serving."""

    def __init__(self, local):
        self.env = local.env
        self.log = local.log
        authority = self.env.get("AWS_CA_BUNDLE")
        self.trust = ssl.create_default_context(cafile=authority) if authority else None

    def post(self, event):
        """The name of the function error, if it is one, and the answer."""
        scope = f"{self.env['AWS_ACCESS_KEY_ID']}/20261123/us-east-1/lambda/aws4_request"
        credential = f"AWS4-HMAC-SHA256 Credential={scope}"
        request = urllib.request.Request(
            f"{self.env['AWS_ENDPOINT_URL_LAMBDA']}/2015-03-31/functions/terabit/invocations",
            data=event if isinstance(event, bytes) else json.dumps(event).encode(),
            headers={"Authorization": credential, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120, context=self.trust) as answer:
            return answer.headers.get("X-Amz-Function-Error"), json.loads(answer.read())

    def job(self, op, key="k", **fields):
        error, answer = self.post({"op": op, "bucket": "terabit-local", "key": key} | fields)
        assert error is None, answer
        return answer

    def good(self, op, key="k", **fields):
        answer = self.job(op, key, **fields)
        assert "error" not in answer, answer["error"]
        return answer

    def aws(self, *arguments):
        done = subprocess.run(
            ["aws", *arguments], env=self.env, capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout


@contextlib.contextmanager
def serving(folder, *options, worker=WORKER):
    local = Local(folder)
    local.worker = worker
    local.serve(*options)
    try:
        yield Fleet(local)
    finally:
        local.stop()


def windows(samples):
    return [after - before for before, after in itertools.pairwise(samples)]


def holds(answer):
    """What every result promises."""
    seconds = answer["stop"] - answer["start"]
    assert seconds > 0
    assert answer["mbps"] == pytest.approx(answer["bytes"] / seconds / 1e6, rel=1e-12)
    whole_seconds = [second for second in range(int(answer["start"]) + 1, int(answer["stop"]) + 1)]
    assert len(answer["samples"]) == len([second for second in whole_seconds if second < answer["stop"]])
    assert answer["samples"] == sorted(answer["samples"])
    assert all(sample <= answer["bytes"] for sample in answer["samples"])
    assert answer["handler_s"] >= seconds - 1e-4
    assert list(answer)[:3] == ["start", "stop", "mbps"]
    assert answer["memory_mb"] == 512 and answer["arch"] in ("x86_64", "arm64")
    assert answer["payload_signed"] is False and answer["checksum"] == "none"
    assert answer["request_ms"]["p50"] <= answer["request_ms"]["p99"] <= answer["request_ms"]["max"]
