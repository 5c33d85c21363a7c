"""`Namespaces`: the tree of paths above the repositories.

A path is a namespace when a repository is below it, or when somebody made it one. Promises: a namespace is shown to who
may be told of a repository below it; one without repositories to who might be told of it by its name, or may change its
settings. Raises besides what is named: `Invalid`, `Denied`, `StalePermit`, `holdfast.db.errors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.access.errors import Conflict
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit, check_reading
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import note
from holdfast.registry.namespaces import store
from holdfast.registry.namespaces.repositories import usage_below
from holdfast.registry.namespaces.saying import Facts, Saying
from holdfast.registry.namespaces.sight import checked, named, spans_within, unknown
from holdfast.registry.namespaces.telling import NOTHING, facts_of, say
from holdfast.registry.reach.spans import EVERYWHERE, Span, shown

_PAGE = 200
GONE = "@"
"""What no name has: a path that has it belongs to something deleted."""


class Namespace(NamedTuple):
    """A namespace. `bytes`, `repositories`, `tags`: of everything at and below it; None in lists, and to who may not be
    told of all of it."""

    path: str
    facts: Facts
    bytes: int | None = None
    repositories: int | None = None
    tags: int | None = None


class Namespaces:
    """The tree of paths."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(self, permit: PathPermit, saying: Saying) -> Namespace:
        """Make the permit's path a namespace: for who may change settings on the whole of it. Raises `Conflict`."""
        path = named(permit.path)
        saying.checked()
        permit.require_all(Action.SETTINGS, path)

        async def make(unit: Unit) -> Namespace:
            await check_permit(unit, permit)
            if not await unit.run(store.NEW_FACTS, path=path, description="", made_by=permit.subject.actor):
                raise Conflict(f"somebody made or described {path!r} already")
            for prefix in path.prefixes()[1:]:
                await unit.run(store.PLACE, path=f"{prefix}/")
            data = {"path": path, **await say(unit, permit, path, saying)}
            kind = ChangeKind.NAMESPACE_CREATED
            await note(unit, kind, actor=permit.subject.actor, origin=permit.origin, data=data)
            return Namespace(path, (await facts_of(unit, [path]))[path])

        return await self._db.write(make)

    async def say(self, permit: PathPermit, saying: Saying) -> Namespace:
        """Describe and label the permit's namespace: for who may change settings on the whole of it. Raises
        `Unknown`."""
        path = named(permit.path)
        saying.checked()

        async def change(unit: Unit) -> Namespace:
            await check_permit(unit, permit)
            await _require_there(unit, permit, path)
            permit.require_all(Action.SETTINGS, path)
            told = await say(unit, permit, path, saying)
            if told:
                data = {"path": path, **told}
                kind = ChangeKind.NAMESPACE_CHANGED
                await note(unit, kind, actor=permit.subject.actor, origin=permit.origin, data=data)
            return Namespace(path, (await facts_of(unit, [path])).get(path, NOTHING))

        return await self._db.write(change)

    async def show(self, permit: PathPermit) -> Namespace:
        """The permit's namespace, with what is in it. Raises `Unknown`."""
        path = named(permit.path)

        async def read(reader: Reader) -> Namespace:
            await check_reading(reader, permit)
            await _require_there(reader, permit, path)
            facts = (await facts_of(reader, [path])).get(path, NOTHING)
            held = await usage_below(reader, permit, path)
            if held is None:
                return Namespace(path, facts)
            return Namespace(path, facts, held.bytes, held.repositories, held.tags)

        return await self._db.snapshot(read)

    async def list(self, permit: PathPermit, after: str, limit: int) -> Sequence[Namespace]:
        """The namespaces right below the permit's path ('': the first segments) that the caller may be told of, after
        `after`, in the order of what is in them (`a-b` comes before `a`, for `a-b/x` comes before `a/x`)."""
        parent = checked(permit.path)

        # Statement by statement: who may be told of few among many makes this a long walk.
        found = await _children(self._db, permit, parent, after, limit)
        found |= await _made(self._db, permit, parent, after, limit)
        paths = sorted(found, key=_order)[:limit]
        facts = await facts_of(self._db, paths)
        await check_reading(self._db, permit)  # still the rights that they were chosen by
        return [Namespace(path, facts.get(path, NOTHING)) for path in paths]


async def _require_there(reader: Reader, permit: PathPermit, path: str) -> None:
    """Raise `Unknown` unless `path` is a namespace that the caller may be told of."""
    if await _children(reader, permit, path, "", 1, leaves=True):
        return
    rows = await reader.all(store.FACTS, paths=[path])
    if not rows or not (permit.shows(path) or not permit.lacks(Action.SETTINGS, path)):
        raise unknown(path)


async def _children(
    reader: Reader, permit: PathPermit, parent: str, after: str, limit: int, *, leaves: bool = False
) -> set[str]:
    """At most `limit` paths right below `parent` with repositories below them that the caller may be told of; with
    `leaves` also the repositories right below it."""
    wanted = shown(permit.rights.shown(permit.here))
    start = len(parent) + 1 if parent else 0
    found: set[str] = set()
    for span in spans_within(wanted.spans, (_inside(parent),)):
        low = max(span.low, after + "0") if after else span.low  # '0' is what follows '/'
        while low < span.high and len(found) < limit:
            rows = await reader.all(store.PATHS, low=low, high=span.high, after="", limit=_PAGE)
            for row in rows:
                end = row.path.find("/", start)
                if (end < 0 and not leaves) or not wanted.matches(row.path):
                    continue
                found.add(row.path[:end] if end >= 0 else row.path)
                if len(found) >= limit:
                    return found
            if len(rows) < _PAGE:
                break
            last = rows[-1].path
            end = last.find("/", start)
            child = last[:end]
            low = child + "0" if end >= 0 and child in found else last + "\x01"
    return found


async def _made(reader: Reader, permit: PathPermit, parent: str, after: str, limit: int) -> set[str]:
    """At most `limit` paths right below `parent` that somebody made or described, and that are no repositories."""
    start = len(parent) + 1 if parent else 0
    inside = _inside(parent)
    found: list[str] = []
    # A row of `a` stands before those of `a-b/x`, and comes after them in the list.
    shorter = [after[:end] for end in range(start + 1, len(after))]
    rows = await reader.all(store.FACTS, paths=shorter) if shorter else []
    low = after + "0" if after else inside.low
    while True:
        for row in rows:
            child = await _made_child(reader, permit, row.path, start)
            if child and child not in found and (not after or child + "/" > after + "/"):
                found.append(child)
        found = sorted(found, key=_order)[:limit]
        if low >= inside.high or (rows and len(found) >= limit and rows[-1].path > _order(found[-1])):
            return set(found)
        rows = await reader.all(store.FACTS_IN, low=low, high=inside.high, after="", limit=_PAGE)
        low = rows[-1].path + "\x01" if len(rows) == _PAGE else inside.high


async def _made_child(reader: Reader, permit: PathPermit, path: str, start: int) -> str | None:
    """The namespace that a row speaks of, if it is one, and in sight."""
    if GONE in path or not (permit.shows(path) or not permit.lacks(Action.SETTINGS, path)):
        return None
    end = path.find("/", start)
    if end >= 0:
        return path[:end]
    return path if await reader.one(store.REPOSITORY, path=path) is None else None


def _order(path: str) -> str:
    """What namespaces are sorted by: where that which is in them stands."""
    return path + "/"


def _inside(parent: str) -> Span:
    """Where everything below `parent` stands."""
    return Span(parent + "/", parent + "0") if parent else EVERYWHERE
