"""In what order jq programs include libraries. jq 1.8.2 frees functions that only libraries use
(https://github.com/jqlang/jq/issues/3597) and crashes, unless a program includes every library that it needs, indirect
ones too, each before those that it needs itself."""

import re

import pytest
from harness import PARTS, ROOT

INCLUDE = re.compile(r'\binclude "([\w/]+)";')


def included(text):
    return INCLUDE.findall(re.sub(r"^\s*#.*$", "", text, flags=re.M))


def library(name):
    return (ROOT / "driver" / f"{name}.jq").read_text()


def needed(names):
    """Those libraries and all that they need."""
    found = set()
    for name in names:
        found |= {name} | needed(included(library(name)))
    return found


def programs():
    """Every program in a file, and every one that the shell holds between quotes."""
    yield from ((path.name, path.read_text()) for path in PARTS.values() if path.suffix == ".jq")
    for path in [ROOT / "driver.sh", *(path for path in PARTS.values() if path.suffix == ".sh")]:
        for line in path.read_text().splitlines():
            if INCLUDE.search(line):
                yield f"{path.name}: {line.strip()}", line


@pytest.mark.parametrize(("name", "text"), list(programs()), ids=lambda value: value[:60] if len(value) < 200 else "")
def test_a_program_includes_all_it_needs_the_most_basic_last(name, text):
    order = included(text)
    assert set(order) == needed(order), name
    for place, one in enumerate(order):
        late = needed(included(library(one))) & set(order[:place])
        assert not late, f"{name}: {one} needs {late}, which must come after it"
