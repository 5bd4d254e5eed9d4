"""The report of one run, of several, of files from elsewhere, of a sweep; and where their pictures go."""

import json
import shutil

import pytest
from figures import EPOCH, a_run, job, reference
from harness import ROOT, ndjson, read_json

# run.json as it was before format 2.
FORMAT_1 = {
    "op": "write",
    "jobs": 2,
    "bucket": "b",
    "function": "terabit",
    "region": "eu-west-1",
    "mb_per_file": 64,
    "part_mb": 64,
    "in_flight": 8,
    "memory_mb": 2048,
    "arch": "arm64",
    "timeout_s": 900,
    "network_mbps": 78.125,
    "loopback": False,
    "launches": 1,
    "squad": 16,
    "mode": "squads",
    "start_in_s": 10,
    "start_at": EPOCH,
    "stop_by": EPOCH + 990,
    "launch": EPOCH - 30,
    "end": EPOCH,
    "clock": {"offset_s": 20, "within_s": 0.1},
    "ping": {"version": "0.1.0"},
}
PICTURE = (".html", ".png", ".svg")


def record(gbs=1.0, **more):
    return job(0, 10, gbs * 10e9, **more)


def records_file(path, *records):
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return path


def run_folder(driver, name, gbs=1.0, more=(), run=None, jobs=2, **changes):
    folder = driver.project / "runs" / name
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(run or a_run(jobs, **changes)))
    records_file(folder / "records.ndjson", *(record(gbs, job=n, launch=1) for n in range(2)), *more)
    return folder


@pytest.fixture
def artist(driver):
    """A driver that can draw."""
    if not (ROOT / ".venv" / "bin" / "python").exists():
        pytest.skip("there is no .venv with vl-convert; make build makes it")
    if not (driver.project / ".venv").exists():
        (driver.project / ".venv").symlink_to(ROOT / ".venv")
    return driver


def drawn(target):
    return [kind for kind in PICTURE if target.with_name(target.name + kind).exists()]


# One


def test_the_picture_of_a_run_is_in_its_folder(artist):
    run = run_folder(artist, "20260101T000000Z-write-2")
    done = artist.run("report", run.name)
    assert done.err == f"driver: picture runs/{run.name}/report.html, .svg and .png\n"
    assert drawn(run / "report") == list(PICTURE)
    assert "Plan with" in done.out
    assert json.loads(artist.run("report", "--json").out)["goodput"] == 2, "the latest"


def test_the_picture_of_a_file_stands_beside_it(artist):
    file = records_file(artist.project / "their records.v2.ndjson", record())
    done = artist.run("report", file.name)
    assert "picture 'their records.v2.html', .svg and .png" in done.err
    assert drawn(artist.project / "their records.v2") == list(PICTURE)
    assert "records of their records.v2.ndjson" in done.out
    assert "1 job" in (artist.project / "their records.v2.svg").read_text()
    before = (artist.project / "their records.v2.png").stat().st_mtime_ns
    artist.run("report", file.name)
    assert (artist.project / "their records.v2.png").stat().st_mtime_ns > before, "drawn again"


@pytest.mark.parametrize("kind", PICTURE)
def test_what_somebody_else_drew_is_not_drawn_over(artist, kind):
    file = records_file(artist.project / "theirs.ndjson", record())
    chart = artist.project / f"theirs{kind}"
    chart.write_text("their chart")
    done = artist.run("report", file)
    assert "is not terabit's" in done.err
    assert chart.read_text() == "their chart" and drawn(artist.project / "theirs") == [kind]


def test_a_picture_that_cannot_be_drawn_is_a_message(artist):
    run = run_folder(artist, "20260101T000000Z-write-2")
    (run / "report.html").mkdir()
    done = artist.run("report", run)
    assert "the picture could not be drawn (IsADirectoryError" in done.err and "Traceback" not in done.err
    assert "Plan with" in done.out
    records_file(run / "records.ndjson")
    assert "nothing to draw" in artist.run("report", run, exit=1).err


