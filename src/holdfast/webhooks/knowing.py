"""The events that are being told, and what is known about them, read once for all webhooks that are told of them."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

from holdfast.db.port import Database
from holdfast.journal.reading import at_places
from holdfast.registry.events.model import Event, event_of
from holdfast.webhooks.shapes.facts import AT_ONCE, facts_of
from holdfast.webhooks.shapes.model import Facts

_MOST = 4_000
_FRESH = 30.0
"""Seconds for which what is known about an event counts."""


class Told(NamedTuple):
    """An event, and what is known about it."""

    event: Event
    facts: Facts


class Known:
    """Events by their places; the oldest are forgotten."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._events: dict[int, tuple[float, Told]] = {}

    async def about(self, pos: int) -> Told | None:
        """The event at a place; None: it is not in the journal any more. Raises `DatabaseError`."""
        found = self._fresh(pos)
        if found is None:
            await self.learn([pos])
            found = self._fresh(pos)
        return found

    async def learn(self, places: Sequence[int]) -> None:
        """Read the events at these places that are not known. Raises `DatabaseError`."""
        missing = [pos for pos in places if self._fresh(pos) is None]
        for first in range(0, len(missing), AT_ONCE):
            events = [event_of(row) for row in await at_places(self._db, missing[first : first + AT_ONCE])]
            facts = await facts_of(self._db, events)
            now = monotonic()
            for event in events:
                self._events[event.pos] = now, Told(event, facts[event.pos])
        while len(self._events) > _MOST:
            del self._events[next(iter(self._events))]

    def _fresh(self, pos: int) -> Told | None:
        at, told = self._events.get(pos, (0.0, None))
        return told if told is not None and monotonic() - at < _FRESH else None
