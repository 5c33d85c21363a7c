"""The connections of a process: a stack, so that few of them are kept busy and warm.

Promises: never more than `size` connections; who waits for one is served in turn, and told `Unavailable` after
`patience` seconds; a connection that failed is thrown away and replaced when it is needed, so a server that comes back
is used again without a restart.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from holdfast.db import meters as families
from holdfast.db.errors import Unavailable
from holdfast.db.postgres_link import Link
from holdfast.telemetry.meters import Meters

IDLE_LIMIT = 300.0
"""Seconds that an unused connection is kept."""


class Pool:
    """Connections made by `connect`. Belongs to one event loop."""

    def __init__(
        self, connect: Callable[[], Awaitable[Link]], size: int, patience: float, meters: Meters | None = None
    ) -> None:
        meters = meters or Meters()
        self._connect = connect
        self._size = size
        self._patience = patience
        self._idle: list[Link] = []
        self._busy: set[Link] = set()
        self._open = 0
        self._waiting: deque[asyncio.Future[Link | None]] = deque()
        self._closed = False
        self._waited = meters.tally(families.POOL_SECONDS)
        self._errors = meters.tally(families.ERRORS)
        self._shown = [meters.tally(families.CONNECTIONS, state) for state in ("used", "idle", "most")]
        self._shown_waiting = meters.tally(families.POOL_WAITING)
        meters.watch(self._show)

    def _show(self) -> None:
        for shown, number in zip(self._shown, (len(self._busy), len(self._idle), self._size), strict=True):
            shown.set(number)
        self._shown_waiting.set(len(self._waiting))

    def idle(self) -> Link | None:
        """A connection that is at hand, or None."""
        while self._idle:
            link = self._idle.pop()
            if not link.closed:
                self._busy.add(link)
                return link
            self._open -= 1
        return None

    async def take(self, *, fresh: bool = False) -> Link:
        """A connection, made if need be; `fresh`: not one that was used before. Raises `Unavailable`."""
        if fresh and self._idle:
            self._let_go(self._idle.pop(0))
        if self._closed:
            raise Unavailable("the database is closed")
        link = None if fresh else self.idle()
        if link is None and self._open >= self._size:
            link = await self._wait()
        elif link is None:
            self._open += 1
        return link or await self._make()

    def give(self, link: Link) -> None:
        """Put a connection back that is outside a transaction."""
        if self._closed:
            self.drop(link)
            return
        link.since = 0.0
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(link)
                return
        self._busy.discard(link)
        link.idle_since = time.monotonic()
        self._idle.append(link)

    def drop(self, link: Link) -> None:
        """Throw a connection away, whatever it is doing."""
        self._let_go(link)
        self._wake()

    def trim(self) -> None:
        """Close what nobody used for long; the least used ones lie at the bottom."""
        oldest = time.monotonic() - IDLE_LIMIT
        while self._idle and (self._idle[0].closed or self._idle[0].idle_since < oldest):
            self._let_go(self._idle.pop(0))

    def watch(self, longest: float) -> None:
        """Break the connections whose statement has had no answer for `longest` seconds."""
        oldest = time.monotonic() - longest
        for link in self._busy:
            if 0.0 < link.since < oldest:
                link.terminate()

    async def close(self) -> None:
        """Close every connection that is not in use; the others when they are given back."""
        self._closed = True
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(Unavailable("the database is closed"))
        try:
            while self._idle:
                self._open -= 1
                await self._idle.pop().close()
        finally:
            while self._idle:  # whoever closes was cancelled: nobody comes back for the others
                self._let_go(self._idle.pop())

    def _let_go(self, link: Link) -> None:
        self._busy.discard(link)
        link.terminate()
        self._open -= 1

    def _wake(self) -> None:
        """Tell the next in line that it may connect, and keep the place for it."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._open += 1
                waiter.set_result(None)
                return

    async def _wait(self) -> Link | None:
        waiter: asyncio.Future[Link | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._patience):
                return await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                # Served and given up in the same moment: what was handed over goes on to the next.
                self._pass_on(waiter.result())
            if isinstance(error, TimeoutError):
                self._errors.add()
                raise Unavailable("every connection to the database is busy") from error
            raise
        finally:
            self._waited.add(int((time.monotonic() - began) * 1e6))

    def _pass_on(self, link: Link | None) -> None:
        if link is not None:
            self.give(link)
        else:
            self._open -= 1
            self._wake()

    async def _make(self) -> Link:
        """Connect, in a place that is counted already."""
        try:
            link = await self._connect()
        except BaseException as error:
            if isinstance(error, Exception):
                self._errors.add()
            self._pass_on(None)
            raise
        self._busy.add(link)
        return link
