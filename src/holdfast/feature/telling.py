"""Tells the handlers of features what was committed, from the journal, and what was used, from the feed of use.

Promises: each handler is told of every change of its kinds once it is sealed, and of every use once it is stored, the
oldest first, from the moment at which there was such a handler; at least once, and exactly once as far as it writes to
the database. A handler that fails stops nobody but itself. Several processes tell, and nothing is told twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from holdfast.access.usage import feed
from holdfast.db.errors import DatabaseError, Full, ReadOnly, Unavailable
from holdfast.db.port import Database, Unit
from holdfast.feature import store
from holdfast.feature.model import Feature, Handler, UseHandler
from holdfast.journal.chain import SealedRow
from holdfast.journal.reading import Wanted, newest, oldest
from holdfast.telemetry.events import Events

EVERY = 0.5
"""Seconds between two looks for something to tell."""
PATIENCE = 60.0
"""The longest, in seconds, that a handler which failed waits until it is told again."""
_AT_ONCE = 200
_BATCHES = 5
_USE = "use:"
_OUTAGES = (Unavailable, ReadOnly, Full)


async def begin(db: Database, features: Sequence[Feature]) -> None:
    """Let every handler that was told nothing yet be told of what is committed from now on. Done before anything is
    served, so that nobody's first change is missed. Raises `DatabaseError`."""
    for feature in features:
        for handler in feature.handlers:
            if await db.one(store.CURSOR, name=handler.name) is None:
                await _begin(db, handler)
        for use_handler in feature.uses:
            if await db.one(store.CURSOR, name=_USE + use_handler.name) is None:
                await _begin_uses(db, use_handler)


class Teller:
    """One process's part in telling. `features`: whose handlers are told."""

    def __init__(self, db: Database, features: Sequence[Feature], events: Events) -> None:
        self._db = db
        self._handlers = [handler for feature in features for handler in feature.handlers]
        self._uses = [handler for feature in features for handler in feature.uses]
        self._events = events
        self._failed: dict[str, tuple[int, float]] = {}

    async def run(self) -> None:
        """Tell until cancelled; an outage ends nothing."""
        while True:
            try:
                await self.turn()
            except DatabaseError:
                pass  # it is told elsewhere; what waits is told afterwards
            except Exception as error:  # our own trouble must not end what runs beside it
                self._events.error("features could not be told, tried again", exc_info=error)
            await asyncio.sleep(EVERY)

    async def turn(self) -> None:
        """Tell every handler what is new. Raises `DatabaseError`."""
        for handler in self._handlers:
            await self._try(handler.name, partial(catch_up, self._db, handler))
        if self._uses:
            await feed.place(self._db)
            for use_handler in self._uses:
                await self._try(_USE + use_handler.name, partial(catch_up_uses, self._db, use_handler))
            await forget_told(self._db, self._uses)

    async def _try(self, name: str, tell: Callable[[], Awaitable[None]]) -> None:
        """Tell one handler, unless it failed a moment ago."""
        times, until = self._failed.get(name, (0, 0.0))
        now = asyncio.get_running_loop().time()
        if now < until:
            return
        try:
            await tell()
        except _OUTAGES:
            raise
        except Exception as error:
            wait = min(PATIENCE, EVERY * 2 ** min(times + 1, 20))
            self._failed[name] = (times + 1, now + wait)
            self._events.error("a handler failed, it is told again", handler=name, times=times + 1, exc_info=error)
        else:
            self._failed.pop(name, None)


async def catch_up(db: Database, handler: Handler) -> None:
    """Tell one handler what is new; the first time only remember where that begins. Raises what it raises, and
    `DatabaseError`."""
    at = await db.one(store.CURSOR, name=handler.name)
    if at is None:
        await _begin(db, handler)
        return
    after, kinds = at.pos, tuple(str(kind) for kind in sorted(handler.kinds))
    while True:
        part = await oldest(db, Wanted(kinds=kinds), _any, after=after, limit=_AT_ONCE)
        if part.next is None or part.next == after:
            return
        await db.write(partial(_tell, handler=handler, rows=part.rows, after=after, pos=part.next))
        after = part.next


async def catch_up_uses(db: Database, handler: UseHandler) -> None:
    """Tell one handler what was used; the first time only remember where that begins. Raises what it raises, and
    `DatabaseError`."""
    name = _USE + handler.name
    at = await db.one(store.CURSOR, name=name)
    if at is None:
        await _begin_uses(db, handler)
        return
    after = at.pos
    while batches := await feed.batches(db, after, _BATCHES):
        await db.write(partial(_tell_uses, handler=handler, batches=batches, after=after))
        after = batches[-1].pos


async def forget_told(db: Database, handlers: Sequence[UseHandler]) -> None:
    """Drop the uses that every one of `handlers` was told of."""
    names = [_USE + handler.name for handler in handlers]
    rows = await db.all(store.CURSORS, names=names)
    if len(rows) == len(names):
        await feed.drop(db, min(row.pos for row in rows))


async def _begin(db: Database, handler: Handler) -> None:
    last = await newest(db, Wanted(), _any, limit=1)
    pos = last.rows[0].pos if last.rows else 0
    await db.write(lambda unit: unit.run(store.NEW_CURSOR, name=handler.name, pos=pos))


async def _begin_uses(db: Database, handler: UseHandler) -> None:
    pos = await feed.place(db)
    await db.write(lambda unit: unit.run(store.NEW_CURSOR, name=_USE + handler.name, pos=pos))


async def _tell(unit: Unit, handler: Handler, rows: list[SealedRow], after: int, pos: int) -> None:
    known = await unit.one(store.HELD_CURSOR, name=handler.name)
    if known is None or known.pos != after:
        return  # somebody else tells it
    if rows:
        await handler.handle(unit, rows)
    await unit.run(store.MOVE_CURSOR, name=handler.name, pos=pos)


async def _tell_uses(unit: Unit, handler: UseHandler, batches: list[feed.Batch], after: int) -> None:
    name = _USE + handler.name
    known = await unit.one(store.HELD_CURSOR, name=name)
    if known is None or known.pos != after:
        return  # somebody else tells it
    await handler.handle(unit, [use for batch in batches for use in batch.uses])
    await unit.run(store.MOVE_CURSOR, name=name, pos=batches[-1].pos)


def _any(_row: SealedRow) -> bool:
    return True
