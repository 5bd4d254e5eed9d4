"""make deploy and make destroy: the template and the caller's policy as they are written, AWS's refusals from a stub,
and the whole way against moto (the control plane) and `local` (the data)."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from harness import PARTS, ROOT, TOOLS, Local, part, quick_sleep

cfn_yaml = pytest.importorskip("cfnlint.decode.cfn_yaml")
moto_server = pytest.importorskip("moto.server")
boto3 = pytest.importorskip("boto3")

TEMPLATE = ROOT / "deploy" / "stack.yaml"
POLICY = ROOT / "deploy" / "caller-policy.json"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/mine"
PARAMETERS = {"FunctionName": "terabit", "ExistingBucket": "", "ExistingRole": "", "KeyOfBucket": ""}
PSEUDO = {"AWS::Partition": "aws", "AWS::Region": "eu-west-1", "AWS::AccountId": ACCOUNT}
NOTHING = object()


# The template


def rendered(**given):
    """The template's resources as CloudFormation would see them with these parameters."""
    template = cfn_yaml.load(str(TEMPLATE))
    names = PARAMETERS | PSEUDO | given
    names |= {name: f"the-{name.lower()}" for name in template["Resources"]}

    def resolve(node):
        if isinstance(node, list):
            return [value for value in map(resolve, node) if value is not NOTHING]
        if not isinstance(node, dict):
            return node
        if list(node) == ["Ref"]:
            return NOTHING if node["Ref"] == "AWS::NoValue" else names[node["Ref"]]
        if list(node) == ["Fn::Not"]:
            (value,) = resolve(node["Fn::Not"])
            return not value
        if list(node) == ["Fn::Equals"]:
            left, right = resolve(node["Fn::Equals"])
            return left == right
        if list(node) == ["Fn::If"]:
            condition, yes, no = node["Fn::If"]
            return resolve(yes if resolve(template["Conditions"][condition]) else no)
        if list(node) == ["Fn::Sub"]:
            text, own = node["Fn::Sub"] if isinstance(node["Fn::Sub"], list) else (node["Fn::Sub"], {})
            own = resolve(own)
            return re.sub(r"\$\{([^}]+)\}", lambda match: own.get(match[1]) or names[match[1]], text)
        return {key: resolve(value) for key, value in node.items()}

    return {
        name: resolve(resource["Properties"])
        for name, resource in template["Resources"].items()
        if resolve(template["Conditions"][resource["Condition"]])
    }


