"""Whatever comes from outside, mutated at random: answers of workers, of Lambda and of S3, the files of runs and of
sweeps, key files. It is understood or named in one sentence, never with jq's or the shell's own complaint, and what is
whole of it is not lost."""

import json
import re
import shutil
import subprocess

import pytest
from figures import a_run, failed, job
from harness import JQ, ROOT, part, quick_sleep, read_json
from mutants import BARE, CHANCE, COMMANDS, MUTANTS, ONE_BY_ONE, mutant, mutants, seed, torn
from test_deploy import ACCOUNT, Account

FROZEN = sorted(path.parent for path in (ROOT / "tests" / "frozen").glob("*/*/run.json"))


@pytest.fixture(autouse=True)
def seeded():
    seed()


def jq(program, *arguments, text=b"", files={}, **given):
    """What a program prints, which says nothing on stderr. given: values for --argjson; files: for --rawfile."""
    for name, value in given.items():
        arguments += ("--argjson", name, json.dumps(value))
    for name, path in files.items():
        arguments += ("--rawfile", name, path)
    command = ["jq", "-L", JQ, "-f", part(program), *arguments]
    done = subprocess.run(command, check=False, input=text, capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, b""), f"{program}: {done.stderr}\n{text[:300]}\n{files}"
    return done.stdout.decode()


def as_lines(lines):
    return b"".join(line + b"\n" for line in lines)


def dumped(values):
    return [json.dumps(value).encode() for value in values]


class Commands:
    """Commands of a driver, which say what they have to say whatever they are given."""

    def __init__(self, driver):
        self.driver = driver
        quick_sleep(driver)
        driver.hasty()

    def __call__(self, mutated, *args, exits=(0, 1, 2, 3)):
        process = self.driver.start(*args)
        process.out, process.err = process.communicate(timeout=100)
        told = f"{args}: exit {process.returncode}\n{process.err}\nof {mutated[:600]}"
        assert process.returncode in exits, told
        assert process.err or process.returncode < 2, told
        lines = process.err.splitlines()
        assert all(line.startswith("driver: ") and not BARE.search(line) for line in lines), told
        assert not BARE.search(process.out), told
        return process


@pytest.fixture
def commands(driver):
    return Commands(driver)


# Answers of workers

RESULT = {"op": "write", "bytes": 67108864, "samples": [33554432], "requests": 3, "retries": 1, "objects": 1,
          "request_ms": {"p50": 1.5, "p99": 2.5, "max": 3}, "latency": [[3, 4], [4, 9]], "handler_s": 3.0}  # fmt: skip
RESULTS = [
    {**job(0.25, 2.25, 67108864), **RESULT, "key": "k"},
    {**job(0.5, 3.25, 67108864), **RESULT, "key": "l"},
    {"op": "write", "key": "m", **failed(0, 5.5, 10**6, sent=10, sent_samples=[1, 2])},
]
FAULT = {"errorType": "Runtime.ExitError", "errorMessage": "exit status 1", "stackTrace": []}


def kept(answer, keys):
    """The positions at which an answer is what the workers measured. Half a surrogate is no JSON for newer jq."""
    if b"\\ud800" in answer:
        return []
    try:
        values = json.loads(answer.decode("utf-8", "replace"))
    except ValueError:
        return []
    if not isinstance(values, list) or len(values) != len(keys):
        return []
    return [n for n, value in enumerate(values) if value == RESULTS[n]]


