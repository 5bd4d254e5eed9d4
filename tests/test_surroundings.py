"""What surrounds a run, and is not ours: the user's language, AWS CLI, credentials, profile, Python; a function that is
being changed, a bucket that refuses writes. For the driver and make deploy alike, with stubs for AWS."""

import http.server
import json
import os
import re
import shutil
import subprocess
import threading
from collections import Counter

import pytest
from harness import JQ, PARTS, ROOT, ended, ndjson, part, quick_sleep, read_json
from test_deploy import ACCOUNT, KEY, ROLE, Account, denied, error

STUB = ROOT / "tests" / "stub_aws"


@pytest.fixture
def account(tmp_path):
    (tmp_path / "account").mkdir()
    return Account(tmp_path / "account")


def jq(program, value=None, **given):
    """A program of jq/, with values given as --argjson."""
    words = [word for name, value in given.items() for word in ("--argjson", name, json.dumps(value))]
    command = ["jq", "-c", "-r", "-L", JQ, *words, *program]
    done = subprocess.run(command, check=True, input=json.dumps(value), capture_output=True, text=True, timeout=30)
    return done.stdout


def script(path, *lines):
    path.unlink(missing_ok=True)
    path.write_text("\n".join(["#!/bin/bash", *lines, ""]))
    path.chmod(0o755)


def aws(driver, *lines):
    """The driver's AWS CLI, with lines of shell before what the stub does."""
    script(driver.bin / "aws", *lines, f'exec "{STUB}" "$@"')


# The language


