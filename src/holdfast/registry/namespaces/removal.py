"""`Removal`: people delete repositories and namespaces, and bring them back.

Promises: what goes is said before (`look`); a repository goes in one unit, a namespace by a job, repository by
repository, at most once each; only what may be deleted by the caller is deleted or brought back, and what he may not
see is answered as what is not there. Raises besides what is named: `Invalid`, `Denied`, `StalePermit`,
`holdfast.db.errors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.access.errors import Conflict
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit
from holdfast.db.port import Database, Reader, Unit
from holdfast.jobs.model import NewJob
from holdfast.jobs.service import enqueue
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import note
from holdfast.registry.effective.service import prefixes_of
from holdfast.registry.errors import RepositoryUnknown
from holdfast.registry.immutability.service import refuse, rules_for
from holdfast.registry.namespaces import store
from holdfast.registry.namespaces.ending import Actor, Ended, bring_back, end, held_back, held_back_below, window_of
from holdfast.registry.namespaces.sight import first_shown, named, sees, spans_of, unknown
from holdfast.registry.quotas.model import Counts
from holdfast.registry.quotas.service import require, used
from holdfast.registry.settings import RegistrySettings

DELETE = "delete-namespace"
RESTORE = "restore-namespace"
_PAGE = 200


class Going(NamedTuple):
    """What a deletion takes: repositories, tags, bytes; `held_back`: what forbids it, None: nothing. `window`: how long
    it can be undone, microseconds."""

    repositories: int
    tags: int
    bytes: int
    held_back: str | None
    window: int


class Gone(NamedTuple):
    """A deleted repository that can come back until `until` (microseconds). `free`: whether its name is."""

    id: int
    name: str
    gone_at: int
    until: int
    free: bool


class Removal:
    """Deleting and bringing back."""

    def __init__(self, db: Database, settings: RegistrySettings) -> None:
        self._db = db
        self._window = settings.window

    async def look(self, permit: PathPermit, *, whole: bool) -> Going:
        """What deleting the permit's repository (`whole`: everything at and below the path) would take. Raises
        `RepositoryUnknown`, `Unknown`."""
        path = named(permit.path)

        async def read(reader: Reader) -> Going:
            await check_permit(reader, permit)
            window = await window_of(reader, path, self._window)
            if whole:
                await _require_whole(reader, permit, path)
                blocked = await held_back_below(reader, path, spans_of(path))
                count = await used(reader, path)
                return Going(count.repositories, count.tags, count.bytes, _said(blocked), window)
            _require(permit, path)
            row = await reader.one(store.REPOSITORY, path=path)
            if row is None:
                raise _unknown(path)
            blocked = await held_back(reader, row.id, await rules_for(reader, prefixes_of(path)))
            held = await reader.one(store.HELD, repo_id=row.id)
            assert held is not None
            return Going(1, held.tags, held.bytes, _said(blocked), window)

        return await self._db.snapshot(read)

    async def repository(
        self, permit: PathPermit, *, force: bool = False, still: tuple[int, int] | None = None
    ) -> Ended:
        """Delete the permit's repository. `force`, for administrators: although tags in it may not be deleted; `still`:
        only as it was (`end`). Raises `RepositoryUnknown`, `Immutable`, `Conflict`."""
        name = named(permit.path)
        _require(permit, name)
        _require_force(permit, force=force)

        async def delete(unit: Unit) -> Ended:
            await check_permit(unit, permit)
            ended = await end(unit, _actor(permit), name, force=force, still=still)
            if ended is None:
                raise _unknown(name)
            return ended

        return await self._db.write(delete)

    async def namespace(self, permit: PathPermit, *, force: bool = False) -> int:
        """Let everything at and below the permit's path be deleted by a job; returns its number. Raises `Unknown`,
        `Immutable`, `Conflict` when such a job waits already."""
        path = named(permit.path)
        _require_force(permit, force=force)

        async def ask(unit: Unit) -> int:
            await check_permit(unit, permit)
            await _require_whole(unit, permit, path)
            if not force:
                refuse(await held_back_below(unit, path, spans_of(path)))
            data = {"path": path, "before": unit.now, "force": force, **_asked(permit)}
            return await _enqueue(unit, permit, ChangeKind.NAMESPACE_DELETED, DELETE, data)

        return await self._db.write(ask)

    async def restore(self, permit: PathPermit, id: int | None = None) -> Ended:
        """Bring the permit's repository back: the one deleted last, or that with the number `id`. Raises
        `RepositoryUnknown`, `Conflict`."""
        name = named(permit.path)
        _require(permit, name)

        async def restore(unit: Unit) -> Ended:
            await check_permit(unit, permit)
            rows = await unit.all(store.GONE_NAMED, path=name)
            chosen = next((row for row in rows if id in (None, row.id)), None)
            ended = await bring_back(unit, _actor(permit), chosen.id, self._window) if chosen is not None else None
            if ended is not None:
                await require(unit, permit, name, Counts(bytes=ended.bytes, repositories=1, tags=ended.tags))
            if ended is None:
                raise RepositoryUnknown("no deleted repository of this name can be restored", name=name)
            return ended

        return await self._db.write(restore)

    async def restore_namespace(self, permit: PathPermit) -> int:
        """Let everything deleted at and below the permit's path come back by a job, where the name is free; returns its
        number. Raises `Conflict` when such a job waits already."""
        path = named(permit.path)

        async def ask(unit: Unit) -> int:
            await check_permit(unit, permit)
            await _require_whole(unit, permit, path, gone=True)
            data = {"path": path, **_asked(permit)}
            return await _enqueue(unit, permit, ChangeKind.NAMESPACE_RESTORED, RESTORE, data)

        return await self._db.write(ask)

    async def gone(self, permit: PathPermit, after: str, limit: int) -> Sequence[Gone]:
        """Deleted repositories at and below the permit's path that the caller may bring back, by name after `after`, of
        each name the one deleted last."""

        async def read(reader: Reader) -> Sequence[Gone]:
            await check_permit(reader, permit)
            found: dict[str, Gone] = {}
            for span in spans_of(permit.path):
                last = after
                while len(found) < limit:
                    rows = await reader.all(store.GONE, low=span.low, high=span.high, after=last, limit=_PAGE)
                    for row in rows:
                        if row.was_path not in found and permit.tags(Action.DELETE_REPOSITORY, row.was_path).everything:
                            await self._add(reader, found, row)
                    if len(rows) < _PAGE:
                        break
                    last = rows[-1].was_path
            return [found[name] for name in sorted(found)][:limit]

        return await self._db.snapshot(read)

    async def _add(self, reader: Reader, found: dict[str, Gone], row: store.GoneRow) -> None:
        until = row.gone_at + await window_of(reader, row.was_path, self._window)
        if until > self._db.now():
            free = await reader.one(store.REPOSITORY, path=row.was_path) is None
            found[row.was_path] = Gone(row.id, row.was_path, row.gone_at, until, free)


def _asked(permit: PathPermit) -> dict[str, object]:
    return {"actor": permit.subject.actor, "request": permit.origin.request}


async def _enqueue(unit: Unit, permit: PathPermit, change: ChangeKind, kind: str, data: dict[str, object]) -> int:
    job = await enqueue(unit, NewJob(kind, data, dedupe=f"{kind}:{data['path']}"[:200], account=permit.subject.id))
    if job is None:
        raise Conflict("such a job waits already")
    told = {"path": data["path"], "job": job, **({"force": True} if data.get("force") else {})}
    await note(unit, change, actor=permit.subject.actor, origin=permit.origin, data=told)
    return job


def _require(permit: PathPermit, name: str) -> None:
    """Raise `Denied`, or `RepositoryUnknown` to who may not be told of it, unless the repository may be deleted."""
    rights = permit.tags(Action.DELETE_REPOSITORY, name)
    if not rights.everything:
        raise rights.refuse() if permit.shows(name) else _unknown(name)


async def _require_whole(reader: Reader, permit: PathPermit, path: str, *, gone: bool = False) -> None:
    """Raise `Denied`, or `Unknown` to who sees nothing of it, unless all of the namespace may be deleted; `Unknown`
    also when there is nothing, unless it is about what is `gone`."""
    if not permit.lacks(Action.DELETE_REPOSITORY, path):
        if gone or await first_shown(reader, permit, path) is not None or (await used(reader, path)).repositories:
            return
        raise unknown(path)
    if not await sees(reader, permit, path):
        raise unknown(path)
    permit.require_all(Action.DELETE_REPOSITORY, path)


def _require_force(permit: PathPermit, *, force: bool) -> None:
    if force:
        permit.require(Action.ADMINISTER, permit.path)


def _actor(permit: PathPermit) -> Actor:
    return Actor(permit.subject.actor, permit.origin)


def _said(blocked: object) -> str | None:
    return str(blocked) if blocked is not None else None


def _unknown(name: str) -> RepositoryUnknown:
    return RepositoryUnknown("there is no such repository", name=name)
