"""Folding the changes of what repositories use into the sums of every path above them.

Promises: a change is folded once, and together with all its sums, whoever folds and however many do; each turn is
bounded; a warning is forgotten when there is room again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from holdfast.db.port import Database, Unit
from holdfast.registry.effective.service import effective, prefixes_of
from holdfast.registry.quotas import store
from holdfast.registry.quotas.model import Limit, limits, span
from holdfast.registry.quotas.service import used

TOGETHER = 500
_WARNINGS = 200


async def fold(db: Database) -> int:
    """Fold everything that waits; returns how many changes that were. Raises `DatabaseError`."""
    done = 0
    while (waiting := await db.one(store.WAITING)) is not None and waiting.waiting:
        some = await db.write(_fold)
        done += some
        if some < TOGETHER:
            break
    if done:
        await _forget_warnings(db)
    return done


async def _fold(unit: Unit) -> int:
    rows = await unit.all(store.TAKE_DELTAS, limit=TOGETHER)
    # Always in the same order, so that two who fold at once never wait for each other in a ring.
    for path, sums in sorted(summed(rows).items()):
        if any(sums.values()):
            await unit.run(store.FOLD, path=path, **{name: sums[name] for name in ("bytes", "repositories", "tags")})
    return len(rows)


def summed(rows: Sequence[store.DeltaRow]) -> dict[str, Counter[str]]:
    """What each row of the sums changes by."""
    found: dict[str, Counter[str]] = {}
    for row in rows:
        for key in (row.path, *(span(prefix).key for prefix in prefixes_of(row.path))):
            sums = found.setdefault(key, Counter())
            for name in ("bytes", "repositories", "tags"):
                sums[name] += getattr(row, name)
    return found


async def _forget_warnings(db: Database) -> None:
    """Forget what was told of quotas that have room again, so that it is told anew when it is used up again."""
    at = ("", "")
    while rows := await db.all(store.WARNINGS, path=at[0], what=at[1], limit=_WARNINGS):
        for row in rows:
            at = (row.path, row.what)
            limit = await _limit(db, row)
            if limit is None or not limit.nearly((await used(db, limit.path)).of(limit.what)):
                await db.write(lambda unit, row=row: unit.run(store.FORGET_WARNING, path=row.path, what=row.what))  # type: ignore[misc]


async def _limit(db: Database, row: store.WarningRow) -> Limit | None:
    found = limits(await effective(db, prefixes_of(row.path)))
    return next((limit for limit in found if limit.path == row.path and limit.what == row.what), None)
