"""The jq programs on cases whose answers are known."""

import json
import math
import random
import re
import subprocess
import time
from fractions import Fraction

import pytest
from figures import EPOCH, a_run, failed, failure, job, summary
from harness import JQ, part



def jq(*args, text=""):
    done = subprocess.run(["jq", "-L", JQ, *args], check=False, input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lib(program, value=None):
    return json.loads(jq("-c", 'include "text"; ' + program, text=json.dumps(value)))


# Summary


def test_one_job():
    s = summary([job(100, 102, 4e9)])
    assert (s["jobs"], s["failed"], s["missing"], s["valid"], s["launches"]) == (1, 0, 0, True, 1)
    assert (s["bytes"], s["makespan_s"], s["goodput"], s["pywren_peak"]) == (4e9, 2, 2, 2)
    assert s["mbps"] == {"min": 2000, "p5": 2000, "p50": 2000, "p95": 2000, "max": 2000}
    assert (s["max_active"], s["slot_efficiency"], s["start_spread_s"], s["stop_spread_s"]) == (1, 1, 0, 0)


def test_overlap():
    s = summary([job(0, 4, 4e9), job(2, 6, 12e9)])
    assert s["goodput"] == pytest.approx(16 / 6)
    assert s["pywren_peak"] == pytest.approx(4)
    assert s["max_active"] == 2
    assert s["slot_efficiency"] == pytest.approx(8 / 12)
    assert (s["start_spread_s"], s["stop_spread_s"]) == (2, 2)


def test_a_job_that_begins_as_another_ends_is_not_active_with_it():
    s = summary([job(2, 4, 2e9), job(0, 2, 2e9)])
    assert (s["max_active"], s["pywren_peak"], s["goodput"]) == (1, 1, 1)


def test_identical_times():
    s = summary([job(5, 6, 1e9)] * 3)
    assert (s["max_active"], s["pywren_peak"], s["goodput"], s["start_spread_s"]) == (3, 3, 3, 0)


def test_nothing_at_all():
    s = summary([])
    assert (s["jobs"], s["failed"], s["missing"], s["valid"]) == (0, 0, 0, False)
    for rate in ("goodput", "end_to_end", "pywren_peak", "makespan_s", "slot_efficiency", "start_spread_s"):
        assert s[rate] is None
    assert set(s["mbps"].values()) == {None}
    s = summary([], prices=PRICES)
    assert (s["max_active"], s["cost_usd"]) == (None, None), "undefined, not 0"


def test_all_failed_without_beginning():
    s = summary([failure("Crashed")] * 3, a_run(3))
    assert (s["jobs"], s["failed"], s["missing"], s["valid"]) == (3, 3, 0, False)
    assert s["errors"] == {"Crashed": 3}
    assert s["goodput"] is None and s["mbps"]["p50"] is None
    assert s["requests"] is None


def test_all_failed_after_they_began():
    s = summary([failed(n, 4, 1e9) for n in range(2)], a_run(2))
    assert (s["failed"], s["valid"], s["goodput"], s["makespan_s"], s["max_active"]) == (2, False, 0.5, 4, 2)
    assert set(s["mbps"].values()) == {None}, "a failed job has no rate of its own"


def test_missing_jobs_are_those_planned_without_a_record():
    s = summary([job(0, 1, 1)], a_run(5))
    assert (s["jobs"], s["failed"], s["missing"]) == (5, 0, 4)
    assert s["valid"] is False


def test_one_percent_is_valid_and_more_is_not():
    good = [job(0, 1, 1)] * 99
    assert summary(good, a_run(100))["valid"] is True
    assert summary(good[:98], a_run(100))["valid"] is False
    assert summary(good[:98] + [failed(0, 1, 1)], a_run(100))["valid"] is False


def test_a_failure_does_not_raise_goodput():
    good = [job(0, 2, 2e9), job(0, 2, 2e9)]
    s = summary([*good, failed(0, 8, 1e9)])
    assert s["goodput"] == pytest.approx(5 / 8)
    assert s["goodput"] < summary(good)["goodput"]
    assert (s["bytes"], s["failed"], s["max_active"]) == (5e9, 1, 3)
    assert s["mbps"]["min"] == 1000, "failed jobs have no rate of their own"
    assert s["pywren_peak"] == pytest.approx(2 + 1 / 8)


@pytest.mark.parametrize("rate", [{}, {"mbps": None}])
def test_a_failed_job_that_moved_nothing_still_takes_time(rate):
    s = summary([job(0, 2, 2e9), {"start": EPOCH, "stop": EPOCH + 4, **failure(), **rate}])
    assert (s["makespan_s"], s["goodput"]) == (4, 0.5)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"stop": EPOCH + 5}, "stop must be after start"),
        ({"stop": EPOCH + 4}, "stop must be after start"),
        ({"start": "5"}, "start and stop must be numbers"),
        ({"start": None}, "start and stop must be numbers"),
        ({"start": 1000 * (EPOCH + 5), "stop": 1000 * (EPOCH + 6)}, "from 2006 to tomorrow"),
        ({"start": 5, "stop": 6}, "from 2006 to tomorrow"),
        ({"stop": time.time() + 90_000}, "from 2006 to tomorrow"),
        ({"bytes": "1"}, "bytes must be a number"),
        ({"bytes": -1}, "bytes must be a number"),
        ({"mbps": None}, "mbps must be a number"),
        ({"mbps": "fast"}, "mbps must be a number"),
        ({"bytes": None, "mbps": -1}, "mbps must be a number"),
        ({"bytes": 560_000_000, "mbps": 554}, "contradict"),
        ({"bytes": 560_000_000, "mbps": 566}, "contradict"),
        ({"bytes": 0, "mbps": 1}, "contradict"),
        ({"bytes": 1, "mbps": 0}, "contradict"),
    ],
)
def test_a_record_whose_numbers_cannot_be_so_fails_its_job(fields, reason):
    record = {"job": 7, "start": EPOCH + 5, "stop": EPOCH + 6, "bytes": 560_000_000, "mbps": 560, **fields}
    s = summary([job(0, 1, 1e9), record])
    assert (s["jobs"], s["failed"], s["errors"]) == (2, 1, {"BadRecord": 1})
    assert (s["examples"]["BadRecord"]["job"], s["examples"]["BadRecord"]["line"]) == (7, 2)
    assert reason in s["examples"]["BadRecord"]["message"]
    assert s["goodput"] == 1
    s = summary([job(0, 1, 1e9), record | failure("S3")])
    assert "BadRecord" in s["errors"] or fields.get("mbps", 0) is None, "an error does not make the numbers true"


def test_a_record_without_bytes_and_rate_tells_nothing():
    assert summary([job(0, 1, 1e9), {"start": EPOCH, "stop": EPOCH + 1}])["errors"] == {"BadRecord": 1}
    assert summary([job(0, 1, 1e9), {"job": 7}])["errors"] == {"BadRecord": 1}


@pytest.mark.parametrize("mbps", [0, 554.5, 565.5])
def test_bytes_and_a_rate_that_is_rounded_agree(mbps):
    size = 560_000_000 if mbps else 0
    s = summary([{"start": EPOCH, "stop": EPOCH + 1, "bytes": size, "mbps": mbps}])
    assert (s["errors"], s["bytes"]) == ({}, size)


@pytest.mark.parametrize(
    "line", ["[1]", "7", "null", "true", '"text"', '{"start": 1,', "nan", '{"start": nan, "stop": 6, "mbps": 1}']
)
def test_a_line_that_is_no_object_is_a_bad_record(line):
    s = summary([job(0, 1, 1e9), line])
    assert (s["jobs"], s["errors"], s["goodput"]) == (2, {"BadRecord": 1}, 1)


def test_empty_lines_are_no_records():
    assert summary([job(0, 1, 1), "", "  ", "\t"])["jobs"] == 1


def test_missing_bytes_come_from_the_rate():
    s = summary([{"start": EPOCH, "stop": EPOCH + 4, "mbps": 500}])
    assert (s["bytes"], s["goodput"]) == (2e9, 0.5)


def test_a_missing_rate_comes_from_the_bytes():
    assert summary([{"start": EPOCH, "stop": EPOCH + 4, "bytes": 2e9}])["mbps"]["max"] == 500


def test_the_first_launch_counts():
    first = [job(0, 2, 2e9, launch=1, job=0), failed(0, 2, launch=1, job=1)]
    s = summary(first + [job(100, 200, 1e9, launch=2, job=1)], a_run(2, {}, {"jobs": [[1, 1]]}))
    assert (s["launch"], s["launches"], s["failed"], s["missing"]) == (1, 2, 1, 0)
    assert (s["goodput"], s["makespan_s"], s["unfinished"]) == (1, 2, 0)
    assert s["errors"] == {"ShortBody": 1} and s["valid"] is False


def test_a_launch_that_began_nothing_is_not_the_first():
    refused = [failure("Throttled", job=n, launch=1) for n in range(2)]
    run = a_run(2, {}, {})
    s = summary([*refused, *(job(100, 102, 2e9, job=n, launch=2) for n in range(2))], run)
    assert "figure is of launch 2, the first that began a job. All jobs are completed by now." in flat(table(s, run))
    assert (s["launch"], s["launches"], s["failed"], s["goodput"], s["valid"]) == (2, 2, 0, 2, True)
    s = summary(refused, a_run(2, {}, {}))
    assert (s["launch"], s["failed"], s["missing"], s["goodput"]) == (1, 2, 0, None)
    foreign = [job(0, 2, 2e9, launch=3), failure("Throttled", launch=2), job(9, 20, 1, launch=4)]
    s = summary(foreign)
    assert (s["launch"], s["jobs"], s["goodput"]) == (3, 1, 1)


def test_what_is_not_known_is_no_bound():
    """Records from elsewhere, of which nobody knows how long some ran."""
    text = flat(table(summary([job(0, 10, 1e9), failure("Crashed")])))
    assert "NO GOODPUT" in text and "AT LEAST" not in text and "at most" not in text.replace("active at most", "")
    assert "moved 1.00 GB workers" in text and "1 active at most PyWren" in text


def test_milliseconds_fit_the_table():
    text = table(summary([job(0, 0.5, 1e10), job(0, 0.0186, 4e7)]))
    assert "9 in 10 active, 19 ms: too short\n" in text and max(map(len, text.splitlines())) <= 80


def test_no_job_is_late_where_none_was_to_begin_with_others():
    for start_in_s, told in ((10, True), (None, False)):
        run = a_run(2, {"start_in_s": start_in_s})
        text = table(summary([job(n, 10 + n, 1e9, late_s=0) for n in (0, 9)], run), run)
        assert "Late starts" in text and ("0 late" in text) == told


@pytest.mark.parametrize(
    ("run", "log"),
    [
        ({"function": "arn:aws:lambda:eu-west-1:123456789012:function:mine:live"}, "/aws/lambda/mine, says"),
        ({"function": "123456789012:function:mine"}, "/aws/lambda/mine, says"),
        ({"function": "mine:1"}, "/aws/lambda/mine, says"),
        ({"function": "mine", "loopback": True}, "log, which local prints or keeps (--log), says"),
    ],
)
def test_the_log_of_a_worker_that_crashed_is_where_it_is_told(run, log):
    run = a_run(1, **run)
    assert log in flat(table(summary([failure("Crashed")], run), run))


def test_what_later_launches_complete_is_not_unfinished():
    first = [job(0, 2, 2e9, launch=1, job=0), failure("Throttled", job=1, launch=1)]
    run = a_run(4, {}, {"jobs": [[1, 3]]}, {})
    assert summary(first, run)["unfinished"] == 3
    second = [job(9, 10, 1, launch=2, job=1), failure(job=2, launch=2)]
    assert summary(first + second, run)["unfinished"] == 2
    third = [job(19, 20, 1, launch=3, job=n) for n in (0, 1, 2, 3)]
    s = summary(first + second + third, run)
    assert (s["unfinished"], s["failed"], s["missing"], s["launches"]) == (0, 1, 2, 3)


# Failures


def a_fleet(*others, straggler=130):
    """200 jobs of 13 s but one: its record, or what stands in its place."""
    return [*[job(0, 13, 1e9)] * 199, *(others if others or not straggler else [job(0, straggler, 1e9)])]


