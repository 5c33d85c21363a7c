"""The end of the journal, read once for all who follow it in a process.

Promises: while anybody follows, the newest rows are read twice a second and kept, bounded in number and bytes; who
follows waits in memory, so that many who wait cost what one costs, and nothing is read while nobody follows. What a
follower gets is decided by the policy version that was read after the rows. An outage of the database ends nothing: it
is as if nothing happened meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from holdfast.db.errors import DatabaseError
from holdfast.db.port import Database
from holdfast.journal import reading
from holdfast.journal.reading import Wanted
from holdfast.registry.events.model import Event
from holdfast.registry.events.service import full_event

EVERY = 0.5
"""Seconds between two looks."""
KEPT = 2000
KEPT_BYTES = 8 << 20
_PIECE = 500


class News(NamedTuple):
    """What a follower finds: the events beyond his place, the policy version after which they may be decided, and the
    place that they reach. `events` None: his place is older than what is kept here, and the journal itself tells."""

    events: list[Event] | None
    version: int
    place: int


class _Held(NamedTuple):
    event: Event
    bytes: int


class Feed:
    """The newest events. One object a process. `versions`: the policy version of this moment; `stopping`: whether the
    process is about to end, asked at each look."""

    def __init__(
        self,
        db: Database,
        versions: Callable[[], Awaitable[int]],
        stopping: Callable[[], bool] = lambda: False,
        *,
        every: float = EVERY,
    ) -> None:
        self._db = db
        self._versions = versions
        self._stopping = stopping
        self._every = every
        self._held: deque[_Held] = deque()
        self._bytes = 0
        self._start = self._end = 0
        self._version = 0
        self._followers = 0
        self._task: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()
        self._rung = asyncio.Event()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nobody is told anything any more, because the process ends."""
        return self._closed or self._stopping()

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow inside this block. Raises `DatabaseError`."""
        async with self._beginning:
            if self._task is None:
                await self._begin()
            self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1
            if self._followers == 0 and self._task is not None:
                self._task.cancel()
                self._task = None
                self._forget(self._end)

    def news(self, place: int) -> News:
        """What is beyond `place`. Raises what ended the reading of the journal."""
        if self._task is not None and self._task.done():
            ended, self._task = self._task, None
            ended.result()
        if place < self._start:
            return News(None, self._version, place)
        found = [held.event for held in self._held if held.event.pos > place] if place < self._end else []
        return News(found, self._version, max(place, self._end))

    async def wait(self, seconds: float) -> None:
        """Return when there is something new, events or another policy, or the feed closes; after `seconds` at the
        latest."""
        rung = self._rung
        try:
            async with asyncio.timeout(seconds):
                await rung.wait()
        except TimeoutError:
            return

    async def close(self) -> None:
        """Tell everybody that it ends."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._ring()

    async def _begin(self) -> None:
        end, version = await reading.last_place(self._db), await self._versions()
        self._forget(end)
        self._version = version
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                await self._look()
            except DatabaseError:
                continue

    async def _look(self) -> None:
        before = self._end, self._version
        more = True
        while more:
            part = await reading.oldest(self._db, Wanted(), lambda _: True, after=self._end, limit=_PIECE)
            events = [_Held(await full_event(self._db, row), len(row.data)) for row in part.rows]
            version = await self._versions()
            self._keep(events)
            self._version = version
            more = len(events) == _PIECE
        if (self._end, self._version) != before or self.closed:
            self._ring()

    def _keep(self, fresh: list[_Held]) -> None:
        for held in fresh:
            self._held.append(held)
            self._bytes += held.bytes
            self._end = held.event.pos
        while self._held and (len(self._held) > KEPT or self._bytes > KEPT_BYTES):
            gone = self._held.popleft()
            self._bytes -= gone.bytes
            self._start = gone.event.pos

    def _forget(self, end: int) -> None:
        """Hold nothing, and go on after the place `end`."""
        self._held.clear()
        self._bytes = 0
        self._start = self._end = end

    def _ring(self) -> None:
        self._rung.set()
        self._rung = asyncio.Event()
