"""The jq programs on cases whose answers are known, and on the reference records where TERABIT_REFERENCE names them."""

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
JQ = ROOT / "jq"


def jq(*args, text=""):
    done = subprocess.run(["jq", "-L", JQ, *args], check=False, input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lib(program, value=None):
    return json.loads(jq("-c", 'include "lib"; ' + program, text=json.dumps(value)))


def summary(records, run=None, tmp=None):
    """The summary of records (dicts, or lines as they stand)."""
    lines = [line if isinstance(line, str) else json.dumps(line) for line in records]
    text = "".join(line + "\n" for line in lines)
    return json.loads(jq("-n", "-R", "-f", JQ / "summary.jq", "--argjson", "run", json.dumps([run]), text=text))


def job(start, stop, size=0, **more):
    return {"start": start, "stop": stop, "bytes": size, "mbps": size / (stop - start) / 1e6, **more}


ERROR = {"type": "ShortBody", "message": "half came"}


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


def test_all_failed_without_beginning():
    s = summary([{"job": n, "error": {"type": "Crashed", "message": "gone"}} for n in range(3)], {"jobs": 3})
    assert (s["jobs"], s["failed"], s["missing"], s["valid"]) == (3, 3, 0, False)
    assert s["errors"] == {"Crashed": 3}
    assert s["goodput"] is None and s["mbps"]["p50"] is None
    assert s["requests"] is None


def test_missing_jobs_are_those_planned_without_a_record():
    s = summary([job(0, 1, 1)], {"jobs": 5})
    assert (s["jobs"], s["failed"], s["missing"]) == (5, 0, 4)
    assert s["valid"] is False


def test_one_percent_is_valid_and_more_is_not():
    good = [job(0, 1, 1)] * 99
    assert summary(good, {"jobs": 100})["valid"] is True
    assert summary(good[:98], {"jobs": 100})["valid"] is False
    assert summary(good[:98] + [job(0, 1, 1, error=ERROR)], {"jobs": 100})["valid"] is False


def test_a_failure_does_not_raise_goodput():
    good = [job(0, 2, 2e9), job(0, 2, 2e9)]
    failed = {"start": 0, "stop": 8, "bytes": 1e9, "error": ERROR}
    s = summary(good + [failed])
    assert s["goodput"] == pytest.approx(5 / 8)
    assert s["goodput"] < summary(good)["goodput"]
    assert (s["bytes"], s["failed"], s["max_active"]) == (5e9, 1, 3)
    assert s["mbps"]["min"] == 1000, "failed jobs have no rate of their own"
    assert s["pywren_peak"] == pytest.approx(2 + 1 / 8)


@pytest.mark.parametrize("rate", [{}, {"mbps": None}])
def test_a_failed_job_that_moved_nothing_still_takes_time(rate):
    s = summary([job(0, 2, 2e9), {"start": 0, "stop": 4, "error": ERROR, **rate}])
    assert (s["makespan_s"], s["goodput"]) == (4, 0.5)


@pytest.mark.parametrize(
    "record",
    [
        {"job": 7, "start": 5, "stop": 5, "bytes": 1, "mbps": 1},
        {"job": 7, "start": 5, "stop": 4, "bytes": 1, "mbps": 1},
        {"job": 7, "start": "5", "stop": 6, "bytes": 1, "mbps": 1},
        {"job": 7, "start": None, "stop": 6, "bytes": 1, "mbps": 1},
        {"job": 7, "start": 5, "stop": 6, "bytes": "1", "mbps": 1},
        {"job": 7, "start": 5, "stop": 6, "bytes": -1, "mbps": 1},
        {"job": 7, "start": 5, "stop": 6, "bytes": 1, "mbps": None},
        {"job": 7, "start": 5, "stop": 6, "bytes": 1, "mbps": "fast"},
        {"job": 7, "start": 5, "stop": 6},
        {"job": 7},
    ],
)
def test_a_bad_record_is_counted_as_failed_with_its_job(record):
    s = summary([job(0, 1, 1e9), record])
    assert (s["jobs"], s["failed"], s["errors"]) == (2, 1, {"BadRecord": 1})
    assert s["examples"]["BadRecord"]["job"] == 7
    assert s["goodput"] == 1


@pytest.mark.parametrize(
    "line", ["[1]", "7", "null", "true", '"text"', '{"start": 1,', "nan", '{"start": nan, "stop": 6, "mbps": 1}']
)
def test_a_line_that_is_no_object_is_a_bad_record(line):
    s = summary([job(0, 1, 1e9), line])
    assert (s["jobs"], s["errors"], s["goodput"]) == (2, {"BadRecord": 1}, 1)


def test_empty_lines_are_no_records():
    assert summary([job(0, 1, 1), "", "  ", "\t"])["jobs"] == 1


def test_missing_bytes_come_from_the_rate():
    s = summary([{"start": 0, "stop": 4, "mbps": 500}])
    assert (s["bytes"], s["goodput"]) == (2e9, 0.5)


def test_a_missing_rate_comes_from_the_bytes():
    assert summary([{"start": 0, "stop": 4, "bytes": 2e9}])["mbps"]["max"] == 500


def test_the_first_launch_counts():
    first = [job(0, 2, 2e9, launch=1, job=0), {"job": 1, "launch": 1, "error": ERROR}]
    s = summary(first + [job(100, 200, 1e9, launch=2, job=1)], {"jobs": 2})
    assert (s["launches"], s["failed"], s["missing"], s["goodput"], s["makespan_s"]) == (2, 1, 0, 1, 2)


@pytest.mark.parametrize(
    ("n", "p5", "p50", "p95"), [(1, 1, 1, 1), (2, 1, 1, 2), (20, 1, 10, 19), (21, 2, 11, 20), (100, 5, 50, 95)]
)
def test_nearest_rank(n, p5, p50, p95):
    mbps = summary([{"start": 0, "stop": 1, "mbps": i} for i in range(n, 0, -1)])["mbps"]
    assert mbps == {"min": 1, "p5": p5, "p50": p50, "p95": p95, "max": n}


def test_end_to_end_is_on_the_drivers_clock():
    records = [job(0, 1, 8e9)]
    assert summary(records, {"jobs": 1, "launch": 1000, "end": 1004})["end_to_end"] == 2
    assert summary(records, {"jobs": 1, "launch": 1000, "end": None})["end_to_end"] is None
    assert summary(records)["end_to_end"] is None


def test_counters_are_summed_and_unknown_ones_stay_unknown():
    s = summary([job(0, 1, 1, requests=3, retries=2, throttled=1, late_s=0.1), job(0, 1, 1, requests=4, late_s=0.2)])
    assert (s["requests"], s["retries"], s["throttled"], s["late"]) == (7, 2, 1, 1)
    s = summary([job(0, 1, 1)])
    assert (s["requests"], s["retries"], s["throttled"], s["late"]) == (None,) * 4


def test_ten_thousand_jobs_are_no_square():
    records = [job(i % 7, 10 + i % 11, 1e6, samples=list(range(60))) for i in range(10_000)]
    s = summary(records)
    assert (s["jobs"], s["max_active"]) == (10_000, 10_000)


@pytest.mark.parametrize("op", ["write", "read"])
def test_reference_records(op):
    folder = os.environ.get("TERABIT_REFERENCE")
    if not folder:
        pytest.skip("TERABIT_REFERENCE names no folder of reference records")
    expected = json.loads((Path(folder) / f"expected-1000-{op}.json").read_text())
    got = summary((Path(folder) / f"lithops-2022-aws-1000-{op}.ndjson").read_text().splitlines())
    present = {name: value for name, value in expected.items() if name in got}
    assert {"jobs", "bytes", "makespan_s", "goodput", "pywren_peak", "mbps", "max_active", "slot_efficiency"} <= set(
        present
    )
    for name, value in present.items():
        assert got[name] == pytest.approx(value, rel=1e-6), name


# Records


def records(tmp_path, answer="", metadata='{"StatusCode": 200}', complaint="", status=0):
    (tmp_path / "metadata").write_text(metadata)
    (tmp_path / "complaint").write_text(complaint)
    (tmp_path / "beginning").write_text(answer[:400])
    try:
        values = [json.loads(answer)]
    except ValueError:
        values = []
    planned = [[{"job": 4, "op": "read", "bucket": "b", "key": "k"}]]
    out = jq(
        "-c",
        "-n",
        "-f",
        JQ / "records.jq",
        "--argjson",
        "squad",
        "false",
        "--argjson",
        "planned",
        json.dumps(planned),
        "--argjson",
        "answer",
        json.dumps(values),
        "--rawfile",
        "beginning",
        tmp_path / "beginning",
        "--rawfile",
        "metadata",
        tmp_path / "metadata",
        "--rawfile",
        "complaint",
        tmp_path / "complaint",
        "--argjson",
        "status",
        str(status),
        "--argjson",
        "tries",
        "1",
        "--argjson",
        "timeout",
        "900",
        "--arg",
        "function",
        "terabit",
    )
    lines = out.splitlines()
    assert len(lines) == 1, "one record for one job, whatever came"
    record = json.loads(lines[0])
    assert (record["job"], record["launch"], record["op"], record["key"]) == (4, 1, "read", "k")
    return record


def test_a_result_becomes_a_flat_record(tmp_path):
    record = records(tmp_path, '{"start": 1.5, "stop": 2.5, "mbps": 3, "op": "read", "key": "k", "bytes": 9}')
    assert record == {"job": 4, "launch": 1, "op": "read", "key": "k", "start": 1.5, "stop": 2.5, "mbps": 3, "bytes": 9}


def test_an_answer_cannot_take_another_jobs_number(tmp_path):
    assert records(tmp_path, '{"start": 1, "stop": 2, "mbps": 3, "job": 99, "launch": 7}')["mbps"] == 3


def test_a_job_that_failed_keeps_what_it_knows(tmp_path):
    answer = {"start": 1, "stop": 2, "bytes": 5, "error": {"type": "ShortBody", "message": "m"}}
    assert records(tmp_path, json.dumps(answer))["bytes"] == 5


@pytest.mark.parametrize(
    ("status", "complaint", "type"),
    [
        (254, "An error occurred (TooManyRequestsException) when calling the Invoke operation: Rate", "Throttled"),
        (254, "An error occurred (AccessDeniedException) when calling the Invoke operation: no", "AccessDenied"),
        (254, "An error occurred (ExpiredTokenException) when calling the Invoke operation: old", "AccessDenied"),
        (254, "An error occurred (RequestTooLargeException) when calling the Invoke operation: big", "InvalidEvent"),
        (254, "An error occurred (ServiceException) when calling the Invoke operation: oh", "Unanswered"),
        (254, "An error occurred (ResourceNotFoundException) when calling the Invoke operation: no", "Unanswered"),
        (254, "An error occurred (InvalidRuntimeException) when calling the Invoke operation: no", "Crashed"),
        (255, 'Read timeout on endpoint URL: "http://x"', "Unanswered"),
        (255, "Connection was closed before we received a valid response from endpoint URL", "Unanswered"),
        (255, 'Could not connect to the endpoint URL: "http://x"', "Connect"),
        (137, "", "Unanswered"),
        (1, "", "Unanswered"),
    ],
)
def test_a_failing_cli_is_named(tmp_path, status, complaint, type):
    error = records(tmp_path, metadata="", complaint=complaint, status=status)["error"]
    assert error["type"] == type
    assert complaint in error["message"]


@pytest.mark.parametrize(
    ("answer", "quoted"),
    [
        ("", "nothing"),
        ("no \x1b[2Jjson", "\\u001b[2Jjson"),
        ("[1]", "[1]"),
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


@pytest.mark.parametrize("answer", ["", "oops", "[]", "{}", '{"errorType": 3}', "null"])
def test_a_function_error_without_a_type_is_a_bad_answer(tmp_path, answer):
    record = records(tmp_path, answer, metadata='{"StatusCode": 200, "FunctionError": "Unhandled"}')
    assert record["error"]["type"] == "BadAnswer"


def test_a_function_error_without_a_message_still_makes_a_record(tmp_path):
    record = records(tmp_path, '{"errorType": "Odd"}', metadata='{"FunctionError": "Unhandled"}')
    assert record["error"]["type"] == "Odd"


# Jobs


def test_jobs_cycle_through_the_keys():
    run = {"op": "read", "jobs": 5, "bucket": "b", "read_times": 2, "range_mb": 0, "in_flight": 3, "verify": True}
    out = jq("-c", "-n", "-R", "-f", JQ / "jobs.jq", "--argjson", "config", json.dumps([run]), text="x\ny\n")
    jobs = [json.loads(line) for line in out.splitlines()]
    assert [(j["job"], j["key"]) for j in jobs] == [(0, "x"), (1, "y"), (2, "x"), (3, "y"), (4, "x")]
    assert jobs[0] == {
        "job": 0,
        "op": "read",
        "bucket": "b",
        "key": "x",
        "read_times": 2,
        "range_mb": 0,
        "ranges_in_flight": 3,
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


def table(s, run=None, source="runs/x"):
    return jq(
        "-r",
        "-f",
        JQ / "table.jq",
        "--argjson",
        "run",
        json.dumps([run]),
        "--arg",
        "source",
        source,
        text=json.dumps(s),
    )


def test_the_table_fits_eighty_columns_and_names_its_units():
    run = {
        "op": "write",
        "jobs": 2,
        "mb_per_file": 64,
        "bucket": "b",
        "function": "terabit",
        "memory_mb": 2048,
        "arch": "arm64",
        "region": "eu-west-1",
        "launch": 1700000000,
        "end": 1700000009,
        "loopback": True,
    }
    long = "very " * 60 + "long"
    text = table(summary([job(0, 1, 1e9), {"job": 1, "error": {"type": "Odd", "message": long}}], run), run)
    assert max(map(len, text.splitlines())) <= 80
    lines = text.splitlines()
    valid = next(i for i, line in enumerate(lines) if "NOT VALID" in line)
    loopback = next(i for i, line in enumerate(lines) if "LOOPBACK, NOT S3" in line)
    figure = next(i for i, line in enumerate(lines) if "goodput" in line)
    assert max(valid, loopback) < figure
    assert "1.000 GB/s" in lines[figure] and "8.000 Gbit/s" in lines[figure]
    assert "MB/s" in text and "1 good, 1 failed, 0 missing" in text


def test_the_table_shows_no_control_characters():
    s = summary([{"job": 0, "error": {"type": "\x1b[31mOdd", "message": "\x1b]0;title\x07"}}])
    assert "\x1b" not in table(s, source="runs/\x1b[2J") and "\\u001b]0;title\\u0007" in table(s)


def test_the_table_of_nothing():
    text = table(summary([]))
    assert "0 good, 0 failed, 0 missing" in text and "GB/s" not in text and "null" not in text
