"""What the tests try is what users have: programs with the same features, Python without what only tests need."""

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions

from harness import ROOT


def features(*args):
    """Of each package that these arguments of cargo select, its features."""
    tree = ["cargo", "tree", "--locked", "--offline", "--prefix", "none", "--format", "{p}|{f}", *args]
    lines = subprocess.run(tree, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE, timeout=60).stdout
    found = {}
    for line in filter(None, lines.splitlines()):  # a package is listed wherever it is needed
        package, enabled = line.removesuffix(" (*)").split("|")
        found.setdefault(package, set()).update(enabled.split(","))
    return found


def test_the_programs_need_nothing_that_only_tests_ask_for():
    """Else they could use it and be tested with it, and `make build` would fail, or would build other programs."""
    programs = features("--edges", "normal,build", "--package", "terabit", "--package", "local")
    tests = features("--edges", "normal,build,dev", "--workspace")
    more = {package.split()[0]: tests[package] - enabled for package, enabled in programs.items()}
    assert {package: enabled for package, enabled in more.items() if enabled} == {
        "nix": {"poll"},  # for bench/floor
        "num-traits": {"std"},  # for proptest
        "tokio": {"test-util"},  # a clock that tests can stop
    }


def test_the_python_of_users_needs_nothing_that_only_tests_install():
    """.venv has both here, and what only the second brings would be missing after `make build`."""
    programs = [path for room in ("driver", "bench") for path in (ROOT / room).rglob("*.py")]
    programs = [path for path in programs if path.parent.name != "peers"]  # they have a .venv of their own
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(), re.M)
    installed = packages_distributions()
    asked = set()
    for path in programs:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                asked.add(node.module.split(".")[0])
            elif isinstance(node, ast.Import):
                asked |= {one.name.split(".")[0] for one in node.names}
    asked -= sys.stdlib_module_names | {path.stem for path in programs}
    assert asked == {"awscli", "vl_convert"}
    assert all(set(installed[name]) & set(pinned) for name in asked)
