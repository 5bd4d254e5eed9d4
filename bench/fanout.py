"""Part `fanout`: what the driver costs the machine that it runs on, and how far apart its workers start.

The whole of `./driver.sh write`, from the checks to the table: plan, ping, launch, answers, records, summary. Workers
are real processes under `local` and write 1 MiB each; they share the processors with the driver, so that seconds and
spread tell about this machine, while the driver's own processor time is counted apart from theirs."""

import json
import subprocess
import tempfile

from measure import spread, tree
from per_byte import figure
from service import Service
from settings import ROOT, Skip, say

# Workers by squads: with two processors `local` holds 3,000 at once, squads included.
SQUADS = [100, 600, 1800, 2950, 5000]
ONE_BY_ONE = [100, 200]
EXTRAPOLATED = [600, 1800]
# Three runs up to here, one beyond.
REPEATED = 1800
LIMIT_S = 300

GOALS = {1800: (15, 2000)}


def run(settings):
    if not settings.worker.is_file():
        raise Skip(f"{settings.worker} is not built: make bench")
    silent = quiet()
    result = {"rows": [], "absent": {}, "picture": not silent}
    plan = [(number, None) for number in settings.size(SQUADS, [12])]
    plan += [(number, 1) for number in settings.size(ONE_BY_ONE, [3])]
    for number, squad in plan:
        rounds = settings.size(3, 1) if squad is None and number <= REPEATED else 1
        try:
            result["rows"].append(
                summary(number, squad, [driven(number, squad, silent, settings) for _ in range(rounds)])
            )
        except (Skip, RuntimeError) as reason:
            result["absent"][f"{number:,} workers"] = str(reason)
            say(f"{number} workers: {reason}")
    return result


def quiet():
    """The option that leaves the picture out, where the driver has one: `report` measures pictures."""
    told = subprocess.run(
        [ROOT / "driver.sh", "write", "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    return ["--no-picture"] if "--no-picture" in told.stdout else []


def driven(number, squad, silent, settings):
    """One run of the driver: what it used, and what it says of its workers."""
    options = ["--concurrency", number + 100, "--worker", settings.worker, "--log", "/dev/null"]
    with Service(*options) as service, tempfile.TemporaryDirectory(prefix="terabit-bench-") as folder:
        shape = ["--squad", squad] if squad else []
        command = [ROOT / "driver.sh", "write", number, 1, *shape, "--json", "--max-cost", 1000, "--out", folder]
        used = tree([*command, *silent], service.env, LIMIT_S, look_every_s=1)
    # With 1 some workers failed: the row tells how many were good.
    if used["status"] not in (0, 1) or not used["out"]:
        told = [line for line in used["err"].splitlines() if line.strip()]
        raise Skip(f"the driver ended with {used['status']}: {' '.join(told[-3:])}")
    told = json.loads(used["out"])
    say(f"{number} workers, {squad or 'squads'}: driver {used['cpu_s']:.1f} CPU-s, {used['peak_mb']:.0f} MB")
    return {name: used[name] for name in ("cpu_s", "peak_mb", "seconds")} | {
        "start_spread_s": told["start_spread_s"],
        "good": told["jobs"] - told["failed"] - told["missing"],
    }


def summary(number, squad, runs):
    names = ("cpu_s", "peak_mb", "seconds", "start_spread_s")
    return {"workers": number, "squad": squad, "good": [run["good"] for run in runs]} | {
        name: spread([run[name] for run in runs]) for name in names
    }


def extrapolated(result):
    """Driver CPU of larger fleets one by one, from the slope between the two that were measured: [(workers, CPU-s)]."""
    alone = [(row["workers"], row["cpu_s"]["median"]) for row in result["rows"] if row["squad"] == 1]
    if len(alone) < 2:
        return []
    (few, less), (many, more) = alone[0], alone[-1]
    return [(number, more + (number - many) * (more - less) / (many - few)) for number in EXTRAPOLATED]


def ratios(result):
    found = []
    for row in result["rows"]:
        if row["squad"] is None and row["workers"] in GOALS:
            cpu_s, mb = GOALS[row["workers"]]
            found.append((f"driver, {row['workers']:,} workers, CPU-s", row["cpu_s"]["median"], "≤", cpu_s))
            found.append((f"driver, {row['workers']:,} workers, MB", row["peak_mb"]["median"], "≤", mb))
    squads = {row["workers"]: row["cpu_s"]["median"] for row in result["rows"] if row["squad"] is None}
    for number, cpu_s in extrapolated(result):
        if number in squads:
            what = f"driver CPU, {number:,} workers, squads ÷ one by one (extrapolated)"
            found.append((what, squads[number] / cpu_s, "≤", None))
    return found


def tables(result):
    yield (
        "`./driver.sh write NUMBER 1`"
        + (", its picture included." if result["picture"] else " `--no-picture`.")
        + " In brackets least and most of three runs. MB: all processes of the driver at one moment."
    )
    yield (
        ["workers", "", "good", "driver CPU-s", "driver MB", "start spread s", "seconds in all"],
        [
            [
                f"{row['workers']:,}",
                "one by one" if row["squad"] == 1 else "squads",
                f"{min(row['good']):,}",
                figure(row["cpu_s"], 1),
                figure(row["peak_mb"], 0),
                figure(row["start_spread_s"], 2),
                figure(row["seconds"], 0),
            ]
            for row in result["rows"]
        ]
        + [
            [f"{number:,}", "one by one, extrapolated", "", f"{cpu_s:.0f}", "", "", ""]
            for number, cpu_s in extrapolated(result)
        ],
    )
