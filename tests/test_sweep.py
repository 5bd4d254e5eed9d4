"""Sweeps with a stub in place of the AWS CLI: their points, what they cost, how they end, the function's memory."""

import contextlib
import json
import os
import re
import signal
import subprocess
from itertools import product

import pytest
from harness import JQ, processes_of, read_json, session_of, wait_for, without_waiting

ROOM = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 3}


def sweep_of(driver):
    (folder,) = (driver.project / "runs").glob("*-sweep")
    return folder


def runs_of(driver):
    return [run for run in driver.runs() if not run.name.endswith("-sweep")]


def configurations(driver, *fields):
    """Of each run, in the order in which they were made: op, and some fields of its run.json."""
    configs = [read_json(run / "run.json") for run in runs_of(driver)]
    return [tuple(config.get(field) for field in ("op", *fields)) for config in configs]


def plans(driver, *args):
    return json.loads(driver.run("sweep", *args, "--dry-run", "--json").out)


def a_moment_into(driver, number, *args):
    """A sweep, once the run of this number is under way; its jobs take a minute."""

    def have_ended():
        return sum((run / "summary.json").exists() for run in runs_of(driver)) == number - 1

    def has_begun():
        return len(runs_of(driver)) == number and list(runs_of(driver)[-1].glob("work/*.sent"))

    process = driver.start("sweep", *args, "--start-in", 0, "--timeout", 1, start_new_session=True)
    wait_for(have_ended, process, 120)
    driver.behave("slow")
    wait_for(has_begun, process, 120)
    return process


def a_moment_into_a_write(driver, *args):
    """The same of its second write."""
    return a_moment_into(driver, 3, *args)


def break_jq(driver, when, says="", status=2):
    """Where `when`, a condition of the shell, is so, jq prints only this, and fails as on a full disk."""
    real = (driver.bin / "jq").resolve()
    (driver.bin / "jq").unlink()
    (driver.bin / "jq").write_text(f"""#!/bin/bash
if {when}; then
  printf %s '{says}'
  printf 'jq: error: writing output failed: No space left on device\\n' >&2
  exit {status}
fi
exec "{real}" "$@"
""")
    (driver.bin / "jq").chmod(0o755)


def kill(process):
    """All of a sweep, as when a machine goes down."""
    for pid in (process.pid, *session_of(process)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=120)


# Points


def test_a_sweep(driver):
    done = driver.run("sweep", "1 4", 64, "--verify", "--squad", 2, "--json")
    sweep = json.loads(done.out)
    assert sweep["stopped"] is None
    assert [(row["op"], row["jobs"], row["repetitions"]) for row in sweep["rows"]] == [
        ("write", 1, 1),
        ("write", 4, 1),
        ("read", 1, 1),
        ("read", 4, 1),
    ]
    for row in sweep["rows"]:
        assert row["goodput"]["min"] == row["goodput"]["median"] == pytest.approx(0.033554432 * row["jobs"])
        assert row["of_ideal"] == pytest.approx(1) and row["mbps_p50"] == pytest.approx(33.554432)
    runs = runs_of(driver)
    assert len(runs) == 4 and all(read_json(run / "run.json").get("verify", True) for run in runs)
    assert read_json(sweep_of(driver) / "sweep.json") == sweep
    # Each write, then its read, in the order that was told.
    told = re.findall(r"sweep: \d of 2: (\d) 64$", done.err, re.M)
    assert sorted(told) == ["1", "4"]
    assert configurations(driver, "jobs") == [(op, int(jobs)) for jobs in told for op in ("write", "read")]
    for write, read in zip(runs[::2], runs[1::2], strict=True):
        assert read_json(read / "run.json")["reads"]["name"] == write.name


def test_each_combination_is_run(driver):
    done = driver.run("sweep", "1,2", "64", "--part-mb", "8 16", "--in-flight", 4, "--range-mb", "0")
    found = configurations(driver, "jobs", "part_mb", "in_flight")
    assert sorted(row[1:] for row in found if row[0] == "write") == [(1, 8, 4), (1, 16, 4), (2, 8, 4), (2, 16, 4)]
    assert configurations(driver, "range_mb")[1] == ("read", 0)
    assert re.search(r"sweep: 1 of 4: [12] 64 --in-flight 4 --part-mb (8|16) --range-mb 0$", done.err, re.M)
    assert "part MiB" in done.out


