"""The tables of a PostgreSQL database, for the transfer. See transfer.Tables.

Rows go in by COPY. Each call is a transaction of its own; only the claim is a transaction that stays open, because no
lock of a session survives PgBouncer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg

from holdfast.db.postgres_errors import DRIVER, translate
from holdfast.db.postgres_link import CHECKS, PostgresOptions, check_server, open_connection
from holdfast.db.transfer import Bounds, Page, Table, Values

LOCK = 0x486F6C644D6F7665
"""The key of the claim."""
_STATEMENT = 3600.0
_AT_ONCE = 32
_BY_INDEX = "set local enable_seqscan = off"
"""What a page is found by. A table that was filled a moment ago has no statistics: it would be read whole for each."""
_COLUMNS = """
select c.relname, a.attname, format_type(a.atttypid, a.atttypmod) = 'bytea', array_position(i.indkey::int2[], a.attnum)
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_index i on i.indrelid = c.oid and i.indisprimary
where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'
order by c.relname, a.attnum
"""
_COUNTERS = """
select c.relname, a.attname, pg_get_serial_sequence(quote_ident(c.relname), a.attname)
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attidentity <> '' and not a.attisdropped
where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'
"""
_LAST = "select coalesce(pg_sequence_last_value($1::text::regclass), 0)"
_SET = "select setval($1::text::regclass, $2, true)"
_CLAIM = "select pg_try_advisory_xact_lock($1)"
_CONSTRAINTS = """
select c.relname, k.conname, pg_get_constraintdef(k.oid)
from pg_constraint k join pg_class c on c.oid = k.conrelid
where k.contype = 'f' and c.relnamespace = current_schema()::regnamespace
"""
_REMEMBER = """
insert into moving_constraint (owner, name, definition) values ($1, $2, $3) on conflict (owner, name) do nothing
"""
_REMEMBERED = "select owner, name, definition from moving_constraint order by owner, name"
_FORGET = "delete from moving_constraint"
_UNCHECKED = """
select c.relname, k.conname from pg_constraint k join pg_class c on c.oid = k.conrelid
where k.contype = 'f' and not k.convalidated and c.relnamespace = current_schema()::regnamespace
"""


class PostgresTables:
    """The database at `url`, whose schema was laid. Made by `open_postgres_tables`."""

    def __init__(self, url: str, connection: asyncpg.Connection) -> None:
        self._url = url
        self._connection = connection
        self._claim: asyncpg.Connection | None = None

    async def describe(self) -> dict[str, Table]:
        """All tables. See transfer.Tables."""
        async with self._transaction():
            rows = await self._connection.fetch(_COLUMNS)
        found: dict[str, Table] = {}
        for name in dict.fromkeys(row[0] for row in rows):
            mine = [tuple(row)[1:] for row in rows if row[0] == name]
            places = sorted((row[2], place) for place, row in enumerate(mine) if row[2] is not None)
            key = tuple(place for _, place in places)
            found[name] = Table(name, tuple(row[0] for row in mine), key, any(row[1] for row in mine))
        return found

    async def page(self, table: Table, after: Values | None, upto: Values | None, bounds: Bounds) -> Page:
        """A page. See transfer.Tables."""
        where, values = _span(table, after, upto)
        key = ", ".join(table.key_columns)
        text = f'select {", ".join(table.columns)} from "{table.name}"{where} order by {key}'  # noqa: S608
        async with self._transaction(_BY_INDEX):
            if not table.wide:
                found = await self._connection.fetch(f"{text} limit {bounds.rows}", *values)
                return Page(list(map(tuple, found)), len(found) == bounds.rows)
            rows: list[Values] = []
            size = 0
            cursor = await self._connection.cursor(f"{text} limit {bounds.rows}", *values)
            while some := await cursor.fetch(_AT_ONCE):
                for row in some:
                    rows.append(tuple(row))
                    size += sum(len(cell) for cell in row if isinstance(cell, bytes))
                    if size >= bounds.size:
                        return Page(rows, more=True)
            return Page(rows, len(rows) == bounds.rows)

    async def replace(
        self, table: Table, after: Values | None, upto: Values | None, rows: Sequence[Values], *, empty: bool = False
    ) -> None:
        """Rewrite a page. See transfer.Tables."""
        where, values = _span(table, after, upto)
        async with self._transaction(_BY_INDEX):
            # Rows as they are: what triggers keep is brought over like anything else.
            await self._connection.execute(f'alter table "{table.name}" disable trigger user')
            if not empty:
                await self._connection.execute(f'delete from "{table.name}"{where}', *values)  # noqa: S608
            if rows:
                await self._connection.copy_records_to_table(table.name, records=rows, columns=table.columns)
            await self._connection.execute(f'alter table "{table.name}" enable trigger user')

    async def count(self, table: Table) -> int:
        """How many rows. See transfer.Tables."""
        async with self._transaction():
            return int(await self._connection.fetchval(f'select count(*) from "{table.name}"'))  # noqa: S608

    async def identities(self) -> dict[str, int]:
        """What identity columns have given out. See transfer.Tables."""
        async with self._transaction():
            counters = await self._connection.fetch(_COUNTERS)
            return {row[0]: int(await self._connection.fetchval(_LAST, row[2])) for row in counters}

    async def set_identities(self, values: Mapping[str, int]) -> None:
        """Set what identity columns go on from. See transfer.Tables."""
        async with self._transaction():
            for name, _column, sequence in await self._connection.fetch(_COUNTERS):
                if values.get(name, 0) > 0:
                    await self._connection.execute(_SET, sequence, values[name])

    async def freeze(self) -> None:
        """Let everything that is read from now on be of this one moment, until `close`. Nothing can be written then."""
        try:
            await self._connection.transaction(isolation="repeatable_read", readonly=True).start()
            await self._connection.execute("set local idle_in_transaction_session_timeout = 0")
            await self._connection.fetchval("select 1")  # the moment is that of the first statement
        except DRIVER as error:
            raise translate(error) from error

    async def claim(self) -> bool:
        """Hold a lock in a transaction. See transfer.Tables."""
        with_timeout = PostgresOptions(statement_timeout=_STATEMENT, prepared=False)
        try:
            self._claim = await open_connection(self._url, with_timeout)
            await self._claim.execute("begin; set local idle_in_transaction_session_timeout = 0")
            return bool(await self._claim.fetchval(_CLAIM, LOCK))
        except (*DRIVER, ValueError) as error:
            raise translate(error) from error

    async def unclaim(self) -> None:
        """End that transaction. See transfer.Tables."""
        if self._claim is not None:
            self._claim.terminate()
            self._claim = None

    async def part_references(self) -> None:
        """Drop the foreign keys and remember them. See transfer.Tables."""
        async with self._transaction():
            for owner, name, definition in await self._connection.fetch(_CONSTRAINTS):
                await self._connection.execute(_REMEMBER, owner, name, definition)
                await self._connection.execute(f'alter table "{owner}" drop constraint "{name}"')

    async def join_references(self) -> None:
        """Make the foreign keys again, unchecked. See transfer.Tables."""
        async with self._transaction():
            there = {(row[0], row[1]) for row in await self._connection.fetch(_CONSTRAINTS)}
            for owner, name, definition in await self._connection.fetch(_REMEMBERED):
                if (owner, name) not in there:
                    text = f'alter table "{owner}" add constraint "{name}" {definition} not valid'
                    await self._connection.execute(text)
            await self._connection.execute(_FORGET)

    async def check_references(self) -> None:
        """Validate what is unchecked; reads and writes go on beside it. See transfer.Tables."""
        async with self._transaction():
            unchecked = await self._connection.fetch(_UNCHECKED)
        for owner, name in unchecked:
            async with self._transaction():
                await self._connection.execute(f'alter table "{owner}" validate constraint "{name}"')

    async def gather_statistics(self) -> None:
        """Analyze each table, for the first queries come before the server does so by itself. See transfer.Tables."""
        for name in await self.describe():
            async with self._transaction():
                await self._connection.execute(f'analyze "{name}"')

    async def close(self) -> None:
        """Close. See transfer.Tables."""
        self._connection.terminate()
        await self.unclaim()

    @asynccontextmanager
    async def _transaction(self, first: str | None = None) -> AsyncIterator[None]:
        try:
            async with self._connection.transaction():
                if first is not None:
                    await self._connection.execute(first)
                yield
        except DRIVER as error:
            raise translate(error) from error


async def open_postgres_tables(url: str) -> PostgresTables:
    """The tables of the database at `url`. Raises `DatabaseError`."""
    try:
        connection = await open_connection(url, PostgresOptions(statement_timeout=_STATEMENT, prepared=False))
    except (*DRIVER, ValueError) as error:
        raise translate(error) from error
    try:
        check_server(*await connection.fetchrow("select " + CHECKS))
    except BaseException as error:
        connection.terminate()
        if isinstance(error, DRIVER):
            raise translate(error) from error
        raise
    return PostgresTables(url, connection)


def _span(table: Table, after: Values | None, upto: Values | None) -> tuple[str, Values]:
    """What confines a statement to a span of keys, and the values for it."""
    key = ", ".join(table.key_columns)
    width = len(table.key)
    parts = []
    if after is not None:
        parts.append(f"({key}) > ({', '.join(f'${n + 1}' for n in range(width))})")
    if upto is not None:
        first = width if after is not None else 0
        parts.append(f"({key}) <= ({', '.join(f'${first + n + 1}' for n in range(width))})")
    return " where " + " and ".join(parts) if parts else "", (*(after or ()), *(upto or ()))
