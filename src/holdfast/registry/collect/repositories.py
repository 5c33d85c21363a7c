"""Repositories that were deleted longer ago than history reaches back: they are emptied piece by piece, and go.

Promises: from the first piece on it cannot be restored; each piece is a short unit that can be repeated; nobody was
told anything of it since it was deleted, so nothing waits for a lease.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.db.port import Database, Reader, Unit
from holdfast.registry.collect import store
from holdfast.registry.effective.service import prefixes_of
from holdfast.registry.roots.facts import window_of
from holdfast.registry.settings import RegistrySettings

PIECE = 500
_PAGE = 1000


async def expired(db: Database, settings: RegistrySettings) -> list[store.RepositoryRow]:
    """Deleted repositories that may be restored no more, those that were deleted first; bounded."""
    rows = await db.all(store.GONE, limit=_PAGE)
    return [row for row in rows if await _is_over(db, settings, row, db.now())]


async def _is_over(reader: Reader, settings: RegistrySettings, row: store.RepositoryRow, now: int) -> bool:
    if row.gone_at is None:
        return False
    if row.was_path is None:
        return True
    window = await window_of(reader, prefixes_of(row.was_path), settings.window)
    return row.gone_at <= window.since(now)


async def empty(unit: Unit, settings: RegistrySettings, repo_id: int) -> bool:
    """Take a piece of a deleted repository away; False when there is nothing left of it, or it was restored."""
    row = await unit.one(store.REPOSITORY, id=repo_id)
    if row is None or not await _is_over(unit, settings, row, unit.now):
        return False
    if row.was_path is not None:
        await unit.run(store.GIVE_UP, id=repo_id)
    for piece in (_edges, _tags, _links, _events):
        if await piece(unit, repo_id):
            return True
    await unit.run(store.DROP_REST_CANDIDATES, repo_id=repo_id)
    await unit.run(store.DROP_REST_LEASES, repo_id=repo_id)
    for command in (store.DROP_FACTS, store.DROP_LABELS):
        await unit.run(command, id=repo_id)
    await unit.run(store.DROP_REPOSITORY, id=repo_id)
    return False


async def _edges(unit: Unit, repo_id: int) -> bool:
    rows = await unit.all(store.SOME_EDGES, repo_id=repo_id, limit=PIECE)
    pairs: dict[int, list[int]] = {}
    for row in rows:
        pairs.setdefault(row.kept_id, []).append(row.keeper_id)
    for kept, keepers in pairs.items():
        await unit.run(store.DROP_KEEPERS, repo_id=repo_id, kept_id=kept, ids=sorted(keepers))
    return bool(rows)


async def _tags(unit: Unit, repo_id: int) -> bool:
    rows = await unit.all(store.SOME_TAGS, repo_id=repo_id, limit=PIECE)
    if rows:
        await unit.run(store.DROP_TAGS, repo_id=repo_id, names=[row.name for row in rows])
    return bool(rows)


async def _links(unit: Unit, repo_id: int) -> bool:
    ids = [row.id for row in await unit.all(store.SOME_LINKS, repo_id=repo_id, limit=PIECE)]
    if ids:
        subjects = [row.id for row in await unit.all(store.SUBJECTS, repo_id=repo_id, ids=ids)]
        await _drop(unit, repo_id, ids)
        await unit.run(store.ORPHANS, ids=sorted({*ids, *subjects}))
    return bool(ids)


async def _drop(unit: Unit, repo_id: int, ids: Sequence[int]) -> None:
    await unit.run(store.SETTLE, repo_id=repo_id, ids=list(ids))
    await unit.run(store.DROP_LEASES, repo_id=repo_id, ids=list(ids))
    await unit.run(store.DROP_LINKS, repo_id=repo_id, ids=list(ids))


async def _events(unit: Unit, repo_id: int) -> bool:
    return bool(await unit.run(store.DROP_EVENTS, repo_id=repo_id, limit=PIECE))
