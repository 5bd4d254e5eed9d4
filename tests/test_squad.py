"""The real worker on real parts: what a squad answers when it does its single job itself, when its jobs give up, and
how an object is cut."""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import signal
import time
from pathlib import Path

import pytest
from serving import MIB, holds, serving

JOB = {"bucket": "terabit-local", "key": "k"}
WRITE = JOB | {"op": "write", "mb_per_file": 12, "part_mb": 6}
READ = JOB | {"op": "read"}
PING = {"op": "ping", "bucket": "terabit-local"}


@pytest.fixture
def fleet_of(tmp_path):
    """Serves; the events that workers get are noted in the folder."""
    return lambda *options: serving(tmp_path, *options)


def stored(fleet, key="answer"):
    return json.loads(fleet.aws("s3", "cp", f"s3://terabit-local/{key}", "-"))


def events(tmp_path):
    return [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]


def test_a_squad_of_one_is_one_invocation_and_its_answer_is_kept(fleet_of, tmp_path):
    with fleet_of("--concurrency", "1") as fleet:
        squad = {"jobs": [WRITE], "answer_key": "answer"}
        error, answers = fleet.post(squad)
        assert error is None and len(answers) == 1
        holds(answers[0])
        assert (answers[0]["op"], answers[0]["key"], answers[0]["bytes"]) == ("write", "k", 12 * MIB)
        assert stored(fleet) == answers
        assert events(tmp_path) == [squad]
        error, answers = fleet.post({"jobs": [READ | {"verify": True}]})
        assert error is None
        holds(answers[0])
        assert answers[0]["bytes"] == 12 * MIB


@pytest.mark.parametrize(
    ("job", "kind", "message"),
    [
        (WRITE | {"mb_per_file": 0}, "InvalidEvent", "mb_per_file: 0 is not"),
        (WRITE | {"bucket": "B"}, "InvalidEvent", "bucket: "),
        (WRITE | {"op": "dance"}, "InvalidEvent", "op: "),
        (READ | {"start_at": time.time() + 10_000}, "InvalidEvent", "start_at: "),
        (5, "InvalidEvent", "the event is 5"),
        (PING | {"bucket": "not-there"}, "NoSuchBucket", "not-there"),
    ],
)
def test_a_job_refused_in_a_squad_of_one_is_an_element(fleet_of, job, kind, message):
    with fleet_of("--concurrency", "1") as fleet:
        error, answers = fleet.post({"jobs": [job], "answer_key": "answer"})
        assert error is None, answers
        fields = job if isinstance(job, dict) else {}
        assert [list(answer) for answer in answers] == [["op", "key", "error"]]
        assert (answers[0]["op"], answers[0]["key"]) == (fields.get("op"), fields.get("key"))
        assert answers[0]["error"]["type"] == kind and message in answers[0]["error"]["message"]
        if fields.get("bucket") == "terabit-local":
            assert stored(fleet) == answers


def test_a_job_that_failed_in_a_squad_of_one_is_a_result(fleet_of):
    with fleet_of("--concurrency", "1") as fleet:
        error, answers = fleet.post({"jobs": [READ], "answer_key": "answer"})
        assert error is None
        assert answers[0]["error"]["type"] == "NoSuchKey" and answers[0]["stop"] > answers[0]["start"]
        assert stored(fleet) == answers


def test_a_squad_of_one_needs_no_permission_to_write(tmp_path):
    with serving(tmp_path, "--dir", tmp_path / "store") as fleet:
        fleet.good("write", mb_per_file=1)
    with serving(tmp_path, "--dir", tmp_path / "store", "--deny", "s3:PutObject") as fleet:
        error, answers = fleet.post({"jobs": [READ], "answer_key": "answer"})
        assert error is None
        holds(answers[0])
        assert "the answer is not in the bucket" in fleet.log.read_text()


@pytest.mark.parametrize(("pings", "invocations"), [(1, 1), (2, 3)])
def test_a_ping_of_two_proves_that_the_function_can_invoke_itself_and_one_is_answered_at_once(
    fleet_of, tmp_path, pings, invocations
):
    with fleet_of("--concurrency", str(invocations)) as fleet:
        error, answers = fleet.post({"jobs": [PING] * pings})
        assert error is None and len(answers) == pings
        assert all(abs(answer["now"] - time.time()) < 10 and answer["memory_mb"] == 512 for answer in answers)
        assert len(events(tmp_path)) == invocations


def test_a_crash_in_a_squad_of_one_is_a_function_error(fleet_of):
    with fleet_of("--worker-rate", "1") as fleet, concurrent.futures.ThreadPoolExecutor() as pool:
        squad = pool.submit(fleet.post, {"jobs": [WRITE], "answer_key": "answer"})
        while not (workers := workers_of(fleet)):
            assert not squad.done()
            time.sleep(0.1)
        time.sleep(1)
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        error, answer = squad.result(timeout=60)
        assert error == "Unhandled" and answer["errorType"].startswith("Runtime."), answer


