"""The pictures: what is drawn of known records, and what a browser makes of the page."""

import json
import math
import os
import random
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from xml.etree import ElementTree

import pytest
from figures import EPOCH, a_run, failed, failure, figures, job, reference
from harness import CHART, JQ, ROOT, includes, part

PYTHON = ROOT / ".venv" / "bin" / "python"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31mred\x07\u202e"
RUN = a_run(3, {"launch": EPOCH}, memory_mb=1024, mb_per_file=512)


def jq(*args, text=None):
    done = subprocess.run(["jq", "-L", JQ, *args], check=False, input=text, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def ndjson(records):
    return "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in records)


PANELS = CHART / "panels.json"


def drawing(records, run=None):
    return figures(records, run, drawn=True)[1]


def spec(records, run=None, **changes):
    """The picture of records; something may be changed in their summary."""
    summary, drawn = figures(records, run, drawn=True)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(ndjson([summary | changes, drawn]))
        file.flush()
        files = ["--slurpfile", "panels", PANELS, "--slurpfile", "measured", file.name]
        args = ["--argjson", "run", json.dumps([run]), "--arg", "source", "records.ndjson"]
        return json.loads(jq("-c", "-n", "-f", part("picture.jq"), *files, *args))


def render(specification, folder, name="report"):
    file = folder / "specification.json"
    file.write_text(json.dumps(specification))
    done = subprocess.run(
        [PYTHON, CHART / "render.py", file, folder / name],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def sampled(start, stop, size, shape=1.0, **more):
    """A job with samples; at shape 1 its bytes come evenly."""
    seconds = range(math.floor(start) + 1, math.ceil(stop))
    samples = [int(size * ((second - start) / (stop - start)) ** shape) for second in seconds]
    return job(start, stop, size, samples=samples, **more)


def fleet(number, seed=1, seconds=10.0):
    dice = random.Random(seed)
    for n in range(number):
        start = dice.random() * 3
        stop = start + seconds * (0.8 + 0.4 * dice.random())
        more = {"job": n, "launch": 1, "op": "write", "key": f"{dice.getrandbits(128):032X}"}
        more["handler_s"] = stop - start + 1
        yield sampled(start, stop, 2_097_152_000, dice.uniform(0.5, 2), **more)


def moved(data):
    return sum(b["gbs"] * 1e9 * (b["t2"] - b["t"]) for b in data["bins"])


def texts(value):
    """Every text that the panels of a specification set."""
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    if not isinstance(value, dict):
        return []
    own = value.get("mark", {}).get("text", []) if isinstance(value.get("mark"), dict) else []
    return ([own] if isinstance(own, str) else own) + [text for one in value.values() for text in texts(one)]


def layers(value, style):
    """The layers of a specification that have a style."""
    if isinstance(value, list):
        return [layer for one in value for layer in layers(one, style)]
    if not isinstance(value, dict):
        return []
    styles = value["mark"].get("style", []) if isinstance(value.get("mark"), dict) else []
    own = [value] if style in ([styles] if isinstance(styles, str) else styles) else []
    return own + [layer for one in value.values() for layer in layers(one, style)]


def crossing(value, style):
    """What the lines of a style are drawn over; a line of the legend has no data."""
    return [one for layer in layers(value, style) for one in layer["data"].get("values", []) if one]


# Drawing


def test_jobs_are_sorted_by_start_in_seconds_since_the_first():
    jobs = [job(12, 15, 3e6, job=0), job(10, 14, 8e6, job=1, key="K"), job(11, 12, 1e6, job=2)]
    summary, data = figures(jobs, drawn=True)
    assert [(j["job"], j["start"], j["stop"], j["y"]) for j in data["jobs"]] == [
        (1, 0, 4, 0.5),
        (2, 1, 2, 1.5),
        (0, 2, 5, 2.5),
    ]
    assert data["jobs"][0]["key"] == "K"
    assert (data["jobs"][0]["mbps"], data["jobs"][0]["mb"], data["epoch"]) == (2, 8, EPOCH + 10)
    assert data["bins"][-1]["t2"] == summary["makespan_s"] == 5


def test_the_bins_hold_every_byte_whatever_the_samples():
    for seed in range(5):
        records = list(fleet(40, seed, 3 * 4**seed / 4))
        for record in records[::3]:
            del record["samples"]
        summary, data = figures(records, drawn=True)
        assert moved(data) == pytest.approx(sum(r["bytes"] for r in records), rel=1e-3)
        assert data["bins"][0]["t"] == 0
        assert data["bins"][-1]["t2"] == pytest.approx(summary["makespan_s"], abs=1e-3)
        assert all(a["t2"] == b["t"] for a, b in zip(data["bins"], data["bins"][1:]))
        assert len(data["bins"]) < 700
        # And the sustained rate is drawn over the time that it is of.
        drawn = sum(s["to"] - s["from"] for s in data["stretches"])
        assert drawn == pytest.approx(summary["sustained_s"])


def test_samples_say_when_the_bytes_came():
    late = drawing([{**job(0, 10, 10e9), "samples": [0] * 9}])
    assert {b["gbs"] for b in late["bins"] if b["t2"] <= 9} == {0}
    assert {b["gbs"] for b in late["bins"] if b["t"] >= 9} == {10}
    assert {b["gbs"] for b in drawing([job(0, 10, 10e9)])["bins"]} == {1}


def test_active_jobs_are_a_mean_over_the_bin():
    data = drawing([job(0, 4, 1e6), job(1, 3, 1e6)])
    assert {b["active"] for b in data["bins"] if b["t2"] <= 1 or b["t"] >= 3} == {1}
    assert {b["active"] for b in data["bins"] if b["t"] >= 1 and b["t2"] <= 3} == {2}


def test_waiting_is_from_the_handlers_entry_to_the_start():
    records = [job(10, 14, 1e6, handler_s=7), job(10, 14, 1e6, handler_s=3), job(10, 14, 1e6)]
    assert [j.get("wait") for j in drawing(records)["jobs"]] == [-3, 0, None]
    assert "waiting for the start" in texts(spec(records))
    # Not of a job that was invoked late, but of those that were there and waited.
    assert "waiting for the start" not in texts(spec(records[1:]))


def test_a_failure_is_drawn_to_its_last_byte_and_one_that_never_began_is_counted():
    data = drawing([job(0, 4, 4e6), failed(0, 2, 1e6), failure("Throttled")])
    assert [(j["stop"], j["why"]) for j in data["jobs"] if j["state"] == "failed"] == [(2, "ShortBody")]
    assert (data["began"], data["unseen"]) == (2, 1)
    (bars,) = layers(spec([job(0, 4, 4e6), failed(0, 2, 1e6)]), "rates")
    assert {"filter": "datum.state == 'good'"} in bars["transform"], "a failed job has no rate of its own"


def test_the_first_launch_is_drawn():
    data = drawing([job(0, 1, 1e6, launch=1), job(100, 101, 1e6, launch=2)])
    assert (data["began"], data["bins"][-1]["t2"], data["epoch"]) == (1, 1, EPOCH)
    again = [failure("Throttled", job=0), job(100, 101, 1e6, job=0, launch=2)]
    footer = spec(again, a_run(1, {}, {"version": "2", "launch": EPOCH + 90}))["usermeta"]["footer"]
    assert footer[0].startswith("2023-11-14 22:14 UTC") and footer[0].endswith("terabit 2")


@pytest.mark.parametrize(
    "line", ["[1]", "7", "nan", '{"start": 1,', '{"start": 5, "stop": 4, "mbps": 1}', '{"error": "x"}']
)
def test_what_is_no_record_is_not_drawn(line):
    data = drawing([job(0, 1, 1e9), line])
    assert (data["began"], data["unseen"]) == (1, 1)


def test_a_jobs_503s_stand_under_the_pointer():
    data = drawing([job(0, 4, 4e9, throttled=3), job(0, 8, 8e9, throttled=0), job(1, 8, 8e9)])
    assert [j["throttled"] for j in data["jobs"]] == [3, 0, None]


def test_rates_are_drawn_over_the_time_that_they_are_of():
    # Together for the first tenth of a second, and for the last one.
    records = [job(0, 2, 2e9), job(0, 0.1, 1e9), job(1.9, 2, 1e9)]
    summary = figures(records)[0]
    drawn = spec(records)
    moments = [moment for one in crossing(drawn, "sustained") for moment in (one["from"], one["to"])]
    assert moments == pytest.approx([0, 0.1, 1.9, 2])
    assert crossing(drawn, "goodput") == [{"from": 0, "to": 2, "rate": summary["goodput"]}]
    assert any(re.fullmatch("sustained .*, too short", text) for text in texts(drawn["vconcat"][1]))
    (best,) = crossing(drawn, "best")
    assert best["to"] == best["from"] + 1 and best["rate"] == summary["peak_1s"]


def test_what_was_sent_in_vain_is_drawn_apart():
    good = [job(0, 8, 160e6, job=n) for n in range(3)]
    silent = {**failed(0, 8, 0, job=3), "samples": [0] * 7}
    records = [*good, {**silent, "sent": 80e6, "sent_samples": [0, 0, 0, 0, 0, 0, 80e6]}]
    data = drawing(records)
    assert sum(b["sent_gbs"] * 1e9 * (b["t2"] - b["t"]) for b in data["bins"]) == pytest.approx(80e6)
    assert {b["sent_gbs"] for b in data["bins"] if b["t2"] <= 6 or b["t"] >= 7} == {0}
    assert data["jobs"][3]["sent"] == 80 and data["jobs"][3]["mb"] == 0
    assert moved(data) == moved(drawing([*good, silent]))
    told = "80.0 MB that failed jobs sent in vain"
    assert told in texts(spec(records)) and told not in texts(spec([*good, silent]))


def test_jobs_without_times_are_drawn_for_as_long_as_they_are_reckoned():
    records, run = [job(0, 4, 4e9), failure("Crashed", key="K")], a_run(3, {"end": EPOCH + 12})
    data = drawing(records, run)
    assert (data["began"], data["untimed"], data["unseen"]) == (1, 2, 0)
    assert [(j["start"], j["stop"], j["y"], j["state"], j["why"]) for j in data["jobs"][1:]] == [
        (0, 12, 1.5, "untimed", "Crashed"),
        (0, 12, 2.5, "untimed", "missing"),
    ]
    assert spec(records, a_run(3, {"end": EPOCH + 5}))["vconcat"][0]["encoding"]["x"]["scale"]["domain"][1] == 5
    drawn = spec(records, run)
    for panel in drawn["vconcat"][:2]:
        assert panel["encoding"]["x"]["scale"]["domain"][1] == pytest.approx(5.6), "what is known has most of the axis"
    assert crossing(drawn["vconcat"][1], "goodput")[0]["to"] == pytest.approx(5.6)
    assert "may have run, to 12 s at most" in texts(drawn["vconcat"][0])
    assert "goodput at least 0.333 GB/s" in texts(drawn["vconcat"][1])
    assert "2 that may have run" in drawn["usermeta"]["details"][1]
    foreign = drawing([job(0, 4, 4e9), failure("Crashed")])
    assert (foreign["untimed"], foreign["unseen"]) == (0, 1)
    drawn = spec([job(0, 4, 4e9), failure("Crashed")])
    assert not any("goodput" in text for text in texts(drawn["vconcat"][:-1]))
    assert drawn["usermeta"]["title"] == ["NOT VALID, no goodput is known: 1 of 2 workers moved their bytes"]


def test_a_record_that_was_not_planned_or_comes_twice_is_drawn_as_it_counts():
    good = [job(0, 4, 4e9, job=n, launch=1) for n in range(2)]
    data = drawing([*good, *good, job(0, 400, 4e12, job=0, launch=-5)], a_run(2))
    assert data == drawing(good, a_run(2))


# Picture


def test_nothing_is_drawn_of_nothing():
    assert spec([]) is None
    assert spec([failure("Crashed")] * 3, a_run(3)) is None


@pytest.mark.parametrize("loopback", [False, True])
def test_jobs_that_moved_nothing_are_drawn(loopback):
    drawn = spec([failed(0, 4)], a_run(1, loopback=loopback))
    assert drawn["datasets"]["jobs"][0]["why"] == "ShortBody"
    assert "How fast each worker was" not in json.dumps(drawn)


def test_title_and_footer():
    drawn = spec([job(0, 4, 8e9)] * 3, RUN)
    assert drawn["usermeta"]["title"] == ["6.000 GB/s: 3 workers wrote 512 MiB each"]
    assert drawn["usermeta"]["details"][0] == figures([job(0, 4, 8e9)] * 3, RUN)[0]["verdict"]["sentence"]
    assert " ".join(drawn["title"]["text"]) == drawn["usermeta"]["title"][0]
    assert drawn["usermeta"]["footer"][0] == (
        "2023-11-14 22:13 UTC, 1,024 MB of memory, 8 in flight, parts of 64 MiB, arm64, eu-west-1, terabit 0.1.0"
    )
    assert drawn["vconcat"][-1]["name"] == "footer"


def test_loopback_stands_in_every_panel_and_beside_no_published_figure():
    records = [job(0, 4, 4e9, throttled=1)] * 40
    drawn = spec(records, a_run(40, loopback=True))
    assert texts(drawn["vconcat"]).count("LOOPBACK, NOT S3") == 3
    assert any("LOOPBACK, NOT S3" in line for line in drawn["title"]["subtitle"])
    assert not any("PyWren" in text for text in texts(drawn))
    assert "LOOPBACK, NOT S3" not in json.dumps(spec(records, a_run(40)))


def test_published_figures_stand_where_the_scale_shows_them_with_their_source():
    small = spec([job(0, 4, 160e6)] * 3, RUN)
    beside = texts(small["vconcat"])
    assert "PyWren 2016: 30" in beside and "PyWren 2017: 32" in beside
    assert not any("peak" in text for text in beside)
    assert any("Microservices and Terabits" in line for line in small["usermeta"]["footer"])
    assert not any("Lithops" in line for line in small["usermeta"]["footer"])
    large = texts(spec([job(0, 4, 280e9)], a_run(1))["vconcat"])
    assert "PyWren 2016, peak over 50 GB/s" in large and "PyWren 2017, peak 70 GB/s" in large


def test_a_cap_far_above_what_was_reached_is_not_drawn():
    slow, fast = (spec([job(0, 4, size)] * 9, a_run(9)) for size in (40e6, 280e6))
    for drawn, seen in ((slow, False), (fast, True)):
        assert ("78 MB/s × active workers" in texts(drawn)) is seen
        assert any("cap" in b for b in drawn["datasets"]["bins"]) is seen
        assert any("Lambda's network" in line for line in drawn["usermeta"]["footer"]) is seen


def test_loopback_has_no_network_cap():
    drawn = spec([job(0, 4, 300e6)] * 9, a_run(9, loopback=True, network_mbps=75))
    assert not any("network" in text or "active workers" in text for text in texts(drawn))
    assert not any("cap" in b for b in drawn["datasets"]["bins"])


def test_the_legend_beside_a_panel_lies_on_nothing():
    records = [*fleet(200), sampled(0, 60, 9e9, job=200), {**failed(0, 8, 0, job=201), "sent": 8e9}]
    for panel in spec(records, a_run(203, {"end": EPOCH + 70}))["vconcat"][:-1]:
        places = sorted(
            (layer["encoding"]["y"]["value"], len(text) if isinstance(text, list) else 1)
            for layer in layers(panel, "note")
            if layer["encoding"]["x"]["value"] > 780 + 20
            for text in [layer["mark"]["text"]]
        )
        assert places and places[-1][0] <= panel["height"]
        assert all(below - above >= 15 * lines for (above, lines), (below, _) in zip(places, places[1:]))


def test_the_cap_is_that_of_the_run():
    drawn = spec([job(0, 4, 1.5e9)] * 9, a_run(9, memory_mb=10240, network_mbps=375))
    assert "375 MB/s × active workers" in texts(drawn) and "375: Lambda's network" in texts(drawn)
    assert "375 MB/s: what Lambda's network gives a worker of this memory" in " ".join(drawn["usermeta"]["footer"])
    assert not any("78 MB/s" in text for text in texts(drawn))


def test_every_style_of_the_panels_has_a_look_and_every_look_a_use():
    themes = json.loads((CHART / "themes.json").read_text())
    looks = themes["config"]["style"]
    light, dark = themes["colours"].values()
    assert light.keys() == dark.keys() == set(re.findall(r'"\$(\w+)"', json.dumps(themes["config"])))
    records = [job(0, 4, 4e9, throttled=1, handler_s=6), failed(0, 9, 1, sent=5e9), failure("Crashed")]
    drawn = [spec(records, {**RUN, "op": op, "loopback": True}) for op in ("write", "read", "records")]
    drawn += [spec([job(0, 4, 400e9)] * 9 + [job(0, 9, 1e9)], a_run(10)), scaling((1, 1), (10, 9))]
    drawn += [picture(kind("write", 1, 1), across=None), spec(*small_objects())]
    used = re.findall(r'"style": (?:"([^"]+)"|\[([^]]+)\])', json.dumps(drawn))
    names = {name for one, many in used for name in ([one] if one else re.findall(r'"([^"]+)"', many))}
    assert names == looks.keys()


# A process counts the memory of the one that it was forked from as its own: so jq's parent is one that has little.
MEASURED = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1000, file=sys.stderr)
sys.exit(status)
"""


def cost(folder, number):
    """What the summary and the drawing of so many jobs of 60 samples take: processor seconds, the most megabytes."""
    records, out = folder / f"{number}.ndjson", folder / f"{number}.out"
    if not records.exists():
        records.write_text(ndjson(fleet(number, seconds=60)))
    args = ["-c", "-f", part("summary.jq"), "--argjson", "run", "[null]", "--argjson", "picture", "true"]
    command = [sys.executable, "-c", MEASURED, "jq", "-n", "-R", "-L", JQ, *args, records]
    with out.open("w") as file:
        done = subprocess.run(command, check=True, stdout=file, stderr=subprocess.PIPE, text=True, timeout=120)
    summary, data = map(json.loads, out.read_text().splitlines())
    assert summary["jobs"] == data["began"] == number
    assert out.stat().st_size < 300 * number
    return [float(word) for word in done.stderr.split()]


def test_ten_thousand_jobs_of_sixty_samples_take_seconds_little_memory_and_grow_in_proportion(tmp_path):
    small = min(cost(tmp_path, 1_000)[0] for _ in range(3))
    # The least of two: beside other work a processor does less in its seconds. It takes about 5 s.
    large, megabytes = min(cost(tmp_path, 10_000) for _ in range(2))
    assert large < 18
    assert megabytes < 300
    assert large < 15 * small


@pytest.mark.parametrize("op", ["write", "read"])
def test_reference_records(op):
    file, expected = reference(op)
    records = file.read_text().splitlines()
    summary, data = figures(records, drawn=True)
    assert moved(data) == pytest.approx(expected["bytes"], rel=1e-3)
    drawn = texts(spec(records))
    assert f"goodput {expected['goodput']:.2f} GB/s" in drawn


# Comparison


def kind(op, workers, gbs, ideal=None, **more):
    """A row of comparison.jq: a kind of runs that moved so much together."""
    return {"letter": "A", "name": f"{op}, {workers} workers", "op": op, "jobs": workers, "runs": ["r"],
            "settings": {"workers": workers}, "series": "", "repetitions": 1, "counts": bool(gbs),
            "goodput": {"min": gbs, "median": gbs, "max": gbs}, "mbps_p50": 70, "ideal": ideal, "of_ideal": None,
            "loopback": False, "figures": {}, "at_least": False, **more}  # fmt: skip


def picture(*rows, across="workers", stopped=None, sentences=("What was found",)):
    made = {"stopped": stopped, "unfinished": None, "varies": [across], "across": across, "sentences": sentences}
    made["rows"] = rows
    files = ["-f", part("comparison_picture.jq"), "--slurpfile", "panels", PANELS]
    return json.loads(jq("-c", *files, text=json.dumps(made)))


def scaling(*sizes, op="write", **more):
    """The picture of fleets (workers, GB/s) that differ in nothing else."""
    one = sizes[0][1] / sizes[0][0]
    return picture(*(kind(op, n, gbs, one * n, of_ideal=gbs / one / n, **more) for n, gbs in sizes))


def points(drawn, panel=0):
    """What a panel shows."""
    return drawn["vconcat"][panel]["data"]["values"]


def ends(drawn, panel=0):
    """Where the names of series stand."""
    named = [layer for layer in layers(drawn["vconcat"][panel], "note") if "transform" in layer]
    return [one for layer in named for one in layer["data"]["values"] if f"'{one['op']}'" in str(layer["transform"])]


def titles(drawn):
    """What the axes of values say, panel by panel."""
    axes = ("y", "x") if drawn["vconcat"][0]["encoding"]["x"].get("field") == "place" else ("x", "y")
    return [panel["encoding"][axes[0]]["axis"]["title"] for panel in drawn["vconcat"][:-1]]


def test_fleets_stand_across_their_workers_with_the_ideal(tmp_path):
    drawn = scaling((1, 0.07), (100, 3.5), loopback=True)
    assert drawn["usermeta"]["title"] == ["What was found"]
    assert texts(drawn).count("LOOPBACK, NOT S3") == 2
    across = drawn["vconcat"][0]["encoding"]["x"]
    assert across["scale"]["type"] == "log" and across["axis"]["values"] == [1, 100]
    assert [one["ideal"] for one in points(drawn)] == pytest.approx([0.07, 7])
    assert titles(drawn) == ["GB/s together: goodput", "MB/s of the median worker"]
    assert "ideal" in texts(drawn) and "ideal" not in texts(picture(kind("write", 1, 1), kind("write", 10, 9)))
    render(drawn, tmp_path, "sweep")
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")


def test_memory_shows_rate_and_cost_above_each_other(tmp_path):
    rows = [
        kind("write", 10, gbs, settings={"memory_mb": memory}, figures={"usd_per_tb": usd})
        for memory, gbs, usd in ((512, 0.3, 2.1), (1769, 0.78, 1.2), (10240, 3.7, 3.5))
    ]
    drawn = picture(*rows, across="memory_mb")
    assert titles(drawn) == ["GB/s together: goodput", "$ per TB moved", "MB/s of the median worker"]
    assert [one["value"] for one in points(drawn, 1)] == [2.1, 1.2, 3.5]
    place = drawn["vconcat"][1]["encoding"]["x"]
    assert place["axis"]["title"] == "memory MB" and '"10240":"10,240"' in place["axis"]["labelExpr"]
    assert layers(drawn, "ideal") == []
    render(drawn, tmp_path, "sweep")
    assert ">10,240<" in (tmp_path / "sweep.svg").read_text()


def test_small_objects_show_how_many_they_were():
    rows = [
        kind("write", 10, n / 1e3, settings={"in_flight": n}, small_objects=True, figures={"objects_per_s": n * 100})
        for n in (8, 64)
    ]
    drawn = picture(*rows, across="in_flight")
    assert titles(drawn)[1] == "objects per second together" and points(drawn, 1)[1]["value"] == 6400


def test_objects_of_a_few_bytes_have_a_place(tmp_path):
    drawn = scaling((1, 1e-7), (10, 9e-7))
    assert [one["value"] for one in points(drawn)] == [1e-7, 9e-7]
    render(drawn, tmp_path)


def test_each_series_has_a_line_with_its_name_at_the_end():
    rows = [kind("write", n, n * size, series=f"{size} GB") for size in (1, 2) for n in (1, 10)]
    drawn = picture(*rows)
    assert [(one["series"], one["place"]) for one in ends(drawn)] == [("1 GB", 10), ("2 GB", 10)]
    (line,) = layers(drawn, "outline")[:1]
    assert line["encoding"]["detail"]["field"] == "series"
    assert drawn["vconcat"][0]["encoding"]["x"]["scale"]["range"] == [0, 780 - 4 * 6], "there is room for the name"


def test_names_of_series_stand_apart():
    """Where lines end close to each other, at the upper edge too, and in the order of the lines."""
    rows = [kind(op, n, n * (5 + size / 9), series=f"{size} GB") for op in ("write", "read") for size in range(6)
            for n in (1, 1000)]
    drawn = picture(*rows)
    for number, height in ((0, 300), (1, 12 * 14)):
        assert drawn["vconcat"][number]["height"] == height, "12 names have room above the axis"
        scale = drawn["vconcat"][number]["encoding"]["y"]["scale"]
        assert scale.get("type") == (None if number else "log")
        placed = sorted(ends(drawn, number), key=lambda one: one["below"])
        assert len(placed) == 12 and all(a["value"] >= b["value"] for a, b in zip(placed, placed[1:]))
        pixels = [one["below"] for one in placed]
        assert all(b - a >= 14 - 1e-6 for a, b in zip(pixels, pixels[1:])) and 0 <= pixels[0] and pixels[-1] < height
    (alone,) = ends(scaling((1, 1), (10, 9), series="x"))
    # Of an axis from 1 / 1.3 to 10 * 1.3, where the ideal ends.
    assert alone["below"] == pytest.approx(300 * (1 - math.log(9 * 1.3) / math.log(10 * 1.3**2)))
    far = ends(picture(*(kind("write", 1, gbs, series=f"{gbs} GB", settings={"part_mb": 8}) for gbs in (1, 9, 10)),
                       across="part_mb"))  # fmt: skip
    assert [one["below"] for one in far] == pytest.approx([270, 30, 0])


def test_the_whiskers_of_write_and_read_stand_beside_each_other():
    drawn = picture(*(kind(op, n, n) for op in ("write", "read") for n in (1, 10)))
    assert {layer["mark"]["xOffset"] for layer in layers(drawn, "whisker")} == {4, -4}
    assert "xOffset" not in json.dumps(scaling((1, 1), (10, 9)))


def test_what_does_not_count_is_no_point_and_named():
    assert picture() is None
    assert picture(kind("write", 1, None)) is None
    assert picture(kind("write", 1, 0)) is None
    bad = kind("write", 10, 9, letter="B", counts=False)
    whole = kind("read", 1, 1, letter="C", settings={"range_mb": 0})
    drawn = picture(kind("read", 1, 1, settings={"range_mb": 8}), bad, whole, across="range_mb")
    assert [one["place"] for one in points(drawn)] == [8]
    assert any(line.startswith("Not drawn: B, C") for line in drawn["usermeta"]["details"])


def test_what_is_only_a_bound_is_named():
    drawn = picture(kind("write", 1, 1, letter="A"), kind("write", 10, 9, letter="B", at_least=True))
    assert drawn["usermeta"]["details"] == ["At least: B, where nobody knows when some jobs ended."]
    assert drawn["title"]["subtitle"] == drawn["usermeta"]["details"]


def test_a_whisker_stays_in_the_chart(tmp_path):
    rows = [kind("write", n, 0.07 * n, 0.07 * n) for n in (1, 10, 100)]
    rows[1]["goodput"]["min"] = 0
    drawn = picture(*rows)
    least, most = drawn["vconcat"][0]["encoding"]["y"]["scale"]["domain"]
    for one in points(drawn):
        assert least <= one["least"] <= one["value"] <= one["most"] <= most
    render(drawn, tmp_path, "sweep")
    svg = (tmp_path / "sweep.svg").read_text()
    assert "NaN" not in svg and "Infinity" not in svg
    assert points(picture(rows[1], across=None))[0]["least"] == 0


def test_kinds_that_have_no_number_to_stand_at_have_a_bar_each(tmp_path):
    rows = [kind("write", 8, n, letter=f"A{n}", name=f"write, region {n}") for n in range(1, 41)]
    drawn = picture(*rows, across=None)
    assert [one["name"] for one in points(drawn)][::39] == ["A1 write, region 1", "A40 write, region 40"]
    assert drawn["vconcat"][0]["encoding"]["y"]["type"] == "nominal" and layers(drawn, "ideal") == []
    render(drawn, tmp_path, "compare")
    two = picture(kind("write", 8, 2), kind("read", 8, 3, letter="B"), across=None)
    assert layers(two, "write") and layers(two, "read")


@pytest.mark.parametrize("rows", [1, 8])
def test_the_mark_across_a_panel_is_no_larger_than_it(rows):
    for machine, text in (("loopback", "LOOPBACK, NOT S3"), ("shared_machine", "ONE MACHINE")):
        drawn = picture(*(kind("write", 8, 2, **{machine: True}) for _ in range(rows)), across=None)
        (mark,) = layers(drawn["vconcat"][0], "mark")
        assert mark["mark"]["text"] == text and mark["mark"]["fontSize"] < drawn["vconcat"][0]["height"]
        assert any(line.startswith(text) for line in drawn["usermeta"]["details"])


# Small objects


def small_objects(**more):
    run = a_run(2, mb_per_file=None, bytes_per_file=4096, for_s=10, in_flight=64, **more)
    told = {"objects": 50_000, "latency": [[200, 49_000], [240, 1000]], "request_ms": {"max": 34}, "op": "write"}
    return [sampled(0, 10, 4096 * 50_000, **told)] * 2, run


def test_the_picture_of_small_objects_counts_objects_and_shows_latencies():
    drawn = spec(*small_objects(network_mbps=20.48))
    assert drawn["usermeta"]["title"] == ["10,000 objects/s, 0.041 GB/s: 2 workers wrote objects of 4 KiB, for 10 s"]
    axis = drawn["vconcat"][1]["encoding"]["y"]
    assert axis["axis"]["title"] == "objects/s, all jobs together"
    assert axis["scale"]["domain"] == pytest.approx([0, 10_800])
    assert {round(b["rate"]) for b in drawn["datasets"]["bins"][1:-1]} == {10_000}
    assert [round(one["rate"]) for one in crossing(drawn, "goodput")] == [10_000]
    assert drawn["params"] == [{"name": "unit", "value": "objects/s"}]
    assert not any("network" in text or "PyWren" in text or "active workers" in text for text in texts(drawn))
    latency = drawn["vconcat"][2]
    assert [(one["requests"], round(one["from_ms"], 2)) for one in latency["data"]["values"]] == [
        (98_000, 5.79),
        (2_000, 32.77),
    ]
    assert {"median 5.919 ms", "p90 5.919 ms", "p99 33.49 ms", "p99.9 33.49 ms"} <= set(texts(latency))
    large = spec([sampled(0, 10, 1e9, objects=10, latency=[[200, 100]])], RUN)
    assert "How long requests took" not in json.dumps(large)


def test_the_headline_of_a_run_by_time_claims_no_limit_as_done():
    records, run = small_objects(objects=15, read_times=3, op="read")
    (title,) = spec(records, run)["usermeta"]["title"]
    assert title.endswith("2 workers read objects of 4 KiB, for 10 s")


def test_the_headline_of_a_run_that_failed_claims_no_work_as_done():
    (title,) = spec([failed(0, 10)] * 2, a_run(2))["usermeta"]["title"]
    assert title == "NOT VALID, 0.000 GB/s: 2 workers were to write 64 MiB each"
    records = [job(0, 10, 2**26)] * 199
    (title,) = spec([*records, failed(0, 10)], a_run(200))["usermeta"]["title"]
    assert title == "1.335 GB/s: 199 of 200 workers wrote 64 MiB each"
    (title,) = spec(records, a_run(200))["usermeta"]["title"]
    assert title == "At least 0.668 GB/s: 199 of 200 workers wrote 64 MiB each"


def test_a_few_megabytes_are_not_nothing():
    drawn = spec([job(0, 10, 42e6)], a_run(1))
    assert "round(datum.active)" in json.dumps(drawn), "jobs are whole"
    assert drawn["usermeta"]["title"] == ["4.200 MB/s: 1 worker wrote 64 MiB"]
    axis = drawn["vconcat"][1]["encoding"]["y"]
    assert axis["axis"]["title"] == "MB/s, all jobs together" and axis["scale"]["domain"] == pytest.approx([0, 4.536])
    assert {b["rate"] for b in drawn["datasets"]["bins"][1:-1]} == {4.2}
    assert "goodput 4.200 MB/s" in texts(drawn)
    drawn = texts(spec([job(0, 10, 4e7), job(0, 1, 4e7)]))
    assert {"goodput 8.000 MB/s", "best second 44.00 MB/s"} <= set(drawn), "one unit"


def test_a_run_of_milliseconds_is_drawn_as_it_was():
    """It has no best second, and its times and rates are small."""
    records = [job(0, 0.0014, 900, op="read", objects=1), job(0.001, 0.0024, 900, op="read", objects=1)]
    run = a_run(2, op="read", range_mb=64, mb_per_file=None, bytes_per_file=900)
    data = drawing(records, run)
    assert [(j["start"], j["stop"]) for j in data["jobs"]] == [(0, 0.0014), (0.001, 0.0024)]
    assert moved(data) == pytest.approx(1800, rel=1e-3)
    assert max(b["active"] for b in data["bins"]) > 1
    drawn = spec(records, run)
    assert drawn["usermeta"]["title"] == ["833 objects/s, 0.750 MB/s: 2 workers read 900 bytes each"]
    assert {"goodput 833 objects/s", "median 0.643 MB/s"} <= set(texts(drawn))
    assert drawn["datasets"]["jobs"][0]["mbps"] == pytest.approx(0.642857)


def test_lines_across_the_aggregate_have_the_unit_of_its_axis():
    drawn = spec([job(0, 10, 60e6), job(9, 10, 30e6)])["vconcat"][1]
    assert drawn["encoding"]["y"]["axis"]["title"] == "MB/s, all jobs together"
    assert {"goodput 9.000 MB/s", "best second 36.00 MB/s"} <= set(texts(drawn))


def test_objects_of_no_bytes_are_drawn():
    drawn = spec([job(0, 10, 0, op="read", objects=5)])
    assert drawn["vconcat"][1]["encoding"]["y"]["axis"]["title"] == "GB/s, all jobs together"


def test_of_a_damaged_run_no_place_is_claimed():
    drawn = spec([sampled(0, 20, 1e9)], None, place_unknown=True)
    assert texts(drawn).count("PLACE NOT KNOWN") == 3 and "PyWren" not in json.dumps(drawn["vconcat"])
    assert drawn["usermeta"]["alarm"].startswith("PLACE NOT KNOWN")
    assert drawn["usermeta"]["alarm"] in drawn["usermeta"]["details"]


def test_workers_of_one_machine_are_marked_in_every_panel():
    drawn = spec(*small_objects(shared_machine=True))
    assert texts(drawn).count("ONE MACHINE") == 4
    assert any(line.startswith("ONE MACHINE") for line in drawn["usermeta"]["details"])


# Files


def test_the_files_of_a_picture(tmp_path):
    render(spec(list(fleet(50)), a_run(50)), tmp_path)
    html = (tmp_path / "report.html").read_text()
    assert html.startswith("<!doctype html>") and "default-src 'none'" in html
    assert len(html) < 10_000_000
    assert (tmp_path / "report.svg").read_text().startswith("<svg")
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in tmp_path.glob("report*")) == ["report.html", "report.png", "report.svg"]


def test_ten_thousand_jobs_stay_below_ten_megabytes(tmp_path):
    records = [{k: v for k, v in r.items() if k != "samples"} for r in fleet(10_000)]
    render(spec(records, a_run(10_000)), tmp_path)
    assert (tmp_path / "report.html").stat().st_size < 4_000_000
    assert (tmp_path / "report.svg").stat().st_size < 10_000_000


def hostile_records():
    yield {**job(0, 4, 4e9), "job": 0, "key": HOSTILE, "op": HOSTILE, "version": HOSTILE, "arch": HOSTILE}
    yield {**job(0, 4, 4e9), "job": 1, "key": {"a": HOSTILE}, "memory_mb": HOSTILE, "throttled": HOSTILE}
    yield {**failed(0, 3, 1e9), **failure(HOSTILE, HOSTILE), "key": "k" * 2000, "samples": [HOSTILE, 1]}
    yield {**failure(HOSTILE, HOSTILE), "key": HOSTILE}
    yield {**job(0, 4, 4e9), "job": HOSTILE}


def hostile_picture(folder):
    run = a_run(4, {"version": HOSTILE}, op=HOSTILE, region=HOSTILE, arch=HOSTILE, memory_mb=HOSTILE)
    render(spec(list(hostile_records()), run, verdict={"sentence": HOSTILE}), folder)


def test_foreign_text_is_only_text_in_the_files(tmp_path):
    hostile_picture(tmp_path)
    html = (tmp_path / "report.html").read_text()
    assert "<script>alert" not in html and "<img src=x" not in html
    assert html.count("<script>") == html.count("</script>") == 2
    svg = (tmp_path / "report.svg").read_text()
    assert "<script" not in svg and "<img" not in svg
    for text in (html, svg):
        assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text
    ElementTree.fromstring(svg)


# A browser


class Chromium:
    """A page in Debian's Chromium, told by its debugging pipe what to do."""

    FLAGS = (
        "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --remote-debugging-pipe --window-size=1300,1400"
    )

    def __init__(self, profile):
        program = shutil.which("chromium")
        if program is None:
            pytest.skip("there is no chromium to open the page with")
        there, self.write = os.pipe()
        self.read, here = os.pipe()
        # The browser reads its file 3 and writes its file 4.
        command = f'exec 3<&{there} 4>&{here}; exec "$0" "$@"'
        self.process = subprocess.Popen(
            ["bash", "-c", command, program, *self.FLAGS.split(), f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(there, here),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(there)
        os.close(here)
        self.pending, self.events, self.calls, self.session = b"", [], 0, None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Log", "Network", "Page"):
            self.call(f"{domain}.enable")

    def message(self, seconds):
        until = time.monotonic() + seconds
        while b"\0" not in self.pending:
            ready, _, _ = select.select([self.read], [], [], max(0, until - time.monotonic()))
            assert ready, "the browser does not answer"
            data = os.read(self.read, 1 << 20)
            assert data, "the browser is gone"
            self.pending += data
        message, self.pending = self.pending.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self.calls += 1
        request = {"id": self.calls, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.write, json.dumps(request).encode() + b"\0")
        while True:
            answer = self.message(60)
            if answer.get("id") == self.calls:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def value(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def until(self, expression, seconds=30):
        end = time.monotonic() + seconds
        while not self.value(expression):
            assert time.monotonic() < end, f"never came true: {expression}; {self.complaints()}"
            time.sleep(0.1)

    def open(self, file, scheme="light"):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url=file.as_uri())
        self.until("document.body && document.body.dataset.drawn === 'yes'")

    def complaints(self):
        """Errors, warnings, whatever was written to the console, and dialogs."""
        kinds = ("exceptionThrown", "entryAdded", "consoleAPICalled", "javascriptDialogOpening")
        return [event for event in self.events if event.get("method", "").split(".")[-1] in kinds]

    def requests(self):
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]

    def point_at(self, place):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=place[0] - 2, y=place[1])
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=place[0], y=place[1])

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        os.close(self.read)
        os.close(self.write)


