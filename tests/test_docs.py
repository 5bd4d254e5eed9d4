"""README and docs say what is there: links lead somewhere, commands and options are those of the programs, and every
field of the worker's event and result and of the summary is described."""

import itertools
import json
import re
import shlex
import subprocess

import pytest
from harness import PARTS, ROOT, Driver, Local, part

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WORKER = ROOT / "docs" / "worker.md"
SOURCE = ROOT / "function" / "src"


def said(*command):
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def texts():
    return {page.relative_to(ROOT): page.read_text() for page in PAGES}


def code(text):
    """The lines that a reader may type: those of fenced blocks, and what stands between backticks."""
    blocks = re.findall(r"^```\n(.*?)^```$", text, re.M | re.S)
    rest = re.sub(r"^```\n.*?^```$", "", text, flags=re.M | re.S)
    lines = [line.split(" #")[0] for block in blocks for line in block.splitlines()]
    return lines + re.findall(r"`([^`]+)`", rest)


def calls(program):
    """What is said after a program's name, up to what ends a command: (page, words)."""
    for page, text in texts().items():
        for line in code(text):
            for words in re.findall(rf"(?:^|[\s'(]){re.escape(program)}(?= |$)([^&|;#'→]*)", line):
                yield page, words.split()


def options(words):
    return [word.split("=")[0] for word in words if re.match(r"--[a-z]", word)]


def test_the_pages_are_there():
    assert [page.stem for page in PAGES] == ["README", "aws", "design", "faults", "figures", "worker"]
    assert len(PAGES[0].read_text().splitlines()) <= 150


def test_pages_keep_to_the_width_outside_tables():
    for page, text in texts().items():
        for line in text.splitlines():
            assert len(line) <= 120 or line.startswith("|"), f"{page}: {line}"


def test_lines_of_the_source_keep_to_the_width():
    kinds = {".sh", ".jq", ".py", ".rs"}
    rooms = ("bench", "deploy", "driver", "function", "local", "tests")
    sources = [ROOT / "driver.sh"]
    sources += [path for room in rooms for path in (ROOT / room).rglob("*") if path.suffix in kinds]
    assert {path.suffix for path in sources} == kinds
    long = [f"{path}:{n}" for path in sources for n, line in enumerate(path.open(), 1) if len(line.rstrip("\n")) > 120]
    assert long == []


def test_the_example_has_the_colours_of_the_pictures():
    themes = set(re.findall(r"#[0-9a-f]{6}", part("themes.json").read_text()))
    assert set(re.findall(r"#[0-9a-f]{6}", (ROOT / "docs" / "example.svg").read_text())) <= themes


def test_links_lead_somewhere():
    found = 0
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            if not re.match(r"https?://", target):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
                found += 1
    assert found > 20


def test_commands_of_the_driver_and_their_options_are_in_its_help():
    general = said("./driver.sh", "--help")
    commands = set(re.findall(r"^  \./driver\.sh (\S+)", general, re.M))
    commands = {name for words in commands for name in words.split("|")} - {"--help"}
    # Each command's help, where there is one; each says what the general one says of it, and more.
    helps = {name: general + said("./driver.sh", name, "--help") for name in commands}
    seen = set()
    for page, words in calls("./driver.sh"):
        if words and words[0] != "--help":
            assert words[0] in commands, f"{page}: ./driver.sh {words[0]}"
            seen.add(words[0])
            for option in options(words[1:]):
                assert re.search(rf"{option}\b", helps[words[0]]), f"{page}: ./driver.sh {words[0]} {option}"
    assert seen == {"write", "read", "sweep", "report", "delete"}
    # Options that stand alone, such as `--dry-run`: of the driver, of local or of the AWS CLI.
    known = "".join(helps.values()) + local_help()
    for page, text in texts().items():
        for words in code(text):
            if re.match(r"--[a-z-]+", words):
                assert re.search(rf"{options([words.split()[0]])[0]}\b", known), f"{page}: {words}"


def test_what_the_pages_would_start_on_aws_is_paid_for_by_max_cost(tmp_path):
    """Nobody who copies a line is to find that it ends early, or is refused."""
    driver = Driver(tmp_path)
    del driver.env["BUCKET"]
    pages = "\n".join(texts().values())
    found = set(re.findall(r"^\./driver\.sh ((?:write [0-9]|sweep ).*?)(?: +#.*)?$", pages, re.M))
    assert len(found) >= 7
    for line in found:
        words = [word for word in shlex.split(line) if word != "--dry-run"]
        assert "--max-cost" not in driver.run(*words, "--dry-run").err, line


def test_the_help_names_what_goes_with_a_resumed_run():
    table = (PARTS["options.sh"]).read_text()
    taken = set(re.findall(r'^  "(--\S+) .* resume\b', table, re.M)) - {"--resume"}
    assert len(taken) >= 8
    for command in ("write", "read"):
        (told,) = re.findall(r"good record\. (.*?) go with it\.", said("./driver.sh", command, "--help"), re.S)
        assert set(re.findall(r"--[a-z-]+", told)) == taken, command


def local_help():
    if not Local.program.is_file():
        pytest.skip(f"{Local.program} is not built (TERABIT_LOCAL names another)")
    return said(Local.program, "--help")


def test_options_of_local_are_in_its_help_and_all_are_described():
    text = local_help()
    found = 0
    for page, words in calls("target/release/local"):
        own = words[: words.index("--")] if "--" in words else words
        for option in options(own):
            assert f"{option} " in text, f"{page}: local {option}"
            found += 1
    assert found >= 5
    described = (ROOT / "docs" / "faults.md").read_text()
    for option in re.findall(r"^      (--[a-z0-9-]+)", text, re.M):
        assert f"`{option} " in described or f"`{option}`" in described, f"docs/faults.md lacks {option}"


