"""Tells the handlers of features what was committed, from the journal.

Promises: each handler is told of every change of its kinds once it is sealed, oldest first, from the moment at which
there was such a handler; at least once, and exactly once as far as it writes to the database. A handler that fails
stops nobody but itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from holdfast.db.errors import DatabaseError
from holdfast.db.port import Database, Unit
from holdfast.feature import store
from holdfast.feature.model import Handler
from holdfast.jobs.model import Cancelled, Superseded
from holdfast.jobs.run import Run
from holdfast.journal.chain import SealedRow
from holdfast.journal.reading import Wanted, newest, oldest

_AT_ONCE = 200


async def tell(run: Run, handlers: Sequence[Handler]) -> None:
    """Tell every handler what is new. Raises an `ExceptionGroup` of what handlers raised, and
    `DatabaseError`."""
    failed: list[Exception] = []
    for handler in handlers:
        try:
            await catch_up(run.db, handler)
        except (DatabaseError, Superseded, Cancelled):
            raise
        except Exception as error:
            failed.append(error)
    if failed:
        raise ExceptionGroup("handlers failed", failed)


async def catch_up(db: Database, handler: Handler) -> None:
    """Tell one handler what is new; the first time only remember where that begins."""
    at = await db.one(store.CURSOR, name=handler.name)
    if at is None:
        last = await newest(db, Wanted(), _any, limit=1)
        pos = last.rows[0].pos if last.rows else 0
        await db.write(lambda unit: unit.run(store.NEW_CURSOR, name=handler.name, pos=pos))
        return
    after, kinds = at.pos, tuple(str(kind) for kind in sorted(handler.kinds))
    while True:
        part = await oldest(db, Wanted(kinds=kinds), _any, after=after, limit=_AT_ONCE)
        if part.next is None or part.next == after:
            return
        await db.write(partial(_tell, handler=handler, rows=part.rows, after=after, pos=part.next))
        after = part.next


async def _tell(unit: Unit, handler: Handler, rows: list[SealedRow], after: int, pos: int) -> None:
    known = await unit.one(store.HELD_CURSOR, name=handler.name)
    if known is None or known.pos != after:
        return  # somebody else tells it
    if rows:
        await handler.handle(unit, rows)
    await unit.run(store.MOVE_CURSOR, name=handler.name, pos=pos)


def _any(_row: SealedRow) -> bool:
    return True
