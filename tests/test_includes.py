"""In what order jq programs include libraries. jq 1.8.2 frees functions that only libraries use
(https://github.com/jqlang/jq/issues/3597) and crashes, unless a program includes every library that it needs, indirect
ones too, each before those that it needs itself."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = {path.stem: path for path in (ROOT / "jq").glob("*.jq")}
INCLUDE = re.compile(r'\binclude "(\w+)";')


def included(text):
    return INCLUDE.findall(re.sub(r"^\s*#.*$", "", text, flags=re.M))


def needed(names):
    """Those libraries and all that they need."""
    found = set()
    for name in names:
        found |= {name} | needed(included(LIBRARIES[name].read_text()))
    return found


def programs():
    """Every program in a file, and every one that the shell holds between quotes."""
    yield from ((path.name, path.read_text()) for path in LIBRARIES.values())
    for path in [ROOT / "driver.sh", *(ROOT / "lib").glob("*.sh")]:
        for line in path.read_text().splitlines():
            if INCLUDE.search(line):
                yield f"{path.name}: {line.strip()}", line


@pytest.mark.parametrize(("name", "text"), list(programs()), ids=lambda value: value[:60] if len(value) < 200 else "")
def test_a_program_includes_all_it_needs_the_most_basic_last(name, text):
    order = included(text)
    assert set(order) == needed(order), name
    for place, library in enumerate(order):
        late = needed(included(LIBRARIES[library].read_text())) & set(order[:place])
        assert not late, f"{name}: {library} needs {late}, which must come after it"
