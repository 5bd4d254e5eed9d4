"""Workers under an S3 that throttles them and breaks their connections by chance: they sit that out, count it, and
leave nothing behind. What CI runs is small; TERABIT_PRESSURE=full runs the whole."""

import json
import os

import pytest
from harness import read_json
from serving import MIB, holds, serving

FULL = os.environ.get("TERABIT_PRESSURE") == "full"


def test_a_partition_that_takes_fewer_requests_throttles_and_loses_nothing(local):
    """More than it takes in a second is asked of it at once."""
    number, size, part, rate = (50, 64, 8, "100/150") if FULL else (4, 30, 5, "6/6")
    script = f"""
    "$D" write {number} {size} --part-mb {part} --start-in 0 --out "$RUNS" >/dev/null || exit 9
    "$D" read {number} --verify --range-mb {part} --start-in 0 --out "$RUNS" >/dev/null || exit 8
    aws s3api list-multipart-uploads --bucket "$BUCKET" --query 'length(Uploads || `[]`)'
    """
    done = local(script, "--s3-rate", rate)
    assert json.loads(done.stdout) == 0, "uploads are open"
    for op in ("write", "read"):
        summary = read_json(local.run_of(op) / "summary.json")
        assert (summary["jobs"], summary["failed"], summary["missing"]) == (number, 0, 0), summary["errors"]
        assert summary["bytes"] == number * size * MIB
        assert summary["throttled"] <= summary["retries"], op
        # Of the whole, a busy machine may read more slowly than the partition takes.
        assert summary["throttled"] > 0 or (FULL and op == "read")


def there_and_back(folder, mib, *options):
    """The answers of a write in parts of 5 MiB and of a read that compares every byte; no upload is left open."""
    with serving(folder, *options) as fleet:
        answers = [fleet.good("write", mb_per_file=mib, part_mb=5), fleet.good("read", range_mb=5, verify=True)]
        for answer in answers:
            holds(answer)
            assert answer["bytes"] == mib * MIB, "what was sent or received twice counts once"
        uploads = fleet.aws("s3api", "list-multipart-uploads", "--bucket", "terabit-local", "--query", "Uploads")
        assert uploads.strip() == "null"
        return answers


@pytest.mark.parametrize("seed", range(1, 11) if FULL else range(1, 4))
def test_connections_that_break_by_chance_are_made_anew(tmp_path, seed):
    """Three in ten requests: four times running is nothing special."""
    for answer in there_and_back(tmp_path, 500 if FULL else 100, "--reset", "0.3", "--seed", str(seed)):
        assert answer["retries"] > 0 and answer["throttled"] == 0


@pytest.mark.parametrize("seed", range(1, 11) if FULL else range(1, 3))
def test_answers_that_are_lost_by_chance_leave_no_upload(tmp_path, seed):
    """A creation whose answer is lost has made an upload, and a completion has made the object."""
    for answer in there_and_back(tmp_path, 500 if FULL else 100, "--lost", "0.3", "--seed", str(seed)):
        assert answer["retries"] > 0 and answer["throttled"] == 0