def test_mutated_answers_are_records_and_lose_nothing_that_was_measured(tmp_path):
    """Each of one squad. All their records are then summed up."""
    keys = [result["key"] for result in RESULTS]
    records, good = [], 0
    files = {name: tmp_path / name for name in ("answer", "metadata", "complaint")}
    for squad in range(ONE_BY_ONE):
        planned = [{"job": 3 * squad + n, "op": "write", "key": key, "launch": 1} for n, key in enumerate(keys)]
        answer, metadata = mutant(RESULTS), b'{"StatusCode": 200}'
        if squad % 5 == 0:
            answer, metadata = mutant(FAULT), mutant({"StatusCode": 200, "FunctionError": "Unhandled"})
        for name, value in (("answer", answer), ("metadata", metadata), ("complaint", b"")):
            files[name].write_bytes(value)
        told = jq("records.jq", "-c", "-r", "-n", planned=[planned], status=0, tries=1, files=files)
        counts, *lines = told.splitlines()
        found = [json.loads(line) for line in lines]
        assert [(record["job"], record["launch"], record["op"], record["key"]) for record in found] == [
            (one["job"], 1, "write", one["key"]) for one in planned
        ]
        assert re.fullmatch(r"3 [0-3] (lost|known)", counts), answer
        for n in kept(answer, keys):
            assert RESULTS[n].items() <= found[n].items(), answer
            good += "error" not in RESULTS[n]
        records += lines
    text = "\n".join(records).encode()
    summary = json.loads(jq("summary.jq", "-c", "-n", "-R", text=text, run=[a_run(3 * ONE_BY_ONE)]))
    assert summary["jobs"] == 3 * ONE_BY_ONE and summary["missing"] == 0
    assert summary["jobs"] - summary["failed"] >= good > 0


def test_mutated_answers_of_a_run_end_in_its_table(commands):
    """Half come directly, half from the bucket."""
    driver = commands.driver
    number = max(4, COMMANDS)
    keys = [f"key-{n}" for n in range(number)]
    result = {**RESULTS[0], "op": "read"}
    answers = [mutant([{**result, "key": key}]) for key in keys[1:]]
    for key, answer in zip(keys, [json.dumps([{**result, "key": keys[0]}]).encode(), *answers], strict=True):
        (driver.stub / f"answer-{key.encode().hex()}").write_bytes(answer)
        driver.behave(CHANCE.choice(["mutant", "mutant-kept"]), key=key)
    soon = ("--squad", 1, "--timeout", 1, "--start-in", 0)
    done = commands(b"\n".join(answers), "read", "--key-file", driver.keys(*keys), *soon)
    found = read_json(driver.only_run() / "summary.json")
    assert found["jobs"] == number and found["missing"] == 0 and found["failed"] < number
    assert "goodput" in done.out


def test_mutated_pings_are_understood_or_refused(tmp_path):
    pong = {"now": 1700000000.25, "version": "0.1.0", "memory_mb": 2048, "arch": "arm64", "region": "eu-west-1"}
    given = {"before": 1700000000, "after": 1700000001, "lambda": [{"MemorySize": 2048}]}
    event = json.dumps({"jobs": [{"op": "ping", "bucket": "b"}] * 2}).encode()
    files, refused = {"answer": tmp_path / "answer"}, 0
    for n in range(ONE_BY_ONE):
        answer = mutant([pong, pong] if n % 5 else FAULT)
        files["answer"].write_bytes(answer)
        told = json.loads(jq("ping.jq", "--arg", "own", "0.1.0", files=files, text=event, **given))
        assert isinstance(told.get("refusal"), str) or isinstance(told["clock"]["offset_s"], (int, float)), answer
        refused += "refusal" in told
    assert ONE_BY_ONE / 4 < refused


