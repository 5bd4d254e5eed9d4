"""Fleets end to end: squads, lost and late answers, throttling, clocks, sweeps, a terminal; on the same parts as
test_local.py."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

import pytest
from harness import copy_driver, ndjson, read_json, session_of, wait_for, without_waiting


def summary_of(local, op):
    return read_json(local.run_of(op) / "summary.json")


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
    records = ndjson(local.run_of("write") / "records.ndjson")
    assert [(r["launch"], r.get("error", {}).get("type")) for r in records].count((1, "Crashed")) == 1
    assert len(records) == 5 and "error" not in records[4]


# Answers that are late or lost


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_resume_takes_in_what_was_under_way_when_the_driver_ended(local, sent):
    local.serve("--worker-rate", "4")
    keys = local.put({"a1": 1, "a2": 1, "a3": 1, "b1": 100, "b2": 100, "b3": 100})
    process = local.start("read", "--key-file", keys, "--squad", 3, "--start-in", 0)
    wait_for(
        lambda: (
            list(local.runs.glob("*/answers/1-000000.ndjson"))
            and not list(local.runs.glob("*/work/1-000000.sent"))
            and len(local.executed()) == 6
        ),
        process,
    )
    os.killpg(process.pid, sent)  # as Ctrl-C does; it reaches the driver alone, whose children have groups of their own
    status = process.wait(30)
    run = local.run_of("read")
    if sent == signal.SIGINT:
        err = process.stderr.read()
        assert status == 130 and session_of(process) == []
        assert re.search(r"up to 3 workers and 1 squad may still be at work, until \d\d:\d\d:\d\d UTC", err), err
        assert "costs nothing that AWS bills" in err and f"--resume runs/{run.name}" in err
        assert [r["key"] for r in ndjson(run / "records.ndjson")] == ["a1", "a2", "a3"]
    else:
        assert session_of(process) != [], "the children go on without the driver"
    done = local.drive("read", "--resume", run)
    assert "took in 1 of 1 waiting answer" in done.err and "nothing is launched" in done.err
    # What a driver that was killed had started ends by itself, and is not ended.
    wait_for(lambda: session_of(process) == [], None)
    assert [r["key"] for r in ndjson(run / "records.ndjson")] == ["a1", "a2", "a3", "b1", "b2", "b3"]
    assert "6 good, 0 failed, 0 missing" in done.out and not (run / "lock").exists() and not (run / "work").exists()
    assert set(local.executed().values()) == {1} and local.squads() == 2


class Cutter:
    """A way to an address that closes a connection as soon as it has passed on a request that holds a text; a silent
    one keeps it open and never passes on the answer."""

    def __init__(self, url, text, silent=False):
        self.target = urllib.parse.urlsplit(url)
        self.text = text
        self.silent = silent
        self.cut = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection((self.target.hostname, self.target.port), timeout=120)
            found = threading.Event()
            threading.Thread(target=self.pass_on, args=(server, client, found), daemon=True).start()
            threading.Thread(target=self.pass_on, args=(client, server, found, self.text), daemon=True).start()

    def pass_on(self, source, to, found, text=None):
        seen = b""
        try:
            while data := source.recv(65536):
                if text is None and found.is_set():
                    continue
                to.sendall(data)
                seen += data
                if text and text in seen:
                    self.cut += 1
                    found.set()
                    if not self.silent:
                        break
        except OSError:
            pass
        for end in (source, to):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def test_the_answer_of_a_squad_whose_connection_was_cut_comes_from_the_bucket(local):
    local.serve("--worker-rate", "4")
    cutter = Cutter(local.env["AWS_ENDPOINT_URL_LAMBDA"], b'/1-000001.json"}')
    local.env["AWS_ENDPOINT_URL_LAMBDA"] = cutter.url
    done = local.drive("write", 6, 8, "--squad", 2, "--start-in", 0)
    cutter.listener.close()
    assert cutter.cut == 1
    run = local.run_of("write")
    assert "6 good, 0 failed, 0 missing" in done.out and not (run / "work").exists()
    assert [(r["job"], r["launch"], r["bytes"]) for r in ndjson(run / "records.ndjson")] == [
        (n, 1, 8 * 2**20) for n in range(6)
    ]
    assert sorted(local.executed().values()) == [1] * 6 and local.squads() == 3


@pytest.mark.parametrize("squad", [1, 2])
def test_an_answer_that_never_comes_holds_the_driver_no_longer_than_the_workers_have(local, squad):
    """The connection stays open, as where a NAT has forgotten it."""
    local.serve()
    cutter = Cutter(local.env["AWS_ENDPOINT_URL_LAMBDA"], b'/1-000001.json"}', silent=True)
    local.env |= {"AWS_ENDPOINT_URL_LAMBDA": cutter.url, "ANSWER_S": "1"}
    began = time.time()
    done = local.drive("write", 4, 8, "--squad", squad, "--start-in", 0, "--timeout", 6)
    cutter.listener.close()
    assert cutter.cut == 1 and time.time() - began < 60
    run = local.run_of("write")
    assert "4 good, 0 failed, 0 missing" in done.out and not (run / "work").exists()
    assert sorted(local.executed().values()) == [1] * 4


# Room


def test_squads_wait_for_the_scaling_rate_and_run_nothing_twice(local):
    local.serve("--scaling-rate", "20/2s", "--worker-rate", "0.5")
    local.drive("write", 60, 2, "--squad", 20, "--start-in", 0)
    summary = summary_of(local, "write")
    assert (summary["jobs"], summary["failed"], summary["missing"]) == (60, 0, 0)
    assert summary["start_spread_s"] > 3, "the last of 63 environments come 4 s after the first"
    executed = local.executed()
    assert len(executed) == 60 and set(executed.values()) == {1}


def test_an_account_limit_is_refused_with_what_fits(local):
    local.serve("--account-limit", "10")
    done = local.drive("write", 1800, 1, exit=3)
    assert list(local.runs.iterdir()) == [] and local.events.read_text() == "", "nothing was launched, not even a ping"
    (fits,) = re.findall(r" ([0-9]+) workers fit now", done.err)
    assert fits == "9"
    assert "9 good, 0 failed, 0 missing" in local.drive("write", fits, 1).out


# The clock


def set_off(local, seconds):
    """A copy of the driver for which this machine's clock is so far off; the environment it needs."""
    local.project = local.folder / f"off by {seconds}"
    copy_driver(local.project)
    runs = local.project / "driver" / "folder.sh"
    text = runs.read_text().replace("'now + $offset'", f"'now + {seconds} + $offset'")
    assert text != runs.read_text()
    runs.write_text(text)
    shim = local.project / "bin"
    shim.mkdir()
    (shim / "date").write_text(f'#!/bin/sh\nPATH=${{PATH#*:}}\nexec date -d "{seconds} seconds" "$@"\n')
    (shim / "date").chmod(0o755)
    return local.env | {"PATH": f"{shim}:{local.env['PATH']}"}


