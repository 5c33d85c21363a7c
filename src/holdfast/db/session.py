"""One SQLite connection by apsw: its pragmas, its errors by meaning, its statements as coroutines that never wait.

WAL with `synchronous=FULL`: a commit survives a power cut (WAL with NORMAL loses acknowledged commits on each).
"""

from __future__ import annotations

import ctypes
import json
import os
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import apsw

from holdfast.db.bells import check_channel
from holdfast.db.dialect import Prepared, row_maker
from holdfast.db.errors import Damaged, DatabaseError, Full, StatementFailed, Unavailable
from holdfast.db.query import Command, Query

Row = TypeVar("Row")
T = TypeVar("T")

_OUR_MISTAKES = (
    apsw.SQLError,
    apsw.ConstraintError,
    apsw.MismatchError,
    apsw.MisuseError,
    apsw.BindingsError,
    apsw.IncompleteExecutionError,
)
_FSYNC_FAILED = frozenset({apsw.SQLITE_IOERR_FSYNC, apsw.SQLITE_IOERR_DIR_FSYNC})
READ_PATIENCE, WRITE_PATIENCE = 1000, 10_000
"""Milliseconds to wait for another process's lock; readers wait in the loop."""
_READ_PRAGMAS = ("query_only = on", "cache_size = -16384", "temp_store = memory")
_WRITE_PRAGMAS = (
    "foreign_keys = on",
    "synchronous = full",
    "journal_size_limit = 67108864",
    "cache_size = -16384",
    "temp_store = memory",
)


def system_clock() -> int:
    """Microseconds since the epoch by the host's clock, which is the engine's clock of an embedded database."""
    return time.time_ns() // 1000


def translate(error: apsw.Error) -> DatabaseError | StatementFailed:
    """The driver's error by meaning: always another exception, so that a chain of causes ends."""
    if isinstance(error, apsw.FullError):
        return Full("the disk of the database is full")
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return Damaged("the database file is damaged")
    if isinstance(error, _OUR_MISTAKES):
        return StatementFailed("the database refused a statement of the registry")
    return Unavailable("the database does not answer")


def connect(path: str, *, vfs: str | None = None, readonly: bool = False) -> apsw.Connection:
    """A connection with the pragmas of its use. Raises `DatabaseError`."""
    try:
        if not readonly and vfs is None:
            # SQLite gives its companions the mode of the file; a copy of it must not be readable by others either.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        flags = apsw.SQLITE_OPEN_READWRITE | (0 if readonly else apsw.SQLITE_OPEN_CREATE)
        connection = apsw.Connection(path, flags=flags, vfs=vfs, statementcachesize=256)
        # Plans must not depend on bound values: otherwise SQLite prepares a statement anew at every execution when
        # one of its tables has a partial index, which costs several times the query itself.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        # Before anything that reads the file: whoever opens it first after a crash recovers it while the others wait.
        connection.set_busy_timeout(READ_PATIENCE if readonly else WRITE_PATIENCE)
        # Else the last one to close removes files that a start on a full disk has no room for.
        persist = ctypes.c_int(1)
        connection.file_control("main", apsw.SQLITE_FCNTL_PERSIST_WAL, ctypes.addressof(persist))
        cursor = connection.cursor()
        if not readonly:
            if cursor.execute("pragma page_count").fetchall() == [(0,)]:
                # Only an empty file takes it; to a filled one this would write, which a full disk refuses.
                cursor.execute("pragma auto_vacuum = incremental")
            cursor.execute("pragma journal_mode = wal")
        for pragma in _READ_PRAGMAS if readonly else _WRITE_PRAGMAS:
            cursor.execute("pragma " + pragma)
    except apsw.Error as error:
        raise translate(error) from error
    return connection


class Session:
    """Statements over one connection; the plain calls that reads and units are made of."""

    __slots__ = ("_clock", "_cursor", "_prepared", "connection", "notified", "now")

    def __init__(self, connection: apsw.Connection, clock: Callable[[], int]) -> None:
        self.connection = connection
        self.now = 0
        self.notified: list[str] = []
        self._clock = clock
        self._cursor = connection.cursor()
        self._prepared: dict[object, Prepared] = {}

    def _prepare(self, statement: Query[Any] | Command) -> Prepared:
        prepared = Prepared(statement.text, row_maker(statement.row) if isinstance(statement, Query) else None)
        self._prepared[statement] = prepared
        return prepared

    def _execute(self, statement: Query[Any] | Command, parameters: dict[str, Any]) -> tuple[Prepared, apsw.Cursor]:
        prepared = self._prepared.get(statement) or self._prepare(statement)
        for name in prepared.lists:
            parameters[name] = json.dumps(list(parameters[name]))
        if prepared.needs_now and "now" not in parameters:
            parameters["now"] = self.now or self._clock()
        return prepared, self._cursor.execute(prepared.text, parameters)

    async def one(self, query: Query[Row], **parameters: Any) -> Row | None:
        """The first row, read to the end so that no snapshot stays pinned."""
        try:
            prepared, cursor = self._execute(query, parameters)
            rows = cursor.fetchall()
        except apsw.Error as error:
            raise translate(error) from error
        return prepared.make(rows[0]) if rows and prepared.make else None

    async def all(self, query: Query[Row], **parameters: Any) -> list[Row]:
        """Every row."""
        try:
            prepared, cursor = self._execute(query, parameters)
            rows = cursor.fetchall()
        except apsw.Error as error:
            raise translate(error) from error
        return list(map(prepared.make, rows)) if prepared.make else []

    async def run(self, command: Command, **parameters: Any) -> int:
        """Execute and count the changed rows."""
        try:
            _, cursor = self._execute(command, parameters)
            cursor.fetchall()
        except apsw.Error as error:
            raise translate(error) from error
        return self.connection.changes()

    async def notify(self, channel: str) -> None:
        """Wake who waits for `channel` in this process, once the unit is committed."""
        self.notified.append(check_channel(channel))


def fsync_failed(error: BaseException | None) -> bool:
    """Whether an fsync failed somewhere below `error`: what was written since the last one is of unknown fate."""
    while error is not None:
        if isinstance(error, apsw.IOError) and getattr(error, "extendedresult", 0) in _FSYNC_FAILED:
            return True
        error = error.__cause__
    return False


def drive(work: Awaitable[T]) -> T:
    """Run a coroutine that never really waits, to its end, in the calling thread."""
    assert isinstance(work, Coroutine)
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    work.close()
    raise RuntimeError("a unit may await nothing but its own statements")
