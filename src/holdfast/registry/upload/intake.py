"""What every upload has in common: room, places, lengths, and what the blob store's errors mean for a client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from holdfast.blobs.errors import BlobError, Busy, Full, Lost
from holdfast.blobs.port import BlobStore
from holdfast.oci.digest import Digest
from holdfast.registry.content import require_room
from holdfast.registry.errors import (
    ContentUnavailable,
    DigestMismatch,
    NoRoom,
    RegistryError,
    SizeMismatch,
    UploadOutOfOrder,
    UploadUnknown,
)
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.upload.streams import Stream

Body = AsyncIterator[bytes]
CANCELLED = -1
_ROOM_EVERY = 64 << 20


class Chunk(NamedTuple):
    """The body of a PATCH or PUT. `start`/`length`: what Content-Range and Content-Length say, None if absent."""

    body: Body
    start: int | None = None
    length: int | None = None


async def roomy(blobs: BlobStore, settings: RegistrySettings, stream: Stream, body: Body) -> Body:
    """The body, as long as there is room for it. Raises `NoRoom`."""
    require_room(blobs, settings)
    since = 0
    stream.wait()
    async for piece in body:
        stream.go_on()
        yield piece
        since += len(piece)
        if since >= _ROOM_EVERY:
            since = 0
            require_room(blobs, settings)
        stream.wait()
    stream.go_on()


@contextmanager
def storage(received: int = 0) -> Iterator[None]:
    """Errors of the blob store, by meaning of the registry; `received`: where the upload stands."""
    try:
        yield
    except Busy as error:
        raise UploadOutOfOrder("another chunk of this upload is being written", received) from error
    except Lost as error:
        raise gone() from error
    except Full as error:
        raise NoRoom("the disk is full") from error
    except BlobError as error:
        raise ContentUnavailable("the blob store does not answer") from error


def gone() -> RegistryError:
    """What to tell a session whose bytes are not where they were."""
    return UploadUnknown("the bytes of this upload are gone: start a new one with POST")


def overtaken(received: int) -> RegistryError:
    """What to tell a chunk that found its session moved to `received` bytes, or cancelled."""
    if received == CANCELLED:
        return UploadUnknown("this upload session has ended: start a new one with POST")
    return UploadOutOfOrder("another chunk of this upload was stored first", received)


def check_start(chunk: Chunk, received: int) -> None:
    """Raise `UploadOutOfOrder` unless the chunk starts where the upload stands, or does not say where."""
    if chunk.start is not None and chunk.start != received:
        raise UploadOutOfOrder(f"this chunk starts at {chunk.start}, the upload stands at {received}", received)


def check_length(chunk: Chunk, written: int) -> None:
    """Raise `SizeMismatch` unless the chunk had as many bytes as its headers say."""
    if chunk.length is not None and chunk.length != written:
        raise SizeMismatch(f"the chunk has {written} bytes, its headers say {chunk.length}")


def mismatch(digest: Digest, found: str) -> DigestMismatch:
    """The bytes are not those of `digest`."""
    return DigestMismatch("the bytes do not hash to the digest that was given", expected=digest, found=found)
