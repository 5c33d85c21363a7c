"""The engines that the database contract is held against, and the statements that its tests use.

An engine is a place: databases opened from it are the same database. The statements run over tables of the real
schema, in the SQL that the engines share.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from holdfast.db.migrate import migrate
from holdfast.db.port import Database, Unit
from holdfast.db.query import Command, Query
from holdfast.db.session import system_clock
from holdfast.db.sqlite import SqliteDatabase

T = TypeVar("T")
Clock = Callable[[], int]
Work = Callable[[Unit], Awaitable[Any]]
PATIENCE = 30.0
"""Seconds after which a test that waits for another thread or process has failed."""


class Value(NamedTuple):
    value: str


class Setting(NamedTuple):
    path: str
    name: str
    value: str


PUT = Command(
    """
    insert into setting (path, name, value) values (:path, :name, :value)
    on conflict (path, name) do update set value = excluded.value
    """
)
ADD = Command("insert into setting (path, name, value) values (:path, :name, :value)")
GET = Query("select value from setting where path = :path and name = :name", Value)
ALL = Query("select path, name, value from setting order by path, name", Setting)


class Engine(Protocol):
    """A place where databases are opened."""

    def open(self, clock: Clock = system_clock) -> Database:
        """Open the database of this place once more."""
        ...


class Sqlite:
    """A SQLite file that holds the schema."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        migrate(self.path)

    def open(self, clock: Clock = system_clock) -> SqliteDatabase:
        """Open the file once more, as another process would."""
        return SqliteDatabase(self.path, clock=clock)


def run(engine: Engine, scenario: Callable[[Database], Awaitable[T]], clock: Clock = system_clock) -> T:
    """Run `scenario` on a database of `engine`, closed afterwards."""

    async def main() -> T:
        db = engine.open(clock)
        try:
            return await scenario(db)
        finally:
            await db.close()

    return asyncio.run(main())


class Held:
    """While the block runs, the database's writer is inside a unit: what is written meanwhile queues up behind it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._inside = asyncio.Event()
        self._gate = threading.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        loop = asyncio.get_running_loop()

        async def wait(_unit: Unit) -> None:
            loop.call_soon_threadsafe(self._inside.set)
            assert self._gate.wait(PATIENCE)

        self._task = asyncio.create_task(self._db.write(wait))
        await self._inside.wait()

    async def __aexit__(self, *error: object) -> None:
        self._gate.set()
        assert self._task is not None
        await self._task


async def together(db: Database, works: Sequence[Work]) -> list[Any]:
    """Let the units meet in one group; gives what each returned or raised."""
    async with Held(db):
        tasks = [asyncio.create_task(db.write(work)) for work in works]
        await asyncio.sleep(0)  # every task has queued its unit
    return await asyncio.gather(*tasks, return_exceptions=True)


def put(name: str, value: str = "x") -> Work:
    """A unit that stores one setting and returns its name."""

    async def work(unit: Unit) -> str:
        await unit.run(PUT, path="", name=name, value=value)
        return name

    return work


async def names(db: Database) -> list[str]:
    """The names that are stored."""
    return [row.name for row in await db.all(ALL)]
