"""The programs that plan, cut, price and finish a fleet, each by itself: program, input, expected output."""

import json
import subprocess

import pytest
from figures import a_run
from harness import JQ, includes, part

PRICES = {
    "date": "2026-11",
    "region": "us-east-1",
    "gb_second": {"arm64": 0.01, "x86_64": 0.02},
    "million_invocations": 1e6,
    "thousand_puts": 100,
    "thousand_gets": 10,
    "gb_month": 0.3,
    "gb_moved": 0,
    "directory_bucket": {"gb_month": 1, "gb_moved": {"write": 5, "read": 7}},
}


def jq(*args, text="null", **values):
    """Runs jq; values are given by --argjson, but texts that stand in a tuple by --arg."""
    for name, value in values.items():
        args += ("--arg", name, value[0]) if isinstance(value, tuple) else ("--argjson", name, json.dumps(value))
    done = subprocess.run(["jq", "-L", JQ, *args], check=False, input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def library(name, program, value=None, **values):
    return json.loads(jq("-c", includes(name) + program, text=json.dumps(value), **values))


# squads.jq


@pytest.mark.parametrize(
    ("jobs", "squad"),
    [(1, 1), (8, 1), (9, 16), (16, 16), (17, 16), (128, 16), (129, 17), (1800, 225), (2048, 256), (10_000, 256)],
)
def test_jobs_per_squad(jobs, squad):
    assert library("squads", f"squad_for({jobs})") == squad


def test_a_fleet_is_cut_into_few_squads_that_are_neither_small_nor_too_large():
    for jobs, squad in enumerate(library("squads", "[range(1; 6000) | squad_for(.)]"), 1):
        if jobs <= 8:
            assert squad == 1
        else:
            assert 16 <= squad <= 256
            assert -(-jobs // squad) <= 8 or squad == 256


@pytest.mark.parametrize(
    ("jobs", "squad", "environments"),
    [(8, 1, 8), (300, 1, 64), (16, 16, 17), (1800, 225, 1808), (100, 2, 150), (600, 2, 192)],
)
def test_environments_that_run_at_once(jobs, squad, environments):
    assert library("squads", f"environments({jobs}; {squad})") == environments


@pytest.mark.parametrize(
    ("jobs", "squad", "sizes"),
    [
        (3, 1, [1, 1, 1]),
        (10, 4, [3, 3, 4]),
        (9, 16, [9]),
        # None is left alone with a job, which it would do itself.
        (5, 2, [2, 3]),
        (1, 2, [1]),
        (1800, 113, [112, 113] * 8),
        (1800, 225, [225] * 8),
    ],
)
def test_a_launch_is_cut_evenly_and_in_order(jobs, squad, sizes):
    found = library("squads", f"[[range({jobs})] | into_squads({squad})]")
    assert [len(jobs) for jobs in found] == sizes and [job for jobs in found for job in jobs] == list(range(jobs))


# launch.jq


def planned(number, **more):
    return [{"job": n, "op": "write", "key": f"k{n}", **more} for n in range(number)]


def launched(jobs, squad, n=1, ranges=([0, 6],), ending_s=None, **more):
    """A launch as run.json tells it, and its invocations: name, jobs, event."""
    config = {"squad": squad, "processes": 2, "open_s": 1, "start_in_s": 7, "stop_in_s": 67, "expected_s": 3,
              "cost": {}, "version": "0.1.0", "clock": {"offset_s": 20}, "answering_s": 10, **more}  # fmt: skip
    text = "".join(json.dumps(one) + "\n" for one in jobs)
    launch, *lines = jq("-c", "-n", "-r", "-f", part("launch.jq"), text=text, now=1000, fleet=[config],
                        run=[{"answers": "p/terabit-runs/x/", "launches": [{}] * (n - 1)}], numbers=[ranges],
                        ending_s=ending_s).splitlines()  # fmt: skip
    invocations = zip(lines[::3], lines[1::3], lines[2::3], strict=True)
    return json.loads(launch), [(name, json.loads(jobs), json.loads(event)) for name, jobs, event in invocations]


@pytest.mark.parametrize("squad", [1, 3])
def test_invocations_hold_every_job_once_in_order(squad):
    _, found = launched(planned(7), squad)
    assert [name for name, _, _ in found] == [f"1-{n:06}" for n in range(-(-7 // squad))]
    assert [job for _, jobs, _ in found for job in jobs] == planned(7, launch=1)
    for name, jobs, event in found:
        moments = {"open_s": 1, "start_at": 1007, "stop_by": 1067}
        assert event == {
            "jobs": [{"op": "write", "key": job["key"], **moments} for job in jobs],
            "answer_key": f"p/terabit-runs/x/{name}.json",
        }


def test_a_further_launch_takes_its_own_jobs_and_other_names():
    # In format 1 the jobs of further launches stood among those that were planned.
    jobs = [*planned(4), *planned(2, launch=2)]
    _, again = launched(jobs, 2, n=2, ranges=[[0, 1], [3, 3]], start_in_s=None)
    assert [job["job"] for _, jobs, _ in again for job in jobs] == [0, 1, 3]
    assert [name for name, _, _ in again] == ["2-000000"]
    assert all(set(job) == {"op", "key", "open_s", "stop_by"} for _, _, event in again for job in event["jobs"])


def test_a_launch_makes_moments_of_durations():
    one, _ = launched(planned(4), 4, n=2, ranges=[[1, 3]], bucket="b")
    assert (one["n"], one["jobs"], one["squad"], one["version"]) == (2, [[1, 3]], 4, "0.1.0")
    assert [one[name] for name in ("launch", "start_at", "stop_by", "until")] == [1000, 1007, 1067, 1077]
    assert (one["end"], one["interrupted"], one["throttled"]) == (None, None, 0) and "bucket" not in one
    assert launched(planned(4), 4, ranges=[[1, 3]], start_in_s=None)[0]["start_at"] is None


# fleet.jq


def fleet(jobs, config=None, squad="", start_in="", timeout="", cpu=0.4, max_cost=10, yes=""):
    config = {"op": "write", "memory_mb": 2048, "arch": "arm64", "timeout_s": 900, "mb_per_file": 64, "part_mb": 64,
              "in_flight": 8, "loopback": False, "network_mbps": 78.125, **(config or {})}  # fmt: skip
    options = {"squad": (str(squad),), "start_in": (str(start_in),), "timeout": (str(timeout),)}
    ping = [{"took_s": 2, "clock": {"within_s": 1}}]
    options |= {"max_cost": max_cost, "yes": (yes,)}
    values = {"prices": [PRICES], "jobs": jobs, "cores": 2, "cpu": cpu, "ping": ping, **options}
    return json.loads(jq("-f", part("fleet.jq"), text=json.dumps(config), **values))


def test_a_fleet_of_squads_starts_together_when_all_can_be_ready():
    one = fleet(1800)
    assert (one["squad"], one["invocations"], one["environments"]) == (225, 8, 1808)
    # 8 processes of 0.4 s on 2 cores, 225 handshakes of 1 ms, a ping of 2 s, a clock known to 1 s, 10 s for the second
    # thousand, 4 s for opening the connections.
    assert one["start_in_s"] == pytest.approx(1.6 + 0.225 + 2 + 1 + 10 + 4)
    small = fleet(1800, {"memory_mb": 128})
    assert small["start_in_s"] - one["start_in_s"] == pytest.approx(0.225 * (1769 / 128 - 1)), "they share a processor"
    assert one["stop_in_s"] == pytest.approx(one["start_in_s"] + 60)
    few = fleet(4)
    assert few["start_in_s"] == pytest.approx(0.8 + 2 + 1 + 1 + 4 / 128), "a few connections open in less time"


@pytest.mark.parametrize(
    ("jobs", "config", "open_s"),
    [
        (4, {"mb_per_file": 2000}, 1),
        (1800, {"mb_per_file": 5000}, 1800 * 8 / 3000),
        (1800, {"mb_per_file": 2000}, 2000 * 1.048576 / 78.125 / 10),
        (1800, {"mb_per_file": 64}, 1),
        (9000, {"op": "read", "mb_per_file": 50_000, "range_mb": 64, "read_times": 1}, 9000 * 8 / 5000),
        (100_000, {"mb_per_file": 100_000}, 60),
    ],
)
def test_a_fleet_opens_below_what_one_partition_takes(jobs, config, open_s):
    assert fleet(jobs, config)["open_s"] == pytest.approx(open_s)


def test_workers_get_four_times_what_their_bytes_take_and_at_least_a_minute():
    assert fleet(2, {"mb_per_file": 1})["stop_in_s"] - fleet(2, {"mb_per_file": 1})["start_in_s"] == pytest.approx(60)
    large = fleet(2, {"mb_per_file": 2000})
    assert large["stop_in_s"] - large["start_in_s"] == pytest.approx(4 * 2000 * 1.048576 / 78.125)
    assert fleet(2, {"mb_per_file": 100_000})["stop_in_s"] == 890, "the function's own timeout less 10 s"


def test_what_is_chosen_is_taken():
    one = fleet(20, squad=1, start_in=0, timeout=33)
    assert (one["squad"], one["invocations"], one["start_in_s"]) == (1, 20, None)
    assert one["timeout_cut"] is False and fleet(20, timeout=900)["timeout_cut"] is True
    assert fleet(20, start_in=50)["start_in_s"] == 50


def test_each_wave_has_the_time_that_was_told():
    one, three = (fleet(jobs, squad=1, start_in=0, timeout=30) for jobs in (64, 130))
    assert three["stop_in_s"] - one["stop_in_s"] == pytest.approx(2 * 30 + (130 - 64) * 0.4 / 2), "and what starts it"
    assert fleet(30_000, {"mb_per_file": 1}, squad=1)["stop_in_s"] > 30_000 * 0.4 / 2
    assert three["timeout_cut"] is False and fleet(130, squad=1, timeout=900)["stop_in_s"] == 3 * 900 - 10


def test_one_job_and_several_waves_have_no_common_start():
    assert fleet(1)["start_in_s"] is None
    waves = fleet(300, squad=1)
    assert (waves["processes"], waves["start_in_s"]) == (64, None)


def test_a_machine_that_is_s3_and_lambda_as_well_needs_longer():
    assert fleet(300, {"loopback": True})["start_in_s"] > fleet(300)["start_in_s"]
    slow, fast = fleet(100, {"loopback": True, "mb_per_file": 1000}), fleet(100, {"mb_per_file": 1000})
    assert slow["stop_in_s"] - slow["start_in_s"] > fast["stop_in_s"] - fast["start_in_s"]


# cost.jq


def test_compute_is_seconds_times_memory():
    run = {"memory_mb": 2048, "arch": "arm64"}
    assert library("cost", "compute_usd($p; 10; 30)", run, p=PRICES) == pytest.approx(10 * 30 * 2 * 0.01)
    del run["arch"]
    assert library("cost", "compute_usd($p; 10; 30)", run, p=PRICES) == pytest.approx(10 * 30 * 2 * 0.02)


@pytest.mark.parametrize(
    ("run", "requests"),
    [
        ({"op": "write", "mb_per_file": 64, "part_mb": 64}, {"puts": 1, "gets": 0}),
        ({"op": "write", "mb_per_file": 65, "part_mb": 64}, {"puts": 4, "gets": 0}),
        ({"op": "write", "mb_per_file": 130, "part_mb": 64}, {"puts": 5, "gets": 0}),
        # The first part is shorter, at the shortest 5 MiB.
        ({"op": "write", "mb_per_file": 128, "part_mb": 64}, {"puts": 5, "gets": 0}),
        ({"op": "write", "mb_per_file": 69, "part_mb": 64}, {"puts": 4, "gets": 0}),
        ({"op": "write", "mb_per_file": 70, "part_mb": 5}, {"puts": 16, "gets": 0}),
        ({"op": "read", "mb_per_file": 130, "range_mb": 64, "read_times": 2}, {"puts": 0, "gets": 6}),
        ({"op": "read", "mb_per_file": 130, "range_mb": 0, "read_times": 2}, {"puts": 0, "gets": 2}),
        ({"op": "read", "mb_per_file": None}, None),
        ({"op": "write", "bytes_per_file": 4096, "part_mb": 5, "objects": 300}, {"puts": 300, "gets": 0}),
        ({"op": "write", "bytes_per_file": 5242881, "part_mb": 5, "objects": 2}, {"puts": 8, "gets": 0}),
        ({"op": "read", "mb_per_file": 12, "range_mb": 5, "objects": 7, "read_times": 2}, {"puts": 0, "gets": 42}),
        ({"op": "read", "mb_per_file": 12, "range_mb": 0, "objects": 7}, {"puts": 0, "gets": 7}),
    ],
)
def test_requests_of_a_job(run, requests):
    assert library("cost", "requests_of(most_objects; null)", run) == requests


@pytest.mark.parametrize(
    ("usd", "text"),
    [(None, "an unknown amount"), (0, "$0"), (0.004, "less than $0.01"), (0.01, "$0.01"), (1234.5, "$1,234.50")],
)
def test_amounts_are_never_zero_where_they_are_not(usd, text):
    assert library("cost", "dollars", usd) == text


@pytest.mark.parametrize(
    ("about", "most", "text"),
    [
        (0.001, 0.002, "less than $0.01"),
        (0.001, 0.5, "less than $0.01, at most $0.50"),
        (0.2, 0.5, "about $0.20, at most $0.50"),
        (None, 0.5, "at most $0.50"),
    ],
)
def test_an_estimate_is_told_with_its_bound(about, most, text):
    assert library("cost", f"estimate({json.dumps(about)}; {most})") == text


# bill.jq

WORKER = {"op": "write", "arch": "arm64", "memory_mb": 2048, "handler_s": 3, "init_s": 1, "requests": 5, "job": 0}


def bill(jobs, run=None, missing=0):
    launch = run and run["launches"][0]
    return library("bill", "bill($p; $run; $launch; $missing)", jobs, p=PRICES, run=run, launch=launch, missing=missing)


def test_a_bill_is_seconds_and_requests():
    one = 4 * 2 * 0.01 + 5 * 0.1 + 1
    assert bill([WORKER] * 2) == {"usd": pytest.approx(2 * one), "known_usd": pytest.approx(2 * one)}
    read = {**WORKER, "op": "read"}
    assert bill([read])["usd"] == pytest.approx(4 * 2 * 0.01 + 5 * 0.01 + 1)


def test_a_bill_with_something_unknown_says_what_is_known():
    for found in (bill([WORKER, {**WORKER, "handler_s": None}]), bill([WORKER], missing=1)):
        assert found["usd"] is None and found["known_usd"] > 1.5


def test_a_squad_is_billed_as_long_as_its_slowest_worker():
    def run(squad, **launch):
        return a_run(2, {"squad": squad, "start_in_s": None, **launch}, memory_mb=1024, mb_per_file=256)

    jobs = [{**WORKER, "job": 0}, {**WORKER, "job": 1, "handler_s": 9}]
    alone = bill(jobs, run(1))["usd"]
    assert alone - bill(jobs)["usd"] == pytest.approx(2 * 0.1), "its answer is a PUT, its environment the job's own"
    assert bill(jobs, run(2))["usd"] - bill(jobs)["usd"] == pytest.approx(10 * 0.01 + 1 + 0.1)
    assert bill(jobs, run(1, start_in_s=9))["usd"] - alone == pytest.approx(2 * 5 * 0.01), "up to five connections"
    assert bill(jobs, {**run(1), "id": None})["usd"] == bill(jobs)["usd"], "in format 1 there was no such answer"


# limits.jq

ACCOUNT = {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900}}


FITS = {"timeout_s": 900, "answering_s": 10, "start_in_s": None, "stop_in_s": 60, "cost": {"ceiling_usd": 5}}


def limits(jobs, squad="", account=ACCOUNT, reserved=None, max_cost=10, yes="", **run):
    run = {"op": "write", "mb_per_file": 64, "function": "terabit", "memory_mb": 512, "loopback": False, **run}
    squads = 0 if jobs <= 8 else -(-jobs // 225)
    run = FITS | run | {"squad": 225 if squads else 1, "environments": jobs + squads, "clock": None}
    concurrency = [] if reserved is None else [{"ReservedConcurrentExecutions": reserved}]
    return limits_of(run, jobs, squad, max_cost, yes, concurrency, [account] if account else [])


def limits_of(run, jobs, squad="", max_cost=10, yes="", concurrency=(), account=(ACCOUNT,)):
    function = [{"MemorySize": run["memory_mb"], "Timeout": run["timeout_s"]}]
    return jq("-s", "-r", "-f", part("limits.jq"), text=json.dumps(run), jobs=jobs, squad=(squad,), max_cost=max_cost,
              yes=(yes,), concurrency=list(concurrency), account=list(account), bucket=[], versioning=[],
              **{"lambda": function})  # fmt: skip


def test_a_fleet_that_fits_is_not_talked_about():
    assert limits(8) == "" and limits(400) == "" and limits(5000, account=None) == ""


def test_a_fleet_that_has_no_room_is_refused_with_what_fits_and_what_raises_it():
    line = limits(1800)
    assert line.startswith("refuse the fleet takes 1,808 environments at once, workers and squads, and the account")
    assert "892 workers fit now." in line, "892 workers and 8 squads are 900"
    assert "request-service-quota-increase" in line and "--desired-value 2008" in line
    assert "the function has 50 reserved" in (line := limits(60, reserved=50)) and "put-function-concurrency" in line


def test_of_a_fleet_in_waves_a_part_runs_at_once():
    run = FITS | {"op": "write", "mb_per_file": 1, "function": "terabit", "memory_mb": 512, "loopback": False,
                  "squad": 256, "environments": 16448}  # fmt: skip
    line = limits_of(run, 99_999)
    assert line.startswith("refuse the fleet takes 16,448 environments at once")


def test_what_cannot_start_and_what_may_cost_too_much_is_refused():
    assert limits(4, timeout_s=19).startswith("refuse the function's timeout is 19 s, and a worker keeps 10 s of it")
    late = limits(4, timeout_s=60, start_in_s=51, stop_in_s=50)
    assert late.startswith("refuse the fleet would start together 51 s after the launch") and "--timeout 900" in late
    assert limits(4, max_cost=4).startswith("refuse this may cost up to $5.00, more than $4 (--max-cost)")
    assert limits(4, max_cost=4, yes="yes") == ""
    assert fleet(4, {"loopback": True})["cost"]["ceiling_usd"] == 0


def test_more_than_half_of_the_account_is_a_warning():
    assert "more than half" in limits(600) and "refuse" not in limits(600)


def test_a_fleet_that_cannot_end_in_time_is_warned_of():
    def told(mb, op="write", **given):
        config = {"op": op, "mb_per_file": mb, "timeout_s": 900}
        planned = fleet(4, config, **given)
        del planned["squad"]
        return limits(4, max_cost=1e9, **config, **planned)

    assert told(50_000) == "" and told(64, timeout=1) == "" and told(None, op="read") == ""
    large = told(100_000, start_in=0)
    assert large.startswith("WARNING: this takes 1,342 s at 78 MB/s per worker") and "890 s after" in large
    assert "--timeout" not in large and "smaller objects end in time" in large
    assert told(74, timeout=1) == "" and "end in time; a longer --timeout" in told(75, timeout=1)


def test_what_a_ceiling_pays_for_is_told_of_each_wave():
    """128 processes are two waves on one machine, each of which has 20 s."""
    config = {"op": "write", "mb_per_file": None, "bytes_per_file": 4096, "in_flight": 64, "for_s": 20, "launches": []}

    def told(max_cost):
        planned = fleet(128, config, squad=1, max_cost=max_cost)
        assert planned["invocations"] == 2 * planned["processes"]
        del planned["squad"]
        return limits(128, account=None, max_cost=max_cost, **config, **planned)

    # 128 PUTs cost $12.80, and 6,400 a second are expected.
    assert "pays for 15 s of 20" in told(15 * 6400 * 12.8) and told(20 * 6400 * 13) == ""


# plan.jq


def plan(jobs, brief, **config):
    config = {"op": "write", "memory_mb": 2048, "arch": "arm64", "timeout_s": 900, "mb_per_file": 64, "part_mb": 64,
              "in_flight": 8, "loopback": False, "bucket": "b\x1b[2J", **config}  # fmt: skip
    whole = json.dumps(config) + json.dumps(fleet(jobs, config))
    return jq("-s", "-r", "-f", part("plan.jq"), text=whole, jobs=jobs, brief=brief)


def test_a_plan_says_how_the_fleet_goes_and_what_it_may_cost():
    assert plan(4, True).splitlines()[0].startswith("4 jobs, each invoked directly; they start together")
    squads = plan(1800, True)
    assert squads.splitlines()[0].startswith("1,800 jobs in 8 squads of up to 225; they start together 19 s")
    assert "at most $" in squads
    whole = plan(4, False)
    assert "would launch 4 jobs" in whole and "othing was launched or written" in whole and "\x1b" not in whole


def test_a_plan_for_loopback_says_that_it_costs_nothing():
    assert "nothing" in plan(4, True, loopback=True) and "nothing" not in plan(4, True)


# unfinished.jq


def unfinished(records, jobs):
    text = "".join(json.dumps(one) + "\n" for one in records)
    return json.loads(jq("-c", "-n", "-f", part("unfinished.jq"), "-R", text=text, jobs=jobs))


def test_jobs_without_a_good_record_run_again():
    error = {"type": "S3"}
    records = [{"job": 0}, {"job": 1, "error": error}, {"job": 3, "error": error}, {"job": 3, "launch": 2}]
    assert unfinished(records, 4) == [[1, 2]]
    assert unfinished([{"job": 2}], 5) == [[0, 1], [3, 4]] and unfinished([{"job": n} for n in range(4)], 4) == []


# records.jq


def came_of(answer, jobs=1, error=None, complaint="", status=0):
    """The counts and the records of an invocation."""
    metadata = json.dumps({"StatusCode": 200} | ({"FunctionError": error} if error else {}))
    lines = jq("-n", "-c", "-r", "-f", part("records.jq"), planned=[planned(jobs)], answer=(answer,),
               metadata=(metadata,), complaint=(complaint,), status=status, tries=1).splitlines()  # fmt: skip
    return lines[0], [json.loads(line) for line in lines[1:]]


GOOD = {"op": "write", "key": "k0", "start": 1, "stop": 2}


@pytest.mark.parametrize(
    ("answer", "status", "counts"),
    [
        (json.dumps([GOOD]), 0, "1 0 known"),
        (json.dumps([GOOD | {"error": {"type": "S3", "message": "no"}}]), 0, "1 1 known"),
        (json.dumps([GOOD | {"error": {"type": "Unanswered", "message": "says the squad"}}]), 0, "1 1 known"),
        (json.dumps([GOOD, GOOD]), 0, "1 1 known"),
        (json.dumps([GOOD])[:20], 0, "1 1 lost"),
        ("", 0, "1 1 lost"),
        ("", 255, "1 1 lost"),
    ],
)
def test_what_came_is_counted_and_what_may_still_come_is_told(answer, status, counts):
    assert came_of(answer, status=status, complaint="Connection was closed" if status else "")[0] == counts


@pytest.mark.parametrize(
    ("error", "type", "message"),
    [
        ({"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out"}, "TimedOut", "Task timed out"),
        ({"errorMessage": "Task timed out after 3.00 seconds"}, "TimedOut", "Task timed out after 3.00 seconds"),
        ({"errorType": "Runtime.ExitError", "errorMessage": "killed"}, "Crashed", "Runtime.ExitError: killed"),
        ({"errorType": "alloc::String", "errorMessage": "Lambda panicked: x"}, "Crashed", "Lambda panicked: x"),
        ({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": "6 MB"}, "BadAnswer", "6 MB"),
        ({"errorType": "InvalidEvent", "errorMessage": "op"}, "InvalidEvent", "op"),
    ],
)
def test_a_function_error_reads_as_a_squad_tells_it(error, type, message):
    """See function_error in function/src/invoker.rs: a fact, without what to do about it."""
    _, (record,) = came_of(json.dumps(error), error="Unhandled")
    assert record == {"job": 0, "launch": 1, "op": "write", "key": "k0", "error": {"type": type, "message": message}}
    _, records = came_of(json.dumps(error), jobs=2, error="Unhandled")
    assert [(r["error"]["type"], r["squad_failed"]) for r in records] == [(type, True)] * 2


# complaints.jq


@pytest.mark.parametrize(
    ("complaint", "type", "text"),
    [
        ("Unable to locate credentials", "AccessDenied", "aws configure sets them"),
        ('Read timeout on endpoint URL: "https://x/functions/terabit-EC2-KMS/invocations"', "Unanswered", "in time"),
        ('Connection was closed before we received a valid response from endpoint URL: "https://x/check-credentials"',
         "Unanswered", "in time"),
        ('Could not connect to the endpoint URL: "https://x/functions/SSO"', "Connect", "is the network up"),
        ("An error occurred (ResourceNotFoundException): Function not found: arn:aws:lambda:r:1:function:credentials",
         "Connect", 'no function "f" in'),
        ("SSL validation failed for https://x [SSL: SSLV3_ALERT_BAD_RECORD_MAC]", "Unanswered", "the TLS connection"),
        ("SSL validation failed for https://x/ENILimit [SSL] record layer failure", "Unanswered", "the TLS connection"),
        ("SSL validation failed for https://x [SSL: SSLV3_ALERT_HANDSHAKE_FAILURE]", "Connect", "AWS_CA_BUNDLE"),
        ("An error occurred (ExpiredTokenException): The security token is expired", "AccessDenied", "aws sso login"),
        ("Credentials were refreshed, but the refreshed credentials are still expired.", "AccessDenied",
         "have expired"),
        ("An error occurred (UnrecognizedClientException) when calling Invoke: The security token "
         "included in the request is invalid.", "AccessDenied", "has not enabled the region eu-west-1"),
        ("An error occurred (AccessDeniedException): not authorized to perform: lambda:InvokeFunction on resource",
         "AccessDenied", "the credentials may not lambda:InvokeFunction: allow it"),
        ("An error occurred (AccessDenied) when calling HeadBucket: no", "AccessDenied", "may not s3:ListBucket: "),
        ("An error occurred (KMSAccessDeniedException): no", "AccessDenied", "the function's role may not do that"),
        ("An error occurred (AccessDenied): arn:aws:sts::1:assumed-role/EC2AccessDenied/i no", "AccessDenied",
         "the credentials may not"),
        ("An error occurred (AccessDenied): arn:aws:sts::1:assumed-role/credentials/i is not authorized to perform: "
         "lambda:InvokeFunction", "AccessDenied", "the credentials may not lambda:InvokeFunction"),
        ("Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY", "AccessDenied", "gets no credentials"),
        ("An error occurred (TooManyRequestsException) when calling the Invoke operation: Rate Exceeded.", "Throttled",
         "no room for one worker"),
        ("An error occurred (TooManyRequestsException) when calling the GetFunctionConfiguration operation (reached "
         "max retries: 0): Rate exceeded", "Throttled", "only so many such questions"),
        ("An error occurred (ResourceConflictException) when calling the Invoke operation: The operation cannot be "
         "performed at this time. The function is currently in the following state: Pending", "Connect", "is being ch"),
        ("An error occurred (ResourceConflictException) when calling the Invoke operation: The operation cannot be "
         "performed at this time. The function is currently in the following state: Failed", "Connect", "make destroy"),
        ("An error occurred (RequestTooLargeException): 6 MB", "InvalidEvent", ""),
        ("An error occurred (ResourceNotFoundException): f", "Connect", 'no function "f" in the region eu-west-1'),
        ("An error occurred (InvalidZipFileException): f", "Crashed", ""),
        ('Could not connect to the endpoint URL: "http://x"', "Connect", "is the network up"),
        ('the credentials could not be found: Could not connect to the endpoint URL: "http://x"', "Connect",
         "is the network up"),
        ("the credentials could not be found: You must specify a region.", "Connect", "no region is known"),
        ("An error occurred (ThrottlingException) when calling the DescribeStacks operation: Rate exceeded",
         "Throttled", "only so many such questions"),
        ("An error occurred (SlowDown) when calling the ListObjectsV2 operation: Please reduce", "Throttled",
         "only so many such questions"),
        ('Read timeout on endpoint URL: "http://x"', "Unanswered", "(429)"),
        ("An error occurred (ServiceException): internal", "Lambda", "the fault is AWS's own"),
        ("An error occurred (503) when calling HeadBucket: Service Unavailable", "Lambda", "the fault is AWS's own"),
        ("An error occurred (InvalidSignatureException): Signature expired: 2026 is earlier than 2026", "AccessDenied",
         "this machine's clock is wrong, it says now"),
        ("An error occurred (RequestTimeTooSkewed): The difference between the request time and the current time is "
         "too large.", "AccessDenied", "this machine's clock is wrong"),
        ("SSL validation failed for https://x [SSL: CERTIFICATE_VERIFY_FAILED]", "Connect", "AWS_CA_BUNDLE"),
        ('Failed to connect to proxy URL: "http://x"', "Connect", "HTTPS_PROXY"),
        ("Your session has expired. Please reauthenticate using 'aws login'.", "AccessDenied",
         "has no session now: aws login"),
        ("An error occurred (RecursiveInvocationException): loop", "AccessDenied",
         "put-function-recursion-config --function-name f --recursive-loop Allow --region eu-west-1"),
        ("the ping failed: S3: RecursiveInvocationException: loop", "AccessDenied", "--recursive-loop Allow"),
        ("InvalidParameterValueException: 'MemorySize' value failed to satisfy constraint: Member must have value less "
         "than or equal to 3008", "InvalidEvent", "make deploy MEMORY=3008"),
        ("the ping failed: AccessDenied: the role lacks lambda:InvokeFunction", "Unanswered", "make deploy gives it"),
        ("", "Unanswered", ""),
    ],
)
def test_a_complaint_has_a_type_and_what_mends_it(complaint, type, text):
    at = {"function": "f", "bucket": "b", "region": "eu-west-1", "deployed": "eu-west-1", "profile": "",
          "action": "s3:ListBucket", "clock": "now"}  # fmt: skip
    found = library("complaints", "[refused_type, remedy($at)]", complaint, at=at)
    assert found[0] == type and text in found[1] and (text == "") == (found[1] == ""), found


def test_a_directory_bucket_that_is_not_reached_may_be_in_another_region():
    unreached = 'Could not connect to the endpoint URL: "http://x"'
    for bucket, told in (("b--use1-az4--x-s3", True), ("b", False)):
        at = {"bucket": bucket, "region": "eu-west-1"}
        assert ("from its own region alone" in library("complaints", "remedy($at)", unreached, at=at)) == told


# working.jq


def working(jobs, squad=1, until=1_700_000_080, launches=1, **config):
    launch = {"jobs": [[0, jobs - 1]], "squad": squad, "until": until}
    run = {"memory_mb": 2048, "arch": "arm64", "launches": [launch | {"n": n + 1} for n in range(launches)]}
    run |= config
    sent = [[{"job": job} for job in range(n, min(n + squad, jobs))] for n in range(0, jobs, squad)]
    return json.loads(jq("-n", "-f", part("working.jq"), text="", run=[run], sent=sent, prices=[PRICES],
                         now=1_700_000_050))  # fmt: skip


def test_what_goes_on_is_told_until_when_and_at_what_cost():
    one = working(5, squad=3)
    assert one["text"].startswith("up to 5 workers and 2 squads may still be at work, until 22:14:40 UTC at the latest")
    assert "30 seconds from now" in one["text"] and one["cost"] == f"at most ${7 * 30 * 2 * 0.01:.2f}"
    assert working(5, loopback=True)["cost"] == working(5, shared_machine=True)["cost"] == "nothing that AWS bills"
    assert working(1)["text"].startswith("up to 1 worker may")
    assert working(1, until=1_600_000_000) == {}


# ping.jq


def ping(answer):
    told = {"before": 100, "after": 102, "own": ("",), "lambda": [{"MemorySize": 512}]}
    return json.loads(jq("-f", part("ping.jq"), text='{"jobs": [{"op": "ping"}]}', answer=(answer,), **told))


def test_a_ping_tells_the_workers_clock():
    told = ping('[{"now": 121, "version": "0.1.0", "memory_mb": 512}]')
    assert told == {"took_s": 2, "clock": {"offset_s": 20, "within_s": 1}, "version": "0.1.0"}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ('{"errorType": "NoSuchBucket", "errorMessage": "gone"}', "NoSuchBucket: gone"),
        ('[{"error": {"type": "AccessDenied", "message": "lambda:Invoke"}}]', "AccessDenied: lambda:Invoke"),
        ('{"errorType": "InvalidEvent", "errorMessage": "op"}', "InvalidEvent: op"),
        ("", 'does not answer like terabit: nothing'),
        ('"\x1b[2Jhello"', "hello"),
        ('{"now": 121, "version": "0.1.0"}', "does not answer like terabit"),
        ('[{"now": "later", "version": "0.1.0", "memory_mb": 512}]', "does not answer like terabit"),
        ("[]", "does not answer like terabit"),
    ],
)
def test_a_ping_that_says_something_else_is_a_refusal(answer, text):
    refusal = ping(answer)["refusal"]
    assert text in refusal and "\x1b" not in refusal