def test_without_the_program_that_draws_the_figures_stand(driver):
    run = run_folder(driver, "20260101T000000Z-write-2")
    done = driver.run("report", run)
    assert "make build" in done.err and "Plan with" in done.out and drawn(run / "report") == []


def test_a_run_of_either_format_is_reported_alike(driver):
    new = run_folder(driver, "20260101T000000Z-write-2")
    old = run_folder(driver, "20260102T000000Z-write-2", run=FORMAT_1)
    one, other = (driver.run("report", run) for run in (new, old))
    assert one.out.replace(new.name, "") == other.out.replace(old.name, "")
    assert "end to end      0.667 GB/s" in one.out and "2023-11-14 22:13:10 UTC" in one.out
    assert "INTERRUPTED" not in other.out and "NOT ENDED" not in other.out
    killed = {**FORMAT_1, "end": None, "jobs": 3}
    assert "NOT ENDED" in driver.run("report", run_folder(driver, "20260103T000000Z-write-3", run=killed), exit=1).out
    killed |= {"interrupted": True, "end": EPOCH}
    table = driver.run("report", run_folder(driver, "20260104T000000Z-write-3", run=killed), exit=1).out
    assert "INTERRUPTED" in table and "until 1,000 s after the first start" in table


def test_records_that_come_twice_count_once(driver):
    run = run_folder(driver, "20260101T000000Z-write-2")
    once = json.loads(driver.run("report", run, "--json").out)
    (run / "records.ndjson").write_text((run / "records.ndjson").read_text() * 2)
    twice = json.loads(driver.run("report", run, "--json").out)
    assert twice == once | {"repeated": 2} and "REPEATED" in driver.run("report", run).out


# Several


def test_two_runs_side_by_side(artist):
    one = run_folder(artist, "20260101T000000Z-write-2", 1)
    other = run_folder(artist, "20260102T000000Z-write-2", 1.5, part_mb=8)
    done = artist.run("report", one.name, other)
    rows = [line.split() for line in done.out.split("\n\n")[1].splitlines()]
    assert rows[1][:7] == ["A", "write", "8", "3.000", "1,500.0", "-", "nothing"]
    assert rows[2][:6] == ["B", "write", "64", "2.000", "1,000.0", "-33"]
    assert f"  A   runs/{other.name}\n  B   runs/{one.name}\n" in done.out and "may be noise" in done.out
    assert done.err == "driver: picture runs/compare.html, .svg and .png\n"
    assert drawn(artist.project / "runs" / "compare") == list(PICTURE)
    assert drawn(one / "report") == [], "the others stay as they are"


def test_files_and_runs_side_by_side(artist):
    run = run_folder(artist, "20260101T000000Z-write-2")
    file = records_file(artist.project / "theirs.ndjson", record(4))
    done = artist.run("report", file, run, "--out", "new/folder")
    assert "  A   theirs.ndjson\n" in done.out
    assert "picture new/folder/compare.html" in done.err
    assert drawn(artist.project / "new" / "folder" / "compare") == list(PICTURE)
    svg = (artist.project / "new" / "folder" / "compare.svg").read_text()
    assert "A theirs.ndjson" in svg and "B write" in svg


def test_a_comparisons_own_picture_is_no_run(artist):
    for n in (1, 2):
        run_folder(artist, f"2026010{n}T000000Z-write-2", n)
    for _ in range(2):
        artist.run("report", *sorted((artist.project / "runs").iterdir()))
    assert drawn(artist.project / "runs" / "compare") == list(PICTURE)


def test_out_says_where_the_picture_of_a_file_goes(artist):
    file = records_file(artist.project / "theirs.ndjson", record())
    assert "picture new/theirs.html" in artist.run("report", file, "--out", "new").err
    assert drawn(artist.project / "new" / "theirs") == list(PICTURE) and drawn(artist.project / "theirs") == []