def test_a_failure_that_has_no_times_does_not_raise_goodput():
    launch = {"launch": EPOCH - 5, "end": EPOCH + 131}
    whole = summary(a_fleet(), a_run(200, launch, mb_per_file=954))
    for others in ([failure("Crashed")], []):
        s = summary(a_fleet(*others, straggler=None), a_run(200, launch, mb_per_file=954))
        assert (s["goodput"], s["makespan_s"]) == (pytest.approx(199 / 131), 131) and s["goodput"] < whole["goodput"]
        assert s["end_to_end"] == pytest.approx(199 / 136) and s["end_to_end"] < whole["end_to_end"]
        assert s["slot_efficiency"] == pytest.approx(199 * 13 / 200 / 131)
        assert s["g95"] < whole["g95"] and s["g99"] <= whole["g99"]
        untimed = {"jobs": 1, "planned_bytes": 954 * 2**20, "until_s": 131}
        assert s["untimed"] == untimed | {"errors": {"Crashed" if others else "missing": 1}}
        assert (s["bytes"], s["max_active"], s["unfinished"]) == (199e9, 199, 1)
        assert "Plan with 1.519 GB/s, the least that the goodput can have been" in s["verdict"]["plan"]
        assert (s["verdict"]["plan_gbs"], s["verdict"]["plan_fed_gbs"]) == (s["goodput"], None)
        assert "15." not in s["verdict"]["plan"] and "Stragglers cost at most 118.0 s" in s["verdict"]["sentence"]
        text = flat(table(s, a_run(200)))
        assert text.index("AT LEAST: 1 job (1 ") < text.index("goodput 1.519 GB/s 12.15 Gbit/s AT LEAST")
        assert "in at most 131.00 s" in text
    assert whole["untimed"] is None and "AT LEAST" not in table(whole)
    s = summary(a_fleet(*[failure("Crashed")] * 2, straggler=None)[1:], a_run(200, launch, mb_per_file=954 * 2))
    assert s["g99"] is None, "99 % of what all were to move never came"


@pytest.mark.parametrize(
    ("error", "end", "seconds"),
    [
        *((type, 50, 50) for type in ("Crashed", "TimedOut", "S3", "x::Odd")),
        *((type, 50, 400) for type in ("Unanswered", "Lambda", "BadAnswer")),
        ("Crashed", None, 400),
        ("Unanswered", 500, 500),
        *((type, 50, 10) for type in ("Throttled", "InvalidEvent", "AccessDenied", "Connect", "Deadline")),
    ],
)
def test_how_long_a_job_without_times_may_have_held_its_slot(error, end, seconds):
    launch = {"end": None if end is None else EPOCH + end, "until": EPOCH + 400}
    for more in ({}, {"start": None}, {"bytes": 5}):
        s = summary([job(0, 10, 1e9), failure(error, **more)], a_run(2, launch))
        assert (s["makespan_s"], s["goodput"]) == (seconds, pytest.approx(1 / seconds))
        assert (s["untimed"] is None) == (seconds == 10)
    for squad in (failure(error, squad_failed=True), failure(error, "the squad failed, its workers may have gone on")):
        s = summary([job(0, 10, 1e9), squad], a_run(2, launch))
        assert s["makespan_s"] == max(400, end or 0)


def test_a_bad_record_and_a_missing_one_hold_their_slots():
    launch = {"end": EPOCH + 50}
    milliseconds = {"start": 1000 * EPOCH, "stop": 1000 * EPOCH + 12_000, "mbps": 1}
    for others in ([], [milliseconds], [milliseconds | failure("S3")], [{"error": "x"}]):
        assert summary([job(0, 10, 1e9), *others], a_run(2, launch))["makespan_s"] == 50
    assert summary([job(0, 60, 1e9)], a_run(2, launch))["makespan_s"] == 60, "the last known stop, where that is later"
    launch |= {"end": None, "until": None}
    s = summary([job(0, 10, 1e9)], a_run(2, launch))
    for name in ("goodput", "makespan_s", "slot_efficiency", "straggler_tax", "end_to_end"):
        assert s[name] is None, name
    assert s["sustained"] == pytest.approx(0.1) and "NO GOODPUT" in table(s, a_run(2, launch))


def test_records_from_elsewhere_know_no_moment_of_a_failures_end():
    s = summary([*[job(0, 10, 1e9)] * 200, failure("Crashed")])
    assert s["sustained"] == 20 and s["valid"] is True
    for name in ("goodput", "makespan_s", "slot_efficiency", "g95", "g99", "straggler_tax", "end_to_end"):
        assert s[name] is None, name
    assert s["verdict"]["plan"].startswith("Plan nothing") and s["verdict"]["plan_gbs"] is None
    assert "NO GOODPUT: 1 job (1 Crashed)" in flat(table(s))
    for other in (failure("Throttled"), "x", {"job": 7}, failed(0, 5)):
        assert summary([*[job(0, 10, 1e9)] * 200, other])["goodput"] is not None


def test_planned_bytes_of_a_read_are_those_of_all_its_rounds():
    launch = {"end": EPOCH + 20}
    records = [job(0, 10, 64 * 2**20), failure("Crashed")]
    read = a_run(2, launch, op="read", read_times=3)
    assert summary(records, read)["untimed"]["planned_bytes"] == 3 * 64 * 2**20
    s = summary(records, {**read, "mb_per_file": None})
    assert (s["untimed"]["planned_bytes"], s["g95"]) == (None, None) and s["goodput"] is not None


def test_a_deadline_makes_no_plan():
    v = verdict([*[worker(0, *[50] * 20)] * 199, failed(0, 20, 1) | failure("Deadline")], a_run(200))
    assert v["plan"].startswith("Plan nothing with this run: 1 job met the deadline")
    assert (v["plan_gbs"], v["plan_fed_gbs"]) == (None, None)


@pytest.mark.parametrize("type", ["SlowDown", "ShortBody", "Connect"])
def test_what_the_moment_to_give_up_ended_makes_no_plan_whatever_it_waited_for(type):
    run = a_run(200, {"stop_by": EPOCH + 60})
    good = [worker(0, *[50] * 13)] * 199
    v = verdict([*good, failed(0, 59, 1) | failure(type)], run)
    assert "1 job met the deadline" in v["plan"] and v["plan_gbs"] is None
    assert verdict([*good, failed(0, 20, 1) | failure(type)], run)["plan_gbs"] is not None


def test_what_a_failed_job_had_sent_is_told_and_counted_nowhere():
    silent = failed(0, 8, 0, samples=[0] * 7) | failure("Deadline")
    sent = silent | {"sent": 160e6, "sent_samples": [n * 20e6 for n in range(1, 8)]}
    good = [job(0, 8, 160e6, samples=[n * 20e6 for n in range(1, 8)])] * 3
    s, without = summary([*good, sent]), summary([*good, silent])
    assert (s.pop("sent"), without.pop("sent")) == ({"jobs": 1, "bytes": 160e6}, None)
    assert s == without
    assert "1 failed job had sent 160.0 MB in attempts that never succeeded" in flat(table(summary([*good, sent])))
    assert summary([*good, {**good[0], "sent": 5}])["sent"] is None, "a good job's attempts were made good"


def test_uploads_that_may_be_left_are_told_with_what_removes_them():
    left = failed(0, 8, 0, upload_left="unknown") | {"job": 1}
    records = [job(0, 8, 160e6) | {"job": 0}, left]
    s = summary(records, a_run(2))
    assert s["uploads_left"] == 1
    told = flat(table(s, a_run(2)))
    assert "up to 1 upload could not be aborted" in told and "./driver.sh delete" in told
    assert "could not be aborted" not in flat(table(summary(records[:1] * 2, a_run(2)), a_run(2)))


# The same in Python, a search per moment.


def reckoned(records, run):
    """What the definitions give for a run's records, of which each job has at most one."""
    launch = run["launches"][0]
    told = {record["job"]: record for record in records}
    began = [r for r in told.values() if "start" in r]
    ends = []
    for number in range(run["jobs"]):
        record = told.get(number)
        if record and "start" in record:
            continue
        kind = "missing" if record is None else record["error"]["type"]
        if kind in ("Throttled", "Connect"):
            continue
        if record and (kind in ("Unanswered", "BadAnswer") or "squad_failed" in record) or launch["end"] is None:
            ends.append(max(launch["until"], launch["end"] or 0))
        else:
            ends.append(launch["end"])
    if not began:
        return None
    first = min(r["start"] for r in began)
    last = max([*(r["stop"] for r in began), *ends])
    found = exact(began)
    size = sum(Fraction(r["bytes"]) for r in began)
    planned = size + len(ends) * run["mb_per_file"] * 2**20
    makespan = Fraction(last) - Fraction(first)
    found["makespan_s"] = makespan
    found["goodput"] = size / makespan / 10**9
    busy = sum(Fraction(r["stop"]) - Fraction(r["start"]) for r in began)
    found["slot_efficiency"] = busy / (len(began) + len(ends)) / makespan
    for name, share in (("g95", Fraction(95, 100)), ("g99", Fraction(99, 100))):
        found[name] = exact(began, share * planned) if planned else None
    found["straggler_tax"] = 1 - found["goodput"] / found["g95"] if found["g95"] else None
    over = max(last, launch["end"] or 0) if ends else launch["end"]
    whole = None if over is None else Fraction(over) - Fraction(launch["launch"])
    found["end_to_end"] = size / whole / 10**9 if whole and whole >= makespan else None
    return found


def random_run(rng):
    """A run and its records: some failed with no times, some missing, a driver that may have been killed."""
    jobs = rng.randrange(2, 9)
    launch = {"launch": EPOCH - rng.randrange(5), "until": EPOCH + rng.randrange(20, 60)}
    launch["end"] = rng.choice([None, EPOCH + rng.randrange(15, 50), EPOCH + rng.randrange(5)])
    run = a_run(jobs, launch, mb_per_file=rng.choice([1, 100, 20_000]))
    records = []
    for record in random_records(rng, jobs):
        luck = rng.random()
        if luck < 0.2:
            kind = rng.choice(["Crashed", "Unanswered", "BadAnswer", "Throttled", "Connect", "Odd"])
            record = failure(kind, job=record["job"])
            if kind == "Crashed" and rng.random() < 0.3:
                record["squad_failed"] = True
        if luck < 0.9:
            records.append({**record, "launch": 1})
    rng.shuffle(records)
    return run, records


@pytest.mark.parametrize("seed", range(30))
def test_the_figures_with_failures_are_those_of_an_exact_computation(seed):
    run, records = random_run(random.Random(seed))
    got = summary(records, run)
    expected = reckoned(records, run)
    assert got["jobs"] == run["jobs"] and got["missing"] == run["jobs"] - len(records)
    if expected is None:
        assert got["goodput"] is None and got["makespan_s"] is None
        return
    for name, value in expected.items():
        if value is None:
            assert got[name] is None, name
        else:
            assert got[name] == pytest.approx(float(value), rel=1e-9, abs=1e-9), (name, run["launches"], records)


@pytest.mark.parametrize("seed", range(20))
def test_a_job_that_tells_nothing_never_makes_a_figure_better(seed):
    """However the job ended in truth, before its launch did: the figures are not better without its record."""
    rng = random.Random(seed)
    records = random_records(rng, 6)
    last = max(r["stop"] for r in records)
    run = a_run(len(records), {"end": last + rng.random()}, mb_per_file=10**5)
    whole = summary(records, run)
    # Where the first to begin tells nothing, when the fleet began is not known either.
    hidden = max(range(len(records)), key=lambda n: records[n]["start"])
    records[hidden] = failure("Crashed", job=hidden)
    got = summary(records, run)
    if got["goodput"] is not None:
        assert got["goodput"] <= whole["goodput"] * (1 + 1e-12)
        assert (got["end_to_end"] or 0) <= whole["end_to_end"] * (1 + 1e-12)


# Damage


def test_of_several_records_of_a_job_and_launch_the_last_counts():
    good = [job(0, 10, 1e9, job=n, launch=1) for n in range(4)]
    once = summary(good, a_run(4))
    twice = summary([failure("Unanswered", job=2, launch=1), *good, *good[:2]], a_run(4))
    assert (once["repeated"], twice["repeated"]) == (0, 3)
    assert twice | {"repeated": 0} == once
    assert "REPEATED: 3 records" in flat(table(twice, a_run(4))) and "REPEATED" not in table(once, a_run(4))
    s = summary([{**one, "launch": launch} for launch in (1, 2) for one in good], a_run(4, {}, {}))
    assert (s["repeated"], s["bytes"]) == (0, 4e9), "another launch is no repetition"
    assert summary(good + good)["bytes"] == 4e9, "of records from elsewhere too, where they are numbered"
    assert summary([job(0, 10, 1e9)] * 4)["bytes"] == 4e9


