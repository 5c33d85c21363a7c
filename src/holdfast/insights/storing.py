"""What namespaces store, noted once a day for their months."""

from __future__ import annotations

import json
from functools import partial

from holdfast.db.port import Database, Unit
from holdfast.insights import aging_store as store
from holdfast.insights.model import day_of, month_of

_PAGE = 500


async def note_storage(db: Database) -> int:
    """Note what the last count of storage found for each namespace; how many. Once a day: more often changes nothing.

    A repository's own figure is none of a namespace, unless its name has one segment.
    """
    walk = await db.one(store.WALK)
    if walk is None:
        return 0
    day, after, noted = day_of(db.now()), "", 0
    while rows := await db.all(store.FIGURES, walk=walk.walk, after=after, limit=_PAGE):
        after = rows[-1].path
        found = [(row.path, row.stored) for row in rows if not row.repository or row.path.count("/") == 1]
        noted += len(found)
        await db.write(partial(_store, rows=json.dumps(found), day=day))
    return noted


async def _store(unit: Unit, rows: str, day: int) -> None:
    await unit.run(store.STORE, rows=rows, day=day, month=month_of(day))