# Answers of AWS

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:terabit"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"
HEADER = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}
DENIES = {"Effect": "Deny", "Principal": "*", "Resource": "arn:aws:s3:::some-bucket/*", "Condition": HEADER}
ALLOWS = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:role/r"}, "Action": "kms:*"}
KEY_OF_BUCKET = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
# By the names of the stub's files.
ANSWERS = {
    "function": {"FunctionArn": ARN, "Timeout": 900, "MemorySize": 3000, "Architectures": ["arm64"],
                 "Role": "arn:aws:iam::123456789012:role/r", "VpcConfig": {"VpcId": ""},
                 "LastUpdateStatus": "Successful"},
    "account": {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900}},
    "concurrency": {"ReservedConcurrentExecutions": 100},
    "bucket": {"BucketRegion": "eu-west-1"},
    "versioning": {"Status": "Enabled"},
    "network": {"Quotas": [{"QuotaName": "Network bandwidth per execution environment", "Value": 3000.0}]},
    "encryption": {"ServerSideEncryptionConfiguration": {"Rules": [
        {"ApplyServerSideEncryptionByDefault": KEY_OF_BUCKET}]}},
    "key": {"KeyMetadata": {"Arn": KEY, "KeyManager": "CUSTOMER", "KeyState": "Enabled"}},
    "rights": {"EvaluationResults": [{"EvalDecision": "allowed"}, {"EvalDecision": "implicitDeny"}]},
    "policy": {"Policy": json.dumps({"Statement": [ALLOWS]})},
}  # fmt: skip
REFUSING = {
    "lock": {"ObjectLockConfiguration": {"Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}},
    "bucket_policy": {"Policy": json.dumps({"Statement": [DENIES]})},
}


def mutated_answer(value):
    if "Policy" in value and CHANCE.random() < 0.7:
        return json.dumps({"Policy": mutant(json.loads(value["Policy"])).decode("utf-8", "replace")}).encode()
    return mutant(value)


def test_mutated_answers_of_aws_are_told_before_anything_is_launched(commands):
    driver = commands.driver
    for n in range(COMMANDS):
        for name, value in ANSWERS.items():
            (driver.stub / f"{name}.json").write_text(json.dumps(value))
        name = CHANCE.choice([*ANSWERS, *REFUSING])
        answer = mutated_answer((ANSWERS | REFUSING)[name])
        (driver.stub / f"{name}.json").write_bytes(answer)
        commands(f"{name}: {answer}".encode(), "write", 1, 1, *["--dry-run"][: n % 4])
        (driver.stub / f"{name}.json").unlink()


def test_an_answer_of_aws_that_is_none_is_named_by_its_field(commands):
    (commands.driver.stub / "function.json").write_text('{"MemorySize": "2 GB", "Timeout": 900}')
    done = commands(b"", "write", 1, 1, exits=(3,))
    assert 'driver: get-function-configuration has "MemorySize": "2 GB"' in done.err
    assert not commands.driver.calls("ping")


# Answers that make deploy and make destroy read, by the operation.
DEPLOYED = {
    "get-caller-identity": {"Account": ACCOUNT},
    "get-function": {"Configuration": {"Architectures": ["arm64"], "Role": "r"}, "Tags": {"terabit": "worker"}},
    "get-role": {"Role": {"Arn": f"arn:aws:iam::{ACCOUNT}:role/r"}},
    "describe-stacks": {"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Parameters": [
        {"ParameterKey": "ExistingBucket"}, {"ParameterKey": "ExistingRole"}]}]},
    "describe-stack-resources": {"StackResources": [
        {"LogicalResourceId": "Bucket", "ResourceStatus": "CREATE_COMPLETE", "PhysicalResourceId": "b"},
        {"LogicalResourceId": "Role", "ResourceStatus": "CREATE_COMPLETE", "PhysicalResourceId": "r"}]},
    "describe-stack-events": {"StackEvents": [
        {"LogicalResourceId": "Role", "ResourceType": "AWS::IAM::Role", "ResourceStatus": "CREATE_FAILED",
         "ResourceStatusReason": "not authorized"}]},
}  # fmt: skip


def test_mutated_answers_stop_deploy_and_destroy_with_a_word(tmp_path):
    (tmp_path / "account").mkdir()
    account = Account(tmp_path / "account").deployed()
    for n in range(COMMANDS):
        operation = CHANCE.choice(list(DEPLOYED))
        answer = mutant(DEPLOYED[operation])
        (account.stub / f"answer-{operation}").write_bytes(answer)
        account.state["stack"] = "ROLLBACK_COMPLETE" if operation == "describe-stack-events" else "CREATE_COMPLETE"
        program = ["deploy", "destroy"][n % 2]
        done = account.run(program, exit=None, FORCE="1")
        told = f"{program}: exit {done.returncode}\n{done.stderr}\nof {operation}: {answer}"
        assert done.returncode in (0, 2, 3) and not BARE.search(done.stderr), told
        (account.stub / f"answer-{operation}").unlink()