@pytest.mark.parametrize(
    "numbers",
    [{"launch": -5}, {"launch": 0}, {"launch": 2}, {"launch": 1.5}, {"launch": "1"}, {"job": 4}, {"job": -1},
     {"job": "0"}, {"job": 0.5}, {"job": None}, {"job": 10**15}],
)  # fmt: skip
def test_a_record_that_was_not_planned_counts_apart_and_hides_nothing(numbers):
    good = [job(0, 10, 1e9, job=n, launch=1) for n in range(4)]
    stranger = {**job(0, 10, 999990e6), "job": 0, "launch": 1, **numbers}
    s = summary([*good, stranger], a_run(4))
    assert s.pop("unplanned") == {"count": 1, "example": {"line": 5, "message": not_planned(stranger)}}
    alone = summary(good, a_run(4))
    assert alone.pop("unplanned") == {"count": 0, "example": None}
    assert s == alone
    text = flat(table(summary([*good, stranger], a_run(4)), a_run(4)))
    assert text.index("NOT COUNTED: 1 line") < text.index("goodput") and "line 5:" in text


def not_planned(record):
    return f"job {json.dumps(record['job'])} of launch {json.dumps(record['launch'])} was not planned"


def test_a_job_that_a_launch_did_not_have_was_not_planned():
    first = [failed(0, 1, job=0, launch=1), job(0, 1, 1e9, job=1, launch=1)]
    second = [job(9, 10, 1, job=1, launch=2), job(9, 10, 1, job=0, launch=2)]
    s = summary(first + second, a_run(2, {}, {"jobs": [[0, 0]]}))
    assert (s["unplanned"]["count"], s["unplanned"]["example"]["line"], s["unfinished"]) == (1, 3, 0)


def test_a_line_of_a_run_that_cannot_be_read_is_nobodys_record():
    s = summary(["x", job(0, 1, 1e9, job=0)], a_run(2))
    assert (s["jobs"], s["failed"], s["missing"], s["unplanned"]["count"]) == (2, 0, 1, 1)
    assert "not a JSON object" in s["unplanned"]["example"]["message"]


def test_launches_from_elsewhere_begin_at_one():
    s = summary([job(0, 10, 1e9)] * 4 + [job(0, 10, 999990e6, launch=-5)])
    assert (s["jobs"], s["bytes"], s["unplanned"]["count"]) == (4, 4e9, 1)


def hostile_line(rng):
    """A good record with some fields in which anything may stand, or no record at all."""
    record = job(rng.random(), 1 + 9 * rng.random(), 1e9, job=rng.randrange(12), launch=1, samples=[1, 2])
    if rng.random() < 0.3:
        record |= failure(rng.choice(["Crashed", "Unanswered", "Throttled", 7, None, {"a": []}]))
    anything = [None, -1, 0, 0.5, 1, 1e300, 1e400, math.nan, "", "x\x1b[2J", [], [1], {}, {"a": 1}, True, False, 2**63]
    names = [*record, "error", "mbps", "late_s", "request_ms", "sent", "sent_samples", "arch", "memory_mb", "throttled"]
    for name in rng.sample(names, rng.choice([0, 0, 1, 3])):
        record[name] = rng.choice(anything)
    line = json.dumps(record)
    return line if rng.random() < 0.9 else line[: rng.randrange(len(line))]


@pytest.mark.parametrize("seed", range(15))
def test_whatever_the_lines_say_jobs_add_up(seed):
    rng = random.Random(seed)
    lines = [hostile_line(rng) for _ in range(rng.randrange(1, 20))]
    for run in (None, a_run(10), a_run(10, {"end": None, "until": None})):
        s = summary(lines, run)
        assert s["jobs"] == 10 if run else s["jobs"] + s["repeated"] + s["unplanned"]["count"] <= len(lines)
        assert 0 <= s["failed"] <= s["jobs"] - s["missing"] and s["missing"] >= 0
        assert 0 <= s["unfinished"] <= s["jobs"] and sum(s["errors"].values()) == s["failed"]
        assert "\x1b" not in table(s, run)


def test_a_clock_that_was_set_back_makes_no_rate():
    records = [job(0, 12, 12e9)]
    assert summary(records, a_run(1, {"end": EPOCH + 14}))["end_to_end"] == 0.5
    assert summary(records, a_run(1, {"end": EPOCH + 1.5}))["end_to_end"] is None, "11.5 s for what took 12"
    assert summary(records, a_run(1, {"end": EPOCH - 20}))["end_to_end"] is None


@pytest.mark.parametrize(
    ("n", "p5", "p50", "p95"), [(1, 1, 1, 1), (2, 1, 1, 2), (20, 1, 10, 19), (21, 2, 11, 20), (100, 5, 50, 95)]
)
def test_nearest_rank(n, p5, p50, p95):
    mbps = summary([{"start": EPOCH, "stop": EPOCH + 1, "mbps": i} for i in range(n, 0, -1)])["mbps"]
    assert mbps == {"min": 1, "p5": p5, "p50": p50, "p95": p95, "max": n}


def test_end_to_end_is_from_the_launch_to_the_last_answer():
    records = [job(0, 1, 8e9)]
    assert summary(records, a_run(1, {"launch": EPOCH - 1, "end": EPOCH + 3}))["end_to_end"] == 2
    assert summary(records, a_run(1, {"end": None}))["end_to_end"] is None
    assert summary(records, a_run(1, {"launch": None}))["end_to_end"] is None
    assert summary(records)["end_to_end"] is None


def test_counters_are_summed_and_unknown_ones_stay_unknown():
    s = summary([job(0, 1, 1, requests=3, retries=2, throttled=1, late_s=0.1), job(0, 1, 1, requests=4, late_s=0.2)])
    assert (s["requests"], s["retries"], s["throttled"], s["late"]) == (7, 2, 1, 1)
    s = summary([job(0, 1, 1)])
    assert (s["requests"], s["retries"], s["throttled"], s["late"]) == (None,) * 4


def test_one_job_alone_has_the_same_rate_throughout():
    s = summary([job(100, 112, 24e9)])
    assert (s["sustained"], s["sustained_s"], s["sustained_short"]) == (2, 12, False)
    assert (s["peak_1s"], s["peak_5s"], s["peak_10s"], s["first_done"]) == (2, 2, 2, 2)
    assert (s["g95"], s["g99"], s["straggler_tax"]) == (pytest.approx(2), pytest.approx(2), pytest.approx(0))
    assert s["timeline"] == "uniform"


def test_no_overlap():
    s = summary([job(0, 1, 1e9), job(3, 4, 3e9)])
    assert (s["goodput"], s["max_active"], s["sustained"], s["sustained_s"]) == (1, 1, 2, 2)
    assert (s["first_done"], s["peak_1s"], s["peak_5s"]) == (1, 3, None)
    assert s["g95"] == pytest.approx(3.8 / (3 + 2.8 / 3))


def test_a_straggler_costs_what_the_others_had_earned():
    s = summary([job(0, 1, 1e9)] * 19 + [job(0, 10, 1e9)])
    assert s["goodput"] == 2
    assert s["g95"] == pytest.approx(19.1), "the straggler's own first tenth among them"
    assert s["straggler_tax"] == pytest.approx(1 - 2 / 19.1)
    assert (s["sustained_s"], s["sustained_short"]) == (1, True)


def test_under_a_second_there_is_no_best_second():
    s = summary([job(0, 0.5, 1e9)])
    assert (s["goodput"], s["peak_1s"], s["peak_5s"], s["peak_10s"], s["requests_per_s"]) == (2, None, None, None, None)


def test_samples_say_when_the_bytes_came():
    s = summary([job(0.5, 4.5, 4e9, samples=[0, 0, 3e9, 3e9])])
    assert s["timeline"] == "sampled"
    assert s["peak_1s"] == 3, "all of it between second 2 and 3"
    assert summary([job(0.5, 4.5, 4e9)])["peak_1s"] == 1


def test_a_window_slides_between_the_samples():
    s = summary([job(0, 4, 4e9, samples=[0, 2e9, 4e9]), job(0.5, 4, 0, samples=[0, 0, 0])])
    assert s["peak_1s"] == 2
    s = summary([job(0, 1.5, 3e9), job(1, 2, 1e9)])
    assert s["peak_1s"] == pytest.approx(2.5), "from 0.5 to 1.5; whole seconds give 2"


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"samples": [1, 2]}, "sampled"),
        ({"samples": []}, "sampled"),
        ({"samples": [1, 2], "samples_dropped": True}, "uniform"),
        ({}, "uniform"),
        ({"samples": None}, "uniform"),
        ({"samples": [2, 1]}, "uniform"),
        ({"samples": [1, 99]}, "uniform"),
        ({"samples": [-1, 2]}, "uniform"),
        ({"samples": ["1", 2]}, "uniform"),
        ({"samples": [1, 2, 3, 4, 5]}, "uniform"),
        ({"samples": "many"}, "uniform"),
    ],
)
def test_samples_that_cannot_be_the_jobs_are_none(more, kind):
    s = summary([job(0, 3, 10, **more)])
    assert (s["timeline"], s["bytes"]) == (kind, 10)


def test_some_jobs_with_samples_and_some_without_are_mixed():
    s = summary([job(0, 3, 6e9, samples=[0, 0]), job(0, 3, 3e9)])
    assert (s["timeline"], s["peak_1s"]) == ("mixed", 7)
    assert summary([])["timeline"] is None


def test_a_failures_bytes_count_to_where_they_came():
    s = summary([job(0, 2, 2e9, samples=[1e9]), failed(0, 4, 2e9, samples=[2e9, 2e9, 2e9])])
    assert (s["peak_1s"], s["goodput"], s["first_done"]) == (3, 1, 2)


def test_nothing_delivered_has_no_straggler():
    s = summary([job(0, 2, 0), job(0, 3, 0)])
    assert (s["goodput"], s["g95"], s["g99"], s["straggler_tax"]) == (0, None, None, None)


def test_latencies():
    records = [job(0, 1, 1, key=f"k{i}", first_byte_ms=i, request_ms={"max": 3 * i}) for i in range(1, 101)]
    s = summary(records)
    assert s["first_byte_ms"] == {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    assert s["request_ms"] == {"p50": None, "p90": None, "p99": None, "p999": None, "max": 300}
    assert set(summary([job(0, 1, 1)])["request_ms"].values()) == {None}


def binned(durations_ms):
    """A job's histogram and its slowest request, as the worker makes them."""
    counts = {}
    for ms in durations_ms:
        bucket = math.floor(16 * math.log2(ms * 1e3))
        counts[bucket] = counts.get(bucket, 0) + 1
    return {"latency": sorted(counts.items()), "request_ms": {"max": max(durations_ms)}}


@pytest.mark.parametrize("seed", range(6))
def test_the_fleets_latencies_are_those_of_all_its_requests(seed):
    rng = random.Random(seed)
    fleet = [
        [rng.lognormvariate(rng.uniform(0, 8), rng.uniform(0.01, 1.5)) for _ in range(rng.randrange(1, 400))]
        for _ in range(rng.randrange(1, 12))
    ]
    got = summary([job(0, 1, 1, **binned(durations)) for durations in fleet])["request_ms"]
    every = sorted(ms for durations in fleet for ms in durations)
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)):
        assert got[name] == pytest.approx(every[math.ceil(share * len(every) - 1e-9) - 1], rel=0.023), name
        assert got[name] <= got["max"] == every[-1]


@pytest.mark.parametrize("latency", [None, "x", [[1]], [[1, 2, 3]], [["1", 2]], [[-1, 2]], [[1.5, 2]], [[1, -2]], {}])
def test_latencies_are_known_only_where_every_job_tells_them(latency):
    good = job(0, 1, 1, latency=[[160, 5]], request_ms={"max": 7})
    assert summary([good, {**good, "latency": latency}])["request_ms"]["p50"] is None
    assert summary([good, failure("Throttled")])["request_ms"]["p50"] == pytest.approx(2 ** (160.5 / 16) / 1e3)
    assert summary([good, failed(0, 1, latency=[])])["request_ms"]["p50"] is not None, "a failed job may have none"


