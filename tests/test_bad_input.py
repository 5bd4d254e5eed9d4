"""What is read and is not as it should be: folders of runs that are damaged, key files, lines that are mutated at
random. It is named, and never with jq's own complaint."""

import json
import os
import random
import subprocess

import pytest
from figures import a_run, failed, job
from harness import JQ, ROOT, part, read_json

# More of them, and others: TERABIT_MUTANTS=1000 TERABIT_SEED=2 make test
MUTANTS = int(os.environ.get("TERABIT_MUTANTS", "100"))
CHANCE = random.Random()
JUNK = [None, True, "", "x", -1, 0, 0.5, 1e300, [], {}, [[]], [1], {"a": 1}, "\x1b[31m", "\u061c", 2**53]


@pytest.fixture(autouse=True)
def seeded():
    CHANCE.seed(os.environ.get("TERABIT_SEED", "1"))


def places(value, path=()):
    """Where something stands in it."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def with_junk(value):
    """One place of it holds something else, or nothing."""
    value = json.loads(json.dumps(value))
    path = CHANCE.choice(list(places(value)))
    if path == ():
        return CHANCE.choice(JUNK)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    if CHANCE.random() < 0.3:
        del inner[path[-1]]
    else:
        inner[path[-1]] = CHANCE.choice(JUNK)
    return value


def torn(text):
    """Some characters of it are lost, or others."""
    at, end = sorted(CHANCE.randrange(len(text) + 1) for _ in range(2))
    return CHANCE.choice([text[:at], text[:at] + text[end:], text[:at] + CHANCE.choice('"{}[],:\\x7\0é') + text[end:]])


def mutants(*values, number=MUTANTS):
    """Lines of JSON that were these values."""
    lines = []
    for _ in range(number):
        value = CHANCE.choice(values)
        line = torn(json.dumps(value)) if CHANCE.random() < 0.4 else json.dumps(with_junk(value))
        lines.append(line.replace("\n", " "))
    return lines


def jq(program, *arguments, text="", **given):
    """What a program prints, which says nothing on stderr. given: values for --argjson."""
    for name, value in given.items():
        arguments += ("--argjson", name, json.dumps(value))
    command = ["jq", "-L", JQ, "-f", part(program), *arguments]
    done = subprocess.run(command, check=False, input=text, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), f"{program}: {done.stderr}\n{text[:300]}"
    return done.stdout


RECORDS = [
    {"job": 0, "launch": 1, "op": "write", "key": "k", "retries": 1, "request_ms": {"p50": 1.5, "p99": 2.5, "max": 3.0},
     "latency": [[3, 4], [4, 9]], "objects": 4, "handler_s": 3.0, **job(0, 10.5, 10**9, samples=[1, 5, 9])},
    {"job": 1, "launch": 1, "op": "write", "key": "l", **failed(0, 5.5, 10**6, sent=10, sent_samples=[1, 2])},
    {"job": 2, "launch": 1, "op": "write", "key": "m", "error": {"type": "Unanswered", "message": "lost"}},
]  # fmt: skip


def as_lines(lines):
    return "".join(line + "\n" for line in lines)


@pytest.mark.parametrize("run", [None, a_run(3)])
def test_mutated_records_are_summed_up_and_shown(run):
    CHANCE.seed(1)
    text = as_lines(mutants(*RECORDS) + [json.dumps(record) for record in RECORDS])
    evaluated = jq("summary.jq", "-c", "-n", "-R", text=text, run=[run], picture=True)
    summary, drawn = map(json.loads, evaluated.splitlines())
    assert summary["jobs"] >= 3 and summary["bytes"] >= 10**9
    table = jq("table.jq", "-r", text=json.dumps(summary), run=[run], colour=False, source="x")
    assert "\x1b" not in table and "\u061c" not in table
    jq("picture.jq", "-n", run=[run], measured=[summary, drawn], source="x",
       panels=[read_json(JQ / "report" / "chart" / "panels.json")])  # fmt: skip


def test_mutated_records_say_which_jobs_are_unfinished_and_who_may_work():
    CHANCE.seed(2)
    text = as_lines(mutants(*RECORDS))
    assert json.loads(jq("unfinished.jq", "-n", "-R", text=text, jobs=9))[-1][1] == 8
    prices = [read_json(JQ / "plan" / "prices.json")]
    jq("working.jq", "-n", "-R", text=text, run=[a_run(3)], sent=[], prices=prices, now=0)


def test_of_a_mutated_run_json_the_damage_is_named_or_all_goes_well():
    """Format 1 is in tests/frozen."""
    CHANCE.seed(3)
    old = [read_json(path) for path in (ROOT / "tests" / "frozen").glob("*/*/run.json")]
    lines = mutants(a_run(3, {}, {}), *old)
    damages = jq("damage.jq", "-R", "-r", text=as_lines(lines), plan=False, jobs="", keys="").splitlines()
    assert len(damages) == len(lines) and len(set(damages)) > MUTANTS / 10
    whole = [line for line, damage in zip(lines, damages, strict=True) if damage == ""]
    assert len(whole) > MUTANTS / 10
    records = as_lines(map(json.dumps, RECORDS))
    prices = [read_json(JQ / "plan" / "prices.json")]
    for line in whole[: MUTANTS // 5]:
        command = ["jq", "-c", "-L", JQ, 'include "run"; run_of("x")']
        done = subprocess.run(command, check=True, input=line, capture_output=True, text=True, timeout=60)
        given = [json.loads(done.stdout)]
        (summary,) = jq("summary.jq", "-c", "-n", "-R", text=records, run=given, prices=prices).splitlines()
        jq("table.jq", "-r", text=summary, run=given, colour=False, source="x")
        jq("working.jq", "-n", "-R", text=records, run=given, sent=[], prices=prices, now=0)


# Folders of runs that are damaged


def tampered(run, name, change):
    path = run / name
    path.write_text(change(path.read_text()))


DAMAGES = {
    "a key more": ("keys.txt", lambda text: text + "precious\n", 'keys.txt has "precious", which the run did not plan'),
    "a key less": ("keys.txt", lambda text: text.split("\n", 1)[1], "keys.txt lacks"),
    "a torn job": ("jobs.ndjson", lambda text: text[:-20], "jobs.ndjson: line 3 is torn"),
    "a job less": ("jobs.ndjson", lambda text: text.split("\n", 1)[1], "jobs.ndjson has 2 jobs of 3"),
    "no job": ("jobs.ndjson", lambda text: "", "jobs.ndjson has 0 jobs of 3"),
    "jobs": ("run.json", lambda text: text.replace('"jobs": 3', '"jobs": "x"'), 'run.json has "jobs": "x"'),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_run_that_is_damaged_is_neither_deleted_nor_resumed(driver, damage):
    """The keys that its plan does not have are somebody else's."""
    driver.run("write", 3, 1)
    run = driver.only_run()
    name, change, text = DAMAGES[damage]
    tampered(run, name, change)
    for command in (["delete", run], ["delete"], ["write", "--resume", run]):
        done = driver.run(*command, exit=2)
        assert text in done.err and f"./driver.sh delete --key-file runs/{run.name}/keys.txt" in done.err
    assert not list(driver.stub.glob("delete-objects.*")) and len(driver.calls()) == 3
    driver.run("report", run)
    done = driver.run("delete", "--key-file", run / "keys.txt")
    assert "of no run here" in done.err and list(driver.stub.glob("delete-objects.*"))


