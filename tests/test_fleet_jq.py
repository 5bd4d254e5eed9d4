"""The programs that plan, cut, price and finish a fleet, each by itself: program, input, expected output."""

import json
import re
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


# cut.jq


@pytest.mark.parametrize(
    ("jobs", "squad"),
    [(1, 1), (8, 1), (9, 16), (16, 16), (17, 16), (256, 16), (257, 17), (1800, 113), (4096, 256), (10_000, 256)],
)
def test_jobs_per_squad(jobs, squad):
    assert library("cut", f"squad_for({jobs})") == squad


def test_a_fleet_is_cut_into_few_squads_that_are_neither_small_nor_too_large():
    for jobs, squad in enumerate(library("cut", "[range(1; 6000) | squad_for(.)]"), 1):
        if jobs <= 8:
            assert squad == 1
        else:
            assert 16 <= squad <= 256
            assert -(-jobs // squad) <= 16 or squad == 256


@pytest.mark.parametrize(
    ("jobs", "squad", "environments"),
    [(8, 1, 8), (300, 1, 64), (16, 16, 17), (1800, 113, 1816), (100, 2, 150), (600, 2, 192)],
)
def test_environments_that_run_at_once(jobs, squad, environments):
    assert library("cut", f"environments({jobs}; {squad})") == environments


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
    ],
)
def test_a_launch_is_cut_evenly_and_in_order(jobs, squad, sizes):
    found = library("cut", f"[[range({jobs})] | cut({squad})]")
    assert [len(jobs) for jobs in found] == sizes and [job for jobs in found for job in jobs] == list(range(jobs))


# invocations.jq


def planned(number, **more):
    return [{"job": n, "op": "write", "key": f"k{n}", **more} for n in range(number)]


def invocations(jobs, squad, n=1, ranges=([0, 6],), **launch):
    run = {"answers": "p/terabit-runs/x/"}
    launch = {"n": n, "jobs": ranges, "squad": squad, "open_s": 1, "start_at": 5, "stop_by": 9, **launch}
    text = "".join(json.dumps(one) + "\n" for one in jobs)
    lines = jq("-c", "-n", "-r", "-f", part("invocations.jq"), text=text, run=[run], launch=[launch]).splitlines()
    return [(name, json.loads(a), json.loads(b)) for name, a, b in zip(lines[::3], lines[1::3], lines[2::3])]