def test_the_summaries_of_several(driver):
    runs = [run_folder(driver, f"2026010{n}T000000Z-write-2", n) for n in (1, 2, 3)]
    summaries = json.loads(driver.run("report", *runs, "--json").out)
    assert [one["source"] for one in summaries] == [f"runs/{run.name}" for run in runs]
    assert [one["goodput"] for one in summaries] == [2, 4, 6]
    alone = json.loads(driver.run("report", runs[0], "--json").out)
    assert summaries[0] == {"source": f"runs/{runs[0].name}", **alone}
    twice = driver.run("report", runs[0], runs[0].name, f"runs/{runs[0].name}/records.ndjson", "--json")
    assert json.loads(twice.out) == alone, "what is named twice did not run twice"


def test_runs_of_one_kind_repeated(driver):
    runs = [run_folder(driver, f"2026010{n}T000000Z-write-2", n) for n in (1, 2, 3)]
    assert "  A  write     3  4.000  2.000  6.000" in driver.run("report", *runs).out
    files = [records_file(driver.project / f"{n}.ndjson", record(n)) for n in (1, 2)]
    assert "may be noise" in driver.run("report", *files).out, "of files from elsewhere nobody knows what they repeat"


def test_the_exit_status_of_several_is_that_of_the_worst(driver):
    good = run_folder(driver, "20260101T000000Z-write-2")
    bad = run_folder(driver, "20260102T000000Z-write-2", jobs=3)
    driver.run("report", good, good)
    for pair in ((good, bad), (bad, good)):
        driver.run("report", *pair, exit=1)
        driver.run("report", *pair, "--json", exit=1)
    failed = {"job": 2, "launch": 1, "error": {"type": "Crashed", "message": "gone"}}
    driver.run("report", good, run_folder(driver, "20260103T000000Z-write-3", jobs=3, more=[failed]), exit=1)
    driver.run("report", good, records_file(driver.project / "empty.ndjson"), exit=1)


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "7", '{"op": "write", "jobs": "x"}', '{"op": "write", "jobs": 1}', "{}{}", None]
)
def test_a_damaged_run_json_is_named_with_what_still_helps(driver, text):
    driver.after("write", 1, 1)
    run = driver.only_run()
    if text is None:
        text = json.dumps(read_json(run / "run.json") | {"format": "2"})
    (run / "run.json").write_text(text)
    commands = [["delete", run], ["delete"], ["read", run], ["read"], ["write", "--resume", run]]
    sources = [[run], [run / "records.ndjson"], []]
    if text != "{":  # wherever the damage is read, all take the same way
        commands, sources = commands[:1], sources[:1]
    for command in commands:
        done = driver.run(*command, exit=2)
        assert "is damaged: run.json" in done.err and "--key-file" in done.err
        assert all(line.startswith("driver: ") for line in done.err.splitlines()), done.err
    for source in sources:
        done = driver.run("report", *source)
        assert "Only its records are reported" in done.err and "1 good, 0 failed" in done.out
        assert "PLACE NOT KNOWN" in done.out and "Plan nothing" in done.out and "network gives" not in done.out
        assert "next:" not in done.out and "cost" not in done.out
        assert all(line.startswith("driver: ") for line in done.err.splitlines()), done.err
    driver.run("delete", "--key-file", run / "keys.txt")


def test_a_run_without_its_run_json_is_told_from_a_name_of_nothing(driver):
    driver.after("write", 1, 1)
    run = driver.only_run()
    (run / "run.json").unlink()
    for command in (["delete", run.name], ["read", run], ["write", "--resume", run]):
        err = driver.run(*command, exit=2).err
        assert "is damaged: run.json is missing or empty: its driver was killed before" in err and "--key-file" in err
    for source in (run, run.name, run / "records.ndjson"):
        out = driver.run("report", source).out
        assert "1 good, 0 failed" in out and "PLACE NOT KNOWN" in out


