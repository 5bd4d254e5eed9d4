"""bench/: the parts that need nothing special run, in quick mode, and what they find becomes a page.

How fast anything is, they do not say: that is for `make bench` on a quiet machine."""

import contextlib
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from harness import ROOT, Local, read_json

BENCH = ROOT / "bench"
WORKER = Path(os.environ.get("TERABIT_WORKER", ROOT / "target" / "release" / "terabit"))

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bench needs Linux's /proc")


@pytest.fixture
def module(monkeypatch):
    """Imports a module of bench/, whose names are for its own programs alone."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(BENCH)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(BENCH) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def bench(*arguments, out, exit=0):
    """Runs the conductor in quick mode; what it found, and its page."""
    command = [sys.executable, BENCH / "bench.py", "--quick", "--worker", WORKER, "--out", out, *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == exit, done.stdout + done.stderr
    return read_json(next(out.glob("*.json"))), next(out.glob("*.md")).read_text()


@pytest.mark.skipif(Local.missing() is not None or not WORKER.is_file(), reason="local and the worker are not built")
def test_parts_that_need_nothing_special_run(tmp_path):
    found, page = bench("bytes", "cold", "report", "--only", "terabit", out=tmp_path)
    rows = found["bytes"]["result"]["rows"]
    assert [(row["scheme"], row["op"], row["contender"]) for row in rows] == [
        (scheme, op, "terabit") for scheme in ("HTTP", "TLS") for op in ("write", "read")
    ]
    for row in rows:
        assert 0 < row["cpu_s_per_gb"]["median"] < 30 and 1 < row["peak_mb"]["median"] < 200
        assert row["runs"][0]["bytes"] == found["bytes"]["result"]["size"]
    cold = found["cold"]["result"]
    assert 0 < cold["cpu_ms"]["min"] and 0 < cold["next_ms"]["min"] and 1 < cold["zip_mb"] < cold["binary_mb"]
    assert found["report"]["result"]["rows"][0]["jobs"] == 100
    assert "prove nothing" in page and "## Cold start" in page and "Not measured" not in page


@pytest.mark.skipif(Local.missing() is not None or not WORKER.is_file(), reason="local and the worker are not built")
def test_a_soak_of_a_moment_and_small_objects_alone(tmp_path):
    found, page = bench("soak", "small", out=tmp_path)
    soak = found["soak"]["result"]
    assert (soak["failed"], soak["uploads"]) == (0, 0), soak["unexplained"]
    assert soak["sums"]["jobs"] >= 8 and soak["sums"]["retries"] > 0 and 1 < soak["peak_mb"] < 60
    assert "## Soak" in page and f"| {soak['sums']['jobs']:,} |" in page
    small = {(row["op"], row["contender"]): row for row in found["small"]["result"]["compared"]}
    for op in ("write", "read"):
        assert small[op, "terabit"]["objects_per_s"]["median"] > 10


def test_a_soak_fails_for_one_bad_answer_one_upload_or_memory_that_grows(module):
    soak = module("soak")
    memory = [*((when, "a", mb) for when, mb in enumerate((10, 11, 12, 12))), (0, "b", 9), (1, "b", 9)]
    assert (soak.grown(memory), soak.grown([*memory, (9, "b", 17)]), soak.grown([])) == (0, 8, None)
    good = {"failed": 0, "uploads": 0, "grown_mb": 3.0}
    assert not soak.has_failed(good)
    for bad in ({"failed": 1}, {"uploads": 1}, {"grown_mb": 3.1}, {"grown_mb": None}):
        assert soak.has_failed(good | bad), bad


def test_a_part_that_does_not_exist_is_refused(tmp_path):
    command = [sys.executable, BENCH / "bench.py", "bytes", "nonsense", "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2 and "no part nonsense; there are bytes," in done.stderr


def test_what_cannot_be_measured_is_named_with_its_reason(tmp_path):
    found, page = bench("cold", "--worker", tmp_path / "none", out=tmp_path)
    assert "is not built: make bench" in found["cold"]["skipped"]
    assert "## Not measured" in page and "none is not built" in page


def test_a_part_measured_again_replaces_its_figures_and_no_others(tmp_path, module):
    results, parts = module("results"), {"cold": module("cold"), "report": module("report_cost")}
    spread = {"median": 2.0, "min": 1.0, "max": 3.0}
    cold = {"starts": 3, "next_ms": spread, "cpu_ms": spread, "peak_mb": spread, "binary_mb": 10.0, "zip_mb": 4.0}
    for seconds in (7.0, 8.0):
        day = results.Results(tmp_path, parts)
        rows = [{"jobs": 1000} | {name: spread | {"median": seconds} for name in ("seconds", "cpu_s", "peak_mb")}]
        day.add("report", results.machine(), {"result": {"rows": rows}})
        if seconds == 7.0:
            day.add("cold", results.machine(), {"result": cold})
    page = day.table.read_text()
    assert "| 1,000 | 8.0 (1.0–3.0) |" in page and "7.0 (" not in page and "| 2.0 (1.0–3.0) |" in page
    assert set(json.loads(day.path.read_text())) == {"report", "cold"}
    assert all(len(line) < 400 for line in page.splitlines())


def test_goals_are_held_against_the_figure_as_it_is_shown(module):
    met = module("results").met
    assert met(0.404, "≤", 0.4) == "met" and met(0.406, "≤", 0.4) == "**missed**"
    assert met(99.0, "≥", 99.0) == "met" and met(98.9, "≥", 99) == "**missed**" and met(1, "≤", None) == ""


def test_ratios_compare_the_worker_with_the_others_of_its_row(module):
    def row(scheme, name, cpu):
        return {"scheme": scheme, "op": "write", "contender": name, "cpu_s_per_gb": {"median": cpu}}

    rows = [row("TLS", "terabit", 0.4), row("TLS", "awscrt", 0.9), row("TLS", "awscrt 8 MiB", 0.8)]
    rows += [row("TLS", "floor", 0.2), row("TLS", "boto3", 1.6), row("TLS", "terabit ×1", 0.3)]
    rows += [row("HTTP", "terabit", 1)]
    memory = [{"goal": 16, "in_flight": 16, "peak_mb": {"max": most}} for most in (14, 15)]
    ratios = module("per_byte").ratios({"rows": rows, "memory": memory})
    assert [(what.partition("TLS write, ")[2], value, goal) for what, value, _, goal in ratios[:-1]] == [
        ("terabit ÷ awscrt", pytest.approx(0.4444, abs=1e-4), 0.4),
        ("terabit ÷ awscrt 8 MiB", 0.5, None),
        ("terabit ÷ floor", 2.0, 1.5),
        ("terabit ÷ boto3", 0.25, None),
        ("terabit ×1 ÷ boto3", pytest.approx(0.1875), None),
    ]
    assert ratios[-1][1:] == (15, "≤", 16)


def test_sustained_leaves_the_opening_out(module):
    nic = module("nic")
    assert nic.sustained({"samples": [10, 50, 100_000_000, 175_000_000, 250_000_000]}) == 75.0
    assert nic.sustained({"samples": [1, 2, 3]}) is None


def test_everybody_has_a_turn_in_every_round_and_a_first_one_in_some(module):
    order = list(module("measure").interleaved(3, ["a", "b", "c"]))
    assert order == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]


def test_a_fleet_one_by_one_is_extrapolated_from_two_smaller_ones(module):
    rows = [{"workers": n, "squad": 1, "cpu_s": {"median": cpu}} for n, cpu in ((100, 45), (200, 85))]
    assert module("fanout").extrapolated({"rows": rows}) == [(600, 245), (1800, 725)]


def test_a_child_is_measured_from_outside(module):
    measure = module("measure")
    used = measure.tree(["bash", "-c", "head -c 300000000 /dev/zero | tail -c 1 >/dev/null; echo done"], None, 60)
    assert used["status"] == 0 and used["out"] == "done\n" and 0 < used["cpu_s"] < 30 and used["seconds"] > 0
    with pytest.raises(RuntimeError, match="longer than 0"):
        measure.tree(["sleep", "30"], None, 0, look_every_s=0.01)


def test_a_contender_that_fails_is_named_and_the_others_go_on(module, monkeypatch):
    per_byte, measure = module("per_byte"), module("measure")
    service = SimpleNamespace(url="http://127.0.0.1:1", tls=None, bucket="b")
    monkeypatch.setattr(per_byte, "Service", lambda *_: contextlib.nullcontext(service))

    def usage(contender, job, _):
        if contender.name == "broken":
            raise RuntimeError("broken was silent for 300 s")
        return measure.Usage(1.0, 0.5, 2.0, 10.0, job.size)

    monkeypatch.setattr(per_byte, "usage", usage)
    rivals = [SimpleNamespace(name=name) for name in ("terabit", "broken", "floor")]
    plan = {"size": 10**9, "part_mb": 64, "rounds": 2, "absent": {}}
    rows = list(per_byte.compared("TLS", [], "read", rivals, plan))
    assert [(row["contender"], row["cpu_s_per_gb"]["median"]) for row in rows] == [("terabit", 1.0), ("floor", 1.0)]
    assert plan["absent"] == {"TLS read broken": "it failed: broken was silent for 300 s"}