def test_a_list_is_read_whole_and_each_value_is_one(driver):
    told = plans(driver, "1\n2", "1 1MiB\n1024KiB\t2", "--in-flight", "8\n08\n9")
    points = {f"{n} {size} --in-flight {r}" for n, size, r in product((1, 2), (1, 2), (8, 9))}
    assert sorted(plan["point"] for plan in told) == sorted(2 * list(points))


def test_a_dry_run_tells_every_combination_and_the_sum(driver):
    lists = ["1 100", "64 128", "--range-mb", "8 64", "--repeat", 3]
    told = plans(driver, *lists)
    assert [(plan["op"], plan["jobs"], plan["mb_per_file"], plan.get("range_mb", 0)) for plan in told[:4]] == [
        ("write", 1, 128, 0), ("read", 1, 128, 64), ("write", 1, 128, 0), ("read", 1, 128, 8),
    ]
    points = {plan["point"] for plan in told}
    assert points == {f"{n} {mb} --range-mb {r}" for n, mb, r in product((1, 100), (64, 128), (8, 64))}
    assert all(plan["cost"]["requests"]["gets"] >= plan["jobs"] for plan in told if plan["op"] == "read")
    done = driver.run("sweep", *lists, "--dry-run", "--max-cost", 1000)
    assert all(f"\n  {point}: " in done.out for point in points) and "Nothing was launched" in done.out
    sums = re.search(r"48 runs: about \$([\d.]+), at most\s\$([\d.]+)", done.out)
    about, most = (float(usd) for usd in sums.groups())
    costs = [plan["cost"] for plan in told]
    assert about == pytest.approx(3 * sum(cost["compute_usd"] + cost["requests_usd"] for cost in costs), abs=0.006)
    assert most == pytest.approx(3 * sum(cost["ceiling_usd"] for cost in costs), abs=0.006)
    assert driver.runs() == [] and driver.calls("ping") == []


def test_a_read_is_planned_of_as_many_objects_as_its_write_puts(driver):
    write, read = plans(driver, 1, "128MiB", "--for", 20)
    assert write["reckoned_objects"] == read["objects"] == 12, "78.125 MB/s; each object takes four requests"


def test_the_ceiling_holds_for_the_sum(driver):
    args = ["1000", "64", "--repeat", 2]
    most = [plan["cost"]["ceiling_usd"] for plan in plans(driver, *args, "--max-cost", 1000)]
    between = (max(most) + 2 * sum(most)) / 2
    done = driver.run("sweep", *args, "--max-cost", f"{between:.2f}", exit=3)
    assert f"up to ${2 * sum(most):.2f} together" in done.err and "--yes" in done.err
    assert driver.runs() == [] and driver.calls("ping") == []
    driver.run("sweep", *args, "--max-cost", f"{between:.2f}", "--yes", "--dry-run")


def test_a_small_ceiling_is_handed_on_as_the_option_takes_it(driver):
    driver.run("sweep", 1, 1, "--max-cost", "0.00001", "--yes")


def test_streams_that_end_by_time_share_what_the_ceiling_pays_for(driver):
    args = ["2", "4KiB", "--for", 20, "--in-flight", 64, "--max-cost", 2]
    done = driver.run("sweep", *args)
    assert "WARNING: for all of its time this sweep may cost up to $" in done.err
    ceilings = [read_json(run / "run.json")["launches"][0]["cost"]["ceiling_usd"] for run in runs_of(driver)]
    assert 1 < sum(ceilings) <= 2 and min(ceilings) > 0
    assert configurations(driver, "bytes_per_file", "for_s") == [("write", 4096, 20), ("read", 4096, 20)]
    assert read_json(runs_of(driver)[0] / "run.json")["objects"] < 1_000_000
    assert "add --yes to allow it" in driver.run("sweep", *args[:-1], 0.001, exit=3).err


