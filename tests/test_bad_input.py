"""What is read and is not as it should be: folders of runs that are damaged, key files, the command line. It is named,
and never with jq's own complaint. What is mutated at random is in test_mutants.py."""

import os
import subprocess

import pytest
from harness import part

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
    driver.after("write", 3, 1)
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
        assert done.err.startswith(f"driver: runs/{sweep.name}/sweep.json is damaged: sweep.json has ")
        assert "The folders of its runs lie beside it" in done.err


def test_torn_records_cost_their_jobs_alone(driver):
    driver.after("write", 3, 1)
    run = driver.only_run()
    tampered(run, "records.ndjson", lambda text: text[:-30] + "\n")
    assert "2 good" in driver.run("report", run, exit=1).out
    assert "2 good, 1 failed" not in driver.run("write", "--resume", run).out
    assert len(driver.calls()) == 4, "the one job whose record is torn ran again"
    driver.run("delete", run)


def test_the_latest_run_is_one_of_the_place_that_is_asked(driver):
    """After a demo on this machine the latest run on AWS is still the one to read and to delete."""
    driver.after("write", 1, 1)
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
    driver.after("write", 1, 1)
    command = ["bash", "-euc", '. "$1"; process 1', "-", part("process.sh")]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    (driver.only_run() / "lock").write_text(told.stdout)
    done = driver.run("write", "--resume", driver.only_run(), exit=3)
    assert "process 1" in done.err and "kill" not in done.err


def test_a_process_of_another_user_lives():
    """It may not be signalled. As root, who may, this is asked as somebody else."""
    program = part("process.sh").read_text() + 'lives "$(process 1)" && ! lives "1 1" && ! lives "1 "'
    other = 65534 if os.geteuid() == 0 else None
    subprocess.run(["bash", "-uc", program], check=True, user=other, cwd="/", timeout=60)
