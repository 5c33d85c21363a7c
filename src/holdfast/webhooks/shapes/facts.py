"""Reads what shapes say beside the events, for many events at once.

Promises: a handful of statements, however many events there are; what is gone meanwhile is left out, so that an event
is told later than it happened, or again, and never fails for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from holdfast.access.rights import PUBLIC, VISIBILITY
from holdfast.db.port import Reader
from holdfast.journal.model import ChangeKind
from holdfast.oci.manifest import Kind
from holdfast.registry.events.model import Event
from holdfast.webhooks.shapes import store
from holdfast.webhooks.shapes.changes import TOLD_BY_MOVES
from holdfast.webhooks.shapes.model import MOST_MOVES, NOTHING_KNOWN, Facts, Manifest, Move, Repository

AT_ONCE = 200
"""So many events are read for at once."""
_MOVING = TOLD_BY_MOVES | {ChangeKind.TAG_DELETED}
"""Kinds whose own data do not say which tags moved from where to where."""
_ROWS = 2_000


async def facts_of(reader: Reader, events: Sequence[Event]) -> Mapping[int, Facts]:
    """What is known about each of `events`, at most `AT_ONCE`, by their places. Raises `DatabaseError`."""
    assert len(events) <= AT_ONCE, "the caller tells so many at once"
    moves = await _moves(reader, [event for event in events if event.kind in _MOVING])
    positions = [event.pos for event in events if event.path]
    rows = await reader.all(store.PLACES, positions=positions) if positions else []
    places = {row.pos: row.repo_id for row in rows}
    repositories = await _repositories(reader, sorted(set(places.values())))
    digests = {event.digest for event in events if event.digest}
    digests |= {move.now for each in moves.values() for move in each if move.now is not None}
    manifests = await _manifests(reader, sorted(repositories), sorted(digests))
    return {
        event.pos: _told(event, repositories, manifests, places.get(event.pos, 0), moves.get(event.pos, ()))
        for event in events
    }


def _told(
    event: Event,
    repositories: Mapping[int, Repository],
    manifests: Mapping[int, Mapping[str, Manifest]],
    repo_id: int,
    moves: Sequence[Move],
) -> Facts:
    if repo_id not in repositories:
        return Facts(moves=moves) if moves else NOTHING_KNOWN
    known = manifests.get(repo_id, {})
    named = dict.fromkeys([event.digest, *(move.now or "" for move in moves)])
    here = MappingProxyType({digest: known[digest] for digest in named if digest in known})
    return Facts(repositories[repo_id], here, moves)


async def _moves(reader: Reader, events: Sequence[Event]) -> Mapping[int, Sequence[Move]]:
    """What each of `events` did to tags. One that did more than all others together has a statement of its own."""
    if not events:
        return {}
    rows = await reader.all(store.MOVES, positions=[event.pos for event in events], limit=_ROWS)
    if len(rows) == _ROWS:
        rows = []
        for event in events:
            rows += await reader.all(store.MOVES, positions=[event.pos], limit=MOST_MOVES)
    found: dict[int, list[Move]] = {}
    tags = {event.pos: event.tags for event in events if event.kind == ChangeKind.TAG_DELETED}
    for row in rows:
        # Tags that end at one place of the history have events of their own.
        if row.pos in tags and row.name not in tags[row.pos]:
            continue
        mine = found.setdefault(row.pos, [])
        if len(mine) < MOST_MOVES:
            mine.append(Move(row.name, row.was, row.now))
    return {pos: tuple(each) for pos, each in found.items()}


async def _repositories(reader: Reader, ids: Sequence[int]) -> Mapping[int, Repository]:
    if not ids:
        return {}
    rows = await reader.all(store.REPOSITORIES, ids=list(ids))
    above = {row.id: _upwards(row.path) for row in rows}
    paths = sorted({path for each in above.values() for path in each})
    settings = await reader.all(store.SETTINGS, paths=paths, name=VISIBILITY) if paths else []
    said = {row.path: row.value for row in settings}
    return {
        row.id: Repository(row.id, row.born, _is_public(said, above[row.id]), row.description or "") for row in rows
    }


def _upwards(path: str) -> list[str]:
    """The path and all above it, the nearest first."""
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(len(parts), -1, -1)]


def _is_public(said: Mapping[str, str], upwards: Sequence[str]) -> bool:
    return next((said[path] == PUBLIC for path in upwards if path in said), False)


async def _manifests(
    reader: Reader, ids: Sequence[int], digests: Sequence[str]
) -> Mapping[int, Mapping[str, Manifest]]:
    if not ids or not digests:
        return {}
    found: dict[int, dict[str, Manifest]] = {}
    for row in await reader.all(store.MANIFESTS, ids=list(ids), digests=list(digests)):
        manifest = Manifest(row.digest, row.media_type or "", row.artifact_type, row.size, Kind(row.kind))
        found.setdefault(row.repo_id, {})[row.digest] = manifest
    return found
