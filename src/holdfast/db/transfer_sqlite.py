"""The tables of a SQLite file, for the transfer. See transfer.Tables.

A page is one statement, so that the log of a server beside it is never held back for long. Foreign keys are not looked
at by this connection; the pages of a source where they hold are compared whole instead.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import apsw

from holdfast.db.errors import StatementFailed
from holdfast.db.session import connect, translate
from holdfast.db.transfer import Bounds, Page, Table, Values

_TABLES = "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' order by name"
_COLUMNS = "select name, type, pk from pragma_table_info(?) order by cid"
_COUNTERS = "select name, seq from sqlite_sequence"
_DANGLING = 'select "table", parent, count(*) from pragma_foreign_key_check group by 1, 2'


class SqliteTables:
    """The file at `path`, whose schema was laid."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection = connect(path)
        self._lock: int | None = None
        self._connection.execute("pragma foreign_keys = off")

    async def describe(self) -> dict[str, Table]:
        """All tables. See transfer.Tables."""
        with _translated():
            return {str(name): self._table(str(name)) for (name,) in self._connection.execute(_TABLES).fetchall()}

    def _table(self, name: str) -> Table:
        rows = self._connection.execute(_COLUMNS, (name,)).fetchall()
        places = sorted((int(pk), place) for place, (_, _, pk) in enumerate(rows) if pk)
        wide = any(str(kind).lower() == "blob" for _, kind, _ in rows)
        return Table(name, tuple(str(row[0]) for row in rows), tuple(place for _, place in places), wide)

    async def page(self, table: Table, after: Values | None, upto: Values | None, bounds: Bounds) -> Page:
        """A page. See transfer.Tables."""
        key = ", ".join(table.key_columns)
        where, values = _span(table, after, upto)
        text = f'select {", ".join(table.columns)} from "{table.name}"{where} order by {key} limit ?'  # noqa: S608
        with _translated():
            cursor = self._connection.execute(text, (*values, bounds.rows))
            if not table.wide:
                rows = cursor.fetchall()
                return Page(rows, len(rows) == bounds.rows)
            rows, size = [], 0
            for row in cursor:
                rows.append(row)
                size += sum(len(cell) for cell in row if isinstance(cell, bytes))
                if size >= bounds.size:
                    cursor.close()
                    return Page(rows, more=True)
            return Page(rows, len(rows) == bounds.rows)

    async def replace(
        self, table: Table, after: Values | None, upto: Values | None, rows: Sequence[Values], *, empty: bool = False
    ) -> None:
        """Rewrite a page. See transfer.Tables."""
        where, values = _span(table, after, upto)
        places = ", ".join("?" * len(table.columns))
        with _translated(), self._without_triggers(), self._transaction() as cursor:
            if not empty:
                cursor.execute(f'delete from "{table.name}"{where}', values)  # noqa: S608
            names = ", ".join(table.columns)
            cursor.executemany(f'insert into "{table.name}" ({names}) values ({places})', rows)  # noqa: S608

    @contextmanager
    def _without_triggers(self) -> Iterator[None]:
        """Rows as they are: what triggers keep is brought over like anything else."""
        self._connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        try:
            yield
        finally:
            self._connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 1)

    async def count(self, table: Table) -> int:
        """How many rows. See transfer.Tables."""
        with _translated():
            ((count,),) = self._connection.execute(f'select count(*) from "{table.name}"')  # noqa: S608
            return int(count)

    async def identities(self) -> dict[str, int]:
        """What AUTOINCREMENT has given out. See transfer.Tables."""
        with _translated():
            return {str(name): int(last) for name, last in self._connection.execute(_COUNTERS)}

    async def set_identities(self, values: Mapping[str, int]) -> None:
        """Set what AUTOINCREMENT goes on from. See transfer.Tables."""
        with _translated(), self._transaction() as cursor:
            for name, last in values.items():
                cursor.execute("delete from sqlite_sequence where name = ?", (name,))
                cursor.execute("insert into sqlite_sequence (name, seq) values (?, ?)", (name, last))

    async def claim(self) -> bool:
        """Lock a file beside the database. See transfer.Tables."""
        self._lock = os.open(self._path + ".moving", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    async def unclaim(self) -> None:
        """Unlock. See transfer.Tables."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def part_references(self) -> None:
        """Nothing: this connection does not look at them. See transfer.Tables."""

    async def join_references(self) -> None:
        """Nothing: they never went. See transfer.Tables."""

    async def check_references(self) -> None:
        """Ask the engine. See transfer.Tables."""
        with _translated():
            for child, parent, count in self._connection.execute(_DANGLING):
                raise StatementFailed(f"{count} rows of {child} refer to rows of {parent} that are not there")

    async def gather_statistics(self) -> None:
        """Nothing: plans are the same for every size. See transfer.Tables."""

    async def close(self) -> None:
        """Close. See transfer.Tables."""
        self._connection.close()
        await self.unclaim()

    @contextmanager
    def _transaction(self) -> Iterator[apsw.Cursor]:
        cursor = self._connection.cursor()
        cursor.execute("begin immediate")
        try:
            yield cursor
        except BaseException:
            if self._connection.in_transaction:
                cursor.execute("rollback")
            raise
        cursor.execute("commit")


def _span(table: Table, after: Values | None, upto: Values | None) -> tuple[str, Values]:
    """What confines a statement to a span of keys, and the values for it."""
    key = ", ".join(table.key_columns)
    places = ", ".join("?" * len(table.key))
    parts = []
    if after is not None:
        parts.append(f"({key}) > ({places})")
    if upto is not None:
        parts.append(f"({key}) <= ({places})")
    return " where " + " and ".join(parts) if parts else "", (*(after or ()), *(upto or ()))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise translate(error) from error