def test_mutated_answers_to_deletions_leave_what_they_name_and_nothing_else_is_lost(tmp_path):
    request = json.dumps({"Bucket": "b", "Delete": {"Objects": [{"Key": "k"}, {"Key": "l"}]}}).encode()
    errors = [{"Key": "k", "Code": "AccessDenied", "Message": "no"}, {"Key": "l", "Code": "SlowDown", "Message": "no"}]
    (tmp_path / "complaint").write_bytes(b"")
    files = {"answer": tmp_path / "answer", "complaint": tmp_path / "complaint"}
    for _ in range(ONE_BY_ONE):
        answer = mutant({"Errors": errors})
        files["answer"].write_bytes(answer)
        left = json.loads(jq("undone.jq", "-c", status=0, files=files, text=request))
        assert all(set(one) == {"key", "code", "message"} for one in left), answer


def test_mutated_listings_are_told_and_delete_no_strangers(commands):
    driver = commands.driver
    run = driver.only_run() if commands(b"", "write", 3, 1).returncode == 0 else None
    kept, own = driver.project / "kept", (run / "keys.txt").read_text().splitlines()
    shutil.copytree(run, kept)
    uploads = {"Uploads": [{"Key": own[0], "UploadId": "1"}, {"Key": "stranger", "UploadId": "2"}]}
    (driver.stub / "stubborn").touch()
    for _ in range(COMMANDS):
        shutil.rmtree(run)
        shutil.copytree(kept, run)
        answer = mutant(uploads)
        (driver.stub / "uploads.json").write_bytes(answer)
        commands(answer, "delete", run, exits=(0, 1))
    aborted = [read_json(path)["Key"] for path in driver.stub.glob("abort-multipart-upload.*.json")]
    assert set(aborted) <= set(own)
    answers = mutant({"Contents": [{"Key": "terabit-runs/x/1-000001.json"}, {"Key": "y"}]})
    (driver.stub / "answers.json").write_bytes(answers)
    driver.behave("dropped-kept")
    commands(answers, "write", 1, 1, exits=(0, 1))


# Records, and the folders of runs and sweeps

RECORDS = [
    *({"job": n, "launch": 1} | result for n, result in enumerate(RESULTS)),
    {"job": 2, "launch": 1, "op": "write", "key": "m", "error": {"type": "Unanswered", "message": "lost"}},
]
PRICES = [read_json(JQ / "plan" / "prices.json")]


@pytest.mark.parametrize("run", [None, a_run(3)])
def test_mutated_records_are_summed_up_and_shown(run):
    text = as_lines(mutants(*RECORDS) + dumped(RECORDS))
    evaluated = jq("summary.jq", "-c", "-n", "-R", text=text, run=[run], picture=True)
    summary, drawn = map(json.loads, evaluated.splitlines())
    assert summary["jobs"] >= 3 and summary["bytes"] >= 2 * 67108864
    table = jq("table.jq", "-r", text=json.dumps(summary).encode(), run=[run], colour=False, source="x")
    assert "\x1b" not in table and "\u061c" not in table
    jq("picture.jq", "-n", run=[run], measured=[summary, drawn], source="x",
       panels=[read_json(JQ / "report" / "chart" / "panels.json")])  # fmt: skip


def test_mutated_records_say_which_jobs_are_unfinished_and_who_may_work():
    text = as_lines(mutants(*RECORDS))
    assert json.loads(jq("unfinished.jq", "-n", "-R", text=text, jobs=9))[-1][1] == 8
    jq("working.jq", "-n", "-R", text=text, run=[a_run(3)], sent=[], prices=PRICES, now=0)
    jq("streams.jq", "-n", "-R", "--arg", "op", "write", "--arg", "most", "5", text=text, jobs=[])


