"""`local --s3 URL`: Lambda alone, whose workers speak to an S3 that is not ours, with the user's own credentials."""

import json
import subprocess

import pytest
from harness import read_json
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


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_SESSION_TOKEN", "BUCKET"):
        monkeypatch.delenv(name, raising=False)


WHERE = ["--create-bucket-configuration", "LocationConstraint=eu-central-1", "--bucket"]


def test_objects_go_to_an_s3_elsewhere_and_back(s3, tmp_path):
    with serving(tmp_path, "--s3", s3) as fleet:
        assert {name: fleet.env[name] for name in KEYS} == KEYS and "BUCKET" not in fleet.env
        fleet.aws("s3api", "create-bucket", *WHERE, "elsewhere")
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


def test_the_driver_measures_an_s3_elsewhere(s3, local, monkeypatch):
    """Its workers share this machine, whatever the address of that S3; its objects stay until they are deleted."""
    monkeypatch.setenv("BUCKET", "another")
    local.serve("--s3", s3)

    def objects():
        ask = ["aws", "s3api", "list-objects-v2", "--bucket", "another", "--query", "length(Contents || `[]`)"]
        return int(subprocess.run(ask, check=True, env=local.env, capture_output=True, timeout=60).stdout)

    subprocess.run(["aws", "s3api", "create-bucket", *WHERE, "another"], check=True, env=local.env, timeout=60)
    written = local.drive("write", 2, 12, "--part-mb", 5, "--start-in", 0)
    run = local.run_of("write")
    config = read_json(run / "run.json")
    assert (config["loopback"], config["shared_machine"], config["s3_endpoint"]) == (False, True, s3)
    assert config["region"] == "eu-central-1" and "driver.sh delete" in written.out
    read = json.loads(local.drive("read", run, "--verify", "--start-in", 0, "--json").out)
    assert (read["failed"], read["bytes"], read["cost_usd"]) == (0, 2 * 12 * MIB, 0)
    assert read["usd_per_tb"] is None and "$" not in written.out and "nothing that AWS bills" in written.err
    assert "LOOPBACK" not in local.drive("report", run).out
    assert objects() >= 2
    plain = {name: value for name, value in local.env.items() if not name.startswith("AWS_ENDPOINT_URL")}
    refused = local.drive("delete", run, "--dry-run", exit=3, env=plain)
    assert f"was made with the S3 of {s3}, and now it is that of AWS" in refused.err
    for of_aws in ({"s3_endpoint": None}, {"s3_endpoint": None, "shared_machine": False}):
        (run / "run.json").write_text(json.dumps(config | of_aws))
        refused = local.drive("delete", run, "--dry-run", exit=3)
        assert f"with the S3 of AWS, and now it is that of {s3}" in refused.err
    (run / "run.json").write_text(json.dumps(config))
    for made in (run, local.run_of("read")):
        local.drive("delete", made)
    assert objects() == 0
