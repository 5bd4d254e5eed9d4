"""obstore: Rust's object_store through its Python bindings. A write is one upload in parts; a read is ranges side by
side, each received as a stream in pieces of a MiB, which costs it least: one GetObject is one connection."""

import asyncio
from pathlib import Path

import obstore
from job import MIB, Source, run
from obstore.store import S3Store


def transfers(job):
    options = {"allow_http": True}
    if job.tls:
        options["root_certificate"] = Path(job.tls).read_text()
    store = S3Store(
        job.bucket,
        endpoint=job.url,
        region="us-east-1",
        unsigned_payload=True,
        virtual_hosted_style_request=False,
        client_options=options,
    )
    part = job.part_mb * MIB

    def write():
        source = Source(job.size)
        pieces = iter(lambda: source.read(MIB), b"")
        obstore.put(store, job.key, pieces, use_multipart=True, chunk_size=part, max_concurrency=job.in_flight)
        return job.size

    async def receive(begin, turn):
        async with turn:
            end = min(begin + part, job.size)
            answer = await obstore.get_async(store, job.key, options={"range": (begin, end)})
            return sum([len(piece) async for piece in answer.stream(min_chunk_size=MIB)])

    async def ranges():
        turn = asyncio.Semaphore(job.in_flight)
        return sum(await asyncio.gather(*[receive(begin, turn) for begin in range(0, job.size, part)]))

    return write if job.op == "write" else lambda: asyncio.run(ranges())


if __name__ == "__main__":
    run(obstore.__version__, transfers)
