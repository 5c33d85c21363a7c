"""Whether the database file is sound: what the engine itself can tell about its pages, indexes and references.

Promises: nothing is written. The first pass is one read of at most `patience` seconds. Where that is too short for the
file, it is examined whole when nobody serves from it, else table by table, each within the same bound, because a long
read keeps the write-ahead log of a running server from being reset (data.md, rule 11).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import apsw

from holdfast.db.session import connect, translate

PATIENCE = 4.0
_FAULTS = 100
_STEPS = 1000

_TABLES = "select name from sqlite_schema where type = 'table' and name not like 'sqlite%' order by name"
_REFERENCES = 'select "table", parent, count(*) from pragma_foreign_key_check(?) group by 1, 2'


class Integrity(NamedTuple):
    """`faults`: the file is damaged. `dangling`: rows refer to rows that are not there. `unchecked`: tables that are
    too large to examine beside a running server. All in the engine's words, at most 100 each."""

    faults: list[str]
    dangling: list[str]
    unchecked: list[str]


def examine(
    path: str, *, deep: bool, followed: Collection[str], served: Callable[[], bool], patience: float = PATIENCE
) -> Integrity:
    """Examine the file at `path`. `deep`: compare every index with its table too.

    `followed`: tables whose references the caller follows himself. `served`: asked only when the bound was too short.
    Raises `DatabaseError`; `Damaged` when the file does not read as a database at all.
    """
    connection = connect(path, readonly=True)
    try:
        return _Examination(connection, deep, followed, patience).run(served)
    except apsw.Error as error:
        raise translate(error) from error
    finally:
        connection.close()


class _Examination:
    def __init__(self, connection: apsw.Connection, deep: bool, followed: Collection[str], patience: float) -> None:
        self._connection = connection
        self._pragma = "integrity_check" if deep else "quick_check"
        self._followed = followed
        self._patience: float | None = patience
        self._found = Integrity([], [], [])

    def run(self, served: Callable[[], bool]) -> Integrity:
        try:
            self._pages(None)
        except apsw.InterruptError:
            self._found.faults.clear()
            if served():
                self._each(self._tables(), self._pages)
            else:
                self._patience = None
                self._pages(None)
        if not self._found.faults:
            self._each([name for name in self._tables() if name not in self._followed], self._references)
        return self._found

    def _tables(self) -> list[str]:
        return [name for (name,) in self._connection.execute(_TABLES)]

    def _each(self, tables: list[str], work: Callable[[str], None]) -> None:
        for table in tables:
            try:
                work(table)
            except apsw.InterruptError:
                self._found.unchecked.append(table)

    def _pages(self, table: str | None) -> None:
        call, values = (f"pragma_{self._pragma}(?)", (table,)) if table else (f"pragma_{self._pragma}", ())
        with self._bounded():
            for (text,) in self._connection.execute(f"select * from {call} limit {_FAULTS}", values):  # noqa: S608
                if text != "ok" and len(self._found.faults) < _FAULTS:
                    self._found.faults.append(text)

    def _references(self, table: str) -> None:
        with self._bounded():
            for child, parent, count in self._connection.execute(_REFERENCES, (table,)):
                self._found.dangling.append(f"{count} rows of {child} refer to rows of {parent} that are not there")

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """Raise apsw.InterruptError in the block when it takes too long."""
        if self._patience is None:
            yield
            return
        end = time.monotonic() + self._patience
        self._connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
        try:
            yield
        finally:
            self._connection.set_progress_handler(None)