def test_objects_and_their_rate():
    s = summary([job(0, 4, 4096e3, objects=1000), failed(0, 5, 4096e2, objects=100)])
    assert (s["objects"], s["objects_per_s"], s["small_objects"]) == (1100, 220, True)
    s = summary([job(0, 4, 4e9, objects=1), failure("Crashed")], a_run(2, {"end": EPOCH + 8}))
    assert (s["objects"], s["objects_per_s"], s["small_objects"]) == (1, 1 / 8, False), "at least"
    s = summary([job(0, 4, 4e9, objects=1), job(0, 4, 4e9)])
    assert (s["objects"], s["objects_per_s"], s["small_objects"]) == (None, None, False), "a worker before streams"


def test_what_moving_costs_is_without_waiting_and_null_where_a_field_is_missing():
    moved = job(0, 2, 1e9, **BILLED)
    one = 2 * 2 * 0.01 + 5 * 0.1
    assert summary([moved] * 4, a_run(4, {"squad": 2}), PRICES)["usd_per_tb"] == pytest.approx(one * 1000)
    throttled = summary([moved, failure("Throttled")], prices=PRICES)
    assert throttled["usd_per_tb"] == pytest.approx(one * 1000), "what did not begin moved nothing"
    assert "$540.00 per TB" in table(throttled)
    crashed = summary([moved] * 3 + [failure("Crashed")], a_run(4, {"squad": 2}), PRICES)
    assert crashed["usd_per_tb"] is None, "what it cost is not known, and it moved nothing"
    for name in ("memory_mb", "arch", "requests", "op"):
        assert summary([moved, {k: v for k, v in moved.items() if k != name}], prices=PRICES)["usd_per_tb"] is None
    assert summary([job(0, 2, 0, **BILLED)], prices=PRICES)["usd_per_tb"] is None
    loopback = summary([moved] * 4, a_run(4, loopback=True), PRICES)
    assert loopback["usd_per_tb"] is None and loopback["cost_usd"] == 0, "its time is of this machine"


def test_the_peak_second_of_requests_takes_them_as_spread_over_their_job():
    assert summary([job(0, 10, 1, requests=20), job(5, 10, 1, requests=20)])["requests_per_s"] == 6
    assert summary([job(0, 10, 1)])["requests_per_s"] is None


def test_requests_follow_the_bytes_where_these_are_sampled():
    s = summary([worker(0, *[4] * 9, 8, requests=110, objects=110)] * 2)
    assert s["requests_per_s"] == pytest.approx(40) == s["peak_1s"] * 1e9 / (s["bytes"] / s["objects"])


PRICES = {
    "date": "d",
    "region": "r",
    "gb_second": {"arm64": 0.01, "x86_64": 0.02},
    "million_invocations": 1e6,
    "thousand_puts": 100,
    "thousand_gets": 10,
    "directory_bucket": {"gb_moved": {"write": 5, "read": 7}},
}
BILLED = {"op": "write", "arch": "arm64", "memory_mb": 2048, "handler_s": 3, "init_s": 1, "requests": 5}


def test_cost_is_seconds_times_memory_and_requests():
    one = 4 * 2 * 0.01 + 1 + 5 * 0.1
    s = summary([job(0, 1, 1, **BILLED)] * 3, prices=PRICES)
    assert s["cost_usd"] == pytest.approx(3 * one)
    assert s["prices"] == {"date": "d", "region": "r"}
    read = {**BILLED, "op": "read", "arch": "x86_64"}
    assert summary([job(0, 1, 1, **read)], prices=PRICES)["cost_usd"] == pytest.approx(4 * 2 * 0.02 + 1 + 5 * 0.01)


def test_each_gb_in_a_directory_bucket_is_billed():
    one = job(0, 1, 3 * 2**30, **BILLED)
    (plain, express) = (summary([one], a_run(1, bucket=bucket), PRICES) for bucket in ("b", "b--use1-az4--x-s3"))
    assert express["cost_usd"] - plain["cost_usd"] == pytest.approx(3 * 5)
    assert express["usd_per_tb"] - plain["usd_per_tb"] == pytest.approx(3 * 5 / (3 * 2**30) * 1e12)
    read = summary([one | {"op": "read"}], a_run(1, op="read", range_mb=64, bucket="b--use1-az4--x-s3"), PRICES)
    assert read["usd_per_tb"] == pytest.approx((2 * 0.01 + 0.05 + 3 * 7) / (3 * 2**30) * 1e12)


def test_squads_are_billed_as_long_as_their_slowest_worker():
    run = a_run(4, {"squad": 2}, memory_mb=1024, mb_per_file=250)
    records = [job(0, 1, 1, job=n, **{**BILLED, "handler_s": 3 + n}) for n in range(4)]
    # Up to five parts, the first of them short: five connections.
    workers = sum((4 + n) * 2 * 0.01 + 1 + 0.5 + 5 * 0.01 for n in range(4))
    squads = (5 + 7) * 0.01 + 2 * (1 + 0.1)
    assert summary(records, run, PRICES)["cost_usd"] == pytest.approx(workers + squads)


@pytest.mark.parametrize("missing", ["handler_s", "init_s", "memory_mb", "arch", "requests", "op"])
def test_cost_is_unknown_when_a_field_is_missing(missing):
    records = [job(0, 1, 1, **BILLED), job(0, 1, 1, **{k: v for k, v in BILLED.items() if k != missing})]
    s = summary(records, prices=PRICES)
    assert s["cost_usd"] is None
    assert s["cost_known_usd"] > 1
    assert summary([job(0, 1, 1, **BILLED)], a_run(2), PRICES)["cost_usd"] is None, "a job without a record"
    assert summary([job(0, 1, 1, **BILLED | {"arch": 5})], prices=PRICES)["cost_usd"] is None, "a number is no name"
    assert summary([job(0, 1, 1, **BILLED)])["cost_usd"] is None, "no prices"


def test_each_reason_of_bad_records_is_told_with_how_many_there_are():
    s = summary([job(0, 1, 1e9), "x", {**job(0, 1, 1), "stop": EPOCH}, "y", {**job(0, 1, 1e9), "mbps": 1}])
    assert s["bad_records"] == [
        {"reason": "bytes and mbps contradict each other", "jobs": 1, "line": 5},
        {"reason": "stop must be after start", "jobs": 1, "line": 3},
        {"reason": "the line is not a JSON object", "jobs": 2, "line": 2},
    ]
    told = flat(table(s))
    for one in s["bad_records"]:
        assert f"{one['jobs']} of them: {one['reason']}; the first is line {one['line']}" in told
    assert "of them:" not in table(summary([job(0, 1, 1e9), "x", "y"]))


def test_lines_that_cannot_be_read_are_no_jobs_that_failed():
    s = summary([job(0, 1, 1e9), "", "x", "y"])
    assert s["examples"]["BadRecord"]["line"] == 3
    assert "2 of 3 jobs were not completed, 2 of them with BadRecord" in s["verdict"]["sentence"]
    assert "line 3: BadRecord" in table(s)


# The same definitions once more: exact numbers, a search per point, nothing shared with the programs.


def exact(records, bytes_wanted=None):
    """All figures of jobs that began, or the mean rate until so many bytes had come, None where they never do."""
    jobs = []
    for r in records:
        s, e = Fraction(r["start"]), Fraction(r["stop"])
        points = [(s, Fraction(0)), (e, Fraction(r["bytes"]))]
        for n, sample in enumerate(r.get("samples") or []):
            points.append((Fraction(math.floor(s) + 1 + n), Fraction(sample)))
        jobs.append((s, e, sorted(points)))

    def of_job(points, t):
        if t <= points[0][0]:
            return Fraction(0)
        for (t0, c0), (t1, c1) in zip(points, points[1:]):
            if t <= t1:
                return c0 + (c1 - c0) * (t - t0) / (t1 - t0)
        return points[-1][1]

    def delivered(t):
        return sum(of_job(points, t) for _, _, points in jobs)

    def active(t):
        return sum(1 for s, e, _ in jobs if s <= t < e)

    moments = sorted({t for _, _, points in jobs for t, _ in points})
    first, last = moments[0], moments[-1]
    total = delivered(last)
    most = max(active(t) for t in moments)
    spans = [(a, b) for a, b in zip(moments, moments[1:]) if active(a) >= Fraction(9, 10) * most]
    held = sum(b - a for a, b in spans)

    def peak(width):
        if width > last - first:
            return None
        starts = {t for m in moments for t in (m, m - width) if first <= t <= last - width}
        return max(delivered(t + width) - delivered(t) for t in starts) / width / 10**9

    def reached(wanted):
        for a, b in zip(moments, moments[1:]):
            if delivered(b) >= wanted:
                t = a + (wanted - delivered(a)) * (b - a) / (delivered(b) - delivered(a))
                return wanted / (t - first) / 10**9
        return None

    if bytes_wanted is not None:
        return reached(bytes_wanted)
    done = min(e for _, e, _ in jobs)
    means = {(s, e): 0 for s, e, _ in jobs}
    for s, e, points in jobs:
        means[s, e] += points[-1][1] / (e - s)
    found = {
        "bytes": total,
        "makespan_s": last - first,
        "goodput": total / (last - first) / 10**9,
        "sustained": sum(delivered(b) - delivered(a) for a, b in spans) / held / 10**9,
        "sustained_s": held,
        "peak_1s": peak(1),
        "peak_5s": peak(5),
        "peak_10s": peak(10),
        "pywren_peak": max(sum(r for (s, e), r in means.items() if s <= t < e) for t in moments) / 10**9,
        "first_done": delivered(done) / (done - first) / 10**9,
        "max_active": most,
        "slot_efficiency": sum(e - s for s, e, _ in jobs) / len(jobs) / (last - first),
        "start_spread_s": max(s for s, _, _ in jobs) - first,
        "stop_spread_s": last - done,
    }
    for name, share in (("g95", Fraction(95, 100)), ("g99", Fraction(99, 100))):
        found[name] = reached(share * total) if total else None
    found["straggler_tax"] = 1 - found["goodput"] / found["g95"] if total else None
    return found


def random_records(rng, jobs=None):
    step = rng.choice([1, 4, 64])
    records = []
    for n in range(jobs or rng.randrange(1, 9)):
        # Quarters of a second and the like, so that moments coincide and no sum is rounded.
        start = EPOCH + rng.randrange(6 * step) / step
        stop = start + rng.randrange(1, 14 * step) / step
        seconds = math.ceil(stop) - math.floor(start) - 1
        size = rng.choice([0, 10**6, rng.randrange(10**11)])
        record = {"job": n, "start": start, "stop": stop, "bytes": size}
        if rng.random() < 0.7:
            record["samples"] = sorted(rng.randrange(size + 1) for _ in range(seconds))
            if rng.random() < 0.2:
                record["samples"] = record["samples"][: rng.randrange(seconds + 1)]
        if rng.random() < 0.2:
            record |= failure()
        else:
            record["mbps"] = size / (stop - start) / 1e6
        records.append(record)
    return records


@pytest.mark.parametrize("seed", range(30))
def test_the_figures_are_those_of_an_exact_computation(seed):
    records = random_records(random.Random(seed))
    got = summary(records)
    for name, value in exact(records).items():
        if value is None:
            assert got[name] is None, name
        else:
            assert got[name] == pytest.approx(float(value), rel=1e-9, abs=1e-9), (name, records)


@pytest.mark.parametrize("seed", range(20))
def test_the_timeline_integrates_to_the_bytes(seed):
    records = random_records(random.Random(1000 + seed))
    jobs = [{name: r.get(name) for name in ("start", "stop", "bytes", "samples")} for r in records]
    points = json.loads(jq("-c", 'include "report/timeline"; events | timeline', text=json.dumps(jobs)))
    total = sum(r["bytes"] for r in records)
    assert points[-1][1] == pytest.approx(total, rel=1e-9, abs=1e-3)
    area = sum((b[0] - a[0]) * a[2] for a, b in zip(points, points[1:]))
    assert area == pytest.approx(total, rel=1e-9, abs=1e-3)
    busy = sum((b[0] - a[0]) * a[3] for a, b in zip(points, points[1:]))
    assert busy == pytest.approx(sum(r["stop"] - r["start"] for r in records))
    assert points[-1][2:] == [0, 0]
    assert all(a[0] < b[0] and b[1] >= a[1] - 1e-3 for a, b in zip(points, points[1:]))


