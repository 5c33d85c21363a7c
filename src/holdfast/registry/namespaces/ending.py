"""Deleting repositories and namespaces, and bringing them back.

A deleted repository keeps its row, its links and its tags, under a path that no name can be (`NAME@ID`): everything
answers 404 at once, a push makes another repository of the name, and what was said of it goes with it. Inside the
history window it comes back with all it had, while its name is free. Tags that may not be deleted keep their
repository, unless an administrator insists. Promises of each function: one unit's work, the repository locked first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from holdfast.access.errors import Conflict
from holdfast.db.port import Reader, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import Place, record
from holdfast.registry.effective.service import effective, prefixes_of
from holdfast.registry.immutability import rules as immutability
from holdfast.registry.immutability.rules import Blocked, Change, Rules
from holdfast.registry.immutability.service import refuse, rules_for
from holdfast.registry.namespaces import store
from holdfast.registry.reach.spans import Span
from holdfast.registry.store import USAGE

_TAGS = 500
_ABOVE = "\x7f"


class Actor(NamedTuple):
    """Who does it, as the journal names him, and the request."""

    name: str
    origin: Origin


class Ended(NamedTuple):
    """A repository that was deleted or came back, with what it holds."""

    id: int
    name: str
    tags: int
    bytes: int


async def end(
    unit: Unit, actor: Actor, name: str, *, force: bool = False, still: tuple[int, int] | None = None
) -> Ended | None:
    """Delete the repository called `name`; None when there is none. `force`: also with tags that may not be deleted;
    `still`: its id and its place in its history, if it shall go only as it was then.

    Raises `Immutable`, `Conflict` when it is not as it was.
    """
    row = await unit.one(store.END, path=name)
    if row is None:
        return None
    if still is not None and (row.id, row.seq) != (still[0], still[1] + 1):
        raise Conflict("it has changed since you looked")
    found = await held_back(unit, row.id, await rules_for(unit, prefixes_of(name)))
    if not force:
        refuse(found)
    held = await unit.one(store.HELD, repo_id=row.id)
    assert held is not None
    await unit.run(USAGE, path=name, bytes=-held.bytes, repositories=-1, tags=-held.tags)
    for move in (store.MOVE_FACTS, store.MOVE_LABELS):
        await unit.run(move, path=name, new=f"{name}@{row.id}")
    ended = Ended(row.id, name, held.tags, held.bytes)
    forced: dict[str, object] = {"forced": True} if found is not None else {}
    data = _told(ended) | forced
    place = Place(row.id, row.seq, row.last_at)
    kind = ChangeKind.REPOSITORY_DELETED
    await record(unit, kind, place, actor=actor.name, origin=actor.origin, data=data, path=name)
    return ended


async def bring_back(unit: Unit, actor: Actor, id: int, window: int) -> Ended | None:
    """Let a deleted repository have its name again; None when it is not there any more, or its window is over.
    `window`: where no path says another, microseconds. Raises `Conflict` when the name is taken."""
    gone = await unit.one(store.HOLD_GONE, id=id)
    if gone is None or gone.gone_at <= unit.now - await window_of(unit, gone.was_path, window):
        return None
    name = gone.was_path
    if not await unit.run(store.TAKE_NAME, path=name):
        raise Conflict(f"there is another repository {name!r} by now: delete that first")
    await unit.run(store.LEAVE_NAME, path=name)
    row = await unit.one(store.RESTORE, id=id)
    held = await unit.one(store.HELD, repo_id=id)
    assert row is not None
    assert held is not None
    await unit.run(USAGE, path=name, bytes=held.bytes, repositories=1, tags=held.tags)
    await unit.run(store.DROP_FACTS, path=name)
    await unit.run(store.DROP_LABELS, path=name)
    for move in (store.MOVE_FACTS, store.MOVE_LABELS):
        await unit.run(move, path=f"{name}@{id}", new=name)
    ended = Ended(id, name, held.tags, held.bytes)
    place = Place(row.id, row.seq, row.last_at)
    kind = ChangeKind.REPOSITORY_RESTORED
    await record(unit, kind, place, actor=actor.name, origin=actor.origin, data=_told(ended), path=name)
    return ended


async def window_of(reader: Reader, name: str, default: int) -> int:
    """How long a repository of this name can come back, microseconds."""
    return (await effective(reader, prefixes_of(name))).window(default)


async def held_back(reader: Reader, repo_id: int, rules: Rules) -> Blocked | None:
    """What forbids to delete the first tag of a repository that may not be deleted."""
    for rule in rules.rules:
        if not rule.forbids(Change.DELETE):
            continue
        prefix = rule.tags.partition("*")[0]
        after = ""
        while True:
            where = {"low": prefix, "high": prefix + _ABOVE, "after": after, "limit": _TAGS}
            rows = await reader.all(store.TAGS, repo_id=repo_id, **where)
            names = [row.name for row in rows if rule.holds(row.name)]
            found = immutability.first_blocked(rules, Change.DELETE, names)
            if found is not None:
                return found
            if len(rows) < _TAGS:
                break
            after = rows[-1].name
    return None


async def held_back_below(reader: Reader, path: str, spans: Sequence[Span]) -> Blocked | None:
    """What forbids to delete the first tag, at or below `path`, that may not be deleted."""
    said = {row.path: row.value for span in spans for row in await _rules_in(reader, span)}
    above = await reader.all(store.SETTINGS, paths=prefixes_of(path))
    said |= {row.path: row.value for row in above if row.name == immutability.SETTING}
    if not any('"delete":false' in value for value in said.values()):
        return None
    for span in spans:
        after = ""
        while True:
            rows = await reader.all(store.REPOSITORIES, low=span.low, high=span.high, after=after, limit=_TAGS)
            for row in rows:
                found = await held_back(reader, row.id, _nearest(said, row.path))
                if found is not None:
                    return found
            if len(rows) < _TAGS:
                break
            after = rows[-1].path
    return None


async def _rules_in(reader: Reader, span: Span) -> list[store.SettingRow]:
    return await reader.all(store.SETTINGS_NAMED, low=span.low, high=span.high, name=immutability.SETTING)


def _nearest(said: Mapping[str, str], name: str) -> Rules:
    for path in reversed(prefixes_of(name)):
        if path in said:
            return immutability.read(said[path], path)
    return Rules()


def _told(ended: Ended) -> dict[str, object]:
    return {"repository": ended.name, "id": ended.id, "tags": ended.tags, "bytes": ended.bytes}
