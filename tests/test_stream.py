"""The real worker on real parts: streams of objects, ended by number or by time, and what their results promise."""

import json
import time

import pytest
from serving import MIB, holds, serving


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("fleet")) as fleet:
        yield fleet


@pytest.fixture
def fleet_of(tmp_path):
    """Serves with other options."""
    return lambda *options: serving(tmp_path, *options)


def keys_below(fleet, key):
    """The objects of a stream: {key: size}."""
    listed = fleet.aws("s3api", "list-objects-v2", "--bucket", "terabit-local", "--prefix", f"{key}/")
    return {entry["Key"]: entry["Size"] for entry in json.loads(listed).get("Contents", [])}


def open_uploads(fleet):
    uploads = fleet.aws("s3api", "list-multipart-uploads", "--bucket", "terabit-local", "--query", "Uploads")
    return json.loads(uploads) or []


def counted(answer):
    """How many requests the latency tells of."""
    assert all(bucket >= 0 and count > 0 for bucket, count in answer["latency"])
    return sum(count for _, count in answer["latency"])


@pytest.mark.parametrize(
    ("size", "objects", "requests"),
    [
        ({"bytes_per_file": 4096}, 300, 300),
        ({"bytes_per_file": 1}, 20, 20),
        ({"mb_per_file": 1}, 20, 20),
        ({"mb_per_file": 12, "part_mb": 5}, 7, 7 * (3 + 2)),
        ({"bytes_per_file": 5 * MIB + 1, "part_mb": 5}, 5, 5 * (2 + 2)),
    ],
)
def test_a_stream_of_so_many_objects_goes_there_and_back(fleet, size, objects, requests):
    length = size.get("bytes_per_file", size.get("mb_per_file", 0) * MIB)
    key = f"{objects}-of-{length}"
    written = fleet.good("write", key, objects=objects, open_s=0, **size)
    holds(written)
    assert (written["bytes"], written["objects"], written["requests"]) == (objects * length, objects, requests)
    assert keys_below(fleet, key) == {f"{key}/{number}": length for number in range(objects)}
    for fields in ({}, {"range_mb": 1, "ranges_in_flight": 3}, {"range_mb": 0}, {"read_times": 2}):
        times = fields.get("read_times", 1)
        read = fleet.good("read", key, objects=objects, verify=True, open_s=0, **fields)
        holds(read)
        assert (read["bytes"], read["objects"]) == (times * objects * length, times * objects), fields
        assert counted(read) == read["requests"]
    # Creations and completions have no body.
    assert counted(written) == (objects if requests == objects else requests - 2 * objects)
    assert open_uploads(fleet) == []


def test_each_object_of_a_stream_has_its_own_bytes(fleet, tmp_path):
    fleet.good("write", "own", objects=2, bytes_per_file=1000)
    fleet.good("write", "own/0", bytes_per_file=1000)
    read = fleet.good("read", "own", objects=2, verify=True)
    assert read["objects"] == 2
    fleet.aws("s3", "cp", "--quiet", "s3://terabit-local/own/0", str(tmp_path / "object"))
    fleet.aws("s3", "cp", "--quiet", str(tmp_path / "object"), "s3://terabit-local/own/1")
    error = fleet.job("read", "own", objects=2, verify=True)["error"]
    assert error["type"] == "VerifyMismatch" and '"own/1"' in error["message"], error


@pytest.mark.parametrize("part_mb", [64, 5])
def test_a_stream_ends_by_time_and_is_whole(fleet_of, part_mb):
    with fleet_of("--worker-rate", "40", "--first-byte-ms", "10") as fleet:
        write = {"mb_per_file": 12, "part_mb": part_mb, "parts_in_flight": 4, "for_s": 4, "open_s": 0}
        written = fleet.good("write", "timed", **write)
        holds(written)
        took = written["stop"] - written["start"]
        longest = written["request_ms"]["max"] / 1e3
        assert 4 - longest <= took <= 4 + longest + 1, "what is under way is finished, and nothing else"
        there = keys_below(fleet, "timed")
        assert len(there) == written["objects"] > 4 and sum(there.values()) == written["bytes"]
        assert open_uploads(fleet) == []
        read = fleet.good("read", "timed", objects=written["objects"], verify=True)
        assert (read["objects"], read["bytes"]) == (written["objects"], written["bytes"])
        read = fleet.good("read", "timed", objects=written["objects"], verify=True, range_mb=5, for_s=2)
        assert 1.5 < read["stop"] - read["start"] < 4 and read["bytes"] > 40e6


