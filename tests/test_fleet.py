"""Fleets with a stub in place of the AWS CLI: squads, the barrier, the ledger, the preflight."""

import contextlib
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import time

import pytest
from harness import ROOT, ndjson, part, processes_of, quick_sleep, read_json, wait_for, without_waiting


def squads(driver):
    """[(answer key, jobs)] of the squads that were invoked, in order of their names."""
    return sorted((call[1], int(call[2])) for call in driver.calls("squad"))


def records(run):
    return ndjson(run / "records.ndjson")


def errors(run, launch=1):
    return {r["job"]: r["error"]["type"] for r in records(run) if r["launch"] == launch and "error" in r}


def fleet(driver, *args):
    return json.loads(driver.run(*args, "--dry-run", "--json").out)


# Squads


@pytest.mark.parametrize(
    ("jobs", "squad", "invocations"),
    [(8, 1, 8), (9, 16, 1), (1800, 225, 8)],
)
def test_small_fleets_go_directly_and_others_in_at_most_8_squads(driver, jobs, squad, invocations):
    plan = fleet(driver, "write", jobs, 1, "--max-cost", 1000)
    assert (plan["squad"], plan["invocations"], plan["processes"]) == (squad, invocations, invocations)
    assert plan["environments"] == jobs + (invocations if squad > 1 else 0)


def test_squads_of_a_chosen_size(driver):
    driver.run("write", 10, 64, "--squad", 4, "--part-mb", 16)
    run = driver.only_run()
    config = read_json(run / "run.json")
    assert squads(driver) == [(f"{config['answers']}1-00000{n}.json", size) for n, size in enumerate([3, 3, 4])]
    assert driver.calls() == [] and [call[1] for call in driver.calls("ping")] == ["squad"]
    keys = (run / "keys.txt").read_text().splitlines()
    assert [(r["job"], r["launch"], r["key"]) for r in records(run)] == [(n, 1, key) for n, key in enumerate(keys)]
    assert [(launch["squad"], launch["processes"]) for launch in config["launches"]] == [(4, 3)]
    summary = read_json(run / "summary.json")
    assert (summary["jobs"], summary["failed"], summary["missing"]) == (10, 0, 0)
    assert not (run / "work").exists() and not (run / "lock").exists() and list(driver.tmp.iterdir()) == []


def test_one_bad_job_of_a_squad_costs_only_itself(driver):
    keys = [f"k{n}" for n in range(50)]
    (driver.stub / "bad").write_text("k7\n")
    driver.run("read", "--key-file", driver.keys(*keys), "--squad", 50, exit=1)
    run = driver.only_run()
    assert errors(run) == {7: "NoSuchKey"}
    assert len(records(run)) == 50 and [r["key"] for r in records(run)] == keys


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("short", "squad of 4 answered with 3 results"),
        ("long", "squad of 4 answered with 5 results"),
        ("torn", "not JSON"),
        ("object", "not an array"),
    ],
)
def test_a_squad_that_does_not_answer_with_its_jobs_is_a_bad_answer(driver, how, text):
    driver.hasty()
    driver.behave(how, key=None)
    (driver.stub / "any").rename(driver.stub / "squad-1-000001.json")
    done = driver.run("write", 12, 64, "--squad", 4, "--timeout", 1, "--start-in", 0, exit=1)
    assert "BadAnswer" in done.out
    run = driver.only_run()
    assert errors(run) == dict.fromkeys(range(4, 8), "BadAnswer")
    assert all(text in r["error"]["message"] for r in records(run)[4:8])


def test_an_element_that_is_neither_result_nor_error_is_a_bad_answer(driver):
    (driver.stub / "squad").write_text("odd\n")
    driver.run("write", 5, 64, "--squad", 5, exit=1)
    assert errors(driver.only_run()) == dict.fromkeys(range(3), "BadAnswer")
    messages = [r["error"]["message"] for r in records(driver.only_run())[:3]]
    assert '"7"' in messages[0] and "not a result of the job" in messages[1] and "hello" in messages[2]


def test_a_squad_that_crashed_is_named_for_each_of_its_jobs(driver):
    (driver.stub / "squad").write_text("crash\n")
    driver.run("write", 3, 64, "--squad", 3, exit=1)
    assert errors(driver.only_run()) == dict.fromkeys(range(3), "Crashed")
    assert all("the squad failed" in r["error"]["message"] and r["squad_failed"] for r in records(driver.only_run()))
    assert driver.calls("get ") == [], "a squad that crashed left no answer"


def test_a_throttled_squad_is_tried_again_and_a_lost_one_is_not(driver):
    driver.hasty()
    (driver.stub / "ahead").write_text("600")
    began = time.time()
    quick_sleep(driver)
    (driver.stub / "squad-1-000000.json").write_text("throttled\nthrottled\ngood\n")
    (driver.stub / "squad-1-000001.json").write_text("lost\n")
    driver.run("write", 4, 64, "--squad", 2, "--timeout", 1, "--start-in", 0, exit=1)
    names = [key[-13:] for key, _ in squads(driver)]
    assert names == ["1-000000.json"] * 3 + ["1-000001.json"]
    assert time.time() - began < 100, "by its own clock the driver looks for answers, not by the workers'"
    assert errors(driver.only_run()) == {2: "Unanswered", 3: "Unanswered"}


@pytest.mark.parametrize("how", ["lost-kept", "torn-kept"])
def test_a_lost_answer_comes_from_the_bucket(driver, how):
    (driver.stub / "squad-1-000001.json").write_text(how + "\n")
    driver.run("write", 6, 64, "--squad", 2)
    run = driver.only_run()
    assert errors(run) == {} and len(records(run)) == 6
    assert [call[1] for call in driver.calls("get ")] == [f"{read_json(run / 'run.json')['answers']}1-000001.json"]
    assert len(squads(driver)) == 3 and not (run / "work").exists()


# The clock, the barrier, the moment to give up


