"""The writer of a store of objects: sends what is written in parts, and hashes it in a thread beside the network.

Chunks are gathered to blocks; one block at a time is hashed and handed to the upload, while the next is gathered. A
cancelled `write` has taken its chunk: what is under way goes on, and is waited for before anything is given up.
Memory is bounded: about MEMORY for an object, whatever its size, up to the largest that a store takes of parts of that
size; beyond, parts grow, one at a time.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, Self

from holdfast.blobs.bucket import Bucket, PartedUpload
from holdfast.blobs.bucket_errors import Absent, not_there
from holdfast.blobs.errors import BlobError, Full, Unavailable
from holdfast.blobs.port import BLOCK, Received
from holdfast.blobs.running_hash import RunningHash
from holdfast.blobs.threads import Threads, wait

PART = 8 * BLOCK
AT_ONCE = 4
MEMORY = 48 * BLOCK
PARTS_MOST = 10_000
LARGEST = PARTS_MOST * 128 * BLOCK
"""The largest object, if its size is said beforehand: more than 1 TiB. Else it is PARTS_MOST of PART: 78 GiB."""
_HASHED_BESIDE = 64 << 10
_UNDER_WAY = 0.5
"""Seconds that parts on their way get to arrive before an upload is given up: a store may keep what arrives later."""


class Parts(NamedTuple):
    """How an object is cut: `size` bytes a part, `at_once` of them under way."""

    size: int
    at_once: int


def parts_for(size: int | None) -> Parts:
    """Return how to cut an object of `size` bytes (None: not known). Raises Full for one that no store takes."""
    if size is None or size <= PARTS_MOST * PART:
        return Parts(PART, AT_ONCE)
    if size > LARGEST:
        raise Full("The object is larger than a bucket takes.")
    part = -(-size // PARTS_MOST)
    part = -(-part // BLOCK) * BLOCK
    return Parts(part, max(1, MEMORY // part - 1))


class _GivenUp(Exception):
    """Tells an upload that it is given up."""


class ObjectWriter:
    """One object being made at `path` of `bucket`. See port.Writer.

    `running`: the hash as it stands before it; `size`: how many bytes will come, if known. `check` raises Unavailable
    while the store takes nothing; `leaves` is told of the task that ends what the writer began.
    """

    def __init__(
        self,
        bucket: Bucket,
        path: str,
        threads: Threads,
        *,
        running: RunningHash | None,
        size: int | None,
        check: Callable[[], None],
        leaves: Callable[[asyncio.Task[None]], None],
    ) -> None:
        self._bucket = bucket
        self._path = path
        self._threads = threads
        self._check = check
        self._leaves = leaves
        self._hash = running
        self._size = size
        self._upload: PartedUpload | None = None
        self._gathered: list[bytes] = []
        self._waiting = 0
        self._sent = 0
        self._limit = 0
        self._job: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._finished = False

    @property
    def written(self) -> int:
        """Bytes written so far."""
        return self._sent + self._waiting

    async def __aenter__(self) -> Self:
        if self._upload is not None:
            raise RuntimeError("a writer is entered once")
        self._check()
        parts = parts_for(self._size)
        self._limit = parts.size * PARTS_MOST
        self._upload = self._bucket.upload(self._path, parts.size, parts.at_once)
        await self._upload.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        leaving = asyncio.create_task(self._leave())
        self._leaves(leaving)
        await asyncio.shield(leaving)

    async def write(self, chunk: bytes) -> None:
        """Append `chunk`. See port.Writer."""
        upload = self._usable()
        if self.written + len(chunk) > self._limit:
            self._failure = Full("The object is larger than a bucket takes when its size is not known beforehand.")
            raise self._failure
        self._gathered.append(chunk)
        self._waiting += len(chunk)
        if self._waiting >= BLOCK:
            await self._idle()
            # What was gathered while this one waited goes with it.
            self._start(self._send(upload, self._take()))

    async def finish(self) -> Received:
        """Make the object. See port.Writer."""
        upload = self._usable()
        await self._idle()
        self._start(self._close(upload, self._take()))
        await self._idle()
        if self._hash is None:
            return Received(self._sent, None, None)
        return Received(self._sent, self._hash.digest(), self._hash.state())

    def _usable(self) -> PartedUpload:
        if self._upload is None:
            raise RuntimeError("a writer is entered first")
        if self._failure is not None:
            raise self._failure
        if self._finished:
            raise Unavailable("This writer has finished.")
        return self._upload

    def _take(self) -> bytes:
        data = self._gathered[0] if len(self._gathered) == 1 else b"".join(self._gathered)
        self._gathered, self._waiting = [], 0
        self._sent += len(data)
        return data

    def _start(self, work: Coroutine[None, None, None]) -> None:
        self._job = asyncio.create_task(work)

    async def _idle(self) -> None:
        """Wait for the job under way, if any; its failure stays."""
        job = self._job
        if job is not None:
            await asyncio.wait([job])
            if self._failure is None:
                self._failure = job.exception()
        if self._failure is not None:
            raise self._failure

    async def _send(self, upload: PartedUpload, data: bytes) -> None:
        running = self._hash
        hashing = None
        if running is not None and len(data) >= _HASHED_BESIDE:
            hashing = self._threads.start(lambda: running.update(data))
        elif running is not None:
            running.update(data)
        try:
            await upload.write(data)
        except Absent:
            raise not_there() from None
        finally:
            if hashing is not None:
                await wait(hashing)

    async def _close(self, upload: PartedUpload, data: bytes) -> None:
        if data:
            await self._send(upload, data)
        try:
            await upload.close()
        except (Absent, BlobError) as error:
            # The answer may have been lost, and what was repeated then refused: the key is ours alone, so it is whole.
            if not await self._arrived():
                raise (not_there() if isinstance(error, Absent) else error) from None
        self._finished = True

    async def _arrived(self) -> bool:
        try:
            return await self._bucket.size(self._path) == self._sent
        except (Absent, BlobError):
            return False

    async def _leave(self) -> None:
        """End what is under way; without `finish`, give up what was sent. Raises nothing."""
        upload, job = self._upload, self._job
        if job is not None:
            await asyncio.wait([job])
        broken = job is not None and job.exception() is not None
        self._failure = self._failure or Unavailable("This writer was left.")
        if upload is None or self._finished:
            return
        if self._sent >= PART and not broken:
            await asyncio.sleep(_UNDER_WAY)
        with suppress(Absent, BlobError):
            # What cannot be given back is for the bucket's own rule to remove.
            await upload.__aexit__(_GivenUp, _GivenUp(), None)
