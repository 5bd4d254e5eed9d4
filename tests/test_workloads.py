"""Workloads of the driver on loopback: streams by number and by time, there and back, and plain objects by time."""

import json

import pytest
from harness import Bucket, ndjson

MIB = 1 << 20


@pytest.fixture
def served(local):
    local.serve("--worker-rate", 40)
    return local


def records(local, op):
    return ndjson(local.run_of(op) / "records.ndjson")


@pytest.mark.parametrize(
    ("size", "length", "workload"),
    [
        ("12MiB", 12 * MIB, ["--part-mb", 5, "--for", 2, "--start-in", 0]),
        ("4KiB", 4096, ["--objects", 100, "--in-flight", 16, "--squad", 2]),
    ],
)
def test_streams_go_there_and_back_and_are_deleted(served, size, length, workload):
    bucket = Bucket(served.env)
    served.drive("write", 2, size, *workload, "--no-picture")
    written = {record["key"]: record["objects"] for record in records(served, "write")}
    objects = {f"{key}/{number}" for key, count in written.items() for number in range(count)}
    assert min(written.values()) > 1
    assert {key for key in bucket.keys() if "terabit-runs" not in key} == objects
    served.drive("read", "--verify", "--no-picture")
    for record in records(served, "read"):
        assert record["objects"] == written[record["key"]]
    served.drive("read", 1, "--objects", 2, "--read-times", 3, "--json", "--no-picture")
    (record,) = records(served, "read")
    assert (record["objects"], record["bytes"]) == (6, 6 * length)
    assert "those that it read stay" in served.drive("delete", served.run_of("read")).out
    served.drive("delete")
    assert not [key for key in bucket.keys() if key in objects] and bucket.uploads() == []


def test_streams_are_read_by_time(served):
    served.drive("write", 2, "100kB", "--objects", 3, "--no-picture")
    done = served.drive("read", "--for", 3, "--start-in", 0, "--json", "--no-picture")
    assert json.loads(done.out)["failed"] == 0
    for record in records(served, "read"):
        assert record["objects"] >= 7 and 2.5 < record["stop"] - record["start"] < 30
