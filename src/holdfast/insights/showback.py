"""`Showback`: what each namespace stores and moves, month by month.

Promises: a namespace is shown to who may know what is used at and below it together; what was stored or moved in a
repository that is gone since stays in the sum. Nothing here names a person or an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.access.errors import Invalid
from holdfast.access.model import PathPermit
from holdfast.access.standing import check_reading
from holdfast.access.usage.classes import SubjectClass
from holdfast.db.port import Database, Reader
from holdfast.insights import ranking_store
from holdfast.insights.aging import MONTHS
from holdfast.insights.model import day_of, month_of
from holdfast.registry.quotas.managing import checked, knows_all

_CHUNK, _CHUNKS = 200, 50
_HIGHEST = "~"


class Month(NamedTuple):
    """A namespace ('' for everything) in a month (counted from the year 0). `stored`: bytes when it was looked at last,
    `average`: over the days of the month (None: it was not looked at); `sent`, `received`: bytes."""

    path: str
    month: int
    stored: int | None
    average: int | None
    pulls: int
    pushes: int
    sent: int
    received: int


class Months(NamedTuple):
    """The months of some namespaces, and where to go on (None: at the end)."""

    rows: list[Month]
    next: str | None


class Showback:
    """The sums of one installation."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def months(self, permit: PathPermit, months: int, after: str, limit: int) -> Months:
        """The last `months` of the permit's path and of the namespaces right below it that the caller may know, each
        with its months in order; at most `limit` namespaces. Scanners and mirrors are counted: they cost as others do.
        Raises `Invalid`, `StalePermit`."""
        path = checked(permit.path)
        if not 1 <= months <= MONTHS:
            raise Invalid("months", f"from 1 to {MONTHS}")
        since = month_of(day_of(self._db.now())) - months + 1

        async def read(reader: Reader) -> Months:
            await check_reading(reader, permit)
            shown, following = await _children(reader, permit, path, after, limit)
            return Months(await _of(reader, shown, since), following)

        return await self._db.snapshot(read)


async def _children(
    reader: Reader, permit: PathPermit, path: str, after: str, limit: int
) -> tuple[list[str], str | None]:
    """The next namespaces that the caller may know: the path itself, then those right below it; and where to go on."""
    own = f"{path}/"
    found = [own] if not after and knows_all(permit, path) else []
    at, high = after or own, f"{path}0" if path else _HIGHEST
    for _ in range(_CHUNKS):
        rows = await reader.all(ranking_store.PATHS, after=at, high=high, limit=_CHUNK)
        for row in rows:
            child = f"{path}/" * bool(path) + row.path.removeprefix(own if path else "").split("/")[0]
            if row.path <= at:
                continue
            if knows_all(permit, child):
                if len(found) == limit:
                    return found, at
                found.append(f"{child}/")
            at = f"{child}/{_HIGHEST}"
        if len(rows) < _CHUNK:
            return found, None
    return found, at


async def _of(reader: Reader, keys: Sequence[str], since: int) -> list[Month]:
    stored = {(row.path, row.month): row for row in await reader.all(ranking_store.STORED, paths=keys, since=since)}
    moved: dict[tuple[str, int], list[int]] = {}
    for row in await reader.all(ranking_store.MONTHS, paths=keys, since=since, most=int(SubjectClass.MIRROR)):
        sums = moved.setdefault((row.path, row.month), [0, 0, 0, 0])
        for place, value in enumerate(row[3:]):
            sums[place] += value
    of: dict[str, set[int]] = {key: set() for key in keys}
    for key, month in (*stored, *moved):
        of[key].add(month)
    return [
        Month(
            key.removesuffix("/"),
            month,
            stored[key, month].stored if (key, month) in stored else None,
            stored[key, month].average if (key, month) in stored else None,
            *moved.get((key, month), [0, 0, 0, 0]),
        )
        for key in keys
        for month in sorted(of[key])
    ]