def test_moments_far_apart_need_no_room_between_them():
    s = summary([job(-5e8, 3 - 5e8, 3e9, samples=[1e9, 2e9]), job(0, 3, 3e9, samples=[1e9, 2e9])])
    assert (s["peak_1s"], s["max_active"]) == (1, 1)


# Records


def came(tmp_path, answer="", metadata='{"StatusCode": 200}', complaint="", status=0):
    """Whether the answer is known or lost, and the record."""
    texts = {"answer": answer, "metadata": metadata, "complaint": complaint}
    args = []
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        args += ["--rawfile", name, tmp_path / name]
    planned = [[{"job": 4, "op": "read", "bucket": "b", "key": "k"}]]
    values = {"planned": planned, "status": status, "tries": 1}
    args += [arg for name, value in values.items() for arg in ("--argjson", name, json.dumps(value))]
    counts, *lines = jq("-c", "-r", "-n", "-f", part("records.jq"), *args).splitlines()
    assert len(lines) == 1, "one record for one job, whatever came"
    record = json.loads(lines[0])
    assert (record["job"], record["launch"], record["op"], record["key"]) == (4, 1, "read", "k")
    number, failed, known = counts.split()
    assert (number, failed) == ("1", str(int("error" in record)))
    return known, record


def records(tmp_path, answer="", **more):
    return came(tmp_path, answer, **more)[1]


def test_a_result_becomes_a_flat_record(tmp_path):
    record = records(tmp_path, '[{"start": 1.5, "stop": 2.5, "mbps": 3, "op": "read", "key": "k", "bytes": 9}]')
    assert record == {"job": 4, "launch": 1, "op": "read", "key": "k", "start": 1.5, "stop": 2.5, "mbps": 3, "bytes": 9}


def test_an_answer_cannot_take_another_jobs_number(tmp_path):
    answer = {"start": 1, "stop": 2, "mbps": 3, "job": 99, "launch": 7, "op": "read", "key": "k"}
    assert records(tmp_path, json.dumps([answer]))["mbps"] == 3


@pytest.mark.parametrize("other", [{"key": "another"}, {"op": "write"}, {"key": None}])
def test_an_answer_of_another_job_is_not_taken(tmp_path, other):
    answer = {"start": 1, "stop": 2, "mbps": 3, "op": "read", "key": "k"} | other
    error = records(tmp_path, json.dumps([answer]))["error"]
    assert error["type"] == "BadAnswer" and "not a result of the job" in error["message"]


def test_a_job_that_failed_keeps_what_it_knows(tmp_path):
    answer = {"start": 1, "stop": 2, "bytes": 5, "op": "read", "key": "k", "error": {"type": "S3", "message": "m"}}
    assert records(tmp_path, json.dumps([answer]))["bytes"] == 5


@pytest.mark.parametrize(
    ("status", "complaint", "type"),
    [
        (254, "An error occurred (TooManyRequestsException) when calling the Invoke operation: Rate", "Throttled"),
        (254, "An error occurred (AccessDeniedException) when calling the Invoke operation: no", "AccessDenied"),
        (254, "An error occurred (ExpiredTokenException) when calling the Invoke operation: old", "AccessDenied"),
        (254, "An error occurred (RequestTooLargeException) when calling the Invoke operation: big", "InvalidEvent"),
        (254, "An error occurred (ServiceException) when calling the Invoke operation: oh", "Lambda"),
        (254, "An error occurred (ResourceNotFoundException) when calling the Invoke operation: no", "Connect"),
        (254, "An error occurred (ResourceConflictException) when calling the Invoke operation: no", "Connect"),
        (254, "An error occurred (InvalidRuntimeException) when calling the Invoke operation: no", "Crashed"),
        (255, 'Read timeout on endpoint URL: "http://x"', "Unanswered"),
        (255, "Connection was closed before we received a valid response from endpoint URL", "Unanswered"),
        (255, 'Could not connect to the endpoint URL: "http://x"', "Connect"),
        (137, "", "Unanswered"),
        (1, "", "Unanswered"),
    ],
)
def test_a_failing_cli_is_named(tmp_path, status, complaint, type):
    known, record = came(tmp_path, metadata="", complaint=complaint, status=status)
    error = record["error"]
    assert error["type"] == type
    assert complaint in error["message"]
    may_have_run = type in ("Unanswered", "Lambda")
    assert (known == "lost") == may_have_run == ("may have run" in error["message"])


@pytest.mark.parametrize(
    ("answer", "quoted"),
    [
        ("", "nothing"),
        ("no \x1b[2Jjson", "\\u001b[2Jjson"),
        ("[1]", "1"),
        ("[1, 2]", "answered with 2 results"),
        ('[{"op": "read", "key": "k", "start": 1}]', "not a result of the job"),
        ("null", "null"),
        ("3", "3"),
        ('{"a": 1}', '{"a": 1}'),
        ('{"start": 1, "stop": "2"}', '"2"'),
        ('{"error": "x"}', '"x"'),
    ],
)
def test_an_answer_that_is_none_is_quoted(tmp_path, answer, quoted):
    error = records(tmp_path, answer)["error"]
    assert error["type"] == "BadAnswer"
    assert quoted in error["message"] and "\x1b" not in error["message"]


@pytest.mark.parametrize(
    ("lambda_type", "type"),
    [
        ("Runtime.ExitError", "Crashed"),
        ("Runtime.OutOfMemory", "Crashed"),
        ("Sandbox.Timedout", "TimedOut"),
        ("Function.ResponseSizeTooLarge", "BadAnswer"),
        ("VerifyMismatch", "VerifyMismatch"),
        ("x::Odd", "x::Odd"),
    ],
)
def test_a_function_error_is_named(tmp_path, lambda_type, type):
    answer = json.dumps({"errorType": lambda_type, "errorMessage": "why"})
    error = records(tmp_path, answer, metadata='{"StatusCode": 200, "FunctionError": "Unhandled"}')["error"]
    assert error["type"] == type and "why" in error["message"]


def test_a_panic_is_a_crash(tmp_path):
    answer = json.dumps({"errorType": "alloc::boxed::Box<dyn Any>", "errorMessage": "Lambda panicked: 1 > 0"})
    error = records(tmp_path, answer, metadata='{"StatusCode": 200, "FunctionError": "Unhandled"}')["error"]
    assert error["type"] == "Crashed" and "1 > 0" in error["message"]


@pytest.mark.parametrize("answer", ["", "oops", "[]", "{}", '{"errorType": 3}', "null"])
def test_a_function_error_without_a_type_is_a_bad_answer(tmp_path, answer):
    record = records(tmp_path, answer, metadata='{"StatusCode": 200, "FunctionError": "Unhandled"}')
    assert record["error"]["type"] == "BadAnswer"


def test_a_function_error_without_a_message_still_makes_a_record(tmp_path):
    record = records(tmp_path, '{"errorType": "Odd"}', metadata='{"FunctionError": "Unhandled"}')
    assert record["error"]["type"] == "Odd"


# Jobs


def planned(run):
    given = ("--argjson", "config", json.dumps([run]), "--argjson", "streams", "[{}]")
    out = jq("-c", "-n", "-R", "-f", part("jobs.jq"), *given, text="x\ny\n")
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize(
    ("mb", "range_mb", "times", "in_flight"),
    [(1, 64, 1, 1), (1, 64, 3, 3), (129, 64, 1, 3), (2000, 64, 1, 8), (None, 64, 1, 8), (2000, 0, 1, 1)],
)
def test_a_reader_opens_no_more_connections_than_it_has_ranges(mb, range_mb, times, in_flight):
    run = {"op": "read", "jobs": 1, "bucket": "b", "read_times": times, "range_mb": range_mb, "mb_per_file": mb}
    (job,) = planned(run | {"in_flight": 8, "verify": False})
    assert job["ranges_in_flight"] == in_flight


def test_jobs_cycle_through_the_keys():
    run = {"op": "read", "jobs": 5, "bucket": "b", "read_times": 2, "range_mb": 0, "in_flight": 3, "verify": True}
    jobs = planned(run)
    assert [(j["job"], j["key"]) for j in jobs] == [(0, "x"), (1, "y"), (2, "x"), (3, "y"), (4, "x")]
    assert jobs[0] == {
        "job": 0,
        "op": "read",
        "bucket": "b",
        "key": "x",
        "read_times": 2,
        "range_mb": 0,
        "ranges_in_flight": 1,
        "verify": True,
    }


# Library


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0, 2, "0.00"),
        (1234.5, 1, "1,234.5"),
        (0.999, 2, "1.00"),
        (-3.2, 1, "-3.2"),
        (None, 2, "-"),
        (1e6, 0, "1,000,000"),
        (0.04, 1, "0.0"),
        (1e11, 0, "100,000,000,000"),
    ],
)
def test_fixed(value, decimals, text):
    assert lib(f"fixed({decimals})", value) == text


@pytest.mark.parametrize(
    ("program", "value", "text"),
    [
        ("figures", 0.000456, "0.00046"),
        ("figures", 0.0123, "0.012"),
        ("figures", 0, "0.000"),
        ("figures", 123.45, "123.5"),
        ("per_second", 0.0273, "0.027"),
        ("per_second", 4213.4, "4,213"),
        ("seconds(2)", 0.0003, "0.3 ms"),
        ("seconds(2)", 0.05, "0.05 s"),
        ("seconds(2)", 0, "0.00 s"),
        ("seconds(1)", 0.03, "30 ms"),
        ("size", 1, "1 byte"),
        ("size", 5 * 2**40, "5,242,880 MiB"),
    ],
)
def test_small_numbers_are_not_shown_as_nothing(program, value, text):
    assert lib(program, value) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 日本", "plain ü 日本"),
        ("a\x1b[0m", "a\\u001b[0m"),
        ("a\nb\tc", "a b c"),
        ("\x9b", "\\u009b"),
        ("a\u202eb", "a\\u202eb"),
        ("  x  ", "x"),
        ("\x00\x7f", "\\u0000\\u007f"),
    ],
)
def test_visible(text, shown):
    assert lib("visible", text) == shown


def test_wrapped_keeps_long_words_whole():
    assert lib("wrapped(5)", "ab cd efghijkl m") == ["ab cd", "efghijkl", "m"]


def test_words_for_the_shell():
    assert lib("map(word)", ["runs/a-1", "a b", "it's"]) == ["runs/a-1", "'a b'", "'it'\\''s'"]


# Table


def table(s, run=None, source="runs/x", **more):
    return jq(
        "-r",
        *(arg for name, value in more.items() for arg in ("--argjson", name, json.dumps(value))),
        "-f",
        part("table.jq"),
        "--argjson",
        "run",
        json.dumps([run]),
        "--arg",
        "source",
        source,
        text=json.dumps(s),
    )


def flat(text):
    return " ".join(text.split())


def test_the_table_fits_eighty_columns_and_names_its_units():
    run = a_run(2, loopback=True)
    long = "very " * 60 + "long"
    strange = job(0, 1, 1, job=long)
    text = table(summary([job(0, 1, 1e9), failure("Odd", long), strange, strange], run), run)
    assert max(map(len, text.splitlines())) <= 80
    lines = text.splitlines()
    figure = next(i for i, line in enumerate(lines) if "goodput" in line and "GB/s" in line)
    for warning in ("NOT VALID", "LOOPBACK, NOT S3", "AT LEAST", "NOT COUNTED"):
        assert any(warning in line for line in lines[:figure]), warning
    assert "0.033 GB/s" not in lines[figure] and "GB/s" in lines[figure] and "Gbit/s" in lines[figure]
    assert "MB/s" in text and "1 good, 1 failed, 0 missing" in text


def test_the_table_shows_no_control_characters():
    s = summary([{"job": 0, "error": {"type": "\x1b[31mOdd", "message": "\x1b]0;title\x07"}}])
    assert "\x1b" not in table(s, source="runs/\x1b[2J") and "\\u001b]0;title\\u0007" in table(s)


def test_the_table_of_nothing():
    text = table(summary([]))
    assert "0 good, 0 failed, 0 missing" in text and "GB/s" not in text and "null" not in text


