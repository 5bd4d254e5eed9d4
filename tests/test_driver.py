"""The driver with a stub in place of the AWS CLI, on a PATH that holds its declared tools and nothing else."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest
from harness import TOOLS, Driver, ended, ndjson, part, processes_of, quick_sleep, read_json, wait_for

# Good runs


def test_a_write_leaves_its_folder(driver):
    done = driver.run("write", 3, 64, "--part-mb", 16, "--in-flight", "4")
    run = driver.only_run()
    assert re.fullmatch(r"\d{8}T\d{6}Z-write-3", run.name)
    assert sorted(p.name for p in run.iterdir()) == [
        "jobs.ndjson",
        "keys.txt",
        "records.ndjson",
        "run.json",
        "summary.json",
    ]
    assert {path.stat().st_mode & 0o077 for path in [run, *run.iterdir()]} == {0}, "private to its user"
    keys = (run / "keys.txt").read_text().splitlines()
    assert len(set(keys)) == 3 and all(re.fullmatch("[0-9A-F]{32}", key) for key in keys)
    config = read_json(run / "run.json")
    assert ndjson(run / "jobs.ndjson") == [
        {
            "job": n,
            "op": "write",
            "bucket": "some-bucket",
            "key": key,
            "mb_per_file": 64,
            "part_mb": 16,
            "parts_in_flight": 4,
        }
        for n, key in enumerate(keys)
    ]
    (launch,) = config["launches"]
    event = {"open_s": 1, "start_at": launch["start_at"], "stop_by": launch["stop_by"]}
    events = {event["answer_key"]: event["jobs"] for event in ndjson(driver.stub / "events") if "answer_key" in event}
    assert re.fullmatch(r"[0-9a-f]{32}", config["id"]) and config["answers"] == f"terabit-runs/{config['id']}/"
    assert events == {
        f"{config['answers']}1-00000{n}.json": [{k: v for k, v in job.items() if k != "job"} | event]
        for n, job in enumerate(ndjson(run / "jobs.ndjson"))
    }
    records = ndjson(run / "records.ndjson")
    assert [(r["job"], r["launch"], r["key"], r["bytes"]) for r in records] == [
        (n, 1, key, 67108864) for n, key in enumerate(keys)
    ]
    assert (config["bucket"], config["function"], config["region"]) == ("some-bucket", "terabit", "eu-west-1")
    assert (config["memory_mb"], config["timeout_s"], config["arch"]) == (2048, 900, "arm64")
    assert config["loopback"] is False
    assert 0 < launch["end"] - launch["launch"] < 100 and abs(time.time() - launch["end"]) < 100
    assert (config["format"], launch["n"], launch["jobs"], launch["squad"]) == (2, 1, [[0, 2]], 1)
    assert launch["until"] == pytest.approx(launch["stop_by"] + 10) and launch["interrupted"] is None
    summary = read_json(run / "summary.json")
    assert (summary["jobs"], summary["failed"], summary["missing"], summary["valid"]) == (3, 0, 0, True)
    assert "goodput" in done.out and "3 good, 0 failed, 0 missing" in done.out and "--verify" in done.out
    assert all(line.startswith("driver: ") for line in done.err.splitlines())
    assert list(driver.tmp.iterdir()) == [], "nothing is left in the temporary folder"


def test_numbers_with_commas_and_a_cdpath_of_the_users_own_change_nothing(driver):
    places = driver.home / "locales"
    places.mkdir()
    made = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", places / "de_DE.UTF-8"], check=False, timeout=60)
    if made.returncode != 0:
        pytest.skip("this machine can make no locale with commas (Debian's package locales has them)")
    driver.env |= {"LOCPATH": str(places), "LC_ALL": "de_DE.UTF-8", "CDPATH": ".:/tmp"}
    done = driver.run("write", 10, 1, "--out", "some", "--json")
    assert json.loads(done.out)["failed"] == 0
    (run,) = (driver.project / "some").glob("*-write-10")
    (run / "answers").mkdir()
    (run / "records.ndjson").rename(run / "answers" / "0.ndjson")
    assert "10 good, 0 failed" in driver.run("report", f"some/{run.name}").out


def test_a_link_to_the_driver_finds_its_parts_and_is_what_is_to_be_typed(driver):
    driver.after("write", 1, 1)
    run = driver.only_run()
    folder = driver.home / "bin"
    folder.mkdir()
    (driver.bin / "readlink").symlink_to(shutil.which("readlink"))
    (folder / "there").symlink_to(driver.project / "driver.sh")
    (folder / "terabit").symlink_to("there")
    for name, typed in (
        (folder / "terabit", folder / "terabit"),
        ("terabit", "./terabit"),
        ("../../pro ject/driver.sh", "'../../pro ject/driver.sh'"),
    ):
        call = [driver.bin / "bash", name, "report"]
        report = subprocess.run(call, env=driver.env, cwd=folder, capture_output=True, text=True, timeout=60)
        assert f"{typed} report '{run}' --json\n" in report.stdout, report.stderr
        call += ["--out", "."]
        none = subprocess.run(call, env=driver.env, cwd=folder, capture_output=True, text=True, timeout=60)
        assert none.returncode == 2 and f"in . yet; make one: {typed} write 8 64" in none.stderr


def test_json_is_the_summary_alone(driver):
    done = driver.run("write", 2, 1, "--json")
    assert json.loads(done.out) == read_json(driver.only_run() / "summary.json")


def test_read_takes_the_latest_write(driver):
    driver.after("write", 2, 1)
    first = driver.only_run()
    driver.run("write", 2, 1)
    second = driver.runs()[1]
    driver.run("read", 5, "--verify", "--read-times", 3, "--range-mb", 0, "--start-in", 0)
    jobs = ndjson(driver.runs()[2] / "jobs.ndjson")
    keys = (second / "keys.txt").read_text().splitlines()
    assert [j["key"] for j in jobs] == [keys[n % 2] for n in range(5)]
    assert jobs[0] == {
        "job": 0,
        "op": "read",
        "bucket": "some-bucket",
        "key": keys[0],
        "read_times": 3,
        "range_mb": 0,
        "ranges_in_flight": 1,
        "verify": True,
    }
    config = read_json(driver.runs()[2] / "run.json")
    assert config["reads"] == {"id": read_json(second / "run.json")["id"], "name": second.name}
    driver.run("read", 1, first)
    assert ndjson(driver.runs()[3] / "jobs.ndjson")[0]["key"] == (first / "keys.txt").read_text().splitlines()[0]
    driver.run("read", first.name)
    assert len(ndjson(driver.runs()[4] / "jobs.ndjson")) == 2


def jobs_of(run, *fields):
    return [tuple(job.get(field) for field in fields) for job in ndjson(run / "jobs.ndjson")]


@pytest.mark.parametrize(
    ("size", "options", "expected"),
    [
        ("64", [], {"mb_per_file": 64}),
        ("64MiB", ["--objects", 3], {"mb_per_file": 64, "objects": 3}),
        ("2GiB", [], {"mb_per_file": 2048}),
        ("1048576kB", [], {"mb_per_file": 1000}),
        ("100kB", ["--objects", 3], {"bytes_per_file": 100_000, "objects": 3}),
        ("4KiB", ["--yes", "--for", 5], {"bytes_per_file": 4096, "for_s": 5}),
        ("007B", [], {"bytes_per_file": 7}),
    ],
)
def test_sizes_and_streams_of_a_write(driver, size, options, expected):
    driver.run("write", 2, size, *options)
    run = driver.only_run()
    workload = {"mb_per_file", "bytes_per_file", "objects", "for_s"}
    for job in ndjson(run / "jobs.ndjson"):
        assert {field: job[field] for field in workload & job.keys()} == expected
    config = read_json(run / "run.json")
    assert {field: config[field] for field in workload} == dict.fromkeys(workload) | expected


def test_a_read_of_streams_takes_their_objects_from_the_good_records(driver):
    driver.run("write", 3, "4KiB", "--for", 5, "--yes", "--squad", 3)
    run = driver.only_run()
    keys = (run / "keys.txt").read_text().splitlines()
    lines = ndjson(run / "records.ndjson")
    lines[0]["objects"] = 20
    lines[1]["error"] = {"type": "Deadline", "message": "late"}
    torn = '{"job":1,"launch":1,"op":"write","obj\n'
    (run / "records.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines) + torn)
    done = driver.run("read", "--yes")
    assert "1 stream without a good record: left out" in done.err
    read = driver.runs()[1]
    assert jobs_of(read, "key", "objects", "read_times") == [(keys[0], 20, 1), (keys[2], 7, 1)]
    config = read_json(read / "run.json")
    assert (config["objects"], config["bytes_per_file"], config["for_s"]) == (20, 4096, None)
    driver.run("read", 3, run, "--objects", 9, "--read-times", 2)
    assert jobs_of(driver.runs()[2], "key", "objects", "read_times") == [
        (keys[0], 9, 2),
        (keys[2], 7, 2),
        (keys[0], 9, 2),
    ]
    # What a read of streams read can be read again.
    driver.run("read", read)
    assert jobs_of(driver.runs()[3], "key", "objects") == jobs_of(read, "key", "objects")
    (run / "records.ndjson").write_text("")
    assert "no stream of" in driver.run("read", run, exit=2).err


def test_a_read_by_time_goes_round(driver):
    driver.after("write", 2, 1)
    driver.run("read", "--for", 9, "--yes")
    assert jobs_of(driver.runs()[1], "read_times", "objects", "for_s") == [(None, None, 9)] * 2
    driver.run("read", "--for", 9, "--read-times", 4, "--yes")
    assert jobs_of(driver.runs()[2], "read_times", "objects", "for_s") == [(4, None, 9)] * 2
    done = driver.run("read", "--objects", 2, exit=2)
    assert "--objects is for streams" in done.err
    driver.run("read", "--key-file", driver.keys("a", "b"), "--objects", 5)
    assert jobs_of(driver.runs()[3], "key", "objects") == [("a", 5), ("b", 5)]


def test_a_stream_that_failed_is_written_again_as_it_was_planned(driver):
    driver.run("write", 2, "100kB", "--objects", 5)
    run = driver.only_run()
    lines = ndjson(run / "records.ndjson")
    lines[1]["error"] = {"type": "SlowDown", "message": "503"}
    (run / "records.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    driver.run("write", "--resume", run)
    *before, again = [event["jobs"][0] for event in ndjson(driver.stub / "events") if "answer_key" in event]
    (first,) = [job for job in before if job["key"] == lines[1]["key"]]
    moments = {"start_at", "stop_by", "open_s"}
    assert {k: v for k, v in first.items() if k not in moments} == {k: v for k, v in again.items() if k not in moments}
    assert again["objects"] == 5 and again["bytes_per_file"] == 100_000


def test_no_picture_is_drawn_where_none_is_wanted(driver):
    assert "no picture: vl-convert" in driver.run("write", 1, 1).err
    assert "picture" not in driver.run("write", 1, 1, "--no-picture").err
    assert "picture" not in driver.run("report", "--no-picture").err


def test_the_version_is_that_of_the_folder(driver):
    (driver.project / "Cargo.toml").write_text('[workspace.package]\nversion = "9.9.9"\n')
    assert driver.run("--version").out == "terabit 9.9.9\n"


def test_one_hot_key(driver):
    driver.run("read", 4, "--key", "-hot key")
    assert [j["key"] for j in ndjson(driver.only_run() / "jobs.ndjson")] == ["-hot key"] * 4
    driver.run("read", "--key=hot")
    assert len(ndjson(driver.runs()[1] / "jobs.ndjson")) == 1


ODD = [
    "with space",
    " ends in blanks  ",
    'qu"ote',
    "it's",
    "back\\slash\\n",
    "$(touch x)`y`",
    "ümlaut-日本-😀",
    "-n",
    "--help",
    "%s%d",
    "tab\tkey",
    "*",
    "k" * 1024,
    "{}",
    "a&b;c|d>e",
]


def test_odd_keys_arrive_as_they_are(driver):
    path = driver.keys("", *ODD, "", end="")
    done = driver.run("read", "--key-file", path, "--json", "--squad", 1)
    assert json.loads(done.out)["failed"] == 0
    run = driver.only_run()
    assert [r["key"] for r in ndjson(run / "records.ndjson")] == ODD
    assert [bytes.fromhex(call[1]).decode() for call in driver.calls()] != []
    assert sorted(bytes.fromhex(call[1]).decode() for call in driver.calls()) == sorted(ODD)
    assert (run / "keys.txt").read_text() == "".join(key + "\n" for key in ODD)


def test_a_prefix_is_taken_as_it_is(driver):
    prefix = 'a&b\\1 "ü"/'
    driver.run("write", 2, 1, "--key-prefix", prefix)
    for job in ndjson(driver.only_run() / "jobs.ndjson"):
        assert job["key"].startswith(prefix) and len(job["key"]) == len(prefix) + 32


def test_below_the_longest_prefix_there_is_room_for_answers(driver):
    driver.run("write", 1, 1, "--key-prefix", "x" * 960)
    (event,) = [event for event in ndjson(driver.stub / "events") if "answer_key" in event]
    assert len(event["answer_key"].replace("/1-", "/1000-")) <= 1024, "and of many launches"


def test_a_key_file_of_windows_is_refused_with_what_mends_it(driver):
    lines = driver.project / "lines"
    lines.write_bytes(b"a\r\nb\r\n\r\n")
    assert "tr -d" in driver.run("read", "--key-file", lines, exit=2).err and driver.calls() == []


def test_the_key_file_gets_a_copy_and_is_never_overwritten(driver):
    path = driver.project / "big keys.txt"
    driver.run("write", 3, 1, "--key-file", path)
    kept = path.read_text()
    assert kept == (driver.only_run() / "keys.txt").read_text()
    done = driver.run("write", 3, 1, "--key-file", path, exit=2)
    assert "big keys.txt" in done.err and "not overwritten" in done.err
    assert path.read_text() == kept and len(driver.runs()) == 1 and len(driver.calls()) == 3


def test_a_key_file_that_appears_meanwhile_is_kept(driver):
    path = driver.project / "keys.txt"
    (driver.stub / "meanwhile").write_text(str(path))  # during the preflight the file gets its own name as content
    driver.run("write", 3, 1, "--key-file", path, exit=2)
    assert path.read_text() == str(path)
    assert driver.calls() == [] and driver.runs() == []


def test_out_holds_the_run_folders(driver, tmp_path):
    out = tmp_path / "else where"
    driver.run("write", 1, 1, "--out", out)
    assert driver.runs() == []
    driver.run("read", "--out", out)
    assert len(list(out.iterdir())) == 2
    told = driver.run("report", "--out", out).out
    write, read = sorted(out.iterdir(), key=lambda run: "read" in run.name)
    assert "terabit read" in told and f"delete '{write}' '{read}'" in told
    apart = driver.run("read", write).out
    assert f"delete runs/{driver.only_run().name}" in apart, "the write does not lie beside"


def test_a_path_may_begin_with_what_others_would_replace(driver):
    """The shell leaves the ~ of --out=~/runs as it is; aws would replace it in the path of an event."""
    driver.run("write", 1, 1, "--out=~/runs")
    (run,) = (driver.home / "runs").iterdir()
    driver.run("write", f"--resume=~/runs/{run.name}")
    driver.run("write", 1, 1, "--out=~")
    assert list(driver.home.glob("*-write-1")) and not (driver.project / "~").exists()
    driver.run("write", 1, 1, "--out=~root")
    assert (driver.project / "~root").is_dir() and "fileb://~" not in (driver.stub / "calls").read_text()
    driver.run("write", 1, 1, "--key-file", "-keys", "--out", "-runs")
    keys = (driver.project / "-keys").read_text().splitlines()
    driver.run("read", "--key-file", "-keys")
    driver.run("delete", "--key-file=-keys", "--out", "-runs")
    assert driver.invoked(keys[0]) == 2 and list((driver.project / "-runs").iterdir())


def test_keys_may_come_through_a_pipe(driver):
    driver.env["DRIVER"] = str(driver.project / "driver.sh")
    script = 'bash "$DRIVER" read --key-file <(printf "a\\nb\\n")'
    subprocess.run(["bash", "-c", script], env=driver.env, cwd=driver.project, check=True, timeout=60)
    assert [driver.invoked(key) for key in "ab"] == [1, 1]
    assert "is not there" in driver.run("read", "--key-file", driver.project, exit=2).err


def test_dry_run_launches_and_writes_nothing(driver):
    before = sorted(driver.project.rglob("*"))
    done = driver.run("write", 1800, 2000, "--dry-run", "--key-file", driver.project / "k")
    assert "1,800" in done.out and "some-bucket" in done.out
    assert driver.calls() == [] and len(driver.calls("configuration")) == 1
    assert sorted(driver.project.rglob("*")) == before
    assert json.loads(driver.run("write", 18, 20, "--dry-run", "--json").out)["jobs"] == 18


def test_the_users_cli_settings_spoil_nothing(driver):
    driver.env.update(
        AWS_PAGER="less", AWS_DEFAULT_OUTPUT="text", AWS_MAX_ATTEMPTS="9", AWS_CLI_AUTO_PROMPT="on", CDPATH="/tmp:."
    )
    driver.run("write", 2, 1)
    assert set((driver.stub / "environment").read_text().splitlines()) == {
        "pager= output=json attempts=1 prompt=off keepalive=true"
    }
    call = " ".join(driver.calls()[0])
    (left,) = re.findall(r"--cli-read-timeout (\d+)", call)
    assert 60 <= int(left) <= 120, "what is left until the workers give up, and 30 s"
    assert "--payload fileb://" in call


def test_loopback_is_said(driver):
    driver.env["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9000"
    done = driver.run("write", 1, 1)
    assert read_json(driver.only_run() / "run.json")["loopback"] is True
    assert "LOOPBACK, NOT S3" in done.out
    driver.env["AWS_ENDPOINT_URL_LAMBDA"] = "https://localhost.example.com"
    driver.run("write", 1, 1)
    assert read_json(driver.runs()[1] / "run.json")["loopback"] is False


@pytest.mark.parametrize(
    ("endpoint", "elsewhere", "s3"),
    [
        ("https://minio.example.com", "", "https://minio.example.com"),
        ("https://s3.eu-west-1.amazonaws.com", "", "https://s3.eu-west-1.amazonaws.com"),
        # An S3 of this machine that outlives `local`, which says so.
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("", "", None),
    ],
)
def test_workers_on_this_machine_cost_nothing_and_s3_what_is_its_own(driver, endpoint, elsewhere, s3):
    driver.env |= {"AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:1", "S3_ELSEWHERE": elsewhere}
    driver.env |= {"AWS_ENDPOINT_URL_S3": endpoint} if endpoint else {}
    plan = json.loads(driver.run("write", 10, 640, "--dry-run", "--json").out)
    assert (plan["loopback"], plan["shared_machine"], plan["s3_endpoint"]) == (False, True, s3)
    cost, of_aws = plan["cost"], s3 is None or "amazonaws" in s3
    puts = cost["requests"]["puts"] * 0.005 / 1000 + cost["requests"]["gets"] * 0.0004 / 1000
    assert (cost["compute_usd"], cost["requests_usd"]) == (0, pytest.approx(puts if of_aws else 0))
    assert (cost["storage_usd_per_day"] > 0) == of_aws
    assert plan["expected_s"] > 6400 * 1.048576 / 301, "they share what one machine moves"
    driver.run("write", 1, "4KiB", "--for", 5, "--max-cost", 1)
    run = driver.only_run()
    assert (json.loads(driver.run("report", run, "--json").out)["cost_known_usd"] > 0) == of_aws


def test_more_jobs_than_processes(driver):
    done = driver.run("read", 66, "--key", "k", "--squad", 1)
    assert "66 jobs, each invoked directly, 64 at a time" in done.err
    assert len(ndjson(driver.only_run() / "records.ndjson")) == 66


# Failures


FAILURES = [
    ("function-error", "NoSuchBucket", 'no bucket "b"'),
    ("crash", "Crashed", "signal: killed"),
    ("timeout", "TimedOut", "900.00 seconds"),
    ("old-timeout", "TimedOut", "900.00 seconds"),
    ("too-large", "BadAnswer", "6291556"),
    ("unreadable-error", "BadAnswer", "oops"),
    ("failed", "ShortBody", "5 of 9"),
    ("torn", "BadAnswer", '"start"'),
    ("empty", "BadAnswer", "nothing"),
    ("text", "BadAnswer", "\\u001b[31m"),
    ("array", "BadAnswer", "squad of 1 answered with 2 results"),
    ("object", "BadAnswer", "not an array of results"),
    ("stranger", "BadAnswer", "not a result of the job"),
    ("two", "BadAnswer", "{} {}"),
    ("null", "BadAnswer", "null"),
    ("no-start", "BadAnswer", "hello"),
    ("denied", "AccessDenied", "not authorized"),
    ("dropped", "Unanswered", "Connection was closed"),
    ("read-timeout", "Unanswered", "Read timeout"),
    ("refused", "Connect", "Could not connect"),
    ("service", "Lambda", "internal"),
    ("killed", "Unanswered", "signal 9"),
]


def test_every_failure_is_counted_with_its_reason_and_costs_only_itself(driver):
    driver.hasty()
    for how, _, _ in FAILURES:
        driver.behave(how, key=how)
    names = [how for how, _, _ in FAILURES]
    keys = driver.keys("first", *names, "last")
    done = driver.run("read", "--key-file", keys, "--squad", 1, "--start-in", 0, "--timeout", 1, exit=1)
    run = driver.only_run()
    records = {record["key"]: record for record in ndjson(run / "records.ndjson")}
    assert [r["job"] for r in records.values()] == list(range(len(names) + 2))
    for how, type, text in FAILURES:
        error = records[how]["error"]
        assert (how, error["type"]) == (how, type)
        assert text in error["message"]
        assert ("signal" in error["message"]) == (how in ("crash", "killed")), error
        assert driver.invoked(how) == 1, f"{how}: what may have run is never repeated"
    assert "error" not in records["first"] and "error" not in records["last"]
    summary = read_json(run / "summary.json")
    assert (summary["jobs"], summary["failed"], summary["missing"]) == (len(names) + 2, len(names), 0)
    assert sum(summary["errors"].values()) == len(names)
    assert done.out.index("NOT VALID") < done.out.index("goodput")
    assert f"2 good, {len(names)} failed, 0 missing" in done.out
    assert "select(.error)" in done.out


def test_throttled_jobs_are_tried_again(driver):
    quick_sleep(driver)
    driver.behave("throttled", "throttled", "good", key="k1")
    done = driver.run("read", "--key-file", driver.keys("k0", "k1"))
    assert (driver.invoked("k0"), driver.invoked("k1")) == (1, 3)
    assert read_json(driver.only_run() / "run.json")["launches"][0]["throttled"] == 2
    assert "2 invocations throttled (429)" in done.out


def test_throttling_without_end_is_a_failure(driver):
    quick_sleep(driver)
    driver.behave("throttled", key="k1")
    driver.run("read", "--key-file", driver.keys("k0", "k1"), "--start-in", 0, exit=1)
    assert driver.invoked("k1") == 8
    record = ndjson(driver.only_run() / "records.ndjson")[1]
    assert record["error"]["type"] == "Throttled" and "8 times" in record["error"]["message"]
    waits = [float(w) for w in (driver.stub / "sleeps").read_text().split() if "." in w and w != "0.1"]
    assert len(waits) == 7 and waits[0] <= 1 and 10 <= waits[-1] <= 20


def test_while_the_start_is_ahead_a_throttled_job_is_tried_often(driver):
    quick_sleep(driver)
    driver.behave(*["throttled"] * 10, "good", key="k1")
    driver.run("read", "--key-file", driver.keys("k0", "k1"), "--start-in", 30)
    assert driver.invoked("k1") == 11
    waits = [float(w) for w in (driver.stub / "sleeps").read_text().split() if "." in w and w != "0.1"]
    assert len(waits) == 10 and max(waits) <= 2


def test_a_child_that_leaves_nothing_is_missing(driver):
    driver.hasty()
    driver.behave("orphaned")
    done = driver.run("write", 2, 1, "--start-in", 0, "--timeout", 1, exit=1)
    assert "0 good, 0 failed, 2 missing" in done.out
    assert (driver.only_run() / "records.ndjson").read_text() == ""


# A full disk


def in_a_small_disk(driver, *args, then="exit $?", size="200k"):
    """A driver whose runs lie on a disk of their own, which nobody sees but itself and a script that follows."""
    runs = driver.project / "runs"
    runs.mkdir(exist_ok=True)
    driver.env["FILL"] = str(runs / "fill")
    mount = f'mount -t tmpfs -o size={size} tmpfs "$1" && shift && PATH=$DRIVER_PATH exec "$@"'
    tried = ["unshare", "-rm", "sh", "-c", mount, "-", runs, "true"]
    if subprocess.run(tried, env=os.environ | {"DRIVER_PATH": "/bin"}, timeout=20).returncode:
        pytest.skip("no disk can be mounted here")
    command = [driver.bin / "bash", "-c", f'bash driver.sh "$@"; {then}', "-", *map(str, args)]
    return subprocess.run(
        ["unshare", "-rm", "/bin/sh", "-c", mount, "-", runs, *command],
        env=driver.env | {"DRIVER_PATH": driver.env["PATH"], "PATH": os.environ["PATH"]},
        cwd=driver.project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def raw(err):
    """Lines that are not the driver's own."""
    return [line for line in err.splitlines() if not line.startswith("driver: ")]


