"""Streams of events: one for each client that follows, over the one feed of the process.

Promises: who gets a stream is decided again before every batch and at least every `PROVED` seconds; a credential that
no longer holds ends its stream, as does a shut-down; there are at most so many streams in a process, and so many of
one account; a stream that waits costs a place in memory.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

from holdfast.access.errors import Busy, InsufficientScope, StalePermit, Throttled, TooManyRequests, Unauthenticated
from holdfast.access.model import UNCHECKED, Identity
from holdfast.access.service import Access
from holdfast.api.caller import Lasting
from holdfast.api.streaming import begin, event, heartbeat
from holdfast.db.errors import DatabaseError
from holdfast.registry.errors import EventsArchived
from holdfast.registry.events.feed import EVERY, Feed
from holdfast.registry.events.model import TYPE_PREFIX, Event, cloud_event
from holdfast.registry.events.service import EventPage, Events, Filter, seen_by

MOST = 1000
MOST_OF_ONE = 64
HEARTBEAT = 15.0
PROVED = 5.0
_AT_ONCE = 100
_RETRY_SECONDS = 10
_OVER = (Unauthenticated, InsufficientScope, Throttled, Busy)


class Following(NamedTuple):
    """What one stream tells: to whom (`staying`), which events, beyond which `place`. `source`: the registry's URL."""

    access: Access
    events: Events
    staying: Lasting
    wanted: Filter
    place: int
    source: str


class Streams:
    """The streams of a process, over its feed."""

    def __init__(
        self, feed: Feed, *, most: int = MOST, most_of_one: int = MOST_OF_ONE, beat: float = HEARTBEAT
    ) -> None:
        self._feed = feed
        self._most = most
        self._most_of_one = most_of_one
        self._beat = beat
        self._open: Counter[int] = Counter()

    def take(self, who: Identity) -> Callable[[], None]:
        """Count one more stream of `who`; returns what counts it out again. Raises `TooManyRequests`."""
        id = who.subject.id
        if self._open.total() >= self._most:
            raise TooManyRequests("as many streams of events as a process serves are open", _RETRY_SECONDS)
        if who.version != UNCHECKED and self._open[id] >= self._most_of_one:
            raise TooManyRequests(f"{self._most_of_one} streams of events of this account are open", _RETRY_SECONDS)
        self._open[id] += 1

        def release() -> None:
            self._open[id] -= 1
            if not self._open[id]:
                del self._open[id]

        return release

    async def pieces(self, following: Following) -> AsyncGenerator[bytes, None]:
        """The stream, piece by piece, until it is over; then a last line says why."""
        loop = asyncio.get_running_loop()
        place = following.place
        yield begin(place)
        told = loop.time()
        async with self._feed.following():
            while not self._feed.closed:
                try:
                    page = await self._next(following, place)
                except (StalePermit, DatabaseError):
                    page = None  # rights changed just now, or nobody can tell: nothing is told, and asked again soon
                except (*_OVER, EventsArchived) as error:
                    yield heartbeat(place, f"this stream is over: {_why(error)}")
                    return
                if page is not None and page.next is not None:
                    for piece in _written(page.events, following.source):
                        yield piece
                        told = loop.time()
                    more, place = page.next > place, page.next
                    if more:
                        continue
                left = told + self._beat - loop.time()
                if left <= 0:
                    yield heartbeat(place)
                    told = loop.time()
                    left = self._beat
                await self._feed.wait(min(left, PROVED if page is not None else EVERY))
        yield heartbeat(place, "this stream is over: the registry restarts, come back")

    async def _next(self, following: Following, place: int) -> EventPage:
        """What is beyond `place`, as the caller may see it by his rights of this moment."""
        news = self._feed.news(place)
        caller = await following.staying.at(news.version)
        permit = following.access.path(caller.who, "", caller.origin)
        if news.events is None:
            return await following.events.oldest(permit, following.wanted, place, _AT_ONCE)
        return EventPage(seen_by(permit, following.wanted, news.events), news.place)


def _written(events: list[Event], source: str) -> list[bytes]:
    """Events as pieces of a stream, some together."""
    lines = [_line(each, source) for each in events]
    return [b"".join(lines[first : first + _AT_ONCE]) for first in range(0, len(lines), _AT_ONCE)]


def _line(told: Event, source: str) -> bytes:
    data = json.dumps(cloud_event(told, source, with_origin=True), separators=(",", ":"))
    return event(told.pos, TYPE_PREFIX + told.kind, data)


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, EventsArchived) else "the credential does not hold any more"
