"""The runner of migrations: numbered plain SQL files, forward only, checksums recorded, one transaction each.

Promises: kill -9 inside is harmless (a migration is committed whole or not at all); one migrator at a time; a program
refuses a schema that a newer one laid, and a file that differs from the one that was applied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import NamedTuple

import apsw

from holdfast.db.errors import DatabaseError, TooNew
from holdfast.db.session import connect, system_clock, translate

_TABLE = """
create table if not exists schema_migration (
  number integer primary key, name text not null, checksum text not null, applied_at integer not null
) strict
"""


class Migration(NamedTuple):
    """One file: its number, its name, its SQL."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the SQL, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations(engine: str = "sqlite") -> list[Migration]:
    """The migrations of this program for `engine`, in order."""
    found = []
    for entry in resources.files("holdfast.db").joinpath("migrations").iterdir():
        stem, _, kind = entry.name.removesuffix(".sql").partition(".")
        if entry.name.endswith(".sql") and kind in ("", engine):
            number, _, name = stem.partition("_")
            found.append(Migration(int(number), name, entry.read_text()))
    return sorted(found)


def migrate(path: str, known: Sequence[Migration] | None = None) -> list[str]:
    """Bring the database file at `path` to this program's schema; returns the names of what was applied.

    `known`: what to apply instead of the program's own migrations, in order. Raises `TooNew` when a newer program laid
    it, `DatabaseError` when it does not answer.
    """
    known = migrations() if known is None else known
    connection = connect(path)
    try:
        cursor = connection.cursor()
        cursor.execute("begin immediate")
        cursor.execute(_TABLE)
        applied = {row[0]: row[2] for row in cursor.execute("select number, name, checksum from schema_migration")}
        cursor.execute("commit")
        _check(applied, known)
        done = []
        for step in known:
            if step.number not in applied and _apply(connection, step):
                done.append(step.name)
        return done
    except apsw.Error as error:
        raise translate(error) from error
    finally:
        connection.close()


def _check(applied: dict[int, str], known: Sequence[Migration]) -> None:
    newest = max((step.number for step in known), default=0)
    if applied and max(applied) > newest:
        raise TooNew(
            f"the database was laid by a newer Holdfast (schema {max(applied)}, this program knows {newest}): "
            "start that version, or restore the backup made before the upgrade"
        )
    for step in known:
        if applied.get(step.number, step.checksum) != step.checksum:
            raise DatabaseError(f"migration {step.number} ({step.name}) differs from the one that laid this database")


def _apply(connection: apsw.Connection, step: Migration) -> bool:
    cursor = connection.cursor()
    cursor.execute("begin immediate")
    try:
        if list(cursor.execute("select 1 from schema_migration where number = ?", (step.number,))):
            cursor.execute("rollback")  # another process was first
            return False
        cursor.execute(step.sql)
        cursor.execute(
            "insert into schema_migration values (?, ?, ?, ?)", (step.number, step.name, step.checksum, system_clock())
        )
        cursor.execute("commit")
    except BaseException:
        if connection.in_transaction:
            cursor.execute("rollback")
        raise
    return True