def test_a_disk_that_fills_up_in_mid_run_loses_nothing(driver):
    driver.behave("full")
    then = 'echo "ended with $?" >&2; rm "$FILL"; bash driver.sh write --resume runs/*-write-4; cp -R runs kept'
    done = in_a_small_disk(driver, "write", 4, 1, then=then)
    first, again = done.stderr.split("ended with 1\n")
    assert done.returncode == 0 and raw(first) == [] and raw(again) == [], done.stderr
    assert "cannot be written, is its disk full? What the workers answered is in the bucket" in first
    assert len(driver.calls()) == 4 and "nothing is launched" in again
    assert "4 good, 0 failed, 0 missing" in done.stdout
    (run,) = (driver.project / "kept").iterdir()
    assert len(ndjson(run / "records.ndjson")) == 4 and not (run / "work").exists()
    assert read_json(run / "summary.json")["unfinished"] == 0


def test_temporary_files_without_room_are_said_at_once(driver):
    driver.env["TMPDIR"] = str(driver.project / "runs")
    done = in_a_small_disk(driver, "write", 1, 1, "--out", driver.home / "runs")
    assert done.returncode == 3 and raw(done.stderr) == [], done.stderr
    assert "has no room for temporary files" in done.stderr and "TMPDIR" in done.stderr


