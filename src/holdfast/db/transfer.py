"""Making the tables of one database those of another, of either engine, while the first goes on being written.

Promises: the tables are walked in pages along their primary keys; each page is compared by a hash of all its values,
and brought over, whole and in one transaction, where it differs; what was brought is read back. The pages of an earlier
pass are remembered by their hashes, so that a later pass only reads the source and writes what changed meanwhile. A
pass over a source that stands still leaves equal tables. Memory is bounded by a page; kill -9 anywhere is harmless, the
next pass finds out what is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from holdfast.db.errors import DatabaseError, Unavailable

Values = tuple[Any, ...]
STAYING = frozenset({"schema_migration", "compatibility", "mode", "node", "use_process"})
"""Tables that belong to a database and not to what is kept in it."""


class Table(NamedTuple):
    """A table: its columns, the places of its primary key among them, and whether a row may be large."""

    name: str
    columns: tuple[str, ...]
    key: tuple[int, ...]
    wide: bool

    def key_of(self, row: Values) -> Values:
        """The key of a row."""
        return tuple(row[place] for place in self.key)

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The names of the key's columns, in the key's order."""
        return tuple(self.columns[place] for place in self.key)


class Bounds(NamedTuple):
    """The most rows of a page; in a wide table also the bytes after which it ends."""

    rows: int
    size: int

    def times(self, factor: int) -> Bounds:
        """Bounds that are so many times wider."""
        return Bounds(self.rows * factor, self.size * factor)


PAGE = Bounds(5000, 8 << 20)


class Page(NamedTuple):
    """Rows in the order of their keys. `more`: the bounds ended it, there may be others."""

    rows: list[Values]
    more: bool


class Tables(Protocol):
    """The tables of one database. Methods raise `holdfast.db.errors`."""

    async def describe(self) -> dict[str, Table]:
        """All tables with a primary key, by name."""
        ...

    async def page(self, table: Table, after: Values | None, upto: Values | None, bounds: Bounds) -> Page:
        """The first rows with keys above `after` and not above `upto` (None: from the first, to the last)."""
        ...

    async def replace(
        self, table: Table, after: Values | None, upto: Values | None, rows: Sequence[Values], *, empty: bool = False
    ) -> None:
        """Make `rows` all that there is with keys above `after` and not above `upto`, in one transaction. `empty`:
        nothing is there yet."""
        ...

    async def count(self, table: Table) -> int:
        """The number of rows."""
        ...

    async def identities(self) -> dict[str, int]:
        """The highest number that each table with a counter has ever given out."""
        ...

    async def set_identities(self, values: Mapping[str, int]) -> None:
        """Let the counters of these tables go on after these numbers."""
        ...

    async def claim(self) -> bool:
        """Hold the database against other movers until `unclaim` or `close`; False: somebody else holds it."""
        ...

    async def part_references(self) -> None:
        """Let the foreign keys stand aside, for tables are filled in any order."""
        ...

    async def join_references(self) -> None:
        """Put the foreign keys back: they hold for whatever is written from now on."""
        ...

    async def check_references(self) -> None:
        """Check the foreign keys over what is there. Raises `StatementFailed` when a row refers to nothing."""
        ...

    async def unclaim(self) -> None:
        """Let go of what `claim` holds."""
        ...

    async def gather_statistics(self) -> None:
        """Let the engine learn what was brought, where its plans hang on that."""
        ...

    async def close(self) -> None:
        """Let go of the database."""
        ...


class _Known(NamedTuple):
    """A page as it was seen last: its last key and its hash."""

    last: Values
    digest: bytes


class Passed(NamedTuple):
    """What a pass did: rows that were compared, rows and pages that were brought over."""

    seen: int
    brought: int
    pages: int


Report = Callable[[str, int], None]
"""Called with the table and the number of its rows that were seen since the last call."""


