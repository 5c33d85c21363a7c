"""The receiver of the local store: gathers chunks in the event loop while a thread writes and hashes the ones before.

At most one job of a receiver runs at a time. A batch is handed over when it holds about a block; the next is gathered
meanwhile, and must wait for the one before: so a receiver holds two batches at most. When very many receivers gather
at once (slow clients), they hand over sooner, so that all of them together stay bounded.
"""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from holdfast.blobs.errors import Busy, Unavailable
from holdfast.blobs.files import Buffer
from holdfast.blobs.port import BLOCK, Received
from holdfast.blobs.staged import StagedFile
from holdfast.blobs.threads import Threads, wait

_SMALL = 64 << 10
_GATHERED_MOST = 64 * BLOCK


class Backlog:
    """How many bytes all receivers of a store have gathered and not yet written."""

    def __init__(self) -> None:
        self.size = 0

    @property
    def batch(self) -> int:
        """The size at which a receiver hands over its batch."""
        return BLOCK if self.size < _GATHERED_MOST else _SMALL


class LocalReceiver:
    """One staged upload being appended to. See port.Receiver.

    `opener` takes it, in a thread; `live` lists who has what.
    """

    def __init__(
        self,
        opener: Callable[[], StagedFile],
        threads: Threads,
        backlog: Backlog,
        live: dict[str, "LocalReceiver"],
        *,
        name: str,
        at: int,
    ) -> None:
        self._opener = opener
        self._threads = threads
        self._backlog = backlog
        self._live = live
        self._name = name
        self._at = at
        self._offset = at
        self._kept: int | None = None
        self._file: StagedFile | None = None
        self._batch: list[Buffer] = []
        self._batch_size = 0
        self._writing_size = 0
        self._job: Future[Any] | None = None
        self._failure: BaseException | None = None
        self._begun = False
        self._published = False

    @property
    def offset(self) -> int:
        """Bytes of the upload so far."""
        return self._offset

    async def __aenter__(self) -> Self:
        if self._file is not None:
            raise RuntimeError("a receiver is entered once")
        self._file = await self._threads.acquire(self._opener, lambda file: file.release(None, begun=False))
        self._live[self._name] = self
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        file, job, keep, begun = self._entered(), self._job, self._kept, self._begun
        if self._live.get(self._name) is self:
            del self._live[self._name]
        self._gathered(-self._batch_size - self._writing_size)
        self._batch, self._batch_size, self._writing_size = [], 0, 0
        self._failure = Unavailable("This receiver was left.")

        def release() -> None:
            # Jobs start in order, so the one before has a thread of its own: this waits, and never for long.
            if job is not None:
                job.exception()
            file.release(keep, begun=begun)

        try:
            released = self._threads.start(release)
        except Unavailable:
            # The threads have ended, and with them every job.
            release()
            return
        await wait(released)

    async def write(self, chunk: bytes) -> None:
        """Append `chunk`. See port.Receiver."""
        self._check()
        self._begun = True
        self._gather(chunk)
        if self._job is not None and self._job.done():
            # A slow sender must not be charged for what was written long ago.
            await self._finish()
        if self._batch_size >= self._backlog.batch:
            await self._finish()
            file, batch = self._hand_over()
            self._job = self._threads.start(lambda: file.append(batch))

    async def checkpoint(self) -> Received:
        """Make every byte so far durable. See port.Receiver."""
        self._check()
        self._begun = True
        await self._finish()
        file, batch = self._hand_over()
        self._job = job = self._threads.start(lambda: file.checkpoint(batch))
        await self._finish()
        received = job.result()
        self._kept = received.size
        return received

    async def rollback(self) -> None:
        """Cut back to where it began. See port.Receiver."""
        file = self._entered()
        if self._published:
            raise Unavailable("This upload was published.")
        self._begun = True
        with suppress(Exception):
            await self._finish()
        self._gathered(-self._batch_size)
        self._batch, self._batch_size = [], 0
        self._kept = None
        self._job = self._threads.start(file.rollback)
        self._failure = None
        self._offset = self._at
        await self._finish()

    async def publish(self, key: str) -> None:
        """Make the upload the object `key`; raises Busy unless a checkpoint covers all of it."""
        self._check()
        await self._finish()
        if self._kept != self._offset:
            raise Busy("This upload is still being received.")
        file = self._entered()
        self._published = True
        self._job = self._threads.start(lambda: file.publish(key))
        await self._finish()

    def _entered(self) -> StagedFile:
        if self._file is None:
            raise RuntimeError("a receiver is entered first")
        return self._file

    def _check(self) -> None:
        self._entered()
        if self._failure is not None:
            raise self._failure
        if self._published:
            raise Unavailable("This upload was published.")

    def _gather(self, chunk: bytes) -> None:
        if len(chunk) >= _SMALL:
            self._batch.append(chunk)
        elif self._batch and isinstance(self._batch[-1], bytearray) and len(self._batch[-1]) < BLOCK:
            self._batch[-1] += chunk
        elif chunk:
            # Many small chunks become few large ones.
            self._batch.append(bytearray(chunk))
        self._batch_size += len(chunk)
        self._offset += len(chunk)
        self._gathered(len(chunk))

    def _gathered(self, size: int) -> None:
        self._backlog.size += size

    def _hand_over(self) -> tuple[StagedFile, list[Buffer]]:
        batch, self._batch = self._batch, []
        self._writing_size, self._batch_size = self._batch_size, 0
        return self._entered(), batch

    async def _finish(self) -> None:
        """Wait for the job that runs, if any; its failure stays."""
        job = self._job
        if job is None:
            return
        try:
            await wait(job)
        finally:
            # Also when the waiter was cancelled just as the job failed: the bytes are missing all the same.
            if job.done() and self._job is job:
                self._job = None
                self._failure = job.exception() or self._failure
                self._gathered(-self._writing_size)
                self._writing_size = 0