def test_a_full_disk_is_said_before_anything_is_launched(driver):
    then = 'echo "ended with $?" >&2; find runs -type f'
    done = in_a_small_disk(driver, "write", 2000, 1, "--squad", 200, "--yes", "--key-file", "keys", then=then)
    assert "ended with 3" in done.stderr and raw(done.stderr) == ["ended with 3"], done.stderr
    assert "cannot be written" in done.stderr and "nothing was launched" in done.stderr and "--out" in done.stderr
    assert driver.calls("squad") == [] and done.stdout == "" and not (driver.project / "keys").exists()
    # Not even the lock has room.
    then = 'cat /dev/zero >"$FILL" 2>/dev/null; bash driver.sh write 1 1'
    done = in_a_small_disk(driver, "--version", then=then, size="4k")
    assert done.returncode == 3 and raw(done.stderr) == [], done.stderr
    assert "(No space left on device): nothing was launched; make room" in done.stderr and driver.calls() == []


@pytest.mark.parametrize("command", [["write", 1, 1], ["sweep", 1, 1]])
def test_a_disk_that_takes_no_folder_is_said_before_anything_is_launched(driver, command):
    done = in_a_small_disk(driver, *command, size="200k,nr_inodes=1")
    assert done.returncode == 3 and raw(done.stderr) == [], done.stderr
    assert "runs cannot be written (No space left on device): nothing was launched; make room" in done.stderr