@pytest.mark.parametrize("damage", ["{", "[1]", '{"rows": [{"runs": "x"}]}'])
def test_a_damaged_sweep_is_named(driver, damage):
    sweep = driver.project / "runs" / "20260101T000000Z-sweep"
    sweep.mkdir(parents=True)
    (sweep / "sweep.json").write_text(damage)
    for command in ("report", "delete"):
        done = driver.run(command, sweep, exit=2)
        assert done.err.startswith(f"driver: runs/{sweep.name}/sweep.json is damaged; the folders of its runs lie")


def test_torn_records_cost_their_jobs_alone(driver):
    driver.run("write", 3, 1)
    run = driver.only_run()
    tampered(run, "records.ndjson", lambda text: text[:-30] + "\n")
    assert "2 good" in driver.run("report", run, exit=1).out
    assert "2 good, 1 failed" not in driver.run("write", "--resume", run).out
    assert len(driver.calls()) == 4, "the one job whose record is torn ran again"
    driver.run("delete", run)


def test_the_latest_run_is_one_of_the_place_that_is_asked(driver):
    """After a demo on this machine the latest run on AWS is still the one to read and to delete."""
    driver.run("write", 1, 1)
    on_aws = driver.only_run()
    driver.env["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    driver.run("write", 2, 1)
    del driver.env["AWS_ENDPOINT_URL"]
    assert f"reading the keys of runs/{on_aws.name}" in driver.run("read").err
    assert f"latest write run, runs/{on_aws.name}" in driver.run("delete").err


# Key files


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"\xef\xbb\xbfkey\nother\n", "begins with a byte order mark, which would be part of the first key"),
        (b"key\r\nother\n", "line 1 ends with CR"),
        (b"key\n  \t \n", "line 2 is blanks alone"),
        (b"\n\n", "holds no key"),
        (b"", "holds no key"),
        (b"caf\xe9\n", "is not UTF-8 text"),
        (b"key\n" + b"x" * 1025 + b"\n", "line 2 has 1025 bytes"),
    ],
)
def test_a_key_file_that_is_not_keys_is_refused_by_its_line(driver, text, said):
    path = driver.project / "keys"
    path.write_bytes(text)
    for command in ("read", "delete"):
        assert said in driver.run(command, "--key-file", path, exit=2).err
    assert not driver.calls() and not list(driver.stub.glob("delete-*"))


