"""Stored content as the use-cases read and write it: inline, one object or several segments, clear or sealed.

Promises: the one place that knows how content lies in store and database. What is sealed is bound to its digest, or,
while an upload goes on, to the upload's name; a data key is made for each piece of content and kept wrapped beside it.
Reading costs what is read: a range opens the segments and frames that it touches.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import TypeVar

from holdfast.blobs.envelope import Envelope, UnknownGeneration
from holdfast.blobs.errors import Missing
from holdfast.blobs.port import Blobs, BlobStore, Staging
from holdfast.blobs.sealed import SealedBlobs
from holdfast.registry.model import Stored
from holdfast.registry.opened import Opened

T = TypeVar("T")


class Seal:
    """How one piece of content is written: in clear, or under a data key of its own."""

    __slots__ = ("_envelope", "_key", "store")

    def __init__(self, store: Blobs, envelope: Envelope | None, key: bytes | None) -> None:
        self.store = store
        self._envelope = envelope
        self._key = key

    def wrapped(self, binding: str) -> bytes | None:
        """The data key as a row keeps it, bound to `binding`; None in clear."""
        return self._envelope.wrap(self._key, binding) if self._envelope is not None and self._key is not None else None

    def close(self, binding: str, data: bytes) -> bytes:
        """`data` as a row keeps it."""
        if self._envelope is None or self._key is None:
            return data
        return self._envelope.seal_inline(self._key, binding, data)

    def open(self, binding: str, data: bytes) -> bytes:
        """What `close` was given. Raises `Corrupt`."""
        if self._envelope is None or self._key is None:
            return data
        return self._envelope.open_inline(self._key, binding, data)


class Objects:
    """The installation's content. `envelope` opens what is sealed, None when nothing can be; `sealing`: whether what
    is written now is sealed."""

    def __init__(self, blobs: BlobStore, envelope: Envelope | None = None, *, sealing: bool = False) -> None:
        self.blobs = blobs
        self._envelope = envelope
        self._sealing = sealing and envelope is not None
        self._opened = Opened()

    @property
    def staging(self) -> Staging | None:
        """Where a new upload is appended to; None when each of its requests makes an object."""
        return None if self._sealing else self.blobs.staging

    @property
    def distant(self) -> bool:
        """Whether each call to the store crosses a network."""
        return self.blobs.staging is None

    def fresh(self) -> Seal:
        """How to write new content."""
        if self._envelope is None or not self._sealing:
            return Seal(self.blobs, None, None)
        key = self._envelope.new_data_key()
        return Seal(SealedBlobs(self.blobs, key), self._envelope, key)

    def again(self, wrapped: bytes | None, binding: str) -> Seal:
        """How to go on with content whose data key is `wrapped`. Raises `UnknownGeneration`, `Corrupt`."""
        if wrapped is None:
            return Seal(self.blobs, None, None)
        key = self._unwrap(wrapped, binding)
        return Seal(SealedBlobs(self.blobs, key), self._envelope, key)

    def open(self, wrapped: bytes | None, binding: str, data: bytes) -> bytes:
        """Inline `data` in clear. Raises `UnknownGeneration`, `Corrupt`."""
        if wrapped is None:
            return data
        known = self._opened.get(wrapped, binding, data)
        if known is not None:
            return known
        key = self._unwrap(wrapped, binding)
        if self._envelope is None:
            return data
        found = self._envelope.open_inline(key, binding, data)
        self._opened.put(wrapped, binding, data, found)
        return found

    async def opened(self, wrapped: bytes | None, binding: str, data: bytes) -> bytes:
        """Like `open`, with the keys read anew when another node has made new ones."""
        try:
            return self.open(wrapped, binding, data)
        except UnknownGeneration:
            await self.renew_keys()
            return self.open(wrapped, binding, data)

    def _unwrap(self, wrapped: bytes, binding: str) -> bytes:
        if self._envelope is None:
            raise UnknownGeneration  # no damage: another node may well read it
        return self._envelope.unwrap(wrapped, binding)

    async def knowing(self, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives, run once more with the keys read anew when another node has made new ones."""
        try:
            return await work()
        except UnknownGeneration:
            if self._envelope is None:
                raise
            await self._envelope.reload()
            return await work()

    @property
    def generation(self) -> int:
        """The content key that encrypts what is stored now; 0 when there is none."""
        return self._envelope.generation if self._envelope is not None else 0

    async def renew_keys(self) -> None:
        """Read the keys anew: another node may have made new ones. Raises `Unavailable`, `DatabaseError`."""
        if self._envelope is not None:
            await self._envelope.reload()

    async def _store(self, stored: Stored) -> Blobs:
        """The store as it gives the content in clear."""
        wrapped = stored.wrapped
        if wrapped is None:
            return self.blobs

        async def again() -> Blobs:
            key = self._unwrap(wrapped, stored.binding)
            return SealedBlobs(self.blobs, key, {segment.key: segment.size for segment in stored.segments})

        return await self.knowing(again)

    async def sizes(self, stored: Stored) -> list[int | None]:
        """How much content each object holds, None where it is missing. Raises `Corrupt`, `Unavailable`."""
        store = await self._store(stored)
        return [await store.size(segment.key) for segment in stored.segments]

    async def sizes_fit(self, stored: Stored) -> bool:
        """Whether every object is there and as long as its part."""
        return await self.sizes(stored) == [segment.size for segment in stored.segments]

    async def read(self, stored: Stored, start: int, end: int) -> bytes:
        """Bytes `start` to `end` (at most 1 MiB). Raises `Missing`, `Corrupt`, `Unavailable`."""
        store = await self._store(stored)
        parts = [await store.read(key, first, last) for key, first, last in _touched(stored, start, end)]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def chunks(self, stored: Stored, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Bytes `start` to `end` in pieces of at most 1 MiB. Errors as for `read`, at the first or a later piece."""
        store = await self._store(stored)
        for key, first, last in _touched(stored, start, end):
            async with aclosing(store.chunks(key, first, last)) as pieces:
                async for piece in pieces:
                    yield piece

    async def digest(self, stored: Stored, algorithm: str) -> str:
        """The digest of the whole. Errors as for `read`."""
        if len(stored.segments) == 1:
            return await (await self._store(stored)).digest(stored.segments[0].key, algorithm)
        running = hashlib.new(algorithm)
        async with aclosing(self.chunks(stored, 0, stored.size)) as pieces:
            async for piece in pieces:
                running.update(piece)
        return f"{algorithm}:{running.hexdigest()}"

    def link(self, stored: Stored, seconds: int) -> str | None:
        """A URL under which a client gets the content from the store itself; None when there is no such way."""
        key = stored.key
        return self.blobs.sign(key, seconds) if key is not None and stored.wrapped is None else None


def _touched(stored: Stored, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """The key and the range of each object that holds some of bytes `start` to `end`."""
    at = 0
    for key, size in stored.segments:
        first, last = max(start, at), min(end, at + size)
        if first < last or (start == end == at == 0 and size == 0):
            yield key, first - at, last - at
        at += size
    if end > at:
        raise Missing("The content is shorter than what was asked for.")
