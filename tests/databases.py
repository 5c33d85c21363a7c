"""The database under a test of the core: a SQLite file, or PostgreSQL where `HOLDFAST_TEST_PAIR` names a cluster.

`Tables` reads (and damages) the rows beside the registry, through a connection of its own, in SQLite's dialect.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import apsw
import asyncpg
from tests import backends
from tests.pairs import chosen

from holdfast.db.migrate import migrate
from holdfast.db.port import Database
from holdfast.db.postgres import PostgresDatabase
from holdfast.db.schema import is_postgres
from holdfast.db.session import system_clock
from holdfast.db.sqlite import SqliteDatabase

_BYTES = re.compile(r"\bx'([0-9a-f]*)'")
_BUSY_PATIENCE = 10_000


@cache
def _laid(_path: str) -> str:
    return backends.laid_database_url()


def lay_database(path: str) -> str:
    """Lay the database that belongs to `path`; returns where it is: `path`, or a URL, the same for the same path."""
    if chosen().distant:
        return _laid(path)
    return lay_file(path)


def lay_file(path: str) -> str:
    """Lay a SQLite database at `path`, which is returned: what migrating makes of no file, copied; else migrated."""
    if os.path.exists(path):
        migrate(path)
        return path
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(_migrated())
    return path


@cache
def _migrated() -> bytes:
    """A database file as the program's migrations leave it, made once in a process: they cost more than most tests."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "holdfast.db"
        migrate(str(file))
        connection = apsw.Connection(str(file))
        connection.execute("pragma wal_checkpoint(truncate)").fetchall()
        connection.close()
        return file.read_bytes()


def database_at(target: str, clock: Callable[[], int] | None = None) -> Database:
    """The database at `target`. Without a `clock` of the test, use `open_at`: PostgreSQL is asked for the time."""
    if is_postgres(target):
        return PostgresDatabase(target, clock=clock)
    return SqliteDatabase(target, clock=clock or system_clock)


async def open_at(target: str, clock: Callable[[], int] | None = None) -> Database:
    """The database at `target`, which has told its time."""
    db = database_at(target, clock)
    if isinstance(db, PostgresDatabase):
        await db.open()
    return db


class Tables:
    """A connection beside the registry's own."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._sqlite: apsw.Connection | None = None
        self._postgres: asyncpg.Connection | None = None

    def sql(self, statement: str, *values: object) -> list[Any]:
        """Run a statement; rows of one column come as their values."""
        rows = self._on_postgres(statement, values) if is_postgres(self._target) else self._on_sqlite(statement, values)
        return [row[0] if len(row) == 1 else row for row in rows]

    def close(self) -> None:
        """End the connection."""
        if self._sqlite is not None:
            self._sqlite.close()
        if self._postgres is not None:
            backends.asyncio_run(self._postgres.close)

    def _on_sqlite(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        if self._sqlite is None:
            self._sqlite = apsw.Connection(self._target)
            self._sqlite.set_busy_timeout(_BUSY_PATIENCE)
        return list(self._sqlite.execute(statement, values))

    def _on_postgres(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        async def work() -> list[tuple[Any, ...]]:
            if self._postgres is None:
                self._postgres = await asyncpg.connect(self._target)
            return [tuple(row) for row in await self._postgres.fetch(_postgres_dialect(statement), *values)]

        return backends.asyncio_run(work)


def _postgres_dialect(statement: str) -> str:
    text = _BYTES.sub(r"'\\x\1'::bytea", statement)
    first, *rest = text.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))
