"""A view of a blob store that encrypts: what goes through it is sealed under one data key, what comes back is opened.

See sealed_frames.py for the form of an object. Promises: any range is read at the cost of the frames that it touches;
what was damaged, cut, moved or exchanged is `Corrupt` and never yields a byte that was not written at that place;
sizes, digests and hash states are those of the content, not of what is stored; memory does not grow with the object.
A view costs nothing to make and has nothing to close.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from types import TracebackType
from typing import NamedTuple, Protocol, Self, TypeVar

from holdfast.blobs.errors import BlobError, Missing, Unavailable
from holdfast.blobs.key import check_key
from holdfast.blobs.port import BLOCK, Blobs, Received, Writer, check_range
from holdfast.blobs.running_hash import RunningHash, check_algorithm
from holdfast.blobs.sealed_frames import FRAME, SEALED_FRAME, Frames, Splitter, clear_size, frames_of, sealed_size

T = TypeVar("T")

_BATCH = 16 * FRAME
"""Content that is sealed in one step."""
_IN_PLACE = 8 * FRAME
"""Below this a step costs less than handing it to a thread."""
_OPENED = 4
"""Frames that are opened in one step, in place: it costs less than copying them twice, and they stay in the cache."""


class SealedBlobs:
    """Objects of `inner` under `data_key` (32 bytes). See port.Blobs.

    `sizes` are the sizes of objects, in clear, as the caller knows them: with one a read asks the store nothing but
    the frames.
    """

    def __init__(self, inner: Blobs, data_key: bytes, sizes: Mapping[str, int] | None = None) -> None:
        self._inner = inner
        self._data_key = data_key
        self._sizes = sizes or {}

    def create(
        self, key: str, algorithm: str | None, *, state: bytes | None = None, size: int | None = None
    ) -> "SealedWriter":
        """Return a writer of an object. See port.Blobs."""
        check_range(0, size or 0)
        running = RunningHash.going_on(algorithm, state)
        sealed = None if size is None else sealed_size(size)
        return SealedWriter(self._inner.create(key, None, size=sealed), self._frames(key), running)

    async def put(self, key: str, chunks: Sequence[bytes], algorithm: str) -> Received:
        """Make a small object. See port.Blobs."""
        frames = self._frames(key)
        running = hashlib.new(check_algorithm(algorithm))
        size = sum(map(len, chunks))

        def seal() -> bytes:
            for chunk in chunks:
                running.update(chunk)
            return frames.seal(0, chunks, last=True)

        await self._inner.put(key, [await _step(size, seal)], algorithm)
        return Received(size, f"{algorithm}:{running.hexdigest()}", None)

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Return a range of at most BLOCK bytes. See port.Blobs."""
        check_range(start, end, BLOCK)
        async with aclosing(self._opened(key, start, end)) as pieces:
            return b"".join([piece async for piece in pieces])

    def chunks(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield a range of any length. See port.Blobs."""
        check_range(start, end)
        return self._opened(check_key(key), start, end)

    async def size(self, key: str) -> int | None:
        """Return an object's size in clear. Raises Corrupt when no object can have the length that it has."""
        sealed = await self._inner.size(key)
        return None if sealed is None else clear_size(sealed)

    async def delete(self, key: str) -> None:
        """Remove an object. See port.Blobs."""
        await self._inner.delete(key)

    async def digest(self, key: str, algorithm: str) -> str:
        """Return the digest of an object's content, read whole. See port.Blobs."""
        running = hashlib.new(check_algorithm(algorithm))
        size = await self._size(check_key(key))
        gathered: list[bytes] = []
        async with aclosing(self._opened(key, 0, size)) as pieces:
            async for piece in pieces:
                gathered.append(piece)
                if sum(map(len, gathered)) >= BLOCK:
                    await _step(BLOCK, partial(_hash, running, gathered))
                    gathered = []
        _hash(running, gathered)
        return f"{algorithm}:{running.hexdigest()}"

    def _frames(self, key: str) -> Frames:
        return Frames(self._data_key, check_key(key))

    async def _size(self, key: str) -> int:
        size = self._sizes.get(key)
        if size is None:
            size = await self.size(key)
        if size is None:
            raise Missing
        return size

    async def _opened(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield bytes `start` to `end`, none in one piece if the range is empty, in pieces of at most BLOCK."""
        span = _span(await self._size(key), start, end)
        frames, splitter = self._frames(key), Splitter()
        number, skip, left = span.first, start - span.first * FRAME, end - start
        async with aclosing(self._pieces(key, span)) as pieces:
            async for piece in pieces:
                sealed = splitter.feed(piece) if piece else splitter.rest()
                for at in range(0, len(sealed), _OPENED):
                    some = sealed[at : at + _OPENED]
                    data = _cut(frames.open(number, some, span.last), skip, left)
                    number += len(some)
                    skip, left = 0, left - len(data)
                    if data:
                        yield data

    async def _pieces(self, key: str, span: "_Span") -> AsyncGenerator[bytes, None]:
        """Yield what is stored of `span`, and an empty piece at its end."""
        if span.until - span.at <= BLOCK:
            yield await self._inner.read(key, span.at, span.until)
        else:
            async with aclosing(self._inner.chunks(key, span.at, span.until)) as pieces:
                async for piece in pieces:
                    yield piece
        yield b""


class _Span(NamedTuple):
    """Which frames hold a range: the `first` of them, the object's `last`, and where they lie in the object."""

    first: int
    last: int
    at: int
    until: int


def _span(size: int, start: int, end: int) -> _Span:
    """The frames of bytes `start` to `end` of `size`. Of empty content it is the one frame that there is."""
    if end > size:
        raise Missing("The object is shorter than what was asked for.")
    first = start // FRAME
    behind = -(-end // FRAME) if start < end else first + (size == 0)
    last = frames_of(size) - 1
    return _Span(first, last, first * SEALED_FRAME, min(behind * SEALED_FRAME, sealed_size(size)))


def _cut(opened: list[bytes], skip: int, left: int) -> bytes:
    """What `opened` frames hold, without the first `skip` bytes, `left` bytes at most."""
    if skip:
        opened[0] = opened[0][skip:]
    data = opened[0] if len(opened) == 1 else b"".join(opened)
    return data if len(data) <= left else data[:left]


class SealedWriter:
    """One object being sealed: while one batch is sealed in a thread, the next comes in. See port.Writer."""

    def __init__(self, inner: Writer, frames: Frames, running: RunningHash | None) -> None:
        self._inner = inner
        self._frames = frames
        self._hash = running
        self._pending: list[memoryview] = []
        self._length = 0
        self._written = 0
        self._number = 0
        self._job: asyncio.Future[bytes] | None = None
        self._over: BlobError | None = None

    @property
    def written(self) -> int:
        """Bytes of content written so far."""
        return self._written

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._inner.__aexit__(kind, error, trace)

    async def write(self, chunk: bytes) -> None:
        """Append `chunk`. See port.Writer."""
        self._check()
        if chunk:
            self._pending.append(memoryview(chunk))
            self._length += len(chunk)
            self._written += len(chunk)
        while self._length > _BATCH:  # not at _BATCH: this may be the end, and the last frame is marked
            await self._hand_on()
            work = partial(self._seal, self._number, self._take(_BATCH), last=False)
            self._number += _BATCH // FRAME
            self._job = asyncio.get_running_loop().run_in_executor(None, work)

    async def finish(self) -> Received:
        """Make the object. See port.Writer."""
        self._check()
        await self._hand_on()
        self._over = Unavailable("This object was finished or left.")
        length = self._length
        sealed = await _step(length, partial(self._seal, self._number, self._take(length), last=True))
        await self._inner.write(sealed)
        await self._inner.finish()
        if self._hash is None:
            return Received(self._written, None, None)
        return Received(self._written, self._hash.digest(), self._hash.state())

    async def _hand_on(self) -> None:
        """Give the batch that is being sealed to the store. The job outlives a cancelled waiter."""
        if self._job is not None:
            sealed = await asyncio.shield(self._job)
            self._job = None
            try:
                await self._inner.write(sealed)
            except BlobError as error:
                self._over = error  # what follows would leave a hole
                raise

    def _check(self) -> None:
        if self._over is not None:
            raise self._over

    def _seal(self, number: int, parts: list[memoryview], *, last: bool) -> bytes:
        if self._hash is not None:
            for part in parts:
                self._hash.update(part)
        return self._frames.seal(number, parts, last=last)

    def _take(self, size: int) -> list[memoryview]:
        """Take the first `size` bytes of what is pending."""
        self._length -= size
        taken = []
        while size:
            part = self._pending[0]
            taken.append(part[:size])
            if len(part) > size:
                self._pending[0] = part[size:]
            else:
                self._pending.pop(0)
            size -= len(taken[-1])
        return taken


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


def _hash(running: _Hash, pieces: list[bytes]) -> None:
    for piece in pieces:
        running.update(piece)


async def _step(size: int, work: Callable[[], T]) -> T:
    """Do `work` on `size` bytes: here, or in a thread when it would hold up the others."""
    if size < _IN_PLACE:
        return work()
    return await asyncio.get_running_loop().run_in_executor(None, work)