@pytest.mark.parametrize("ahead", [-20, 20])
@pytest.mark.parametrize("squad", [1, 4])
def test_the_barrier_is_on_the_workers_clock(driver, ahead, squad):
    (driver.stub / "ahead").write_text(str(ahead))
    began = time.time()
    driver.run("write", 8, 64, "--squad", squad)
    (launch,) = read_json(driver.only_run() / "run.json")["launches"]
    clock = launch["clock"]
    assert abs(clock["offset_s"] - ahead) <= clock["within_s"] < 10
    events = [job for event in ndjson(driver.stub / "events") if "answer_key" in event for job in event["jobs"]]
    assert len(events) == 8
    for event in events:
        assert (event["start_at"], event["stop_by"]) == (launch["start_at"], launch["stop_by"])
    assert launch["start_in_s"] > 1, "the connections are opened before it"
    assert launch["start_at"] - launch["launch"] == pytest.approx(launch["start_in_s"])
    for moment in ("launch", "end"):
        assert began - clock["within_s"] < launch[moment] - ahead < time.time() + clock["within_s"], "on one clock"
    assert launch["stop_by"] - launch["start_at"] == pytest.approx(60)


@pytest.mark.parametrize("ahead", [-75, 75])
def test_a_resumed_launch_is_on_the_workers_clock_too(driver, ahead):
    (driver.stub / "ahead").write_text(str(ahead))
    (driver.stub / "bad").write_text("k1")
    driver.run("read", "--key-file", driver.keys("k0", "k1"), "--squad", 2, exit=1)
    run = driver.only_run()
    began = time.time()
    driver.run("read", "--resume", run)
    again = config_of(run)["launches"][1]
    within = again["clock"]["within_s"]
    assert abs(again["clock"]["offset_s"] - ahead) <= within < 30
    assert began - within < again["launch"] - ahead < time.time() + within


def test_the_lead_grows_with_the_fleet(driver):
    def lead(jobs, *more):
        return fleet(driver, "write", jobs, 1, "--max-cost", 1000, *more)["start_in_s"]

    assert lead(1) is None, "one worker has nobody to wait for"
    assert lead(2) < 12
    assert lead(900) < 30
    assert 9 <= lead(1800) - lead(900) < 20, "Lambda adds 1,000 environments every 10 s"
    assert 80 <= lead(9000) - lead(900) < 110
    assert lead(1800, "--start-in", 33) == 33
    assert lead(1800, "--start-in", 0) is None
    assert lead(1000, "--squad", 1) is None, "what does not run at once cannot start together"


def test_no_start_at_without_a_barrier(driver):
    began = time.time()
    driver.run("write", 20, 64, "--start-in", 0)
    driver.run("read", 1)
    events = [job for event in ndjson(driver.stub / "events") if "answer_key" in event for job in event["jobs"]]
    assert len(events) == 21
    for event in events:
        assert "start_at" not in event and event["stop_by"] > began + 30


def test_workers_give_up_after_four_times_what_the_network_takes(driver):
    def patience(*args):
        plan = fleet(driver, *args, "--max-cost", 1000)
        return plan["stop_in_s"] - plan["start_in_s"]

    assert patience("write", 8, 1) == pytest.approx(60)
    assert patience("write", 8, 2000) == pytest.approx(4 * 2000 * 2**20 / 78.125e6)
    assert patience("write", 8, 2000, "--timeout", 33) == pytest.approx(33)
    plan = fleet(driver, "write", 8, 50000, "--max-cost", 1000)
    assert plan["stop_in_s"] == 890, "never later than the function's timeout allows"
    assert fleet(driver, "read", 8, "--key", "k", "--max-cost", 1000)["stop_in_s"] == 890, "objects of unknown size"
    driver.run("write", 2, 2000)
    assert patience("read", 8, "--read-times", 2) == pytest.approx(2 * 4 * 2000 * 2**20 / 78.125e6)


def test_what_cannot_end_in_time_is_said_and_not_refused(driver):
    assert "WARNING" in driver.run("write", 4, 100000, "--dry-run").err
    assert "WARNING" not in driver.run("write", 4, 50000, "--dry-run").err


def test_a_timeout_too_short_for_the_start_is_refused(driver):
    answer(driver, "function", FUNCTION | {"Timeout": 20})
    done = driver.run("write", 1800, 1, "--squad", 57, exit=3)
    assert "--timeout 900" in done.err and "--start-in 0" in done.err
    assert driver.calls("ping") == []


# Preflight

FUNCTION = {
    "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:terabit",
    "Timeout": 900,
    "MemorySize": 2048,
    "Architectures": ["arm64"],
}


def answer(driver, question, value):
    (driver.stub / f"{question}.json").write_text(json.dumps(value))


def refused(driver, question, complaint):
    (driver.stub / f"{question}.fail").write_text(complaint)


def nothing_was_launched(driver):
    return driver.calls() == [] and driver.calls("squad") == [] and not driver.runs()


BAD = {"op": "ping", "key": None}
PONG = {"now": 1, "version": "0.1.0"}


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ([BAD | {"error": {"type": "NoSuchBucket", "message": "no bucket b"}}] * 2, "no bucket b"),
        (
            [PONG, BAD | {"error": {"type": "AccessDenied", "message": "lambda:InvokeFunction"}}],
            "make deploy gives",
        ),
        ({"errorType": "InvalidEvent", "errorMessage": 'jobs: "x" is unknown'}, "older than this driver: make deploy"),
        ({"errorType": "WrongRegion", "errorMessage": "the bucket is in eu-north-1"}, "WrongRegion.*eu-north-1"),
        ({"hello": 1}, "does not answer like terabit.*hello"),
        ([], "does not answer like terabit"),
        ([PONG], "does not answer like terabit"),
        ([{"now": 1}] * 2, "does not answer like terabit"),
        (PONG, "does not answer like terabit"),
    ],
)
def test_a_ping_that_fails_is_a_refusal_with_the_workers_message(driver, told, text):
    answer(driver, "ping", told)
    done = driver.run("write", 20, 1, "--key-file", "k", exit=3)
    assert re.search(text, done.err), done.err
    assert nothing_was_launched(driver) and not (driver.project / "k").exists()