def test_the_order_is_of_chance(tmp_path):
    script = """
    set -euo pipefail
    PROGRAM=driver ROOT=$1 SCRATCH=$2 NUMBERS='1 2 3 4 5 6 7 8' SIZES=64 OPT_REPEAT=4
    OPT_IN_FLIGHT='' OPT_PART_MB='' OPT_RANGE_MB='' OPT_MEMORY='512 1769'
    . "$ROOT/driver/messages.sh"; . "$ROOT/driver/sweep/points.sh"
    choose_points
    cat "$SCRATCH/turns"
    """
    command = ["bash", "-c", script, "bash", JQ.parent, tmp_path]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()
    turns = [lines[n : n + 16] for n in range(0, 64, 16)]
    every = sorted(f"{n} 64 - - - {mb}" for n in range(1, 9) for mb in (512, 1769))
    assert all(sorted(turn) == every for turn in turns) and len({tuple(turn) for turn in turns}) == 4


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["1 two", 64], 'NUMBER is "two"; a whole number from 1 to 100000'),
        (["", 64], 'NUMBER is ""'),
        (["*", 64], 'NUMBER is "*"'),
        ([1, " "], 'SIZE is " "'),
        (["1", "64MiB,0"], 'SIZE is "0"; a whole number of MiB is accepted'),
        (["1", "64", "--part-mb", "8 4"], '--part-mb is "4"; a whole number from 5 to 5120'),
        (["1", "64 100000", "--part-mb", "8 64"], "with parts of 8 MiB that can be more than S3's 10000 parts"),
        (["1", "64", "--memory", "512,64"], '--memory is "64"; a whole number from 128 to 10240'),
        (["1 2 3 4 5 6 7 8 9 10 11", "1 2 3 4 5 6 7 8 9 10"], "these are 110 combinations; a sweep takes at most 100"),
        ([1], 'as in ./driver.sh sweep "1 10 100" 64'),
        ([1, 2, 3], '"3" is too many'),
    ],
)
def test_what_is_no_list_is_refused(driver, args, text):
    assert text in driver.run("sweep", *args, exit=2).err
    assert driver.calls("") == []


def test_a_list_is_for_sweeps_alone(driver):
    assert '--part-mb is "8 16"; a whole number' in driver.run("write", 1, 64, "--part-mb", "8 16", exit=2).err
    assert 'write takes no option "--memory"' in driver.run("write", 1, 64, "--memory", 512, exit=2).err


# How it ends


def test_a_sweep_knows_its_own_runs(driver):
    """Whatever else is in the folder, and however new."""
    driver.after("write", 3, 1)
    stranger = driver.project / "runs" / "29991231T235959Z-write-3"
    driver.only_run().rename(stranger)
    driver.run("sweep", "1 2", 64)
    runs = {run for row in read_json(sweep_of(driver) / "sweep.json")["rows"] for run in row["runs"]}
    assert len(runs) == 4 and not any("29991231" in run for run in runs)
    for run in runs_of(driver):
        if "-read-" in run.name:
            assert read_json(run / "run.json")["reads"]["name"] != stranger.name


def test_a_run_that_cannot_be_is_refused_before_any_other(driver):
    (driver.stub / "account.json").write_text(json.dumps({"AccountLimit": ROOM}))
    done = driver.run("sweep", "2 8", 64, exit=3)
    assert "write 8 64 could not run, so nothing was launched:" in done.err and "3 workers fit now" in done.err
    assert driver.runs() == [] and driver.calls("ping") == []


def test_a_run_whose_plan_fails_is_refused_before_any_other(driver):
    break_jq(driver, '[[ "$*" == *plan/configuration*"--arg op read "* ]]', status=1)
    done = driver.run("sweep", 1, 64, exit=1)
    assert "read 1 64 could not run, so nothing was launched:" in done.err and "No space left on device" in done.err
    assert driver.runs() == [] and driver.calls("ping") == []


def test_a_sweep_stops_where_a_run_is_refused(driver):
    process = driver.start("sweep", "1 2", 64)
    wait_for(lambda: any((run / "summary.json").exists() for run in runs_of(driver)), process, 120)
    (driver.stub / "ping.fail").write_text("An error occurred (403) when calling the Invoke operation: no")
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 3 and "STOPPED EARLY (" in out and re.search(r"^ +A +write ", out, re.M)
    assert read_json(sweep_of(driver) / "sweep.json")["stopped"].endswith("ended with exit status 3")


