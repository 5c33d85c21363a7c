"""PostgreSQL behind the port: units side by side under READ COMMITTED, each on a connection of its own.

Promises: a unit is answered only after its commit; a unit that the server gave up (a deadlock, a serialisation
failure) runs again, for nothing of it was committed; a read whose connection turns out dead is asked once more on a
fresh one; the outcome of a commit that was never answered is unknown, and told as `Unavailable`. No state of a session
is relied on. What `now()` tells is the server's time.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from holdfast.db import meters as families
from holdfast.db.bells import Bells
from holdfast.db.dialect import Numbered, row_maker
from holdfast.db.driving import Driven
from holdfast.db.errors import DatabaseError, ReadOnly, StatementFailed, Unavailable
from holdfast.db.port import Reader, Unit
from holdfast.db.postgres_errors import AGAIN, DRIVER, Again, lost, translate
from holdfast.db.postgres_link import CLOCK, SLACK, UNDER_WAY, Link, PostgresOptions, begin_texts, open_link
from holdfast.db.postgres_listen import Announcer, Listener
from holdfast.db.postgres_pool import Pool
from holdfast.db.postgres_session import Session, bind
from holdfast.db.query import Command, Query
from holdfast.db.server_clock import ServerClock, ticks
from holdfast.telemetry.meters import Meters

Row = TypeVar("Row")
T = TypeVar("T")

ATTEMPTS = 6
_PAUSE = 0.005
_MEASURE_EVERY, _MEASUREMENTS = 5.0, 3
_WATCH_EVERY = 0.5
_LOOK_EVERY = 0.02
_READ_ONLY = "SELECT 1"
"""The tag of a beginning that found the row of the read-only mode set."""
_SNAPSHOT = "begin isolation level repeatable read read only"


class _Counts:
    """What is counted of units."""

    def __init__(self, meters: Meters) -> None:
        self.committed = meters.tally(families.UNITS, "committed")
        self.failed = meters.tally(families.UNITS, "not")
        self.errors = meters.tally(families.ERRORS)
        self.seconds = meters.durations(families.UNIT_SECONDS)


class PostgresDatabase:
    """`Database` over one PostgreSQL server. Belongs to the event loop that first uses it.

    `clock` replaces the server's clock, in tests. Nothing is opened before the first use; `open` does it at once.
    """

    def __init__(
        self,
        url: str,
        options: PostgresOptions | None = None,
        *,
        clock: Callable[[], int] | None = None,
        meters: Meters | None = None,
    ) -> None:
        meters = meters or Meters()
        self._counts = _Counts(meters)
        self._options = options or PostgresOptions()
        self._server_clock = ServerClock()
        self._clock: Callable[[], int] = clock or self._server_clock
        self._pool = Pool(
            lambda: open_link(url, self._options, self._server_clock),
            self._options.pool,
            self._options.patience,
            meters,
        )
        self._reads: dict[object, Numbered] = {}
        self._prepared: dict[object, Numbered] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self._bells = Bells()
        self._announcer = Announcer(self._pool, self._bells.token)
        # PgBouncer gives no connection for keeps: behind it whoever waits finds out by looking.
        self._listener = Listener(url, self._options, self._bells) if self._options.prepared else None
        self._clock_query = Numbered(CLOCK, None)
        self._under_way_query = Numbered(UNDER_WAY, None)
        self._begin_unit, self._begin_always = begin_texts(self._options)
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False

    async def open(self) -> None:
        """Reach the server once and learn its time; what cannot be opened is closed. Raises `DatabaseError`."""
        try:
            self._pool.give(await self._take())
        except BaseException:
            await self.close()
            raise

    def now(self) -> int:
        """The server's clock, in microseconds. Raises `Unavailable` when the server was never reached."""
        return self._clock()

    async def one(self, query: Query[Row], **parameters: Any) -> Row | None:
        """The first row of one autocommit read."""
        prepared = self._reads.get(query) or self._read_only(query)
        rows = await self._read(prepared, parameters)
        return prepared.make(rows[0]) if rows and prepared.make else None

    async def all(self, query: Query[Row], **parameters: Any) -> list[Row]:
        """All rows of one autocommit read."""
        prepared = self._reads.get(query) or self._read_only(query)
        rows = await self._read(prepared, parameters)
        return list(map(prepared.make, rows)) if prepared.make else []

    async def snapshot(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        """Several reads in one snapshot; they may await nothing but their own statements."""
        link, _ = await self._begin(_SNAPSHOT)
        return await self._carry_out(Session(self._read_only, link, self._clock()), work, "rollback")

    async def write(self, work: Callable[[Unit], Awaitable[T]], *, always: bool = False) -> T:
        """Run `work` in one transaction and wait until it is durable. The caller's cancellation does not undo it."""
        if self._closed:
            raise Unavailable("the database is closed")
        task = asyncio.ensure_future(self._write(work, always))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def wait(self, channel: str, seconds: float) -> None:
        """Return when `channel` was notified since the last wait for it, or after `seconds`."""
        if self._listener is not None:
            self._listener.listen(channel)
        await self._bells.wait(channel, seconds)

    async def outlast(self, patience: float) -> None:
        """Return when every transaction of our user that is under way now has ended, on whichever node.

        Raises `Unavailable` naming how many had not after `patience` seconds.
        """
        before = await self._under_way()
        try:
            async with asyncio.timeout(patience):
                while before:
                    await asyncio.sleep(_LOOK_EVERY)
                    before &= await self._under_way()
        except TimeoutError as error:
            raise Unavailable(f"{len(before)} transactions that began before did not end") from error

    def others(self) -> None:
        """Not to be told: units run beside each other."""
        return

    async def shrink(self, _pages: int) -> int:
        """Nothing: the server's own vacuum uses the room again."""
        return 0

    async def _under_way(self) -> set[str]:
        rows = await self._read(self._under_way_query, {})
        return {row[0] for row in rows}

    async def close(self) -> None:
        """Finish the units under way, then close every connection."""
        self._closed = True
        while self._running:
            await asyncio.wait(self._running)
        await self._announcer.close()
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        if self._listener is not None:
            await self._listener.close()
        await self._pool.close()

    def _in_unit(self, statement: Query[Any] | Command) -> Numbered:
        """A statement in this engine's dialect."""
        found = self._prepared.get(statement)
        if found is None:
            found = Numbered(statement.text, row_maker(statement.row) if isinstance(statement, Query) else None)
            self._prepared[statement] = found
        return found

    def _read_only(self, statement: Query[Any] | Command) -> Numbered:
        """The same, for a read that takes no locks: outside a unit they would be gone at once, and cost a write."""
        found = self._reads.get(statement)
        if found is None:
            make = row_maker(statement.row) if isinstance(statement, Query) else None
            found = self._reads[statement] = Numbered(statement.text, make, locks=False)
        return found

    # -- reads -----------------------------------------------------------------------------------------------------

    async def _read(self, prepared: Numbered, parameters: dict[str, Any]) -> list[Any]:
        link = self._pool.idle() or await self._take()
        try:
            values = bind(prepared, parameters, self._clock)
            link.since = time.monotonic()
            rows = await link.fetch(prepared.text, *values)
        except DRIVER as error:
            if not self._failed(link, error):
                raise translate(error) from error
        except BaseException:
            self._pool.drop(link)
            raise
        else:
            self._pool.give(link)
            return rows
        return await self._read_again(prepared, values)

    async def _read_again(self, prepared: Numbered, values: list[Any]) -> list[Any]:
        """Once more, over a connection that nobody used before."""
        link = await self._take(fresh=True)
        try:
            link.since = time.monotonic()
            rows = await link.fetch(prepared.text, *values)
        except DRIVER as error:
            self._failed(link, error)
            raise translate(error) from error
        except BaseException:
            self._pool.drop(link)
            raise
        self._pool.give(link)
        return rows

    def _failed(self, link: Link, error: BaseException) -> bool:
        """Put the connection of a failed read where it belongs; True when the read may be asked once more."""
        if lost(error) or link.closed:
            self._pool.drop(link)
            return True
        if isinstance(error, TimeoutError):
            self._pool.drop(link)
            return False
        self._pool.give(link)
        return isinstance(error, AGAIN)

    async def _take(self, *, fresh: bool = False) -> Link:
        if self._closed:
            raise Unavailable("the database is closed")
        if self._keeper is None:
            self._keeper = asyncio.ensure_future(self._keep())
        return await self._pool.take(fresh=fresh)

    # -- transactions ----------------------------------------------------------------------------------------------

    async def _write(self, work: Callable[[Unit], Awaitable[T]], always: bool) -> T:
        began = time.perf_counter()
        try:
            result = await self._try(work, always)
        except BaseException as error:
            self._counts.failed.add()
            self._counts.errors.add(isinstance(error, DatabaseError) and not isinstance(error, ReadOnly))
            raise
        self._counts.committed.add()
        self._counts.seconds.add(time.perf_counter() - began)
        return result

    async def _try(self, work: Callable[[Unit], Awaitable[T]], always: bool) -> T:
        for attempt in range(1, ATTEMPTS):
            try:
                return await self._attempt(work, always)
            except Again:
                await asyncio.sleep(_PAUSE * 2**attempt * random.random())  # noqa: S311 - jitter
        return await self._attempt(work, always)

    async def _attempt(self, work: Callable[[Unit], Awaitable[T]], always: bool) -> T:
        link, tag = await self._begin(self._begin_always if always else self._begin_unit)
        if tag == _READ_ONLY and not always:
            raise ReadOnly(await self._why(link))
        session = Session(self._in_unit, link, self._clock())
        result = await self._carry_out(session, work, "commit")
        for channel in session.notified:
            self._bells.ring(channel)
            self._announcer.tell(channel)
        return result

    async def _begin(self, text: str) -> tuple[Link, str]:
        """A connection inside a transaction, and what the last command of `text` said."""
        link = self._pool.idle() or await self._take()
        for last in (False, True):
            try:
                return link, await link.simple(text)
            except DRIVER as error:
                self._pool.drop(link)
                if last or not lost(error):
                    raise translate(error) from error
            except BaseException:
                self._pool.drop(link)
                raise
            link = await self._take(fresh=True)
        raise AssertionError

    async def _carry_out(self, session: Session, work: Callable[[Any], Awaitable[T]], end: str) -> T:
        """Run `work` in the transaction of `session`, and end it: with `end`, or with nothing done."""
        link = session.link
        try:
            result = await Driven(work(session), session)
        except asyncio.CancelledError:
            self._pool.drop(link)
            raise
        except BaseException:
            await self._abandon(link)
            raise
        try:
            tag = await link.simple(end)
        except DRIVER as error:
            self._pool.drop(link)
            if lost(error) or isinstance(error, TimeoutError):
                raise Unavailable("the database did not say whether it stored a write") from error
            raise translate(error) from error
        except BaseException:
            self._pool.drop(link)
            raise
        self._pool.give(link)
        if tag == "ROLLBACK" and end == "commit":
            raise StatementFailed("a unit went on after a statement that the database had refused")
        return result

    async def _abandon(self, link: Link) -> None:
        """Leave nothing of the transaction."""
        try:
            await link.simple("rollback")
        except BaseException as error:
            self._pool.drop(link)
            if not isinstance(error, DRIVER):
                raise
        else:
            self._pool.give(link)

    async def _why(self, link: Link) -> str:
        """The reason of the read-only mode; ends the transaction."""
        try:
            reason = await link.reason()
        except DRIVER as error:
            self._pool.drop(link)
            raise translate(error) from error
        await self._abandon(link)
        return reason

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited may be gone

    # -- beside them -----------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Follow the server's clock, and close connections that nobody needs."""
        while True:
            await asyncio.sleep(_WATCH_EVERY)
            if self._options.prepared:
                self._pool.watch(self._options.statement_timeout + SLACK)
            self._pool.trim()
            if ticks() - self._server_clock.measured < _MEASURE_EVERY * 1_000_000:
                continue
            with suppress(DatabaseError):
                for _ in range(_MEASUREMENTS):  # the quickest counts: a busy loop makes some of them slow
                    before = ticks()
                    rows = await self._read(self._clock_query, {})
                    self._server_clock.note(rows[0][0], before, ticks())