@pytest.fixture
def browser(tmp_path):
    profile = tmp_path / "profile"
    page = Chromium(profile)
    yield page
    page.close()


# The middle of the line of a job on the page: [x, y], from the picture's own tree of marks.
PLACE = """(job => {
  const find = (item, x, y) => {
    for (const child of item.items || []) {
      if (item.marktype === "group") {
        const found = find(child, x + (child.x || 0), y + (child.y || 0));
        if (found) return found;
      } else if (item.marktype === "rect" && child.datum && child.datum.job === job && child.tooltip) {
        const b = child.bounds;
        return [x + (b.x1 + b.x2) / 2, y + (b.y1 + b.y2) / 2];
      } else if (child.marktype) {
        const found = find(child, x, y);
        if (found) return found;
      }
    }
  };
  const { left, top } = view.padding();
  const [x, y] = find(view.scenegraph().root, view.origin()[0] + left, view.origin()[1] + top);
  document.querySelector("#picture canvas").scrollIntoView({ block: "start" });
  const now = document.querySelector("#picture canvas").getBoundingClientRect();
  return [now.left + x, now.top + y];
})(%d)"""
# How many pixels of the canvas have a colour.
PIXELS = """(colour => {
  const { width, height } = document.querySelector("#picture canvas");
  const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(document.querySelector("#picture canvas"), 0, 0);
  const { data } = copy.getImageData(0, 0, width, height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4)
    if (colour.every((c, n) => Math.abs(data[i + n] - c) < 2)) count += 1;
  return count;
})([%d, %d, %d])"""
DRAWN = {
    "light": [("write", 0x2A, 0x8A, 0x3C), ("wait", 0xC4, 0xC4, 0xC4), ("active", 0x11, 0x11, 0x11)],
    "dark": [("write", 0x56, 0xC2, 0x71), ("wait", 0x4B, 0x51, 0x58), ("active", 0xF5, 0xF5, 0xF5)],
}
# The panels that stand on the page: groups with axes, and what is drawn in them besides.
DRAWN_PANELS = """(() => {
  const panels = [];
  const visit = (mark) => (mark.items || []).forEach((item) => {
    const marks = item.items || [];
    const drawn = marks.filter((one) => one.role === "mark" && (one.items || []).some(
      (part) => (part.items || []).length || part.bounds));
    if (marks.some((one) => one.role === "axis")) panels.push(drawn.length);
    marks.forEach(visit);
  });
  visit(view.scenegraph().root);
  return panels;
})()"""
TOOLTIP = "document.querySelector('#vg-tooltip-element.visible')?.innerText"


