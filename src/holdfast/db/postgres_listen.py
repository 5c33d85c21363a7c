"""Notifications between processes: telling, and the connection that listens.

Promises: after every loss of the connection each channel is listened to again and its bell rung once, for something
may have been missed meanwhile; a server that does not answer is tried again for as long as the database is open.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import asyncpg

from holdfast.db.bells import Bells, check_channel
from holdfast.db.errors import DatabaseError
from holdfast.db.postgres_errors import DRIVER
from holdfast.db.postgres_link import PostgresOptions, open_connection
from holdfast.db.postgres_pool import Pool

_SHORTEST, _LONGEST = 0.05, 2.0
_LONGEST_SILENCE = 15.0
_ANSWER = 5.0


class Announcer:
    """Tells other processes, soon, and once for many units. Belongs to one event loop."""

    def __init__(self, pool: Pool, token: str) -> None:
        self._pool = pool
        self._token = token
        self._channels: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def tell(self, channel: str) -> None:
        """Notify `channel`; in the background, for it is a hint that nobody waits for."""
        self._channels.add(channel)
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Return when everything was told."""
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        try:
            while self._channels:
                channels, self._channels = sorted(self._channels), set()
                link = self._pool.idle() or await self._pool.take()
                try:
                    await link.announce(channels, self._token)
                except BaseException:
                    self._pool.drop(link)
                    raise
                self._pool.give(link)
        except (*DRIVER, DatabaseError):
            return  # the others find out by themselves


class Listener:
    """Listens from the first `listen` on. Belongs to one event loop."""

    def __init__(self, url: str, options: PostgresOptions, bells: Bells) -> None:
        self._url = url
        self._options = options
        self._bells = bells
        self._channels: set[str] = set()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def listen(self, channel: str) -> None:
        """Ring the bell of `channel` whenever another process notifies it."""
        if channel in self._channels:
            return
        self._channels.add(check_channel(channel))
        self._changed.set()
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        pause = _SHORTEST
        while True:
            try:
                # No bound on silence: this connection only waits.
                connection = await open_connection(self._url, self._options, idle_session_timeout="0")
            except (*DRIVER, ValueError):
                await asyncio.sleep(pause)
                pause = min(_LONGEST, pause * 2)
                continue
            pause = _SHORTEST
            try:
                await self._attend(connection)
            except DRIVER:
                await asyncio.sleep(pause)
            finally:
                connection.terminate()

    async def _attend(self, connection: asyncpg.Connection) -> None:
        """Listen until the connection ends."""
        connection.add_termination_listener(lambda _connection: self._changed.set())
        heard: set[str] = set()
        while not connection.is_closed():
            self._changed.clear()
            for channel in sorted(self._channels - heard):
                async with asyncio.timeout(_ANSWER):
                    await connection.add_listener(channel, self._ring)
                heard.add(channel)
                self._bells.ring(channel)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST_SILENCE):
                    await self._changed.wait()
                continue
            await connection.execute("select 1", timeout=_ANSWER)  # a network that lost the connection does not say so

    def _ring(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        if payload != self._bells.token:
            self._bells.ring(channel)
