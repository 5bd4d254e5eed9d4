"""Run folders of format 1, kept as drivers before format 2 left them: they report, resume and delete as before."""

import json
import re
import shutil

import pytest
from harness import ROOT, ndjson, read_json

FROZEN = ROOT / "tests" / "frozen"


@pytest.fixture
def thaw(driver):
    """Brings a folder back into the driver's own."""

    def thaw(name):
        shutil.copytree(FROZEN / name, driver.project / "runs", dirs_exist_ok=True)
        return sorted((driver.project / "runs").iterdir())[0]

    return thaw


# jobs, failed, missing, unfinished, launches, GB/s, cost in USD
@pytest.mark.parametrize(
    ("name", "counts", "goodput"),
    [
        ("good-write", (3, 0, 0, 0, 1), 3 * 0.033554432),
        ("read", (5, 0, 0, 0, 1), 5 * 0.033554432),
        ("squads", (10, 0, 0, 0, 1), 10 * 0.033554432),
        ("twice-resumed", (2, 1, 0, 0, 3), 2 * 0.033554432),
        ("interrupted", (6, 0, 3, 3, 1), None),
        ("killed", (6, 0, 3, 3, 1), None),
        ("failed", (3, 2, 0, 2, 1), None),
        ("deleted", (2, 0, 0, 0, 1), 2 * 0.033554432),
    ],
)
def test_it_reports(driver, thaw, name, counts, goodput):
    run = thaw(name)
    bad = counts[3] > 0
    summary = json.loads(driver.run("report", run, "--json", exit=int(bad)).out)
    assert tuple(summary[field] for field in ("jobs", "failed", "missing", "unfinished", "launches")) == counts
    if goodput is not None:
        before = read_json(run / "summary.json")
        for figure in ("goodput", "sustained", "mbps", "requests", "cost_usd", "bytes"):
            assert summary[figure] == pytest.approx(before[figure]), figure
    table = driver.run("report", run, exit=int(bad)).out
    assert ("INTERRUPTED" in table, "NOT ENDED" in table, "RESUMED" in table) == (
        name == "interrupted",
        name == "killed",
        name == "twice-resumed",
    )
    assert {path.name for path in run.iterdir()} == {path.name for path in next((FROZEN / name).iterdir()).iterdir()}


@pytest.mark.parametrize(
    ("name", "jobs", "launch"),
    [("interrupted", [3, 4, 5], 2), ("killed", [3, 4, 5], 2), ("failed", [1, 2], 2)],
)
def test_it_resumes(driver, thaw, name, jobs, launch):
    run = thaw(name)
    op = read_json(run / "run.json")["op"]
    driver.run(op, "--resume", run)
    assert [record["job"] for record in ndjson(run / "records.ndjson") if record["launch"] == launch] == jobs
    config = read_json(run / "run.json")
    assert config["format"] == 2 and [entry["n"] for entry in config["launches"]] == [1, 2]
    assert json.loads(driver.run("report", run, "--json").out)["unfinished"] == 0


def test_a_waiting_answer_is_where_format_1_put_it(driver, thaw):
    run = thaw("killed")
    answer = driver.stub / "bucket" / "terabit-runs" / run.name / "1-000001.json"
    answer.parent.mkdir(parents=True)
    results = [
        {"start": 1700000000.25, "stop": 1700000002.25, "mbps": 33.554432, "op": "write", "key": key, "bytes": 67108864}
        for key in (run / "keys.txt").read_text().splitlines()[3:]
    ]
    answer.write_text(json.dumps(results))
    assert "nothing is launched" in driver.run("write", "--resume", run).err
    assert [(r["job"], r["launch"]) for r in ndjson(run / "records.ndjson")] == [(n, 1) for n in range(6)]


@pytest.mark.parametrize("name", ["good-write", "squads", "interrupted", "killed", "deleted"])
def test_it_is_deleted(driver, thaw, name):
    run = thaw(name)
    driver.run("delete", run)
    requests = [read_json(path) for path in driver.stub.glob("delete-objects.*.json")]
    gone = sorted(entry["Key"] for request in requests for entry in request["Delete"]["Objects"])
    assert gone == sorted((run / "keys.txt").read_text().splitlines())
    assert (driver.stub / "removed").read_text() == f"terabit-runs/{run.name}/\n"
    assert read_json(run / "run.json")["deleted"] > 1.7e9


def test_a_sweep(driver, thaw):
    thaw("sweep")
    (sweep,) = (driver.project / "runs").glob("*-sweep")
    assert len(re.findall(r"^ +(?:write|read) +[12] +0\.\d+ ", driver.run("report", sweep).out, re.M)) >= 4
    driver.run("delete", sweep)
    writes = [run for run in (driver.project / "runs").glob("*-write-*")]
    assert len(writes) == 2 and all(read_json(run / "run.json")["deleted"] for run in writes)