def test_a_key_file_on_a_full_disk_is_not_left_in_part(driver):
    then = 'echo "ended with $?" >&2; find runs -type f'
    done = in_a_small_disk(driver, "write", 200, 1, "--out", "o", "--key-file", "runs/keys", then=then, size="4k")
    assert raw(done.stderr) == ["ended with 3"] and done.stdout == "", done.stderr
    assert 'the key file "runs/keys" cannot be written, is the disk full? Nothing was launched' in done.stderr
    assert driver.calls("squad") == []


# Interruption


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_keeps_what_had_answered(driver, sent):
    driver.behave("slow", key="slow1")
    driver.behave("slow", key="slow2")
    process = driver.start("read", "--key-file", driver.keys("a", "slow1", "b", "slow2"), start_new_session=True)
    deadline = time.time() + 60
    while len(list((driver.project / "runs").glob("*/answers/*.ndjson"))) < 2 or len(driver.calls()) < 4 or (
        len(list((driver.project / "runs").glob("*/work/*.sent"))) > 2
    ):
        assert time.time() < deadline and process.poll() is None
        time.sleep(0.05)
    began = time.time()
    os.killpg(process.pid, sent)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and time.time() - began < 30
    run = driver.only_run()
    assert [record["key"] for record in ndjson(run / "records.ndjson")] == ["a", "b"]
    assert re.search(r"up to 2 workers may still be at work, until \d\d:\d\d:\d\d UTC", err), err
    summary = read_json(run / "summary.json")
    assert (summary["jobs"], summary["failed"], summary["missing"], summary["valid"]) == (4, 0, 2, False)
    (launch,) = read_json(run / "run.json")["launches"]
    assert launch["end"] is None and launch["launch"] < launch["interrupted"] < launch["until"]
    assert not (run / "answers").exists() and list(driver.tmp.iterdir()) == []
    assert processes_of(driver) == []
    report = driver.run("report", exit=1)
    assert "INTERRUPTED" in report.out and "2 good, 0 failed, 2 missing" in report.out


