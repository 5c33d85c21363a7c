"""A copy of a whole database, of one moment, as a SQLite file: while the database goes on being written.

Promises: the copy holds every unit that was committed before it began and no half of one; it is durable, and whole, or
not there. Of PostgreSQL it is a SQLite file with the same rows, so a copy can be put back into either engine. Its file
needs no log beside it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from holdfast.db.errors import DatabaseError, TooOld
from holdfast.db.migrate import migrate
from holdfast.db.port import Reader
from holdfast.db.schema import is_postgres, prepare_schema, schema_standing
from holdfast.db.session import Session, connect, system_clock, translate
from holdfast.db.transfer import Tables, Transfer
from holdfast.db.transfer_sqlite import SqliteTables

Report = Callable[[str, int], None]
"""Called with the name of a table and the number of its rows that came since the last call."""
MOVERS = frozenset({"moving", "moving_object", "moving_upload", "moving_constraint"})
"""Tables of a move to another house, which goes on where it is."""


def _silent(_table: str, _rows: int) -> None:
    return


async def copy_database(target: str, path: Path, report: Report = _silent) -> None:
    """Copy the database `target` (a path or a URL) to the new file `path`. Raises `DatabaseError`."""
    unfinished = path.with_name(path.name + ".unfinished")
    _remove(unfinished)
    if is_postgres(target):
        await _copy_postgres(target, unfinished, report)
    else:
        await asyncio.to_thread(_copy_sqlite, target, unfinished)
    await asyncio.to_thread(_seal, unfinished)
    unfinished.rename(path)
    sync(path.parent)


async def put_back(path: Path, target: str, report: Report = _silent) -> None:
    """Fill the new database `target` with the copy at `path`, and bring it to the schema of this program.

    Raises `DatabaseError`, also where the copy is of a newer program.
    """
    if not is_postgres(target):
        file = Path(target)
        unfinished = file.with_name(file.name + ".unfinished")
        _remove(unfinished)
        await asyncio.to_thread(_copy_sqlite, str(path), unfinished)
        await prepare_schema(str(unfinished))
        await asyncio.to_thread(_seal, unfinished)
        for older in file.parent.glob(f"{unfinished.name}.before-*"):  # the copy is what there was before
            older.unlink(missing_ok=True)
        unfinished.rename(file)
        sync(file.parent)
        return
    from holdfast.db.transfer_postgres import open_postgres_tables

    standing = await schema_standing(str(path))
    if standing is not None and standing.expanding:
        raise TooOld("the copy is of an older program: put it back into files first, then move it to PostgreSQL")
    await prepare_schema(target)
    source = SqliteTables(str(path))
    try:
        there = await open_postgres_tables(target)
        try:
            await there.part_references()
            await _bring(source, there, report)
            await there.join_references()
            await there.check_references()
            await there.gather_statistics()
        finally:
            await there.close()
    finally:
        await source.close()


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """The copy at `path`, for reading; nothing is written to it or beside it. Raises `DatabaseError`."""
    connection = connect(str(path), readonly=True)
    try:
        yield Session(connection, system_clock)
    finally:
        connection.close()


async def is_empty(target: str) -> bool:
    """Whether nothing is kept in the database `target`: there is no file, no schema, or no installation in it."""
    if not is_postgres(target):
        return await asyncio.to_thread(lambda: not os.path.exists(target))
    if await schema_standing(target) is None:
        return True
    from holdfast.db.transfer_postgres import open_postgres_tables

    tables = await open_postgres_tables(target)
    try:
        return await tables.count((await tables.describe())["installation"]) == 0
    finally:
        await tables.close()


async def _copy_postgres(url: str, path: Path, report: Report) -> None:
    from holdfast.db.transfer_postgres import open_postgres_tables

    standing = await schema_standing(url)
    if standing is None or standing.expanding:
        raise DatabaseError("the database lacks steps of this program: run `holdfast migrate up` first")
    await asyncio.to_thread(migrate, str(path))
    source = await open_postgres_tables(url)
    try:
        await source.freeze()
        copy = SqliteTables(str(path))
        try:
            await _bring(source, copy, report)
        finally:
            await copy.close()
    finally:
        await source.close()


async def _bring(source: Tables, target: Tables, report: Report) -> None:
    transfer = Transfer(source, target, without=MOVERS)
    await transfer.bring(report)
    await transfer.check()
    await transfer.bring_counters()


def _copy_sqlite(source: str, path: Path) -> None:
    """In one step: a copy in several would begin anew whenever somebody writes between two of them."""
    there = apsw.Connection(source, flags=apsw.SQLITE_OPEN_READONLY)
    try:
        here = apsw.Connection(str(path))
        try:
            with here.backup("main", there, "main") as copying:
                while not copying.done:
                    copying.step(-1)
        finally:
            here.close()
    except apsw.Error as error:
        raise translate(error) from error
    finally:
        there.close()


def _seal(path: Path) -> None:
    """Fold the log into the file, leave none beside it, and make the file durable."""
    try:
        connection = apsw.Connection(str(path))
        try:
            connection.execute("pragma wal_checkpoint(truncate)").fetchall()
            connection.execute("pragma journal_mode = delete").fetchall()
        finally:
            connection.close()
    except apsw.Error as error:
        raise translate(error) from error
    for beside in ("-wal", "-shm", ".lock", ".moving"):
        Path(f"{path}{beside}").unlink(missing_ok=True)
    os.chmod(path, 0o600)
    sync(path)


def _remove(path: Path) -> None:
    for beside in ("", "-wal", "-shm", "-journal", ".lock", ".moving"):
        Path(f"{path}{beside}").unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make a file, or the entries of a directory, durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