def test_the_bucket_is_private_and_forgets_within_a_day():
    bucket = rendered()["Bucket"]
    assert bucket["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    rules = bucket["LifecycleConfiguration"]["Rules"]
    assert all(rule["Status"] == "Enabled" and "Prefix" not in rule for rule in rules)
    assert [rule.get("AbortIncompleteMultipartUpload") for rule in rules] == [{"DaysAfterInitiation": 1}, None]
    assert [rule.get("ExpirationInDays") for rule in rules] == [None, 1]


def test_the_bucket_takes_tls_only():
    (statement,) = rendered()["BucketPolicy"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Resource"] == ["arn:aws:s3:::the-bucket", "arn:aws:s3:::the-bucket/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"


@pytest.mark.parametrize(("given", "key"), [("", ""), ("mine", ""), ("mine", KEY)])
def test_the_role_may_do_this_and_nothing_else(given, key):
    role = rendered(ExistingBucket=given, KeyOfBucket=key)["Role"]
    assert set(role) == {"Description", "AssumeRolePolicyDocument", "Policies"}
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust == {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    (policy,) = role["Policies"]
    bucket = f"arn:aws:s3:::{given or 'the-bucket'}"
    itself = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:terabit"
    logs = f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:/aws/lambda/terabit:*"
    assert allowed(policy["PolicyDocument"]) == {
        ("s3:PutObject", f"{bucket}/*"),
        ("s3:GetObject", f"{bucket}/*"),
        ("s3:AbortMultipartUpload", f"{bucket}/*"),
        ("s3:ListMultipartUploadParts", f"{bucket}/*"),
        ("s3:ListBucket", bucket),
        ("s3:ListBucketMultipartUploads", bucket),
        ("lambda:InvokeFunction", itself),
        ("lambda:InvokeFunction", f"{itself}:*"),
        ("logs:CreateLogStream", logs),
        ("logs:PutLogEvents", logs),
        *([("kms:GenerateDataKey", KEY), ("kms:Decrypt", KEY)] if key else []),
    }


def allowed(document):
    """(action, resource) of every statement; each must allow."""
    found = set()
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow" and not {"NotAction", "NotResource"} & set(statement)
        for action in listed(statement["Action"]):
            found |= {(action, resource) for resource in listed(statement["Resource"])}
    return found


def listed(value):
    return value if isinstance(value, list) else [value]


def test_what_is_given_is_not_made():
    assert set(rendered()) == {"Bucket", "BucketPolicy", "Role"}
    assert set(rendered(ExistingBucket="mine")) == {"Role"}
    assert set(rendered(ExistingRole=ROLE)) == {"Bucket", "BucketPolicy"}


# The programs, with a stub for AWS


class Account:
    """A copy of the project whose aws, cargo and make are a stub with an account of its own."""

    def __init__(self, tmp_path):
        self.project = tmp_path / "pro ject"
        self.stub = tmp_path / "stub"
        self.bin = tmp_path / "bin"
        for folder in (self.stub, self.bin, tmp_path / "home"):
            folder.mkdir()
        for folder in ("driver", "deploy"):
            shutil.copytree(ROOT / folder, self.project / folder)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        quick_sleep(self)
        for program in ("aws", "cargo", "make"):
            self.program(program, f'exec "{sys.executable}" -IS "{ROOT}/tests/stub_cloud" {program} "$@"')
        self.env = {
            "PATH": str(self.bin),
            "HOME": str(tmp_path / "home"),
            "TMPDIR": str(tmp_path),
            "STUB": str(self.stub),
            "LC_ALL": "C.UTF-8",
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        }
        self.state = {"stack": None, "holds": [], "function": None, "logs": False, "objects": [], "refuse": {}}
        self.saved = self.project / ".deployed"

    def program(self, name, text):
        (self.bin / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.bin / name).chmod(0o755)

    def run(self, program, exit=0, stdin=subprocess.DEVNULL, **options):
        (self.stub / "state.json").write_text(json.dumps(self.state))
        (self.stub / "calls").write_text("")
        (self.stub / "sleeps").write_text("")
        done = subprocess.run(
            [self.bin / "bash", self.project / "deploy" / f"{program}.sh"],
            check=False,
            env=self.env | options,
            cwd=self.project,
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert exit in (None, done.returncode), f"exit {done.returncode}\n{done.stderr}\n{done.stdout}"
        self.state = json.loads((self.stub / "state.json").read_text())
        return done

    def deploy(self, **options):
        return self.run("deploy", **options)

    def destroy(self, **options):
        return self.run("destroy", **{"FORCE": "1"} | options)

    def deployed(self, **options):
        """Deploys, and forgets that."""
        self.deploy(**options)
        return self

    def refuse(self, call, *complaints):
        self.state["refuse"][call] = list(complaints)

    def calls(self, name=""):
        calls = [" ".join(json.loads(line)) for line in (self.stub / "calls").read_text().splitlines()]
        return [call for call in calls if call.startswith(name)]

    def settings(self):
        return dict(line.split("=", 1) for line in self.saved.read_text().splitlines())


@pytest.fixture
def account(tmp_path):
    return Account(tmp_path)


def error(code, operation, message):
    return f"\nAn error occurred ({code}) when calling the {operation} operation: {message}"


def denied(action):
    user = f"User: arn:aws:iam::{ACCOUNT}:user/someone"
    return error("AccessDenied", action.split(":")[1], f"{user} is not authorized to perform: {action} on resource: x")


CARGO_ASSUME = """Error:   × failed to create the new lambda function
  ├─▶ service error
  ╰─▶ InvalidParameterValueException: The role defined for the function cannot
      be assumed by Lambda.

  Was this behavior unexpected?"""


def test_deploy_makes_all_and_says_what_is_next(account):
    done = account.deploy()
    assert account.settings() == {
        "BUCKET": "terabit-bucket-1",
        "FUNCTION": "terabit",
        "REGION": "eu-west-1",
        "STACK": "terabit",
        "ACCOUNT": ACCOUNT,
        "OWN_BUCKET": "yes",
        "ROLE_ARN": "",
        "MEMORY": "512",
        "ARCH": "x86_64",
        "TAGS": "",
    }
    for line in ("./driver.sh write 8 64 ", "./driver.sh write 1800 2000 --dry-run ", "make destroy ", "in .deployed"):
        assert line in done.stdout
    (upload,) = account.calls("cargo")
    assert upload == (
        f"cargo lambda deploy --lambda-dir target/lambda-x86_64 --binary-name terabit"
        f" --role arn:aws:iam::{ACCOUNT}:role/terabit-role-1 --memory 512 --timeout 900 --log-retention 7"
        f" --tag terabit=worker --output-format json terabit"
    )


def test_credentials_are_found_anew_after_the_build(account):
    del account.env["AWS_ACCESS_KEY_ID"]
    account.state["credentials"] = {"AccessKeyId": "AKX", "SecretAccessKey": "s"}
    account.deploy()
    named = [call.split()[0] for call in account.calls() if re.match("make|configure|cloudformation deploy", call)]
    assert named == ["configure", "make", "configure", "cloudformation"]


def test_deploy_again_changes_nothing(account):
    before = account.deployed().settings()
    state = account.state | {}
    account.deploy()
    assert account.settings() == before and account.state == state
    assert not account.calls("lambda update-function-configuration") and not account.calls("lambda delete-function")


def test_what_was_deployed_is_kept_and_what_is_set_stands_above(account):
    account.deploy(MEMORY="1024", TAGS="team=storage env=test")
    account.deploy(MEMORY="2048")
    (upload,) = account.calls("cargo")
    assert "--memory 2048" in upload and "--tag team=storage --tag env=test" in upload
    assert "--tags team=storage env=test" in account.calls("cloudformation deploy")[0]
    assert account.settings()["TAGS"] == "team=storage env=test"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"MEMORY": "64"}, "128 to 10240"),
        ({"MEMORY": "10241"}, "128 to 10240"),
        ({"MEMORY": "1 GB"}, "128 to 10240"),
        ({"ARCH": "aarch64"}, "x86_64 and arm64"),
        ({"STACK": "my_stack"}, "letters, digits and dashes"),
        ({"REGION": "Ireland"}, "eu-west-1"),
        ({"ROLE_ARN": "mine"}, "arn:aws:iam::123456789012:role/name"),
        ({"TAGS": "team"}, "key=value"),
        ({"TAGS": "a=b,c=d"}, "key=value"),
        ({"TAGS": "aws:x=1"}, "key=value"),
        ({"TAGS": "terabit=mine"}, "key=value"),
        ({"BUCKET": "No_Bucket"}, "3 to 63"),
        ({"AWS_REGION": ""}, "make deploy REGION=eu-west-1"),
    ],
)
def test_options_are_refused_by_name_before_anything_is_made(account, options, text):
    done = account.deploy(exit=2, **options)
    assert text in done.stderr and list(options)[0].replace("AWS_REGION", "region") in done.stderr
    assert not account.calls("cloudformation deploy") and not account.calls("make")


