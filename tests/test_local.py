"""One driver at a time, end to end: the real AWS CLI, the real worker, S3 and Lambda on loopback.

Needs the program `local` (target/release/local, or TERABIT_LOCAL), which finds its worker itself or takes
TERABIT_WORKER's, and the AWS CLI on the PATH or in .venv."""

import json
import re

import pytest
from harness import ROOT, ndjson

MIB = 1 << 20


def test_write_then_read_each_key_twice(local):
    local.project = ROOT
    done = local('"$D" write 8 64 --json --out "$RUNS" && "$D" read 16 --verify --out "$RUNS"')
    summary, end = json.JSONDecoder().raw_decode(done.stdout)
    assert (summary["jobs"], summary["failed"], summary["missing"], summary["valid"]) == (8, 0, 0, True)
    assert summary["bytes"] == 8 * 64 * 2**20
    assert summary["loopback"] is True
    table = done.stdout[end:]
    assert "16 good, 0 failed, 0 missing" in table and "LOOPBACK, NOT S3" in table
    keys = (local.run_of("write") / "keys.txt").read_text().splitlines()
    records = ndjson(local.run_of("read") / "records.ndjson")
    assert [record["key"] for record in records] == keys * 2
    for record in records:
        assert record["bytes"] == 64 * 2**20
        assert record["mbps"] == pytest.approx(record["bytes"] / (record["stop"] - record["start"]) / 1e6, rel=1e-6)


def test_a_missing_key_costs_only_itself(local):
    script = """
    "$D" write 3 1 --out "$RUNS" --key-file keys >/dev/null || exit 9
    printf 'not there\\n' >>keys
    "$D" read --key-file keys --json --out "$RUNS"
    """
    summary = json.loads(local(script, exit=1).stdout)
    assert (summary["jobs"], summary["failed"], summary["errors"]) == (4, 1, {"NoSuchKey": 1})
    assert "not there" in summary["examples"]["NoSuchKey"]["message"]
    assert [("error" in record) for record in ndjson(local.run_of("read") / "records.ndjson")] == [False] * 3 + [True]


@pytest.mark.parametrize(("stream", "command"), [("", "write --resume {write}"), (" --objects 2", "read")])
def test_the_objects_of_a_local_that_has_ended_are_not_looked_for_by_workers(local, stream, command):
    local(f'"$D" write 1 1{stream} --out "$RUNS"')
    write = local.run_of("write")
    done = local(f'"$D" {command.format(write=write)} --out "$RUNS"', exit=3)
    assert "were lost when its local ended" in done.stderr and "write 8 64" in done.stderr
    assert "resume" not in done.stderr.split(write.name, 1)[1] and "ping" not in done.stderr
    assert len(list(local.runs.iterdir())) == 1


def test_objects_that_outlive_their_local_are_read_by_another(local, tmp_path):
    for command in ("write 1 1", "read --verify"):
        local(f'"$D" {command} --out "$RUNS"', "--dir", tmp_path / "objects")


def test_a_bucket_that_cannot_be_written(local):
    done = local('"$D" write 2 1 --out "$RUNS"', "--deny", "s3:PutObject", exit=1)
    (record, _) = ndjson(local.run_of("write") / "records.ndjson")
    assert record["error"]["type"] == "AccessDenied"
    assert "2 AccessDenied" in done.stdout and "NOT VALID" in done.stdout


@pytest.mark.parametrize(
    ("options", "bucket", "text"),
    [
        ([], "no-such-bucket", "there is no bucket"),
        (["--bucket", "terabit-local", "--bucket", "far=eu-west-1"], "far", "eu-west-1"),
    ],
)
def test_a_bucket_that_is_out_of_reach_is_refused(local, options, bucket, text):
    done = local(f'"$D" write 2 1 --bucket {bucket} --out "$RUNS"', *options, exit=3)
    assert text in done.stderr and list(local.runs.iterdir()) == []


def test_a_profile_serves_in_place_of_keys(local):
    local.serve()
    home = local.folder / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws" / "credentials").write_text(
        "[fleet]\n"
        f"aws_access_key_id = {local.env.pop('AWS_ACCESS_KEY_ID')}\n"
        f"aws_secret_access_key = {local.env.pop('AWS_SECRET_ACCESS_KEY')}\n"
    )
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        del local.env[name]
    local.env |= {"HOME": str(home), "AWS_PROFILE": "fleet"}
    done = local.drive("write", 2, 1)
    assert "2 good" in done.out
    # CLI v1 cannot export credentials, and that concerns nobody.
    assert not re.search("credential|choice|usage", done.err, re.IGNORECASE), done.err
    local.env["AWS_PROFILE"] = "nobody"
    assert "aws configure" in local.drive("write", 2, 1, exit=3).err


def test_odd_keys_go_there_and_back(local):
    script = """
    "$D" write 1 1 --key-prefix '-a &"b\\ ü/日本 +%20' --out "$RUNS" >/dev/null || exit 9
    "$D" read --verify --out "$RUNS" --json
    """
    assert json.loads(local(script).stdout)["failed"] == 0


def test_a_function_without_time_to_answer_is_refused(local):
    done = local('"$D" write 1 64 --out "$RUNS"', "--timeout", "12", exit=3)
    assert "the function's timeout is 12 s" in done.stderr and "--timeout 900" in done.stderr
    assert list(local.runs.iterdir()) == []


def test_a_job_that_gives_up_tells_what_it_had_sent(local):
    done = local('"$D" write 2 200 --timeout 4 --out "$RUNS"', "--worker-rate", "20", exit=1)
    for record in ndjson(local.run_of("write") / "records.ndjson"):
        # The first part may be short enough to have been confirmed.
        assert record["error"]["type"] == "Deadline" and record["bytes"] < 64 * MIB, record
        assert 20e6 <= record["bytes"] + record["sent"] <= 200 * MIB and record["sent_samples"][-1] > 0
    assert "in attempts that never succeeded" in " ".join(done.stdout.split())
    assert "2 Deadline" in done.stdout


def test_no_such_function(local):
    done = local('"$D" write 1 1 --function nobody --out "$RUNS"', exit=3)
    assert '"nobody"' in done.stderr and "make deploy" in done.stderr
    assert list(local.runs.iterdir()) == []


def test_more_jobs_than_the_scaling_rate_allows(local):
    done = local('"$D" write 6 8 --out "$RUNS" --start-in 0', "--scaling-rate", "1/1s", "--worker-rate", "4")
    assert "6 good, 0 failed, 0 missing" in done.stdout
    assert "throttled (429) and tried again" in done.stdout
