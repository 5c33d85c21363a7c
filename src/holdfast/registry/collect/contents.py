"""Step 2: content that no repository links any more goes, and its objects are doomed.

Promises: each content is locked before it is asked whether anything refers to it, so that a push of the same digest
either comes first, and is seen, or waits and begins anew; one that somebody holds is left to the next look. What is
known as a subject keeps its row and loses its bytes; what was purged keeps its row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.db.port import Unit
from holdfast.registry.collect import store
from holdfast.registry.model import State
from holdfast.registry.settings import RegistrySettings


class Removed(NamedTuple):
    """What came of one unit. `seen`: orphans that were decided; `contents`: rows that went or lost their bytes."""

    seen: int
    contents: int
    bytes: int


async def remove(unit: Unit, settings: RegistrySettings, ids: Sequence[int]) -> Removed:
    """Delete those of `ids` that nothing refers to."""
    rows = {row.id: row for row in await unit.all(store.LOCK_CONTENT, ids=sorted(ids))}
    locked = sorted(rows)
    await unit.all(store.LOCK_ORPHANS, ids=locked)
    uses = {row.id: row for row in await unit.all(store.USES, ids=locked)}
    free = [id for id in locked if not uses[id].linked and rows[id].state != State.PURGED]
    going = [id for id in free if not uses[id].subject]
    waiting = [id for id in free if uses[id].subject and rows[id].state != State.AWAITED]
    emptied = sorted(going + waiting)
    if emptied:
        due = unit.now + settings.grace
        await unit.run(store.DOOM_OBJECTS, ids=emptied, due=due)
        await unit.run(store.DOOM_SEGMENTS, ids=emptied, due=due)
        await unit.run(store.DROP_BODIES, ids=emptied)
        await unit.run(store.DROP_SEGMENTS, ids=emptied)
    if waiting:
        await unit.run(store.AWAIT, ids=waiting)
    if locked:
        await unit.run(store.DROP_ORPHANS, ids=locked)
    if going:
        await unit.run(store.DROP_CONTENT, ids=going)
    return Removed(len(locked), len(emptied), sum(rows[id].size for id in emptied))
