"""boto3, as the 2016 benchmark used it: one PutObject from a file-like object, one GetObject read a MiB at a time, each
over one connection. Part size and requests in flight mean nothing to it. It signs payloads over HTTP and adds a
checksum, as it does where nobody says otherwise."""

import boto3
from job import MIB, Source, run


def transfers(job):
    client = boto3.client("s3", endpoint_url=job.url)

    def write():
        client.put_object(Bucket=job.bucket, Key=job.key, Body=Source(job.size))
        return job.size

    def read():
        body, size = client.get_object(Bucket=job.bucket, Key=job.key)["Body"], 0
        while piece := body.read(MIB):
            size += len(piece)
        return size

    return write if job.op == "write" else read


if __name__ == "__main__":
    run(boto3.__version__, transfers)