def test_a_single_object_is_read_by_time_or_so_often_whichever_is_first(fleet_of):
    with fleet_of("--worker-rate", "40") as fleet:
        fleet.good("write", "one", mb_per_file=12)
        read = fleet.good("read", "one", verify=True, range_mb=5, for_s=3)
        holds(read)
        assert 2.5 < read["stop"] - read["start"] < 5 and read["objects"] >= 6
        read = fleet.good("read", "one", verify=True, for_s=30, read_times=2)
        assert (read["objects"], read["bytes"]) == (2, 24 * MIB)


@pytest.mark.parametrize(("op", "fields"), [("write", {"bytes_per_file": 10}), ("read", {})])
def test_a_worker_that_begins_when_its_time_is_over_fails(fleet, op, fields):
    answer = fleet.job(op, "late", for_s=5, start_at=time.time() - 6, **fields)
    assert answer["error"]["type"] == "Deadline" and "for_s" in answer["error"]["message"]
    assert (answer["bytes"], answer["objects"], answer["requests"], answer["latency"]) == (0, 0, 0, [])
    assert answer["late_s"] > 5 and "mbps" not in answer and "request_ms" not in answer


def test_a_late_worker_ends_with_the_others(fleet):
    start_at = time.time() - 2
    answer = fleet.good("write", "latish", for_s=4, start_at=start_at, bytes_per_file=100_000)
    assert abs(answer["stop"] - start_at - 4) < 1


def test_a_stream_that_is_given_up_tells_what_is_there_and_leaves_no_upload(fleet_of):
    with fleet_of("--worker-rate", "20") as fleet:
        stop_by = time.time() + 4
        job = {"mb_per_file": 12, "part_mb": 5, "parts_in_flight": 4, "stop_by": stop_by}
        answer = fleet.job("write", "cut", objects=1000, **job)
        assert answer["error"]["type"] == "Deadline" and abs(answer["stop"] - stop_by) < 0.5
        there = keys_below(fleet, "cut")
        # S3 may have completed some whose answers came too late.
        assert 0 < answer["objects"] <= len(there) <= answer["objects"] + job["parts_in_flight"]
        assert sum(there.values()) <= answer["bytes"]
        assert open_uploads(fleet) == []


@pytest.mark.parametrize("fault", ["--reset", "--lost", "--slow-down"])
def test_a_stream_survives_faults(fleet_of, fault):
    with fleet_of(fault, "0.1", "--seed", "3") as fleet:
        for key, size in (("parts", {"mb_per_file": 11, "part_mb": 5}), ("small", {"bytes_per_file": 4096})):
            written = fleet.good("write", key, objects=20, open_s=0, **size)
            assert written["objects"] == 20 and written["retries"] > 0
            read = fleet.good("read", key, objects=20, verify=True, range_mb=5, open_s=0)
            assert (read["objects"], read["bytes"]) == (20, written["bytes"])
        timed = {"mb_per_file": 6, "part_mb": 5, "parts_in_flight": 16, "for_s": 2, "open_s": 0}
        written = fleet.good("write", "timed", **timed)
        assert keys_below(fleet, "timed").keys() == {f"timed/{n}" for n in range(written["objects"])}
        assert open_uploads(fleet) == []


def test_memory_does_not_grow_with_the_number_of_small_objects(fleet_of):
    """VmHWM of the worker in MB (10^6 bytes), of which 2 are what only tests need."""
    most = []
    with fleet_of("--concurrency", "1") as fleet:
        for objects in (1_000, 10_000):
            written = fleet.good("write", "many", objects=objects, bytes_per_file=4096, parts_in_flight=64, open_s=0)
            read = fleet.good("read", "many", objects=objects, ranges_in_flight=64, open_s=0)
            assert written["objects"] == read["objects"] == objects
            assert len(json.dumps(written["latency"])) < 3_000
            most.append(read["max_rss_mb"])
    # What is kept of an object would have 330 bytes at most.
    assert max(most) <= 26 and most[1] < most[0] + 3, most


def test_percentiles_come_from_the_latency(fleet_of):
    with fleet_of("--first-byte-ms", "50") as fleet:
        answer = fleet.good("write", "slow", objects=50, bytes_per_file=100)
        ranked = [bucket for bucket, count in sorted(answer["latency"]) for _ in range(count)]
        for name, rank in (("p50", 25), ("p99", 50)):
            middle = 2 ** ((ranked[rank - 1] + 0.5) / 16) / 1000
            assert answer["request_ms"][name] == pytest.approx(min(middle, answer["request_ms"]["max"]), rel=1e-3)
        assert answer["request_ms"]["p50"] >= 48