def test_an_option_of_make_that_there_is_not_is_refused_by_name():
    def make(*options):
        command = ["make", "-C", ROOT, "help", *options]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

    done = make("REGOIN=eu-west-1", "TAGS=a=b c=d")
    assert done.returncode == 2 and "REGOIN is no option" in done.stderr and "REGION" in done.stderr
    assert make("REGION=eu-west-1", "TAGS=a=b c=d").returncode == 0


def test_tags_may_stand_in_lines(account):
    account.deploy(TAGS="team=storage\nBUCKET=b\n")
    assert account.settings()["BUCKET"] == "terabit-bucket-1" and "--tag BUCKET=b " in account.calls("cargo")[0]
    account.deploy()
    assert "--tag team=storage --tag BUCKET=b " in account.calls("cargo")[0], "and are kept"


def test_the_region_of_the_profile_is_the_last_resort(account):
    account.state["region"] = "ap-south-1"
    assert account.deployed(AWS_REGION="").settings()["REGION"] == "ap-south-1"


def test_another_region_than_before_must_be_said(account):
    account.deployed(REGION="eu-central-1")
    for program in ("deploy", "destroy"):
        done = account.run(program, AWS_REGION="us-east-1", FORCE="1", exit=3)
        assert f"make {program} REGION=eu-central-1 or REGION=us-east-1" in done.stderr
    account.deploy(AWS_REGION="us-east-1", REGION="eu-central-1")
    assert account.settings()["REGION"] == "eu-central-1"


def test_arm64_is_built_and_uploaded(account):
    account.deploy(ARCH="arm64")
    assert account.calls("make")[0].endswith("lambda ARCH=arm64")
    assert "--lambda-dir target/lambda-arm64" in account.calls("cargo")[0]


def test_another_processor_makes_the_function_anew(account):
    done = account.deployed().deploy(ARCH="arm64")
    assert "made anew for arm64" in done.stderr and account.calls("lambda delete-function")
    assert account.state["function"]["arch"] == "arm64"


def test_a_failed_build_deploys_nothing(account):
    account.refuse("make -C", "cargo-lambda failed")
    assert "nothing was deployed" in account.deploy(exit=3).stderr
    assert not account.saved.exists() and not account.calls("cloudformation deploy")


def test_a_given_bucket_is_used_and_stays(account):
    account.deploy(BUCKET="mine")
    assert (account.settings()["BUCKET"], account.settings()["OWN_BUCKET"]) == ("mine", "no")
    assert "ExistingBucket=mine ExistingRole=" in account.calls("cloudformation deploy")[0]
    account.deploy()
    assert account.settings()["BUCKET"] == "mine"
    done = account.destroy()
    assert "the bucket mine stays" in done.stderr and "./driver.sh delete" in done.stderr
    assert not account.calls("s3api") and account.state["function"] is None and not account.saved.exists()


def test_with_bucket_and_role_there_is_no_stack(account):
    done = account.deploy(BUCKET="mine", ROLE_ARN=ROLE)
    assert "no stack is made" in done.stderr and account.state["function"]["role"] == ROLE
    assert not account.calls("cloudformation deploy")
    account.destroy()
    assert account.state["function"] is None and not account.calls("cloudformation delete-stack")


@pytest.mark.parametrize("options", [{"BUCKET": "mine"}, {"ROLE_ARN": ROLE}])
def test_what_the_stack_made_is_not_replaced(account, options):
    done = account.deployed().deploy(exit=3, **options)
    assert "would remove" in done.stderr and "make destroy STACK=terabit REGION=eu-west-1" in done.stderr
    assert not account.calls("cloudformation deploy")


