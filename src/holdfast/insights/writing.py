"""Writes what a batch adds: names as numbers, rows by lists, and no more rows in a day than there is room for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from holdfast.db.port import Unit
from holdfast.insights import aging_store, store
from holdfast.insights.counting import Tally
from holdfast.insights.facts import Facts
from holdfast.insights.folding import fold, fold_who
from holdfast.insights.model import OTHER, ROOM, Dim

_ROWS = 2_000


async def first_day(unit: Unit) -> int:
    """The first day that may still be counted on: the one after those whose pulls are recent no more."""
    aged = await unit.one(aging_store.AGED)
    return aged.day + 1 if aged is not None else 0


async def write(unit: Unit, tally: Tally, facts: Facts) -> None:
    """Add what a batch counted."""
    ids = await _numbers(unit, tally)
    rows = [
        (key.repo_id, int(key.dim), key.day, ids.get(key.name, OTHER) if key.dim else OTHER, int(key.what), *counts)
        for key, counts in tally.rows.items()
    ]
    who = [
        (
            *(key.repo_id, key.day, ids[key.subject], ids[key.agent], ids[key.network], int(key.what)),
            *(ids[key.digest], ids[key.tag] if key.tag else OTHER, *added),
        )
        for key, added in tally.who.items()
    ]
    rooms = await _rooms(unit, rows, who)
    for some in _parts(rows):
        await unit.run(store.ADD, rows=some)
    for some in _parts(who):
        await unit.run(store.ADD_WHO, rows=some)
    for some in _parts((*key, *added) for key, added in tally.recent.items()):
        await unit.run(store.ADD_RECENT, rows=some)
    for some in _parts(
        (key.path, key.month, int(key.what), counts.pulls, counts.pushes, counts.sent, counts.received)
        for key, counts in tally.months.items()
    ):
        await unit.run(store.ADD_MONTHS, rows=some)
    for some in _parts(
        (key.path, key.day, int(key.what), counts.pulls, counts.pushes) for key, counts in tally.traffic.items()
    ):
        await unit.run(store.ADD_TRAFFIC, rows=some)
    await _platforms(unit, tally, facts, ids)
    for room in rooms:
        await (fold_who(unit, room) if room.dim == Dim.WHO else fold(unit, room))


async def _numbers(unit: Unit, tally: Tally) -> dict[str, int]:
    """The numbers of all names of a batch."""
    days: dict[str, int] = {}
    for key in tally.rows:
        if key.dim:
            days[key.name] = max(days.get(key.name, 0), key.day)
    for who in tally.who:
        if who.tag:
            days[who.tag] = max(days.get(who.tag, 0), who.day)
    if not days:
        return {}
    day = max(days.values())
    texts = sorted(days)
    found = {row.text: row.id for row in await unit.all(store.NAMES, texts=texts)}
    missing = [text for text in texts if text not in found]
    if missing:
        for some in _parts((text,) for text in missing):
            await unit.run(store.NEW_NAMES, rows=some, day=day)
        found |= {row.text: row.id for row in await unit.all(store.NAMES, texts=missing)}
    await unit.run(store.SEEN_NAMES, ids=sorted(found.values()), day=day)
    return found


async def _rooms(unit: Unit, rows: Sequence[tuple[int, ...]], who: Sequence[tuple[int, ...]]) -> list[store.RoomRow]:
    """Count the rows that are new; gives the days that have more than there is room for."""
    new: dict[tuple[int, int, int], int] = {}
    for repo_id, dim, day, *_ in rows:
        if dim:
            new[repo_id, dim, day] = new.get((repo_id, dim, day), 0) + 1
    for repo_id, day, *_ in who:
        new[repo_id, Dim.WHO, day] = new.get((repo_id, Dim.WHO, day), 0) + 1
    known: list[store.RoomRow] = []
    for some in _parts(row[:5] for row in rows if row[1]):
        known += await unit.all(store.KNOWN, rows=some)
    for some in _parts(row[:8] for row in who):
        known += await unit.all(store.KNOWN_WHO, rows=some)
    for room in known:
        new[room.repo_id, room.dim, room.day] -= room.used
    over: list[store.RoomRow] = []
    for some in _parts((*key, more) for key, more in sorted(new.items()) if more):
        await unit.run(store.USE_ROOM, rows=some)
        over += [room for room in await unit.all(store.ROOMS, rows=some) if room.used > ROOM[Dim(room.dim)]]
    return over


async def _platforms(unit: Unit, tally: Tally, facts: Facts, ids: dict[str, int]) -> None:
    """Let the images of a batch be looked at for their platform."""
    found = {}
    for key in tally.rows:
        content_id = facts.ids.get((key.repo_id, key.name)) if key.dim is Dim.DIGEST else None
        if content_id is not None and not facts.is_index(key.repo_id, key.name):
            found[ids[key.name]] = (key.repo_id, content_id)
    for some in _parts((name_id, *place) for name_id, place in sorted(found.items())):
        await unit.run(store.NEW_PLATFORMS, rows=some)


def _parts(rows: Iterable[tuple[Any, ...]]) -> Iterable[str]:
    """Rows as JSON, in pieces of a bounded size and a fixed order."""
    every = sorted(rows)
    for first in range(0, len(every), _ROWS):
        yield json.dumps(every[first : first + _ROWS])
