"""One push through everything that the local store can do, and the look at what is left of it."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from holdfast.blobs.errors import BlobError
from holdfast.blobs.files import Files
from holdfast.blobs.key import new_key
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.port import BLOCK, Received

SMALL = b"small" * 1_000
BIG = os.urandom(BLOCK + 4096 + 77)
GONE, PUT, PUBLISHED, RESUMED = (new_key(n) for n in range(4))
CONTENT = {GONE: b"gone", PUT: SMALL, PUBLISHED: BIG + SMALL, RESUMED: SMALL + BIG}


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Told:
    """What the store has acknowledged."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, bytes] = {}
        self.dropped: set[str] = set()

    def kept(self, name: str, data: bytes, received: Received) -> None:
        assert received.size == len(data)
        assert received.digest in (None, digest(data))
        self.uploads[name] = data


async def push(store: LocalBlobs, told: Told) -> None:
    """Do everything that the store can do; every step may fail, and the next is tried all the same."""
    for step in (_put, _publish_inside, _publish_outside, _leave, _drop, _delete, _read):
        with suppress(BlobError):
            await step(store, told)


async def _put(store: LocalBlobs, told: Told) -> None:
    assert (await store.put(PUT, [SMALL[:10], SMALL[10:]], "sha256"))[:2] == (len(SMALL), digest(SMALL))
    told.objects[PUT] = SMALL


async def _publish_inside(store: LocalBlobs, told: Told) -> None:
    async with store.receive("inside", "sha256") as receiver:
        await receiver.write(BIG)
        told.kept("inside", BIG, await receiver.checkpoint())
        await receiver.write(SMALL)
        told.kept("inside", BIG + SMALL, await receiver.checkpoint())
        del told.uploads["inside"]
        await store.publish("inside", PUBLISHED)
        told.objects[PUBLISHED] = BIG + SMALL


async def _publish_outside(store: LocalBlobs, told: Told) -> None:
    async with store.receive("outside", "sha256") as receiver:
        await receiver.write(SMALL)
        received = await receiver.checkpoint()
        told.kept("outside", SMALL, received)
    async with store.receive("outside", "sha256", at=len(SMALL), state=received.state) as receiver:
        await receiver.write(BIG)
        await receiver.checkpoint()
        await receiver.rollback()
        await receiver.write(BIG)
        told.kept("outside", SMALL + BIG, await receiver.checkpoint())
    del told.uploads["outside"]
    await store.publish("outside", RESUMED)
    told.objects[RESUMED] = SMALL + BIG


async def _leave(store: LocalBlobs, told: Told) -> None:
    async with store.receive("left", "sha256") as receiver:
        await receiver.write(BIG)
        told.kept("left", BIG, await receiver.checkpoint())
        await receiver.write(BIG)
    async with store.receive("left", "sha256", at=len(BIG)) as receiver:
        await receiver.write(BIG)


async def _drop(store: LocalBlobs, told: Told) -> None:
    async with store.receive("dropped", "sha256") as receiver:
        await receiver.checkpoint()
    await store.drop("dropped")
    told.dropped.add("dropped")


async def _delete(store: LocalBlobs, told: Told) -> None:
    await store.put(GONE, [CONTENT[GONE]], "sha256")
    told.objects[GONE] = CONTENT[GONE]
    del told.objects[GONE]
    await store.delete(GONE)
    told.dropped.add(GONE)


async def _read(store: LocalBlobs, told: Told) -> None:
    for key, data in told.objects.items():
        assert await store.size(key) == len(data)
        assert await store.read(key, 5, 500) == data[5:500]
        assert b"".join([chunk async for chunk in store.chunks(key, 0, len(data))]) == data
        assert await store.digest(key, "sha256") == digest(data)
    for name, data in told.uploads.items():
        assert name in await store.staged()
        assert await store.digest_staged(name, "sha256", len(data)) == digest(data)
    assert told.objects.keys() <= {key async for keys in store.keys() for key in keys}  # noqa: SIM118
    assert store.free() > 0


async def check(store: LocalBlobs, told: Told, *, drops_last: bool = True) -> None:
    """Hold what a store shows against what was told."""
    shown = {key async for keys in store.keys() for key in keys}  # noqa: SIM118 -- no mapping
    assert told.objects.keys() <= shown
    for key in shown:
        size = await store.size(key)
        assert size is not None
        assert b"".join([chunk async for chunk in store.chunks(key, 0, size)]) == CONTENT[key], "half an object"
    if drops_last:
        assert not told.dropped & (shown | set(await store.staged()))
    for name, data in told.uploads.items():
        async with store.receive(name, "sha256", at=len(data)) as receiver:
            await receiver.checkpoint()
        assert await store.digest_staged(name, "sha256", len(data)) == digest(data)
    for name in await store.staged():
        await store.drop(name)
    assert await store.staged() == []
    for key in CONTENT.keys() - shown:
        await store.put(key, [b"again"], "sha256")


@asynccontextmanager
async def opened(root: Path, files: Files | None = None, threads: int = 2) -> AsyncIterator[LocalBlobs]:
    store = LocalBlobs(str(root), files, threads)
    try:
        await store.open("installation")
        yield store
    finally:
        await store.close()


def make_empty(parent: Path) -> Path:
    """Make an empty store, to be copied."""
    root = parent / "blobs"

    async def make() -> None:
        async with opened(root):
            pass

    asyncio.run(make())
    return root


def descriptors() -> int:
    """Count this process's open files."""
    return len(os.listdir("/proc/self/fd"))