@pytest.mark.timed
def test_a_clock_that_is_20_s_off_changes_nothing(local):
    local.serve()
    local.drive("write", 6, 8, "--squad", 3, "--start-in", 5)
    right = summary_of(local, "write")
    assert right["late"] == 0 and right["start_spread_s"] < 0.5
    for seconds in (-20, 20):
        local.runs = local.folder / f"runs {seconds}"
        local.drive("write", 6, 8, "--squad", 3, "--start-in", 5, env=set_off(local, seconds))
        summary, config = summary_of(local, "write"), read_json(local.run_of("write") / "run.json")
        (launch,) = config["launches"]
        assert launch["clock"]["offset_s"] == pytest.approx(-seconds, abs=2)
        assert (summary["late"], summary["failed"]) == (right["late"], 0)
        assert summary["start_spread_s"] == pytest.approx(right["start_spread_s"], abs=0.5)
        # On the workers' clock the start is the chosen time after the launch, within what the ping tells of it.
        first = min(r["start"] for r in ndjson(local.run_of("write") / "records.ndjson"))
        assert first - launch["launch"] == pytest.approx(5, abs=1.5)


# Sweep


def memory_of(local):
    asked = ["aws", "lambda", "get-function-configuration", "--function-name", "terabit", "--query", "MemorySize"]
    return int(subprocess.run(asked, check=True, env=local.env, capture_output=True, timeout=60).stdout)


