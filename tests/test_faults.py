"""What the worker makes of an S3 that throttles, hangs up, breaks off and stands still: it goes on, and tells."""

import json
import time

import pytest
from between import serving_through
from serving import MIB, holds, serving

WRITE = {"mb_per_file": 160, "part_mb": 5}
READ = {"range_mb": 5, "verify": True}
# Creation, 32 parts, completion; 32 ranges.
REQUESTS = {"write": 34, "read": 32}


def there_and_back(folder, *options):
    """The answers of a write and of a read that compares every byte."""
    with serving(folder, *options) as fleet:
        answers = {"write": fleet.good("write", **WRITE), "read": fleet.good("read", **READ)}
        for op, answer in answers.items():
            holds(answer)
            assert answer["bytes"] == 160 * MIB, "bytes that were sent or received twice count once"
            assert answer["requests"] == REQUESTS[op] + answer["retries"]
        uploads = fleet.aws("s3api", "list-multipart-uploads", "--bucket", "terabit-local", "--query", "Uploads")
        assert uploads.strip() == "null"
        assert '"ERROR"' not in fleet.log.read_text()
        return answers


def test_throttling_is_waited_out_and_counted(tmp_path):
    for answer in there_and_back(tmp_path, "--slow-down", "0.2", "--seed", "1").values():
        assert answer["throttled"] == answer["retries"] > 0


@pytest.mark.parametrize("wire", [[], ["--tls"]])
def test_a_refusal_that_comes_before_the_body_is_read_is_throttling_too(tmp_path, wire):
    for answer in there_and_back(tmp_path, "--refuse", "0.2", "--seed", "1", *wire).values():
        assert answer["throttled"] == answer["retries"] > 0


def test_a_connection_that_breaks_is_tried_again(tmp_path):
    for answer in there_and_back(tmp_path, "--reset", "0.2", "--seed", "1").values():
        assert answer["retries"] > 0 and answer["throttled"] == 0


def test_a_body_that_breaks_off_is_read_on_from_there(tmp_path):
    answers = there_and_back(tmp_path, "--short", "0.2", "--seed", "1")
    assert answers["read"]["retries"] > 0 and answers["read"]["throttled"] == 0


def test_a_body_that_stands_still_is_given_up_and_tried_again(tmp_path):
    answers = there_and_back(tmp_path, "--stall", "0.05", "--seed", "24")
    for answer in answers.values():
        assert answer["retries"] > 0 and answer["throttled"] == 0
        assert answer["stop"] - answer["start"] < 90


def test_an_s3_that_only_throttles_is_given_up_at_stop_by_with_its_name(tmp_path):
    with serving(tmp_path, "--slow-down", "1") as fleet:
        stop_by = time.time() + 25
        answer = fleet.job("write", stop_by=stop_by, **WRITE)
    assert answer["error"]["type"] == "SlowDown" and "Please reduce your request rate" in answer["error"]["message"]
    assert stop_by - 2 < answer["stop"] <= stop_by
    assert answer["throttled"] == answer["requests"] > 6 and answer["bytes"] == 0
    assert f"throttled {answer['requests']} times" in answer["error"]["message"]
    assert "upload_left" not in answer, "S3 says itself that it began none"


# Half of what is left comes with each answer, and of the last byte nothing, not even the answer's head.
@pytest.mark.parametrize(("fault", "kinds"), [("--reset", ["Connect"]), ("--short", ["ShortBody", "Connect"])])
def test_an_s3_that_only_breaks_off_is_given_up_at_stop_by_with_its_name(tmp_path, fault, kinds):
    with serving(tmp_path, "--dir", tmp_path / "store") as fleet:
        fleet.good("write", mb_per_file=8)
    with serving(tmp_path, "--dir", tmp_path / "store", fault, "1") as fleet:
        stop_by = time.time() + 8
        answer = fleet.job("read", range_mb=5, stop_by=stop_by)
    assert answer["error"]["type"] in kinds, answer["error"]
    assert stop_by - 2 < answer["stop"] <= stop_by
    assert answer["bytes"] < 8 * MIB and "mbps" not in answer


def open_uploads(fleet):
    """The ids of uploads that are neither completed nor aborted."""
    query = ["--query", "Uploads[].UploadId"]
    return json.loads(fleet.aws("s3api", "list-multipart-uploads", "--bucket", "terabit-local", *query)) or []


def once(asked):
    """A script that loses the answers to the first of each of these requests."""
    left = list(asked)

    def script(request, handler):
        answer = handler.forward()
        lost = [one for one in left if request.startswith(one)]
        if lost:
            left.remove(lost[0])
        else:
            handler.answer(*answer)

    return script


def test_a_job_whose_answers_were_lost_is_good_and_leaves_no_upload(tmp_path):
    lost = once(["POST uploads", "POST uploadId"])
    with serving_through(tmp_path, lost) as fleet:
        answer = fleet.good("write", mb_per_file=11, part_mb=5)
        assert answer["retries"] == 2 and answer["bytes"] == 11 * MIB and "upload_left" not in answer
        assert open_uploads(fleet) == []
        fleet.good("read", verify=True)


def test_an_upload_that_is_answered_after_stop_by_is_aborted(tmp_path):
    def late(request, handler):
        if request == "POST uploads":
            time.sleep(5)
        handler.answer(*handler.forward())

    with serving_through(tmp_path, late) as fleet:
        answer = fleet.job("write", mb_per_file=11, part_mb=5, stop_by=time.time() + 3)
        assert answer["error"]["type"] == "Deadline" and "upload_left" not in answer
        assert answer["handler_s"] < 8
        time.sleep(3)
        assert open_uploads(fleet) == []


def test_an_upload_that_cannot_be_aborted_is_named_in_answer_and_log(tmp_path):
    denied = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"

    def script(request, handler):
        if request.startswith(("DELETE", "PUT partNumber=3")):
            handler.answer(403, body=denied)
        else:
            handler.answer(*handler.forward())

    with serving_through(tmp_path, script) as fleet:
        answer = fleet.job("write", mb_per_file=11, part_mb=5)
        assert answer["error"]["type"] == "AccessDenied" and "s3:PutObject" in answer["error"]["message"]
        assert [answer["upload_left"]] == open_uploads(fleet)
        warned = [line for line in map(json.loads, fleet.log.read_text().splitlines()) if line["level"] == "WARN"]
        assert [line["fields"]["upload"] for line in warned] == [answer["upload_left"]]
        assert "s3:AbortMultipartUpload" in warned[0]["fields"]["error"]


def test_connections_of_a_barrier_that_is_never_answered_end_with_the_job(tmp_path):
    opened, closed = [], []

    def script(request, handler):
        if request == "HEAD":
            opened.append(handler)
            closed.append(handler.closed_within(20))
        else:
            handler.answer(*handler.forward())

    with serving_through(tmp_path, script) as fleet:
        fleet.good("write", mb_per_file=20, part_mb=5, parts_in_flight=4, start_at=time.time() + 3)
        deadline = time.time() + 5
        while len(closed) < len(opened) and time.time() < deadline:
            time.sleep(0.1)
        assert closed == [True] * 4