def test_a_role_that_is_new_has_a_while_to_get_its_rights(driver):
    quick_sleep(driver)
    denied = [BAD | {"error": {"type": "AccessDenied", "message": "s3:ListBucket"}}]
    answer(driver, "ping", denied)
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime())
    answer(driver, "function", FUNCTION | {"LastModified": at})
    assert "AccessDenied: s3:ListBucket" in driver.run("write", 1, 1, exit=3).err
    assert len(driver.calls("ping")) == 10
    answer(driver, "function", FUNCTION | {"LastModified": "2026-01-01T00:00:00.000+0000"})
    assert "AccessDenied: s3:ListBucket" in driver.run("write", 1, 1, exit=3).err
    assert len(driver.calls("ping")) == 11, "of an older one it stays so"
    answer(driver, "function", FUNCTION | {"LastModified": at})
    (driver.bin / "sleep").write_text('#!/bin/sh\n[ "$1" = 1 ] || /bin/rm -f "$STUB/ping.json"\nexec /bin/sleep 0.05\n')
    driver.run("write", 1, 1)


def test_a_ping_without_room_is_a_refusal(driver):
    refused(driver, "ping", "An error occurred (TooManyRequestsException) when calling the Invoke operation: Rate")
    assert "429" in driver.run("write", 2, 1, exit=3).err
    assert nothing_was_launched(driver)


def test_a_ping_without_an_answer_is_a_refusal_that_says_what_to_do(driver):
    refused(driver, "ping", 'Read timeout on endpoint URL: "http://x"')
    done = driver.run("write", 20, 1, exit=3)
    assert "did not answer in time" in done.err and "try again" in done.err
    assert nothing_was_launched(driver)


def test_a_function_that_is_older_is_refused(driver):
    (driver.project / "Cargo.toml").write_text('[workspace.package]\nversion = "9.9.9"\n')
    assert "version 0.1.0, older than this folder, 9.9.9: make deploy" in driver.run("write", 1, 1, exit=3).err
    assert nothing_was_launched(driver)
    (driver.project / "Cargo.toml").write_text('[workspace.package]\nversion = "0.0.9"\n')
    driver.run("write", 1, 1)


@pytest.mark.parametrize(
    ("complaint", "remedy"),
    [
        ("An error occurred (404) when calling the HeadBucket operation: Not Found", "make deploy"),
        ("An error occurred (301) when calling the HeadBucket operation: Moved", "another region"),
    ],
)
def test_a_bucket_that_is_not_there_is_refused(driver, complaint, remedy):
    refused(driver, "bucket", complaint)
    done = driver.run("write", 1, 1, exit=3)
    assert remedy in done.err and "some-bucket" in done.err
    assert driver.calls("ping") == [] and nothing_was_launched(driver)


def test_a_bucket_in_another_region_is_refused(driver):
    answer(driver, "bucket", {"BucketRegion": "us-east-2"})
    done = driver.run("write", 1, 1, exit=3)
    assert "AWS_REGION=us-east-2 make deploy" in done.err and driver.calls("ping") == []


LIMITS = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}


def test_too_little_concurrency_is_refused_with_what_fits(driver):
    answer(driver, "account", {"AccountLimit": LIMITS | {"UnreservedConcurrentExecutions": 10}})
    began = time.time()
    done = driver.run("write", 1800, 64, exit=3)
    assert time.time() - began < 30
    assert "1,808 environments at once" in done.err and "10 free" in done.err
    assert "9 workers fit now." in done.err
    assert "request-service-quota-increase --region eu-west-1 " in done.err and "--desired-value 2898" in done.err
    assert driver.calls("ping") == [] and nothing_was_launched(driver)
    driver.run("write", 9, 64)


@pytest.mark.parametrize(("free", "fits"), [(1000, 992), (17, 16), (8, 8)])
def test_what_fits_counts_the_squads(driver, free, fits):
    answer(driver, "account", {"AccountLimit": LIMITS | {"UnreservedConcurrentExecutions": free}})
    done = driver.run("write", 1800, 64, "--dry-run", exit=3)
    assert f"{fits} workers fit now." in done.err
    driver.run("write", fits, 64, "--dry-run")
    driver.run("write", fits + 1, 64, "--dry-run", exit=3)


def test_a_squad_that_takes_the_last_slot_is_refused(driver):
    answer(driver, "account", {"AccountLimit": LIMITS | {"UnreservedConcurrentExecutions": 4}})
    done = driver.run("read", 4, "--key", "k", "--squad", 4, exit=3)
    assert "3 workers fit now" in done.err
    driver.run("read", 3, "--key", "k", "--squad", 4, "--dry-run")


def test_reserved_concurrency_counts_instead(driver):
    answer(driver, "concurrency", {"ReservedConcurrentExecutions": 5})
    done = driver.run("write", 6, 1, exit=3)
    assert "5 reserved" in done.err and "put-function-concurrency --region eu-west-1 " in done.err
    driver.run("write", 5, 1, "--dry-run")
    answer(driver, "concurrency", {"ReservedConcurrentExecutions": 0})
    driver.run("write", 1, 1, "--dry-run", exit=3)


def test_where_the_ping_has_room_one_worker_has(driver):
    driver.after("write", 1, 1)
    assert not driver.calls("account") and not driver.calls("concurrency")
    driver.run("write", 2, 1)
    assert driver.calls("account") and driver.calls("concurrency")


def test_a_small_write_starts_few_processes(driver):
    for tool in ("jq", "aws"):
        (driver.bin / tool).rename(driver.bin / f"{tool}.own")
        (driver.bin / tool).write_text(f'#!/bin/sh\necho >>"$STUB/{tool}s"\nexec "{driver.bin / tool}.own" "$@"\n')
        (driver.bin / tool).chmod(0o755)
    driver.run("write", 1, 1)
    # With those that every job needs, its invocation and its record, and one for the shape of each answer of AWS.
    assert len((driver.stub / "jqs").read_text()) <= 36 and len((driver.stub / "awss").read_text()) <= 9


def test_what_may_cost_too_much_is_refused(driver):
    done = driver.run("write", 1800, 4000, exit=3)
    assert "--yes" in done.err and "--max-cost" in done.err and driver.calls("ping") == []
    cost = fleet(driver, "write", 1800, 4000, "--yes")["cost"]
    assert cost["ceiling_usd"] > 10 and cost["compute_usd"] < cost["ceiling_usd"] / 2
    fleet(driver, "write", 1800, 4000, "--max-cost", 100)
    driver.run("write", 2, 1, "--max-cost", "0.0001", exit=3)
    driver.run("write", 2, 1, "--max-cost", "0.0001", "--yes", "--dry-run")
    assert fleet(driver, "write", 1800, 2000)["cost"]["ceiling_usd"] < 10, "the seed's run needs no --yes"