# What is left of red, green and blue, each in proportion to its light, where the eye has no cones for green (Machado).
WITHOUT_GREEN = ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_failed_job_is_told_from_a_good_one_by_eyes_that_see_no_green(scheme):
    def lightness(colour):
        light = [(int(colour[n : n + 2], 16) / 255) ** 2.2 for n in (1, 3, 5)]
        seen = [max(0, sum(map(math.prod, zip(row, light)))) for row in WITHOUT_GREEN]
        return 116 * (0.2126 * seen[0] + 0.7152 * seen[1] + 0.0722 * seen[2]) ** (1 / 3) - 16

    colours = json.loads((CHART / "themes.json").read_text())["colours"][scheme]
    assert abs(lightness(colours["failed"]) - lightness(colours["write"])) > 10


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_in_a_browser(tmp_path, browser, scheme):
    records = list(fleet(30))
    render(spec(records, a_run(30, loopback=True)), tmp_path)
    browser.open(tmp_path / "report.html", scheme)
    assert browser.value("view.getState !== undefined && document.querySelectorAll('#picture canvas').length") == 1
    background = browser.value("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 28)"}[scheme]
    panels = browser.value(DRAWN_PANELS)
    assert len(panels) == 3 and all(panels), "jobs, the aggregate and the rates, with something drawn in each"
    for style, red, green, blue in DRAWN[scheme]:
        assert browser.value(PIXELS % (red, green, blue)) > 100, style
    browser.point_at(browser.value(PLACE % 7))
    browser.until(TOOLTIP)
    tooltip = browser.value(TOOLTIP)
    assert records[7]["key"] in tooltip
    assert re.search(r"job\s*7\b", tooltip)
    assert f"{records[7]['mbps']:,.1f} MB/s" in tooltip
    alarming = "[...document.querySelectorAll('.alarm')].map((line) => line.innerText).join()"
    assert browser.value(alarming) == "LOOPBACK, NOT S3: these figures are of this machine."
    assert browser.complaints() == []
    assert browser.requests() == [(tmp_path / "report.html").as_uri()]


