"""A whole store whose objects are encrypted, for the suites that every backend runs."""

from collections.abc import AsyncIterator
from pathlib import Path

from holdfast.blobs.port import BlobStore
from holdfast.blobs.sealed import SealedBlobs

DATA_KEY = bytes(range(32))


class SealedStore(SealedBlobs):
    """`store` with its objects sealed under DATA_KEY. It stages nothing and signs nothing, as where content is
    encrypted."""

    staging = None

    def __init__(self, store: BlobStore) -> None:
        super().__init__(store, DATA_KEY)
        self.store = store

    async def open(self, installation: str) -> None:
        await self.store.open(installation)

    def sign(self, key: str, seconds: int) -> str | None:
        self.store.sign(key, seconds)
        return None

    def keys(self) -> AsyncIterator[list[str]]:
        return self.store.keys()

    async def mark(self, name: str) -> str | None:
        return await self.store.mark(name)

    async def set_mark(self, name: str, text: str) -> None:
        await self.store.set_mark(name, text)

    async def clear(self, before: int) -> int:
        return await self.store.clear(before)

    def free(self) -> int:
        return self.store.free()

    async def close(self) -> None:
        await self.store.close()


def object_file(root: Path, key: str) -> Path:
    """The file of object `key` in a local store under `root`."""
    return root / "objects" / key[-2:] / key
