"""The job `compact`: content that was uploaded in many requests, and lies in as many objects, becomes one object.

Promises: the new object is there and hashes to the digest before one short unit puts it in the place of the others, and
only if those are still what the content consists of; a push that repairs it, a deletion and another compaction at the
same time each win or lose as a whole. What was encrypted stays encrypted under its own data key. The old objects go
after the grace; a reader in the middle of them goes on in the new one. A crash leaves litter and nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import NamedTuple

from holdfast.blobs.errors import Missing
from holdfast.blobs.key import issued_at, new_key
from holdfast.db.errors import Full, ReadOnly
from holdfast.db.port import Database, Unit
from holdfast.jobs.model import Later
from holdfast.jobs.service import enqueue
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import Place, record
from holdfast.registry.compaction import store
from holdfast.registry.content import compaction_of
from holdfast.registry.model import Segment, State, Stored
from holdfast.registry.objects import Objects, Seal
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import DOOM_SEGMENTS, DROP_SEGMENTS, HOLD_CONTENT, SEGMENTS

AT_ONCE = 2
"""Contents that one process compacts at a time: the other places of its worker are for shorter jobs."""
_PAGE = 500
_NOTHING_STORED = (Full, ReadOnly)

Report = Callable[[int, int], Awaitable[None]]


class Broken(Exception):
    """The objects of content do not give its bytes; it is marked as damaged, and the next push of it heals it."""


class _Content(NamedTuple):
    """Content that lies in several objects."""

    id: int
    stored: Stored


class Compaction:
    """Joining the objects of content. One object a process."""

    def __init__(self, objects: Objects, settings: RegistrySettings) -> None:
        self._objects = objects
        self._settings = settings
        self._under_way = 0

    async def compact(self, db: Database, content_id: int, report: Report, *, request: str = "") -> bool:
        """Make the content one object; False when there is nothing to join (any more). `report` is told the bytes that
        were copied, and all of them; `request` stands in the journal.

        Raises `Later` while enough others are under way, `Broken` (it is marked), `DatabaseError`, `BlobError`.
        """
        if self._under_way >= AT_ONCE:
            raise Later("enough content is being compacted")
        self._under_way += 1
        try:
            found = await self._found(db, content_id)
            while found is not None:
                try:
                    return await self._join(db, found, report, request)
                except Missing as error:
                    again = await self._found(db, content_id)
                    if again == found:
                        await self._mark(db, found, request)
                        raise Broken(f"an object of {found.stored.binding} is lost: push it again") from error
                    found = again
            return False
        finally:
            self._under_way -= 1

    async def missed(self, db: Database, after: int) -> int | None:
        """Enqueue a job for the next contents above `after` that lie in several objects; returns the last, None when
        there are no more."""
        rows = await db.all(store.MISSED, after=after, limit=_PAGE)

        async def ask(unit: Unit) -> None:
            for row in rows:
                await enqueue(unit, compaction_of(row.id))

        if rows:
            await db.write(ask)
        return rows[-1].id if rows else None

    async def _found(self, db: Database, content_id: int) -> _Content | None:
        row = await db.one(store.CONTENT, id=content_id)
        if row is None or row.state != State.STORED or row.key is not None:
            return None
        parts = await db.all(SEGMENTS, id=content_id)
        segments = tuple(Segment(part.key, part.size) for part in parts)
        if len(segments) < 2 or sum(segment.size for segment in segments) != row.size:
            return None  # in one object by now, or the rows were read on both sides of a change
        return _Content(content_id, Stored(segments, row.wrapped_key, row.digest))

    async def _join(self, db: Database, content: _Content, report: Report, request: str) -> bool:
        stored, digest = content.stored, content.stored.binding

        async def again() -> Seal:
            return self._objects.again(stored.wrapped, digest)

        seal = await self._objects.knowing(again)
        key = new_key(db.now())
        async with seal.store.create(key, digest.partition(":")[0], size=stored.size) as writer:
            async with aclosing(self._objects.chunks(stored, 0, stored.size)) as pieces:
                async for piece in pieces:
                    await writer.write(piece)
                    await report(writer.written, stored.size)
            got = await writer.finish()
        good = got.digest == digest
        try:
            if good and await db.write(lambda unit: self._switch(unit, content, key)):
                return True
            if not good:
                await self._mark(db, content, request)
        except _NOTHING_STORED:
            await self._objects.blobs.delete(key)
            raise
        await self._objects.blobs.delete(key)
        if not good:
            raise Broken(f"the objects of {digest} hash to {got.digest}: push it again")
        return False

    async def _switch(self, unit: Unit, content: _Content, key: str) -> bool:
        """Put the new object in the place of the others; False when the content is not what it was."""
        if not await self._unchanged(unit, content):
            return False
        if issued_at(key) < unit.now - self._settings.upload_expire:
            return False  # it may have been taken for litter (data model, rule 6)
        await unit.run(DOOM_SEGMENTS, id=content.id, due=unit.now + self._settings.grace)
        await unit.run(DROP_SEGMENTS, id=content.id)
        await unit.run(store.TAKE_KEY, id=content.id, key=key)
        return True

    async def _mark(self, db: Database, content: _Content, request: str) -> None:
        """Mark content whose bytes are not those of its digest: it is not served, and the next push of it heals it."""

        async def mark(unit: Unit) -> None:
            if await self._unchanged(unit, content):
                await unit.run(store.MARK_DAMAGED, id=content.id)
                await record(
                    unit,
                    ChangeKind.CONTENT_DAMAGED,
                    Place(0, 0, unit.now),
                    actor="system",
                    origin=Origin(request),
                    data={"digest": content.stored.binding},
                )

        await db.write(mark)

    async def _unchanged(self, unit: Unit, content: _Content) -> bool:
        """Whether the content consists of what was read; nobody changes that before the unit ends."""
        row = await unit.one(HOLD_CONTENT, id=content.id)
        if row is None or row.state != State.STORED or row.key is not None:
            return False
        parts = await unit.all(SEGMENTS, id=content.id)
        return tuple(Segment(part.key, part.size) for part in parts) == content.stored.segments