def test_targets_and_variables_of_make_are_in_its_help():
    text = said("make", "--no-print-directory", "help")
    variables = (ROOT / "Makefile").read_text().split("OPTIONS := ")[1].split("\n")[0].split()
    found = set()
    for page, words in calls("make"):
        for word in words:
            if re.match(r"[a-z]+$", word):
                assert f"make {word} " in text, f"{page}: make {word}"
                found.add(word)
            elif name := re.match(r"([A-Z_]+)=", word):
                assert name[1] in variables, f"{page}: make {word}"
            else:
                break
    assert {"demo", "deploy", "destroy", "local", "test"} <= found


def fields_of(source, name):
    """The names of a struct's fields, those that are flattened into it left out."""
    body = re.search(rf"struct {name} {{\n(.*?)^}}", source, re.M | re.S)[1]
    fields = re.findall(r"((?:^    #\[.*\]\n)*)^    (?:pub )?(\w+): ", body, re.M)
    return [field for attributes, field in fields if "flatten" not in attributes]


def rows():
    """The names in the first column of the worker's tables."""
    cells = re.findall(r"^\| ([^|]+) \|", WORKER.read_text(), re.M)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_every_field_of_the_event_is_described():
    source = (SOURCE / "event.rs").read_text()
    fields = fields_of(source, "Event") + fields_of(source, "SquadEvent")
    assert {"op", "mb_per_file", "stop_by", "jobs", "answer_key"} <= set(fields)
    assert set(fields) <= rows()


def test_every_field_of_the_result_is_described():
    source = (SOURCE / "answer.rs").read_text()
    fields = fields_of(source, "JobResult") + fields_of(source, "InVain")
    assert {"start", "mbps", "samples", "sent", "error"} <= set(fields)
    assert set(fields) <= rows()
    text = WORKER.read_text()
    for field in fields_of(source, "Pong") + fields_of(source, "RequestMs"):
        assert f"`{field}`" in text


def test_every_field_of_the_summary_and_every_cause_is_described(tmp_path):
    text = (ROOT / "docs" / "figures.md").read_text()
    jq = ("jq", "-n", "-R", "-L", "driver", "-f", "driver/report/summary.jq", "--argjson", "run", "[null]")
    record = {"start": 1.6e9, "stop": 1.6e9 + 10, "mbps": 1}
    (tmp_path / "records").write_text(json.dumps(record))
    summary = json.loads(said(*jq, tmp_path / "records"))
    assert "goodput" in summary and "cpu_share" in summary["evidence"]
    fields = [*summary, *summary["evidence"], *summary["evidence"]["last"], *summary["verdict"]]
    causes = re.findall(r'finding\("(\w+)"', (PARTS["verdict.jq"]).read_text())
    assert "stragglers" in causes
    assert [name for name in fields + causes if f"`{name}`" not in text] == []


def test_the_proof_of_the_readme_is_what_was_measured():
    """Of each contender, at the part size that took it the least processor time: CPU-s per GB, and its memory."""
    readme = PAGES[0].read_text()
    results = ROOT / re.search(r"\((bench/results/[\d-]+)\.md\)", readme)[1]
    measured = json.loads(results.with_suffix(".json").read_text())["bytes"]["result"]["rows"]
    told = re.findall(r"^\| (\w.*?) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| (\d+)–(\d+) \|$", readme, re.M)
    assert len(told) == 7
    names = {"terabit with one request in flight": "terabit ×1", "plain sockets in one thread: the floor": "floor"}
    for title, *cells in told:
        name = names.get(title, title.split(",")[0])
        least, memory = [], []
        for scheme, op in itertools.product(("HTTP", "TLS"), ("write", "read")):
            rows = [row for row in measured if (row["scheme"], row["op"]) == (scheme, op)]
            rows = [row for row in rows if row["contender"].removesuffix(" 8 MiB") == name]
            best = min(rows, key=lambda row: row["cpu_s_per_gb"]["median"])
            least.append(f"{best['cpu_s_per_gb']['median']:.2f}")
            memory.append(best["peak_mb"]["median"])
        assert cells == [*least, f"{min(memory):.0f}", f"{max(memory):.0f}"], title


def test_every_type_of_error_is_described():
    types = set(re.findall(r'=> "(\w+)"', (SOURCE / "error.rs").read_text()))
    assert {"InvalidEvent", "S3"} <= types and types <= rows()


def test_every_fault_has_its_sentence_and_its_test():
    """The table of docs/faults.md: what stands between quotes in its second column is said by a program."""

    def words(text):
        """Sentences go over several lines, each in quotes of its language."""
        return re.sub(r'[\s"\\+]+', " ", text)

    worker = list(SOURCE.glob("*.rs"))
    programs = [ROOT / "Makefile", ROOT / "driver.sh", *PARTS.values(), *worker]
    said_by_programs = words("".join(path.read_text() for path in programs))
    tests = "".join(path.read_text() for path in [*ROOT.glob("tests/*.py"), *worker])
    table = (ROOT / "docs" / "faults.md").read_text().split("| input or fault |")[1].splitlines()[2:]
    assert len(table) >= 60
    for row in table:
        _, said, status, test = row.strip("| ").split(" | ")
        assert re.search(rf"\b(def|fn) {test}\(", tests), test
        assert re.fullmatch(r"-|\d+|as above|\d+ (or|to) \d+", status), row
        for sentence in re.findall('"([^"]+)"', said):
            assert words(sentence) in said_by_programs, sentence
