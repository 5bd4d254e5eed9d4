"""driver.sh delete: what is ours goes, what is not stays; with the stub, and against S3 on loopback."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.parse

import pytest
from harness import HASTY, JQ, ROOT, Bucket, ndjson, part, processes_of, read_json, wait_for

OWN = "A" * 31 + "1"
# Alike, and not ours.
FOREIGN = [OWN.lower(), OWN[:-1], OWN + "2", OWN + " ", OWN + "/", " " + OWN, "x/" + OWN, OWN[:-1] + "2"]


def requests(driver, operation="delete-objects"):
    """What was asked of S3, in the order of the keys: requests run side by side."""
    return sorted(map(read_json, driver.stub.glob(f"{operation}.*.json")), key=json.dumps)


def deleted(driver):
    keys = [entry["Key"] for request in requests(driver) for entry in request["Delete"]["Objects"]]
    return keys + [request["Key"] for request in requests(driver, "delete-object")]


def keys_of(run):
    return (run / "keys.txt").read_text().splitlines()


def written(driver, *options):
    run = driver.run if options or driver.runs() or any(driver.stub.iterdir()) else driver.after
    run("write", 3, 1, *options)
    return driver.runs()[-1]


def open_uploads(driver, *keys):
    uploads = [{"Key": key, "UploadId": f"id {n}"} for n, key in enumerate(keys)]
    (driver.stub / "uploads.json").write_text(json.dumps({"Uploads": uploads}))


def interrupted_write(driver, *options, number=2):
    """A write run whose workers have not answered when its driver is interrupted."""
    driver.behave("slow")
    (driver.stub / "squad").write_text("slow\n")
    process = driver.start("write", number, 1, "--start-in", 0, *options, start_new_session=True)
    deadline = time.time() + 60
    while not driver.calls("invoke") + driver.calls("squad"):
        assert time.time() < deadline and process.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGINT)
    assert process.communicate(timeout=60) and process.returncode == 130
    return driver.runs()[-1]


def answers_of(run):
    """Where its answers are in the bucket."""
    return read_json(run / "run.json")["answers"]


def interrupt(process, sent=signal.SIGINT):
    began = time.time()
    os.kill(process.pid, sent)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and time.time() - began < 30, err
    return out, err


# What goes


def test_a_run_is_deleted_and_says_so(driver):
    other = written(driver)
    run = written(driver)
    done = driver.run("delete")
    assert sorted(deleted(driver)) == sorted(keys_of(run)) and not set(deleted(driver)) & set(keys_of(other))
    (request,) = requests(driver)
    assert request["Bucket"] == "some-bucket" and request["Delete"]["Quiet"] is True
    assert f"the latest write run, runs/{run.name}" in done.err
    assert f"terabit delete: runs/{run.name}, bucket some-bucket" in done.out
    assert re.search(r"objects +3 keys deleted", done.out) and re.search(r"left +nothing", done.out)
    assert abs(read_json(run / "run.json")["deleted"] - time.time()) < 60
    assert read_json(other / "run.json")["deleted"] is None
    assert not (run / "lock").exists() and list(driver.tmp.iterdir()) == []


def test_a_deleted_run_is_neither_read_nor_resumed_nor_suggested(driver):
    run = written(driver)
    driver.run("read", run)
    read = driver.runs()[1]
    for command, both in ((run, ""), (read, f" runs/{read.name}")):
        assert f"./driver.sh delete runs/{run.name}{both}\n" in driver.run("report", command).out
    driver.run("delete", run)
    for command in (["read"], ["read", 3, run.name], ["write", "--resume", run]):
        assert f"runs/{run.name} were deleted at 20" in driver.run(*command, exit=2).err
    for command in (run, driver.runs()[1]):
        report = driver.run("report", command).out
        assert "next:" in report and "delete" not in report and "--verify" not in report
    again = driver.run("delete", run)
    assert "was deleted at 20" in again.err and len(requests(driver)) == 2


def test_a_run_whose_bucket_has_gone_is_said_to_have_gone_with_it(driver):
    run = written(driver)
    (driver.project / ".deployed").write_text("BUCKET=another-bucket\n")  # make destroy, then make deploy
    del driver.env["BUCKET"]
    (driver.stub / "bucket.fail").write_text("An error occurred (404) when calling the HeadBucket operation: Not Found")
    (driver.stub / "uploads.fail").write_text("An error occurred (NoSuchBucket) when calling ListMultipartUploads: no")
    for command in (["read"], ["write", "--resume", run], ["delete"]):
        err = driver.run(*command, exit=3).err
        assert f'no bucket "some-bucket" any more, which runs/{run.name} used: what was in it is gone' in err
        assert "make deploy" not in err.splitlines()[-1] and "--bucket" not in err.splitlines()[-1]
    assert "make deploy makes one" in driver.run("write", 1, 1, exit=3).err


def test_a_damaged_read_beside_a_run_is_passed_by(driver):
    run = written(driver)
    driver.run("read", run)
    (driver.runs()[1] / "run.json").write_text("{")
    done = driver.run("delete", run)
    assert all(line.startswith("driver: ") for line in done.err.splitlines()), done.err
    assert read_json(run / "run.json")["deleted"] and len(requests(driver)) == 1


def test_several_runs_one_after_another(driver):
    first, second, kept = written(driver), written(driver, "--bucket", "other-bucket"), written(driver)
    driver.run("delete", first.name, second)
    assert {r["Bucket"]: sorted(o["Key"] for o in r["Delete"]["Objects"]) for r in requests(driver)} == {
        "some-bucket": sorted(keys_of(first)),
        "other-bucket": sorted(keys_of(second)),
    }
    assert [read_json(run / "run.json")["deleted"] is not None for run in (first, second, kept)] == [True, True, False]


def test_a_sweep_stands_for_all_its_runs(driver):
    kept = written(driver)
    done = driver.run("sweep", 2, 1, "--repeat", 2)
    sweep, *runs = sorted(driver.runs()[1:], key=lambda run: not run.name.endswith("-sweep"))
    assert f"./driver.sh delete runs/{sweep.name}\n" in done.err
    gone, *runs = runs
    keys = {key for run in runs if "-write-" in run.name for key in keys_of(run)}
    assert len(runs) == 3 and len(keys) == 2
    (gone / "run.json").unlink()
    done = driver.run("delete", sweep)
    assert set(deleted(driver)) == keys and not keys & set(keys_of(kept))
    assert f"runs/{gone.name} is not there any more" in done.err and "looking again" not in done.err
    assert all(read_json(run / "run.json")["deleted"] for run in runs if "-write-" in run.name)


def test_a_sweep_without_a_run_stands_for_no_other_run(driver):
    kept = written(driver)
    driver.run("sweep", 1, 1)
    sweep, *runs = sorted(driver.runs()[1:], key=lambda run: not run.name.endswith("-sweep"))
    for run in runs:
        (run / "run.json").unlink()
    done = driver.run("delete", sweep, exit=2)
    assert f"runs/{sweep.name} has no run that is there: nothing was deleted" in done.err
    assert deleted(driver) == [] and read_json(kept / "run.json")["deleted"] is None


def test_of_a_sweep_no_run_is_deleted_where_one_is_damaged(driver):
    driver.run("sweep", 1, 1)
    (sweep,) = (run for run in driver.runs() if run.name.endswith("-sweep"))
    (write,) = (run for run in driver.runs() if "-write-" in run.name)
    with (write / "keys.txt").open("a") as keys:
        keys.write("a/strangers/key\n")
    done = driver.run("delete", sweep, exit=2)
    assert f"runs/{write.name} is damaged: " in done.err and deleted(driver) == []


def test_a_thousand_keys_a_request_each_key_once(driver):
    keys = [f"key {n}" for n in range(2500)]
    done = driver.run("delete", "--key-file", driver.keys(*keys, *keys[:7]))
    assert sorted(len(request["Delete"]["Objects"]) for request in requests(driver)) == [500, 1000, 1000]
    assert sorted(deleted(driver)) == sorted(keys)
    assert "2,500 keys deleted" in done.out and "is of no run here" in done.err


ODD = [" blanks  ", 'qu"ote', "back\\slash\\n", "$(touch x)`y`", "ümlaut-日本-😀", "-n", "file:///etc/passwd", "tab\tkey"]
ODD += ["carriage\rreturn", "k" * 1024, "a&b<c>d", "../..", "e\u0301", "\u00e9", "\u2028"]
# Which XML cannot carry.
LONELY = ["bell\x07", "\x01", "\ufffe"]


def test_odd_keys_arrive_as_they_are(driver):
    open_uploads(driver, *ODD, *[key + "x" for key in ODD])
    driver.run("delete", "--key-file", driver.keys(*ODD, *LONELY))
    assert sorted(deleted(driver)) == sorted(ODD + LONELY)
    assert sorted(request["Key"] for request in requests(driver, "delete-object")) == sorted(LONELY)
    assert sorted(request["Key"] for request in requests(driver, "abort-multipart-upload")) == sorted(ODD)


def test_a_foreign_upload_whose_key_xml_cannot_carry_is_passed_by(driver):
    """S3 then encodes the keys, each byte of UTF-8."""
    own = [*ODD, "a+b%2B"]
    (driver.stub / "unreadable").touch()
    (driver.stub / "stubborn").touch()
    keys = [urllib.parse.quote(key, safe="/") for key in ["\x01", *own]]
    uploads = [{"Key": key, "UploadId": f"id {n}"} for n, key in enumerate(keys)]
    (driver.stub / "uploads.json").write_text(json.dumps({"Uploads": uploads}))
    driver.run("delete", "--key-file", driver.keys(*own), exit=1)
    assert sorted(request["Key"] for request in requests(driver, "abort-multipart-upload")) == sorted(own)


def test_only_own_uploads_are_aborted(driver):
    open_uploads(driver, OWN, *FOREIGN, OWN)
    done = driver.run("delete", "--key-file", driver.keys(OWN))
    assert requests(driver, "abort-multipart-upload") == [
        {"Bucket": "some-bucket", "Key": OWN, "UploadId": "id 0"},
        {"Bucket": "some-bucket", "Key": OWN, "UploadId": f"id {len(FOREIGN) + 1}"},
    ]
    assert re.search(r"open uploads +2 aborted", done.out)


def removed(driver):
    """The folders of the bucket that were removed."""
    return (driver.stub / "removed").read_text().splitlines()


def test_the_folder_of_the_runs_answers_is_removed_and_no_other(driver):
    run = written(driver, "--key-prefix", "some/")
    assert re.fullmatch(r"some/terabit-runs/[0-9a-f]{32}/", answers_of(run))
    done = driver.run("delete")
    assert removed(driver) == [answers_of(run)] and f"{answers_of(run)} is empty" in done.out
    assert sorted(deleted(driver)) == sorted(keys_of(run))


@pytest.mark.parametrize("folder", ["", "some/", "terabit-runs/", "terabit-runs//"])
def test_a_folder_that_is_not_the_runs_own_is_never_removed(driver, folder):
    run = written(driver)
    (run / "run.json").write_text(json.dumps(read_json(run / "run.json") | {"answers": folder}))
    told = f'"{folder}"' if folder else "nothing"
    assert f'is damaged: run.json has "answers": {told}' in driver.run("delete", exit=2).err
    assert not (driver.stub / "removed").exists() and deleted(driver) == []


def test_answers_that_stay_are_told_with_the_permission(driver):
    run = written(driver)
    denied = "fatal error: An error occurred (AccessDenied) when calling the ListObjectsV2 operation: Access Denied"
    (driver.stub / "rm.fail").write_text(denied)
    done = driver.run("delete", exit=1)
    assert f"answers in {answers_of(run)}: AccessDenied, allow s3:ListBucket and s3:DeleteObject" in done.out
    assert read_json(run / "run.json")["deleted"] is None


def test_a_read_made_nothing_but_answers(driver):
    run = written(driver)
    driver.run("read", run)
    read = driver.runs()[1]
    done = driver.run("delete", read)
    assert deleted(driver) == [] and removed(driver) == [answers_of(read)]
    assert "those that it read stay" in done.out
    driver.run("read", run)


def test_a_key_file_that_is_a_runs_copy_is_that_run(driver):
    run = written(driver, "--key-file", "copy", "--bucket", "other-bucket")
    done = driver.run("delete", "--key-file", "copy")
    assert f"holds the keys of runs/{run.name}" in done.err
    assert [request["Bucket"] for request in requests(driver)] == ["other-bucket"]
    assert read_json(run / "run.json")["deleted"] is not None


def test_a_dry_run_changes_nothing(driver):
    run = interrupted_write(driver)
    open_uploads(driver, keys_of(run)[0], *FOREIGN)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    done = driver.run("delete", "--dry-run")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert deleted(driver) == requests(driver, "abort-multipart-upload") == []
    assert re.search(r"objects +2 keys\n", done.out) and re.search(r"open uploads +1 open\n", done.out)
    assert f"all below {answers_of(run)}\n" in done.out and not (driver.stub / "removed").exists()
    assert "nothing is deleted" in done.out
    assert re.search(r"up to 2 workers may still be at work, until \d\d:\d\d:\d\d UTC", done.out)


# Streams


def streams(driver, *listed, number=2, length=("--objects", 3)):
    """A run of streams, and what listings show."""
    driver.run("write", number, "4KiB", *length)
    run = driver.runs()[-1]
    keys = keys_of(run)
    contents = "".join(listed_key.format(*keys) + "\n" for listed_key in listed)
    (driver.stub / "below").write_text(contents)
    return run, keys


def test_of_a_stream_what_it_wrote_is_deleted_and_nothing_else(driver):
    strangers = ["{0}/x", "{0}/007", "{0}/1/2", "{1}/3", "{0}//1"]
    foreign = ["{0}", "{0}-x", "{0}S/0", "x/{0}/0", "None"]
    run, keys = streams(driver, "{0}/0", "{0}/2", "{1}/1", *foreign, *strangers)
    open_uploads(driver, f"{keys[0]}/2", keys[0], f"{keys[1]}/x", f"{keys[1]}/0")
    own = sorted([f"{keys[0]}/0", f"{keys[0]}/2", f"{keys[1]}/1"])
    done = driver.run("delete", "--dry-run")
    assert re.search(r"objects +3 objects of 2 streams\n", done.out) and re.search(r"open uploads +2 open\n", done.out)
    assert deleted(driver) == []
    done = driver.run("delete")
    assert sorted(deleted(driver)) == own
    aborted = [request["Key"] for request in requests(driver, "abort-multipart-upload")]
    assert sorted(aborted) == sorted([f"{keys[0]}/2", f"{keys[1]}/0"])
    listed = {request["Prefix"] for request in requests(driver, "list-objects-v2")}
    assert listed == {f"{key}/" for key in keys}, "a listing a key"
    text = " ".join(done.out.split())
    assert "3 objects of 2 streams deleted" in text
    assert "others stay 5 objects below the streams' keys, which the run did not write: " in text
    assert read_json(run / "run.json")["deleted"] is not None


def test_a_stream_by_time_can_have_a_million_objects(driver):
    _, keys = streams(driver, "{0}/999999", "{0}/1000000", length=("--for", 1, "--yes"))
    driver.run("delete")
    assert deleted(driver) == [f"{keys[0]}/999999"]


def test_many_streams_are_listed_at_once_below_their_common_prefix(driver):
    run, keys = streams(driver, "{0}/0", "{64}/1", "other/0", number=65)
    driver.run("delete")
    assert sorted(deleted(driver)) == sorted([f"{keys[0]}/0", f"{keys[64]}/1"])
    (listing,) = requests(driver, "list-objects-v2")
    assert listing == {"Bucket": "some-bucket", "Prefix": os.path.commonprefix(keys)}


@pytest.mark.parametrize(("bucket", "prefix"), [("some-bucket", "a/b"), ("some--use1-az4--x-s3", "a/")])
def test_the_common_prefix_ends_where_the_bucket_wants(bucket, prefix):
    program = 'include "delete/requests"; common_prefix($bucket)'
    command = ["jq", "-L", JQ, "--arg", "bucket", bucket, program]
    done = subprocess.run(command, input='["a/bc", "a/bd"]', check=True, capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout) == prefix


def test_streams_that_may_not_be_listed_are_left(driver):
    run, keys = streams(driver, "{0}/0")
    (driver.stub / "list-objects-v2.fail").write_text("An error occurred (AccessDenied) when calling it: no")
    done = driver.run("delete", exit=1)
    assert re.search(r"left +2 streams: AccessDenied, allow s3:ListBucket: ", done.out) and deleted(driver) == []
    assert read_json(run / "run.json")["deleted"] is None


def test_a_key_file_is_of_exact_keys(driver):
    _, keys = streams(driver, "{0}/0")
    driver.run("delete", "--key-file", driver.keys(keys[0]))
    assert deleted(driver) == [keys[0]] and not requests(driver, "list-objects-v2")


# What is left


def test_what_s3_refuses_is_left_with_its_reason(driver):
    run = written(driver)
    first, second, _ = keys_of(run)
    (driver.stub / "refusals").write_text(f"{first} AccessDenied\n{second} AccessDenied\n")
    done = driver.run("delete", exit=1)
    assert re.search(r"left +2 objects: AccessDenied, allow s3:DeleteObject: ", done.out)
    assert first in done.out and second in done.out and "1 key deleted" in done.out
    assert read_json(run / "run.json")["deleted"] is None and len(requests(driver)) == 1
    (driver.stub / "refusals").unlink()
    driver.run("delete")
    assert read_json(run / "run.json")["deleted"] is not None


def test_a_request_that_fails_leaves_its_keys(driver):
    written(driver)
    (driver.stub / "delete-objects.fail").write_text("An error occurred (MethodNotAllowed) when calling it: no")
    done = driver.run("delete", exit=1)
    assert re.search(r"left +3 objects: MethodNotAllowed", done.out) and "0 keys deleted" in done.out
    aws = driver.bin / "aws"
    aws.unlink()
    stub = ROOT / "tests" / "stub_aws"
    aws.write_text(f'#!/bin/sh\ncase $2 in delete-objects) kill -KILL $PPID;; esac\nexec "{stub}" "$@"\n')
    aws.chmod(0o755)
    done = driver.run("delete", exit=1)
    assert re.search(r"left +3 objects: NoAnswer, it did not come to an end", done.out)


def test_an_upload_that_outlives_its_abort_is_told(driver):
    run = written(driver)
    open_uploads(driver, keys_of(run)[0], *FOREIGN)
    (driver.stub / "stubborn").touch()
    done = driver.run("delete", exit=1)
    assert re.search(rf"left +1 upload: StillOpen, S3 took the abort .*: {keys_of(run)[0]}", " ".join(done.out.split()))
    assert sorted(deleted(driver)) == sorted(keys_of(run)), "the objects are deleted nevertheless"
    assert read_json(run / "run.json")["deleted"] is None, "a run with an upload left is not done"
    (driver.stub / "stubborn").unlink()
    assert "none was open" in driver.run("delete").out
    assert read_json(run / "run.json")["deleted"] is not None


def test_an_abort_that_is_denied_is_left_with_the_permission(driver):
    open_uploads(driver, OWN)
    (driver.stub / "abort-multipart-upload.fail").write_text("An error occurred (AccessDenied) when calling it: no")
    (driver.stub / "stubborn").touch()
    done = driver.run("delete", "--key-file", driver.keys(OWN), exit=1)
    assert len(requests(driver, "abort-multipart-upload")) == 1
    assert f"1 upload: AccessDenied, allow s3:AbortMultipartUpload: {OWN}" in done.out


def test_an_upload_that_has_gone_is_aborted(driver):
    open_uploads(driver, OWN)
    (driver.stub / "abort-multipart-upload.fail").write_text("An error occurred (NoSuchUpload) when calling it: gone")
    aws = driver.bin / "aws"
    aws.unlink()
    aws.write_text(
        f'#!/bin/sh\n[ "$2" != abort-multipart-upload ] || echo "{{}}" >"$STUB/uploads.json"\n'
        f'exec "{ROOT}/tests/stub_aws" "$@"\n'
    )
    aws.chmod(0o755)
    assert "1 aborted" in driver.run("delete", "--key-file", driver.keys(OWN)).out


def test_a_permission_that_is_missing_is_named(driver):
    written(driver)
    denied = "An error occurred (AccessDenied) when calling the operation: Access Denied"
    for name in ("uploads", "rm", "versioning"):
        (driver.stub / f"{name}.fail").write_text(denied)
    done = driver.run("delete", exit=1)
    for permission in ("s3:ListBucketMultipartUploads", "s3:ListBucket and s3:DeleteObject\n"):
        assert permission in done.out
    assert "whether the bucket keeps versions could not be asked for" in done.err
    assert "3 keys deleted" in done.out and "not known" in done.out
    assert read_json(driver.only_run() / "run.json")["deleted"] is None


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_versions_are_told(driver, status):
    (driver.stub / "versioning.json").write_text(json.dumps({"Status": status}))
    written(driver)
    done = driver.run("delete")
    assert f"({status}): what is deleted goes on costing" in done.out
    assert "aws s3api list-object-versions --bucket some-bucket" in done.out and "--version-id" in done.out


# Workers and other drivers


def test_it_waits_for_workers_that_may_still_be_writing(driver):
    driver.hasty()
    run = interrupted_write(driver, "--timeout", 15)
    (launch,) = read_json(run / "run.json")["launches"]
    assert time.time() < launch["until"]
    done = driver.run("delete")
    assert time.time() >= launch["until"], "nothing was deleted before"
    assert "up to 2 workers may still be at work" in done.err and "waiting for that" in done.err
    assert sorted(deleted(driver)) == sorted(keys_of(run))
    assert "waiting for that" not in driver.run("delete").err


def test_what_keeps_s3_from_being_asked_is_said_before_the_waiting(driver):
    run = interrupted_write(driver, "--timeout", 600)
    (driver.stub / "bucket.fail").write_text('Could not connect to the endpoint URL: "http://127.0.0.1:9"')
    done = driver.run("delete", run, exit=3)
    assert "AWS cannot be reached" in done.err and "waiting for that" not in done.err


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_while_waiting_leaves_everything(driver, sent):
    run = interrupted_write(driver, "--squad", 2)
    process = driver.start("delete", run, start_new_session=True)
    while "waiting for that" not in (line := process.stderr.readline()):
        assert line, "it has ended"
    assert (run / "lock").exists(), "nobody may resume it meanwhile"
    out, err = interrupt(process, sent)
    assert out == "" and "before anything was deleted" in err
    assert deleted(driver) == [] and processes_of(driver) == []
    assert not (run / "lock").exists() and list(driver.tmp.iterdir()) == []


def test_an_interruption_while_deleting_goes_on_next_time(driver):
    run = written(driver)
    (driver.stub / "delete-objects.slow").touch()
    process = driver.start("delete", start_new_session=True)
    deadline = time.time() + 60
    while not requests(driver):
        assert time.time() < deadline and process.poll() is None
        time.sleep(0.05)
    _, err = interrupt(process)
    assert "the same command goes on" in err and processes_of(driver) == []
    assert read_json(run / "run.json")["deleted"] is None and list(driver.tmp.iterdir()) == []
    (driver.stub / "delete-objects.slow").unlink()
    driver.run("delete")


def test_a_run_that_a_driver_works_on_is_refused(driver):
    other = written(driver)
    driver.behave("slow")
    process = driver.start("write", 1, 1, start_new_session=True)
    deadline = time.time() + 60
    while len(driver.calls()) < 4:
        assert time.time() < deadline and process.poll() is None
        time.sleep(0.05)
    for options in ([], ["--dry-run"]):
        done = driver.run("delete", other, driver.runs()[1], *options, exit=3)
        assert f"process {process.pid}" in done.err
    assert deleted(driver) == [], "not even the other run was touched"
    interrupt(process)


LOST = {"error": {"type": "Unanswered"}}


@pytest.mark.parametrize(
    ("launches", "records", "sent", "expected"),
    [
        ([1], [{"job": 0}, {"job": 1}], [], None),
        ([1], [{"job": 0}], [], None),
        ([1], [{"job": 0}], [[1]], (1, 0, 110)),
        ([1], [{"job": 0, "error": {"type": "Unanswered"}}, {"job": 1}], [], (1, 0, 110)),
        ([1], [{"job": 0, "error": {"type": "BadAnswer"}}, {"job": 1}], [], (1, 0, 110)),
        ([1], [{"job": 0, "error": {"type": "Lambda"}}, {"job": 1}], [], (1, 0, 110)),
        ([1], [{"job": 0, "error": {"type": "TimedOut"}}, {"job": 1}], [], None),
        ([2], [{"job": 0, "error": {"type": "TimedOut"}, "squad_failed": True}, {"job": 1}], [], (1, 0, 110)),
        ([2], [{"job": 0, "error": {"type": "Crashed"}}, {"job": 1}], [], None),
        ([2], [], [[0, 1]], (2, 1, 110)),
        # A launch begins when the workers of the one before have given up.
        ([1, 1], [{"job": 1}, {"job": 0} | LOST, {"job": 0, "launch": 2}], [], None),
        ([1, 1], [{"job": 0}, {"job": 1}], [[0]], (1, 0, 120)),
        ([1, 1], [{"job": 0, "launch": 2}], [], None),
        # Format 1 did not keep which jobs a further launch had.
        ([1, None], [{"job": 0}, {"job": 1}], [[0]], (1, 0, 120)),
        ([1, None], [{"job": 0}, {"job": 1}, {"job": 1, "launch": 2} | LOST], [], (1, 0, 120)),
    ],
)
def test_who_may_still_be_writing(tmp_path, launches, records, sent, expected):
    """Two jobs were launched, then one again; squads of so many."""
    run = {
        "launches": [
            {"n": n, "jobs": [[0, 2 - n]] if squad else None, "squad": squad or 1, "until": 100 + 10 * n}
            for n, squad in enumerate(launches, 1)
        ],
        "jobs": 2,
        "memory_mb": 512,
    }
    sent = [[{"job": job} for job in jobs] for jobs in sent]
    arguments = ["-L", JQ, "--slurpfile", "prices", part("prices.json"), "--argjson", "now", "0"]
    for name, values in {"run": [run], "sent": sent}.items():
        (tmp_path / name).write_text("".join(json.dumps(value) + "\n" for value in values))
        arguments += ["--slurpfile", name, tmp_path / name]
    done = subprocess.run(
        ["jq", "-n", "-R", "-f", part("working.jq"), *arguments],
        input="".join(json.dumps({"launch": 1} | record) + "\n" for record in records),
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    told = json.loads(done.stdout)
    found = re.match(r"up to (\d+) workers?(?: and (\d+) squads?)? may", told.get("text", ""))
    assert (found and (int(found[1]), int(found[2] or 0), told["until"])) == expected


# Refusals


def test_what_cannot_be_deleted_is_refused_before_anything_is(driver):
    assert "nothing to delete" in driver.run("delete", exit=2).err
    run = written(driver)
    path = driver.keys("k")
    for args, text in [
        ([run, "--bucket", "other-bucket"], "in the bucket some-bucket, not other-bucket"),
        ([run, "nowhere"], 'no run "nowhere"'),
        ([run, "--key-file", path], "give one of them"),
        (["--key-file", "none"], '"none" is not there'),
        (["--json"], '"--json"'),
    ]:
        assert re.search(text, driver.run("delete", *args, exit=2).err), args
    driver.env["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    assert "unset AWS_ENDPOINT_URL" in driver.run("delete", run, exit=3).err
    del driver.env["AWS_ENDPOINT_URL"]
    config = read_json(run / "run.json") | {"loopback": True}
    (run / "run.json").write_text(json.dumps(config))
    assert "was made on loopback" in driver.run("delete", run, exit=3).err
    del driver.env["BUCKET"]
    assert "no bucket is known" in driver.run("delete", "--key-file", path, exit=2).err
    assert deleted(driver) == []


@pytest.mark.parametrize(
    ("complaint", "remedy"),
    [
        ("An error occurred (NoSuchBucket) when calling the ListMultipartUploads operation: no", "--bucket names"),
        ("An error occurred (ExpiredToken) when calling the ListMultipartUploads operation: old", "aws sso login"),
        ("An error occurred (InvalidAccessKeyId) when calling the ListMultipartUploads operation", "aws configure"),
        ("An error occurred (PermanentRedirect) when calling the ListMultipartUploads operation", "AWS_REGION"),
        ('Could not connect to the endpoint URL: "http://x"', "network"),
    ],
)
def test_what_keeps_s3_from_being_asked_is_refused(driver, complaint, remedy):
    (driver.stub / "uploads.fail").write_text(complaint)
    done = driver.run("delete", "--key-file", driver.keys(OWN), exit=3)
    assert complaint in done.err and remedy in done.err and deleted(driver) == []


# On loopback


def test_2500_own_and_100_foreign_objects_and_uploads_of_both(local):
    local.serve()
    local.drive("write", 6, 1, "--squad", 3)
    run = local.run_of("write")
    own = keys_of(run) + [f"{n:05}-ü b/日本&<{n}" for n in range(2494)]
    (run / "keys.txt").write_text("".join(key + "\n" for key in own))
    job = ndjson(run / "jobs.ndjson")[0]
    jobs = [job | {"job": n, "key": key} for n, key in enumerate(own)]
    (run / "jobs.ndjson").write_text("".join(json.dumps(job) + "\n" for job in jobs))
    (run / "run.json").write_text(json.dumps(read_json(run / "run.json") | {"jobs": len(own)}))
    foreign = [f"{n:05}-Ü b/日本&<{n}" for n in range(80)] + [own[0].lower(), own[0][:-1], own[0] + "0", own[0] + "/"]
    foreign += [key + " " for key in own[6:14]]
    foreign += [f"{answers_of(run)[:-1]}0/1-000000.json", "terabit-runs/1-000000.json"]
    foreign += [f"other {n}" for n in range(100 - len(foreign))]
    assert len(own) == 2500 and len(set(own) | set(foreign)) == 2600
    bucket = Bucket(local.env)
    bucket.put(own[6:] + foreign)
    answers = {f"{answers_of(run)}1-00000{n}.json" for n in range(2)}
    assert bucket.keys() == {*own, *foreign, *answers}
    # More than a page of uploads that are not ours, among them those of keys like ours.
    strangers = [f"00000 {n}" for n in range(1100)] + [key + "x" for key in own[:5]] + foreign[:5]
    bucket.open(strangers + own[:3] + own[-2:] + own[:1])
    local.drive("delete", run, "--dry-run")
    assert bucket.keys() == {*own, *foreign, *answers}
    done = local.drive("delete", run)
    assert bucket.keys() == set(foreign)
    assert bucket.uploads() == sorted(strangers)
    assert "2,500 keys deleted" in done.out and "6 aborted" in done.out and "is empty" in done.out
    assert re.search(r"left +nothing", done.out)


def test_a_run_that_was_read_in_squads_leaves_an_empty_bucket(local):
    script = """
    "$D" write 4 1 --squad 2 --out "$RUNS" --key-prefix '-ü &/' >/dev/null || exit 9
    "$D" read --squad 2 --out "$RUNS" >/dev/null || exit 8
    "$D" delete "$RUNS"/*-read-* "$RUNS"/*-write-* --out "$RUNS" || exit 7
    aws s3api list-objects-v2 --bucket "$BUCKET" --query KeyCount
    "$D" read --out "$RUNS"
    """
    done = local(script, exit=2)
    assert done.stdout.splitlines()[-1] in ("0", "null") and done.stdout.count("is empty") == 2
    assert "were deleted at" in done.stderr


def test_workers_that_outlive_their_driver_leave_nothing(local):
    local.serve("--worker-rate", 4)
    options = ["--part-mb", 5, "--start-in", 0, "--timeout", 8]
    process = local.start("write", 2, 100, *options)
    bucket = Bucket(local.env)
    deadline = time.time() + 60
    while len(bucket.uploads()) < 2:
        assert time.time() < deadline and process.poll() is None
        time.sleep(0.1)
    _, err = interrupt(process)
    assert "up to 2 workers may still be at work" in err
    done = local.drive("delete")
    assert "up to 2 workers may still be at work" in done.err
    assert bucket.keys() == set() and bucket.uploads() == []
    # What a worker that was killed leaves: nobody aborts it.
    (key, _) = keys_of(local.run_of("write"))
    bucket.open([key])
    assert "1 aborted" in local.drive("delete").out and bucket.uploads() == []


def test_streams_whose_workers_and_driver_were_killed_leave_nothing(local):
    local.serve("--worker-rate", 20)
    hasty = local.env | HASTY
    options = ["--part-mb", 5, "--in-flight", 4, "--start-in", 0, "--for", 6, "--timeout", 9]
    process = local.start("write", 2, "12MiB", *options, env=hasty)
    bucket = Bucket(local.env)
    wait_for(lambda: len(bucket.keys()) > 2 and len(bucket.uploads()) > 1, process)
    process.kill()
    for worker in local.workers():
        os.kill(worker, signal.SIGKILL)
    process.wait(60)
    key, other = keys_of(local.run_of("write"))
    foreign = [f"{key}-x", f"{key}S/0", f"{key}/x", key]
    bucket.put(foreign)
    bucket.open([f"{other}/x", f"{other}S/1"])
    done = local.drive("delete", env=hasty)
    assert bucket.keys() == set(foreign) and bucket.uploads() == sorted([f"{other}/x", f"{other}S/1"])
    assert f"did not write: {key}/x" in " ".join(done.out.split())
    assert read_json(local.run_of("write") / "run.json")["deleted"] is not None
