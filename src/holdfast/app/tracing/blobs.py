"""A blob store that makes spans: `blob.read` while bytes are read, `blob.commit` where they become durable."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Self

from holdfast.blobs.port import BlobStore, Received, Receiver, Staging, Writer
from holdfast.telemetry.traces import Traces

_READ, _COMMIT = "blob.read", "blob.commit"


def traced_blobs(blobs: BlobStore, traces: Traces | None) -> BlobStore:
    """`blobs`, which makes spans; no key gets into one."""
    return blobs if traces is None else _TracedBlobs(blobs, traces)


class _TracedBlobs:
    """A `BlobStore` that makes spans of what waits for disk or network."""

    def __init__(self, blobs: BlobStore, traces: Traces) -> None:
        self._blobs = blobs
        self._traces = traces
        self.open = blobs.open
        self.sign = blobs.sign
        self.size = blobs.size
        self.delete = blobs.delete
        self.mark = blobs.mark
        self.set_mark = blobs.set_mark
        self.clear = blobs.clear
        self.free = blobs.free
        self.close = blobs.close

    @property
    def staging(self) -> Staging | None:
        """Its staged uploads."""
        staging = self._blobs.staging
        return None if staging is None else _TracedStaging(staging, self._traces)

    def keys(self) -> AsyncIterator[list[str]]:
        """Every object's key."""
        return self._blobs.keys()

    def create(self, key: str, algorithm: str | None, *, state: bytes | None = None, size: int | None = None) -> Writer:
        """A writer, whose end is a span."""
        return _TracedWriter(self._blobs.create(key, algorithm, state=state, size=size), self._traces)

    async def put(self, key: str, chunks: Sequence[bytes], algorithm: str) -> Received:
        """Make a small object."""
        with self._traces.within(_COMMIT):
            return await self._blobs.put(key, chunks, algorithm)

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Read a piece."""
        with self._traces.within(_READ):
            return await self._blobs.read(key, start, end)

    async def chunks(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Read on; the span lasts until the last chunk was taken."""
        finish = self._traces.beside(_READ)
        try:
            async with aclosing(self._blobs.chunks(key, start, end)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            finish()

    async def digest(self, key: str, algorithm: str) -> str:
        """Read an object whole."""
        with self._traces.within(_READ):
            return await self._blobs.digest(key, algorithm)


class _TracedWriter:
    """A `Writer` whose end is a span."""

    def __init__(self, writer: Writer, traces: Traces) -> None:
        self._writer = writer
        self._traces = traces
        self.write = writer.write

    @property
    def written(self) -> int:
        """Bytes so far."""
        return self._writer.written

    async def __aenter__(self) -> Self:
        await self._writer.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._writer.__aexit__(kind, error, trace)

    async def finish(self) -> Received:
        """Make the object."""
        with self._traces.within(_COMMIT):
            return await self._writer.finish()


class _TracedStaging:
    """A `Staging` whose checkpoints and publishing are spans."""

    def __init__(self, staging: Staging, traces: Traces) -> None:
        self._staging = staging
        self._traces = traces
        self.drop = staging.drop
        self.staged = staging.staged
        self.digest_staged = staging.digest_staged

    def chunks_staged(self, name: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Bytes of a staged upload."""
        return self._staging.chunks_staged(name, start, end)

    def receive(self, name: str, algorithm: str, *, at: int = 0, state: bytes | None = None) -> Receiver:
        """A receiver, whose checkpoints are spans."""
        return _TracedReceiver(self._staging.receive(name, algorithm, at=at, state=state), self._traces)

    async def publish(self, name: str, key: str) -> None:
        """Make an object of a staged upload."""
        with self._traces.within(_COMMIT):
            await self._staging.publish(name, key)


class _TracedReceiver:
    """A `Receiver` whose checkpoints are spans."""

    def __init__(self, receiver: Receiver, traces: Traces) -> None:
        self._receiver = receiver
        self._traces = traces
        self.write = receiver.write
        self.rollback = receiver.rollback

    @property
    def offset(self) -> int:
        """Bytes so far."""
        return self._receiver.offset

    async def __aenter__(self) -> Self:
        await self._receiver.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._receiver.__aexit__(kind, error, trace)

    async def checkpoint(self) -> Received:
        """Make every byte so far durable."""
        with self._traces.within(_COMMIT):
            return await self._receiver.checkpoint()