def test_what_is_set_and_empty_takes_back_what_was_given(account):
    account.deploy(TAGS="team=storage", ROLE_ARN=ROLE)
    account.deploy()
    assert (account.settings()["TAGS"], account.settings()["ROLE_ARN"]) == ("team=storage", ROLE)
    account.state["stack"] = "UPDATE_ROLLBACK_COMPLETE"
    account.deploy(TAGS="", ROLE_ARN="")
    assert (account.settings()["TAGS"], account.settings()["ROLE_ARN"]) == ("", "")
    (upload,), (change,) = account.calls("cargo"), account.calls("cloudformation deploy")
    assert "team=" not in upload + change and "ExistingRole=" in change.split()
    assert account.state["function"]["role"].endswith("terabit-role-1")


def test_a_stack_that_was_removed_by_hand_is_made_again(account):
    account.deploy()
    account.state |= {"stack": None, "holds": []}
    account.deploy()
    assert "ExistingBucket= ExistingRole=" in account.calls("cloudformation deploy")[0]


@pytest.mark.parametrize(
    ("call", "complaint", "text"),
    [
        ("s3api head-bucket", "An error occurred (404) when calling the HeadBucket operation: Not Found", "bucket"),
        ("iam get-role", "An error occurred (NoSuchEntity) when calling the GetRole operation: not found", "role"),
    ],
)
def test_what_the_stack_made_and_somebody_removed_is_named_with_the_way_out(account, call, complaint, text):
    saved = account.deployed().settings()
    account.refuse(call, "\n" + complaint)
    done = account.deploy(exit=3, MEMORY="1024")
    assert f"the {text} terabit-{text}-1 of the stack terabit was removed by hand" in done.stderr
    assert "make destroy STACK=terabit REGION=eu-west-1, then make deploy STACK=terabit" in done.stderr
    assert account.settings() == saved and not account.calls("cargo")
    account.refuse("s3 rm", "fatal error: " + error("NoSuchBucket", "ListObjectsV2", "not there")[1:])
    account.destroy()
    assert account.state["stack"] is None
    account.deploy()


def test_a_new_role_reaches_a_function_that_is_there(account):
    account.deployed(BUCKET="mine", ROLE_ARN=ROLE).deploy(BUCKET="mine", ROLE_ARN=ROLE + "2")
    assert account.state["function"]["role"] == ROLE + "2"


@pytest.mark.parametrize(
    ("complaint", "text"),
    [
        (error("404", "HeadBucket", "Not Found"), 'there is no bucket "mine"'),
        (error("403", "HeadBucket", "Forbidden"), "may not s3:ListBucket"),
        (error("301", "HeadBucket", "Moved Permanently"), 'the bucket "mine" is in another region'),
    ],
)
def test_a_given_bucket_must_be_there(account, complaint, text):
    account.refuse("s3api head-bucket", complaint)
    done = account.deploy(BUCKET="mine", exit=3)
    assert text in done.stderr
    assert not account.calls("cloudformation deploy")


def test_a_given_bucket_must_be_in_the_region(account):
    account.state["bucket"] = "us-west-2"
    assert "make deploy BUCKET=mine REGION=us-west-2" in account.deploy(BUCKET="mine", exit=3).stderr


def test_a_directory_bucket_needs_a_role(account):
    assert "ROLE_ARN=" in account.deploy(BUCKET="mine--euw1-az1--x-s3", exit=3).stderr
    account.deploy(BUCKET="mine--euw1-az1--x-s3", ROLE_ARN=ROLE)


def test_a_stack_or_function_of_somebody_else_is_left_alone(account):
    account.state |= {"stack": "CREATE_COMPLETE", "parameters": ["VpcId"]}
    for program in ("deploy", "destroy"):
        assert "did not make" in account.run(program, exit=3, FORCE="1").stderr
    del account.state["parameters"]
    account.state |= {"stack": None, "function": {"arch": "x86_64", "role": ROLE, "memory": 128, "tags": {"a": "b"}}}
    for program in ("deploy", "destroy"):
        assert "it has no tag terabit=worker" in account.run(program, exit=3, FORCE="1").stderr
    assert account.state["function"] and account.state["stack"] is None


# The stack's refusals


