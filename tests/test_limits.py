"""No test waits for ever: the whole of it has a limit, and so has each of its waits."""

import ast
import configparser
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
# Functions that wait unless they are told how long at most, and methods that do when they are called without a limit.
FUNCTIONS = {
    "subprocess": {"run", "call", "check_call", "check_output"},
    "urllib.request": {"urlopen"},
    "socket": {"create_connection"},
}
METHODS = {"wait", "communicate", "result"}


def waits_for_ever(call):
    if not isinstance(call.func, ast.Attribute):
        return False
    limited = any(keyword.arg in ("timeout", None) for keyword in call.keywords)
    if call.func.attr in FUNCTIONS.get(ast.unparse(call.func.value), ()):
        return not limited
    return call.func.attr in METHODS and not call.args and not limited


def endless_waits(text):
    calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    return [(call.lineno, ast.unparse(call)) for call in calls if waits_for_ever(call)]


@pytest.mark.parametrize("path", sorted(TESTS.glob("*.py")), ids=lambda path: path.name)
def test_each_wait_has_a_limit(path):
    assert endless_waits(path.read_text()) == []


@pytest.mark.parametrize("call", ["process.wait()", "subprocess.run(['true'], check=True)", "squad.result()"])
def test_a_wait_without_a_limit_is_found(call):
    assert endless_waits(call) == [(1, call)]


@pytest.mark.parametrize("call", ["process.wait(5)", "subprocess.run(['true'], timeout=5)", "driver.run('write')"])
def test_a_wait_with_a_limit_is_not(call):
    assert endless_waits(call) == []


def test_each_test_has_a_limit(pytestconfig):
    config = configparser.ConfigParser()
    config.read(TESTS / "pytest.ini")
    assert pytestconfig.pluginmanager.hasplugin("timeout")
    assert 0 < float(config["pytest"]["timeout"]) <= 600