def test_a_comparison_in_a_browser(tmp_path, browser):
    for name, drawn in (("sweep", scaling((1, 0.07), (10, 0.7), (100, 7))), ("compare", picture(kind("read", 8, 3)))):
        render(drawn, tmp_path, name)
        browser.open(tmp_path / f"{name}.html")
        panels = browser.value(DRAWN_PANELS)
        assert len(panels) == 2 and all(panels)
    assert browser.complaints() == []
    assert set(browser.requests()) == {(tmp_path / f"{name}.html").as_uri() for name in ("compare", "sweep")}


@pytest.mark.parametrize(
    "drawn",
    [
        spec(list(fleet(3)), a_run(3, loopback=True)),
        spec([job(0, 9, 9e5, objects=900, latency=[[b, 9] for b in range(250, 300)])], a_run(1, mb_per_file=None)),
        scaling((1, 0.07), (10, 0.7), (100, 7), series="1,024 MiB each"),
        picture(*(kind("read", n, n, letter="A", name="read, 10 workers, " + "ranges of 64 MiB " * n) for n in (1, 2)),
                across=None),
    ],
)
def test_nothing_is_cut_off_on_a_narrow_page(tmp_path, browser, drawn):
    render(drawn, tmp_path)
    browser.call("Emulation.setDeviceMetricsOverride", width=420, height=900, deviceScaleFactor=1, mobile=False)
    browser.open(tmp_path / "report.html")
    assert browser.value("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert browser.value("document.documentElement.clientWidth") <= 420 and browser.complaints() == []


def test_a_hostile_key_does_nothing_in_a_browser(tmp_path, browser):
    hostile_picture(tmp_path)
    browser.open(tmp_path / "report.html")
    browser.point_at(browser.value(PLACE % 0))
    browser.until(TOOLTIP)
    assert "</script><script>alert(1)</script>" in browser.value(TOOLTIP)
    assert browser.value("document.querySelectorAll('#vg-tooltip-element script, #vg-tooltip-element img').length") == 0
    assert "<script>alert(1)" in browser.value("document.querySelector('header').innerText")
    assert browser.value("document.querySelectorAll('img').length") == 0
    assert browser.complaints() == []
    assert browser.requests() == [(tmp_path / "report.html").as_uri()]
