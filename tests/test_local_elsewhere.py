"""`local --s3 URL`: Lambda alone, whose workers speak to an S3 that is not ours, with the user's own credentials."""

import json

import pytest
from serving import MIB, holds, serving

moto_server = pytest.importorskip("moto.server")

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-central-1"}


@pytest.fixture
def s3():
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_objects_go_to_an_s3_elsewhere_and_back(s3, tmp_path, monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    with serving(tmp_path, "--s3", s3) as fleet:
        assert {name: fleet.env[name] for name in KEYS} == KEYS and "BUCKET" not in fleet.env
        where = ["--bucket", "elsewhere", "--create-bucket-configuration", "LocationConstraint=eu-central-1"]
        fleet.aws("s3api", "create-bucket", *where)
        error, answer = fleet.post({"op": "ping", "bucket": "elsewhere"})
        assert error is None and answer["region"] == "eu-central-1"
        for key, size in (("parts", {"mb_per_file": 12, "part_mb": 5}), ("small", {"bytes_per_file": 4096})):
            written = fleet.good("write", key, bucket="elsewhere", objects=3, **size)
            holds(written)
            read = fleet.good("read", key, bucket="elsewhere", objects=3, verify=True)
            assert (read["objects"], read["bytes"]) == (3, written["bytes"])
        assert written["bytes"] == 3 * 4096 and fleet.env["AWS_ENDPOINT_URL_S3"] == s3
        listed = json.loads(fleet.aws("s3api", "list-objects-v2", "--bucket", "elsewhere", "--prefix", "parts/"))
        assert [entry["Size"] for entry in listed["Contents"]] == [12 * MIB] * 3
