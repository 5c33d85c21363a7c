"""The runner of migrations over a SQLite file: checksums recorded, one transaction each.

Promises: kill -9 inside is harmless (a migration is committed whole or not at all); one migrator at a time; a program
refuses a schema that it may not use any more, and a file that differs from the one that was applied; before a step
changes a database that has content, the file is copied by the engine's own means, and the last copy is kept.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from holdfast.db.session import connect, system_clock, translate
from holdfast.db.steps import ALIVE_SECONDS, OLDEST, Migration, Standing, judge, migrations, refuse_older

__all__ = ["Migration", "migrate", "migrations", "sqlite_standing"]

_TABLE = """
create table if not exists schema_migration (
  number integer primary key, name text not null, checksum text not null, applied_at integer not null
) strict
"""
_TABLES = "select name from sqlite_schema where type = 'table'"
_APPLIED = "select number, checksum from schema_migration"
_NOTE = "insert into schema_migration values (?, ?, ?, ?)"
_ALIVE = "select schema from node where seen > ?"
_RAISE = "update compatibility set oldest = ?1 where id = 1 and oldest < ?1"


def migrate(path: str, known: Sequence[Migration] | None = None, *, contract: bool = True) -> list[str]:
    """Bring the database file at `path` to this program's schema; returns the names of what was applied.

    `known`: what to apply instead of the program's own migrations, in order; `contract`: the contracting ones too.
    Raises `TooNew` when this program may not use it any more, `DatabaseError` when it does not answer.
    """
    known = migrations() if known is None else known
    connection = connect(path)
    try:
        connection.execute("begin immediate")
        connection.execute(_TABLE)
        connection.execute("commit")
        standing = _look(connection, known)
        steps = [step for step in known if step in standing.pending and (contract or not step.contracts)]
        if steps and standing.newest:
            _copy(connection, path, steps[0].number)
        return [step.name for step in steps if _apply(connection, step)]
    except apsw.Error as error:
        raise translate(error) from error
    finally:
        connection.close()


def sqlite_standing(path: str, known: Sequence[Migration] | None = None) -> Standing | None:
    """Where the database file stands; None when there is none, or one that holds no registry. Raises like `migrate`."""
    if not os.path.exists(path):
        return None
    connection = connect(path, readonly=True)
    try:
        if "schema_migration" not in _tables(connection):
            return None
        return _look(connection, migrations() if known is None else known)
    except apsw.Error as error:
        raise translate(error) from error
    finally:
        connection.close()


def _tables(connection: apsw.Connection) -> set[str]:
    return {row[0] for row in connection.execute(_TABLES)}


def _look(connection: apsw.Connection, known: Sequence[Migration]) -> Standing:
    rows: list[Any] = connection.execute(_APPLIED).fetchall()
    oldest: Any = connection.execute(OLDEST).fetchall()[0][0] if "compatibility" in _tables(connection) else 1
    return judge(dict(rows), oldest, known)


def _copy(connection: apsw.Connection, path: str, number: int) -> None:
    """Copy the database beside itself, as it is before migration `number`; the copy before this one goes."""
    copy = Path(f"{path}.before-{number:04}")
    if copy.exists():
        return  # another process makes it, or made it before it was killed in the migration
    part = Path(f"{copy}.part-{os.getpid()}")
    os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_TRUNC, 0o600))
    target = apsw.Connection(str(part))
    try:
        with target.backup("main", connection, "main") as backup:
            backup.step()
        target.execute("pragma journal_mode = delete")
    finally:
        target.close()
    _sync(part)
    part.replace(copy)
    _sync(copy.parent)
    for older in copy.parent.glob(f"{Path(path).name}.before-*"):
        if older != copy and ".part-" not in older.name:
            older.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _apply(connection: apsw.Connection, step: Migration) -> bool:
    cursor = connection.cursor()
    cursor.execute("begin immediate")
    try:
        if list(cursor.execute("select 1 from schema_migration where number = ?", (step.number,))):
            cursor.execute("rollback")  # another process was first
            return False
        if step.contracts:
            alive: list[Any] = cursor.execute(_ALIVE, (system_clock() - ALIVE_SECONDS * 1_000_000,)).fetchall()
            refuse_older(step, [row[0] for row in alive])
        cursor.execute(step.sql)
        if step.contracts:
            cursor.execute(_RAISE, (step.oldest,))
        cursor.execute(_NOTE, (step.number, step.name, step.checksum, system_clock()))
        cursor.execute("commit")
    except BaseException:
        if connection.in_transaction:
            cursor.execute("rollback")
        raise
    return True
