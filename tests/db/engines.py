"""The engines that the database contract is held against, and the statements that its tests use.

An engine is a place: databases opened from it are the same database. The statements run over tables of the real
schema, in the SQL that the engines share.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import asyncpg
from tests import backends
from tests.databases import lay_file

from holdfast.db.port import Database, Unit
from holdfast.db.postgres import PostgresDatabase
from holdfast.db.postgres_link import PostgresOptions
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


class Pause:
    """A place inside a unit where it stands still until it is released."""

    async def here(self, unit: Unit) -> None:
        """What the unit awaits."""
        raise NotImplementedError

    async def reached(self) -> None:
        """Return when the unit stands there."""
        raise NotImplementedError

    def release(self) -> None:
        """Let it go on."""
        raise NotImplementedError


class Engine(Protocol):
    """A place where databases are opened. `serial`: units of one place run one after the other."""

    serial: bool

    def open(self, clock: Clock | None = None) -> Database:
        """Open the database of this place once more; `clock` replaces the engine's own."""
        ...

    def held(self, db: Database) -> Any:
        """An asynchronous context in which units of `db` that write settings wait until it ends."""
        ...

    def pause(self) -> Any:
        """An asynchronous context that gives a `Pause`."""
        ...


class _ThreadPause(Pause):
    """SQLite runs units in a thread of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._inside = asyncio.Event()
        self._gate = threading.Event()

    async def here(self, unit: Unit) -> None:
        self._loop.call_soon_threadsafe(self._inside.set)
        assert self._gate.wait(PATIENCE)

    async def reached(self) -> None:
        await self._inside.wait()

    def release(self) -> None:
        self._gate.set()


class Sqlite:
    """A SQLite file that holds the schema."""

    serial = True

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        lay_file(self.path)

    def open(self, clock: Clock | None = None) -> SqliteDatabase:
        """Open the file once more, as another process would."""
        return SqliteDatabase(self.path, clock=clock or system_clock)

    def held(self, db: Database) -> Held:
        """The writer is inside a unit meanwhile."""
        return Held(db)

    @asynccontextmanager
    async def pause(self) -> AsyncIterator[Pause]:
        yield _ThreadPause()


class Nothing(NamedTuple):
    nothing: None


LOCKED = Query("select pg_advisory_xact_lock(:key) as nothing", Nothing)


class _LockPause(Pause):
    """On PostgreSQL a unit waits for a lock that somebody else holds."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._inside = asyncio.Event()
        self._connection = connection

    async def here(self, unit: Unit) -> None:
        self._inside.set()
        await unit.one(LOCKED, key=1)

    async def reached(self) -> None:
        await self._inside.wait()

    def release(self) -> None:
        self._connection.terminate()


class Postgres:
    """A database of PostgreSQL that holds the schema."""

    serial = False
    options = PostgresOptions()

    def __init__(self) -> None:
        self.direct = self.url = backends.laid_database_url()

    def open(self, clock: Clock | None = None) -> PostgresDatabase:
        """Open the database once more, as another node would."""
        return PostgresDatabase(self.url, self.options, clock=clock)

    @asynccontextmanager
    async def held(self, _db: Database) -> AsyncIterator[None]:
        """Nobody may write settings meanwhile."""
        connection = await asyncpg.connect(self.direct)
        try:
            async with connection.transaction():
                await connection.execute("lock table setting in exclusive mode")
                yield
        finally:
            await connection.close()

    @asynccontextmanager
    async def pause(self) -> AsyncIterator[Pause]:
        connection = await asyncpg.connect(self.direct)
        try:
            await connection.execute("select pg_advisory_lock(1)")
            yield _LockPause(connection)
        finally:
            connection.terminate()


class Bounced(Postgres):
    """The same through PgBouncer in transaction mode, by fewer connections than the process has."""

    options = PostgresOptions(prepared=False)

    def __init__(self) -> None:
        super().__init__()
        self.url = backends.pgbouncer().url(self.direct)


ENGINES = ("sqlite", "postgresql", "pgbouncer")


def make_engine(name: str, root: Path) -> Engine:
    """The engine called `name`; a file of it goes into `root`."""
    if name == "sqlite":
        return Sqlite(root / "holdfast.db")
    return Postgres() if name == "postgresql" else Bounced()


def run(engine: Engine, scenario: Callable[[Database], Awaitable[T]], clock: Clock | None = None) -> T:
    """Run `scenario` on a database of `engine`, closed afterwards."""

    async def main() -> T:
        db = await opened(engine, clock)
        try:
            return await scenario(db)
        finally:
            await db.close()

    return asyncio.run(main())


async def opened(engine: Engine, clock: Clock | None = None) -> Database:
    """A database of `engine` that knows its time."""
    db = engine.open(clock)
    if isinstance(db, PostgresDatabase):
        await db.open()
    return db


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


async def together(engine: Engine, db: Database, works: Sequence[Work]) -> list[Any]:
    """Let the units meet, in one group where there are groups; gives what each returned or raised."""
    async with engine.held(db):
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
