"""The physical totals: what lies in the blob store and in the database, as it lies there.

Promises: the figures are those of one moment, and equal to the sizes of the objects and of what the database holds
itself; triggers write them down with every change, so no use-case can forget to; nobody waits for a lock for that.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.port import Database, Reader, Unit
from holdfast.registry.ledger import store

TOGETHER = 1000


class Totals(NamedTuple):
    """Bytes as they lie there. `objects`: of content, in the blob store; `inline`: of content, in the database;
    `doomed`: objects that nothing refers to and that are not deleted yet; `parts`, `early`, `staged`: of uploads that
    have not ended: as objects, in the database, in files."""

    objects: int = 0
    inline: int = 0
    doomed: int = 0
    parts: int = 0
    early: int = 0
    staged: int = 0

    @property
    def uploads(self) -> int:
        """All that uploads hold."""
        return self.parts + self.early + self.staged

    @property
    def physical(self) -> int:
        """Everything."""
        return sum(self)


async def totals(reader: Reader) -> Totals:
    """The totals of this moment."""
    return Totals(**{row.what: row.bytes for row in await reader.all(store.TOTALS)})


async def fold(db: Database) -> int:
    """Fold the changes that wait; returns how many they were. Several may fold at once. Raises `DatabaseError`."""
    done = 0
    while (waiting := await db.one(store.WAITING)) is not None and waiting.waiting:
        some = await db.write(_fold)
        done += some
        if some < TOGETHER:
            break
    return done


async def _fold(unit: Unit) -> int:
    rows = await unit.all(store.TAKE_DELTAS, limit=TOGETHER)
    sums: dict[str, tuple[int, int]] = {}
    for row in rows:
        size, objects = sums.get(row.what, (0, 0))
        sums[row.what] = (size + row.bytes, objects + row.objects)
    for what, (size, objects) in sorted(sums.items()):
        if size or objects:
            await unit.run(store.FOLD, what=what, bytes=size, objects=objects)
    return len(rows)