def workers_of(fleet):
    """The process ids of the fleet's workers."""
    mine = f"AWS_ENDPOINT_URL_LAMBDA={fleet.env['AWS_ENDPOINT_URL_LAMBDA']}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            variables = (process / "environ").read_bytes().split(b"\0")
            if mine in variables and any(variable.startswith(b"AWS_LAMBDA_RUNTIME_API=") for variable in variables):
                found.append(int(process.name))
    return found


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_squad_has_put_its_answer_10_s_after_its_jobs_gave_up(fleet_of, jobs):
    """What the jobs had sent by then stands beside the bytes that S3 confirmed."""
    keys = [key for key in map(str, range(100)) if 50 < shorter(key, 100) < 80][:jobs]
    with fleet_of("--worker-rate", "5") as fleet:
        stop_by = time.time() + 6
        job = JOB | {"op": "write", "mb_per_file": 200, "part_mb": 100, "stop_by": stop_by}
        error, answers = fleet.post({"jobs": [job | {"key": key} for key in keys], "answer_key": "answer"})
        assert error is None and time.time() < stop_by + 10
        assert stored(fleet) == answers
        for answer in answers:
            assert answer["error"]["type"] == "Deadline" and abs(answer["stop"] - stop_by) < 1
            assert answer["bytes"] == 0 and set(answer["samples"]) == {0}
            assert 5e6 < answer["sent"] < 45e6
            assert len(answer["sent_samples"]) == len(answer["samples"])
            assert answer["sent_samples"] == sorted(answer["sent_samples"])
            assert 0 < answer["sent_samples"][-1] <= answer["sent"]
        assert "UploadId" not in fleet.aws("s3api", "list-multipart-uploads", "--bucket", "terabit-local")


def test_what_a_good_job_sent_again_stands_apart(fleet_of):
    with fleet_of("--reset", "0.2") as fleet:
        answer = fleet.good("write", mb_per_file=100, part_mb=5)
        holds(answer)
        assert answer["retries"] > 0 and answer["bytes"] == 100 * MIB
        assert 0 < answer["sent"] <= answer["retries"] * 5 * MIB


def test_a_part_that_is_refused_is_not_sent_to_its_end(fleet_of):
    """S3 refuses it at once and takes the rest all the same, as a limiter before S3 may."""
    with fleet_of("--worker-rate", "50", "--slow-down", "0.3", "--seed", "2") as fleet:
        answer = fleet.good("write", mb_per_file=60, part_mb=20, parts_in_flight=3)
        assert answer["throttled"] > 0
        assert answer.get("sent", 0) < answer["throttled"] * 2 * MIB


def shorter(key, span_mb):
    """MiB of the shorter span, by the definition in function/src/spans.rs."""
    digest = hashlib.sha256(span_mb.to_bytes(8, "little") + key.encode()).digest()
    return 5 + int.from_bytes(digest[:8], "little") % (span_mb - 5) if span_mb > 5 else span_mb


def spans(size_mb, key, span_mb):
    return 1 if size_mb <= span_mb else 1 + -(-(size_mb - shorter(key, span_mb)) // span_mb)


def test_objects_are_cut_unevenly_and_hold_the_same_bytes(fleet_of, tmp_path):
    with fleet_of() as fleet:
        for key in ("a", "b"):
            parts = spans(70, key, 16)
            whole = fleet.good("write", key, mb_per_file=70, part_mb=5120)
            assert whole["requests"] == 1
            fleet.aws("s3", "cp", "--quiet", f"s3://terabit-local/{key}", str(tmp_path / key))
            answer = fleet.good("write", key, mb_per_file=70, part_mb=16, open_s=0)
            holds(answer)
            assert answer["requests"] == parts + 2
            assert fleet.good("read", key, verify=True, range_mb=16, open_s=0.25)["requests"] == parts
            for range_mb in (1, 5, 64, 70):
                read = fleet.good("read", key, verify=True, range_mb=range_mb, read_times=2)
                assert (read["requests"], read["bytes"]) == (2 * spans(70, key, range_mb), 140 * MIB)
            fleet.aws("s3", "cp", "--quiet", f"s3://terabit-local/{key}", str(tmp_path / "parts"))
            assert (tmp_path / "parts").read_bytes() == (tmp_path / key).read_bytes()


def test_the_first_part_is_the_shorter_one(fleet_of):
    key = next(key for key in map(str, range(100)) if 6 <= shorter(key, 20) <= 9)
    with fleet_of("--worker-rate", "10") as fleet, concurrent.futures.ThreadPoolExecutor() as pool:
        write = pool.submit(fleet.job, "write", key, mb_per_file=60, part_mb=20, parts_in_flight=1)
        sizes = []
        while len(sizes) < 2 and not write.done():
            uploads = json.loads(fleet.aws("s3api", "list-multipart-uploads", "--bucket", "terabit-local") or "{}")
            for upload in uploads.get("Uploads", []):
                place = ["--bucket", "terabit-local", "--key", key, "--upload-id", upload["UploadId"]]
                with contextlib.suppress(Exception):
                    parts = json.loads(fleet.aws("s3api", "list-parts", *place) or "{}")
                    sizes = [part["Size"] // MIB for part in parts.get("Parts", [])]
        assert sizes[:2] == [shorter(key, 20), 20]
        assert "error" not in write.result(timeout=60)