@pytest.mark.parametrize("squad", [1, 3])
def test_invocations_hold_every_job_once_in_order(squad):
    found = invocations(planned(7), squad)
    assert [name for name, _, _ in found] == [f"1-{n:06}" for n in range(-(-7 // squad))]
    assert [job for _, jobs, _ in found for job in jobs] == planned(7, launch=1)
    for name, jobs, event in found:
        assert event == {
            "jobs": [{"op": "write", "key": job["key"], "open_s": 1, "start_at": 5, "stop_by": 9} for job in jobs],
            "answer_key": f"p/terabit-runs/x/{name}.json",
        }


def test_a_further_launch_takes_its_own_jobs_and_other_names():
    # In format 1 the jobs of further launches stood among those that were planned.
    jobs = [*planned(4), *planned(2, launch=2)]
    again = invocations(jobs, 2, n=2, ranges=[[0, 1], [3, 3]], start_at=None)
    assert [job["job"] for _, jobs, _ in again for job in jobs] == [0, 1, 3]
    assert [name for name, _, _ in again] == ["2-000000"]
    assert all(set(job) == {"op", "key", "open_s", "stop_by"} for _, _, event in again for job in event["jobs"])


# fleet.jq


def fleet(jobs, config=None, squad="", start_in="", timeout="", cpu=0.4):
    config = {"op": "write", "memory_mb": 2048, "arch": "arm64", "timeout_s": 900, "mb_per_file": 64, "part_mb": 64,
              "in_flight": 8, "loopback": False, "network_mbps": 78.125, **(config or {})}  # fmt: skip
    options = {"squad": (str(squad),), "start_in": (str(start_in),), "timeout": (str(timeout),)}
    ping = [{"took_s": 2, "clock": {"within_s": 1}}]
    values = {"prices": [PRICES], "jobs": jobs, "cores": 2, "cpu": cpu, "ping": ping, **options}
    return json.loads(jq("-f", part("fleet.jq"), text=json.dumps(config), **values))


def test_a_fleet_of_squads_starts_together_when_all_can_be_ready():
    one = fleet(1800)
    assert (one["squad"], one["invocations"], one["environments"]) == (113, 16, 1816)
    # 16 processes of 0.4 s on 2 cores, a ping of 2 s, a clock known to 1 s, 10 s for the second thousand, 4 s for
    # opening the connections.
    assert one["start_in_s"] == pytest.approx(3.2 + 2 + 1 + 10 + 4)
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
    ],
)
def test_requests_of_a_job(run, requests):
    assert library("cost", "requests_of_a_job", run) == requests


@pytest.mark.parametrize(
    ("usd", "text"),
    [(None, "an unknown amount"), (0, "$0"), (0.004, "less than $0.01"), (0.01, "$0.01"), (1234.5, "$1,234.50")],
)
def test_amounts_are_never_zero_where_they_are_not(usd, text):
    assert library("cost", "dollars", usd) == text


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
        return a_run(2, {"squad": squad, "start_at": None, **launch}, memory_mb=1024, mb_per_file=256)

    jobs = [{**WORKER, "job": 0}, {**WORKER, "job": 1, "handler_s": 9}]
    alone = bill(jobs, run(1))["usd"]
    assert alone - bill(jobs)["usd"] == pytest.approx(2 * 0.1), "its answer is a PUT, its environment the job's own"
    assert bill(jobs, run(2))["usd"] - bill(jobs)["usd"] == pytest.approx(10 * 0.01 + 1 + 0.1)
    assert bill(jobs, run(1, start_at=9))["usd"] - alone == pytest.approx(2 * 5 * 0.01), "up to five connections"
    assert bill(jobs, {**run(1), "id": None})["usd"] == bill(jobs)["usd"], "in format 1 there was no such answer"


# limits.jq

ACCOUNT = {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900}}


