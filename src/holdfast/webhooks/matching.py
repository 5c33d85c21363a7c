"""From events to what is to be delivered: one row for each webhook that asks for an event, in the unit in which the
handler remembers that it was told, so that nothing is lost between the two, and nothing is there twice."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache

from holdfast.access.policy.globs import RepositoryGlob, TagGlob
from holdfast.db.port import Unit
from holdfast.journal.chain import SealedRow
from holdfast.registry.events.model import Event, event_of
from holdfast.webhooks import checking, delivery_store, store
from holdfast.webhooks.model import CHANNEL, PATIENCE
from holdfast.webhooks.shapes.catalogue import SHAPES
from holdfast.webhooks.shapes.changes import TOLD_BY_MOVES


class Matcher:
    """Which events a webhook asks for. `sights`: what its owner may be told; `shape`: which has no word for others."""

    __slots__ = ("_kinds", "_repositories", "_tags")

    def __init__(self, filter: str, sights: int, shape: str) -> None:
        asked = checking.read(filter)
        sendable = SHAPES[shape].kinds
        self._kinds = frozenset(
            kind for kind in checking.kinds_of(asked.events) if kind in sendable and checking.within(kind, sights)
        )
        self._repositories = tuple(RepositoryGlob.parse(text) for text in asked.repositories)
        self._tags = tuple(TagGlob.parse(text) for text in asked.tags)

    def asks(self, event: Event) -> bool:
        """Whether it asks for `event`, which is at or below its path."""
        return (
            event.kind in self._kinds
            and (not self._repositories or any(glob.matches(event.path) for glob in self._repositories))
            and (not self._tags or event.kind in TOLD_BY_MOVES or self._matches(event.tags))
        )

    def _matches(self, tags: Iterable[str]) -> bool:
        return any(glob.matches(tag) for tag in tags for glob in self._tags)


async def tell(unit: Unit, rows: Sequence[SealedRow]) -> None:
    """Let every webhook be told of what it asks for."""
    events = [event_of(row) for row in rows]
    subscribed: dict[str, list[store.Subscribed]] = {}
    for row in await unit.all(store.SUBSCRIBED, paths=sorted({each for event in events for each in above(event.path)})):
        subscribed.setdefault(row.path, []).append(row)
    if not subscribed:
        return
    wanted = [
        (row.id, event.pos, event.kind, event.path)
        for event in events
        for path in above(event.path)
        for row in subscribed.get(path, ())
        if event.at >= row.made_at and matcher(row.filter, row.sights, row.shape).asks(event)
    ]
    if wanted:
        await unit.run(
            delivery_store.ADD, rows=json.dumps(sorted(wanted)), made_at=unit.now, until_at=unit.now + PATIENCE
        )
        await unit.notify(CHANNEL)


@lru_cache(2048)
def matcher(filter: str, sights: int, shape: str) -> Matcher:
    """The matcher of these columns of a webhook."""
    return Matcher(filter, sights, shape)


def above(path: str) -> Iterable[str]:
    """A path and every path above it, '' among them."""
    yield ""
    at = path.find("/")
    while at > 0:
        yield path[:at]
        at = path.find("/", at + 1)
    if path:
        yield path