@pytest.fixture(scope="module")
def languages(tmp_path_factory):
    """Locales of other languages, which a machine need not have installed."""
    if not shutil.which("localedef"):
        pytest.skip("there is no localedef")
    folder = tmp_path_factory.mktemp("locales")
    for name in ("tr_TR", "de_DE"):
        command = ["localedef", "-i", name, "-f", "UTF-8", folder / f"{name}.UTF-8"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        if not (folder / f"{name}.UTF-8").exists():
            pytest.skip(f"localedef does not know {name}: {done.stderr}")
    return folder


def test_in_turkish_an_i_is_a_letter(driver, account, languages):
    """And in German half a second is 0,5."""
    for name in ("tr_TR.UTF-8", "de_DE.UTF-8"):
        speaks = {"LOCPATH": str(languages), "LC_ALL": name}
        driver.env |= speaks | {"BUCKET": "initial-bucket", "FUNCTION": "initial"}
        driver.run("write", 2, 64, "--in-flight", 8)
        account.deploy(BUCKET="mine-is-it", TAGS="initial=i", **speaks)
    assert [read_json(run / "summary.json")["failed"] for run in driver.runs()] == [0, 0]


def test_busybox_takes_every_pattern_of_awk():
    """It reads a { in a pattern as the beginning of a count."""
    for path in PARTS.values():
        if path.suffix == ".sh":
            assert not re.search(r"awk[^\n]*/[^/\n]*[^\[]\{[^/\n]*/ *\{", path.read_text()), path.name


def test_ps_is_a_tool_where_there_is_no_proc(driver):
    tools = driver.project / "driver" / "tools.sh"
    tools.write_text(tools.read_text().replace("/proc/self/stat", "/nowhere"))
    assert "these tools are missing: ps\n" in driver.run("write", 1, 1, exit=3).err


# The AWS CLI


def with_own_cli(folder, used):
    """A CLI in .venv that says when it is asked something."""
    own = folder / ".venv" / "bin"
    own.mkdir(parents=True)
    script(own / "aws", f'printf "%s\\n" "$*" >>"{used}"', f'exec "{STUB}" "$@"')


VERSIONS = [
    ("aws-cli/2.9.19 Python/3.11.2 Linux/6.1 source/x86_64.debian.12", "2.9.19,"),
    ("aws-cli/2.12.7 Python/3.11.6 Darwin/23.5.0 source/arm64", "2.12.7,"),
    ("aws-cli/1.28.1 Python/3.8.10 Linux/5.4 botocore/1.30.1", "1.28.1,"),
    ("pyenv: aws: command not found", "of an unknown version (aws --version says: pyenv: aws: command not found"),
]


@pytest.mark.parametrize(("version", "told"), VERSIONS)
def test_a_cli_that_would_pass_an_endpoint_by_is_not_used(driver, version, told):
    (driver.stub / "version").write_text(version + "\n")
    aws(driver, '[ "$1" = --version ] || printf "%s\\n" "$*" >>"$STUB/users"')
    driver.env["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    done = driver.run("write", 1, 1, "--dry-run", exit=3)
    assert f"is {told.rstrip(',')}" in done.err and "2.13" in done.err and ".venv/installed" in done.err
    with_own_cli(driver.project, driver.stub / "owns")
    done = driver.run("write", 1, 1)
    assert f"is {told}" in done.err and "the one in .venv is used" in done.err
    assert "lambda invoke" in (driver.stub / "owns").read_text() and not (driver.stub / "users").exists()


@pytest.mark.parametrize("version", ["aws-cli/2.13.0 Python/3.11.4", "aws-cli/1.29.0 Python/3.8", "aws-cli/3.0.0 x"])
def test_the_users_cli_comes_first_where_it_is_new_enough(driver, version):
    (driver.stub / "version").write_text(version + "\n")
    with_own_cli(driver.project, driver.stub / "owns")
    # make puts .venv first.
    driver.env["PATH"] = f"{driver.project}/.venv/bin:{driver.env['PATH']}"
    done = driver.run("write", 1, 1, "--dry-run")
    assert not (driver.stub / "owns").exists() and "AWS CLI" not in done.err


PYTHON = r"""#!/bin/bash
# A Python whose pip, as the real one, names it in the first line of the aws that it installs.
case "$*" in
  "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  "-m pip install"*)
    echo x >>installations
    touch .venv/awscli
    printf '#!%s\n' "$PWD/.venv/bin/python" >.venv/bin/aws && chmod +x .venv/bin/aws
    ;;
  "-c import awscli") [ -e .venv/awscli ] ;;
  *awscli*) echo "awscli $*" ;;
esac
"""


@pytest.fixture
def clone(tmp_path):
    """What makes .venv, in a folder with a blank, and a Python that makes it at once."""
    clone = tmp_path / "pro ject"
    (clone / "deploy").mkdir(parents=True)
    for name in ("Makefile", "Cargo.toml", "requirements.txt"):
        shutil.copy(ROOT / name, clone)
    (clone / "deploy" / "build-tools.sh").write_text("")
    (clone / "python").write_text(PYTHON)
    (clone / "python").chmod(0o755)
    return clone


def installed(clone):
    """How often was installed what .venv has, after one more make."""
    command = ["make", "-C", clone, "PYTHON=./python", ".venv/installed"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    subprocess.run(command, check=True, env=env, capture_output=True, timeout=60)
    return len((clone / "installations").read_text().split())


def test_the_cli_of_venv_runs_wherever_the_project_lies(clone, tmp_path):
    """The first line of a script may not name a path with a blank."""
    installed(clone)
    (tmp_path / "link").symlink_to(clone / ".venv" / "bin" / "aws")

    def aws(path):
        return subprocess.run([path, "a b"], check=True, capture_output=True, text=True, timeout=60, cwd="/").stdout

    assert aws(clone / ".venv" / "bin" / "aws") == aws(tmp_path / "link") == "awscli -I -m awscli a b\n"
    clone.rename(tmp_path / "moved")
    assert aws(tmp_path / "moved" / ".venv" / "bin" / "aws") == "awscli -I -m awscli a b\n"


def test_what_python_took_along_is_installed_anew(clone):
    assert installed(clone) == installed(clone) == 1
    python = clone / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3.9")
    assert installed(clone) == installed(clone) == 2
    (clone / ".venv" / "awscli").unlink()  # as another Python finds it
    assert installed(clone) == installed(clone) == 3


def test_deploy_asks_with_the_users_cli_and_uploads_with_its_own_cargo_lambda(account):
    own = account.project / ".venv" / "bin"
    own.mkdir(parents=True)
    script(own / "aws", "echo 'the one in .venv was asked' >&2; exit 99")
    script(own / "cargo", 'printf own >>"$STUB/uploaded"', f'exec "{account.bin}/cargo" "$@"')
    account.env["PATH"] = f"{own}:{account.env['PATH']}"
    account.deploy()
    assert (account.stub / "uploaded").read_text() == "own"
    account.state["version"] = "aws-cli/2.9.19 Python/3.11.2"
    assert "the one in .venv was asked" in account.deploy(exit=3).stderr


def test_what_the_cli_is_to_say_does_not_follow_the_users_taste(driver):
    names = ("OUTPUT", "PAGER", "CLI_AUTO_PROMPT", "CLI_ERROR_FORMAT", "METADATA_SERVICE_NUM_ATTEMPTS")
    names = ["AWS_DEFAULT_OUTPUT", *(f"AWS_{name}" for name in names[1:])]
    values = " ".join(f'"${name}"' for name in names)
    # In one write: two of the driver's aws may run at once.
    aws(driver, f'printf "%s,%s,%s,%s,%s\\n" {values} >>"$STUB/seen"')
    driver.env |= dict(zip(names, ("yaml", "less", "on", "json"), strict=False))
    driver.run("write", 1, 1)
    assert set((driver.stub / "seen").read_text().split()) == {"json,,off,legacy,3"}


def test_an_aws_that_hangs_is_said_after_a_few_seconds(driver):
    quick_sleep(driver)
    aws(driver, '[ "$2" != get-function-configuration ] || /bin/sleep 2')
    done = driver.run("write", 1, 1, "--dry-run")
    assert "s: waiting for AWS" in done.err


def test_where_nobody_reads_messages_any_more_the_run_goes_on(driver):
    aws(driver, 'case "$*" in *get-account-settings*) sleep 1 ;; esac')
    process = driver.start("write", 2, 1)
    process.stderr.close()
    out = process.stdout.read()
    assert process.wait(60) == 0 and "2 good, 0 failed" in out


def test_where_stdout_takes_nothing_more_that_is_said(driver):
    driver.after("write", 1, 1)
    for command in (["report"], ["report", "--json"], ["report", *driver.runs() * 2], ["delete"]):
        with open("/dev/full", "w") as full:
            done = ended(driver.start(*command, stdout=full), 1)
        assert done.err.splitlines()[-1].startswith("driver: the result could not be printed, is the disk full? (")
        assert not re.search("^(jq|cat|Error)", done.err, re.M), done.err


def test_what_is_closed_stays_out_of_the_way(driver):
    def closed(what, *command):
        call = [driver.bin / "bash", "-c", f'exec bash driver.sh "$@" {what}', "-", *map(str, command)]
        return subprocess.run(call, env=driver.env, cwd=driver.project, capture_output=True, text=True, timeout=120)

    for what, status in (("<&-", 0), (">&-", 1), ("2>&-", 0)):
        done = closed(what, "write", 1, 1)
        assert done.returncode == status and len(ndjson(driver.runs()[-1] / "records.ndjson")) == 1, done.stderr
    done = closed(">&-", "delete")
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and len(lines) == 2 and "the result could not be printed" in lines[1], done.stderr
    assert list(driver.stub.glob("delete-objects.*.json"))


def test_without_a_home_it_is_the_one_of_the_user(driver):
    del driver.env["HOME"]
    assert "HOME" not in driver.run("write", 1, 1).err


def test_the_folder_of_temporary_files_may_have_a_backslash(driver):
    folder = driver.tmp / "a\\nb"
    folder.mkdir()
    driver.env["TMPDIR"] = str(folder)
    driver.run("read", 1, "--key-file", driver.keys("k"))


@pytest.mark.parametrize("text", ["red \x1b[31m", "turned \u202e", "marked \u061c", "c1 \x9b31m", "bell \x07"])
def test_what_aws_says_reaches_the_terminal_without_its_escapes(driver, text):
    for complaint in ("something new", "An error occurred (ResourceNotFoundException) when"):
        (driver.stub / "preflight").write_text(f"{complaint} {text}")
        done = driver.run("write", 1, 1, exit=3)
        assert complaint in done.err and text not in done.err and text[:3] in done.err
        assert re.search(r"\\u[0-9a-f]{4}", done.err), done.err


# Credentials


KEYS = {"Version": 1, "AccessKeyId": "AKX", "SecretAccessKey": "s3", "SessionToken": "t"}


def without_keys(driver):
    del driver.env["AWS_ACCESS_KEY_ID"]
    aws(driver, 'printf "%s,%s\\n" "$2" "${AWS_ACCESS_KEY_ID-}" >>"$STUB/keys"')
    return driver


def handed(driver):
    """With which keys each question was asked."""
    calls = [line.split(",") for line in (driver.stub / "keys").read_text().splitlines()]
    return {key for name, key in calls if name not in ("", "export-credentials")}


def test_credentials_are_resolved_anew_for_each_run_of_a_sweep_and_after_waiting(driver):
    without_keys(driver)
    aws(
        driver,
        f"[ \"$2\" != export-credentials ] || printf '%s' '{json.dumps(KEYS)}' | sed s/AKX/AK$(ls $STUB | wc -l)/ >"
        '"$STUB/credentials.json"; : >"$STUB/call.$$"',
        '[ "$2" = export-credentials ] || printf "%s,%s\\n" "$2" "${AWS_ACCESS_KEY_ID-}" >>"$STUB/keys"',
    )
    (driver.bin / "ls").symlink_to(shutil.which("ls"))
    (driver.bin / "sed").symlink_to(shutil.which("sed"))
    driver.run("sweep", "1 2", 64)
    assert len(driver.calls("credentials")) == 5 and len(handed(driver)) == 5, "before each run, and to plan them"
    driver.run("delete", driver.runs()[1])
    assert len(driver.calls("credentials")) == 6, "anew before it deletes: nobody was waited for"


@pytest.mark.parametrize("expired", [False, True])
def test_credentials_are_resolved_anew_before_lost_answers_are_looked_for(driver, expired):
    without_keys(driver)
    (driver.stub / "credentials.json").write_text(json.dumps(KEYS))
    if expired:  # the login has ended while the workers ran
        aws(driver, '[ "$2" != invoke ] || [ ! -e "$STUB/calls" ] || echo "login session" >"$STUB/credentials.fail"')
    driver.behave("dropped-kept")
    done = driver.run("write", 1, 1)
    assert len(driver.calls("credentials")) == (2 if expired else 3), "found, tried, found anew"
    assert ("has no session now" in done.err) == expired and "1 good" in done.out


@pytest.mark.parametrize(
    ("complaint", "text"),
    [
        ("Your session has expired. Please reauthenticate using 'aws login'.", "aws login --profile mine"),
        ("Error loading SSO Token: Token for x does not exist", "aws sso login --profile mine"),
        ("Error when retrieving token from sso: Token has expired and refresh failed", "aws sso login --profile mine"),
        ("EOF when reading a line", "MFA code"),
        ("Unable to retrieve credentials: no credentials found", "aws configure sets them"),
        ("Enter MFA code for arn:aws:iam::123456789012:mfa/me:", "asks for an MFA code"),
        ("The config profile (mine) could not be found", "gets no credentials from its configuration"),
        ("Error when retrieving credentials from process: sh: no", "gets no credentials from its configuration"),
        ("An error occurred (InvalidClientTokenId) when calling the AssumeRole operation", "does not accept the cred"),
        ("something new", "finds no credentials"),
    ],
)
def test_where_no_credentials_are_found_the_way_to_some_is_said(driver, account, complaint, text):
    without_keys(driver).env["AWS_PROFILE"] = "mine"
    (driver.stub / "credentials.fail").write_text(complaint)
    done = driver.run("write", 1, 1, exit=3)
    assert text in done.err and complaint in done.err and not driver.calls("function")
    account.env["AWS_PROFILE"] = "mine"
    del account.env["AWS_ACCESS_KEY_ID"]
    account.refuse("configure export-credentials", complaint)
    assert text in account.deploy(exit=3).stderr and not account.calls("sts")


def test_cargo_lambda_is_handed_what_the_cli_has_found(account):
    del account.env["AWS_ACCESS_KEY_ID"]
    account.state["credentials"] = KEYS
    upload = (account.bin / "cargo").read_text().splitlines()[1]
    account.program("cargo", f'printf "%s %s" "$AWS_ACCESS_KEY_ID" "$AWS_SESSION_TOKEN" >"$STUB/handed"\n{upload}')
    account.deploy()
    assert (account.stub / "handed").read_text() == "AKX t"
    assert len(account.calls("configure export-credentials")) == 2, "the build between them takes minutes"


def of_version_1(driver, config):
    """The CLI of version 1, and what .venv has of it."""
    without_keys(driver)
    (driver.stub / "version").write_text("aws-cli/1.46.3 Python/3.11.7 Linux/6.1 botocore/1.43.62\n")
    (driver.stub / "credentials.fail").write_text("aws: error: argument subcommand: Invalid choice")
    own = driver.project / ".venv" / "bin"
    own.mkdir(parents=True)
    script(own / "python", f'exec "{ROOT}/.venv/bin/python" "$@"')
    (driver.home / ".aws").mkdir()
    (driver.home / ".aws" / "config").write_text(config)


needs_venv = pytest.mark.skipif(not (ROOT / ".venv/bin/python").exists(), reason="there is no .venv")


@needs_venv
def test_version_1_of_the_cli_hands_on_credentials_too(driver):
    script(driver.home / "broker", f"echo x >>{driver.stub}/asked", f"echo '{json.dumps(KEYS)}'")
    of_version_1(driver, f"[default]\ncredential_process = {driver.home}/broker\n")
    driver.run("write", 2, 1)
    assert handed(driver) == {"AKX"} and (driver.stub / "asked").read_text() == "x\n", "asked once"


class Metadata(http.server.BaseHTTPRequestHandler):
    """The metadata service of EC2, which refuses the first request of each kind."""

    def do_PUT(self):
        self.do_GET()

    def do_GET(self):
        self.server.asked[self.path] += 1
        keys = KEYS | {"Code": "Success", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}
        answer = {"token": "token", "security-credentials/": "role"}
        text = next((text for end, text in answer.items() if self.path.endswith(end)), json.dumps(keys))
        self.send_response(200 if self.server.asked[self.path] > 1 else 503)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


@needs_venv
def test_a_role_on_ec2_survives_a_metadata_service_that_refuses_once(driver):
    of_version_1(driver, "[default]\nregion = eu-west-1\n")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metadata) as service:
        service.asked = Counter()
        threading.Thread(target=service.serve_forever, daemon=True).start()
        driver.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = f"http://127.0.0.1:{service.server_port}/"
        driver.run("write", 2, 1)
        service.shutdown()
    assert handed(driver) == {"AKX"} and set(service.asked.values()) == {2}, "once for all"


@needs_venv
@pytest.mark.parametrize(
    ("config", "text"),
    [
        ("[default]\nlogin_session = arn:aws:iam::123456789012:user/me\n", "now: aws login"),
        (
            "[default]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n[sso-session s]\n"
            "sso_region = eu-west-1\nsso_start_url = https://x.awsapps.com/start\n",
            "now: aws sso login",
        ),
        ("[default]\nregion = eu-west-1\n", "there are no AWS credentials"),
    ],
)
def test_what_version_1_of_the_cli_cannot_do_is_said(driver, config, text):
    of_version_1(driver, config)
    driver.env |= {"AWS_EC2_METADATA_DISABLED": "true"}
    done = driver.run("write", 1, 1, exit=3)
    assert text in done.err and "version 2 of the AWS CLI" in done.err
    assert "Traceback" not in done.err


@needs_venv
@pytest.mark.parametrize(
    ("config", "text"),
    [
        ("credential_process = /nowhere/broker\n", "No such file or directory: '/nowhere/broker'"),
        ("credential_process = /bin/echo hello\n", "Expecting value"),
        ("role_arn = arn:aws:iam::1:role/r\nweb_identity_token_file = /nowhere/token\n", "'/nowhere/token'"),
    ],
)
def test_what_a_profile_names_and_is_not_there_is_said_in_a_sentence(driver, config, text):
    of_version_1(driver, f"[default]\nregion = eu-west-1\n{config}")
    done = driver.run("write", 1, 1, exit=3)
    assert "driver: the credentials could not be found: " in done.err and text in done.err
    assert "gets no credentials from its configuration" in done.err and "Traceback" not in done.err


# The endpoint

HERE = "http://127.0.0.1:9"
ENDPOINTS = [
    ({}, "[default]\nendpoint_url = http://127.0.0.1:9\n", ""),
    ({}, "[default]\nregion=x\n[profile mine]\nendpoint_url=http://127.0.0.1:9\n", ""),
    ({"AWS_PROFILE": "mine"}, "[default]\nregion=x\n[profile mine]\nendpoint_url=http://127.0.0.1:9\n", ""),
    ({"AWS_PROFILE": "corp\\new"}, '[profile "corp\\new"]\nendpoint_url = http://127.0.0.1:9\n', ""),
    (
        {"AWS_PROFILE": "my one"},
        '# mine\n[profile "my one"]\nservices = here\nendpoint_url = https://lambda.example\n\n[services here]\n'
        "s3 =\n  endpoint_url = https://s3.example\n\nlambda =\n  endpoint_url = http://127.0.0.1:9\n",
        "",
    ),
    (
        {},
        "[default]\nservices = s\nendpoint_url = http://127.0.0.1:9\n"
        "[services s]\ns3 =\n  endpoint_url = https://a.b\n",
        "",
    ),
    ({}, "[default]\nregion = x\n", "[default]\nendpoint_url = http://127.0.0.1:9\n"),
    ({}, "[default]\nendpoint_url = http://127.0.0.1:9\nignore_configured_endpoint_urls = true\n", ""),
    ({"AWS_ENDPOINT_URL": "https://a.b"}, "[default]\nendpoint_url = http://127.0.0.1:9\n", ""),
    ({"AWS_ENDPOINT_URL": "https://a.b", "AWS_ENDPOINT_URL_LAMBDA": HERE}, "[default]\nregion = x\n", ""),
    ({"AWS_ENDPOINT_URL": HERE, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "[default]\nregion = x\n", ""),
]
ASK_THE_LIBRARY = """
import awscli.botocore.session
session = awscli.botocore.session.get_session()
for service in ("lambda", "s3"):
    print(session.create_client(service, region_name="eu-west-1").meta.endpoint_url)
"""


@needs_venv
@pytest.mark.parametrize(("environment", "config", "secrets"), ENDPOINTS)
def test_the_driver_knows_the_endpoint_that_the_cli_takes(tmp_path, environment, config, secrets):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(config)
    (tmp_path / ".aws" / "credentials").write_text(secrets)
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    env |= environment

    def told(*command):
        done = subprocess.run(command, check=True, env=env, capture_output=True, text=True, timeout=60)
        return done.stdout.strip()

    takes = told(ROOT / ".venv/bin/python", "-c", ASK_THE_LIBRARY).splitlines()
    here = "true" if takes == [HERE, HERE] else "false"
    for asked, taken in zip(("LAMBDA", "S3"), takes):
        knows = told("bash", "-euc", '. "$1"; endpoint "$2"; printf " "; loopback', "-", part("settings.sh"), asked)
        assert knows.split() == ([] if taken.endswith(".amazonaws.com") else [taken]) + [here]


def test_a_profile_on_loopback_is_marked_as_such(driver):
    (driver.home / ".aws").mkdir()
    (driver.home / ".aws" / "config").write_text("[default]\nendpoint_url = http://localhost:4566\n")
    done = driver.run("write", 2, 64)
    assert read_json(driver.only_run() / "run.json")["loopback"] is True and "LOOPBACK, NOT S3" in done.out


# What make needs


def test_tools_that_are_too_old_are_named_with_what_installs_them(tmp_path):
    for tool in ("awk", "bash", "cat", "env"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    for tool in ("cargo", "jq"):
        script(tmp_path / tool)
    # Debian's gcc without libc6-dev
    library = 'while read -r line; do [[ $line != "#include <"* ]] || exit 1; done'
    script(tmp_path / "cc", f'[ "$1" = --version ] || {{ {library}; }}')
    script(tmp_path / "python3", "exit 1")
    script(tmp_path / "rustc", "echo rustc 1.93.1")

    def build_tools():
        command = ["bash", part("build-tools.sh")]
        return subprocess.run(
            command, check=False, env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=60
        )

    done = build_tools()
    assert done.returncode == 1 and "python3 3.10 or newer" in done.stderr and "make PYTHON=python3.12" in done.stderr
    least = re.search('^rust-version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
    assert f"Rust {least} or newer: rustup update" in done.stderr and len(done.stderr) < 700
    assert "a C compiler: sudo apt-get install build-essential" in done.stderr
    script(tmp_path / "cc", "cat")
    script(tmp_path / "python3")
    assert "python3" not in build_tools().stderr
    for version in (least, "1.1000.0-nightly", "2.0.0"):
        script(tmp_path / "rustc", f"echo 'rustc {version} (59807616e 2026-04-14)'")
        assert build_tools().returncode == 0


# A function that is being changed

UNDER_WAY = (
    "The operation cannot be performed at this time. An update is in progress for resource: arn:aws:lambda:eu-west-1:1"
)
CARGO_UNDER_WAY = """Error:   × failed to update function code
  ├─▶ ResourceConflictException: The operation cannot be performed at this
  │   time. An update is in progress for resource: arn:aws:lambda:us-east-
  │   1:***:function:terabit
"""


def test_a_change_that_is_under_way_is_waited_for(account):
    account.deployed(BUCKET="mine", ROLE_ARN=ROLE)
    account.refuse("cargo lambda deploy", CARGO_UNDER_WAY, CARGO_UNDER_WAY)
    conflict = error("ResourceConflictException", "UpdateFunctionConfiguration", UNDER_WAY)
    account.refuse("lambda update-function-configuration", conflict)
    done = account.deploy(BUCKET="mine", ROLE_ARN=ROLE + "2")
    assert done.stderr.count("under way; trying again") == 3 and account.state["function"]["role"] == ROLE + "2"
    assert len(account.calls("cargo")) == 3 and account.calls("lambda wait function-updated-v2")
    account.refuse("lambda delete-function", error("ResourceConflictException", "DeleteFunction", UNDER_WAY))
    account.destroy()
    assert account.state["function"] is None


def test_a_change_that_never_ends_is_named(account):
    account.deployed().refuse("cargo lambda deploy", *[CARGO_UNDER_WAY] * 9)
    done = account.deploy(exit=3)
    assert "An update is in progress" in done.stderr and len(account.calls("cargo")) == 6


def test_a_run_finds_a_function_that_is_being_changed(driver):
    (driver.stub / "ping.fail").write_text(error("ResourceConflictException", "Invoke", UNDER_WAY))
    assert "being changed" in driver.run("write", 1, 1, exit=3).err


# A bucket that refuses every write

LOCKED = {
    "ObjectLockConfiguration": {
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
    }
}
UNTIL_ASKED = {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}


def encrypted(algorithm="aws:kms", key=KEY):
    by = {"SSEAlgorithm": algorithm} | ({"KMSMasterKeyID": key} if key else {})
    return {"ServerSideEncryptionConfiguration": {"Rules": [{"ApplyServerSideEncryptionByDefault": by}]}}


def key(manager="CUSTOMER", state="Enabled"):
    return {"KeyMetadata": {"Arn": KEY, "KeyManager": manager, "KeyState": state}}


def rights(*decisions):
    return {"EvaluationResults": [{"EvalActionName": "x", "EvalDecision": decision} for decision in decisions]}


def key_policy(principal):
    statement = {"Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*"}
    return {"PolicyName": "default", "Policy": json.dumps({"Statement": [statement]})}


ROOT_ALONE = key_policy({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
NO_RIGHTS = rights("implicitDeny", "implicitDeny")


def answer(driver, **answers):
    for question, value in answers.items():
        (driver.stub / f"{question}.json").write_text(json.dumps(value))


def of_role(driver, role):
    arn = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:terabit"
    answer(driver, function={"FunctionArn": arn, "Role": role, "Timeout": 900, "MemorySize": 512})


def test_a_bucket_whose_objects_are_locked_is_refused(driver, account):
    answer(driver, lock=UNTIL_ASKED)
    driver.run("write", 1, 1)
    answer(driver, lock=LOCKED)
    done = driver.run("write", 1, 1, exit=3)
    assert "Object Lock" in done.err and "GOVERNANCE, 1 day" in done.err and len(driver.runs()) == 1
    assert "--bucket some-bucket --object-lock-configuration ObjectLockEnabled=Enabled" in done.err
    driver.run("read", 1)
    account.state["lock"] = LOCKED
    assert "Object Lock" in account.deploy(BUCKET="mine", exit=3).stderr and not account.calls("make")


def test_a_bucket_whose_key_the_role_may_not_use_is_refused(driver):
    of_role(driver, ROLE)
    aws(driver, 'printf "%s\\n" "$*" >>"$STUB/asked"')
    answer(driver, encryption=encrypted(), key=key(), rights=NO_RIGHTS, policy=ROOT_ALONE)
    done = driver.run("write", 1, 1, exit=3)
    assert f"encrypts with the KMS key {KEY}" in done.err and not driver.calls("ping")
    (document,) = [word for word in done.err.split("'") if word.startswith('{"Version"')]
    assert json.loads(document)["Statement"] == [
        {"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": KEY}
    ]
    assert "aws iam put-role-policy --role-name mine " in done.err
    asked = [line for line in (driver.stub / "asked").read_text().splitlines() if line.startswith("iam ")]
    assert len(asked) == 1 and f"--policy-source-arn {ROLE} " in asked[0] and f"--resource-arns {KEY} " in asked[0]
    answer(driver, rights=rights("allowed", "allowed"))
    assert "KMS" not in driver.run("write", 1, 1).err


def test_a_key_that_may_not_be_asked_for_is_a_warning(driver):
    of_role(driver, ROLE)
    answer(driver, encryption=encrypted())
    (driver.stub / "key.fail").write_text(denied("kms:DescribeKey"))
    done = driver.run("write", 1, 1)
    assert "whether it has them could not be asked for" in done.err and "kms:GenerateDataKey" in done.err


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"encryption": encrypted("AES256", None)}, ""),
        ({"encryption": encrypted(key=None)}, ""),
        ({"encryption": encrypted(key=f"arn:aws:kms:eu-west-1:{ACCOUNT}:alias/aws/s3")}, ""),
        ({"encryption": encrypted(), "key": key("AWS")}, ""),
        ({"encryption": encrypted("aws:kms:dsse"), "key": key(), "rights": rights("allowed", "allowed")}, ""),
        ({"encryption": encrypted(), "key": key(state="PendingDeletion")}, "refuse"),
        ({"encryption": encrypted(), "key": key(), "rights": rights("allowed", "explicitDeny")}, "refuse"),
        ({"encryption": encrypted(), "key": key(), "rights": NO_RIGHTS, "policy": ROOT_ALONE}, "refuse"),
        ({"encryption": encrypted(), "key": key(), "rights": NO_RIGHTS, "policy": key_policy({"AWS": [ROLE]})}, ""),
        ({"encryption": encrypted(), "key": key(), "rights": NO_RIGHTS, "policy": key_policy("*")}, ""),
        ({"encryption": encrypted(), "key": key(), "rights": NO_RIGHTS}, "could not be asked"),
        ({"encryption": encrypted(), "key": key()}, "could not be asked"),
        ({}, ""),
    ],
)
def test_what_is_known_of_a_bucket_decides(answers, said):
    given = {name: [answers[name]] if name in answers else [] for name in ("encryption", "key", "rights", "policy")}
    given |= {"lock": [], "bucket_policy": [], "bucket": "b", "role": ROLE, "want": "verdict"}
    told = jq(["-n", "-f", part("writable.jq")], **given)
    assert (said in told if said else told == "") and ("refuse" in told) == (said == "refuse")


HEADER = "s3:x-amz-server-side-encryption"


@pytest.mark.parametrize(
    ("condition", "more", "refused"),
    [
        ({"Null": {HEADER: "true"}}, {}, True),
        ({"Null": {HEADER: True}}, {"Principal": {"AWS": "*"}}, True),
        ({"StringNotEquals": {HEADER: "aws:kms"}}, {}, True),
        ({"StringNotEquals": {HEADER: "aws:kms"}, "Null": {HEADER: "false"}}, {}, False),
        ({"StringNotEqualsIfExists": {HEADER: "aws:kms"}}, {}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, {}, False),
        ({"Null": {HEADER: "true"}}, {"Resource": "arn:aws:s3:::some-bucket/private/*"}, False),
        ({"Null": {HEADER: "true"}}, {"Principal": {"AWS": ROLE}}, False),
        ({"Null": {HEADER: "true"}}, {"Effect": "Allow"}, False),
    ],
)
def test_a_bucket_whose_policy_demands_a_header_is_refused(driver, account, condition, more, refused):
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": ["arn:aws:s3:::some-bucket/*"],
        "Condition": condition,
    } | more
    answer(driver, bucket_policy={"Policy": json.dumps({"Statement": [statement]})})
    done = driver.run("write", 1, 1, "--dry-run", exit=3 if refused else 0)
    assert ("denies writes without the header x-amz-server-side-encryption" in done.err) == refused


def test_a_bucket_whose_requester_pays_is_refused(driver):
    """S3 does not say why it refuses this machine, or a worker: that is left to the ping."""
    (driver.stub / "bucket.fail").write_text("An error occurred (403) when calling the HeadBucket operation: Forbidden")
    assert "the ping will tell" in driver.run("read", 1, "--key", "k").err
    (driver.stub / "ping.json").write_text('[{"error": {"type": "AccessDenied", "message": "HeadBucket: Forbidden"}}]')
    done = driver.run("read", 1, "--key", "k", exit=3)
    assert "which do not send x-amz-request-payer" in done.err and len(driver.calls("direct-")) == 0


def test_the_bucket_that_make_deploy_made_is_not_asked_for_what_it_is_not(driver):
    (driver.project / ".deployed").write_text("BUCKET=some-bucket\nOWN_BUCKET=yes\n")
    driver.run("write", 1, 1, "--dry-run")
    assert not driver.calls("encryption") and not driver.calls("versioning")
    driver.run("write", 1, 1, "--dry-run", "--bucket", "another")
    assert driver.calls("encryption") and driver.calls("versioning")


def test_a_role_that_deploy_makes_may_use_the_key_of_a_bucket_that_is_given(account):
    account.state |= {"encryption": encrypted(), "key": key()}
    account.deploy(BUCKET="mine")
    assert f"KeyOfBucket={KEY}" in account.calls("cloudformation deploy")[0] and not account.calls("iam simulate")


@pytest.mark.parametrize("question", ["s3api get-bucket-encryption", "kms describe-key"])
def test_who_may_not_ask_for_the_key_leaves_the_role_its_rights(account, question):
    """A parameter that is not named keeps its value."""
    account.state |= {"encryption": encrypted(), "key": key()}
    account.deploy(BUCKET="mine")
    account.refuse(question, denied("kms:DescribeKey"))
    account.deploy()
    (call,) = account.calls("cloudformation deploy")
    assert "KeyOfBucket" not in call and "ExistingBucket=mine" in call
    account.state["encryption"] = {"ServerSideEncryptionConfiguration": {"Rules": []}}
    account.deploy()
    assert "KeyOfBucket= " in account.calls("cloudformation deploy")[0] + " ", "it has none"


def test_a_role_that_is_given_to_deploy_must_be_allowed_the_key_of_the_bucket(account):
    account.state |= {"encryption": encrypted(), "key": key(), "rights": NO_RIGHTS, "key policy": ROOT_ALONE}
    done = account.deploy(BUCKET="mine", ROLE_ARN=ROLE, exit=3)
    assert "put-role-policy --role-name mine" in done.stderr and not account.calls("make")


# The network


def quotas(mbits):
    return {"Quotas": [{"QuotaName": "Network bandwidth per execution environment", "Value": mbits}]}


def memory(driver, mb, **more):
    arn = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:terabit"
    function = {"FunctionArn": arn, "Timeout": 900, "MemorySize": mb, "Architectures": ["arm64"]}
    answer(driver, function=function | more)


def planned(driver, *args):
    return json.loads(driver.run(*args, "--dry-run", "--json").out)


def test_aws_default_is_no_opt_in(driver):
    memory(driver, 10240)
    answer(driver, network=quotas(625.0))
    done = driver.run("write", 1, 1, "--dry-run", "--json")
    assert "10,240 MB of memory can have 375 MB/s of network instead of 78" in done.err
    assert json.loads(done.out)["network_mbps"] == 78.125
    answer(driver, network=quotas(1000.0))
    assert "can have 375 MB/s of network instead of 125" in driver.run("write", 1, 1, "--dry-run").err


@pytest.mark.parametrize(
    ("mbps", "op", "in_flight"),
    [(78.125, "write", 8), (226.5625, "write", 12), (375, "write", 19), (78.125, "read", 8), (375, "read", 8)],
)
def test_requests_in_flight_fill_the_network(mbps, op, in_flight):
    assert jq([f'include "plan/network"; default_in_flight("{op}")'], mbps) == f"{in_flight}\n"


def test_an_opt_in_is_planned_with(driver):
    memory(driver, 10240)
    answer(driver, network=quotas(3000.0))
    plan = planned(driver, "write", 1000, 4000, "--max-cost", 14)
    assert (plan["network_mbps"], plan["in_flight"]) == (375, 19)
    assert plan["expected_s"] == pytest.approx(4000 * 2**20 / 375e6)
    assert plan["stop_in_s"] - plan["start_in_s"] == pytest.approx(60), "four times that, and a minute at least"
    assert plan["cost"]["ceiling_usd"] < 14, "a day of storage included; it was 41 with half of the time"
    assert planned(driver, "write", 8, 64, "--in-flight", 3)["in_flight"] == 3


def test_a_function_in_a_vpc_has_no_more_network(driver):
    memory(driver, 10240, VpcConfig={"VpcId": "vpc-1"})
    answer(driver, network=quotas(3000.0))
    assert planned(driver, "write", 1, 1)["network_mbps"] == 78.125 and not driver.calls("network")


# The ping


def pong(now, version="0.1.0"):
    return {"now": now, "version": version, "memory_mb": 512, "arch": "arm64", "region": "eu-west-1"}


def told(*answers, before=100.0, after=102.0, own="0.1.0", pings=None):
    given = {"answer": json.dumps(list(answers)), "before": before, "after": after, "own": own}
    given["lambda"] = [{"MemorySize": 512}]
    event = {"jobs": [{"op": "ping"}] * (pings or len(answers))}
    return json.loads(jq(["-f", part("ping.jq")], event, **given))


def test_every_answer_to_a_ping_bounds_the_clock():
    """Each was given between before and after, on a clock that is the laptop's plus the offset."""
    assert told(pong(111))["clock"] == {"offset_s": 10, "within_s": 1}
    clock = told(pong(110.5), pong(111.9))["clock"]
    assert clock["offset_s"] == pytest.approx(10.2) and clock["within_s"] == pytest.approx(0.7)
    assert 111.9 - 102 >= clock["offset_s"] - clock["within_s"] and 110.5 - 100 >= clock["offset_s"]
    apart = told(pong(110), pong(120))["clock"]
    assert apart == {"offset_s": 14, "within_s": 5}, "their clocks differ by more than the call took"


@pytest.mark.parametrize(
    ("versions", "own", "old"),
    [
        (("0.1.0",), "0.1.0", False),
        (("0.2.0",), "0.1.9", False),
        (("0.10.0",), "0.9.9", False),
        (("0.9.9",), "0.10.0", True),
        (("0.2.0", "0.1.0"), "0.2.0", True),
        (("0.1.0",), "", False),
    ],
)
def test_a_function_older_than_the_folder_is_refused(versions, own, old):
    answer = told(*(pong(1, version) for version in versions), own=own)
    assert ("make deploy brings it up" in answer.get("refusal", "")) == old


def test_a_ping_goes_the_way_of_the_jobs(driver):
    driver.after("write", 2, 1)
    driver.run("write", 2, 1, "--squad", 2)
    pings = [line for line in (driver.stub / "events").read_text().splitlines() if '"ping"' in line]
    one = {"op": "ping", "bucket": "some-bucket"}
    assert [json.loads(ping)["jobs"] for ping in pings] == [[one], [one, one]]
    assert told(pong(1), pings=2)["refusal"].startswith("the function does not answer like terabit")


# Processes in the background


def test_what_is_ended_before_it_has_begun_leaves_the_drivers_files_alone():
    """Bash runs the driver's EXIT trap in a child that a signal ends right after the fork. Now and then it loses that
    signal, and the child sleeps."""
    program = """
        . "$1"; . "$2"; PROGRAM=driver; unlock() { echo unlocked; }
        scratch
        for ((n = 0; n < 50; n++)); do start_group sleep 1; kill -- "-$GROUP"; wait "$GROUP"; done 2>/dev/null
        [ -d "$SCRATCH" ] && echo whole"""
    command = ["bash", "-uc", program, "-", part("messages.sh"), part("background.sh")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "whole\nunlocked\n", done.stderr


WATCHERS = [part("messages.sh"), part("process.sh"), part("background.sh")]


def test_a_watcher_ends_where_the_driver_ignores_signals():
    program = """
        . "$1"; . "$2"; . "$3"; PROGRAM=driver
        trap '' TERM
        start_watching date; stop_watching; echo ended"""
    done = subprocess.run(["bash", "-uc", program, "-", *WATCHERS], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("ended\n", "")


def test_a_watcher_ends_whose_driver_has_gone_before_it_begins():
    """Nobody has asked yet how the driver ended: its number is still there."""
    program = """
        . "$1"; . "$2"; . "$3"; PROGRAM=driver
        eval "late_$(declare -f watch)"; watch() { sleep 1; late_watch "$@"; }
        start_watching date; kill -KILL $$"""
    with subprocess.Popen(["bash", "-uc", program, "-", *WATCHERS], stderr=subprocess.PIPE) as process:
        assert process.communicate(timeout=20) == (None, b""), "nobody holds it open"