def test_a_key_file_may_hold_more_keys_than_a_run_has_jobs(driver):
    driver.keys(*map(str, range(100_001)))
    done = driver.run("read", "--key-file", "keys", exit=2)
    assert "holds 100001 keys, and a run has at most 100000 jobs: read 100000 reads the first" in done.err
    assert "would launch 3 jobs" in driver.run("read", 3, "--key-file", "keys", "--dry-run").out


@pytest.mark.parametrize("option", [["write", "1", "1", "--key-prefix"], ["read", "--key"]])
def test_a_key_that_is_not_utf_8_is_refused(driver, option):
    assert "is not UTF-8 text" in driver.run(*option, os.fsdecode(b"caf\xe9/"), exit=2).err and not driver.calls()


# The command line


def test_an_option_is_given_once(driver):
    for args in (["write", 1, 1, "--in-flight", 4, "--in-flight", 8], ["write", 1, 1, "--yes", "--yes"]):
        assert f"{args[3]} is given twice" in driver.run(*args, exit=2).err


def test_what_is_to_be_typed_can_be_typed(driver, tmp_path):
    """A path with blanks, or an apostrophe, stands between apostrophes."""
    out = tmp_path / "Ann's runs"
    driver.run("write", 1, 1, "--out", out)
    (run,) = out.iterdir()
    (run / "jobs.ndjson").write_text("")
    done = driver.run("delete", run, exit=2)
    command = done.err.split("deleted by: ")[1]
    (driver.project / "driver.sh").chmod(0o755)
    done = subprocess.run(["bash", "-c", command], env=driver.env, cwd=driver.project, capture_output=True, timeout=60)
    assert done.returncode == 0 and b"1 key deleted" in done.stdout, done.stderr


def test_a_lock_that_names_a_stranger_gives_no_advice_to_end_it(driver):
    driver.run("write", 1, 1)
    command = ["bash", "-euc", '. "$1"; process 1', "-", part("process.sh")]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    (driver.only_run() / "lock").write_text(told.stdout)
    done = driver.run("write", "--resume", driver.only_run(), exit=3)
    assert "process 1" in done.err and "kill" not in done.err