def test_a_slow_ping_is_paid_for_too(driver):
    ceiling = fleet(driver, "write", 8, 1)["cost"]["ceiling_usd"]
    (driver.stub / "slow-ping").write_text("4")
    done = driver.run("write", 8, 1, "--max-cost", f"{1.02 * ceiling:.6f}", exit=3)
    assert "driver: ping" in done.err and "--yes to allow it" in done.err
    assert nothing_was_launched(driver)


def test_what_only_serves_a_warning_may_be_denied(driver):
    for question in ("account", "versioning", "concurrency", "bucket"):
        refused(driver, question, "An error occurred (AccessDenied) when calling the operation: no")
    done = driver.run("write", 2, 1)
    assert "the concurrency that is reserved for the function could not be asked for" in done.err
    assert "account's concurrency could not be asked for" in done.err
    assert "keeps versions could not be asked for" in done.err


def test_what_changes_the_measurement_is_warned_of(driver):
    answer(driver, "function", FUNCTION | {"VpcConfig": {"VpcId": "vpc-1"}})
    answer(driver, "versioning", {"Status": "Enabled"})
    answer(driver, "account", {"AccountLimit": {"ConcurrentExecutions": 30, "UnreservedConcurrentExecutions": 30}})
    done = driver.run("write", 16, 1)
    assert "--function-name terabit --vpc-config 'SubnetIds=[],SecurityGroupIds=[]'" in done.err
    assert "VPC (vpc-1)" in done.err and "keeps versions" in done.err and "more than half" in done.err


def test_a_profile_is_resolved_once(driver):
    del driver.env["AWS_ACCESS_KEY_ID"]
    answer(driver, "credentials", {"Version": 1, "AccessKeyId": "AKX", "SecretAccessKey": "s3", "SessionToken": "t"})
    aws = driver.bin / "aws"
    target = aws.resolve()
    aws.unlink()
    used = '"$2" "${AWS_ACCESS_KEY_ID-}" "${AWS_SECRET_ACCESS_KEY-}" "${AWS_SESSION_TOKEN-}"'
    aws.write_text(f'#!/bin/bash\nprintf "%s,%s,%s,%s\\n" {used} >>$STUB/keys\nexec "{target}" "$@"\n')
    aws.chmod(0o755)
    driver.run("write", 2, 1)
    calls = (driver.stub / "keys").read_text().splitlines()
    assert {call for call in calls if call.startswith("invoke")} == {"invoke,AKX,s3,t"}
    assert len(driver.calls("credentials")) == 1
    driver.env["AWS_ACCESS_KEY_ID"] = "AKIDEXAMPLE"
    driver.run("write", 2, 1, "--dry-run")
    assert len(driver.calls("credentials")) == 1, "keys in the environment need no question"


def test_the_processor_time_of_one_aws_process_is_that_of_the_questions(tmp_path):
    burn = "import time\nwhile time.process_time() < 1: pass"
    script = """SCRATCH=$1
        find_credentials() { :; }
        failed() { false; }
        aws() { [ "$1" != one ] || "$python" -c "$burn"; }
        ask_all() { ask one one; wait "$GROUP"; ask two two; wait "$GROUP"; }
        check_bucket() { printf '%s' "$LAUNCH_CPU"; exit; }
        BUCKET=b
        python=$2 burn=$3
        preflight write"""
    done = in_shell(script, tmp_path, sys.executable, burn)
    assert 0.5 <= float(done.stdout) < 1, "two questions took 1 s and a little"


# The ledger


def start_and_wait(driver, *args, answered=1, sent=2, **more):
    """A driver in mid run: so many squads have answered, so many were sent."""
    process = driver.start(*args, start_new_session=True, **more)
    runs = driver.project / "runs"
    wait_for(
        lambda: (
            (done := len(list(runs.glob("*/answers/1-*.ndjson")))) >= answered
            and len(list(runs.glob("*/work/*.sent"))) == sent - done
            and len(driver.calls("squad") + driver.calls()) >= sent
        ),
        process,
    )
    return process


def config_of(run):
    return read_json(run / "run.json")


def launched(run):
    """The jobs of each launch."""
    return [launch["jobs"] for launch in config_of(run)["launches"]]


def test_resume_after_an_interruption(driver):
    driver.hasty()
    (driver.stub / "ahead").write_text("-3600")
    (driver.stub / "squad-1-000001.json").write_text("slow\n")
    process = start_and_wait(driver, "write", 6, 64, "--squad", 3, "--start-in", 0, "--timeout", 8)
    began = time.time()
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and time.time() - began < 30
    run = driver.only_run()
    (launch,) = config_of(run)["launches"]
    assert launch["end"] is None and launch["interrupted"] > launch["launch"]
    until = time.strftime("%H:%M:%S UTC", time.gmtime(launch["until"]))
    assert f"up to 3 workers and 1 squad may still be at work, until {until}" in err
    assert "costs less than $0.01" in err and "--resume" in err
    assert [r["job"] for r in records(run)] == [0, 1, 2] and processes_of(driver) == []
    done = driver.run("write", "--resume", run, "--squad", 3)
    assert [(r["job"], r["launch"]) for r in records(run)] == [(n, 1) for n in range(3)] + [(n, 2) for n in range(3, 6)]
    assert [key[-13:] for key, _ in squads(driver)] == ["1-000000.json", "1-000001.json", "2-000000.json"]
    assert launched(run) == [[[0, 5]], [[3, 5]]] and config_of(run)["launches"][0] == launch
    summary = read_json(run / "summary.json")
    assert (summary["jobs"], summary["missing"], summary["unfinished"], summary["launches"]) == (6, 3, 0, 2)
    assert "INTERRUPTED" not in done.out and "RESUMED" in done.out
    assert len(ndjson(run / "jobs.ndjson")) == 6 and not (run / "work").exists() and not (run / "lock").exists()


