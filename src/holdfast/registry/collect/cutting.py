"""Cutting history off, for an emergency: what a namespace's history and tombstones keep now, they keep no more.

Promises: what happens after the cut has the window of the namespace again. Leases hold: what can be seen and may have
been told to be here goes a lease after the cut at the earliest; what was deleted answers 404 and can go at once.
"""

from __future__ import annotations

from functools import partial

from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note
from holdfast.registry.collect import preview_store, store
from holdfast.registry.collect.links import lease_of
from holdfast.registry.pace import Pace
from holdfast.registry.roots.facts import CUT
from holdfast.registry.settings import RegistrySettings

_PAGE = 500


async def cut(db: Database, settings: RegistrySettings, path: str, *, actor: str, request: str) -> None:
    """Cut the history of a namespace or repository off now. It can be repeated."""
    pace = Pace(db)

    async def say(unit: Unit) -> None:
        await unit.run(preview_store.SET_CUT, path=path, name=CUT, value=str(unit.now))
        data: dict[str, object] = {"path": path}
        await note(unit, ChangeKind.HISTORY_CUT, actor=actor, origin=Origin(request), data=data, path=path)

    await pace.write(say)
    after = ""
    while rows := await db.all(preview_store.REPOSITORIES_AT, path=path, after=after, limit=_PAGE):
        after = rows[-1].path
        for row in rows:
            if row.path == path or row.path.startswith(f"{path}/"):
                await _bring_forward(db, settings, pace, row.id)


async def _bring_forward(db: Database, settings: RegistrySettings, pace: Pace, repo_id: int) -> None:
    after = 0
    while rows := await db.all(preview_store.CANDIDATES, repo_id=repo_id, after=after, limit=_PAGE):
        after = rows[-1].content_id
        await pace.write(partial(_bring, repo_id=repo_id, ids=[row.content_id for row in rows], settings=settings))


async def _bring(unit: Unit, *, repo_id: int, ids: list[int], settings: RegistrySettings) -> None:
    """Let candidates be looked at as soon as nobody can rely on them."""
    await unit.one(store.REPOSITORY, id=repo_id)  # whoever revives what was buried waits, or came first
    await unit.all(store.LOCK_CANDIDATES, repo_id=repo_id, ids=ids)
    buried = [row.id for row in await unit.all(preview_store.BURIED, repo_id=repo_id, ids=ids)]
    await unit.run(preview_store.BRING_FORWARD, repo_id=repo_id, ids=ids, due=unit.now + lease_of(settings))
    await unit.run(preview_store.BRING_FORWARD, repo_id=repo_id, ids=buried, due=unit.now)
