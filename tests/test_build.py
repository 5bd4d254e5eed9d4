"""What cargo builds for the tests is what it builds for users."""

import subprocess

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