def test_resume_takes_what_waits_in_the_bucket(driver):
    quick_sleep(driver)
    (driver.stub / "squad-1-000000.json").write_text("throttled\ngood\n")
    (driver.stub / "squad-1-000001.json").write_text("slow-kept\n")
    process = start_and_wait(driver, "write", 6, 64, "--squad", 3)
    wait_for(lambda: list(driver.stub.glob("bucket/terabit-runs/*/1-000001.json")), process)
    os.kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)
    run = driver.only_run()
    done = driver.run("write", "--resume", run.name)
    assert "took in 1 of 1 waiting answer" in done.err and "nothing is launched" in done.err
    assert len(squads(driver)) == 3 and len(driver.calls("ping")) == 1
    assert [(r["job"], r["launch"]) for r in records(run)] == [(n, 1) for n in range(6)]
    assert config_of(run)["launches"][0]["throttled"] == 1, "counted once"
    assert read_json(run / "summary.json")["launches"] == 1


def test_resume_takes_a_lost_answer_that_comes_after_the_run(driver):
    driver.hasty()
    (driver.stub / "squad-1-000001.json").write_text("lost\n")
    driver.run("write", 4, 64, "--squad", 2, "--timeout", 1, "--start-in", 0, exit=1)
    run = driver.only_run()
    assert errors(run) == {2: "Unanswered", 3: "Unanswered"}
    good = {"start": 1_700_000_001, "stop": 1_700_000_003, "mbps": 1, "op": "write", "bytes": 2_000_000}
    results = [{**good, "key": r["key"]} for r in records(run)]
    late = driver.stub / "bucket" / squads(driver)[1][0]
    late.parent.mkdir(parents=True)
    late.write_text(json.dumps(results[2:]))
    (driver.stub / "deaf").write_text("")
    done = driver.run("write", "--resume", run)
    assert "took in 1 of 1 waiting answer" in done.err and len(squads(driver)) == 2
    assert [(r["job"], r["launch"], r["bytes"]) for r in records(run)[2:]] == [(2, 1, 2000000), (3, 1, 2000000)]
    assert errors(run) == {} and not (run / "work").exists()


def test_a_resume_waits_for_the_workers_of_a_squad_that_broke_down(driver):
    """Its workers have no answer that could be waited for, and may still write the same keys."""
    (driver.stub / "squad").write_text("crash\ngood\n")
    driver.run("write", 3, 64, "--squad", 3, exit=1)
    run = driver.only_run()
    config = config_of(run)
    until = config["launches"][0]["until"] = time.time() + 8
    (run / "run.json").write_text(json.dumps(config))
    (driver.stub / "squad").write_text("good\n")
    driver.run("write", "--resume", run, "--squad", 3)
    assert config_of(run)["launches"][1]["launch"] >= until and launched(run) == [[[0, 2]], [[0, 2]]]


def test_an_answer_of_another_run_is_not_taken(driver):
    driver.hasty()
    (driver.stub / "squad").write_text("lost\n")
    driver.run("write", 2, 64, "--squad", 2, "--timeout", 1, "--start-in", 0, exit=1)
    run = driver.only_run()
    strange = [{"start": 1, "stop": 3, "mbps": 1, "op": "write", "key": "other", "bytes": 2000000}] * 2
    late = driver.stub / "bucket" / squads(driver)[0][0]
    late.parent.mkdir(parents=True)
    late.write_text(json.dumps(strange))
    (driver.stub / "squad").write_text("good\n")
    driver.run("write", "--resume", run, "--squad", 2)
    assert errors(run) == {0: "BadAnswer", 1: "BadAnswer"} and launched(run) == [[[0, 1]], [[0, 1]]]


def test_answers_of_runs_in_the_same_second_lie_apart(driver, tmp_path):
    driver.run("write", 2, 16, "--out", tmp_path / "a")
    driver.run("write", 2, 32, "--out", tmp_path / "b", "--key-prefix", "team/")
    (a,), (b,) = ([config_of(run) for run in (tmp_path / name).iterdir()] for name in "ab")
    assert a["id"] != b["id"] and re.fullmatch("[0-9a-f]{32}", b["id"])
    assert (a["answers"], b["answers"]) == (f"terabit-runs/{a['id']}/", f"team/terabit-runs/{b['id']}/")


def test_resume_after_sigkill_waits_for_what_is_under_way_and_runs_nothing_twice(driver):
    driver.hasty()
    (driver.stub / "squad-1-000001.json").write_text("slow-kept\n")
    (driver.stub / "squad-1-000002.json").write_text("slow\n")
    args = ["--squad", 2, "--start-in", 0, "--timeout", 5, "--out", "runs"]
    process = start_and_wait(driver, "write", 6, 64, *args, sent=3)
    process.kill()
    process.wait(60)
    assert processes_of(driver) != [], "the children go on without the driver"
    run = driver.only_run()
    report = json.loads(driver.run("report", run, "--json", exit=1).out)
    assert (report["jobs"], report["missing"]) == (6, 4)
    done = driver.run("write", "--resume", run)
    assert "waiting for 2 answers of the launch before" in done.err, done.err
    assert [(r["job"], r["launch"]) for r in records(run)] == [(n, 1) for n in range(4)] + [(4, 2), (5, 2)]
    first, second = config_of(run)["launches"]
    assert second["launch"] >= first["until"], "not while the first workers may write the same keys"
    assert first["end"] is None and first["interrupted"] is None


def test_a_killed_drivers_children_send_nothing_more(driver):
    driver.hasty()
    (driver.stub / "any").write_text("throttled\n" * 20)
    process = driver.start("write", 1, 64, "--start-in", 0, "--timeout", 30, start_new_session=True)
    wait_for(lambda: len(driver.calls()) >= 2, process)
    process.kill()
    process.wait(60)
    sent = len(driver.calls())
    run = driver.only_run()
    wait_for(lambda: processes_of(driver) == [], None)
    assert len(driver.calls()) == sent and not list((run / "work").glob("*.sent")), "nothing ran"
    driver.behave("good")
    assert "of the launch before" not in driver.run("write", "--resume", run).err


def test_a_resume_that_is_interrupted_leaves_the_first_launch_as_it_was(driver):
    driver.hasty()
    (driver.stub / "squad-1-000001.json").write_text("lost\n")
    driver.run("write", 4, 64, "--squad", 2, "--timeout", 1, "--start-in", 0, exit=1)
    run = driver.only_run()
    before = config_of(run)
    driver.env["LOOK_EVERY"] = "20"
    with (driver.stub / "said").open("w") as said:
        process = driver.start("write", "--resume", run, stderr=said, start_new_session=True)
    wait_for(lambda: "of the launch before" in (driver.stub / "said").read_text(), process)
    process.terminate()
    assert process.wait(10) == 130
    assert config_of(run) == before


