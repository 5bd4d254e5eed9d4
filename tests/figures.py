"""Runs and records for tests of what is reported. Times are seconds after EPOCH, a moment that a run can have."""

EPOCH = 1_700_000_000


def job(start, stop, size=0, **more):
    return {"start": EPOCH + start, "stop": EPOCH + stop, "bytes": size, "mbps": size / (stop - start) / 1e6, **more}


def failure(type="ShortBody", message="half came", **more):
    """A job that failed, with no times unless they are given."""
    return {"error": {"type": type, "message": message}, **more}


def failed(start, stop, size=0, **more):
    return {"start": EPOCH + start, "stop": EPOCH + stop, "bytes": size, **failure(), **more}


def a_run(jobs, *launches, **more):
    """run.json in format 2, with one launch for each dict of what it does not share with the others."""
    run = {
        "format": 2,
        "id": "0123456789abcdef0123456789abcdef",
        "op": "write",
        "jobs": jobs,
        "bucket": "b",
        "function": "terabit",
        "region": "eu-west-1",
        "answers": "terabit-runs/0123456789abcdef0123456789abcdef/",
        "mb_per_file": 64,
        "part_mb": 64,
        "in_flight": 8,
        "memory_mb": 2048,
        "arch": "arm64",
        "timeout_s": 900,
        "network_mbps": 78.125,
        "loopback": False,
        "reads": None,
        "deleted": None,
        **more,
    }
    common = {
        "jobs": [[0, jobs - 1]],
        "squad": 16,
        "version": "0.1.0",
        "start_in_s": 10,
        "start_at": EPOCH,
        "launch": EPOCH - 10,
        "until": EPOCH + 1000,
        "end": EPOCH + 20,
        "interrupted": None,
        "throttled": 0,
    }
    return {**run, "launches": [{"n": n, **common, **one} for n, one in enumerate(launches or ({},), 1)]}
