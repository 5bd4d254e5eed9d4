"""What is told before a run: its cost, and the network that the function's memory buys."""

import json
import subprocess

import pytest
from harness import JQ, part

PRICES = json.loads(part("prices.json").read_text())
QUOTA = "Network bandwidth per execution environment"


def network(memory, answer):
    program = f'include "plan/network"; network_mbps({memory})'
    command = ["jq", "-c", "-L", JQ, program]
    done = subprocess.run(command, check=True, input=json.dumps(answer), capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout)


def quotas(value):
    return {"Quotas": [{"QuotaName": "Concurrent executions", "Value": 1000.0}, {"QuotaName": QUOTA, "Value": value}]}


@pytest.mark.parametrize(
    ("memory", "answer", "mbps"),
    [
        (512, None, 78.125),
        (512, quotas(3000.0), 78.125),
        (2048, None, 78.125),
        (2048, {"Quotas": []}, 78.125),
        (10240, quotas(600.0), 78.125),
        (10240, quotas(625.0), 78.125),
        (2048, quotas(3000.0), 78.125),
        (6144, quotas(3000.0), 226.5625),
        (10240, quotas(3000.0), 375),
        (10240, quotas(1000.0), 125),
    ],
)
def test_what_memory_buys_of_the_network(memory, answer, mbps):
    assert network(memory, answer) == mbps


def function_of(driver, **changes):
    function = {
        "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:terabit",
        "Timeout": 900,
        "MemorySize": 512,
        "Architectures": ["x86_64"],
    }
    (driver.stub / "function.json").write_text(json.dumps(function | changes))


def test_the_network_is_asked_for_where_memory_could_buy_more(driver):
    function_of(driver)
    assert "opted in" not in driver.run("write", 1, 1, "--dry-run").err and not driver.calls("network")
    function_of(driver, MemorySize=10240)
    done = driver.run("write", 1, 1, "--dry-run")
    assert "10,240 MB of memory can have 375 MB/s of network instead of 78, at no charge" in done.err
    assert f"QuotaName=='{QUOTA}'" in done.err and len(driver.calls("network")) == 1
    (driver.stub / "network.json").write_text(json.dumps(quotas(3000.0)))
    done = driver.run("write", 1, 1, "--dry-run", "--json")
    assert "once the account" not in done.err
    assert json.loads(done.out)["network_mbps"] == 375


def test_a_quota_that_may_not_be_asked_for_is_said(driver):
    function_of(driver, MemorySize=10240)
    (driver.stub / "network.fail").write_text("An error occurred (AccessDeniedException) not authorized")
    done = driver.run("write", 1, 1)
    assert "how much network the account has opted in to could not be asked for" in done.err


def test_the_plan_adds_up_by_hand(driver):
    function_of(driver)
    plan = json.loads(driver.run("write", 1800, 2000, "--dry-run", "--json").out)
    cost = plan["cost"]
    # 8 squads and 1,800 workers; 33 parts, the first one short, and two requests more an object, and a squad's answer;
    # a HEAD a connection.
    assert plan["environments"] == 1808
    assert cost["requests"] == {
        "invocations": 1808,
        "puts": 1800 * 35 + 8,
        "gets": 1800 * 8,
        "bytes": 1800 * 2000 * 2**20,
    }
    requests = 1808 * 0.20 / 1e6 + (1800 * 35 + 8) * 0.005 / 1e3 + 1800 * 8 * 0.0004 / 1e3
    second = 1808 * 0.5 * 0.0000166667
    assert cost["expected_s"] == pytest.approx(plan["start_in_s"] + 2000 * 2**20 / 78.125e6)
    assert cost["requests_usd"] == pytest.approx(requests)
    assert cost["compute_usd"] == pytest.approx(second * cost["expected_s"])
    day = 1800 * 2000 / 1024 * 0.023 / 30
    assert cost["ceiling_usd"] == pytest.approx(second * plan["stop_in_s"] + requests + day)
    assert cost["ceiling_usd"] < 10
    assert plan["open_s"] == pytest.approx(2000 * 2**20 / 78.125e6 / 10), "4.8 s would be more than a tenth of the time"
    assert cost["storage_usd_per_day"] == pytest.approx(day)
    text = " ".join(driver.run("write", 1800, 2000, "--dry-run").out.split())
    assert f"list prices of {PRICES['region']}, {PRICES['date']}" in text
    for amount in (cost["compute_usd"] + requests, cost["ceiling_usd"], cost["storage_usd_per_day"]):
        assert f"${amount:.2f}" in text, text
    assert "in 8 squads of up to 225;" in text
    for field in ("environments 1808", "puts 63008", "gets 14400", "bucket some-bucket", "memory_mb 512"):
        assert field in text, text