def test_resume_of_direct_jobs(driver):
    driver.behave("failed", key="b")
    driver.run("read", "--key-file", driver.keys("a", "b", "c"), exit=1)
    run = driver.only_run()
    driver.behave("good", key="b")
    driver.run("read", "--resume", run)
    assert [(r["job"], r["launch"], "error" in r) for r in records(run)] == [
        (0, 1, False),
        (1, 1, True),
        (2, 1, False),
        (1, 2, False),
    ]
    summary = read_json(run / "summary.json")
    assert (summary["failed"], summary["unfinished"], summary["launches"]) == (1, 0, 2)
    assert summary["valid"] is False, "the figures are of the first launch, which lost a third"
    assert len(driver.calls()) == 4
    driver.behave("failed", key="b")
    assert "nothing is launched" in driver.run("read", "--resume", run).err


def test_further_launches_are_of_what_is_left_and_keep_what_belongs_to_the_first(driver):
    quick_sleep(driver)
    driver.behave("throttled", "good", key="a")
    driver.behave("failed", "failed", "good", key="b")
    driver.run("read", "--key-file", driver.keys("a", "b"), "--squad", 1, exit=1)
    run = driver.only_run()
    (first,) = config_of(run)["launches"]
    again = driver.run("read", "--resume", run, exit=1)
    assert "1 ShortBody, in launch 2" in again.out
    assert "in launch" not in driver.run("read", "--resume", run).out
    assert [(r["job"], r["launch"], "error" in r) for r in records(run)] == [
        (0, 1, False),
        (1, 1, True),
        (1, 2, True),
        (1, 3, False),
    ]
    assert [job["job"] for job in ndjson(run / "jobs.ndjson")] == [0, 1]
    launches = config_of(run)["launches"]
    assert [launch["jobs"] for launch in launches] == [[[0, 1]], [[1, 1]], [[1, 1]]]
    assert launches[0] == first and first["throttled"] == 1
    assert first["start_in_s"] > 0 and launches[2]["start_in_s"] is None, "one worker has nobody to wait for"
    assert all(launch["launch"] < launch["end"] < launch["until"] for launch in launches)
    fields = {"op", "bucket", "key", "read_times", "range_mb", "ranges_in_flight", "verify", "start_at", "stop_by",
              "open_s"}
    events = [event for event in ndjson(driver.stub / "events") if "answer_key" in event]
    assert len(events) == 5, "one was throttled"
    assert all(set(job) <= fields for event in events for job in event["jobs"]), "workers refuse any other field"
    assert "start_at" in events[1]["jobs"][0] and "start_at" not in events[-1]["jobs"][0]
    assert events[-1]["jobs"][0]["stop_by"] == launches[2]["stop_by"] > first["stop_by"]


def test_an_answer_does_not_say_whose_it_is(driver):
    driver.behave("claims")
    driver.run("write", 2, 1)
    assert [(r["job"], r["launch"]) for r in records(driver.only_run())] == [(0, 1), (1, 1)]


def test_unanswered_jobs_are_run_again_only_on_demand(driver):
    driver.hasty()
    driver.behave("dropped", "good", key="b")
    keys = driver.keys("a", "b")
    driver.run("read", "--key-file", keys, "--timeout", 1, "--start-in", 0, exit=1)
    assert driver.invoked("b") == 1 and errors(driver.only_run()) == {1: "Unanswered"}
    driver.run("read", "--resume", driver.only_run())
    assert driver.invoked("b") == 2


def test_the_lost_answer_of_a_single_job_comes_from_the_bucket_too(driver):
    driver.behave("dropped-kept", key="b")
    driver.run("read", "--key-file", driver.keys("a", "b"))
    assert driver.invoked("b") == 1 and errors(driver.only_run()) == {}


def test_a_lost_answer_is_found_below_a_prefix_that_begins_with_a_dash(driver):
    driver.behave("dropped-kept")
    assert "1 good" in driver.run("write", 1, 1, "--key-prefix", "-x/").out


def test_an_orphan_does_not_write_over_what_a_later_driver_has_found(driver, tmp_path):
    run = tmp_path / "run"
    for folder in ("work", "answers"):
        (run / folder).mkdir(parents=True)
    (run / "work" / "1-000000.event").write_text('{"jobs": []}')
    (run / "work" / "1-000000.jobs").write_text('[{"job": 0, "op": "write", "key": "k"}]')
    found = run / "answers" / "1-000000.ndjson"
    found.write_text("found\n")
    (driver.bin / "aws").unlink()
    (driver.bin / "aws").write_text(
        f"#!/bin/sh\n/bin/rm '{run}/work/1-000000.sent'\necho Connection was closed >&2\nexit 255\n"
    )
    (driver.bin / "aws").chmod(0o755)
    (tmp_path / "answers").mkdir()
    later = int(time.time()) + 60
    arguments = ["send", run, tmp_path, "f", 0, later, told_of(os.getpid()).strip(), "b", "folder/", "1-000000"]
    command = [driver.bin / "bash", part("invoke.sh"), *map(str, arguments)]
    subprocess.run(command, env=driver.env, check=True, timeout=60)
    assert found.read_text() == "found\n"


