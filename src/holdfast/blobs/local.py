"""The blob store on local files. See port.BlobStore for the life-cycle, volume.py for the layout on disk.

All blocking work runs in the store's own threads, except reading what memory holds (reading.py).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Self

from holdfast.blobs.errors import translated
from holdfast.blobs.files import Files
from holdfast.blobs.key import check_installation, check_key, check_mark, check_mark_text, check_name
from holdfast.blobs.port import Received, check_range, check_seconds
from holdfast.blobs.reading import Reader
from holdfast.blobs.receiving import Backlog, LocalReceiver
from holdfast.blobs.running_hash import RunningHash, check_algorithm
from holdfast.blobs.shelf import Shelf
from holdfast.blobs.staged import Equipment, StagedFile
from holdfast.blobs.threads import Threads
from holdfast.blobs.volume import SHARDS, Volume
from holdfast.blobs.writing import StagedWriter, staged_name

THREADS = 16
_KEYS = 1000


class LocalBlobs:
    """Blobs as files under directory `root`, made when opened. `threads` bounds the work that runs at once."""

    def __init__(self, root: str, files: Files | None = None, threads: int = THREADS) -> None:
        self._files = files or Files()
        self._volume = Volume(root, self._files)
        self._shelf = Shelf(self._volume)
        self._threads = Threads(threads)
        self._reader = Reader(self._volume, self._threads)
        self._equipment = Equipment()
        self._backlog = Backlog()
        self._live: dict[str, LocalReceiver] = {}

    async def open(self, installation: str) -> None:
        """Make directories and marker. See port.BlobStore."""
        check_installation(installation)
        await self._threads.run(lambda: self._volume.open(installation))

    def receive(self, name: str, algorithm: str, *, at: int = 0, state: bytes | None = None) -> LocalReceiver:
        """Return a receiver for a staged upload. See port.Staging."""
        check_name(name)
        check_algorithm(algorithm)
        check_range(0, at)

        def hashing() -> RunningHash | None:
            running = RunningHash(algorithm, state)
            return running if running.length == at else None

        return self._receiver(name, at, hashing)

    def _receiver(self, name: str, at: int, hashing: Callable[[], RunningHash | None]) -> LocalReceiver:
        def opener() -> StagedFile:
            return StagedFile(self._volume, self._equipment, name, at=at, hashing=hashing)

        return LocalReceiver(opener, self._threads, self._backlog, self._live, name=name, at=at)

    def create(
        self, key: str, algorithm: str | None, *, state: bytes | None = None, size: int | None = None
    ) -> StagedWriter:
        """Return a writer of an object. See port.BlobStore."""
        if algorithm is not None:
            check_algorithm(algorithm)
        check_range(0, size or 0)
        name = staged_name(check_key(key))
        return StagedWriter(self._receiver(name, 0, lambda: RunningHash.going_on(algorithm, state)), key)

    @property
    def staging(self) -> Self:
        """The store itself: a file can be appended to."""
        return self

    def sign(self, key: str, seconds: int) -> None:
        """Return None: files have no address. See port.BlobStore."""
        check_key(key)
        check_seconds(seconds)

    def place(self, key: str) -> str:
        """Return where the file of object `key` lies below `ROOT/objects`, for another program that reads it."""
        return self._volume.place(check_key(key))

    async def publish(self, name: str, key: str) -> None:
        """Make a staged upload an object. See port.Staging."""
        check_name(name)
        check_key(key)
        receiver = self._live.get(name)
        if receiver is not None:
            await receiver.publish(key)
        else:
            await self._threads.run(lambda: self._shelf.publish(name, key))

    async def put(self, key: str, chunks: Sequence[bytes], algorithm: str) -> Received:
        """Make a small object in one job. See port.BlobStore."""
        check_key(key)
        check_algorithm(algorithm)
        return await self._threads.run(lambda: self._shelf.put(key, chunks, algorithm))

    async def drop(self, name: str) -> None:
        """Remove a staged upload. See port.Staging."""
        check_name(name)
        await self._threads.run(lambda: self._shelf.drop(name))

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Return a short range of an object. See port.BlobStore."""
        return await self._reader.read(check_key(key), start, end)

    def chunks(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield a range of an object. See port.BlobStore."""
        return self._reader.chunks(check_key(key), start, end)

    async def size(self, key: str) -> int | None:
        """Return an object's size. See port.BlobStore."""
        check_key(key)
        return await self._threads.run(lambda: self._shelf.size(key))

    async def delete(self, key: str) -> None:
        """Remove an object. See port.BlobStore."""
        check_key(key)
        await self._threads.run(lambda: self._shelf.delete(key))

    async def keys(self) -> AsyncIterator[list[str]]:
        """Yield all keys, directory by directory. See port.BlobStore."""
        await self._threads.run(self._volume.check_there)
        shards = iter(SHARDS)
        while found := await self._threads.run(lambda: self._shelf.keys(shards, _KEYS)):
            for at in range(0, len(found), _KEYS):
                yield found[at : at + _KEYS]

    async def staged(self) -> list[str]:
        """Return the names of all staged uploads. See port.Staging."""
        return await self._threads.run(self._shelf.staged)

    async def mark(self, name: str) -> str | None:
        """Return a mark. See port.BlobStore."""
        check_mark(name)
        return await self._threads.run(lambda: self._shelf.mark(name))

    async def set_mark(self, name: str, text: str) -> None:
        """Set a mark. See port.BlobStore."""
        check_mark(name, to_set=True)
        check_mark_text(text)
        await self._threads.run(lambda: self._shelf.set_mark(name, text))

    async def clear(self, before: int) -> int:
        """Return 0: what a writer leaves is a staged upload. See port.BlobStore."""
        return 0

    def free(self) -> int:
        """Return the bytes that may still be written. See port.BlobStore."""
        self._volume.check_writable()
        with translated():
            found = self._files.statvfs(self._volume.root)
        return found.f_bavail * found.f_frsize

    async def digest(self, key: str, algorithm: str) -> str:
        """Return the digest of an object, read whole. See port.BlobStore."""
        check_algorithm(algorithm)
        return await self._reader.digest(check_key(key), algorithm)

    def chunks_staged(self, name: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield a range of a staged upload. See port.Staging."""
        return self._reader.chunks_staged(check_name(name), start, end)

    async def digest_staged(self, name: str, algorithm: str, length: int) -> str:
        """Return the digest of a staged upload's beginning. See port.Staging."""
        check_algorithm(algorithm)
        return await self._reader.digest_staged(check_name(name), algorithm, length)

    async def close(self) -> None:
        """Finish what was handed to threads. See port.BlobStore."""
        self._volume.close()
        await self._threads.close()
        self._equipment.close()