def event(name, status, reason=None, kind="AWS::S3::Bucket"):
    return {
        "LogicalResourceId": name,
        "PhysicalResourceId": "arn:stack" if name == "terabit" else name,
        "StackId": "arn:stack",
        "ResourceType": kind,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def failed(reason, begun="CREATE_IN_PROGRESS"):
    """Events of a failed operation, newest first, with an older operation below."""
    stack = "AWS::CloudFormation::Stack"
    return [
        event("terabit", "ROLLBACK_COMPLETE", kind=stack),
        event("Bucket", "DELETE_IN_PROGRESS"),
        event("terabit", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Bucket]", stack),
        event("Role", "CREATE_FAILED", "Resource creation cancelled", "AWS::IAM::Role"),
        event("Bucket", "CREATE_FAILED", reason),
        event("terabit", begun, "User Initiated", stack),
        event("Role", "CREATE_FAILED", "an older failure", "AWS::IAM::Role"),
    ]


def test_no_updates_is_no_failure(account):
    account.deploy()
    complaint = error("ValidationError", "CreateChangeSet", "No updates are to be performed.")
    account.refuse("cloudformation deploy", complaint)
    account.deploy()


def test_a_stack_that_failed_is_told_with_the_commands_that_begin_anew(account):
    account.state |= {"fails": "ROLLBACK_COMPLETE", "events": failed("terabit-bucket-1 already exists")}
    done = account.deploy(exit=3)
    assert "Bucket (AWS::S3::Bucket): terabit-bucket-1 already exists" in done.stderr
    assert "make destroy STACK=terabit REGION=eu-west-1, then make deploy STACK=terabit" in done.stderr
    assert not account.calls("cargo")
    options = {"BUCKET": "mine", "MEMORY": "3008", "ARCH": "arm64", "TAGS": "a=1 b=2"}
    account.state |= {"stack": None}
    done = account.deploy(exit=3, **options)
    again = "then make deploy STACK=terabit REGION=eu-west-1 BUCKET=mine MEMORY=3008 ARCH=arm64 TAGS='a=1 b=2'"
    assert f"make destroy STACK=terabit REGION=eu-west-1, {again}\n" in done.stderr
    account.state["fails"] = None
    assert "make destroy STACK=terabit" in account.deploy(exit=3).stderr and not account.calls("make")
    account.destroy(STACK="terabit", REGION="eu-west-1")
    account.deploy()
    assert account.state["stack"] == "CREATE_COMPLETE"


def test_a_failed_update_leaves_all_as_it_was(account):
    account.deploy()
    account.state |= {"fails": "UPDATE_ROLLBACK_COMPLETE", "events": failed("no such thing", "UPDATE_IN_PROGRESS")}
    done = account.deploy(exit=3)
    assert "no such thing" in done.stderr and "as it was before" in done.stderr and "older" not in done.stderr


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name terabit --region eu-west-1"),
        ("ROLLBACK_FAILED", "make destroy STACK=terabit REGION=eu-west-1"),
        ("CREATE_FAILED", "make destroy STACK=terabit REGION=eu-west-1"),
        ("DELETE_FAILED", "make destroy STACK=terabit REGION=eu-west-1"),
    ],
)
def test_a_stack_that_cannot_be_changed_is_named_with_the_way_out(account, status, text):
    account.state |= {"stack": status, "holds": ["Bucket"], "events": failed("because of this")}
    done = account.deploy(exit=3)
    assert status in done.stderr and "because of this" in done.stderr and text in done.stderr
    assert not account.calls("cloudformation deploy")


def test_a_stack_at_work_is_named(account):
    account.state["stack"] = "UPDATE_IN_PROGRESS"
    for program in ("deploy", "destroy"):
        done = account.run(program, exit=3, FORCE="1")
        assert "(UPDATE_IN_PROGRESS)" in done.stderr and f"make {program} STACK=terabit REGION=" in done.stderr
        assert not account.calls("cargo") and not account.calls("lambda delete-function")


def test_a_change_set_that_was_never_carried_out_is_no_stack(account):
    account.state["stack"] = "REVIEW_IN_PROGRESS"
    account.deploy()
    assert account.state["stack"] == "CREATE_COMPLETE"


def test_a_permission_that_the_stack_lacks_points_at_the_policy(account):
    reason = f"User: arn:aws:iam::{ACCOUNT}:user/someone is not authorized to perform: iam:CreateRole on resource: x"
    account.state |= {"fails": "ROLLBACK_COMPLETE", "events": failed(reason)}
    done = account.deploy(exit=3)
    assert "iam:CreateRole" in done.stderr and "deploy/caller-policy.json" in done.stderr


@pytest.mark.parametrize(
    ("call", "complaint", "action"),
    [
        ("cloudformation describe-stacks", denied("cloudformation:DescribeStacks"), "cloudformation:DescribeStacks"),
        ("cloudformation deploy", denied("cloudformation:CreateChangeSet"), "cloudformation:CreateChangeSet"),
        ("iam get-role", error("AccessDenied", "GetRole", "no"), "iam:GetRole"),
        ("lambda get-function", denied("lambda:GetFunction"), "lambda:GetFunction"),
        (
            "cargo lambda deploy",
            'Error: × failed\n  ╰─▶ Error { code: "AccessDeniedException", message: "User: x is not authorized to\n'
            '      perform: lambda:CreateFunction on resource: y" }\n',
            "lambda:CreateFunction",
        ),
    ],
)
def test_a_missing_permission_is_named(account, call, complaint, action):
    account.refuse(call, complaint)
    done = account.deploy(exit=3)
    assert f"may not {action}: allow it (deploy/caller-policy.json" in done.stderr


def test_expired_credentials_are_named(account):
    account.refuse("sts get-caller-identity", error("ExpiredToken", "GetCallerIdentity", "The token has expired"))
    assert "credentials have expired" in account.deploy(exit=3).stderr


