"""JSON and text that is mutated at random, as a torn disk, another version or a stranger would leave it."""

import json
import os
import random
import re

# More of them, and others: TERABIT_MUTANTS=1000 TERABIT_SEED=2 make test. Where one program reads many they are cheap;
# otherwise each takes a process, or a command of many.
MUTANTS = int(os.environ.get("TERABIT_MUTANTS", "100"))
ONE_BY_ONE = int(os.environ.get("TERABIT_MUTANTS", "24"))
COMMANDS = ONE_BY_ONE // 8
CHANCE = random.Random()
DEEP = json.loads("[" * 200 + "]" * 200)
JUNK = [
    None, True, False, "", "x", "0", -1, 0, 0.5, 1, 1e300, 10**400, 2**53, [], {}, [[]], [1], [None], ["x"], [{}], DEEP,
    {"a": 1}, {"Key": 1}, "\x1b[31m", "\u061c", "a\0b", "\ud800", "x" * 2000, "2026-01-01", "refuse all", "a b\nc",
]  # fmt: skip
# What jq, the shell and their friends say when nobody caught it.
BARE = re.compile(
    r"\b(jq|awk|cp|mv|cat):|parse error|syntax error|\.sh: line \d+: |unbound variable|Traceback|No such file"
)


def seed():
    CHANCE.seed(os.environ.get("TERABIT_SEED", "1"))


def places(value, path=()):
    """Where something stands in it."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def with_junk(value):
    """One place of it holds something else, or nothing, or is twice there, or has another name."""
    value = json.loads(json.dumps(value))
    path = CHANCE.choice(list(places(value)))
    if path == ():
        return CHANCE.choice(JUNK)
    *way, last = path
    inner = value
    for key in way:
        inner = inner[key]
    chance = CHANCE.random()
    if chance < 0.2:
        del inner[last]
    elif chance < 0.3 and isinstance(inner, list):
        inner.insert(last, inner[last])
    elif chance < 0.3:
        inner[last + "x"] = inner.pop(last)
    else:
        inner[last] = CHANCE.choice(JUNK)
    return value


def torn(text):
    """Some bytes of it are lost, or others."""
    at, end = sorted(CHANCE.randrange(len(text) + 1) for _ in range(2))
    other = CHANCE.choice([*(bytes([one]) for one in b'"{}[],:\\\0\xff\xc3\n\r'), b"\\x7", "é".encode()])
    return CHANCE.choice([text[:at], text[:at] + text[end:], text[:at] + other + text[end:], text + text])


def mutant(value):
    """Bytes that were JSON of this value."""
    return torn(json.dumps(value).encode()) if CHANCE.random() < 0.4 else json.dumps(with_junk(value)).encode()


def mutants(*values, number=MUTANTS):
    """Lines of JSON that were these values."""
    return [mutant(CHANCE.choice(values)).replace(b"\n", b" ") for _ in range(number)]