@pytest.mark.parametrize("options", [[], ["--for", 20]])
def test_a_write_that_left_nothing_is_not_read_and_the_sweep_goes_on(driver, options):
    driver.behave("crash")
    done = driver.run("sweep", "1 2", 64, *options, exit=1)
    sweep = read_json(sweep_of(driver) / "sweep.json")
    assert [row["op"] for row in sweep["rows"]] == ["write", "write"] and sweep["stopped"] is None
    for number in (1, 2):
        assert f"read {number} 64 is left out: no job of its write is good\n" in done.err


def test_a_sweep_that_is_interrupted_shows_what_there_is(driver):
    process = a_moment_into_a_write(driver, "1 2", 64)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "STOPPED EARLY (interrupted)" in out and re.search(r"^ +A +write ", out, re.M)
    sweep = read_json(sweep_of(driver) / "sweep.json")
    assert sweep["stopped"] == "interrupted"
    # What the run that was cut short may have written belongs to the sweep as well.
    runs = {run.name for run in runs_of(driver)}
    named = {run.split("/")[-1] for row in sweep["rows"] for run in row["runs"]}
    assert {sweep["unfinished"].split("/")[-1]} == runs - named
    assert sweep["unfinished"] in driver.run("delete", sweep_of(driver), "--dry-run").out
    assert processes_of(driver) == []