def test_a_role_that_lambda_does_not_know_yet_is_tried_again(account):
    account.refuse("cargo lambda deploy", CARGO_ASSUME, CARGO_ASSUME)
    done = account.deploy()
    assert done.stderr.count("trying again in") == 2 and account.state["function"]
    # The others are of whoever waits for AWS.
    assert [pause for pause in (account.stub / "sleeps").read_text().split() if float(pause) > 1] == ["5", "10"]


def test_a_role_that_lambda_never_knows_is_named(account):
    account.refuse("cargo lambda deploy", *[CARGO_ASSUME] * 9)
    done = account.deploy(exit=3)
    assert len(account.calls("cargo")) == 6
    assert "make deploy STACK=terabit REGION=eu-west-1" in done.stderr
    assert account.settings()["BUCKET"] == "terabit-bucket-1"


def test_a_given_role_that_lambda_may_not_assume_is_named_at_once(account):
    account.refuse("cargo lambda deploy", CARGO_ASSUME)
    done = account.deploy(ROLE_ARN=ROLE, exit=3)
    assert "trust policy" in done.stderr and len(account.calls("cargo")) == 1


def test_a_change_that_lambda_takes_in_the_background_is_waited_for(account):
    account.state["pending"] = True
    account.deploy()
    waits = [call.split()[2] for call in account.calls("lambda wait")]
    assert waits == ["function-active-v2", "function-updated-v2"]


def test_the_account_of_before_is_not_mixed_with_another(account):
    account.deploy()
    account.state["account"] = "999999999999"
    for program in ("deploy", "destroy"):
        done = account.run(program, exit=3, FORCE="1")
        assert ACCOUNT in done.stderr and "AWS_PROFILE" in done.stderr
    assert account.saved.exists()


def test_another_place_is_mentioned_before_it_is_forgotten(account):
    account.deploy()
    account.state |= {"stack": None, "function": None}
    done = account.deploy(REGION="us-east-1")
    assert "make destroy STACK=terabit REGION=eu-west-1" in done.stderr
    assert account.settings()["REGION"] == "us-east-1"


# make destroy


def test_destroy_names_all_and_removes_it_in_order(account):
    account.deploy()
    account.state["objects"] = ["k"]
    done = account.destroy(AWS_REGION="")
    for name in ("function   terabit", "terabit-bucket-1 with all objects", "role terabit-role-1", "/aws/lambda/"):
        assert name in done.stderr
    order = [
        "logs delete-log-group",
        "lambda delete-function",
        "s3 rm --recursive --only-show-errors s3://terabit-bucket-1",
        "cloudformation delete-stack",
        "cloudformation wait",
    ]
    calls = account.calls()
    first = [next(at for at, call in enumerate(calls) if call.startswith(name)) for name in order]
    assert first == sorted(first)
    assert (account.state["objects"], account.state["stack"], account.state["logs"]) == ([], None, False)
    assert not account.saved.exists()
    assert "nothing is deployed" in account.destroy().stderr


def test_destroy_asks_on_a_terminal_and_nowhere_else(account):
    account.deploy()
    assert "FORCE=1" in account.destroy(FORCE="", exit=3).stderr
    for answer in (b"n\n", b"\n", b"y\n"):
        assert account.state["function"] and account.saved.exists()
        ours, theirs = pty.openpty()
        os.write(ours, answer)
        done = account.destroy(FORCE="", stdin=theirs)
        os.close(ours)
        os.close(theirs)
        assert "remove all this? [y/N]" in done.stderr
        # The one who says no has made no mistake: make must not end with an error.
        assert ("nothing was removed" in done.stderr) == (answer != b"y\n")
    assert account.state["function"] is None


def test_destroy_goes_on_after_a_failure(account):
    account.deploy()
    reason = "The bucket you tried to delete is not empty"
    account.state |= {"sticks": True, "events": failed(reason, "DELETE_IN_PROGRESS")}
    done = account.destroy(exit=3)
    assert "is in DELETE_FAILED" in done.stderr and "not empty" in done.stderr
    assert "make destroy STACK=terabit REGION=eu-west-1 tries again" in done.stderr
    assert "--retain-resources" in done.stderr
    assert account.saved.exists()
    account.state |= {"sticks": False, "objects": ["late"]}
    account.destroy()
    assert account.state["stack"] is None and account.state["objects"] == []


def test_destroy_after_the_bucket_was_removed_by_hand(account):
    account.deploy()
    account.refuse("s3 rm", "fatal error: " + error("NoSuchBucket", "ListObjectsV2", "not there")[1:])
    account.destroy()
    assert account.state["stack"] is None


def test_destroy_names_what_it_may_not_remove(account):
    account.deploy()
    account.state |= {"objects": ["k"], "kept": True}
    done = account.destroy(exit=3)
    assert "s3://terabit-bucket-1/k" in done.stderr and "may not s3:ListBucket and s3:DeleteObject" in done.stderr
    assert account.state["stack"]


# The caller's policy


