"""Deleting many tags and manifests of a repository at once, by rule and not by a request (retention).

Promises: decided inside the caller's unit, with the repository locked, as a delete by a client is: what moved since it
was chosen stays, as does what is immutable, reached or leased; what goes stays restorable inside the history window.
Everything that one call drops has one place in the history of the repository.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.db.port import Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import Place, record
from holdfast.oci.name import RepositoryName
from holdfast.registry.deletion import store
from holdfast.registry.effective.service import Effective, effective
from holdfast.registry.immutability.rules import Change, blocked
from holdfast.registry.immutability.service import rules_of
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import CANDIDATE, USAGE

MOST = 200
"""Things that one call drops, so that its unit is short."""
CHANGED = "it changed since the plan was made"
GONE = "it is gone already"
NO_REPOSITORY = "the repository is gone"


class ChosenTag(NamedTuple):
    """A tag as it was when it was chosen: what it pointed to, and its place in the history."""

    name: str
    content_id: int
    seq: int


class ChosenManifest(NamedTuple):
    """An untagged manifest, and when it was pushed or lost its last tag (microseconds)."""

    content_id: int
    at: int


class By(NamedTuple):
    """In whose name something is dropped. `data`: what the journal keeps beside it."""

    actor: str
    origin: Origin
    data: dict[str, object]


class Locked(NamedTuple):
    """A repository that nobody else changes until the unit ends, and the settings that hold in it."""

    id: int
    path: str
    settings: Effective


async def lock(unit: Unit, repo_id: int) -> Locked | None:
    """Lock a repository by its id; None: it is gone."""
    row = await unit.one(store.LOCK_REPOSITORY, id=repo_id)
    if row is None:
        return None
    return Locked(row.id, row.path, await effective(unit, RepositoryName(row.path).prefixes()))


async def drop_tags(
    unit: Unit, core: RegistrySettings, where: Locked, chosen: Sequence[ChosenTag], by: By
) -> dict[str, str]:
    """Drop tags (at most `MOST`); those that stay, and why."""
    rows = await unit.all(store.TAGS_NAMED, repo_id=where.id, names=sorted(each.name for each in chosen))
    now = {row.name: row for row in rows}
    rules = rules_of(where.settings)
    stay: dict[str, str] = {}
    for each in chosen:
        row = now.get(each.name)
        held = blocked(rules, Change.DELETE, each.name)
        if row is None:
            stay[each.name] = GONE
        elif (row.content_id, row.seq) != (each.content_id, each.seq):
            stay[each.name] = CHANGED
        elif held is not None:
            stay[each.name] = f"it is immutable by the rule '{held.rule}' of {held.path or 'everything'}"
    names = sorted(each.name for each in chosen if each.name not in stay)
    if not names:
        return stay
    place = await _advance(unit, where)
    await unit.run(store.END_TAGS_NAMED, repo_id=where.id, names=names, seq=place.seq, at=place.at)
    for content_id in sorted({each.content_id for each in chosen if each.name not in stay}):
        await _hold(unit, core, where, place, content_id)
    await unit.run(store.DROP_TAGS_NAMED, repo_id=where.id, names=names)
    await unit.run(USAGE, path=where.path, bytes=0, repositories=0, tags=-len(names))
    for name in names:
        data = {"tag": name, **by.data}
        await record(unit, ChangeKind.TAG_DELETED, place, actor=by.actor, origin=by.origin, data=data)
    return stay


async def drop_manifests(
    unit: Unit, core: RegistrySettings, where: Locked, chosen: Sequence[ChosenManifest], by: By
) -> dict[int, str]:
    """Drop manifests that nothing reaches (at most `MOST`); those that stay, and why."""
    stay: dict[int, str] = {}
    going: list[store.BuriedRow] = []
    for each in sorted(chosen):
        row = await unit.one(store.UNREACHED, repo_id=where.id, id=each.content_id)
        if row is None:
            stay[each.content_id] = GONE
        elif row.reached:
            stay[each.content_id] = "something reaches it by now"
        elif row.since > each.at:
            stay[each.content_id] = CHANGED
        elif row.since + core.lease >= unit.now:
            stay[each.content_id] = "a push may rely on it"
        else:
            going.append(row)
    if not going:
        return stay
    place = await _advance(unit, where)
    for row in going:
        await _hold(unit, core, where, place, row.content_id)
        await unit.run(store.DROP_LEASES, repo_id=where.id, content_id=row.content_id)
        await unit.run(store.BURY_LINK, repo_id=where.id, content_id=row.content_id, at=place.at)
        data = {"digest": row.digest, **by.data}
        await record(unit, ChangeKind.MANIFEST_DELETED, place, actor=by.actor, origin=by.origin, data=data)
    await unit.run(USAGE, path=where.path, bytes=-sum(row.size for row in going), repositories=0, tags=0)
    return stay


async def _advance(unit: Unit, where: Locked) -> Place:
    row = await unit.one(store.ADVANCE_BY_ID, id=where.id)
    assert row is not None, "the repository is locked"
    return Place(row.id, row.seq, row.last_at)


async def _hold(unit: Unit, core: RegistrySettings, where: Locked, place: Place, content_id: int) -> None:
    """What lost its root may be looked at when the history window and a lease have passed."""
    due = where.settings.collectable(core, max(place.at, unit.now))
    await unit.run(CANDIDATE, repo_id=where.id, content_id=content_id, due=due)