def in_shell(script, *arguments):
    rooms = ("messages", "process", "tools", "folder", "background", "aws", "preflight")
    sources = [part(f"{name}.sh") for name in rooms]
    loaded = "".join(f". '{source}'; " for source in sources)
    command = ["bash", "-euc", f"PROGRAM=test ROOT='{ROOT}'; {loaded} {script}", "-", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_an_interruption_is_told_wherever_messages_were_sent():
    done = in_shell('on_interruption say "what it means"; interruption 2>/dev/null')
    assert done.returncode == 130 and "what it means" in done.stderr


def test_an_interruption_between_two_substitutions_of_one_command_is_one(tmp_path):
    """Bash 5.2 runs a trap where it begins to read the second."""
    script = 'TMPDIR=$1; scratch; on_interruption say told; : "$(kill -TERM $$; sleep 0.2)" "$(:)"; echo "it went on"'
    done = in_shell(script, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "test: told\n")
    assert list(tmp_path.iterdir()) == []


def test_a_run_json_that_cannot_be_changed_stays_as_it_was(driver, tmp_path):
    driver.after("write", 1, 1)
    run = driver.only_run()
    before = (run / "run.json").read_text()
    done = in_shell('SCRATCH=/nowhere; amend "$1" .deleted 5', run)
    assert done.returncode == 1 and (run / "run.json").read_text() == before


def test_run_json_takes_more_ranges_than_an_argument_has_room_for(driver, tmp_path):
    """Of 40,000 jobs every second one failed."""
    driver.after("write", 1, 1)
    run = driver.only_run()
    many = "[range(20000) | [2 * ., 2 * .]]"
    done = in_shell(f'SCRATCH=$2; amend "$1" .launches[0].jobs "$(jq -n -c "{many}")"', run, tmp_path)
    assert done.returncode == 0 and launched(run)[0][-1] == [39998, 39998], done.stderr


def test_a_process_that_was_stopped_is_ended_too():
    stopped = "start_group sh -c 'kill -STOP $$; sleep 60'; sleep 1"
    done = in_shell(f"{stopped}; end_groups; ! kill -0 $GROUP 2>/dev/null")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not (shutil.which("taskset") and shutil.which("chrt")), reason="the system has no chrt")
def test_a_process_that_ended_at_the_moment_of_an_interruption_is_not_waited_for(tmp_path):
    """Both are there when the driver gets the processor again: Bash drops the status that its wait was to take."""
    script = """TMPDIR=$1; scratch; taskset -cp "$2" $$ >/dev/null
        start_group sleep 90; lasting=$GROUP
        start_group sh -c 'sleep 0.5; kill -INT $0' $$
        start_group sleep 90
        chrt -i -p 0 $$
        wait "$lasting" """
    done = in_shell(script, tmp_path, min(os.sched_getaffinity(0)))
    assert done.returncode == 130 and "interrupted" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_has_one_driver(driver):
    driver.hasty()
    (driver.stub / "squad-1-000001.json").write_text("slow\n")
    process = start_and_wait(driver, "write", 4, 64, "--squad", 2, "--start-in", 0, "--timeout", 1)
    run = driver.only_run()
    done = driver.run("write", "--resume", run, exit=3)
    assert f"process {process.pid}" in done.err
    process.kill()
    # Whoever started it reads to the end of its output, and asks only then how it ended.
    assert select.select([process.stdout], [], [], 20)[0] and process.stdout.read() == ""
    wait_for(lambda: not any(b"driver.sh" in line for line in processes_of(driver)), None)
    assert f"process {process.pid}" not in driver.run("write", "--resume", run).err
    process.communicate(timeout=60)


def told_of(pid):
    """What a lock says of a process."""
    script = '. "$1"; process "$2"'
    command = ["bash", "-euc", script, "-", part("process.sh"), str(pid)]
    return subprocess.check_output(command, text=True, timeout=20)


def test_a_void_lock_is_replaced_by_one_driver(driver):
    """Of two that find it at the same time one has it."""
    driver.after("write", 1, 1)
    run = driver.only_run()
    (run / "lock").write_text(told_of(os.getpid()).replace(" ", " 1"))
    # The other comes once this one has found the lock void.
    late = 'lives() { . "$ROOT/driver/process.sh"; process "$PPID" >"$RUN/lock"; return 1; }'
    done = in_shell(f'SCRATCH=$1 RUN=$2; {late}; lock "$RUN"', driver.tmp, run)
    assert done.returncode == 3 and f"process {os.getpid()}" in done.stderr, done.stderr
    assert (run / "lock").read_text() == told_of(os.getpid()), "it is another's"
    assert f"process {os.getpid()}" in driver.run("write", "--resume", run, exit=3).err
    # A driver was killed while it replaced a void one.
    for name in ("lock", "lock.next"):
        (run / name).write_text("")
    assert "nothing is launched" in driver.run("write", "--resume", run).err and not list(run.glob("lock*"))


def test_the_lock_of_an_older_driver_counts(driver):
    driver.after("write", 1, 1)
    lock = driver.only_run() / "lock"
    lock.mkdir()
    (lock / "driver").write_text(told_of(os.getpid()))
    assert f"process {os.getpid()}" in driver.run("write", "--resume", driver.only_run(), exit=3).err
    (lock / "driver").write_text("1 1\n")
    driver.run("write", "--resume", driver.only_run())
    assert not lock.exists()


@pytest.mark.parametrize("proc", ["/proc/", "/nowhere/"])
def test_a_process_is_told_from_a_later_one_of_its_number(tmp_path, proc):
    """With /proc, and with ps where there is none."""
    if proc == "/nowhere/" and not shutil.which("ps"):
        pytest.skip("there is no ps")
    script = tmp_path / "process.sh"
    script.write_text(part("process.sh").read_text().replace("/proc/", proc))
    sleeper = subprocess.Popen(["sleep", "600"])
    try:
        command = ["bash", "-euc", '. "$1"; process "$2"', "-", script, str(sleeper.pid)]
        told = subprocess.check_output(command, text=True, timeout=20)
        number, _, start = told.strip().partition(" ")
        assert int(number) == sleeper.pid and start

        def lives(process):
            command = ["bash", "-euc", '. "$1"; lives "$2"', "-", script, process]
            return subprocess.run(command, timeout=20).returncode == 0

        assert lives(told.strip()) and not lives(f"{number} another start") and not lives("") and not lives("x 1")
    finally:
        sleeper.kill()
        sleeper.wait(20)
    assert not lives(told.strip())


def test_a_process_that_has_the_number_of_a_dead_one_is_left_alone(driver):
    (driver.stub / "bad").write_text("k1")
    driver.run("read", "--key-file", driver.keys("k0", "k1"), "--squad", 2, exit=1)
    run = driver.only_run()
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        (run / "lock").write_text(f"{stranger.pid} 1\n")
        (driver.stub / "bad").unlink()
        driver.run("read", "--resume", run)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait(20)


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["read", "--resume", "RUN"], "is a write run"),
        (["write", 3, 64, "--resume", "RUN"], 'as it was planned; "3" is too many'),
        (["write", "--resume", "RUN", "--part-mb", 5], "as it was planned; with it go --squad --start-in"),
        (["write", "--resume", "nowhere"], '"nowhere"'),
    ],
)
def test_resume_does_not_change_a_run(driver, args, text):
    driver.after("write", 2, 64)
    args = [driver.only_run() if arg == "RUN" else arg for arg in args]
    assert text in driver.run(*args, exit=2).err


