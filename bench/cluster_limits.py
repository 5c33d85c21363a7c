"""The limits that a cluster is read against: the object store's library alone, and reading with the cipher alone."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.backends import Backends
from bench.cluster_page import CIPHER, GET, PLAIN, PUT
from bench.content import MIB
from bench.limits import Limit

_SIZE = 256 * MIB
_FRAME = 65536


def limits(place: Path, given: Backends, rounds: int) -> list[Limit]:
    """The library alone against the same S3 server, and a file's bytes with the cipher alone."""
    puts, gets = zip(*(asyncio.run(_library(given)) for _ in range(rounds)), strict=True)
    file = place / "plain"
    file.write_bytes(os.urandom(MIB) * 256)
    plain = median(_timed(lambda: _chunks(file, cipher=False)) for _ in range(rounds))
    cipher = median(_timed(lambda: _chunks(file, cipher=True)) for _ in range(rounds))
    file.unlink()
    return [
        Limit(PUT, _SIZE / median(puts) / 1e6, "MB/s"),
        Limit(GET, _SIZE / median(gets) / 1e6, "MB/s"),
        Limit(PLAIN, _SIZE / plain / 1e6, "MB/s"),
        Limit(CIPHER, _SIZE / cipher / 1e6, "MB/s"),
    ]


async def _library(given: Backends) -> tuple[float, float]:
    """Seconds of a streamed put and a streamed get of 256 MiB, with the settings that holdfast uses."""
    import obstore
    from obstore.store import S3Store

    store = S3Store(
        "bench",
        endpoint=given.endpoint,
        access_key_id=given.environment["AWS_ACCESS_KEY_ID"],
        secret_access_key=given.environment["AWS_SECRET_ACCESS_KEY"],
        region="us-east-1",
        virtual_hosted_style_request=False,
        unsigned_payload=True,
        client_options={"allow_http": True, "timeout": "1h"},
    )
    block = os.urandom(MIB)
    began = time.perf_counter()
    async with obstore.open_writer_async(store, "limit", buffer_size=8 * MIB, max_concurrency=4) as writer:
        for _ in range(_SIZE // MIB):
            await writer.write(block)
    put = time.perf_counter() - began
    began = time.perf_counter()
    result = await obstore.get_async(store, "limit")
    size = 0
    async for piece in result.stream(min_chunk_size=MIB):
        size += len(piece)
    get = time.perf_counter() - began
    await obstore.delete_async(store, "limit")
    if size != _SIZE:
        raise RuntimeError("the object came back with another size")
    return put, get


def _chunks(file: Path, *, cipher: bool) -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    aead, nonce = AESGCM(bytes(32)), bytearray(12)
    with file.open("rb", buffering=0) as opened:
        number = 0
        while block := opened.read(MIB):
            if cipher:
                view = memoryview(block)
                for at in range(0, len(block), _FRAME):
                    number += 1
                    nonce[4:] = number.to_bytes(8, "big")
                    aead.encrypt(bytes(nonce), view[at : at + _FRAME], None)


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
