"""Lets counts grow old: pulls leave the recent ones after 30 days, and days are forgotten after `insights-keep`.

Promises: recent pulls are the sums of the days that they speak of, whenever they are looked at; kill -9 anywhere
repeats nothing; each unit is small.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import partial

from holdfast.access.errors import Invalid
from holdfast.access.usage.classes import SubjectClass
from holdfast.db.port import Database, Unit
from holdfast.db.query import Command
from holdfast.insights import aging_store as store
from holdfast.insights.model import DAY, RECENT, Dim, day_of, month_of
from holdfast.insights.store import ADD_RECENT
from holdfast.registry.effective.kinds import SettingKind, Shape, duration_words, read_duration, write_duration
from holdfast.registry.effective.service import effective, prefixes_of

KEEP = "insights-keep"
KEPT = 400 * DAY
"""Microseconds for which days are kept where no path says it."""
MONTHS = 60
"""Months for which totals of namespaces are kept: they name nobody."""
TRAFFIC = 2 * RECENT
"""Days for which the traffic of namespaces is kept by day."""
_LEAST = (RECENT + 1) * DAY
_PAGE = 500
_END = 1 << 62
_Less = tuple[int, str, int, int, int, int]
_DIMS = tuple(int(dim) for dim in Dim)


def _read(text: str) -> str:
    value = read_duration(text)
    if int(value) < _LEAST:
        raise Invalid("value", f"at least {write_duration(str(_LEAST))}: pulls of {RECENT} days are shown in lists")
    return value


KIND = SettingKind(
    KEEP,
    "How long it is kept who pulled and pushed what on which day.",
    "a number with s, m, h or d, as in 400d, at least 31d",
    _read,
    write_duration,
    write_duration(str(KEPT)),
    title="Insights kept",
    shape=Shape.DURATION,
    words=duration_words,
)


async def age(db: Database) -> None:
    """Take what is older than 30 days out of the recent pulls."""
    last = day_of(db.now()) - RECENT
    at = await db.one(store.AGED)
    if at is None:
        oldest = await db.one(store.OLDEST, after=-1)
        first = oldest.day if oldest is not None and oldest.day is not None else last + 1
        at = store.AgedRow(min(first - 1, last), _END, 0, 0, 0)
        await db.write(partial(_age, rows=(), at=at, was=None))
    while at.day <= last:
        rows = await db.all(store.OF_DAY, limit=_PAGE, **_place(at))
        new = store.AgedRow(at.day, *rows[-1][:4]) if rows else await _next(db, at, last)
        if new == at or not await db.write(partial(_age, rows=rows, at=new, was=at)):
            return  # it is done, or somebody else does it
        at = new


async def _next(db: Database, at: store.AgedRow, last: int) -> store.AgedRow:
    """Where to go on when a day is done: at the next one, or at the end of the last."""
    found = await db.one(store.OLDEST, after=at.day)
    if found is not None and found.day is not None and found.day <= last:
        return store.AgedRow(found.day, 0, 0, 0, -1)
    return at if at.day == last else store.AgedRow(last, _END, 0, 0, 0)


async def _age(unit: Unit, rows: Sequence[store.OldRow], at: store.AgedRow, was: store.AgedRow | None) -> bool:
    if await unit.one(store.AGED) != was:
        return False
    less = [
        (row.repo_id, row.name or "", -row.pulls * SubjectClass(row.class_).runs, -row.pulls, 0, 0)
        for row in rows
        if row.pulls and (row.dim == Dim.REPOSITORY or row.name is not None)
    ]
    if less:
        await unit.run(ADD_RECENT, rows=json.dumps(_once(less)))
    await unit.run(store.SET_AGED, **_place(at))
    return True


def _once(less: Iterable[_Less]) -> list[_Less]:
    """The same, each place once."""
    found: dict[tuple[int, str], _Less] = {}
    for row in less:
        known = found.get(row[:2])
        found[row[:2]] = row if known is None else (*row[:2], known[2] + row[2], known[3] + row[3], 0, 0)
    return sorted(found.values())


def _place(at: store.AgedRow) -> dict[str, int]:
    return {"day": at.day, "repo_id": at.repo_id, "dim": at.dim, "name_id": at.name_id, "class": at.class_}


# -- forgetting --------------------------------------------------------------------------------------------------------


async def forget(db: Database) -> int:
    """Forget the days that are kept no longer, and names that nothing has any more; how many days of repositories."""
    gone = 0
    longest = KEPT
    after: int | None = -1
    while (row := await db.one(store.NEXT, after=after)) is not None and row.repo_id is not None:
        after = row.repo_id
        keep = await _kept(db, row.repo_id)
        before = day_of(db.now() - keep)
        while True:
            old = await db.one(store.OLDEST_OF, repo_id=row.repo_id, before=before)
            if old is None or old.day is None:
                break
            await db.write(partial(_forget, repo_id=row.repo_id, day=old.day))
            gone += 1
    for said in await db.all(store.SAID, name=KEEP):
        longest = max(longest, int(said.value))
    day = day_of(db.now() - longest)
    while await db.write(partial(_forget_names, before=day)):
        pass
    while await db.write(lambda unit: unit.run(store.DROP_RECENT, before=day * DAY, limit=_PAGE)):
        pass
    while await db.write(partial(_forget_months, command=store.DROP_TRAFFIC, before=day_of(db.now()) - TRAFFIC)):
        pass
    month = month_of(day_of(db.now())) - MONTHS
    for command in (store.DROP_MONTHS, store.DROP_STORED):
        while await db.write(partial(_forget_months, command=command, before=month)):
            pass
    return gone


async def _kept(db: Database, repo_id: int) -> int:
    """How long the days of a repository are kept, microseconds."""
    row = await db.one(store.PATH, id=repo_id)
    held = await effective(db, prefixes_of(row.path) if row is not None else ("",))
    return int(held.text(KEEP) or KEPT)


async def _forget(unit: Unit, repo_id: int, day: int) -> None:
    await unit.run(store.DROP_DAY, repo_id=repo_id, day=day, dims=_DIMS)
    await unit.run(store.DROP_WHO_DAY, repo_id=repo_id, day=day)
    await unit.run(store.DROP_ROOM_DAY, repo_id=repo_id, day=day, dims=_DIMS)


async def _forget_names(unit: Unit, before: int) -> int:
    await unit.run(store.DROP_PLATFORMS, before=before, limit=_PAGE)
    return await unit.run(store.DROP_NAMES, before=before, limit=_PAGE)


async def _forget_months(unit: Unit, command: Command, before: int) -> int:
    return await unit.run(command, before=before, limit=_PAGE)