RUN = a_run(20)


def test_the_table_of_few_small_objects():
    text = table(summary([job(0, 40, 100_001, objects=2), job(0, 40, 0, objects=1)]))
    assert re.search(r"objects +0\.075 objects/s +33,334 bytes each", text)
    assert "Plan with 0.075 objects/s, 0.00250 MB/s" in flat(text)
    rare = {"requests": 3, "objects": 1}
    text = table(summary([job(0, 40, 1e9, **rare), job(0, 40, 1e9, **rare)]))
    assert re.search(r"S3 +6 requests(?!, about)", text), "a second with 0.15 requests is not a busy one"
    run = a_run(1, {"launch": EPOCH}, mb_per_file=None, bytes_per_file=1)
    text = table(summary([job(0, 0.0003, 1, objects=1)], run), run)
    assert text.startswith("terabit write: 1 job, 1 byte\n")
    assert "1 byte, 1 object in 0.3 ms" in text


def test_goodput_sustained_and_best_second_stand_together_goodput_first():
    lines = table(summary([job(0, 10, 1e9)] * 19 + [job(0, 20, 1e9)], RUN), RUN).splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("  goodput"))
    assert lines[first + 1].startswith("  sustained") and lines[first + 2].startswith("  best second")
    assert all("GB/s" in line and "Gbit/s" in line for line in lines[first : first + 3])
    assert not any("GB/s" in line for line in lines[:first])


def test_the_rates_of_a_table_have_one_unit():
    text = table(summary([job(0, 10, 4e7), job(0, 1, 4e7)]))
    names = ("goodput", "sustained", "best second", "PyWren peak")
    rates = [line for line in text.splitlines() if line[2:13].strip() in names]
    assert len(rates) == 4 and all("MB/s" in rate for rate in rates)


def test_a_short_sustained_rate_says_so():
    assert "too short" in table(summary([job(0, 2, 1e9)] * 2))


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (a_run(20, loopback=True), "LOOPBACK, NOT S3"),
        (a_run(40, {"end": None, "interrupted": EPOCH + 5}), "INTERRUPTED"),
        (a_run(40, {"end": None}), "NOT ENDED"),
        (a_run(40), "NOT VALID"),
        (a_run(20, {}, {}), "RESUMED: 2 launches; every figure is of launch 1"),
    ],
)
def test_warnings_stand_before_any_figure(run, words):
    text = flat(table(summary([job(0, 10, 1e9)] * 20, run), run))
    assert text.index(words) < text.index("goodput")


def test_a_run_whose_jobs_are_all_good_by_now_is_not_called_interrupted():
    for stopped in ({"end": None}, {"end": None, "interrupted": EPOCH + 5}):
        text = table(summary([job(0, 10, 1e9)] * 20, a_run(20, stopped)), a_run(20, stopped))
        assert "INTERRUPTED" not in text and "NOT ENDED" not in text


def test_throttling_says_when():
    records = [job(0, 9, 1e9, requests=10, throttled=0), job(2, 8, 1e9, requests=10, throttled=4, retries=4)]
    text = table(summary(records))
    assert "4 throttled (503), in 1 job between 2.0 and 8.0 s" in text


def test_colour_only_where_it_is_asked_for():
    s = summary([job(0, 10, 1e9)] * 20, RUN)
    assert "\x1b" not in table(s, RUN) and "\x1b" not in table(s, RUN, colour=False)
    assert "\x1b[1m" in table(s, RUN, colour=True)


def test_next_is_what_makes_sense():
    good = table(summary([job(0, 10, 1e9)] * 20, RUN), RUN)
    assert "./driver.sh read 20 runs/x --verify" in good and "--resume" not in good
    failed = table(summary([job(0, 10, 1e9)] * 19, RUN), RUN)
    assert "./driver.sh write --resume runs/x" in failed and "--verify" not in failed
    failed = table(summary([job(0, 10, 1e9)] * 19 + [failure()], RUN), RUN, source="runs/a b")
    assert "next:         jq -c 'select(.error)' 'runs/a b/records.ndjson'\n" in failed, "first"
    assert "write --resume 'runs/a b'" in failed and "driver.sh read" not in failed, "objects are missing"
    assert "next:" not in table(summary([job(0, 10, 1e9)])), "records from elsewhere"
    killed = a_run(20, {"end": None})
    unknown = table(summary([], killed), killed)
    assert "NOT ENDED" in unknown and "No job is known to have begun" in unknown and "--resume runs/x" in unknown
    resumed = a_run(20, {}, {})
    complete = [job(90, 95, 1e9, job=n, launch=2) for n in range(20)]
    told = table(summary([failure(job=0, launch=1), *complete], resumed), resumed)
    assert "every figure is of launch 2, the first that began a job" in flat(told) and "--resume" not in told
    loopback = RUN | {"loopback": True}
    gone = table(summary([job(0, 10, 1e9)] * 19, loopback), loopback)
    assert "--resume" in gone and "make deploy" not in gone
    read = RUN | {"op": "read", "reads": {"id": "0", "name": "its write"}}
    told = table(summary([job(0, 10, 1e9)] * 20, read), read, source="runs/x", wrote="runs/its write")
    assert "./driver.sh delete 'runs/its write' runs/x" in told, "the read's answers, too"
    keys = RUN | {"op": "read", "reads": None, "keys_from": "K"}
    assert "./driver.sh delete runs/x" in table(summary([job(0, 10, 1e9)] * 20, keys), keys)
    gone = table(summary([job(0, 10, 1e9)] * 20, loopback), loopback)
    assert not re.search("driver.sh (read|write|delete)", gone), "it goes when local ends"
    assert "make deploy" in gone and "make deploy" not in good


# Verdict


def worker(start, *rates, **more):
    """A job with these MB/s in each of its seconds, and what a good worker says."""
    sums = [sum(rates[: n + 1]) * 1e6 for n in range(len(rates))]
    samples = sums[:-1] if start == int(start) else None
    more = {"requests": 100, "retries": 0, "throttled": 0, "late_s": 0, "cpu_s": 1, "memory_mb": 2048, **more}
    return job(start, start + len(rates), sums[-1], samples=samples, **more)


def verdict(records, run=None):
    return summary(records, run)["verdict"]


def test_nothing_held_it_back():
    v = verdict([worker(0, *[50] * 20)] * 20)
    assert v["held_back_by"] == "nothing" and "50.00 MB/s" in v["sentence"]
    assert v["sentence"].startswith("These records do not show what held it back"), "the network gives more"
    faster = verdict([worker(0, *[90] * 20)] * 20)["sentence"]
    assert faster.startswith("Nothing in these records held it back: workers got 90.00 MB/s each, more than the 78")
    assert v["plan_gbs"] == 1 and "goodput" in v["plan"]


def test_where_a_bound_has_no_cause_nothing_is_not_told_as_the_cause():
    """By time, so that nobody knows what the job would have moved, and what waiting for it cost."""
    run = a_run(200, {"end": EPOCH + 200}, for_s=20)
    v = verdict([worker(0, *[90] * 20)] * 199 + [failure("Crashed")], run)
    assert v["findings"] == [] and v["held_back_by"] == "failures"
    assert v["sentence"] == "When 1 job ended is not known, nor what it cost to wait for that."
    assert v["plan"].startswith("Plan with 1.791 GB/s, the least that the goodput can have been")


def test_the_figures_of_a_plan_have_one_unit():
    late = verdict([*[job(0, 10, 1e8)] * 8, job(3600, 3610, 1e8)])["plan"]
    assert "Plan with 0.249 MB/s, " in late and "with 80.00 MB/s, the steady rate" in late


def test_stragglers_and_the_seconds_they_cost():
    v = verdict([worker(0, *[50] * 20)] * 19 + [worker(0, *[25] * 40)])
    assert v["held_back_by"] == "stragglers"
    assert "cost 19.5 s (49 %): the last worker took 40.0 s, the median 20.0 s" in v["sentence"]
    assert v["plan_gbs"] == pytest.approx(0.5) and v["plan_fed_gbs"] == pytest.approx(0.975)
    assert "take new work as they finish" in v["plan"]


def test_a_tax_below_one_percent_is_none():
    records = [worker(0, *[50] * 200)] * 19 + [worker(0, *[50] * 201)]
    assert 0 < summary(records)["straggler_tax"] < 0.01
    assert verdict(records)["held_back_by"] == "nothing"


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (a_run(2), "for S3 to confirm what it had been sent"),
        (a_run(2, op="read"), "for the last bytes"),
        (a_run(2, for_s=10, objects=None), "for what was under way when their time was over"),
    ],
)
def test_what_all_waited_for_alike_is_no_straggler(run, words):
    # All bytes had crossed the sockets at the tenth second.
    together = [sampled_at(12, 1e9), sampled_at(12.1, 1e9)]
    v = verdict(together, run)
    assert v["held_back_by"] == "last_requests" and words in v["sentence"], v
    assert "workers stopped within 0.10 s" in v["sentence"] and "stragglers (" not in v["sentence"]
    tail = summary(together, run)["straggler_tax"] * 12.1
    costs = {finding["cause"]: finding["cost_s"] for finding in v["findings"]}
    apart = verdict([sampled_at(12, 1e9), sampled_at(13, 1e9)], run)
    assert costs["last_requests"] == pytest.approx(tail - 0.1 if tail > 0.1 else 0)
    assert {"stragglers", "last_requests"} <= {finding["cause"] for finding in apart["findings"]}
    assert [f["cost_s"] for f in apart["findings"] if f["cause"] == "stragglers"] == [pytest.approx(1)]


def sampled_at(stop, size):
    """A job whose bytes had all been sent by the tenth second, evenly."""
    samples = [size * min(n, 10) / 10 for n in range(1, math.ceil(stop))]
    return job(0, stop, size, samples=samples)


def test_no_cause_is_told_that_cost_nothing_to_speak_of():
    sentence = verdict([job(0, 0.4, 1e9), job(0, 0.405, 1e9)])["sentence"]
    assert "0.00 s" not in sentence and "0.01 s" not in sentence


def by_time(op, objects, run_objects, seconds=20, read_times=None):
    """The causes of a fleet that was to work for 60 s."""
    run = a_run(20, op=op, for_s=60, objects=run_objects, read_times=read_times)
    v = verdict([worker(0, *[50] * seconds, op=op, objects=objects)] * 20, run)
    return [finding["cause"] for finding in v["findings"]]


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (True, ("write", 15, 15)),
        (False, ("write", 14, 15)),  # It began late.
        (False, ("write", 14, None)),
        (False, ("write", None, None)),
        (False, ("write", 15, 15, 60)),
        (True, ("read", 30, 15, 20, 2)),
        (True, ("read", 2, None, 20, 2)),
        (False, ("read", 29, 15, 20, 2)),
        (False, ("read", 30, 15)),
        (False, ("read", None, None, 20, 2)),
    ],
)
def test_the_limit_of_objects_is_told_of_those_who_met_it(said, what):
    assert ("limit_of_objects" in by_time(*what)) == said


def test_a_straggler_by_time_is_one_whether_or_not_its_time_was_over():
    def sentence(seconds):
        fleet = [worker(0, *[50] * 10)] * 19 + [worker(0, *[25] * seconds)]
        return verdict(fleet, a_run(20, for_s=60, objects=15))["sentence"]

    assert "took 20.0 s, the median 10.0 s" in sentence(20)
    assert "took 20.0 s more than its 60 s, for what was under way" in sentence(80)


def test_late_starts():
    v = verdict([worker(0, *[50] * 20)] * 18 + [worker(5, *[50] * 20, late_s=5)] * 2)
    assert v["held_back_by"] == "late_starts"
    assert "the last worker began 5.00 s after the first" in v["sentence"]


def test_the_opening_costs_half_of_it_and_takes_no_longer_than_the_job():
    for seconds, told in ((20, "6.00"), (4, "4.00")):
        v = verdict([worker(0, *[50] * seconds)] * 20, a_run(20, {"open_s": 6}))
        (opening,) = [found for found in v["findings"] if found["cause"] == "opening"]
        assert opening["cost_s"] == float(told) / 2
        assert f"requests began one after another over {told} s" in opening["sentence"]


def test_starts_without_a_common_one():
    v = verdict([worker(n / 2 + 0.25, *[50] * 20) for n in range(20)])
    assert v["held_back_by"] == "late_starts" and "began 9.50 s after the first" in v["sentence"]