def test_a_sweep_over_memory_is_rehearsed(local):
    """Each worker has the network of its memory, and the function its own in the end."""
    local.serve("--network", 3000)
    done = local.drive("sweep", 2, 16, "--memory", "512 4096", "--start-in", 0, "--verify", "--json")
    sweep = json.loads(done.out)
    rows = {(row["op"], row["settings"]["memory_mb"]): row for row in sweep["rows"]}
    assert rows.keys() == {(op, memory) for op in ("write", "read") for memory in (512, 4096)}
    assert sweep["stopped"] is None
    for row in rows.values():
        assert (row["jobs"], row["repetitions"], row["failed"]) == (2, 1, 0)
        assert row["valid"] and row["loopback"] and row["goodput"]["median"] > 0
    executed = local.executed()
    assert len(executed) == 4 and set(executed.values()) == {2}, "each object is written once and read once"
    reads = local.runs.glob("*-read-*/records.ndjson")
    assert {record["memory_mb"] for records in reads for record in ndjson(records)} == {512, 4096}
    assert memory_of(local) == 512
    assert without_waiting(done.err).endswith("putting the memory of the function back to 512 MB\n")


def test_a_sweep_over_memory_that_is_interrupted_leaves_the_old_one(local):
    local.serve("--worker-rate", "1")
    process = local.start("sweep", 1, 200, "--memory", "1769 4096", "--start-in", 0)
    wait_for(lambda: list(local.runs.glob("*-write-1/work/*.sent")), process, 120)
    assert memory_of(local) != 512
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130 and memory_of(local) == 512, err
    assert session_of(process) == []


# A terminal

ERASE = "\r\x1b[K"


def on_a_terminal(local, *args, **env):
    """What a driver writes to a terminal."""
    ours, theirs = os.openpty()
    process = local.start(*args, stdout=theirs, stderr=theirs, env=local.env | {"TERM": "xterm"} | env)
    os.close(theirs)
    text = b""
    try:
        while data := os.read(ours, 65536):
            text += data
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(ours)
    assert process.wait(60) == 0, text
    return text.decode().replace("\r\n", "\n")


def test_progress_is_one_line_that_is_redrawn_and_taken_away(local):
    local.serve("--worker-rate", "2")
    text = on_a_terminal(local, "write", 4, 4, "--squad", 4, "--start-in", 5)
    # Whoever waited for AWS erases a line, which may be empty or, on a slow machine, tell so.
    waited = f"({re.escape(ERASE)}" + r"(driver: \d+ s: waiting for AWS)?)+"
    text = re.sub(waited + r"(?=driver: (?!\d+ s: ))", "", text)
    redrawn = re.findall(re.escape(ERASE) + r"driver: ([^\n\r]*)", text)
    assert len(redrawn) >= 5 and all(re.match(r"\d+ s: ", line) for line in redrawn), redrawn
    assert any("to the start" in line for line in redrawn)
    before, after = text.split(ERASE)[0], text.split(ERASE)[-1]
    assert before.count("\n") == before.count("driver: ") == 4, "each message has its line"
    assert "\n" not in "".join(text.split(ERASE)[1:-1]), "and progress one for all"
    assert after.startswith("\n") or after.startswith("terabit") or after.startswith("\x1b["), after[:100]
    assert "4 good, 0 failed, 0 missing" in re.sub(r"\x1b\[[0-9;]*m", "", after) and "launched" not in after
    assert re.search(r"\x1b\[[0-9;]*m", after), "the table has colours on a terminal"
    run = local.run_of("write")
    assert "\x1b" not in on_a_terminal(local, "report", run, NO_COLOR="1")
    assert "\x1b" not in local.drive("report", run).out