ACTIONS = {
    "cloudformation deploy": ["CreateChangeSet", "DescribeChangeSet", "ExecuteChangeSet", "GetTemplateSummary"],
    "cloudformation wait": ["DescribeStacks"],
    "s3api head-bucket": ["ListBucket"],
    "s3api list-multipart-uploads": ["ListBucketMultipartUploads"],
    "s3api list-objects-v2": ["ListBucket"],
    "s3 rm": ["ListBucket", "DeleteObject"],
    "s3api get-object-lock-configuration": ["GetBucketObjectLockConfiguration"],
    "s3api get-bucket-encryption": ["GetEncryptionConfiguration"],
    "s3api delete-objects": ["DeleteObject"],
    "s3api delete-object": ["DeleteObject"],
    "lambda wait": ["GetFunction"],
    "lambda invoke": ["InvokeFunction"],
}
SERVICES = {"s3api": "s3", "service-quotas": "servicequotas"}
UNASKED = ("sts get-caller-identity", "configure ", "--version")


def actions_of(call):
    """What IAM calls that which a call of the AWS CLI does."""
    service, operation = call.split()[:2]
    own = ["".join(word.title() for word in operation.split("-"))]
    return {f"{SERVICES.get(service, service)}:{name}" for name in ACTIONS.get(f"{service} {operation}", own)}


def test_the_policy_of_the_caller_allows_what_is_called(account):
    account.deploy()
    calls = account.calls()
    account.deploy(MEMORY="1024")
    calls += account.calls()
    account.state["objects"] = ["k"]
    account.destroy()
    calls += account.calls()
    sources = "".join(path.read_text() for path in PARTS.values() if path.suffix == ".sh")
    services = "cloudformation|iam|kms|lambda|logs|s3api|service-quotas"
    asked = re.findall(rf"(?:request|ask|list) \w+ ((?:{services}) [a-z][a-z0-9-]+)", sources)
    asked += re.findall(rf"(?m)^[^\"']*aws ((?:{services}) [a-z][a-z0-9-]+)", sources)
    asked += [f"s3api {name}" for name in re.findall(r'"([a-z]+-[a-z-]+)\.', sources)]
    asked += [f"s3api {name}" for name in re.findall(r"\w:(get-[a-z-]+)", sources)]
    assert len(asked) > 15
    policy = allowed(json.loads(POLICY.read_text()))
    names = {action for action, _ in policy}
    for call in calls + asked:
        if not call.startswith((*UNASKED, "make", "cargo")):
            assert actions_of(call) <= names, call
    # What cargo-lambda asks, by its own words, and the driver's deletion.
    for action in ("CreateFunction", "UpdateFunctionCode", "UpdateFunctionConfiguration", "TagResource", "ListTags"):
        assert f"lambda:{action}" in names
    assert {"iam:PassRole", "logs:CreateLogGroup", "logs:PutRetentionPolicy", "s3:AbortMultipartUpload"} <= names
    assert [action for action in names if action.endswith(":*")] == []
    assert {action for action, resource in policy if resource == "*"} == {
        "lambda:GetAccountSettings",
        "servicequotas:ListServiceQuotas",
    }


def test_the_policy_of_the_caller_is_made_for_another_partition_by_one_replacement():
    text = POLICY.read_text()
    resources = [resource for _, resource in allowed(json.loads(text))]
    assert {resource.split(":")[0:2][-1] for resource in resources} == {"aws", "*"} and "amazonaws.com.cn" not in text
    assert "sed s/arn:aws:/arn:aws-us-gov:/ deploy/caller-policy.json" in (ROOT / "docs" / "aws.md").read_text()
    template = part("stack.yaml").read_text()
    assert "arn:aws" not in template and template.count("arn:${AWS::Partition}:") > 5


def test_what_is_given_is_not_said_to_be_made(account):
    done = account.deploy(BUCKET="mine")
    assert "eu-west-1: the role, half a minute" in done.stderr and "removes what make deploy made" in done.stdout


def test_the_policy_of_the_caller_fits_iam():
    assert len("".join(POLICY.read_text().split())) < 6144


# The whole way: moto is the control plane, `local` Lambda and S3 for the runs.


@pytest.fixture
def moto():
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    # Its accounts outlive a server.
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST"), timeout=60).close()
    yield endpoint
    server.stop()