@pytest.mark.parametrize("name", ["nowhere", "nowhere.ndjson", "lib", "runs/nowhere", ""])
def test_what_cannot_be_read_is_refused_before_anything_is_printed(driver, name):
    good = run_folder(driver, "20260101T000000Z-write-2")
    for args in ([name], [good, name], [name, good], [good, good, name]):
        done = driver.run("report", *args, exit=2)
        assert done.out == "" and f'"{name}"' in done.err


# A sweep


def a_sweep(run, driver):
    """A sweep's folder, made by the driver, and what was said."""
    done = run("sweep", "1 2", 64, "--start-in", 0)
    (folder,) = (driver.project / "runs").glob("*-sweep")
    return folder, done


def test_a_sweep_keeps_its_figures(driver):
    folder, done = a_sweep(driver.after, driver)
    assert f"driver: sweep runs/{folder.name}\n" in done.err
    kept = read_json(folder / "sweep.json")
    assert [(row["op"], row["jobs"]) for row in kept["rows"]] == [("write", 1), ("write", 2), ("read", 1), ("read", 2)]
    assert driver.run("report", folder.name).out == done.out
    assert json.loads(driver.run("report", folder, "--json").out) == kept
    for change in ({"stopped": "interrupted"}, {"rows": [{**kept["rows"][0], "failed": 1}, *kept["rows"][1:]]}):
        (folder / "sweep.json").write_text(json.dumps({**kept, **change}))
        driver.run("report", folder, exit=1)


def test_a_sweep_gets_its_picture(artist):
    folder, done = a_sweep(artist.run, artist)
    said = f"driver: picture runs/{folder.name}/sweep.html, .svg and .png\n"
    assert said in done.err and drawn(folder / "sweep") == list(PICTURE)
    (folder / "sweep.png").unlink()
    assert artist.run("report", folder).err == said and drawn(folder / "sweep") == list(PICTURE)


def test_a_sweep_is_no_run(driver):
    folder, _ = a_sweep(driver.after, driver)
    assert json.loads(driver.run("report", "--json").out)["op"] == "read", "the latest run, not the sweep after it"
    done = driver.run("report", *sorted((driver.project / "runs").iterdir()))
    assert "4 runs of 4 kinds" in done.out
    assert f"left out: {folder} is a sweep" in done.err and f"./driver.sh report runs/{folder.name}" in done.err
    assert "nothing is left to report" in driver.run("report", folder, folder, exit=2).err
    assert "no run" in driver.run("write", "--resume", folder, exit=2).err
    driver.run("read", 1)


def test_a_sweep_that_is_refused_leaves_no_folder(driver):
    (driver.stub / "bucket.fail").write_text("An error occurred (404) when calling the HeadBucket operation: Not Found")
    assert "make deploy makes one" in driver.run("sweep", "1", 64, exit=3).err
    assert driver.runs() == []


def test_a_report_changes_no_record(driver):
    run = run_folder(driver, "20260101T000000Z-write-2")
    before = ndjson(run / "records.ndjson")
    driver.run("report", run)
    assert ndjson(run / "records.ndjson") == before and not (run / "summary.json").exists()


# Real records


@pytest.mark.parametrize("op", ["write", "read"])
def test_the_report_of_reference_records(driver, op):
    file, expected = reference(op)
    file = shutil.copy(file, driver.project)
    found = json.loads(driver.run("report", file, "--json").out)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-6), name


def test_a_runs_own_records_are_the_run(driver):
    driver.after("write", 2, 1)
    run = driver.only_run()
    as_run = driver.run("report", run, "--json").out
    assert driver.run("report", run / "records.ndjson", "--json").out == as_run


def test_what_is_no_file_of_records_is_refused(driver):
    text = driver.project / "notes.md"
    text.write_text("# Notes\n\nno records\n")
    assert "is not NDJSON" in driver.run("report", text, exit=2).err
    assert 'there is no file "gone.ndjson"' in driver.run("report", "gone.ndjson", exit=2).err
