"""Appending to an upload that holds more than the database takes: to its staged file, or as an object of its own.

Promises: what is yielded is durable and not acknowledged yet; when it is certain that it never will be, its bytes go
back; of two chunks at once the store (staged: one receiver) or the database (objects: one compare-and-set) lets one in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from holdfast.access.errors import Denied, InsufficientScope, StalePermit
from holdfast.blobs.errors import Corrupt
from holdfast.blobs.key import new_key
from holdfast.blobs.port import Staging
from holdfast.db.errors import Full, ReadOnly
from holdfast.registry.errors import RegistryError
from holdfast.registry.model import Segment
from holdfast.registry.objects import Objects, Seal
from holdfast.registry.upload.intake import Body
from holdfast.registry.upload.session import Session

# After these it is certain that nothing was committed, so the bytes may go; after any other error they stay for the
# sweeper, because the outcome of a commit can be unknown.
NOTHING_STORED = (RegistryError, StalePermit, Denied, InsufficientScope, Full, ReadOnly)


class Coming(NamedTuple):
    """Bytes on their way: those that were looked at already, the rest, how many there are if known, and where in the
    upload they begin. `state`: what hashes on from there. `check` is called with how many came."""

    pieces: list[bytes]
    body: Body
    length: int | None
    start: int
    state: bytes | None
    check: Callable[[int], None]


class Taken(NamedTuple):
    """The upload with the new bytes: how many it has, their digest and the hash's state if known, and the object that
    holds the new ones unless they were staged."""

    size: int
    digest: str | None
    state: bytes | None
    segment: Segment | None


@asynccontextmanager
async def stage(
    staging: Staging, session: Session, coming: Coming, unmoved: Callable[[], Awaitable[None]]
) -> AsyncIterator[Taken | None]:
    """Append to the staged file; None when nothing came. `unmoved` is asked once the file is held."""
    receiver = staging.receive(session.name, session.algorithm, at=coming.start, state=coming.state)
    async with receiver:
        await unmoved()
        for piece in coming.pieces:
            await receiver.write(piece)
        async for piece in coming.body:
            await receiver.write(piece)
        coming.check(receiver.offset - coming.start)
        if receiver.offset == coming.start:
            yield None
            return
        got = await receiver.checkpoint()
        try:
            yield Taken(got.size, got.digest, got.state, None)
        except NOTHING_STORED:
            await receiver.rollback()
            raise


@asynccontextmanager
async def add_object(
    objects: Objects, seal: Seal, session: Session, coming: Coming, now: int
) -> AsyncIterator[Taken | None]:
    """Write the bytes as one more object; None when nothing came."""
    key = new_key(now)
    pieces = coming.pieces
    if not pieces:
        first = await anext(coming.body, b"")
        pieces = [first] if first else []
    if not pieces:
        coming.check(0)
        yield None
        return
    state = _opened(seal, session, coming.state)
    # Without the state of what came before there is nothing to hash on from: the closing request reads it all, once.
    algorithm = session.algorithm if state is not None or coming.start == 0 else None
    async with seal.store.create(key, algorithm, state=state, size=coming.length) as writer:
        for piece in pieces:
            await writer.write(piece)
        async for piece in coming.body:
            await writer.write(piece)
        coming.check(writer.written)
        got = await writer.finish()
    try:
        yield Taken(coming.start + got.size, got.digest, _closed(seal, session, got.state), Segment(key, got.size))
    except NOTHING_STORED:
        await objects.blobs.delete(key)
        raise


# The state of a hash holds the bytes of the block that is not full yet: it is encrypted as they are.


def _closed(seal: Seal, session: Session, state: bytes | None) -> bytes | None:
    return None if state is None else seal.close(_binding(session), state)


def _opened(seal: Seal, session: Session, state: bytes | None) -> bytes | None:
    try:
        return None if state is None else seal.open(_binding(session), state)
    except Corrupt:
        return None  # it saves a reading, nothing more


def _binding(session: Session) -> str:
    return f"{session.name} hash state"
