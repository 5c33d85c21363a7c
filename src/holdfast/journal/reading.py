"""Reads the sealed journal, newest first or oldest first, by keyset over `pos`.

Promises: a page costs a bounded number of rows, however rare what is looked for is: then it is short, and says where to
go on; rows that were seen never change their place, so whoever walks sees each once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from holdfast.db.port import Database
from holdfast.db.query import Query
from holdfast.journal import latest_store, store
from holdfast.journal.chain import SealedRow

END = 1 << 62
_CHUNK = 500
_CHUNKS = 20
"""Steps before a part ends, however few of the rows that were looked at may be shown."""
_SKEW = 60_000_000
"""Microseconds that a row's time may be older than that of a row placed before it."""


class Wanted(NamedTuple):
    """What to show. `kinds`: whole kinds, or the part before the dot; none: all. `path`: a repository or namespace,
    `within`: what is below it, too. Times are microseconds, `until` is not included."""

    actor: str | None = None
    kinds: tuple[str, ...] = ()
    path: str | None = None
    within: bool = False
    request: str | None = None
    since: int | None = None
    until: int | None = None

    def has(self, row: SealedRow) -> bool:
        """Whether `row` is one of those."""
        return (
            (self.actor is None or row.actor == self.actor)
            and (not self.kinds or row.kind in self.kinds or row.kind.partition(".")[0] in self.kinds)
            and (self.path is None or self._below(row.path or ""))
            and (self.request is None or row.request == self.request)
            and (self.since is None or row.at >= self.since)
            and (self.until is None or row.at < self.until)
        )

    def _below(self, path: str) -> bool:
        return path == self.path or (self.within and (not self.path or path.startswith(f"{self.path}/")))


class Part(NamedTuple):
    """Rows, and the place to go on from, None at the end."""

    rows: list[SealedRow]
    next: int | None


Shown = Callable[[SealedRow], bool]


async def newest(
    db: Database, wanted: Wanted, shown: Shown, *, before: int = END, limit: int, most: int | None = None
) -> Part:
    """The last `limit` rows below the place `before` that are wanted and may be shown, the newest first; about
    `most` are looked at, where it is given."""
    floor, ceiling = await _bounds(db, wanted)
    query, value = _by(wanted, newest_first=True)
    at = min(before, ceiling)
    found: list[SealedRow] = []
    for _ in range(_CHUNKS if most is None else -(-most // _CHUNK)):
        rows = await db.all(query, before=at, limit=_CHUNK, **value)
        for row in rows:
            if row.pos < floor:
                return Part(found, None)
            at = row.pos
            if wanted.has(row) and shown(row):
                found.append(row)
                if len(found) == limit:
                    return Part(found, at)
        if len(rows) < _CHUNK:
            return Part(found, None)
    return Part(found, at)


async def latest(
    db: Database, wanted: Wanted, shown: Shown, patterns: Mapping[str, str], *, limit: int, most: int
) -> list[SealedRow]:
    """The last `limit` rows that are wanted and may be shown, the newest first, among the last `most` of all; the
    database passes over those whose path is like none of the `patterns` (`like1` to `like4`)."""
    at, size = await last_place(db) + 1, 2 * limit
    least = max(at - most, 0)
    found: list[SealedRow] = []
    while True:
        rows = await db.all(latest_store.LATEST, least=least, before=at, limit=size, **patterns)
        found += [row for row in rows if wanted.has(row) and shown(row)]
        if len(found) >= limit or len(rows) < size:
            return found[:limit]
        at, size = rows[-1].pos, _CHUNK


async def oldest(db: Database, wanted: Wanted, shown: Shown, *, after: int = 0, limit: int) -> Part:
    """The first `limit` rows beyond the place `after`, the oldest first. `next` is always a place: what is sealed later
    follows it."""
    known = await last_place(db) if wanted.since is not None else 0  # first: what is sealed meanwhile lies beyond it
    floor, ceiling = await _bounds(db, wanted)
    if floor == END:
        return Part([], max(after, known))
    query, value = _by(wanted, newest_first=False)
    at = max(after, floor - 1)
    found: list[SealedRow] = []
    for _ in range(_CHUNKS):
        rows = await db.all(query, after=at, limit=_CHUNK, **value)
        for row in rows:
            if row.pos >= ceiling:
                return Part(found, None)
            at = row.pos
            if wanted.has(row) and shown(row):
                found.append(row)
                if len(found) == limit:
                    return Part(found, at)
        if len(rows) < _CHUNK:
            return Part(found, at)
    return Part(found, at)


async def at_places(db: Database, places: Sequence[int]) -> list[SealedRow]:
    """The rows at these places, as far as they are still here."""
    return await db.all(store.AT, places=list(places))


async def first_place(db: Database) -> int:
    """The first place that is still here: what was before it was archived and dropped. 1 while there is nothing."""
    row = await db.one(store.LOWEST)
    return (row.number if row is not None else None) or 1


async def last_place(db: Database) -> int:
    """The last place that was given, 0 while there is none."""
    row = await db.one(store.HIGHEST)
    return (row.number if row is not None else None) or 0


async def _bounds(db: Database, wanted: Wanted) -> tuple[int, int]:
    """Places that no wanted row lies outside of: from the first, to before the second."""
    floor, ceiling = 0, END
    if wanted.since is not None:
        row = await db.one(store.POS_FROM, at=wanted.since - _SKEW)
        floor = END if row is None or row.number is None else row.number
        if floor == END:
            ceiling = 0
    if wanted.until is not None:
        row = await db.one(store.POS_FROM, at=wanted.until + _SKEW)
        ceiling = min(ceiling, END if row is None or row.number is None else row.number)
    return floor, ceiling


def _by(wanted: Wanted, *, newest_first: bool) -> tuple[Query[SealedRow], dict[str, str]]:
    """The statement with the best index for what is wanted."""
    if wanted.request is not None:
        return (store.NEWEST_OF_REQUEST if newest_first else store.OLDEST_OF_REQUEST), {"value": wanted.request}
    if wanted.path is not None and not wanted.within:
        return (store.NEWEST_OF_PATH if newest_first else store.OLDEST_OF_PATH), {"value": wanted.path}
    if wanted.actor is not None:
        return (store.NEWEST_OF_ACTOR if newest_first else store.OLDEST_OF_ACTOR), {"value": wanted.actor}
    return (store.NEWEST if newest_first else store.OLDEST), {}
