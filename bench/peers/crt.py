"""awscrt: AWS's C client for S3, through its Python bindings, with its own part buffers and event loops. Payloads are
neither signed nor checksummed, as the worker's are not."""

from concurrent.futures import Future
from urllib.parse import urlsplit

import awscrt
from awscrt.auth import AwsCredentialsProvider, AwsSignedBodyValue, AwsSigningAlgorithm, AwsSigningConfig
from awscrt.http import HttpHeaders, HttpRequest
from awscrt.io import (
    ClientBootstrap,
    ClientTlsContext,
    DefaultHostResolver,
    EventLoopGroup,
    TlsContextOptions,
)
from awscrt.s3 import S3Client, S3RequestTlsMode, S3RequestType
from job import MIB, Source, run


def transfers(job):
    loops = EventLoopGroup()
    bootstrap = ClientBootstrap(loops, DefaultHostResolver(loops))
    signing = AwsSigningConfig(
        algorithm=AwsSigningAlgorithm.V4,
        credentials_provider=AwsCredentialsProvider.new_environment(),
        region="us-east-1",
        service="s3",
        signed_body_value=AwsSignedBodyValue.UNSIGNED_PAYLOAD,
        use_double_uri_encode=False,
        should_normalize_uri_path=False,
    )
    options = None
    if job.tls:
        trust = TlsContextOptions()
        trust.override_default_trust_store_from_path(ca_dirpath=None, ca_filepath=job.tls)
        options = ClientTlsContext(trust).new_connection_options()
    client = S3Client(
        bootstrap=bootstrap,
        region="us-east-1",
        signing_config=signing,
        tls_mode=S3RequestTlsMode.ENABLED if job.tls else S3RequestTlsMode.DISABLED,
        tls_connection_options=options,
        part_size=job.part_mb * MIB,
        max_active_connections_override=job.in_flight,
    )
    host = urlsplit(job.url)
    headers = HttpHeaders([("host", host.netloc)])
    target = f"/{job.bucket}/{job.key}"
    received = [0]

    def count(chunk, **_):
        received[0] += len(chunk)

    def move(kind, request, **more):
        done = Future()

        def finished(error, **_):
            done.set_exception(error) if error else done.set_result(None)

        # It stays referenced until it has finished.
        asked = client.make_request(type=kind, request=request, on_done=finished, **more)
        done.result()
        del asked

    def write():
        headers.add("content-length", str(job.size))
        move(S3RequestType.PUT_OBJECT, HttpRequest("PUT", target, headers, Source(job.size)))
        return job.size

    def read():
        move(S3RequestType.GET_OBJECT, HttpRequest("GET", target, headers), on_body=count)
        return received[0]

    return write if job.op == "write" else read


if __name__ == "__main__":
    run(awscrt.__version__, transfers)
