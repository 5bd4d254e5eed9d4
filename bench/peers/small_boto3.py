"""boto3: many small objects, by one client that as many threads share as there are requests in flight."""

from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from job import Source, run


def transfers(job):
    client = boto3.client("s3", endpoint_url=job.url, config=Config(max_pool_connections=job.in_flight))
    body = Source(job.size).read()

    def write(number):
        client.put_object(Bucket=job.bucket, Key=f"{job.key}/{number}", Body=body)
        return len(body)

    def read(number):
        return len(client.get_object(Bucket=job.bucket, Key=f"{job.key}/{number}")["Body"].read())

    def move():
        with ThreadPoolExecutor(job.in_flight) as pool:
            return sum(pool.map(write if job.op == "write" else read, range(job.objects)))

    return move


if __name__ == "__main__":
    run(boto3.__version__, transfers)