def test_a_directory_bucket_has_its_own_prices(driver):
    """Each GB costs, too."""
    function_of(driver)
    write = ["write", 18, 2000, "--start-in", 20, "--dry-run", "--json", "--bucket"]
    plain, express = (
        json.loads(driver.run(*write, bucket).out)["cost"]
        for bucket in ("some-bucket", "some-bucket--use1-az4--x-s3")
    )
    gb = 18 * 2000 / 1024
    assert express["compute_usd"] == plain["compute_usd"] and express["requests"] == plain["requests"]
    requests = 20 * 0.2e-6 + (18 * 35 + 2) * 0.00113e-3 + 18 * 8 * 0.00003e-3
    assert express["requests_usd"] == pytest.approx(requests + gb * 0.0032)
    assert express["storage_usd_per_day"] == pytest.approx(gb * 0.11 / 30)
    more = express["requests_usd"] - plain["requests_usd"]
    more += express["storage_usd_per_day"] - plain["storage_usd_per_day"]
    assert express["ceiling_usd"] - plain["ceiling_usd"] == pytest.approx(more)
    assert "more than $0.2" in driver.run("write", 18, 2000, "--max-cost", "0.2", "--bucket", "b--use1-az4--x-s3",
                                          "--dry-run", exit=3).err  # fmt: skip


def test_without_a_deployment_a_dry_run_tells_the_plan_and_that_nothing_was_checked(driver):
    function_of(driver)
    plan = json.loads(driver.run("write", 1800, 2000, "--dry-run", "--json").out)
    asked = len(driver.calls(""))
    del driver.env["BUCKET"]
    done = driver.run("write", 1800, 2000, "--dry-run", "--json")
    assert "nothing was checked" in done.err and "a function of 512 MB" in done.err
    supposed = json.loads(done.out)
    assert supposed["cost"]["requests"] == plan["cost"]["requests"] and supposed["network_mbps"] == plan["network_mbps"]
    assert (supposed["memory_mb"], supposed["arch"], supposed["timeout_s"]) == (512, "x86_64", 900)
    driver.env["MEMORY"] = "10240"
    (more,) = json.loads(driver.run("sweep", 1800, 2000, "--yes", "--dry-run", "--json").out)[:1]
    assert more["memory_mb"] == 10240 and more["cost"]["compute_usd"] > 15 * supposed["cost"]["compute_usd"]
    driver.run("sweep", 1, 1, "--memory", "512 10240", "--dry-run")
    assert len(driver.calls("")) == asked, "AWS was asked"
    driver.env["MEMORY"] = "much"
    assert 'MEMORY, in MB, is "much"' in driver.run("write", 1, 1, "--dry-run", exit=2).err
    # What is launched or deleted needs a bucket.
    driver.keys("a")
    for command in (["write", 1, 1], ["delete", "--key-file", "keys", "--dry-run"]):
        assert "no bucket is known" in driver.run(*command, exit=2).err


