"""End to end: the driver, the real AWS CLI, the real worker, S3 and Lambda on loopback.

Needs the program `local` (target/release/local, or TERABIT_LOCAL), which finds its worker itself or takes
TERABIT_WORKER's, and the AWS CLI on the PATH or in .venv."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCAL = Path(os.environ.get("TERABIT_LOCAL", ROOT / "target" / "release" / "local"))
WORKER = os.environ.get("TERABIT_WORKER")
PATH = os.environ["PATH"] + os.pathsep + str(ROOT / ".venv" / "bin")

if not LOCAL.is_file():
    pytest.skip(f"{LOCAL} is not built (TERABIT_LOCAL names another)", allow_module_level=True)
if WORKER and not Path(WORKER).is_file():
    pytest.skip(f"TERABIT_WORKER names {WORKER}, which is not built", allow_module_level=True)
if not shutil.which("aws", path=PATH):
    pytest.skip("there is no AWS CLI on the PATH or in .venv", allow_module_level=True)


@pytest.fixture
def local(tmp_path):
    """Runs a shell script inside `local`; $D is the driver, runs go to tmp_path/runs."""

    def run(script, *options, exit=0):
        worker = ["--worker", WORKER] if WORKER else []
        log = ["--log", tmp_path / "worker.log"]
        done = subprocess.run(
            [LOCAL, *worker, *log, *options, "--", "bash", "-uc", script],
            check=False,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env=os.environ | {"D": str(ROOT / "driver.sh"), "PATH": PATH, "RUNS": str(tmp_path / "runs")},
            timeout=180,
        )
        assert done.returncode == exit, f"exit {done.returncode}\n{done.stderr}\n{done.stdout}"
        return done

    run.runs = tmp_path / "runs"
    return run


def ndjson(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def run_of(local, op):
    return max(local.runs.glob(f"*-{op}-*"))


def test_write_then_read_each_key_twice(local):
    done = local('"$D" write 8 64 --json --out "$RUNS" && "$D" read 16 --verify --out "$RUNS"')
    summary, end = json.JSONDecoder().raw_decode(done.stdout)
    assert (summary["jobs"], summary["failed"], summary["missing"], summary["valid"]) == (8, 0, 0, True)
    assert summary["bytes"] == 8 * 64 * 2**20
    assert summary["loopback"] is True
    table = done.stdout[end:]
    assert "16 good, 0 failed, 0 missing" in table and "LOOPBACK, NOT S3" in table
    keys = (run_of(local, "write") / "keys.txt").read_text().splitlines()
    records = ndjson(run_of(local, "read") / "records.ndjson")
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
    assert [("error" in record) for record in ndjson(run_of(local, "read") / "records.ndjson")] == [False] * 3 + [True]


def test_a_bucket_that_cannot_be_written(local):
    done = local('"$D" write 2 1 --out "$RUNS"', "--deny", "s3:PutObject", exit=1)
    (record, _) = ndjson(run_of(local, "write") / "records.ndjson")
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
    assert text in done.stderr and not local.runs.exists()


def test_squads_write_and_read(local):
    script = """
    "$D" write 50 1 --squad 25 --out "$RUNS" --key-file keys >/dev/null || exit 9
    "$D" read --verify --out "$RUNS" --json || exit 8
    sed 7s/.*/missing/ keys >odd
    "$D" read --key-file odd --squad 50 --out "$RUNS" --json --start-in 0
    """
    local(script, exit=1)
    first, second = sorted(local.runs.glob("*-read-*"))
    summary = json.loads((first / "summary.json").read_text())
    assert (summary["jobs"], summary["failed"], summary["missing"]) == (50, 0, 0)
    assert summary["late"] == 0 or summary["start_spread_s"] < 5
    bad = [r for r in ndjson(second / "records.ndjson") if "error" in r]
    assert [(r["job"], r["key"], r["error"]["type"]) for r in bad] == [(6, "missing", "NoSuchKey")]


def test_a_killed_worker_is_a_crash_and_resume_completes(local):
    script = """
    "$D" write 4 64 --squad 4 --out "$RUNS" --start-in 0 >/dev/null &
    for try in $(seq 300); do
      sleep 0.1
      victims=$(ps -eo pid=,ppid=,args= | awk -v mine=$PPID '$2 == mine && !/bash/ {print $1}')
      set -- $victims
      [ $# -lt 5 ] || break
    done
    sleep 1
    kill -KILL "$5"
    wait $! && exit 9
    "$D" write --resume "$RUNS"/* --out "$RUNS" --start-in 0
    """
    local(script, "--worker-rate", "10")
    records = ndjson(run_of(local, "write") / "records.ndjson")
    assert [(r["launch"], r.get("error", {}).get("type")) for r in records].count((1, "Crashed")) == 1
    assert len(records) == 5 and "error" not in records[4]


def test_an_account_limit_is_refused(local):
    done = local('"$D" write 1800 1 --out "$RUNS"', "--account-limit", "10", exit=3)
    assert "What fits now: ./driver.sh write 9 1." in done.stderr and not local.runs.exists()


def test_odd_keys_go_there_and_back(local):
    script = """
    "$D" write 1 1 --key-prefix '-a &"b\\ ü/日本 +%20' --out "$RUNS" >/dev/null || exit 9
    "$D" read --verify --out "$RUNS" --json
    """
    assert json.loads(local(script).stdout)["failed"] == 0


def test_a_timeout_is_named(local):
    done = local('"$D" write 1 64 --out "$RUNS"', "--timeout", "2", "--worker-rate", "1", exit=1)
    (record,) = ndjson(run_of(local, "write") / "records.ndjson")
    assert record["error"]["type"] in ("TimedOut", "Deadline"), record
    assert "1 failed" in done.stdout


def test_no_such_function(local):
    done = local('"$D" write 1 1 --function nobody --out "$RUNS"', exit=3)
    assert '"nobody"' in done.stderr and "make deploy" in done.stderr
    assert not local.runs.exists()


def test_more_jobs_than_the_scaling_rate_allows(local):
    done = local('"$D" write 6 8 --out "$RUNS" --start-in 0', "--scaling-rate", "1/1s", "--worker-rate", "4")
    assert "6 good, 0 failed, 0 missing" in done.stdout
    assert "throttled (429) and tried again" in done.stdout