def test_interrupted_before_the_launch(driver):
    aws = driver.bin / "aws"
    aws.unlink()
    aws.write_text(
        '#!/bin/sh\nif [ "$1" = --version ]; then echo aws-cli/2.30.0; exit; fi\n'
        "echo >>$STUB/asked\nexec /bin/sleep 60\n"
    )
    aws.chmod(0o755)
    process = driver.start("write", 1, 1, start_new_session=True)
    deadline = time.time() + 60
    # All questions, so that the driver waits: bash 5.2 can lose a trap while it reads a command substitution.
    while not (driver.stub / "asked").exists() or len((driver.stub / "asked").read_text()) < 4:
        assert time.time() < deadline and process.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    began = time.time()
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and time.time() - began < 30, err
    assert "before anything was launched" in err and driver.runs() == []
    assert processes_of(driver) == []


def test_a_run_whose_folder_is_being_made_is_interrupted_without_a_trace(driver):
    cp = driver.bin / "cp"
    real = cp.resolve()
    cp.unlink()
    cp.write_text(f'#!/bin/sh\ncase "$2" in */runs/*/keys.txt) kill -INT $PPID ;; esac\nexec {real} "$@"\n')
    cp.chmod(0o755)
    for args in (["write", 1, 1, "--key-file", "a copy"], ["read", "--key-file", driver.keys("one")]):
        done = ended(driver.start(*args, start_new_session=True), exit=130)
        assert "before anything was launched" in done.err and driver.runs() == []
    assert not (driver.project / "a copy").exists() and (driver.project / "keys").exists()


