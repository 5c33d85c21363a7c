"""SQLite behind the port: reads in the loop thread, writes through one group-committing thread per process.

Promises: every read outside a unit is one statement in its own snapshot; several processes of one host may share the
file, in turn, by a lock beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import apsw

from holdfast.db import meters as families
from holdfast.db.bells import Bells
from holdfast.db.errors import Unavailable
from holdfast.db.group import GroupWriter
from holdfast.db.port import Reader, Unit
from holdfast.db.query import Query
from holdfast.db.session import Session, connect, drive, system_clock, translate
from holdfast.telemetry.meters import Meters

Row = TypeVar("Row")
T = TypeVar("T")


class SqliteDatabase:
    """`Database` over one SQLite file. Made by `open_sqlite`; belongs to the loop that first writes."""

    def __init__(
        self,
        path: str,
        *,
        clock: Callable[[], int] = system_clock,
        vfs: str | None = None,
        meters: Meters | None = None,
    ) -> None:
        meters = meters or Meters()
        self._clock = clock
        writer = connect(path, vfs=vfs)
        self._writer = writer
        self._reader = Session(connect(path, vfs=vfs, readonly=True), clock)
        self._bells = Bells()
        self._group = GroupWriter(Session(writer, clock), path + ".lock", clock, self._bells, meters)
        waiting = meters.tally(families.UNITS_WAITING)
        meters.watch(lambda: waiting.set(self._group.waiting))

    def now(self) -> int:
        """The host's clock, in microseconds."""
        return self._clock()

    async def one(self, query: Query[Row], **parameters: Any) -> Row | None:
        """The first row of one autocommit read."""
        return await self._reader.one(query, **parameters)

    async def all(self, query: Query[Row], **parameters: Any) -> list[Row]:
        """All rows of one autocommit read."""
        return await self._reader.all(query, **parameters)

    async def snapshot(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        """Several reads in one snapshot; they run without giving the loop away, so keep them few."""
        cursor = self._reader.connection.cursor()
        try:
            cursor.execute("begin")
        except apsw.Error as error:
            raise translate(error) from error
        try:
            return drive(work(self._reader))
        finally:
            cursor.execute("commit")

    async def write(self, work: Callable[[Unit], Awaitable[T]], *, always: bool = False) -> T:
        """Queue `work` for the next group and wait until it is durable."""
        return await self._group.submit(work, always)

    async def wait(self, channel: str, seconds: float) -> None:
        """Return when `channel` was notified in this process since the last wait for it, or after `seconds`."""
        await self._bells.wait(channel, seconds)

    async def outlast(self, patience: float) -> None:
        """Return when every earlier unit has ended: each had the only writer's lock, which this waits for."""
        try:
            async with asyncio.timeout(patience):
                await self._group.submit(_nothing, always=True)
        except TimeoutError as error:
            raise Unavailable("a unit that began before did not end") from error

    def others(self) -> int:
        """How many groups of units had company: of other units, or of another process that wrote before them."""
        return self._group.others

    async def shrink(self, pages: int) -> int:
        """Give at most so many free pages back, in a unit of its own; then, when none is left, empty the log."""

        async def give_back(_unit: Unit) -> int:
            cursor = self._writer.cursor()
            cursor.execute(f"pragma incremental_vacuum({pages:d})").fetchall()
            return int(str(cursor.execute("pragma freelist_count").fetchall()[0][0]))

        left = await self._group.submit(give_back, always=True)
        if not left:
            self._group.empty_log()
            await self._group.submit(_nothing, always=True)
        return left

    async def close(self) -> None:
        """Finish queued units, then close both connections."""
        await self._group.close()
        self._reader.connection.close()


async def _nothing(_unit: Unit) -> None:
    """A unit that only waits for its turn."""


def describe(path: str) -> dict[str, object]:
    """What the engine says of itself and of the file at `path`: version and the pragmas that durability hangs on."""
    connection = connect(path)
    try:
        cursor = connection.cursor()

        def pragma(name: str) -> object:
            return next(iter(cursor.execute("pragma " + name)))[0]

        return {
            "sqlite": apsw.sqlite_lib_version(),
            "journal_mode": pragma("journal_mode"),
            "synchronous": pragma("synchronous"),
            "auto_vacuum": pragma("auto_vacuum"),
            "foreign_keys": pragma("foreign_keys"),
            "page_size": pragma("page_size"),
        }
    finally:
        connection.close()