def test_processor_time_against_what_the_memory_buys():
    v = verdict([worker(0, *[30] * 20, cpu_s=20 * 0.49, memory_mb=885)] * 20)
    assert v["held_back_by"] == "cpu" and "98 %" in v["sentence"] and "885 MB" in v["sentence"]
    assert verdict([worker(0, *[30] * 20, cpu_s=20 * 0.49, memory_mb=1769)] * 20)["held_back_by"] == "nothing"


def test_the_network_cap_with_and_without_a_burst():
    v = verdict([worker(0, *[74] * 20)] * 20)
    assert v["held_back_by"] == "network_cap" and "ran at 74.00 MB/s" in v["sentence"]
    v = verdict([worker(0, *[150] * 5, *[74] * 15)] * 20)
    assert v["held_back_by"] == "network_cap"
    assert "settled, after a burst, at 74.00 MB/s" in v["sentence"]
    assert v["plan_gbs"] == pytest.approx(1.86) and v["plan_fed_gbs"] == pytest.approx(1.48)
    v = verdict([worker(0.5, *[150] * 5, *[74] * 15)] * 20)
    assert v["held_back_by"] == "nothing", "without samples no burst can be told"


def test_throttling_and_other_retries():
    v = verdict([worker(0, *[50] * 20, throttled=20, retries=20)] * 20)
    assert v["held_back_by"] == "throttling" and "(20 %)" in v["sentence"]
    v = verdict([worker(0, *[50] * 20, retries=20)] * 20)
    assert v["held_back_by"] == "retries"


def test_a_short_run_is_not_judged():
    v = verdict([worker(0, 50, 50)] * 20)
    assert v["held_back_by"] == "too_short" and "2.00 s" in v["sentence"]
    assert v["plan_fed_gbs"] is None


def test_failures_make_no_plan():
    v = verdict([worker(0, *[50] * 20)] * 18 + [failure(job=18), failure(job=19)])
    assert v["held_back_by"] == "failures" and "2 of 20 jobs" in v["sentence"] and "ShortBody" in v["sentence"]
    assert v["plan_gbs"] is None and v["plan_fed_gbs"] is None


def test_loopback_measures_this_machine():
    v = verdict([worker(0, *[74] * 20)] * 20, {**RUN, "loopback": True})
    assert v["held_back_by"] == "loopback" and "this machine" in v["sentence"] and v["plan_gbs"] is None
    v = verdict([worker(0, *[74] * 20), failure(job=1)], a_run(2, loopback=True))
    assert v["held_back_by"] == "failures" and v["plan_gbs"] is None, "failures come first wherever it ran"


def test_on_loopback_nothing_is_called_the_network_cap():
    for rates in ([74] * 20, [150] * 5 + [74] * 15, [40] * 20, [500] * 20):
        run = a_run(20, loopback=True, network_mbps=75)
        s = summary([worker(0, *rates)] * 20, run)
        assert s["evidence"]["network_mbps"] is None
        assert "network" not in json.dumps(s["verdict"]) and "network" not in table(s, run)
    v = verdict([worker(0, *[30] * 20, cpu_s=20 * 0.49, memory_mb=885)] * 20, a_run(20, loopback=True))
    assert [f["cause"] for f in v["findings"]] == ["cpu"]


def test_the_network_cap_says_whether_the_account_opted_in():
    opted = verdict([worker(0, *[370] * 20)] * 20, a_run(20, network_mbps=375, memory_mb=10240))
    assert "375 MB/s is what Lambda gives each." in opted["sentence"]
    for mbps in (78.125, None):
        usual = verdict([worker(0, *[74] * 20)] * 20, a_run(20, network_mbps=mbps))
        assert "is what Lambda gives each unless opted in to more" in usual["sentence"]


def test_nothing_is_said_of_nothing():
    assert verdict([])["held_back_by"] is None
    v = verdict([failure(job=0)])
    assert (v["held_back_by"], v["plan"]) == ("failures", None)


def test_the_costliest_cause_comes_first():
    records = [worker(0, *[50] * 20, throttled=10, retries=10)] * 19 + [worker(0, *[25] * 40)]
    v = verdict(records)
    assert [f["cause"] for f in v["findings"]][:2] == ["stragglers", "throttling"]
    costs = [f["cost_s"] for f in v["findings"]]
    assert costs == sorted(costs, reverse=True) and "also throttling" in v["sentence"]


# Comparison


ONE = a_run(1)


def comparison(*runs, stopped="", unfinished="", prices=None):
    """What comparison.jq makes of runs, each [records, run.json]."""
    text = "".join(
        json.dumps({"source": f"runs/{n}", "run": run, "summary": summary(records, run, prices)})
        for n, (records, run) in enumerate(runs)
    )
    args = ["--arg", "stopped", stopped, "--arg", "unfinished", unfinished]
    return json.loads(jq("-n", "-f", part("comparison.jq"), *args, text=text))


def comparison_table(made, **more):
    args = [arg for name, value in more.items() for arg in ("--argjson", name, json.dumps(value))]
    text = jq("-r", "-f", part("comparison_table.jq"), *args, text=json.dumps(made))
    assert more or max(map(len, text.splitlines())) <= 80
    return text


def compare(*runs, **more):
    return comparison_table(comparison(*runs), **more)


def cells(text, letter):
    """What stands in a row, by the heads of its columns, whatever block they are in."""
    found = {}
    for block in text.split("\n\n"):
        heads, *rows = [re.split(r"  +", line.strip()) for line in block.splitlines()]
        for mark, op, *row in (row for row in rows if len(row) > 2):
            if mark == letter and len(row) == len(heads):
                found |= {"op": op, **dict(zip(heads, row))}
    return found


def test_runs_that_differ_in_a_setting_are_compared_with_the_first():
    text = compare(([job(0, 10, 10e9)], ONE), ([job(0, 10, 15e9)], {**ONE, "memory_mb": 4096}))
    first = {"op": "write", "memory MB": "2,048", "GB/s": "1.000", "MB/s each": "1,000.0", "to A": "-",
             "held back by": "nothing", "sustained": "1.000", "best second": "1.000", "slow worker": "1,000.0",
             "last 5 %": "none"}  # fmt: skip
    assert cells(text, "A") == first
    other = {"memory MB": "4,096", "GB/s": "1.500", "MB/s each": "1,500.0", "to A": "+50 %", "sustained": "1.500",
             "best second": "1.500", "slow worker": "1,500.0"}  # fmt: skip
    assert cells(text, "B") == first | other
    assert text.startswith("terabit: 2 runs of 2 kinds, 1 worker, 64 MiB each, 8 in flight, parts of 64 MiB\n")
    assert "may be noise" in text and "  A   runs/0\n  B   runs/1\n" in text


def test_a_difference_of_any_size_stays_in_its_column():
    runs = [([job(0, 10, size)], {**ONE, "in_flight": n}) for n, size in enumerate((2e6, 5e11, 1e6), 1)]
    text = compare(*runs)
    assert [cells(text, letter)["to A"] for letter in "ABC"] == ["-", "x 250,000", "-50 %"]


def test_runs_of_one_kind_are_a_median_and_a_range():
    first = [([job(0, 10, n * 1e9)], ONE) for n in (10, 14, 12)]
    other = [([job(0, 10, n * 1e9)], {**ONE, "in_flight": 16}) for n in (20, 24, 22)]
    text = compare(*first, *other)
    shown = [[cells(text, letter)[head] for head in ("runs", "GB/s", "least", "most", "to A")] for letter in "AB"]
    assert shown == [["3", "1.200", "1.000", "1.400", "-"], ["3", "2.200", "2.000", "2.400", "+83 %"]]
    assert "A difference within the range of the runs may be noise" in text
    assert "shows no spread" in compare(*first, other[0])
    assert cells(compare(*[([job(0, 10, n * 1e9)], ONE) for n in (10, 30)]), "A")["GB/s"] == "2.000", "between two"


def test_a_median_is_of_all_runs_of_a_kind():
    """One of some of them would stand beside medians of others: a best second below the goodput."""
    runs = [([job(0, s, s * gbs * 1e9)], ONE) for s, gbs in ((10, 0.1), (0.5, 2), (0.5, 3))]
    (row,) = comparison(*runs)["rows"]
    assert row["goodput"]["median"] == 2 and row["figures"]["peak_1s"] is None
    assert cells(compare(*runs, ([job(0, 10, 1e9)], {**ONE, "in_flight": 16})), "A")["best second"] == "-"


def test_what_was_the_fastest_is_not_told_as_nothing():
    made = comparison(*(fleet("write", n, n * 4e-7, mb_per_file=None, bytes_per_file=40) for n in (1, 10)))
    assert made["sentences"] == ["write, 10 workers was the fastest: 0.00400 MB/s, 100 % of the ideal"]


def test_series_stand_in_the_order_of_their_numbers():
    made = comparison(*(fleet("write", n, n, memory_mb=memory) for n in (1, 10) for memory in (10240, 1769, 512)))
    told = [(row["settings"]["memory_mb"], row["jobs"]) for row in made["rows"]]
    assert told == [(memory, n) for memory in (512, 1769, 10240) for n in (1, 10)]


def test_records_from_elsewhere_are_never_taken_for_repetitions():
    text = compare(([job(0, 10, 10e9)], None), ([job(0, 10, 15e9)], None))
    assert cells(text, "B")["to A"] == "+50 %"
    assert "  A   runs/0\n  B   runs/1\n" in text and "may be noise" in text


def test_what_varies_has_a_column_and_what_does_not_stands_above():
    read = {**ONE, "op": "read", "part_mb": None, "range_mb": 64}
    text = compare(*[([job(0, 10, 1e9)], run) for run in ({**ONE, "part_mb": 16}, read, {**read, "range_mb": 8})])
    assert [cells(text, letter)["op"] for letter in "ABC"] == ["write", "read", "read"]
    assert [cells(text, letter)["range MiB"] for letter in "ABC"] == ["-", "8", "64"]
    assert "part MiB" not in text and ", 8 in flight, parts of 16 MiB" in flat(text)
    squads = compare(([job(0, 10, 1e9)], ONE), ([job(0, 10, 1e9)], a_run(1, {"squad": 1})))
    assert [cells(squads, letter)["squad"] for letter in "AB"] == ["16", "1"]
    sizes = compare(*[([job(0, 10, 1e9)], {**ONE, "mb_per_file": None, "bytes_per_file": n}) for n in (4096, 10**8)])
    assert [cells(sizes, letter)["size"] for letter in "AB"] == ["4 KiB", "100 MB"]
    for setting, head in (("for_s", "seconds"), ("read_times", "times over")):
        text = compare(*[([job(0, 10, 1e9)], {**read, setting: n}) for n in (3, 4)])
        assert [cells(text, letter)[head] for letter in "AB"] == ["3", "4"]


def fleet(op, jobs, gbs, squad=16, **more):
    return [job(0, 10, gbs * 10e9 / jobs)] * jobs, a_run(jobs, {"squad": squad}, op=op, **more)


def test_fleets_are_measured_by_the_smallest_valid_one_of_their_series():
    bad = ([failed(0, 10, 1e8)], a_run(1))
    writes = [bad, fleet("write", 100, 9, 20), fleet("write", 2, 0.2), fleet("write", 10, 0.8)]
    made = comparison(fleet("read", 1, 0.3), *writes)
    assert [(row["op"], row["jobs"]) for row in made["rows"]] == [("write", n) for n in (1, 2, 10, 100)] + [("read", 1)]
    assert [row["ideal"] for row in made["rows"]] == pytest.approx([0.1, 0.2, 1, 10, 0.3])
    assert [row["of_ideal"] for row in made["rows"]] == [None, *map(pytest.approx, (1, 0.8, 0.9, 1))]
    assert (made["across"], made["varies"]) == ("workers", ["workers"]), "squads follow the workers"
    text = comparison_table(made)
    assert [cells(text, letter)["ideal"] for letter in "ABCDE"] == ["-", "100 %", "80 %", "90 %", "100 %"]
    assert "NOT VALID: more than 1 % failed or missing, in A\n" in text and "noise" not in text
    bounds = [
        ([job(0, 10, 1e9)] * (n - 1) + [failure("Crashed")], a_run(n, {"end": EPOCH + 100})) for n in (200, 400)
    ]
    text = compare(*bounds, fleet("write", 300, 30), fleet("write", 600, 30))
    assert [cells(text, letter)["ideal"] for letter in "ABCD"] == [">=10 %", "100 %", ">=10 %", "50 %"]
    assert {cells(compare(*bounds), letter).get("ideal") for letter in "AB"} == {None}, "a bound is no ideal"
    larger = [fleet("write", n, gbs, squad, memory_mb=4096) for n, gbs, squad in ((10, 2, 16), (100, 5, 20))]
    rows = comparison(*writes, *larger)["rows"]
    assert [row["of_ideal"] for row in rows if row["settings"]["memory_mb"] == 4096] == [1, 0.25]
    assert {row["series"] for row in rows} == {"2,048 MB of memory", "4,096 MB of memory"}


