"""`Repositories`: repositories as people manage them: made empty, described, labelled, listed.

Promises: only what the caller may be told of is shown, and what he may not see is answered as what is not there; a list
goes on by name, and costs what it looks at. Raises besides what is named: `Invalid`, `Denied`, `StalePermit`,
`holdfast.db.errors`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from holdfast.access.errors import Conflict
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit, check_reading
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import Place, note, record
from holdfast.registry.errors import RepositoryUnknown
from holdfast.registry.namespaces import store
from holdfast.registry.namespaces.saying import Facts, Saying, check_label
from holdfast.registry.namespaces.sight import checked, named, spans_of, spans_within
from holdfast.registry.namespaces.telling import NOTHING, facts_of, say
from holdfast.registry.quotas.model import Counts
from holdfast.registry.quotas.service import grow, used
from holdfast.registry.reach.spans import Span, Wanted, shown
from holdfast.registry.store import NEW_REPOSITORY

_PAGE = 500


class Repository(NamedTuple):
    """A repository. `bytes`, `tags`: what it holds, None in lists; times in microseconds."""

    name: str
    id: int
    made_at: int
    changed_at: int
    facts: Facts
    bytes: int | None = None
    tags: int | None = None


class Filter(NamedTuple):
    """Which repositories a list has: those with a label, if one is given."""

    label: tuple[str, str] | None = None


class Repositories:
    """Repositories as people manage them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(self, permit: PathPermit, saying: Saying) -> Repository:
        """Make the permit's repository, empty. Saying something of it needs 'settings'. Raises `Conflict`."""
        name = named(permit.path, "name")
        saying.checked()
        permit.require(Action.CREATE_REPOSITORY, name)
        if saying != Saying():
            permit.require(Action.SETTINGS, name)

        async def make(unit: Unit) -> Repository:
            await check_permit(unit, permit)
            made = await unit.one(NEW_REPOSITORY, path=name, seq=1)
            if made is None:
                raise Conflict(f"there is a repository {name!r} already" if permit.shows(name) else "the name is taken")
            await grow(unit, permit, name, Counts(repositories=1))
            data = {"repository": name, "id": made.id, **await say(unit, permit, name, saying)}
            place = Place(made.id, 1, unit.now)
            kind = ChangeKind.REPOSITORY_CREATED
            await record(unit, kind, place, actor=permit.subject.actor, origin=permit.origin, data=data, path=name)
            return await self._one(unit, name)

        return await self._db.write(make)

    async def say(self, permit: PathPermit, saying: Saying) -> Repository:
        """Describe and label the permit's repository: for who may change its settings. Raises `RepositoryUnknown`."""
        name = named(permit.path, "name")
        saying.checked()
        if not permit.shows(name):
            raise _unknown(name)
        permit.require(Action.SETTINGS, name)

        async def change(unit: Unit) -> Repository:
            await check_permit(unit, permit)
            await self._one(unit, name)
            told = await say(unit, permit, name, saying)
            if told:
                data = {"repository": name, **told}
                kind = ChangeKind.REPOSITORY_CHANGED
                await note(unit, kind, actor=permit.subject.actor, origin=permit.origin, data=data)
            return await self._one(unit, name)

        return await self._db.write(change)

    async def show(self, permit: PathPermit) -> Repository:
        """The permit's repository, with what it holds. Raises `RepositoryUnknown`."""
        name = named(permit.path, "name")

        async def read(reader: Reader) -> Repository:
            await check_reading(reader, permit)
            if not permit.shows(name):
                raise _unknown(name)
            found = await self._one(reader, name)
            held = await reader.one(store.HELD, repo_id=found.id)
            assert held is not None
            whole = permit.tags(Action.LIST, name).everything or permit.tags(Action.PULL, name).everything
            return found._replace(bytes=held.bytes, tags=held.tags) if whole else found

        return await self._db.snapshot(read)

    async def list(self, permit: PathPermit, wanted: Filter, after: str, limit: int) -> Sequence[Repository]:
        """Repositories at and below the permit's path that the caller may be told of, by name, after `after`."""
        checked(permit.path)
        if wanted.label is not None:
            check_label(*wanted.label)

        # Statement by statement: who may be told of few among many makes this a long walk.
        rows = await shown_rows(_fetch(self._db, wanted), permit, after, limit)
        facts = await facts_of(self._db, [row.path for row in rows])
        await check_reading(self._db, permit)  # still the rights that they were chosen by
        return [_repository(row, facts.get(row.path, NOTHING)) for row in rows]

    async def _one(self, reader: Reader, name: str) -> Repository:
        row = await reader.one(store.REPOSITORY, path=name)
        if row is None:
            raise _unknown(name)
        return _repository(row, (await facts_of(reader, [name])).get(name, NOTHING))


Fetch = Callable[[Span, str, int], Awaitable[Sequence[store.RepositoryRow]]]


def _fetch(reader: Reader, wanted: Filter) -> Fetch:
    async def fetch(span: Span, after: str, limit: int) -> Sequence[store.RepositoryRow]:
        where: dict[str, object] = {"low": span.low, "high": span.high, "after": after, "limit": limit}
        if wanted.label is None:
            return await reader.all(store.REPOSITORIES, **where)
        name, value = wanted.label
        return await reader.all(store.LABELLED, name=name, value=value, **where)

    return fetch


async def shown_rows(fetch: Fetch, permit: PathPermit, after: str, limit: int) -> list[store.RepositoryRow]:
    """At most `limit` rows at and below the permit's path, after the name `after`, of what the caller may be told."""
    wanted: Wanted = shown(permit.rights.shown(permit.here))
    found: list[store.RepositoryRow] = []
    size = min(_PAGE, limit) if permit.rights.shown(permit.here).everything else _PAGE
    for span in spans_within(wanted.spans, spans_of(permit.path)):
        last = after
        while True:
            rows = await fetch(span, last, size)
            found += [row for row in rows if wanted.matches(row.path)]
            if len(found) >= limit:
                return found[:limit]
            if len(rows) < size:
                break
            await asyncio.sleep(0)  # a read of an embedded database gives nothing away
            last = rows[-1].path
    return found


def _repository(row: store.RepositoryRow, facts: Facts) -> Repository:
    return Repository(row.path, row.id, row.born, row.last_at, facts)


def _unknown(name: str) -> RepositoryUnknown:
    return RepositoryUnknown("there is no such repository", name=name)


async def usage_below(reader: Reader, permit: PathPermit, path: str) -> Counts | None:
    """How much is at and below `path`; None to who may not be told of all of it."""
    if permit.lacks(Action.LIST, path) and permit.lacks(Action.SETTINGS, path):
        return None
    return await used(reader, path)
