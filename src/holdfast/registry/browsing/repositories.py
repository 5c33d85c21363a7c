"""`RepositoryTable`: repositories and namespaces as people look at them: flat in any order, or as a tree.

Promises: a page costs the same with ten repositories as with 10^5; one that stands still is on exactly one page;
nothing is told of what the caller may not be told of, counts of a namespace only to who may be told of all that is in
it; what deleting one would free, which says something of others, only to operators.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from holdfast.access.errors import Invalid
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_reading
from holdfast.db.port import Database
from holdfast.oci.name import RepositoryName
from holdfast.registry.browsing import repositories_store as store
from holdfast.registry.browsing.branches import Rests, Told, branch, branches, key_of, lately
from holdfast.registry.browsing.model import (
    MOST_ROWS,
    MOST_TEXT,
    PATIENCE,
    Branch,
    Found,
    Place,
    RepositoryFilter,
    RepositoryLine,
    RepositorySort,
)
from holdfast.registry.browsing.repositories_store import HeldRow, KeyRow
from holdfast.registry.browsing.sieving import Passing, Sieve, before, key_by, type_of
from holdfast.registry.browsing.walking import Clock, Order, cut, sift, walk
from holdfast.registry.namespaces.sight import checked, require_sight, spans_of, spans_within
from holdfast.registry.reach.showing import unseen
from holdfast.registry.reach.spans import Span, shown

FEW = 2_000
"""So many repositories are sorted in memory, where a path or a filter names few."""
_ABOVE = "\x7f"
_HELD: dict[RepositorySort, Callable[[HeldRow], int]] = {
    RepositorySort.NAME: lambda row: 0,
    RepositorySort.PUSHED: lambda row: row.pushed_at,
    RepositorySort.PULLED: lambda row: row.pulled_at,
    RepositorySort.SIZE: lambda row: row.bytes,
    RepositorySort.TAGS: lambda row: row.tags,
    RepositorySort.FREES: lambda row: row.exclusive,
}


class RepositoryTable:
    """Lists of repositories. One object a process. `clock`: seconds that only grow."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._clock = clock

    async def page(self, permit: PathPermit, wanted: RepositoryFilter, place: Place) -> Found[RepositoryLine]:
        """The repositories at and below the permit's path ('': all) that pass the filter (`place.sort`: a
        `RepositorySort`). Raises `Unknown` where nothing there is in sight, `Invalid`, `Denied`, `StalePermit`."""
        sort, place = RepositorySort(place.sort), place._replace(limit=min(place.limit, MOST_ROWS))
        if sort is RepositorySort.FREES and not permit.system(Action.OPERATE):
            raise permit.rights.refuse(Action.OPERATE, "**", None, permit.here)
        _check(permit.path, wanted)
        await check_reading(self._db, permit)
        await require_sight(self._db, permit, permit.path)
        last = await self._last_walk() if sort is RepositorySort.FREES else 0
        seen = shown(permit.rights.shown(permit.here))
        passing = Passing(self._db, permit, wanted)
        spans = spans_within(seen.spans, spans_of(permit.path))
        if wanted.prefix:
            spans = spans_within(tuple(spans), (Span(wanted.prefix, wanted.prefix + _ABOVE),))
        narrow = bool(permit.path or wanted.prefix) or not permit.rights.shown(permit.here).everything
        few = await self._few(spans, sort, last) if narrow else None
        key = key_by(sort)
        if few is not None:
            walked = cut(await passing(few), key, key, lambda at: key_of(sort, at), place)
        else:
            sieve = Sieve(self._db, sort, spans, passing, last)
            walked = await sift(sieve, key, place, self._until(permit), all_=sieve.all)
        lines = await self._lines(permit, [row.path for row in walked.rows])
        await check_reading(self._db, permit)  # still the rights that they were chosen by
        return Found(lines, walked.next, walked.previous, walked.stopped)

    async def tree(self, permit: PathPermit, place: Place) -> Found[Branch]:
        """What stands directly below the permit's path ('': at the top), by name: repositories, and namespaces with the
        sums of what is in them. Raises `Unknown` where nothing at and below a path is in sight, `Invalid`,
        `StalePermit`."""
        place = place._replace(limit=min(place.limit, MOST_ROWS), sort=RepositorySort.NAME)
        checked(permit.path)
        await check_reading(self._db, permit)
        parent = permit.path + "/" if permit.path else ""
        rests = Rests(permit, parent)
        late = await lately(self._db, parent)
        order = Order(branches(self._db, parent, rests, late), lambda row: (row.path,))
        walked = await walk(order, Told(self._db, permit, rests, late), place, self._until(permit))
        if not walked.rows and permit.path:
            await require_sight(self._db, permit, permit.path)
        leaves = [row.path for row in walked.rows if not row.path.endswith("/")]
        lines = {line.path: line for line in await self._lines(permit, leaves)}
        found = [branch(permit, row, lines.get(row.path)) for row in walked.rows]
        await check_reading(self._db, permit)
        return Found(found, walked.next, walked.previous, walked.stopped)

    async def line(self, permit: PathPermit) -> RepositoryLine:
        """The permit's repository. Raises `RepositoryUnknown`, `StalePermit`."""
        await check_reading(self._db, permit)
        lines = await self._lines(permit, [permit.path])
        if not lines or not permit.shows(permit.path):
            raise unseen(RepositoryName(permit.path))
        return lines[0]

    async def named(self, permit: PathPermit, paths: Sequence[str]) -> list[RepositoryLine]:
        """Those of some repositories that are there, and that the caller may be told of, in the order in which they are
        given. Raises `StalePermit`."""
        await check_reading(self._db, permit)
        return await self._lines(permit, [path for path in paths if permit.shows(path)])

    async def _last_walk(self) -> int:
        """The last count of what everybody stores; 0: none."""
        found = await self._db.one(store.WALK)
        return found.walk if found is not None else 0

    def _until(self, permit: PathPermit) -> Clock:
        reveals = permit.rights.shown(permit.here).everything
        return Clock(self._clock, self._clock() + PATIENCE, reveals=reveals)

    async def _few(self, spans: Sequence[Span], sort: RepositorySort, last: int) -> list[KeyRow] | None:
        """Every repository in `spans`, where they are few; None: they are not."""
        left = FEW + 1
        for span in spans:
            found = await self._db.one(store.COUNT, low=before(span.low), high=span.high, limit=left)
            left -= found.total if found is not None else 0
            if left <= 0:
                return None
        key = _HELD[sort]
        return [
            KeyRow(row.id, row.path, row.pushed_at, row.pulled_at, key(row))
            for span in spans
            for row in await self._db.all(store.HELD, low=before(span.low), high=span.high, limit=FEW + 1, walk=last)
        ]

    async def _lines(self, permit: PathPermit, paths: Sequence[str]) -> list[RepositoryLine]:
        """The repositories of these names that are there, in the order in which they are given."""
        if not paths:
            return []
        held = {row.path: row for row in await self._db.all(store.LINES, paths=sorted(paths))}
        operates = permit.system(Action.OPERATE)
        lines = []
        for row in (held[path] for path in paths if path in held):
            whole = any(permit.tags(action, row.path).everything for action in (Action.LIST, Action.PULL))
            lines.append(
                RepositoryLine(
                    row.path,
                    row.description,
                    permit.rights.is_public(row.path),
                    type_of(row.said),
                    row.bytes if whole else None,
                    row.tags if whole else None,
                    row.exclusive if operates else None,
                    row.pushed_at,
                    row.pulled_at,
                )
            )
        return lines


def _check(path: str, wanted: RepositoryFilter) -> None:
    checked(path)
    for field in ("prefix", "text"):
        text = getattr(wanted, field)
        if len(text) > MOST_TEXT or not text.isprintable():
            raise Invalid(field, f"at most {MOST_TEXT} printable characters")