def small_reads(size, **more):
    return fleet("read", 1, 1, **{"mb_per_file": None, "bytes_per_file": size, "part_mb": None, "range_mb": 64, **more})


def test_a_series_has_one_size_and_all_else_alike():
    unlike = [small_reads(4096, for_s=5), fleet("read", 5, 4, mb_per_file=None, objects=7), fleet("read", 8, 9)]
    made = comparison(*unlike)
    assert made["across"] is None and {row["ideal"] for row in made["rows"]} == {None}
    sizes = comparison(fleet("write", 4, 4, mb_per_file=128), fleet("write", 8, 5))
    assert sizes["across"] is None and "ideal" not in comparison_table(sizes)
    like = comparison(*unlike, fleet("read", 16, 12))
    assert [row["of_ideal"] for row in like["rows"] if row["settings"].get("size") == 2**26] == [
        1, pytest.approx(12 / 18),
    ]
    memory = comparison(*(fleet("write", 1, n, memory_mb=n * 1000, in_flight=n) for n in (1, 2)))
    assert memory["across"] == "memory_mb" and {row["series"] for row in memory["rows"]} == {""}


def test_what_stands_above_is_so_of_all_runs():
    text = compare(small_reads(4096, for_s=5), small_reads(4096, objects=7))
    assert "for" not in text.splitlines()[0] and "7" not in text.splitlines()[0]
    assert [cells(text, letter)["seconds"] for letter in "AB"] == ["5", "-"]
    assert [cells(text, letter)["objects"] for letter in "AB"] == ["-", "7"]


def test_keys_of_no_known_size_are_compared():
    text = compare(fleet("read", 1, 1, mb_per_file=None), small_reads(4096), fleet("read", 1, 2, mb_per_file=64))
    assert [cells(text, letter)["size"] for letter in "ABC"] == ["-", "4 KiB", "64 MiB"]


@pytest.mark.parametrize("lacks", ["mbps", "op", "verdict", "max_active", "loopback", "throttled", "straggler_tax"])
def test_a_comparison_bears_what_a_summary_does_not_know(lacks):
    one, other = ({"source": f"runs/{n}", "run": None, "summary": summary([job(0, 10, 1e9)])} for n in range(2))
    one["summary"][lacks] = None
    text = json.dumps(one) + json.dumps(other)
    made = jq("-n", "-f", part("comparison.jq"), "--arg", "stopped", "", "--arg", "unfinished", "", text=text)
    assert "2 runs of 2 kinds" in comparison_table(json.loads(made))


def test_each_row_is_compared_with_the_first_of_its_operation():
    runs = (("write", 1), ("write", 2), ("read", 8), ("read", 12))
    text = compare(*(fleet(op, 1, n, region=str(n)) for op, n in runs))
    assert [cells(text, letter)["to A, C"] for letter in "ABCD"] == ["-", "+100 %", "-", "+50 %"]


def test_the_fastest_by_its_median_alone_is_told_as_that():
    def sentence(*slow):
        runs = [fleet("write", 1, gbs, memory_mb=512) for gbs in slow]
        return comparison(*runs, *(fleet("write", 1, gbs) for gbs in (0.016, 0.236)))["sentences"][0]

    assert "0.126 GB/s; by medians alone: the runs of one kind differ more" in sentence(0.022, 0.029)
    assert "medians" not in sentence(0.012, 0.015)


def test_a_bound_is_no_figure_to_compare_with():
    whole = ([job(0, 10, 1e9)] * 200, a_run(200))
    crashed = ([*[job(0, 10, 1e9)] * 199, failure("Crashed")], a_run(200, in_flight=16))
    for text in (compare(whole, crashed), compare(crashed, whole), compare(whole, whole, crashed, crashed)):
        assert text.index("BOUNDS (>=, <=)") < text.index("GB/s")
        assert cells(text, "A")["GB/s"] == "20.00"
        bound = cells(text, "B")
        assert {bound[head] for head in ("GB/s", "least", "most") if head in bound} == {">=9.950"}
        assert (bound.get("to A", "-"), bound["last 5 %"]) == ("-", "<=50 %")
    assert "DAMAGED" in compare(whole, ([*whole[0], job(0, 10, 1e9, job=3, launch=1)], a_run(200)))
    unknown = compare(([job(0, 10, 1e9), failure("Crashed")], None), ([job(0, 10, 1e9)], None))
    assert cells(unknown, "A")["GB/s"] == "-" and "BOUNDS" in unknown


def test_forty_kinds_have_a_letter_each():
    text = compare(*[([job(0, 10, (n + 1) * 1e9)], {**ONE, "memory_mb": n + 1}) for n in range(40)])
    assert re.findall(r"^  ([A-Z]+) +write", text, re.M)[24:28] == ["Y", "Z", "AA", "AB"]
    assert cells(text, "AN")["GB/s"] == "4.000"


def test_a_comparison_warns_and_shows_no_control_characters():
    bad = [job(0, 10, 1e9), failure(job=1)]
    text = compare((bad, a_run(2, loopback=True, bucket="\x1b[2J")), ([job(0, 10, 1e9)], None))
    assert "\x1b" not in text
    assert text.index("LOOPBACK, NOT S3") < text.index("GB/s") and "NOT VALID" in text
    assert "\x1b[1m" in compare((bad, a_run(2)), colour=True)
    early = comparison_table(comparison((bad, a_run(2)), stopped="write 8 ended", unfinished="runs/\x1b"))
    assert "STOPPED EARLY (write 8 ended)" in early and "UNFINISHED: 'runs/\\u001b'" in early


def test_workers_that_share_a_machine_are_told():
    text = compare(*(fleet("write", n, n, shared_machine=True) for n in (1, 2)))
    assert text.index("ONE MACHINE") < text.index("GB/s") and "LOOPBACK" not in text
    for where, words in (("shared_machine", "on one machine"), ("loopback", "on loopback")):
        (sentence,) = comparison(*(fleet("write", 1, 1 + here, **{where: here}) for here in (False, True)))["sentences"]
        assert sentence.startswith(f"write, {words} was the fastest")


def priced(gbs, memory, **more):
    """A run of ten workers that together move so much, with what the bill needs."""
    billed = {**BILLED, "memory_mb": memory, "handler_s": 40}
    return [job(0, 10, gbs * 1e9, **billed)] * 10, a_run(10, memory_mb=memory, **more)


def test_memory_buys_speed_and_the_cheapest_and_the_fastest_are_named():
    sizes = [(512, 0.5), (1769, 0.8), (10240, 1)]
    made = comparison(*(priced(gbs, memory) for memory, gbs in reversed(sizes)), prices=PRICES)
    assert (made["across"], made["varies"]) == ("memory_mb", ["memory_mb"])
    # 10 workers for 10 s at their memory, and 5 requests each.
    costs = [(100 * memory / 1024 * 0.01 + 5) / (gbs * 0.01) for memory, gbs in sizes]
    assert [row["figures"]["usd_per_tb"] for row in made["rows"]] == pytest.approx(costs)
    assert made["sentences"] == [
        "write, 10,240 MB of memory was the fastest: 1.000 GB/s at $1,500.00 per TB; "
        "write, 1,769 MB of memory was the cheapest: 0.800 GB/s at $840.94 per TB"
    ]
    text = comparison_table(made)
    assert made["sentences"][0] + "." in flat(text)
    assert [cells(text, letter)["$ per TB"] for letter in "ABC"] == ["1,100.00", "840.94", "1,500.00"]
    both = comparison(*(priced(gbs, memory) for memory, gbs in ((512, 1), (1024, 0.5))), prices=PRICES)
    assert both["sentences"] == [
        "write, 512 MB of memory was the fastest and the cheapest: 1.000 GB/s at $550.00 per TB"
    ]
    unknown = ([job(0, 10, 2e9)] * 10, a_run(10, memory_mb=3008))
    assert comparison(unknown, *(priced(1, memory) for memory in (512, 1024)), prices=PRICES)["sentences"] == [
        "write, 3,008 MB of memory was the fastest: 2.000 GB/s"
    ], "it may have been the cheapest, too"


def test_small_objects_are_compared_by_objects():
    def runs(size, number):
        return [([job(0, 10, n * number * size, objects=n * number)], {**ONE, "in_flight": n}) for n in (8, 64)]

    text = compare(*runs(4096, 1000))
    assert [cells(text, letter)["objects/s"] for letter in "AB"] == ["800", "6,400"]
    assert "objects/s" not in compare(*runs(2e9, 1))
    crashed = ([*runs(4096, 1000)[0][0] * 199, failure("Crashed")], a_run(200, {"end": EPOCH + 20}, in_flight=64))
    assert cells(compare(crashed, *runs(4096, 1000)), "C")["objects/s"] == ">=79,600"


def test_runs_by_time_are_of_one_kind_whatever_limits_their_objects():
    limits = [(15, 4), (17, 3), (None, None)]
    runs = [
        (op, n, {"for_s": 20, "objects": objects, "read_times": times if op == "read" else None})
        for op in ("write", "read")
        for n in (1, 10)
        for objects, times in limits
    ]
    made = comparison(*(fleet(op, n, n, **more) for op, n, more in runs))
    assert [(row["op"], row["jobs"], row["repetitions"]) for row in made["rows"]] == [
        (op, n, 3) for op in ("write", "read") for n in (1, 10)
    ]
    assert (made["across"], {row["series"] for row in made["rows"]}) == ("workers", {""})
    by_number = comparison(*(fleet("write", 1, 1, objects=n) for n in (15, 17)))
    assert by_number["varies"] == ["objects"], "without a time they are the work"


def test_the_title_of_a_run_by_time_claims_no_limit_as_done():
    limited = a_run(2, op="read", for_s=20, objects=15, read_times=4)
    text = flat(table(summary([job(0, 20, 1e9)] * 2, limited), limited))
    assert "terabit read: 2 jobs, objects of 64 MiB, for 20 s" in text and "15" not in text.split("goodput")[0]
    counted = a_run(2, objects=15)
    assert "15 in a stream" in flat(table(summary([job(0, 20, 1e9)] * 2, counted), counted))


def test_a_deadline_that_trims_stragglers_away_makes_no_kind_faster():
    whole = [job(0, 10, 1e9)] * 199
    cut = ([*whole, {**failed(0, 20, 1e8), **failure("Deadline")}], a_run(200, in_flight=16))
    made = comparison(cut, ([*whole, job(0, 90, 1e9)], a_run(200)))
    assert [(row["valid"], row["cut_off"], row["counts"]) for row in made["rows"]] == [
        (True, False, True),
        (True, True, False),
    ]
    assert made["sentences"] == ["write, 8 in flight moved 2.222 GB/s"]
    assert "CUT OFF: jobs met the deadline before their work was done, in B" in flat(comparison_table(made))


def test_what_failed_or_moved_nothing_is_no_candidate():
    bad = ([failed(0, 10, 1e11)], a_run(1, memory_mb=1024))
    nothing = ([job(0, 10, 0)], a_run(1, memory_mb=4096))
    made = comparison(bad, nothing, ([job(0, 10, 1e9)], ONE))
    assert [row["counts"] for row in made["rows"]] == [False, True, False]
    assert [row["held_back"] for row in made["rows"]] == ["failures", "nothing", "nothing"], "as each run's own verdict"
    straggling = ([*[job(0, 10, 1e9)] * 39, job(0, 99, 1e9), failure("Throttled")], a_run(41))
    assert comparison(straggling)["rows"][0]["held_back"] == "failures"
    assert made["sentences"] == ["write, 2,048 MB of memory moved 0.100 GB/s"]