@pytest.mark.parametrize("resumed", [False, True])
def test_an_interruption_after_the_fleet_has_ended_changes_nothing(driver, resumed):
    command = ["write", 2, 1]
    if resumed:
        driver.run(*command)
        command = ["write", "--resume", driver.only_run()]
    python = driver.project / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n: >$STUB/drawing\nexec /bin/sleep 60\n")
    python.chmod(0o755)
    process = driver.start(*command, start_new_session=True)
    wait_for((driver.stub / "drawing").exists, process)
    run = driver.only_run()
    before = {path.name: path.read_text() for path in run.glob("*.*json")}
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "records are kept: ./driver.sh report" in err
    assert {path.name: path.read_text() for path in run.glob("*.*json")} == before and "summary.json" in before
    assert not (run / "work").exists() and not (run / "lock").exists()
    python.unlink()
    assert "INTERRUPTED" not in driver.run("report").out


def test_report_of_a_run_that_was_killed(driver):
    driver.after("write", 3, 1)
    run = driver.only_run()
    (run / "answers").mkdir()
    lines = (run / "records.ndjson").read_text().splitlines()
    (run / "answers" / "000001.ndjson").write_text(lines[1] + "\n")
    (run / "answers" / "000002.part").write_text(lines[2][:30])
    (run / "records.ndjson").unlink()
    (run / "summary.json").unlink()
    summary = json.loads(driver.run("report", run, "--json", exit=1).out)
    assert (summary["jobs"], summary["failed"], summary["missing"]) == (3, 0, 2)
    assert not (run / "summary.json").exists(), "a report changes nothing"


# Report


def test_report_repeats_the_table(driver):
    done = driver.run("write", 2, 1)
    assert driver.run("report").out == done.out
    assert driver.run("report", driver.only_run().name).out == done.out
    assert json.loads(driver.run("report", driver.only_run(), "--json").out) == read_json(
        driver.only_run() / "summary.json"
    )


def test_report_takes_records_from_elsewhere(driver):
    path = driver.project / "some.ndjson"
    path.write_text('{"start": 1700000001, "stop": 1700000003, "mbps": 500}\n')
    assert json.loads(driver.run("report", path, "--json").out)["goodput"] == 0.5
    path.write_text("")
    driver.run("report", path, exit=1)


def test_report_needs_aws_as_little_as_a_bucket(driver):
    driver.after("write", 1, 1)
    (driver.bin / "aws").unlink()
    del driver.env["BUCKET"]
    driver.run("report")


# Settings


def where(driver, *options):
    done = driver.run("write", 1, 1, "--dry-run", "--json", *options)
    config = json.loads(done.out)
    return config["bucket"], config["function"], driver.calls("configuration")[-1][2:]


def test_option_over_environment_over_deployed(driver):
    (driver.project / ".deployed").write_text(
        "BUCKET=saved-bucket\nFUNCTION=saved\nREGION=eu-north-1\n$(touch hacked)\n"
    )
    del driver.env["BUCKET"]
    assert where(driver) == ("saved-bucket", "saved", ["eu-north-1", "eu-north-1"])
    driver.env.update(BUCKET="env-bucket", FUNCTION="env", AWS_DEFAULT_REGION="us-west-2")
    assert where(driver) == ("env-bucket", "env", ["us-west-2", "us-west-2"])
    driver.env.update(AWS_REGION="us-east-2")
    assert where(driver, "--bucket", "option-bucket", "--function=option") == (
        "option-bucket",
        "option",
        ["us-east-2", "us-east-2"],
    )
    assert not (driver.project / "hacked").exists()


