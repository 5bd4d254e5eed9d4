"""What the worker makes of an S3 that throttles, hangs up, breaks off and stands still: it goes on, and tells."""

import pytest
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


def test_an_s3_that_only_throttles_is_given_up_with_its_name(tmp_path):
    with serving(tmp_path, "--slow-down", "1") as fleet:
        answer = fleet.job("write", **WRITE)
    assert answer["error"]["type"] == "SlowDown" and "Please reduce your request rate" in answer["error"]["message"]
    assert answer["throttled"] == answer["requests"] == 6 and answer["bytes"] == 0


@pytest.mark.parametrize(("fault", "kind"), [("--reset", "Connect"), ("--short", "ShortBody")])
def test_an_s3_that_only_breaks_off_is_given_up_with_its_name(tmp_path, fault, kind):
    with serving(tmp_path, "--dir", tmp_path / "store") as fleet:
        fleet.good("write", mb_per_file=8)
    with serving(tmp_path, "--dir", tmp_path / "store", fault, "1") as fleet:
        answer = fleet.job("read", range_mb=5)
    assert answer["error"]["type"] == kind, answer["error"]
    assert answer["bytes"] < 8 * MIB and "mbps" not in answer