def test_of_a_mutated_run_json_the_damage_is_named_or_all_goes_well():
    """Format 1 is in tests/frozen."""
    lines = mutants(a_run(3, {}, {}), *(read_json(folder / "run.json") for folder in FROZEN))
    text = as_lines(lines)
    damages = jq("damage.jq", "-R", "-r", "--arg", "jobs", "", "--arg", "keys", "", text=text, plan=False).splitlines()
    assert len(damages) == len(lines) and len(set(damages)) > MUTANTS / 10
    whole = [line for line, damage in zip(lines, damages, strict=True) if damage == ""]
    assert len(whole) > MUTANTS / 10
    records = as_lines(dumped(RECORDS))
    for line in whole[: ONE_BY_ONE // 4]:
        command = ["jq", "-c", "-L", JQ, 'include "run"; run_of("x")']
        done = subprocess.run(command, check=False, input=line, capture_output=True, timeout=60)
        assert done.returncode == 0, (done.stderr, line)
        given = [json.loads(done.stdout)]
        (summary,) = jq("summary.jq", "-c", "-n", "-R", text=records, run=given, prices=PRICES).splitlines()
        jq("table.jq", "-r", text=summary.encode(), run=given, colour=False, source="x")
        jq("working.jq", "-n", "-R", text=records, run=given, sent=[], prices=PRICES, now=0)


JOB = {"op": "write", "bucket": "b", "mb_per_file": 1, "part_mb": 64, "parts_in_flight": 8, "objects": 3}
JOBS = [{"job": n, "key": key, **JOB} for n, key in enumerate("klm")]
FLEET = {"squad": 2, "processes": 1, "open_s": 1, "start_in_s": 1, "stop_in_s": 9, "expected_s": 1, "cost": {},
         "version": "0.1.0", "clock": {"offset_s": 0, "within_s": 1}, "answering_s": 10}  # fmt: skip


def test_of_a_mutated_plan_the_damage_is_named_or_it_can_be_launched(tmp_path):
    run = json.dumps(a_run(3)).encode()
    whole = 0
    for n in range(ONE_BY_ONE):
        lines = dumped(JOBS)
        lines[n % 3] = mutant(JOBS[n % 3])
        keys = b"k\nl\nm\n"
        (tmp_path / "jobs").write_bytes(as_lines(lines) if n % 4 else as_lines(dumped(JOBS)))
        (tmp_path / "keys").write_bytes(keys if n % 4 else torn(keys))
        files = {name: tmp_path / name for name in ("jobs", "keys")}
        damage = jq("damage.jq", "-R", "-s", "-r", plan=True, files=files, text=run)
        if damage == "\n":
            whole += 1
            jobs = (tmp_path / "jobs").read_bytes()
            given = {"run": [a_run(3)], "fleet": [FLEET], "numbers": [[[0, 2]]], "now": 0, "ending_s": None}
            jq("launch.jq", "-c", "-n", "-r", text=jobs, **given)
            planned = [json.loads(line.decode("utf-8", "replace")) for line in jobs.splitlines() if line]
            jq("streams.jq", "-n", "--arg", "op", "read", "--arg", "most", "5", jobs=planned)
    assert ONE_BY_ONE / 20 < whole < ONE_BY_ONE


def test_commands_name_the_damage_of_a_folder_or_do_their_work(commands):
    """Of the records that are whole nothing is lost to the report."""
    driver, runs = commands.driver, commands.driver.project / "runs"
    commands(b"", "write", 3, 1, "--objects", 3)
    commands(b"", "read")
    write, read = driver.runs()
    kept = driver.project / "kept"
    shutil.copytree(runs, kept)
    for n in range(COMMANDS // 2):
        shutil.rmtree(runs)
        shutil.copytree(kept, runs)
        run = [write, read, *FROZEN][n % (len(FROZEN) + 2)]
        if run in FROZEN:
            shutil.copytree(run, runs / run.name)
        run = runs / run.name
        path = run / CHANCE.choice(["run.json", "run.json", "jobs.ndjson", "keys.txt", "records.ndjson"])
        if not path.exists():
            continue
        lines = [path.read_bytes()] if path.name == "run.json" else path.read_bytes().splitlines()
        at = CHANCE.randrange(len(lines))
        lines[at] = torn(lines[at]) if path.name == "keys.txt" else mutant(json.loads(lines[at]))
        path.write_bytes(as_lines(lines))
        mutated = f"{path}: {lines[at]}".encode()
        told = commands(mutated, "report", run)
        assert path.name == "records.ndjson" or not (run / "records.ndjson").exists() or "goodput" in told.out
        commands(mutated, "report", run, runs / write.name)
        commands(mutated, "read", run, "--dry-run")
        commands(mutated, "read" if "-read-" in run.name else "write", "--resume", run)
        commands(mutated, "delete", run, "--dry-run")
        commands(mutated, "delete", run)


SWEEPS = [read_json(next((ROOT / "tests" / "frozen" / "sweep").glob("*/sweep.json")))]


def figure(value):
    return {"min": value, "median": value, "max": value}


SWEEPS.append(
    {
        "stopped": "write 2 failed", "unfinished": "runs/x", "varies": ["workers"], "across": "workers",
        "common": ["1 MiB each"], "sentences": ["read, 2 workers was the fastest"],
        "lost": [{"memory_mb": 10240, "why": "too much"}],
        "rows": [
            {"letter": letter, "op": op, "settings": {"workers": jobs, "size": 2**20}, "jobs": jobs, "runs": ["runs/a"],
             "repetitions": 1, "valid": True, "failed": 0, "at_least": False, "damaged": False, "goodput": figure(0.1),
             "mbps_p5": 33.5, "mbps_p50": 33.5, "loopback": False, "shared_machine": False, "small_objects": True,
             "held_back": "nothing", "counts": True, "series": "", "name": op, "ideal": 0.1, "of_ideal": 1,
             "figures": {"sustained": 0.1, "peak_1s": 0.1, "straggler_tax": 0, "throttled": 0, "usd_per_tb": 9.5,
                         "objects_per_s": 9.5}}
            for letter, op, jobs in (("A", "write", 1), ("B", "write", 2), ("C", "read", 2))
        ],
    }
)  # fmt: skip


def fits(name, path):
    """What does not, as the shell asks."""
    command = ["jq", "-L", JQ, "-f", part("shapes.jq"), "-R", "-s", "-r", "--arg", "name", name, path]
    done = subprocess.run(command, check=False, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) in ((0, b""), (1, b"")), done
    assert (done.returncode == 1) == done.stderr.startswith(f"{name} has ".encode()), done.stderr
    return done.stderr


def test_a_mutated_sweep_is_named_or_shown(tmp_path):
    panels = [read_json(JQ / "report" / "chart" / "panels.json")]
    whole = 0
    for n in range(ONE_BY_ONE):
        sweep = mutant(SWEEPS[n % 2])
        (tmp_path / "sweep.json").write_bytes(sweep)
        if not fits("sweep.json", tmp_path / "sweep.json"):
            whole += 1
            assert jq("comparison_table.jq", "-r", colour=False, text=sweep).startswith("terabit: "), sweep
            jq("comparison_picture.jq", "-c", panels=panels, text=sweep)
    assert ONE_BY_ONE / 20 < whole < ONE_BY_ONE


def test_commands_name_a_sweep_that_is_damaged_or_do_their_work(commands):
    driver = commands.driver
    note = {"function": "terabit", "arn": ARN, "memory_mb": 512, "endpoint": ""}
    commands(b"", "write", 1, 1)
    sweep = driver.project / "runs" / "20260101T000000Z-sweep"
    sweep.mkdir()
    for n in range(COMMANDS):
        (sweep / "sweep.json").write_bytes(text := mutant(SWEEPS[n % 2]))
        (sweep / "memory.json").write_bytes(memory := mutant(note))
        commands(text + memory, "report", sweep)
        commands(text + memory, "delete", sweep, "--dry-run")


# Key files


def test_a_mutated_key_file_is_refused_by_its_line_or_gives_each_of_its_keys(tmp_path):
    """By the function that reads one."""
    keys = tmp_path / "keys"
    command = ["bash", "-euo", "pipefail", "-c", '. "$1"; . "$2"; . "$3"; SCRATCH=$4 PROGRAM=driver; keys_in "$5"', "-"]
    command += [part("messages.sh"), part("known_keys.sh"), part("keys.sh"), tmp_path, keys]
    refused = 0
    for _ in range(ONE_BY_ONE):
        text = torn("key\nanother key\nüber/ключ\n\n\tx\n".encode())
        keys.write_bytes(text)
        done = subprocess.run(command, check=False, capture_output=True, timeout=60)
        if done.returncode:
            refused += 1
            assert done.returncode == 2 and done.stderr.startswith(f'driver: the key file "{keys}"'.encode()), text
            assert done.stderr.count(b"\n") == 1, done.stderr
        else:
            assert done.stdout.split(b"\n")[:-1] == [line for line in text.split(b"\n") if line], text
    assert ONE_BY_ONE / 20 < refused < ONE_BY_ONE
