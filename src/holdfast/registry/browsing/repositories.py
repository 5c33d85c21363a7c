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
from holdfast.db.port import Database, Reader
from holdfast.db.query import Query
from holdfast.oci.manifest import Kind
from holdfast.oci.name import RepositoryName
from holdfast.registry.browsing import repositories_store as store
from holdfast.registry.browsing.branches import Rests, Told, branch, branches, key_of
from holdfast.registry.browsing.model import (
    MOST_ROWS,
    MOST_TEXT,
    PATIENCE,
    Branch,
    Found,
    Key,
    Place,
    RepositoryFilter,
    RepositoryLine,
    RepositorySort,
    RepositoryType,
)
from holdfast.registry.browsing.repositories_store import HeldRow, KeyRow
from holdfast.registry.browsing.walking import Clock, Fetch, Order, cut, walk
from holdfast.registry.namespaces.sight import checked, require_sight, spans_of, spans_within
from holdfast.registry.reach.showing import unseen
from holdfast.registry.reach.spans import Span, Wanted, shown

FEW = 2_000
"""So many repositories are sorted in memory, where a path or a filter names few."""
_ABOVE = "\x7f"
_LAST = (1 << 63) - 1
_HELM = "application/vnd.cncf.helm."
_IMAGES = ("application/vnd.oci.image.", "application/vnd.docker.")
_STATEMENTS: dict[RepositorySort, tuple[Query[KeyRow], Query[KeyRow]]] = {
    RepositorySort.NAME: (store.BY_NAME, store.BY_NAME_DOWN),
    RepositorySort.PUSHED: (store.BY_PUSH, store.BY_PUSH_DOWN),
    RepositorySort.PULLED: (store.BY_PULL, store.BY_PULL_DOWN),
    RepositorySort.SIZE: (store.BY_SIZE, store.BY_SIZE_DOWN),
    RepositorySort.TAGS: (store.BY_TAGS, store.BY_TAGS_DOWN),
    RepositorySort.FREES: (store.BY_FREES, store.BY_FREES_DOWN),
}
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
        passing = _Passing(self._db, permit, seen, wanted)
        spans = spans_within(seen.spans, spans_of(permit.path))
        if wanted.prefix:
            spans = spans_within(tuple(spans), (Span(wanted.prefix, wanted.prefix + _ABOVE),))
        narrow = bool(permit.path or wanted.prefix) or not permit.rights.shown(permit.here).everything
        few = await self._few(spans, sort, last) if narrow else None
        if few is not None:
            key = _key_by(sort)
            walked = cut(await passing(few), key, key, lambda at: key_of(sort, at), place)
        elif sort is RepositorySort.NAME:
            order = Order(_by_name(self._db, spans), _key_by(sort))
            walked = await walk(order, passing, place, self._until(permit))
        else:
            order = Order(_by_key(self._db, sort, last), _key_by(sort))
            chooses = narrow or wanted.any
            inside = _Inside(passing, tuple(spans)) if chooses else None
            walked = await walk(order, inside, place, self._until(permit))
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
        order = Order(branches(self._db, parent, rests), lambda row: (row.path,))
        walked = await walk(order, Told(self._db, permit, rests), place, self._until(permit))
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
            found = await self._db.one(store.COUNT, low=_before(span.low), high=span.high, limit=left)
            left -= found.total if found is not None else 0
            if left <= 0:
                return None
        key = _HELD[sort]
        return [
            KeyRow(row.id, row.path, row.pushed_at, row.pulled_at, key(row))
            for span in spans
            for row in await self._db.all(store.HELD, low=_before(span.low), high=span.high, limit=FEW + 1, walk=last)
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
                    _kind(row.said),
                    row.bytes if whole else None,
                    row.tags if whole else None,
                    row.exclusive if operates else None,
                    row.pushed_at,
                    row.pulled_at,
                )
            )
        return lines