class Project:
    """A copy of the project as `make deploy` sees it, with the worker that is built already."""

    def __init__(self, tmp_path, endpoint):
        self.folder = tmp_path / "terabit"
        self.endpoint = endpoint
        for name in ("driver", "deploy", ".cargo"):
            shutil.copytree(ROOT / name, self.folder / name)
        for name in ("driver.sh", "Makefile", "Cargo.toml", "Cargo.lock", "requirements.txt"):
            shutil.copy2(ROOT / name, self.folder)
        for name in ("function", "local", "bench"):
            (self.folder / name).symlink_to(ROOT / name)
        tools = self.folder / ".venv" / "bin"
        tools.mkdir(parents=True)
        for tool in ("aws", "cargo-lambda"):
            (tools / tool).symlink_to(shutil.which(tool, path=Local.path))
        # For make, which asks it whether it has what was installed.
        (tools / "python").symlink_to(shutil.which("true"))
        self.built = tmp_path / "built"
        cargo = tools / "cargo"
        cargo.write_text(CARGO.format(built=self.built, worker=worker(), cargo=shutil.which("cargo")))
        cargo.chmod(0o755)
        (self.folder / ".venv" / "installed").touch()

    def make(self, *arguments, exit=0):
        """Runs make with the account of moto."""
        own = ("BUCKET", "FUNCTION", "REGION", "STACK", "MEMORY", "ARCH", "ROLE_ARN", "TAGS", "MAKEFLAGS", "MAKELEVEL")
        env = {name: value for name, value in os.environ.items() if name not in own and not name.startswith("AWS_")}
        done = subprocess.run(
            ["make", "-C", self.folder, *arguments],
            check=False,
            umask=0o077,
            env=env | AWS | {"AWS_ENDPOINT_URL": self.endpoint},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == exit, f"exit {done.returncode}\n{done.stderr}\n{done.stdout}"
        return done

    def client(self, service):
        secrets = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "none"}
        return boto3.client(service, region_name="eu-west-1", endpoint_url=self.endpoint, **secrets)

    def saved(self):
        return dict(line.split("=", 1) for line in (self.folder / ".deployed").read_text().splitlines())


AWS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_REGION": "eu-west-1",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}

# Everything but the build itself is the real one.
CARGO = """#!/bin/sh
case "$1 $2" in
  "lambda build")
    printf '%s\\n' "$*" >>"{built}"
    while [ "$1" != --lambda-dir ]; do shift; done
    mkdir -p "$2/terabit" && cp "{worker}" "$2/terabit/bootstrap"
    ;;
  *) exec "{cargo}" "$@" ;;
esac
"""


def worker():
    if not Local.worker.is_file():
        pytest.skip(f"{Local.worker} is not built (TERABIT_WORKER names another)")
    return Local.worker


pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS..S3..BucketPolicy")


@pytest.fixture
def project(tmp_path, moto):
    for tool in ("aws", "cargo", "cargo-lambda", "make"):
        if not shutil.which(tool, path=Local.path):
            pytest.skip(f"there is no {tool} on the PATH or in .venv")
    return Project(tmp_path, moto)


def test_deploy_twice_change_the_memory_destroy(project):
    first = project.make("deploy")
    (program,) = project.folder.glob("target/lambda-*/terabit/bootstrap")
    assert program.stat().st_mode & 0o777 == 0o755, "the zip has its mode, and Lambda is another user"
    bucket = project.saved()["BUCKET"]
    assert f"  bucket    {bucket} (made by the stack" in first.stdout
    project.make("deploy", "MEMORY=1024", "TAGS=team=storage env=test")
    assert project.saved()["BUCKET"] == bucket
    assert "--x86-64" in project.built.read_text() and "--locked" in project.built.read_text()

    function = project.client("lambda").get_function(FunctionName="terabit")
    configuration = function["Configuration"]
    assert (configuration["MemorySize"], configuration["Timeout"]) == (1024, 900)
    assert (configuration["Runtime"], configuration["Architectures"]) == ("provided.al2023", ["x86_64"])
    assert configuration["Role"].startswith(f"arn:aws:iam::{ACCOUNT}:role/terabit-Role-")
    assert function["Tags"] == {"terabit": "worker", "team": "storage", "env": "test"}
    (group,) = project.client("logs").describe_log_groups()["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == ("/aws/lambda/terabit", 7)

    s3 = project.client("s3")
    for key in ("a", "odd 'key' \"q\" ü/日本 & <b>"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3.create_multipart_upload(Bucket=bucket, Key="upload 'q'")
    done = project.make("destroy", "FORCE=1")
    assert f"{bucket} with all objects" in done.stderr
    # moto says that it deleted a stack whose bucket is full, and keeps the bucket.
    assert s3.list_buckets()["Buckets"] == []
    assert project.client("lambda").list_functions()["Functions"] == []
    assert project.client("iam").list_roles()["Roles"] == []
    assert project.client("logs").describe_log_groups()["logGroups"] == []
    assert not (project.folder / ".deployed").exists()


def test_deploy_write_read_report_delete_destroy(project, local):
    told = project.make("deploy", "MEMORY=1024").stdout
    for command in ("./driver.sh write 8 64 ", "./driver.sh read "):
        assert command in told
    saved = project.saved()
    local.project = project.folder
    done = local(
        """
        unset BUCKET FUNCTION AWS_REGION AWS_DEFAULT_REGION
        cd "${D%/*}"
        ./driver.sh write 2 8 && ./driver.sh read --verify && ./driver.sh report && ./driver.sh delete
        """,
        *("--bucket", saved["BUCKET"], "--function", saved["FUNCTION"], "--region", saved["REGION"]),
        *("--memory-size", saved["MEMORY"]),
    )
    assert done.stdout.count("2 good, 0 failed, 0 missing") == 3
    assert f"{saved['BUCKET']}, terabit (1024 MB, x86_64), " in done.stdout
    assert "2 keys deleted" in done.stdout
    project.make("destroy", "FORCE=1")
    assert not (project.folder / ".deployed").exists()
    assert len(list((project.folder / "runs").iterdir())) == 2