def test_the_ceiling_holds_for_requests_of_objects_of_unknown_size(driver):
    """Each may be small: 64 in flight are at most 6,400 GETs a second."""
    function_of(driver)
    hot = ["read", 600, "--key", "k", "--in-flight", 64, "--dry-run", "--json"]
    done = driver.run(*hot, "--for", 300)
    plan = json.loads(done.out)
    assert 1000 < plan["read_times"] < 300 * 6400 and 9.9 < plan["cost"]["ceiling_usd"] <= 10
    assert f"less than 300 s where objects are small: workers end after {plan['read_times']:,} rounds" in done.err
    plan = json.loads(driver.run(*hot, "--for", 300, "--yes").out)
    assert plan["read_times"] is None and plan["cost"]["ceiling_usd"] > 600 * 300 * 6400 * 0.0004 / 1e3
    # One worker may read as long as it likes.
    done = driver.run("read", 1, *hot[2:], "--for", 60)
    assert json.loads(done.out)["read_times"] is None and "WARNING" not in done.err
    assert "--max-cost" in driver.run(*hot, "--read-times", 1000000, exit=3).err
    # The network brings no more whole ranges than that, twice, and one GET each.
    plan = json.loads(driver.run("read", 100, *hot[2:]).out)
    second = 107 * 0.5 * 0.0000166667
    gets = 100 * (1 + 64 + 2 * (plan["stop_in_s"] - plan["start_in_s"]) * 78.125e6 / 2**26)
    requests = 107 * 0.2e-6 + 7 * 0.005 / 1e3 + gets * 0.0004 / 1e3
    assert plan["cost"]["ceiling_usd"] == pytest.approx(second * plan["stop_in_s"] + requests, rel=1e-4)
    assert plan["cost"]["requests_usd"] is None, "what it will be is not known"


def test_a_stream_by_time_ends_by_what_max_cost_pays_for(driver):
    """100 workers, 6,400 small objects a second: in a minute $192 of requests."""
    function_of(driver)
    many = ["write", 100, "4KiB", "--for", 60, "--in-flight", 64, "--dry-run"]
    done = driver.run(*many, "--json")
    plan = json.loads(done.out)
    each = 100 * (0.005 / 1e3 + 4096 / 2**30 * 0.023 / 30)
    rest = 107 * 0.5 * 0.0000166667 * plan["stop_in_s"] + 107 * 0.2e-6 + 7 * 0.005 / 1e3 + 100 * 64 * 0.0004 / 1e3
    assert plan["objects"] == int((10 - rest) / each)
    assert 10 - each < plan["cost"]["ceiling_usd"] <= 10
    assert plan["expected_s"] == pytest.approx(plan["objects"] / 6400)
    objects = f"{plan['objects']:,} objects"
    assert f"WARNING: $10 (--max-cost) pays for 3.1 s of 60: workers end after {objects}; --yes" in done.err
    text = " ".join(driver.run(*many).out.split())
    assert f"each writes for 60 s, at most {objects}" in text and "at most $10.00 if all run until they give up" in text
    plan = json.loads(driver.run(*many, "--json", "--yes").out)
    assert plan["objects"] is None and plan["cost"]["ceiling_usd"] > 192 and plan["expected_s"] == 60
    assert plan["cost"]["requests"]["puts"] == pytest.approx(6400 * 60 * 100 + 7)
    assert "more than $0.0001" in driver.run(*many, "--max-cost", "0.0001", exit=3).err
    # What is told counts, where it is less.
    plan = json.loads(driver.run(*many, "--json", "--objects", 50).out)
    assert plan["objects"] == 50 and plan["cost"]["requests"]["puts"] == 50 * 100 + 7
    assert "WARNING" not in driver.run(*many, "--objects", 50).err


def test_the_ceiling_of_a_few_large_objects_is_near_what_they_cost(driver):
    function_of(driver)
    plan = json.loads(driver.run("write", 3, "64MiB", "--for", 5, "--dry-run", "--json").out)
    # 78.125 MB/s are 5.8 objects in 5 s; no worker is ten times faster.
    assert plan["objects"] == 59 and plan["cost"]["requests"]["puts"] == 6 * 3 + 3
    assert plan["cost"]["ceiling_usd"] < 0.03
    assert plan["stop_in_s"] - plan["start_in_s"] == pytest.approx(65)