def limits(jobs, squad="", account=ACCOUNT, reserved=None, **run):
    run = {"op": "write", "mb_per_file": 64, "function": "terabit", "memory_mb": 512, "loopback": False, **run}
    squads = 0 if jobs <= 8 else -(-jobs // 113)
    run |= {"squad": 113 if squads else 1, "environments": jobs + squads}
    function = [] if reserved is None else [{"ReservedConcurrentExecutions": reserved}]
    return jq("-n", "-r", "-f", part("limits.jq"), run=[run], jobs=jobs, squad=(squad,), besides=("",),
              function=function, account=[account] if account else [])  # fmt: skip


def test_a_fleet_that_fits_is_not_talked_about():
    assert limits(8) == "" and limits(400) == "" and limits(5000, account=None) == ""


def test_a_fleet_that_has_no_room_is_refused_with_what_fits_and_what_raises_it():
    line = limits(1800)
    assert line.startswith("refuse 1,800 workers and 16 squads run at once, and the account has 900 free.")
    assert "What fits now: ./driver.sh write 884 64." in line, "884 workers and 16 squads are 900"
    assert "request-service-quota-increase" in line and "--desired-value 2016" in line
    assert "the function has 50 reserved" in (line := limits(60, reserved=50)) and "put-function-concurrency" in line


def test_of_a_fleet_in_waves_a_part_runs_at_once():
    run = {"op": "write", "mb_per_file": 1, "function": "terabit", "memory_mb": 512, "loopback": False, "squad": 256,
           "environments": 16448}  # fmt: skip
    line = jq("-n", "-r", "-f", part("limits.jq"), run=[run], jobs=99_999, squad=("",), besides=("",), function=[],
              account=[ACCOUNT])  # fmt: skip
    assert line.startswith("refuse 16,448 environments run at once")


def test_more_than_half_of_the_account_is_a_warning():
    assert "more than half" in limits(600) and "refuse" not in limits(600)


def test_a_fleet_that_cannot_end_in_time_is_warned_of():
    def told(mb, op="write", **given):
        config = {"op": op, "mb_per_file": mb, "timeout_s": 900}
        planned = fleet(4, config, **given)
        return limits(4, **config, **{name: planned[name] for name in ("expected_s", "start_in_s", "stop_in_s")})

    assert told(50_000) == "" and told(64, timeout=1) == "" and told(None, op="read") == ""
    large = told(100_000, start_in=0)
    most = int(re.search(r"Objects of (\d+) MiB", large)[1])
    assert large.startswith("WARNING: this takes 1,342 s at 78 MB/s per worker") and "890 s after" in large
    assert told(most, start_in=0) == "" and "WARNING" in told(most + 1, start_in=0) and "--timeout" not in large
    assert "Objects of 74 MiB at most end in time; a longer --timeout" in told(75, timeout=1)


# plan.jq


def plan(jobs, brief, **config):
    config = {"op": "write", "memory_mb": 2048, "arch": "arm64", "timeout_s": 900, "mb_per_file": 64, "part_mb": 64,
              "in_flight": 8, "loopback": False, "bucket": "b\x1b[2J", **config}  # fmt: skip
    whole = config | fleet(jobs, config)
    return jq("-r", "-f", part("plan.jq"), text=json.dumps(whole), jobs=jobs, brief=brief, prices=[PRICES])


def test_a_plan_says_how_the_fleet_goes_and_what_it_may_cost():
    assert plan(4, True).splitlines()[0].startswith("driver: 4 jobs, each invoked directly; they start together")
    squads = plan(1800, True)
    assert squads.splitlines()[0].startswith("driver: 1,800 jobs in 16 squads of up to 113; they start together 20 s")
    assert "at most $" in squads
    whole = plan(4, False)
    assert "would launch 4 jobs" in whole and "othing was launched or written" in whole and "\x1b" not in whole


def test_a_plan_for_loopback_says_that_it_costs_nothing():
    assert "nothing" in plan(4, True, loopback=True) and "nothing" not in plan(4, True)


# launch.jq


def test_a_launch_makes_moments_of_durations():
    config = {"squad": 4, "processes": 2, "open_s": 1, "start_in_s": 7, "stop_in_s": 67, "expected_s": 3, "cost": {},
              "ping": {"version": "0.1.0"}, "clock": {"offset_s": 20}, "bucket": "b"}  # fmt: skip

    def launch(**more):
        text = json.dumps(config | more)
        return json.loads(jq("-f", part("launch.jq"), text=text, n=2, jobs=[[[1, 3]]], now=1000, ending_s=10))

    one = launch()
    assert (one["n"], one["jobs"], one["squad"], one["version"]) == (2, [[1, 3]], 4, "0.1.0")
    assert [one[name] for name in ("launch", "start_at", "stop_by", "until")] == [1000, 1007, 1067, 1077]
    assert (one["end"], one["interrupted"], one["throttled"]) == (None, None, 0) and "bucket" not in one
    assert launch(start_in_s=None)["start_at"] is None


# again.jq


def again(records, jobs):
    text = "".join(json.dumps(one) + "\n" for one in records)
    return json.loads(jq("-c", "-n", "-f", part("again.jq"), text=text, jobs=jobs))


def test_jobs_without_a_good_record_run_again():
    error = {"type": "S3"}
    records = [{"job": 0}, {"job": 1, "error": error}, {"job": 3, "error": error}, {"job": 3, "launch": 2}]
    assert again(records, 4) == [[1, 2]]
    assert again([{"job": 2}], 5) == [[0, 1], [3, 4]] and again([{"job": n} for n in range(4)], 4) == []


# waiting.jq


def test_only_answers_that_are_waited_for_are_fetched():
    names = ("1-000000.json", "1-000001.json", "x/1-000002.json", "1-0")
    listing = {"Contents": [{"Key": f"f/{name}"} for name in names]}
    told = jq("-n", "-r", "-f", part("waiting.jq"), text=json.dumps(listing), folder=("f/",),
              waiting=("1-000001\n1-000002\n",))  # fmt: skip
    assert told.splitlines() == ["1-000001"]
    assert jq("-n", "-r", "-f", part("waiting.jq"), text="", folder=("f/",), waiting=("1-000001\n",)) == ""


# interrupted.jq


def interrupted(workers, squads=0, until=1_700_000_080):
    run = {"memory_mb": 2048, "arch": "arm64"}
    working = json.dumps({"workers": workers, "squads": squads, "until": until if workers else None})
    return jq("-r", "-f", part("interrupted.jq"), text=working, run=[run], prices=[PRICES], now=1_700_000_050)


def test_what_goes_on_after_an_interruption():
    text = interrupted(5, 2)
    assert "up to 5 workers and 2 squads may still be running, until 22:14:40 UTC" in text
    assert "30 seconds from now" in text and f"at most ${7 * 30 * 2 * 0.01:.2f}" in text
    assert "up to 1 worker may" in interrupted(1)
    assert interrupted(0).startswith("interrupted: no worker is running")
    assert interrupted(1, until=1_600_000_000).startswith("interrupted: no worker is running")


# ping.jq


def ping(answer):
    return json.loads(jq("-n", "-f", part("ping.jq"), answer=(answer,), before=100.0, after=102.0, pings=1, own=("",)))


def test_a_ping_tells_the_workers_clock():
    told = ping('[{"now": 121, "version": "0.1.0"}]')
    assert told == {"took_s": 2, "clock": {"offset_s": 20, "within_s": 1}, "ping": {"version": "0.1.0"}}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ('{"errorType": "NoSuchBucket", "errorMessage": "gone"}', "NoSuchBucket: gone; --bucket names another"),
        ('[{"error": {"type": "AccessDenied", "message": "lambda:InvokeFunction"}}]', "make deploy gives the role"),
        ('{"errorType": "InvalidEvent", "errorMessage": "op"}', "older than this driver"),
        ("", 'does not answer like terabit: nothing'),
        ('"\x1b[2Jhello"', "hello"),
        ('{"now": 121, "version": "0.1.0"}', "does not answer like terabit"),
        ('[{"now": "later", "version": "0.1.0"}]', "does not answer like terabit"),
        ("[]", "does not answer like terabit"),
    ],
)
def test_a_ping_that_says_something_else_is_a_refusal(answer, text):
    refusal = ping(answer)["refusal"]
    assert text in refusal and "\x1b" not in refusal


# next.jq


def following(run, **summary):
    good = {"failed": 0, "unfinished": 0, "loopback": False, "valid": True, "verdict": {"held_back_by": None}}
    summary = good | summary
    program = "[next_commands($run; $source)]"
    return library("next", program, summary, run=run, source=("runs/a b",))


def test_what_comes_after_a_run():
    run = a_run(4)
    assert "./driver.sh read 4 'runs/a b' --verify" in following(run)
    commands = following(run, failed=1, unfinished=1)
    assert commands[:2] == ["jq -c 'select(.error)' 'runs/a b/records.ndjson'", "./driver.sh write --resume 'runs/a b'"]
    assert not any("read" in command for command in commands), "objects are missing"
    assert following(None) == [], "records from elsewhere"
    read = a_run(4, op="read", reads={"id": None, "name": "20260101T000000Z-write-4"})
    assert following(read)[-1] == "./driver.sh delete runs/20260101T000000Z-write-4"
    assert not any("delete" in command for command in following({**read, "reads": None})), "the keys of a file"
