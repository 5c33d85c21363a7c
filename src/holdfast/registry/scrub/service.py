"""The scrub: reads everything that is stored in rounds, paced, and marks what is not what its digest says.

Promises: never faster than `rate`; what is marked was read twice and found wrong both times, in the same place, and is
not served from then on: the next push of it heals it. An object that is not there is believed only after a second look
`PATIENCE` later, and only while the store knows its marker; a store that is away marks nothing and ends the turn. Where
a round is stands in the database, so that it goes on there whoever goes on. Inline content and objects, clear and
encrypted, are read as a pull reads them.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from enum import Enum
from typing import NamedTuple

from holdfast.blobs.envelope import UnknownGeneration
from holdfast.blobs.errors import Corrupt, Missing, Unavailable
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import Place, record
from holdfast.oci.digest import ALGORITHMS
from holdfast.registry.model import Segment, Stored
from holdfast.registry.objects import Objects
from holdfast.registry.scrub import store
from holdfast.registry.scrub.store import ContentRow, RoundRow
from holdfast.registry.store import HOLD_CONTENT, SEGMENTS

ROUND_EVERY = 24 * 3600 * 1_000_000
"""Microseconds from the beginning of a round to that of the next, at least."""
TURN = 50.0
"""Seconds that a turn takes about: the next one goes on where it ended."""
PATIENCE = 60 * 1_000_000
"""Microseconds until an object that was not there is looked for again."""
_PAGE = 200
_STEP = 4 << 20
"""Bytes that are read before the place of the round is written down."""
_LONGEST_PAUSE = 0.5
Pause = Callable[[float], Awaitable[None]]

Report = Callable[[int, int], Awaitable[None]]


class _Stopped(Exception):
    """The worker stops: what is being read is read again by whoever goes on."""


class Verdict(Enum):
    """What came of reading content."""

    GOOD = "good"
    BAD = "its bytes do not hash to the digest"
    MISSING = "its object is not in the store"
    GONE = "there is no such content any more, or it lies elsewhere by now"


class Turned(NamedTuple):
    """What a turn did: contents and bytes that were read, contents that were marked."""

    contents: int
    bytes: int
    damaged: int


class Pace:
    """Bytes a second, by the clock of the loop. `stopping`: whether to give up waiting."""

    def __init__(self, rate: int, pause: Pause, stopping: Callable[[], bool]) -> None:
        self._rate = rate
        self._pause = pause
        self._stopping = stopping
        self._began = asyncio.get_running_loop().time()
        self._read = 0

    async def read(self, count: int) -> None:
        """`count` bytes were read: wait until so many may have been. Raises `_Stopped`."""
        self._read += count
        clock = asyncio.get_running_loop().time
        left = self._read / self._rate - (clock() - self._began)
        while left > 0:
            if self._stopping():
                raise _Stopped
            await self._pause(min(left, _LONGEST_PAUSE))
            left -= _LONGEST_PAUSE

    @property
    def seconds(self) -> float:
        """For how long this turn goes on, at the pace."""
        return max(self._read / self._rate, asyncio.get_running_loop().time() - self._began)


class Scrub:
    """Reading what is stored. `rate`: bytes a second, above 0."""

    def __init__(
        self,
        db: Database,
        objects: Objects,
        rate: int,
        *,
        request: str = "",
        pause: Pause = asyncio.sleep,
        stopping: Callable[[], bool] = lambda: False,
        turn: float = TURN,
    ) -> None:
        self._db = db
        self._objects = objects
        self._rate = rate
        self._request = request
        self._pause = pause
        self._stopping = stopping
        self._turn = turn

    async def turn(self, report: Report | None = None) -> Turned:
        """Go on for about `turn` seconds; begin a round when it is time. `report` is told the bytes of the round.

        Raises `Unavailable`, `UnknownGeneration`, `DatabaseError`.
        """
        pace = Pace(self._rate, self._pause, self._stopping)
        done = Turned(0, 0, 0)
        with suppress(_Stopped):
            done = await self._go_on(pace, Turned(0, 0, await self._look_again(pace)), report)
        return done

    async def _go_on(self, pace: Pace, done: Turned, report: Report | None) -> Turned:
        now = await self._round()
        while now is not None and pace.seconds < self._turn:
            page = await self._db.all(store.CONTENTS, after=now.after, limit=_PAGE)
            if not page:
                await self._db.write(lambda unit, now=now: unit.run(store.END, round=now.round))  # type: ignore[misc]
                break
            waiting = 0
            for row in page:
                damaged = await self._content(row, pace)
                done = Turned(done.contents + 1, done.bytes + row.size, done.damaged + damaged)
                waiting += row.size
                if row is page[-1] or waiting >= _STEP or pace.seconds >= self._turn:
                    now = now._replace(after=row.id, done=now.done + waiting)
                    await self._advance(now, waiting)
                    waiting = 0
                    if report is not None:
                        await report(now.done, max(now.done, now.total))
                if pace.seconds >= self._turn:
                    break
        return done

    async def _advance(self, now: RoundRow, read: int) -> None:
        await self._db.write(lambda unit: unit.run(store.ADVANCE, round=now.round, after=now.after, done=read))

    async def _round(self) -> RoundRow | None:
        """The round that goes on, or a new one when it is time; None: it is not."""
        row = await self._db.one(store.ROUND)
        if row is None or (row.ended_at is not None and row.began_at > self._db.now() - ROUND_EVERY):
            return None
        if row.ended_at is None:
            return row
        total = await self._db.one(store.TOTAL)
        assert total is not None
        await self._db.write(lambda unit: unit.run(store.BEGIN, round=row.round, total=total.total))
        return await self._db.one(store.ROUND)

    async def _content(self, row: ContentRow, pace: Pace) -> bool:
        """Read content; whether it was marked."""
        verdict = await self._judge(row, pace)
        if verdict is Verdict.BAD:
            verdict = await self._judge(row, pace)  # once more: it may have been the reading
        if verdict is Verdict.MISSING:
            await self._db.write(lambda unit: unit.run(store.SUSPECT, content_id=row.id))
        return verdict is Verdict.BAD and await self._mark(row, verdict)

    async def _look_again(self, pace: Pace) -> int:
        """Look for what was not there some time ago; returns how much of it was marked."""
        marked = after = 0
        before = self._db.now() - PATIENCE
        while rows := await self._db.all(store.SUSPECTS, after=after, before=before, limit=_PAGE):
            for suspect in rows:
                after = suspect.content_id
                row = await self._db.one(store.CONTENT, id=suspect.content_id)
                verdict = await self._judge(row, pace) if row is not None else Verdict.GONE
                if row is not None and verdict in (Verdict.BAD, Verdict.MISSING):
                    await self._require_store()
                    marked += await self._mark(row, verdict)
                await self._db.write(lambda unit, id=after: unit.run(store.CLEAR, content_id=id))  # type: ignore[misc]
        return marked

    async def _require_store(self) -> None:
        """Raise `Unavailable` where the store's marker is not there: nothing that is missing is missed then."""
        if await self._objects.blobs.mark("store") is None:
            raise Unavailable("the blob store carries no marker")

    async def _judge(self, row: ContentRow, pace: Pace) -> Verdict:
        """What content is like. Raises `Unavailable` when the store as a whole does not answer."""
        algorithm = row.digest.partition(":")[0]
        if algorithm not in ALGORITHMS:
            return Verdict.BAD
        running = hashlib.new(algorithm)
        stored = None
        try:
            if row.inline is not None:
                running.update(await self._inline(row))
                await pace.read(row.size)
            else:
                stored = await self._stored(row)
                async with aclosing(self._objects.chunks(stored, 0, stored.size)) as pieces:
                    async for piece in pieces:
                        running.update(piece)
                        await pace.read(len(piece))
        except Corrupt:  # which is a kind of Missing
            return await self._still(row, stored, Verdict.BAD)
        except Missing:
            return await self._still(row, stored, Verdict.MISSING)
        except UnknownGeneration:
            raise  # no damage: another node may well read it
        except Unavailable:
            await self._require_store()
            if stored is not None:
                await self._objects.sizes(stored)  # raises unless it is these bytes alone that cannot be read
            return await self._still(row, stored, Verdict.BAD)
        if f"{algorithm}:{running.hexdigest()}" == row.digest:
            return Verdict.GOOD
        return await self._still(row, stored, Verdict.BAD)

    async def _inline(self, row: ContentRow) -> bytes:
        body = await self._db.one(store.BODY, id=row.id)
        if body is None:
            raise Missing("its bytes are not in the database")
        return await self._objects.opened(row.wrapped_key, row.digest, body.bytes)

    async def _stored(self, row: ContentRow) -> Stored:
        if row.key is not None:
            return Stored((Segment(row.key, row.size),), row.wrapped_key, row.digest)
        parts = await self._db.all(SEGMENTS, id=row.id)
        segments = tuple(Segment(part.key, part.size) for part in parts)
        if sum(segment.size for segment in segments) != row.size:
            raise Missing("it has not as many bytes as it should")
        return Stored(segments, row.wrapped_key, row.digest)

    async def _still(self, row: ContentRow, stored: Stored | None, verdict: Verdict) -> Verdict:
        """`verdict`, unless the content lies elsewhere by now (compaction, a push that healed it, the collector)."""
        again = await self._db.one(store.CONTENT, id=row.id)
        if again is None or (again.key, again.inline is None) != (row.key, row.inline is None):
            return Verdict.GONE
        if stored is not None and row.key is None and await self._stored(again) != stored:
            return Verdict.GONE
        return verdict

    async def _mark(self, row: ContentRow, verdict: Verdict) -> bool:
        """Mark content, unless it is not what was read any more."""

        async def mark(unit: Unit) -> bool:
            held = await unit.one(HOLD_CONTENT, id=row.id)
            now = await unit.one(store.CONTENT, id=row.id)
            if held is None or now is None or now._replace(wrapped_key=None) != row._replace(wrapped_key=None):
                return False
            await unit.run(store.MARK_DAMAGED, id=row.id)
            await unit.run(store.FOUND)
            await record(
                unit,
                ChangeKind.CONTENT_DAMAGED,
                Place(0, 0, unit.now),
                actor="scrub",
                origin=Origin(self._request),
                data={"digest": row.digest, "reason": verdict.value},
            )
            return True

        return await self._db.write(mark)
