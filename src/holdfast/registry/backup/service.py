"""Copying the objects of a backup, and of putting one back.

Promises: what is copied is exactly what one copy of the database names; no object of it goes meanwhile (a hold that the
sweeper asks for, renewed while the copying goes on, over soon after whoever held it died); what was copied is read
back and hashed, opened where it is encrypted; objects never change, so what an earlier backup brought is not brought
again. Memory is bounded by a page.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from holdfast.blobs.errors import Corrupt
from holdfast.db.errors import DatabaseError
from holdfast.db.port import Database, Reader, Unit
from holdfast.registry.backup import store
from holdfast.registry.carrying import carry, is_whole
from holdfast.registry.model import Segment, State, Stored
from holdfast.registry.objects import Objects
from holdfast.registry.settings import SECOND

HOLD = 300 * SECOND
"""Microseconds that a hold lasts without being renewed."""
_RENEW = 60.0
_PAGE = 500
_AT_ONCE = 4


class Progress(NamedTuple):
    """How far a stage is. `unit`: B for bytes, else empty."""

    stage: str
    done: int
    total: int
    unit: str = ""


Report = Callable[[Progress], None]


class Carried(NamedTuple):
    """What came: contents that were looked at, objects and bytes that had to be copied, and the digests of those that
    are missing or do not hash where they were copied from."""

    contents: int
    objects: int
    bytes: int
    damaged: list[str]


class _Piece(NamedTuple):
    """Content that lies in objects."""

    id: int
    digest: str
    size: int
    state: int
    stored: Stored


@asynccontextmanager
async def held(db: Database) -> AsyncIterator[None]:
    """While the block runs, nothing deletes objects of this installation. Raises `DatabaseError`."""
    name = secrets.token_hex(8)

    async def hold() -> None:
        await db.write(lambda unit: unit.run(store.HOLD, name=name, until=unit.now + HOLD), always=True)

    async def renew() -> None:
        while True:
            await asyncio.sleep(_RENEW)
            with suppress(DatabaseError):  # the next one comes before the hold is over
                await hold()

    await hold()
    renewing = asyncio.create_task(renew())
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        with suppress(DatabaseError):
            await db.write(lambda unit: unit.run(store.RELEASE, name=name), always=True)


async def totals(copy: Reader) -> store.Totals:
    """What a copy of the database names."""
    found = await copy.one(store.TOTALS)
    assert found is not None
    return found


async def last_journal(copy: Reader) -> int:
    """The number of the last change that a copy of the database knows."""
    row = await copy.one(store.LAST_JOURNAL)
    return row.id if row is not None else 0


async def keys_of(copy: Reader) -> set[str]:
    """The keys of all objects that a copy of a database names."""
    found: set[str] = set()
    after = 0
    while rows := await copy.all(store.CONTENT, after=after, limit=_PAGE):
        after = rows[-1].id
        for row in rows:
            if row.key is not None:
                found.add(row.key)
            else:
                found.update(part.key for part in await copy.all(store.SEGMENTS, id=row.id))
    return found


class Carrying:
    """From the store of `old` to that of `new`, what `copy` (a database that nobody changes) names. `again`: read back
    also what was there before."""

    def __init__(self, copy: Reader, old: Objects, new: Objects, report: Report, *, again: bool = False) -> None:
        self._copy = copy
        self._old = old
        self._new = new
        self._report = report
        self._again = again
        self._objects = self._bytes = self._done = 0
        self._damaged: dict[str, int] = {}

    async def run(self) -> Carried:
        """Copy everything. Raises `DatabaseError`, `BlobError`."""
        total = await totals(self._copy)
        contents = after = 0
        while rows := await self._copy.all(store.CONTENT, after=after, limit=_PAGE):
            after = rows[-1].id
            gate = asyncio.Semaphore(_AT_ONCE)
            pieces = [await self._piece(row) for row in rows]

            async def one(piece: _Piece, gate: asyncio.Semaphore = gate) -> None:
                async with gate:
                    await self._one(piece)
                self._done += piece.size
                self._report(Progress("objects", self._done, total.bytes, "B"))

            try:
                async with asyncio.TaskGroup() as group:
                    for piece in pieces:
                        group.create_task(one(piece))
            except ExceptionGroup as several:
                raise several.exceptions[0] from several
            contents += len(pieces)
        return Carried(contents, self._objects, self._bytes, sorted(self._damaged))

    @property
    def damaged_ids(self) -> list[int]:
        """The ids of the damaged content."""
        return sorted(self._damaged.values())

    async def _piece(self, row: store.ContentRow) -> _Piece:
        if row.key is not None:
            segments: tuple[Segment, ...] = (Segment(row.key, row.size),)
        else:
            parts = await self._copy.all(store.SEGMENTS, id=row.id)
            segments = tuple(Segment(part.key, part.size) for part in parts)
        return _Piece(row.id, row.digest, row.size, row.state, Stored(segments, row.wrapped_key, row.digest))

    async def _one(self, piece: _Piece) -> None:
        came = False
        for segment in piece.stored.segments:
            copied = await carry(self._old.blobs, self._new.blobs, segment.key)
            if copied is False:
                self._miss(piece)
                return
            if copied:
                came = True
                self._objects += 1
                self._bytes += segment.size
        if not (came or self._again) or await self._is_whole(self._new, piece):
            return
        # What came is not what its digest says: either that is so where it came from, or it is worth another try.
        if await self._is_whole(self._old, piece):
            for segment in piece.stored.segments:
                await self._new.blobs.delete(segment.key)
                await carry(self._old.blobs, self._new.blobs, segment.key)
            if await self._is_whole(self._new, piece):
                return
        self._miss(piece)

    def _miss(self, piece: _Piece) -> None:
        if piece.state == State.STORED:
            self._damaged[piece.digest] = piece.id

    async def _is_whole(self, objects: Objects, piece: _Piece) -> bool:
        try:
            return await is_whole(objects, piece.stored, piece.digest, piece.size)
        except Corrupt:
            return False


async def settle(db: Database, damaged: list[int]) -> None:
    """In a database that was put back: what is not in the backup is damaged or gone. Uploads begin anew."""

    async def work(unit: Unit) -> None:
        await unit.run(store.MARK_DAMAGED, ids=damaged)
        await unit.run(store.DROP_UPLOADS)
        await unit.run(store.RELEASE_ALL)

    await db.write(work, always=True)
