"""A writer of objects for a store that stages: the object is a staged upload of its own, published when finished.

Its name says when its key was issued, as the names of all staged uploads begin with their time: what a crash leaves
behind is swept by the rule that sweeps uploads.
"""

import secrets
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

from holdfast.blobs.errors import BlobError
from holdfast.blobs.port import Received, Receiver

_TIME = 14


class PublishingReceiver(Receiver, Protocol):
    """A receiver that publishes what it received."""

    async def publish(self, key: str) -> None:
        """Make what a checkpoint covers the object `key`."""
        ...


def staged_name(key: str) -> str:
    """Return a fresh name for the staged upload that will become object `key`."""
    return f"{key[:_TIME]}-{secrets.token_hex(16)}"


class StagedWriter:
    """One object being made of what `receiver` receives. See port.Writer."""

    def __init__(self, receiver: PublishingReceiver, key: str) -> None:
        self._receiver = receiver
        self._key = key
        self._finished = False

    @property
    def written(self) -> int:
        """Bytes written so far."""
        return self._receiver.offset

    async def __aenter__(self) -> Self:
        await self._receiver.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not self._finished:
                with suppress(BlobError):
                    await self._receiver.rollback()
        finally:
            await self._receiver.__aexit__(kind, error, trace)

    async def write(self, chunk: bytes) -> None:
        """Append `chunk`. See port.Writer."""
        await self._receiver.write(chunk)

    async def finish(self) -> Received:
        """Make the object. See port.Writer."""
        received = await self._receiver.checkpoint()
        await self._receiver.publish(self._key)
        self._finished = True
        return received
