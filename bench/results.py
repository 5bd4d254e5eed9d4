"""What was measured, as a dated table and its raw numbers beside it."""

import json
import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from settings import ROOT

TITLES = {
    "bytes": "CPU and memory per byte",
    "nic": "A worker's network",
    "fanout": "Fan-out: the driver",
    "cold": "Cold start",
    "report": "Report",
    "small": "Small objects",
    "soak": "Soak: 64 workers under faults",
}


def machine():
    """The machine and the versions that a measurement belongs to."""
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    memory = re.search(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(), re.M)
    return {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cpu": cpu[1] if cpu else platform.processor(),
        "arch": platform.machine(),
        "processors": os.cpu_count(),
        "memory_gb": round(int(memory[1]) * 1024 / 1e9, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "rustc": said("rustc", "--version"),
        "commit": said("git", "describe", "--always", "--dirty", "--abbrev=12"),
        "load_before": os.getloadavg()[0],
    }


def said(*command):
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


class Results:
    """The file of a day: parts that are measured again replace what is there."""

    def __init__(self, folder, parts):
        folder.mkdir(parents=True, exist_ok=True)
        self.parts = parts
        self.path = folder / f"{datetime.now(timezone.utc):%Y-%m-%d}.json"
        self.found = json.loads(self.path.read_text()) if self.path.exists() else {}

    def add(self, name, about, outcome):
        self.found[name] = {"machine": about} | outcome
        write(self.path, json.dumps(self.found, indent=1) + "\n")
        self.table = self.path.with_suffix(".md")
        write(self.table, markdown(self.path.stem, self.found, self.parts))


def write(path, text):
    fresh = path.with_suffix(path.suffix + ".new")
    fresh.write_text(text)
    fresh.replace(path)


def markdown(day, found, parts):
    """The page: ratios first, then each part's tables."""
    measured = {name: found[name] for name in TITLES if "result" in found.get(name, {})}
    lines = [f"# Measured on {day}", ""]
    if any(part.get("quick") for part in measured.values()):
        lines += ["**Quick mode: small sizes, one repetition. These figures prove nothing.**", ""]
    rows = []
    for name, part in measured.items():
        for what, value, relation, goal in parts[name].ratios(part["result"]):
            shown = f"{relation} {number(goal)}" if goal is not None else ""
            rows.append([what, number(value), shown, "" if part.get("quick") else met(value, relation, goal)])
    # Those with a goal first.
    rows.sort(key=lambda row: not row[2])
    lines += table(["", "measured", "goal", ""], rows) if rows else []
    lines += [f"On {name}.\n" for name in dict.fromkeys(hardware(part["machine"]) for part in measured.values())]
    for name, part in measured.items():
        lines += [f"## {TITLES[name]}", ""]
        for block in parts[name].tables(part["result"]):
            lines += render(block)
        lines += [f"Measured {moment(part['machine'])}", ""]
    skipped = {name: part["skipped"] for name, part in found.items() if "skipped" in part}
    for part in measured.values():
        skipped |= part["result"].get("absent", {})
    if skipped:
        lines += ["## Not measured", "", *[f"- {name}: {reason}" for name, reason in skipped.items()], ""]
    lines += [f"Raw numbers: [{day}.json]({day}.json). To measure again: `make bench`.", ""]
    return "\n".join(lines)


def number(value):
    if value is None:
        return "unknown"
    return f"{value:.2f}" if value < 10 else f"{value:,.1f}"


def met(value, relation, goal):
    """Whether a goal is met, by the figure as it is shown."""
    if goal is None:
        return ""
    if value is None:
        return "**missed**"
    shown = round(value, 2 if value < 10 else 1)
    return "met" if (shown <= goal if relation == "≤" else shown >= goal) else "**missed**"


def hardware(machine):
    return (
        f"{machine['cpu']} ({machine['arch']}), {machine['processors']} processors, {machine['memory_gb']} GB, "
        f"Linux {machine['kernel']}, {machine['rustc']}, Python {machine['python']}"
    )


def moment(machine):
    return f"{machine['when']}, commit {machine['commit']}, load before {machine['load_before']:.1f}."


def render(block):
    """A sentence, a list, or a table as (header, rows)."""
    if isinstance(block, str):
        return [block, ""]
    if isinstance(block, list):
        return [*[f"- {item}" for item in block], ""]
    return table(*block)


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return [*lines, *["| " + " | ".join(map(str, row)) + " |" for row in rows], ""]
