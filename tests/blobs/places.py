"""The backends of the blob store, each where a test can open it again, and what contract tests do with them."""

import asyncio
import errno
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests import buckets, object_servers
from tests.blobs.sealing import SealedStore

from holdfast.blobs.files import Files
from holdfast.blobs.key import new_key
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.memory import MemoryBlobs
from holdfast.blobs.port import BLOCK, BlobStore, Received, Staging

STAGING = ["local", "local without O_DIRECT", "memory"]
"""The backends that can append."""
SEALED = ["sealed over local", "sealed over memory"]
"""The backends that encrypt."""
BUCKETS = ["s3", "strict s3", "azure", "google", "sealed over s3"]
"""The backends that ask a real object store."""
PLAIN = BUCKETS[:4]
"""Those of them that keep what they are given."""
BACKENDS = [*STAGING, "memory without staging", *SEALED, *BUCKETS]
INSTALLATION = buckets.INSTALLATION
KEY = new_key(1_700_000_000_000_000)
OTHER = new_key(1_700_000_000_000_001)
LONG = bytes(range(251)) * 21_000
"""More than five blocks, of no round size."""


class NoDirect(Files):
    """A file system without O_DIRECT."""

    def set_direct(self, fd: int, direct: bool) -> None:
        raise OSError(errno.EINVAL, "no O_DIRECT here")


class Place:
    """Where a backend keeps its bytes: stores made from it are the same store, opened again."""

    def __init__(self, make: Callable[[], BlobStore]) -> None:
        self.store = make

    def run(self, scenario: Callable[[BlobStore], Awaitable[None]]) -> None:
        """Run `scenario` on an open store."""

        async def main() -> None:
            store = self.store()
            await store.open(INSTALLATION)
            try:
                await scenario(store)
            finally:
                await store.close()

        asyncio.run(main())


def make_place(backend: str, tmp_path: Path) -> Place:
    """Return the place of one of BACKENDS."""
    if backend in BUCKETS:
        servers = {
            "strict s3": object_servers.strict_bucket,
            "azure": object_servers.azure_bucket,
            "google": object_servers.google_bucket,
        }
        place = servers.get(backend, object_servers.bucket)()
        return Place(place.store if backend in PLAIN else lambda: SealedStore(place.store()))
    root = str(tmp_path / "blobs")
    memory, bucket = MemoryBlobs(), MemoryBlobs(appends=False)
    makers: dict[str, Callable[[], BlobStore]] = {
        "local": lambda: LocalBlobs(root, threads=4),
        "local without O_DIRECT": lambda: LocalBlobs(root, NoDirect(), threads=4),
        "memory": lambda: memory,
        "memory without staging": lambda: bucket,
        "sealed over local": lambda: SealedStore(LocalBlobs(root, threads=4)),
        "sealed over memory": lambda: SealedStore(bucket),
    }
    return Place(makers[backend])


def digest(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def staging(store: BlobStore) -> Staging:
    """The staged uploads of a store that has them."""
    assert store.staging is not None
    return store.staging


async def stage(store: BlobStore, name: str, data: bytes, *, at: int = 0, state: bytes | None = None) -> Received:
    async with staging(store).receive(name, "sha256", at=at, state=state) as receiver:
        await receiver.write(data)
        return await receiver.checkpoint()


async def write(
    store: BlobStore,
    key: str,
    data: bytes,
    *,
    step: int = BLOCK,
    state: bytes | None = None,
    known: bool = True,
    algorithm: str = "sha256",
) -> Received:
    """Make object `key` of `data` by a writer, in pieces of `step`."""
    async with store.create(key, algorithm, state=state, size=len(data) if known else None) as writer:
        for at in range(0, len(data), step):
            await writer.write(data[at : at + step])
        assert writer.written == len(data)
        return await writer.finish()


async def whole(store: BlobStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    size = await store.size(key)
    assert size is not None
    return b"".join([chunk async for chunk in store.chunks(key, start, size if end is None else end)])


async def listed(store: BlobStore) -> list[str]:
    return sorted(key for keys in await lists(store) for key in keys)


async def lists(store: BlobStore) -> list[list[str]]:
    return [keys async for keys in store.keys()]  # noqa: SIM118 -- no mapping