class _Passing:
    """Which of some repositories are wanted, and may be told."""

    def __init__(self, reader: Reader, permit: PathPermit, seen: Wanted, wanted: RepositoryFilter) -> None:
        self._reader = reader
        self._permit = permit
        self._seen = seen
        self._wanted = wanted

    async def __call__(self, rows: Sequence[KeyRow]) -> list[KeyRow]:
        wanted = self._wanted
        found = [
            row
            for row in rows
            if wanted.text in row.path
            and row.path.startswith(wanted.prefix)
            and not (wanted.idle_since and max(row.pushed_at, row.pulled_at) >= wanted.idle_since)
            and self._seen.matches(row.path)
            and wanted.public in (None, self._permit.rights.is_public(row.path))
        ]
        if found and wanted.kind is not None:
            kinds = await _kinds(self._reader, found)
            found = [row for row in found if kinds[row.id] is wanted.kind]
        return found


class _Inside:
    """Those of some repositories that lie in spans and pass."""

    def __init__(self, passing: _Passing, spans: tuple[Span, ...]) -> None:
        self._passing = passing
        self._spans = spans

    async def __call__(self, rows: Sequence[KeyRow]) -> list[KeyRow]:
        inside = [row for row in rows if any(span.low <= row.path < span.high for span in self._spans)]
        return await self._passing(inside)


async def _kinds(reader: Reader, rows: Sequence[KeyRow]) -> dict[int, RepositoryType]:
    """What each repository holds."""
    found = await reader.all(store.NEWEST, ids=sorted(row.id for row in rows))
    return {row.id: _kind(row.said) for row in found}


def _kind(said: str | None) -> RepositoryType:
    if said is None:
        return RepositoryType.EMPTY
    kind, _, artifact_type = said.partition(" ")
    if artifact_type.startswith(_HELM):
        return RepositoryType.HELM
    if artifact_type.startswith(_IMAGES) or (int(kind) == Kind.INDEX and not artifact_type):
        return RepositoryType.IMAGE
    return RepositoryType.OTHER


def _by_name(reader: Reader, spans: Sequence[Span]) -> Fetch[KeyRow]:
    """The repositories in spans, which are sorted and do not overlap."""

    async def fetch(at: Key | None, limit: int, down: bool) -> Sequence[KeyRow]:
        name = str(key_of(RepositorySort.NAME, at)[0]) if at is not None else None
        found: list[KeyRow] = []
        for span in reversed(spans) if down else spans:
            # A name follows nothing that is shorter by its last character's least neighbour: none lies between.
            low, high = _before(span.low), span.high
            if name is not None and down:
                high = min(high, name)
            elif name is not None:
                low = max(low, name)
            if low >= high:
                continue
            statement = store.BY_NAME_DOWN if down else store.BY_NAME
            found += await reader.all(statement, low=low, high=high, limit=limit - len(found))
            if len(found) >= limit:
                break
        return found

    return fetch


def _key_by(sort: RepositorySort) -> Callable[[KeyRow], Key]:
    """What a place of the order says of a repository, and by what it is sorted."""
    return (lambda row: (row.path,)) if sort is RepositorySort.NAME else (lambda row: (row.key, row.path))


def _before(low: str) -> str:
    return low[:-1] + chr(ord(low[-1]) - 1) + _ABOVE if low else ""


def _by_key(reader: Reader, sort: RepositorySort, last: int) -> Fetch[KeyRow]:
    async def fetch(at: Key | None, limit: int, down: bool) -> Sequence[KeyRow]:
        first: Key = (_LAST, _ABOVE) if down else (-_LAST, "")
        key, name = first if at is None else key_of(sort, at)
        more = {"walk": last} if sort is RepositorySort.FREES else {}
        return await reader.all(_STATEMENTS[sort][down], key=key, name=name, limit=limit, **more)

    return fetch


def _check(path: str, wanted: RepositoryFilter) -> None:
    checked(path)
    for field in ("prefix", "text"):
        text = getattr(wanted, field)
        if len(text) > MOST_TEXT or not text.isprintable():
            raise Invalid(field, f"at most {MOST_TEXT} printable characters")