def test_the_run_that_was_cut_short_is_found_below_a_folder_with_a_blank(driver):
    (driver.project / "my runs").mkdir()
    (driver.project / "runs").symlink_to("my runs")
    process = a_moment_into(driver, 1, 1, 64, "--out", "my runs")
    os.kill(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    (run,) = runs_of(driver)
    assert f"UNFINISHED: 'my runs/{run.name}'" in out
    assert read_json(sweep_of(driver) / "sweep.json")["unfinished"] == f"my runs/{run.name}"
    done = driver.run("delete", f"my runs/{sweep_of(driver).name}", "--dry-run")
    assert run.name in done.out and "is not there any more" not in done.err


@pytest.mark.parametrize("number", [1, 2])
def test_a_sweep_that_is_killed_names_each_of_its_runs(driver, number):
    kill(a_moment_into(driver, number, 1, 64))
    assert len(read_json(sweep_of(driver) / "sweep.json")["rows"]) == number - 1
    # A machine that comes up again has no process of that number; here nobody may have waited for it yet.
    (runs_of(driver)[-1] / "lock").unlink()
    done = driver.run("delete", sweep_of(driver), "--dry-run")
    assert [done.out.count(run.name) > 0 for run in runs_of(driver)] == [True] * number, done.out + done.err


def test_a_run_that_ends_before_it_has_a_folder_stops_the_sweep(driver):
    driver.after("write", 3, 1)
    break_jq(driver, '[[ -n ${TELL_RUN:-} && "$*" == *plan/configuration* ]]', status=1)
    done = driver.run("sweep", 1, 64, exit=1)
    assert "the sweep stops: write 1 left no run" in done.err and "nothing was measured" in done.out
    assert len(runs_of(driver)) == 1


def test_a_sweep_that_is_killed_keeps_what_it_had_measured(driver):
    process = a_moment_into_a_write(driver, "1 2", 64)
    kill(process)
    done = driver.run("report", sweep_of(driver), exit=1)
    assert "STOPPED EARLY (killed, or not at its end yet)" in done.out and re.search(r"^ +B +read ", done.out, re.M)


# Memory


def changes(driver):
    return [int(call[1]) for call in driver.calls("memory ")]


def memory_now(driver):
    return int((driver.stub / "memory").read_text())


def putting_back(driver, sweep=None):
    note = f"runs/{(sweep or sweep_of(driver)).name}/memory.json"
    return (
        "aws lambda update-function-configuration --region eu-west-1 --function-name terabit --memory-size 2048 && "
        f"rm {note}"
    )


def test_a_sweep_over_memory_puts_the_old_one_back(driver):
    (driver.stub / "memory-2048").write_text("An error occurred (ResourceConflictException): under way\n\n")
    done = driver.run("sweep", 1, 64, "--memory", "512 1769")
    assert sorted(changes(driver)[:2]) == [512, 1769] and changes(driver)[2:] == [2048, 2048]
    order = [memory for memory in changes(driver)[:2] for _ in range(2)]
    assert [memory for _, memory in configurations(driver, "memory_mb")] == order
    assert "memory MB" in done.out and "1,769" in done.out
    assert without_waiting(done.err).endswith("driver: putting the memory of the function back to 2048 MB\n")
    assert not (sweep_of(driver) / "memory.json").exists()
    assert "memory" not in driver.run("report", sweep_of(driver)).err


@pytest.mark.parametrize("text", ["{", "", "[]", '{"endpoint": ""}'])
def test_a_damaged_note_of_the_memory_is_named(driver, text):
    sweep = driver.project / "runs" / "20260101T000000Z-sweep"
    sweep.mkdir(parents=True)
    note = sweep / "memory.json"
    note.write_text(text)
    driver.run("write", 1, 1)
    said = driver.run("report").err
    assert said.count("\n") == said.count("driver: ") == 1 + said.count("no picture"), said
    assert "memory.json is damaged" in said and f"rm runs/{sweep.name}/memory.json forgets it" in said
    note.write_text(json.dumps({"arn": "a:b:c:eu-west-1", "function": "f", "memory_mb": 512, "endpoint": ""}))
    assert f"(if the function is gone, only rm runs/{sweep.name}/memory.json)" in driver.run("report").err
    note.write_text(json.dumps({"arn": "a", "function": "f", "memory_mb": 512, "endpoint": ""}))
    said = driver.run("report").err
    assert "function-configuration --function-name f --memory-size 512 && rm " in said and "jq" not in said


def test_the_old_memory_is_known_before_the_first_change(driver):
    (driver.stub / "memory-512").write_text("An error occurred (AccessDeniedException): no\n")
    (driver.bin / "aws").unlink()
    (driver.bin / "aws").write_text(
        '#!/bin/bash\ncase $2 in update-function-configuration) cp runs/*-sweep/memory.json "$STUB/seen" ;; esac\n'
        f'exec "{JQ.parent}/tests/stub_aws" "$@"\n'
    )
    (driver.bin / "aws").chmod(0o755)
    done = driver.run("sweep", 1, 64, "--memory", 512, exit=3)
    assert read_json(driver.stub / "seen")["memory_mb"] == 2048
    assert "may not lambda:UpdateFunctionConfiguration" in done.err and "nothing was measured" in done.out
    assert changes(driver) == [512, 2048] and runs_of(driver) == []


def test_a_full_disk_refuses_before_the_memory_is_changed(driver):
    break_jq(driver, '[[ "$*" == *"memory_mb: .MemorySize"* ]]', says='{"function": "terabit",')
    done = driver.run("sweep", 1, 64, "--memory", 512, exit=3)
    assert "No space left on device" in done.err and "putting the memory" not in done.err
    assert changes(driver) == [] and "memory" not in driver.run("report", sweep_of(driver), exit=1).err


def test_a_size_that_the_account_refuses_loses_its_points_only(driver):
    complaint = "An error occurred (InvalidParameterValueException): 'MemorySize' value failed to satisfy constraint"
    (driver.stub / "memory-10240").write_text(f"{complaint}\n" * 2)
    done = driver.run("sweep", 1, 64, "--memory", "512 10240", "--repeat", 2, exit=1)
    assert "the account refuses 10240 MB of memory" in done.err
    assert "LEFT OUT: 10,240 MB of memory" in done.out and complaint in re.sub(r"\s+", " ", done.out)
    assert {memory for _, memory in configurations(driver, "memory_mb")} == {512} and len(runs_of(driver)) == 4
    assert read_json(sweep_of(driver) / "sweep.json")["lost"] == [{"memory_mb": 10240, "why": complaint}]
    assert memory_now(driver) == 2048
    assert "LEFT OUT" in driver.run("report", sweep_of(driver), exit=1).out


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_sweep_puts_the_memory_back(driver, sent):
    process = a_moment_into_a_write(driver, 1, 64, "--memory", "512 1769")
    assert memory_now(driver) != 2048
    if sent == signal.SIGTERM:
        second = driver.run("sweep", 1, 64, "--memory", 512, exit=3)
        assert f"another driver (process {process.pid}) is at work in runs/" in second.err
    os.kill(process.pid, sent)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130 and memory_now(driver) == 2048, err
    assert not list((driver.project / "runs").glob("*-sweep/memory.json")) and processes_of(driver) == []


def test_a_run_that_is_refused_puts_the_memory_back(driver):
    (driver.stub / "ping.fail").write_text("An error occurred (403) when calling the Invoke operation: no")
    driver.run("sweep", 1, 64, "--memory", "512 1769", exit=3)
    assert len(changes(driver)) == 2 and memory_now(driver) == 2048


def test_memory_that_cannot_be_put_back_is_the_last_line(driver):
    (driver.stub / "memory-2048").write_text("An error occurred (ServiceException): no\n" * 5)
    done = driver.run("sweep", 1, 64, "--memory", 512, exit=1)
    assert done.err.splitlines()[-1] == f"driver: to put it back: {putting_back(driver)}"
    assert "ServiceException" in done.err.splitlines()[-2] and memory_now(driver) == 512
    # Every command tells it until it is done; no sweep takes the changed memory for the old one.
    for words, status in ((["report"], 0), (["write", 1, 64], 0), (["sweep", 1, 64, "--memory", 1769], 3)):
        assert putting_back(driver, sorted((driver.project / "runs").glob("*-sweep"))[0]) in driver.run(
            *words, exit=status
        ).err
    assert changes(driver) == [512, 2048]


def test_a_killed_sweep_is_told_by_the_next_command(driver):
    process = a_moment_into_a_write(driver, 1, 64, "--memory", "512 1769")
    kill(process)
    told = f"driver: the sweep runs/{sweep_of(driver).name} ended without putting the function's memory back"
    assert told in driver.run("delete", runs_of(driver)[0], "--dry-run").err
    driver.env["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    assert told not in driver.run("report", runs_of(driver)[0]).err, "another Lambda has another function"
    del driver.env["AWS_ENDPOINT_URL"]
    command = putting_back(driver)
    assert command in driver.run("report", runs_of(driver)[0]).err
    subprocess.run(["bash", "-c", command], check=True, env=driver.env, cwd=driver.project, timeout=60)
    assert memory_now(driver) == 2048 and "memory" not in driver.run("report", runs_of(driver)[0]).err


@pytest.mark.parametrize(
    ("function", "own"),
    [
        ("terabit", True),
        ("arn:aws:lambda:eu-west-1:123456789012:function:terabit", True),
        ("123456789012:function:terabit", True),
        ("terabit:live", False),
        ("myfunction:7", False),
        ("arn:aws:lambda:eu-west-1:123456789012:function:terabit:live", False),
    ],
)
def test_an_alias_or_a_version_has_no_memory_of_its_own(driver, function, own):
    args = ["sweep", 1, 64, "--memory", 512, "--function", function, "--dry-run"]
    done = driver.run(*args, exit=0 if own else 2)
    assert (f'"{function}" is a version or an alias' in done.err) != own


def test_a_dry_run_knows_what_memory_brings_and_changes_nothing(driver):
    quotas = [{"QuotaName": "Network bandwidth per execution environment", "Value": 3000}]
    (driver.stub / "network.json").write_text(json.dumps({"Quotas": quotas}))
    (driver.stub / "memory").write_text("512")
    told = {plan["memory_mb"]: plan for plan in plans(driver, 1, 64, "--memory", "512 10240") if plan["op"] == "write"}
    assert told[512]["network_mbps"] == 78.125 and told[10240]["network_mbps"] == 375
    assert (told[512]["in_flight"], told[10240]["in_flight"]) == (8, 19)
    assert changes(driver) == [] and driver.runs() == []


def test_each_ping_must_tell_the_memory(driver):
    (driver.stub / "stale").write_text("1")
    driver.run("write", 1, 64)
    assert len(driver.calls("ping")) == 2
    (driver.bin / "sleep").unlink()
    (driver.bin / "sleep").write_text("#!/bin/sh\nexec /bin/sleep 0.05\n")
    (driver.bin / "sleep").chmod(0o755)
    (driver.stub / "stale").write_text("100")
    done = driver.run("write", 1, 64, exit=3)
    assert "answers with 128 MB of memory and has 2048 by its configuration" in done.err
