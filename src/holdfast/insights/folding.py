"""The rare of a full day become others, so that a day of a repository has a bounded number of rows.

Promises: sums stay exact, for what goes is added to `other` of its own class; what is counted often keeps its name. A
name that comes back after that is counted anew, so a name's count may be too low on a day that has others, never too
high.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from holdfast.db.port import Unit
from holdfast.insights import folding_store, store
from holdfast.insights.counting import Who, both
from holdfast.insights.model import OTHER, ROOM, Dim

_ROWS = 2_000


async def fold(unit: Unit, room: store.RoomRow) -> None:
    """Let the rarest names of a day become others until half of the room is free."""
    place = {"repo_id": room.repo_id, "dim": room.dim, "day": room.day}
    common = await unit.all(folding_store.COMMON, **place)
    half = ROOM[Dim(room.dim)] // 2
    rare = [row.name_id for row in common[half:]]
    for first in range(0, len(rare), _ROWS):
        ids = rare[first : first + _ROWS]
        if room.dim == Dim.TAG:
            await _no_more_recent(unit, room, ids)
        sums = await unit.all(folding_store.SUMS, ids=ids, **place)
        await unit.run(folding_store.DROP, ids=ids, **place)
        added = [(room.repo_id, room.dim, room.day, OTHER, *row) for row in sums]
        await unit.run(store.ADD, rows=json.dumps(added))
    await unit.run(store.SET_ROOM, used=sum(row.used for row in common[:half]), **place)


async def _no_more_recent(unit: Unit, room: store.RoomRow, ids: Sequence[int]) -> None:
    """What is counted under no tag any more is not among the recent pulls of one."""
    rows = await unit.all(folding_store.TAG_PULLS, repo_id=room.repo_id, day=room.day, ids=ids)
    less = [(room.repo_id, row.name, -row.pulls, -row.pulls_all, 0, 0) for row in rows if row.pulls_all]
    await unit.run(store.ADD_RECENT, rows=json.dumps(less))


async def fold_who(unit: Unit, room: store.RoomRow) -> None:
    """The same for who pulled what."""
    rows = await unit.all(folding_store.WHO_OF_DAY, repo_id=room.repo_id, day=room.day)
    rows.sort(key=lambda row: (-(row.pulls + row.pushes), row))
    half = ROOM[Dim.WHO] // 2
    others: dict[int, Who] = {}
    kept = []
    for place, row in enumerate(rows):
        if place < half and row.subject_id != OTHER:
            kept.append((room.repo_id, room.day, *row))
            continue
        more = Who(row.pulls, row.pushes, row.first_at, row.last_at)
        known = others.get(row.class_)
        others[row.class_] = more if known is None else both(known, more)
    rest = [(room.repo_id, room.day, OTHER, OTHER, OTHER, what, OTHER, OTHER, *who) for what, who in others.items()]
    await unit.run(folding_store.DROP_WHO, repo_id=room.repo_id, day=room.day)
    await unit.run(store.ADD_WHO, rows=json.dumps([*kept, *rest]))
    await unit.run(store.SET_ROOM, repo_id=room.repo_id, dim=room.dim, day=room.day, used=len(kept) + len(rest))