def test_a_read_by_time_ends_by_what_max_cost_pays_for(driver):
    function_of(driver)
    driver.run("write", 2, "4KiB", "--objects", 100)
    read = ["read", 200, "--for", 60, "--in-flight", 64, "--dry-run", "--json"]
    done = driver.run(*read)
    plan = json.loads(done.out)
    # 200 x 100 GETs are a round.
    assert plan["objects"] == 100 and 10 - 0.008 < plan["cost"]["ceiling_usd"] <= 10
    assert f"workers end after {plan['read_times']:,} rounds" in done.err
    assert json.loads(driver.run(*read, "--read-times", 3).out)["read_times"] == 3
    plan = json.loads(driver.run("read", 200, "--for", 60, "--key", "k", "--dry-run", "--json").out)
    assert plan["read_times"] is None and plan["expected_s"] == 60, "of unknown size"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--for", 840], "does not end before the workers give up, 55 s after the start: --for 48 is the longest"),
        (["--for", 30, "--timeout", 30], "--for 23 is the longest; a longer --timeout allows more"),
        (["--for", 30, "--timeout", 5], "there is no time at all; a longer --timeout"),
    ],
)
def test_a_time_that_cannot_end_is_refused_with_the_longest(driver, options, text):
    function_of(driver, Timeout=70)
    assert text in driver.run("write", 1, 64, "--start-in", 5, *options, "--dry-run", exit=3).err
    driver.run("write", 1, 64, "--start-in", 5, "--for", 48, "--dry-run")


def test_a_read_stores_nothing_and_an_unknown_size_is_said(driver):
    function_of(driver)
    done = driver.run("read", 3, "--key", "k", "--dry-run")
    told = " ".join(done.out.split())
    assert "whatever the objects' size" in told and "at most" in told and "until the objects" not in told


def test_a_timeout_beyond_the_functions_own_is_said(driver):
    function_of(driver, Timeout=60)
    assert "--timeout is cut" in driver.run("write", 1, 1, "--timeout", 300).err
    assert "--timeout is cut" not in driver.run("write", 1, 1, "--timeout", 20).err


def test_the_plan_is_shown_of_a_fleet_that_has_no_room_yet(driver):
    limits = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
    (driver.stub / "account.json").write_text(json.dumps({"AccountLimit": limits}))
    done = driver.run("write", 1800, 2000, "--dry-run", exit=3)
    assert "It costs about" in done.out and "the account has 1,000 free" in done.err


@pytest.mark.parametrize(
    ("args", "heads"),
    [(("write", 8, 64), 1), (("write", 8, 200), 5), (("write", 8, 2000), 8), (("write", 8, 2000, "--start-in", 0), 0)],
)
def test_each_connection_is_opened_with_a_head_before_a_common_start(driver, args, heads):
    plan = json.loads(driver.run(*args, "--dry-run", "--json").out)
    assert plan["cost"]["requests"]["gets"] == 8 * heads


def test_on_loopback_nothing_is_too_dear(driver):
    driver.env["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    assert "\ndriver: cost: nothing that AWS bills\n" in driver.run("write", 2, 1, "--max-cost", "0.000001").err


def test_the_time_that_loopback_takes_has_no_price(driver):
    driver.env["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    for args in (("write", 800, 2000), ("sweep", "1 2", 64)):
        told = driver.run(*args, "--dry-run").out
        assert "nothing that AWS bills" in told and "$" not in told and "usd" not in told and "AWS about" not in told


def test_a_run_that_is_resumed_keeps_its_network(driver):
    function_of(driver, MemorySize=10240)
    (driver.stub / "network.json").write_text(json.dumps(quotas(3000.0)))
    driver.hasty()
    driver.behave("dropped", "good")
    driver.run("write", 2, 1, "--start-in", 0, "--timeout", 1, exit=1)
    done = driver.run("write", "--resume", driver.only_run())
    assert "opted in" not in done.err
    assert json.loads((driver.only_run() / "run.json").read_text())["network_mbps"] == 375