class Transfer:
    """Bringing tables of `source` over to `target`; both have the same schema."""

    def __init__(self, source: Tables, target: Tables, *, without: Collection[str] = (), bounds: Bounds = PAGE) -> None:
        self._source = source
        self._target = target
        self._bounds = bounds
        self._without = STAYING | frozenset(without)
        self._known: dict[str, list[_Known]] = {}
        self._counts: dict[str, int] = {}

    async def tables(self) -> list[Table]:
        """The tables that are brought over. Raises `DatabaseError` unless both databases have the same."""
        ours, theirs = await self._source.describe(), await self._target.describe()
        for name in sorted(ours.keys() | theirs.keys()):
            if name in self._without:
                continue
            one, other = ours.get(name), theirs.get(name)
            if one is None or other is None or set(one.columns) != set(other.columns):
                raise DatabaseError(f"the two databases differ in the table {name}: migrate both with this program")
            if one.key_columns != other.key_columns:
                raise DatabaseError(f"the two databases differ in the key of the table {name}")
        return [table for name, table in sorted(ours.items()) if name not in self._without]

    async def rows(self) -> int:
        """How many rows there are: as the last pass saw them, before the first one by counting."""
        if not self._counts:
            return sum([await self._source.count(table) for table in await self.tables()])
        return sum(self._counts.values())

    async def bring(self, report: Report = lambda _table, _rows: None) -> Passed:
        """One pass over all tables."""
        total = Passed(0, 0, 0)
        for table in await self.tables():
            passed = await self._table(table, lambda rows, name=table.name: report(name, rows))  # type: ignore[misc]
            total = Passed(*map(sum, zip(total, passed, strict=True)))
        return total

    async def bring_counters(self) -> None:
        """Let numbers go on where the source stands, so that none is given out twice."""
        given = await self._source.identities()
        await self._target.set_identities({name: last for name, last in given.items() if name not in self._without})

    async def check(self) -> dict[str, int]:
        """The rows of every table after the last pass. Raises `DatabaseError` where the target has another number."""
        for table in await self.tables():
            there = await self._target.count(table)
            if there != self._counts.get(table.name):
                raise DatabaseError(
                    f"the table {table.name} has {there} rows in the new database, {self._counts.get(table.name)} in "
                    "the old one"
                )
        return dict(self._counts)

    async def _table(self, table: Table, report: Callable[[int], None]) -> Passed:
        known = self._known.get(table.name, [])
        empty = not known and await self._target.count(table) == 0
        pages: list[_Known] = []
        after: Values | None = None
        seen = brought = changed = at = 0
        while True:
            bound = known[at].last if at < len(known) else None
            # A page that only grew a little stays one.
            page = await self._source.page(table, after, bound, self._bounds.times(2 if bound is not None else 1))
            last = table.key_of(page.rows[-1]) if page.more else bound
            digest = digest_of(page.rows)
            if bound is None or last != bound or digest != known[at].digest:
                rows = await self._page(table, (after, last), page.rows, digest, empty=empty)
                brought, changed = brought + rows, changed + (rows > 0)
            if page.rows or last is not None:
                pages.append(_Known(last if last is not None else table.key_of(page.rows[-1]), digest))
            seen += len(page.rows)
            report(len(page.rows))
            if last == bound:
                at += 1
            if last is None:
                break
            after = last
        self._known[table.name], self._counts[table.name] = pages, seen
        return Passed(seen, brought, changed)

    async def _page(
        self,
        table: Table,
        span: tuple[Values | None, Values | None],
        rows: list[Values],
        digest: bytes,
        *,
        empty: bool,
    ) -> int:
        """Make a page of the target equal; returns how many rows had to be written or removed, as a measure."""
        if empty and not rows:
            return 0
        if not empty and await self._digest_there(table, span) == digest:
            return 0
        await self._target.replace(table, *span, rows, empty=empty)
        if await self._digest_there(table, span) != digest:
            raise Unavailable(f"rows of the table {table.name} do not read back as they were written")
        return max(1, len(rows))

    async def _digest_there(self, table: Table, span: tuple[Values | None, Values | None]) -> bytes | None:
        """The hash of a page of the target; None when it holds far more than the source has there."""
        page = await self._target.page(table, *span, self._bounds.times(4))
        return None if page.more else digest_of(page.rows)


def digest_of(rows: list[Values]) -> bytes:
    """A hash of all values of these rows, in their order."""
    return hashlib.blake2b(msgspec.msgpack.encode(rows), digest_size=16).digest()
