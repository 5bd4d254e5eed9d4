"""What the conductor itself asks of S3, with the botocore of the project's own AWS CLI."""

import awscli.botocore.session
from awscli.botocore.config import Config
from settings import MIB


def client(service):
    return made("s3", service.url, service, s3={"addressing_style": "path"}, signature_version="s3v4")


def lambda_client(service):
    """Its answers are waited for as long as a job may take, and no job is done twice."""
    url = service.env["AWS_ENDPOINT_URL_LAMBDA"]
    return made("lambda", url, service, read_timeout=900, max_pool_connections=256, retries={"total_max_attempts": 1})


def made(name, url, service, **config):
    session = awscli.botocore.session.get_session({"profile": (None, None, None, None)})
    return session.create_client(
        name,
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id=service.env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=service.env["AWS_SECRET_ACCESS_KEY"],
        verify=service.tls,
        config=Config(**config),
    )


def size_of(service, bucket, key):
    """The size of an object that is there."""
    return client(service).head_object(Bucket=bucket, Key=key)["ContentLength"]


def number_of(service, bucket, prefix):
    """How many objects there are below a prefix."""
    pages = client(service).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return sum(page["KeyCount"] for page in pages)


def spans(size, length):
    """(offset, length) of the parts or ranges of an object."""
    return [(offset, min(length, size - offset)) for offset in range(0, size, length)]


def presigned(job, service):
    """(target, offset, length) of the requests that move a job's object: parts of an upload that nobody completes, or
    ranges of one that is there."""
    asked = client(service)
    where = {"Bucket": job.bucket, "Key": job.key}
    requests = []
    if job.op == "write":
        for upload in asked.list_multipart_uploads(Bucket=job.bucket).get("Uploads", []):
            asked.abort_multipart_upload(Bucket=job.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        where["UploadId"] = asked.create_multipart_upload(**where)["UploadId"]
    for number, (offset, length) in enumerate(spans(job.size, job.part_mb * MIB), 1):
        if job.op == "write":
            url = asked.generate_presigned_url("upload_part", where | {"PartNumber": number})
        else:
            url = asked.generate_presigned_url("get_object", where)
        requests.append(("/" + url.split("/", 3)[3], offset, length))
    return requests