def test_a_function_that_was_changed_does_not_complete_a_run(driver):
    """One memory is told of all its jobs."""
    (driver.stub / "bad").write_text("k1")
    driver.run("read", "--key-file", driver.keys("k0", "k1"), "--squad", 2, exit=1)
    run = driver.only_run()
    answer(driver, "function", FUNCTION | {"MemorySize": 512})
    done = driver.run("read", "--resume", run, exit=3)
    command = "aws lambda update-function-configuration --region eu-west-1 --function-name terabit --memory-size 2048"
    assert f"has 512 MB of memory now, and the run 2,048: {command}" in done.err, done.err
    answer(driver, "function", FUNCTION | {"Architectures": ["x86_64"]})
    assert "is for x86_64 now, and in the run for arm64: make deploy ARCH=arm64" in driver.run(
        "read", "--resume", run, exit=3
    ).err
    answer(driver, "function", FUNCTION | {"Timeout": 60})
    assert "--timeout 900" in driver.run("read", "--resume", run, exit=3).err
    assert len(config_of(run)["launches"]) == 1 and not (run / "lock").exists()
    answer(driver, "function", FUNCTION)
    driver.run("read", "--resume", run)
    answer(driver, "function", FUNCTION | {"MemorySize": 512})
    assert "nothing is launched" in driver.run("read", "--resume", run).err


def test_resume_goes_where_the_run_was_made(driver):
    (driver.stub / "bad").write_text("k1")
    driver.run("read", "--key-file", driver.keys("k0", "k1"), "--squad", 2, exit=1)
    run = driver.only_run()
    driver.env |= {"AWS_REGION": "us-east-2", "BUCKET": "other-bucket", "FUNCTION": "other"}
    driver.run("read", "--resume", run)
    assert driver.calls("configuration")[-1][1:] == ["terabit", "eu-west-1", "eu-west-1"]
    assert read_json(run / "run.json")["bucket"] == "some-bucket"
    driver.env["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    asked = len(driver.calls("configuration"))
    assert "was made on AWS" in driver.run("read", "--resume", run, exit=3).err
    assert len(driver.calls("configuration")) == asked and not (run / "lock").exists()


# Progress


def said_until(driver, text, *args, answered):
    """What a driver says on stderr until it is interrupted, a moment after a text."""
    path = driver.stub / "said"
    with path.open("w") as said:
        process = start_and_wait(driver, *args, answered=answered, stderr=said)
    wait_for(lambda: re.search(text, path.read_text()), process)
    time.sleep(1.5)
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    return path.read_text()


def test_progress_tells_the_phases_and_invents_nothing(driver):
    (driver.stub / "squad-1-000001.json").write_text("slow\n")
    args = ["write", 4, 64, "--squad", 2, "--start-in", 3, "--timeout", 1]
    said = said_until(driver, "answered 2 of 4 jobs, 0 failed", *args, answered=1)
    lines = without_waiting(said).splitlines()
    assert all(line.startswith("driver: ") for line in lines)
    assert lines[0] == "driver: ping"
    assert len([line for line in lines if "answered" in line]) <= 2
    done = driver.run("write", 2, 1, "--start-in", 0)
    assert "driver: answered 2 of 2 jobs, 0 failed\n" in done.err


def test_progress_counts_down_to_the_start_by_this_machines_clock(driver):
    (driver.stub / "squad").write_text("slow\n")
    (driver.stub / "ahead").write_text("3600")
    args = ["write", 4, 64, "--squad", 2, "--start-in", 60]
    said = said_until(driver, r"launched 2 squads, [1-6]?\d s to the start", *args, answered=0)
    assert "answered" not in said.split("interrupted")[0]


def test_progress_counts_down_to_the_end_of_a_run_by_time(driver):
    (driver.stub / "squad").write_text("slow\n")
    args = ["write", 4, "4KiB", "--squad", 2, "--start-in", 0, "--for", 50]
    said = said_until(driver, r"2 squads at work, [1-5]?\d s to the end", *args, answered=0)
    assert "answered" not in said.split("interrupted")[0], "squads tell nothing meanwhile"


def test_a_code_can_be_typed_in_where_credentials_ask_for_one(driver):
    """On a terminal, by a process that reads from it; in the background it would stand still."""
    del driver.env["AWS_ACCESS_KEY_ID"]
    (driver.bin / "aws").unlink()
    (driver.bin / "aws").write_text(
        '#!/bin/bash\ncase $1-$2 in configure-export-credentials) read -r code </dev/tty\n'
        f'  printf "%s" "$code" >"$STUB/code" ;; esac\nexec "{ROOT}/tests/stub_aws" "$@"\n'
    )
    (driver.bin / "aws").chmod(0o755)
    on_a_terminal(driver, "write", "1", "1", typed=b"123456\n")
    assert (driver.stub / "code").read_text() == "123456"


def test_a_terminal_that_stops_what_writes_in_the_background_stops_no_run_of_a_sweep(driver):
    on_a_terminal(driver, "sweep", "1", "1", modes=termios.TOSTOP)


def on_a_terminal(driver, *args, typed=b"", modes=0):
    """A driver on a terminal of its own, from its start to its good end."""
    pid, terminal = pty.fork()
    if pid == 0:
        settings = termios.tcgetattr(0)
        settings[3] |= modes
        termios.tcsetattr(0, termios.TCSANOW, settings)
        os.chdir(driver.project)
        os.execve(driver.bin / "bash", ["bash", "driver.sh", *args], driver.env)
    os.write(terminal, typed)
    deadline = time.time() + 200
    while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0:
        if time.time() > deadline:
            os.kill(pid, signal.SIGTERM)
            pytest.fail(f"{args} stands still")
        if select.select([terminal], [], [], 0.1)[0]:
            with contextlib.suppress(OSError):
                os.read(terminal, 4096)
    assert os.waitstatus_to_exitcode(ended[1]) == 0
