"""The blob store in memory, for tests: the life-cycle of port.BlobStore on dictionaries, durable as long as it lives.

It never blocks and needs no threads. Opening and closing it again stands for a restart: what checkpoints did not cover
is not there any more only because receivers cut it off, since nothing here can crash.
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Self

from holdfast.blobs.errors import Busy, ForeignStore, Lost, Missing, Unavailable
from holdfast.blobs.key import check_installation, check_key, check_mark, check_mark_text, check_name
from holdfast.blobs.port import BLOCK, Received, Staging, check_range, check_seconds
from holdfast.blobs.running_hash import RunningHash, check_algorithm
from holdfast.blobs.writing import StagedWriter, staged_name

_KEYS = 1000


class MemoryReceiver:
    """One staged upload being appended to. See port.Receiver."""

    def __init__(self, store: "MemoryBlobs", name: str, *, at: int, hashing: Callable[[], RunningHash | None]) -> None:
        self._store = store
        self._name = name
        self._at = at
        self._first_hash = hashing
        self._kept: int | None = None
        self._data: bytearray | None = None
        self._beyond = False
        self._hash = hashing()

    @property
    def offset(self) -> int:
        """Bytes of the upload so far."""
        return self._at if self._data is None or self._beyond else len(self._data)

    async def __aenter__(self) -> Self:
        self._store.check_writable()
        if self._name in self._store.live:
            raise Busy
        uploads = self._store.uploads
        if len(uploads.get(self._name, b"")) < self._at:
            raise Lost
        self._data = uploads.setdefault(self._name, bytearray())
        self._store.live[self._name] = self
        self._beyond = len(self._data) > self._at
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._store.live.get(self._name) is not self:
            return
        del self._store.live[self._name]
        if self._beyond:
            self._data = None
            return
        if self._kept is None and self._at == 0:
            del self._store.uploads[self._name]
        else:
            del self._store.uploads[self._name][self._at if self._kept is None else self._kept :]
        self._data = None

    async def write(self, chunk: bytes) -> None:
        """Append `chunk`. See port.Receiver."""
        data = self._writable()
        data += chunk
        if self._hash is not None:
            self._hash.update(chunk)

    async def checkpoint(self) -> Received:
        """Keep every byte so far. See port.Receiver."""
        self._kept = len(self._writable())
        if self._hash is None:
            return Received(self._kept, None, None)
        return Received(self._kept, self._hash.digest(), self._hash.state())

    async def rollback(self) -> None:
        """Cut back to where it began. See port.Receiver."""
        del self._writable()[self._at :]
        self._kept = None
        self._hash = self._first_hash()

    async def publish(self, key: str) -> None:
        """Make the upload the object `key`."""
        await self._store.publish(self._name, key)

    def covered(self) -> bool:
        """Tell whether a checkpoint covers everything."""
        return self._kept == self.offset

    def _writable(self) -> bytearray:
        self._store.check_writable()
        if self._data is None or self._store.live.get(self._name) is not self:
            raise Unavailable("This upload was published or left.")
        if self._beyond:
            del self._data[self._at :]
            self._beyond = False
        return self._data


class MemoryBlobs:
    """Blobs in dictionaries. See port.BlobStore. Without `appends` it has no staging, as a bucket."""

    def __init__(self, capacity: int = 1 << 40, *, appends: bool = True) -> None:
        self.uploads: dict[str, bytearray] = {}
        self.live: dict[str, MemoryReceiver] = {}
        self._objects: dict[str, bytes] = {}
        self._capacity = capacity
        self._appends = appends
        self._marker: str | None = None
        self._marks: dict[str, str] = {}
        self._open = False

    def check_writable(self) -> None:
        """Raise Unavailable before `open` and after `close`."""
        if not self._open:
            raise Unavailable("The blob store is not open.")

    async def open(self, installation: str) -> None:
        """Mark the store, or compare. See port.BlobStore."""
        check_installation(installation)
        if self._marker not in (None, installation):
            raise ForeignStore
        self._marker = installation
        self._open = True

    def receive(self, name: str, algorithm: str, *, at: int = 0, state: bytes | None = None) -> MemoryReceiver:
        """Return a receiver for a staged upload. See port.Staging."""
        check_range(0, at)
        check_algorithm(algorithm)

        def hashing() -> RunningHash | None:
            running = RunningHash(algorithm, state)
            return running if running.length == at else None

        return MemoryReceiver(self, check_name(name), at=at, hashing=hashing)

    def create(
        self, key: str, algorithm: str | None, *, state: bytes | None = None, size: int | None = None
    ) -> StagedWriter:
        """Return a writer of an object. See port.BlobStore."""
        if algorithm is not None:
            check_algorithm(algorithm)
        check_range(0, size or 0)
        name = staged_name(check_key(key))
        return StagedWriter(
            MemoryReceiver(self, name, at=0, hashing=lambda: RunningHash.going_on(algorithm, state)), key
        )

    @property
    def staging(self) -> Staging | None:
        """The store itself, if it `appends`."""
        return self if self._appends else None

    def sign(self, key: str, seconds: int) -> None:
        """Return None: memory has no address. See port.BlobStore."""
        check_key(key)
        check_seconds(seconds)

    async def publish(self, name: str, key: str) -> None:
        """Make a staged upload an object. See port.Staging."""
        check_name(name)
        check_key(key)
        self.check_writable()
        if name in self.live and not self.live[name].covered():
            raise Busy
        if name not in self.uploads:
            raise Lost
        self._settle(key, bytes(self.uploads[name]))
        del self.uploads[name]
        self.live.pop(name, None)

    async def put(self, key: str, chunks: Sequence[bytes], algorithm: str) -> Received:
        """Make a small object. See port.BlobStore."""
        check_key(key)
        check_algorithm(algorithm)
        self.check_writable()
        data = b"".join(chunks)
        self._settle(key, data)
        return Received(len(data), f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}", None)

    async def drop(self, name: str) -> None:
        """Remove a staged upload. See port.Staging."""
        check_name(name)
        self.check_writable()
        if name in self.live:
            raise Busy
        self.uploads.pop(name, None)

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Return a short range of an object. See port.BlobStore."""
        check_range(start, end, BLOCK)
        return self._range(key, start, end)

    async def chunks(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield a range of an object. See port.BlobStore."""
        check_range(start, end)
        self._range(key, start, start)
        for at in range(start, end, BLOCK):
            yield self._range(key, at, min(at + BLOCK, end))

    async def size(self, key: str) -> int | None:
        """Return an object's size. See port.BlobStore."""
        data = self._objects.get(check_key(key))
        return None if data is None else len(data)

    async def delete(self, key: str) -> None:
        """Remove an object. See port.BlobStore."""
        check_key(key)
        self.check_writable()
        self._objects.pop(key, None)

    async def keys(self) -> AsyncIterator[list[str]]:
        """Yield all keys. See port.BlobStore."""
        found = list(self._objects)
        for at in range(0, len(found), _KEYS):
            yield found[at : at + _KEYS]

    async def staged(self) -> list[str]:
        """Return the names of all staged uploads. See port.Staging."""
        return list(self.uploads)

    async def mark(self, name: str) -> str | None:
        """Return a mark. See port.BlobStore."""
        if check_mark(name) != "store":
            return self._marks.get(name)
        if self._marker is None:
            raise Unavailable("The blob store is not there.")
        return self._marker

    async def set_mark(self, name: str, text: str) -> None:
        """Set a mark. See port.BlobStore."""
        self.check_writable()
        self._marks[check_mark(name, to_set=True)] = check_mark_text(text)

    async def clear(self, before: int) -> int:
        """Return 0: what a writer leaves is a staged upload. See port.BlobStore."""
        return 0

    def free(self) -> int:
        """Return the bytes that may still be written. See port.BlobStore."""
        self.check_writable()
        used = sum(map(len, self.uploads.values())) + sum(map(len, self._objects.values()))
        return max(0, self._capacity - used)

    async def digest(self, key: str, algorithm: str) -> str:
        """Return the digest of an object. See port.BlobStore."""
        check_algorithm(algorithm)
        if check_key(key) not in self._objects:
            raise Missing
        return f"{algorithm}:{hashlib.new(algorithm, self._objects[key]).hexdigest()}"

    async def chunks_staged(self, name: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield a range of a staged upload. See port.Staging."""
        check_range(start, end)
        data = self.uploads.get(check_name(name), b"")
        if name not in self.uploads or len(data) < end:
            raise Lost
        for at in range(start, end, BLOCK):
            yield bytes(data[at : min(at + BLOCK, end)])

    async def digest_staged(self, name: str, algorithm: str, length: int) -> str:
        """Return the digest of a staged upload's beginning. See port.Staging."""
        check_algorithm(algorithm)
        check_range(0, length)
        data = self.uploads.get(check_name(name), b"")
        if name not in self.uploads or len(data) < length:
            raise Lost
        return f"{algorithm}:{hashlib.new(algorithm, bytes(data[:length])).hexdigest()}"

    async def close(self) -> None:
        """Refuse every later write operation. See port.BlobStore."""
        self._open = False

    def _settle(self, key: str, data: bytes) -> None:
        if key in self._objects:
            raise ValueError("object key used twice")
        self._objects[key] = data

    def _range(self, key: str, start: int, end: int) -> bytes:
        data = self._objects.get(check_key(key))
        if data is None:
            raise Missing
        if start < end and end > len(data):
            raise Missing("The object is shorter than what was asked for.")
        return data[start:end]