def test_a_read_goes_where_the_run_was_made(driver):
    driver.run("write", 2, 1, "--bucket", "other-bucket", "--function", "other")
    run = driver.only_run()
    driver.env["AWS_REGION"] = "us-east-2"

    def read(*options):
        done = driver.run("read", "--dry-run", "--json", *options)
        return json.loads(done.out)["bucket"], *driver.calls("configuration")[-1][1:3], "which is used" in done.err

    assert read() == read(run) == ("other-bucket", "other", "eu-west-1", True)
    assert read("--bucket", "third-bucket", "--function", "f") == ("third-bucket", "f", "us-east-2", False)
    driver.env["FUNCTION"] = "mine"
    assert read() == ("other-bucket", "mine", "eu-west-1", True), "whoever reads them"
    assert read("--key-file", run / "keys.txt") == ("some-bucket", "mine", "us-east-2", False)
    del driver.env["BUCKET"], driver.env["FUNCTION"]
    (driver.project / ".deployed").write_text("BUCKET=other-bucket\nFUNCTION=saved\n")
    assert read() == ("other-bucket", "other", "eu-west-1", False)
    driver.run("read", "--squad", 2)
    assert {event["bucket"] for event in ndjson(driver.runs()[-1] / "jobs.ndjson")} == {"other-bucket"}


def test_keys_of_loopback_are_not_read_on_aws(driver):
    driver.env["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    driver.run("write", 1, 1)
    asked = len(driver.calls("configuration"))
    del driver.env["AWS_ENDPOINT_URL"]
    assert "was made on loopback" in driver.run("read", exit=3).err
    assert "was made on loopback" in driver.run("read", driver.only_run(), exit=3).err
    assert len(driver.calls("configuration")) == asked


def test_a_region_of_the_environment_that_hides_the_deployed_one_is_named(driver):
    (driver.project / ".deployed").write_text("REGION=eu-west-3\n")
    (driver.stub / "preflight").write_text("An error occurred (ResourceNotFoundException) Function not found")
    driver.env["AWS_REGION"] = "us-east-1"
    done = driver.run("write", 1, 1, exit=3)
    assert "make deploy was told eu-west-3: unset AWS_REGION AWS_DEFAULT_REGION" in done.err


def test_deployed_with_carriage_returns_and_no_last_line_break(driver):
    (driver.project / ".deployed").write_text("FUNCTION=saved\r\nBUCKET=saved-bucket")
    del driver.env["BUCKET"]
    assert where(driver) == ("saved-bucket", "saved", ["none", "none"])


def test_no_bucket_says_what_to_do(driver):
    del driver.env["BUCKET"]
    done = driver.run("write", 1, 1, exit=2)
    for remedy in ("make deploy", "--bucket", "make demo"):
        assert remedy in done.err


# Refusals


@pytest.mark.parametrize(
    ("complaint", "remedy"),
    [
        (
            "An error occurred (ResourceNotFoundException) when calling the GetFunctionConfiguration operation: gone",
            "make deploy",
        ),
        (
            "An error occurred (ExpiredTokenException) when calling the GetFunctionConfiguration operation: old",
            "aws sso login",
        ),
        ("An error occurred (UnrecognizedClientException) when calling the operation: bad", "aws configure"),
        ("Unable to locate credentials. You can configure credentials by running", "aws configure"),
        (
            "An error occurred (AccessDeniedException) when calling the GetFunctionConfiguration",
            "lambda:GetFunctionConfiguration",
        ),
        ("You must specify a region.", "AWS_REGION"),
        ('Could not connect to the endpoint URL: "http://x"', "network"),
        ("Something new", "Something new"),
    ],
)
def test_preflight_refuses_with_the_command_that_mends_it(driver, complaint, remedy):
    (driver.stub / "preflight").write_text(complaint)
    done = driver.run("write", 1, 1, "--key-file", "k", exit=3)
    assert remedy in done.err and complaint in done.err
    assert driver.calls() == [] and driver.runs() == [] and not (driver.project / "k").exists()


def test_all_missing_tools_are_named_at_once(driver):
    for tool in ("aws", "jq", "xargs", "od"):
        (driver.bin / tool).unlink()
    done = driver.run("write", 1, 1, "--bucket", "some-bucket", exit=3)
    assert re.search(r"missing: jq xargs aws od$", done.err, re.MULTILINE), done.err
    assert "apt-get install" in done.err and "/pro ject' .venv/installed" in done.err


def test_every_declared_tool_is_checked(driver):
    for tool in TOOLS:
        if tool != "bash":
            (driver.bin / tool).unlink()
    done = driver.run("write", 1, 1, exit=3)
    (line,) = re.findall("missing: (.*)", done.err)
    assert set(line.split()) == set(TOOLS) - {"bash"}
    driver.run("--help")


def test_the_cli_of_the_project_is_found(driver):
    (driver.project / ".venv" / "bin").mkdir(parents=True)
    (driver.bin / "aws").rename(driver.project / ".venv" / "bin" / "aws")
    driver.run("write", 1, 1)


USAGE = [
    ([], "write, read, sweep, report or delete"),
    (["fly"], '"fly"'),
    (["write"], "NUMBER and SIZE"),
    (["write", "1"], "SIZE"),
    (["write", "1", "2", "3"], '"3" is too many'),
    (["write", "x", "1"], 'NUMBER is "x".*1 to'),
    (["write", "0", "1"], 'NUMBER is "0"'),
    (["write", "-1", "1"], '"-1"'),
    (["write", "1.5", "1"], '"1.5"'),
    (["write", "1", "0"], 'SIZE is "0"; a whole number of MiB is accepted, or one with B, kB'),
    (["write", "1", "5242881"], "up to 5 TiB"),
    (["write", "1", "5497558138881B"], "up to 5 TiB"),
    (["write", "1", "99999999999999999999"], "up to 5 TiB"),
    (["write", "1", "4KB"], 'SIZE is "4KB".*kB, MB, GB, TB, KiB'),
    (["write", "1", "1.5GiB"], '"1.5GiB"'),
    (["write", "1", "KiB"], '"KiB"'),
    (["write", "", "1"], 'NUMBER is ""'),
    (["write", "1", "640001"], "--part-mb 65"),
    # The first part may be the shortest: 10 would leave 10,001.
    (["write", "1", "100000", "--part-mb", "5"], "--part-mb 11 "),
    (["write", "1", "640000"], "--part-mb 65"),
    (["write", "1", "640000MB", "--part-mb", "61"], "SIZE is 640000MB: with parts of 61 MiB.*--part-mb 62 "),
    (["write", "1", "1", "--for", "841"], '--for is "841".*1 to 840'),
    (["write", "1", "1", "--objects", "1000001"], "1 to 1000000"),
    (["read", "--key", "k" * 1018, "--objects", "2"], "1018 bytes; 1 to 1017"),
    (["read", "--key-file", "stream", "--objects", "2"], "line 1 has 1018 bytes; a key here has at most 1017"),
    (["write", "1", "1", "--bogus"], '"--bogus".*--bucket'),
    (["write", "1", "1", "-v"], '"-v"'),
    (["write", "1", "1", "--verify"], '"--verify"'),
    (["write", "1", "1", "--key", "k"], '"--key"'),
    (["read", "1", "--part-mb", "5"], '"--part-mb"'),
    (["report", "--bucket", "b"], '"--bucket"'),
    (["write", "1", "1", "--bucket"], "--bucket needs a value"),
    (["write", "1", "1", "--bucket", "--json"], '"--json"'),
    (["write", "1", "1", "--bucket", ""], "--bucket"),
    (["write", "1", "1", "--bucket", "No_Bucket"], '"No_Bucket".*3 to 63'),
    (["write", "1", "1", "--bucket", "ab"], '"ab"'),
    (["write", "1", "1", "--function", "a b"], '"a b"'),
    (["write", "1", "1", "--part-mb", "4"], '--part-mb is "4".*5 to 5120'),
    (["write", "1", "1", "--part-mb=5121"], "5 to 5120"),
    (["write", "1", "1", "--in-flight", "0"], "1 to 256"),
    (["write", "1", "1", "--in-flight", "257"], "1 to 256"),
    (["write", "1", "1", "--key-prefix", "x" * 961], "961 bytes; 0 to 960"),
    (["write", "1", "1", "--key-prefix", "a\nb"], "line break"),
    (["write", "1", "1", "--key-file", "no/such/folder/k"], "folder does not exist"),
    (["write", "1", "1", "--json=yes"], "takes no value"),
    (["write", "1", "1", "--out", "driver.sh"], "driver.sh cannot be made"),
    (["sweep", "1", "1", "--out", "/proc/runs"], "/proc/runs cannot be made"),
    (["report", "/nowhere/x"], 'no run "/nowhere/x": it is no folder with a run.json'),
    (["read"], "nothing to read.*--key-file"),
    (["read", "0", "--key", "k"], 'NUMBER is "0"'),
    (["read", "nowhere"], '"nowhere"'),
    (["read", "1", "x", "y"], '"y" is too many'),
    (["read", "--range-mb", "5121", "--key", "k"], "0 to 5120"),
    (["read", "--read-times", "0", "--key", "k"], '--read-times is "0"'),
    (["read", "--key", ""], "1 to 1024"),
    (["read", "--key", "k" * 1025], "1025 bytes"),
    (["read", "--key", "k", "--key-file", "f"], "give one"),
    (["read", "lib", "--key", "k"], "give one"),
    (["read", "--key-file", "none"], '"none" is not there'),
    (["read", "--key-file", "empty"], '"empty" holds no key'),
    (["read", "--key-file", "blank"], '"blank" holds no key'),
    (["read", "--key-file", "long"], "line 2 has 1025 bytes"),
    (["read", "--key-file", "latin"], "not UTF-8"),
    (["report"], "no run"),
    (["report", "lib", "b"], '"lib"'),
    (["report", "lib"], '"lib"'),
]


def test_where_the_runs_cannot_be_is_said_before_anything_is_asked(driver):
    driver.run("write", 1, 1, "--out", "/proc/runs", exit=2)
    assert driver.calls("configuration") == []


@pytest.fixture(scope="module")
def usage_driver(tmp_path_factory):
    driver = Driver(tmp_path_factory.mktemp("usage"))
    (driver.project / "empty").write_text("")
    (driver.project / "blank").write_text("\n\n")
    (driver.project / "long").write_text("k\n" + "x" * 1025)
    (driver.project / "stream").write_text("k" * 1018)
    (driver.project / "latin").write_bytes(b"caf\xe9\n")
    return driver


@pytest.mark.parametrize(
    ("args", "text"), USAGE, ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else ""
)
def test_usage_errors_name_the_input_and_what_is_accepted(usage_driver, args, text):
    done = usage_driver.run(*args, exit=2)
    assert re.search(text, done.err), done.err
    assert done.err.startswith("driver: ") and done.out == ""
    assert usage_driver.calls() == [] and usage_driver.runs() == []


@pytest.mark.parametrize("args", [["--help"], ["-h"], ["help"]])
def test_the_overview_tells_the_commands_and_the_exit_statuses(usage_driver, args):
    out = usage_driver.run(*args).out
    assert "Usage:" in out and "130" in out and "COMMAND --help" in out and max(map(len, out.splitlines())) <= 80
    assert all(f"./driver.sh {command}" in out for command in ("write", "read", "sweep", "report", "delete"))


@pytest.mark.parametrize("command", ["write", "read", "sweep", "report", "delete"])
def test_the_help_of_a_command_has_its_options_with_their_ranges_and_no_other(usage_driver, command):
    out = usage_driver.run(command, "1", "-h").out
    assert out == usage_driver.run(command, "--help").out and max(map(len, out.splitlines())) <= 80
    listed = re.findall(r"^  (--[a-z-]+)", out, re.M)
    script = '. "$1"; printf "%s\n" "${OPTIONS[@]}"'
    table = subprocess.check_output(["bash", "-c", script, "-", part("options.sh")], text=True, timeout=20)
    rows = [row.split() for row in table.splitlines() if command in row.split()[3:]]
    assert sorted(listed) == sorted(row[0] for row in rows)
    assert set(re.findall(r"--[a-z-]+", out)) <= {*listed, "--help"}
    for option, _, values, *_ in rows:
        if bounds := re.fullmatch(r"(?:list:|text:)?(\d+)-(\d+)", values):
            (told,) = re.findall(rf"^  {option} (.*?)(?=^  --|\Z)", out, re.M | re.S)
            assert f"{bounds[1]} to {bounds[2]}" in " ".join(told.split()), option
