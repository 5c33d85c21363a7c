"""The schema of a PostgreSQL database: laid in an empty one, afterwards changed by command only.

Promises: one migrator at a time, by a lock that ends with its transaction; a step is applied whole or not at all, and
an empty database gets all of them or none, so kill -9 anywhere is harmless; a step waits for no lock longer than a few
seconds, because everyone else would wait behind it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import asyncpg

from holdfast.db.errors import DatabaseError, TooOld
from holdfast.db.postgres_errors import DRIVER, translate
from holdfast.db.postgres_link import CHECKS, PostgresOptions, check_server, open_connection
from holdfast.db.steps import ALIVE_SECONDS, OLDEST, Migration, Standing, judge, migrations, refuse_older

LOCK = 0x486F6C6466617374
"""The key of the migration lock."""
_PATIENCE = 3600.0
_LOCK_PATIENCE = "set local lock_timeout = '5s'"
_TABLE = """
create table if not exists schema_migration (
  number bigint primary key, name text not null, checksum text not null, applied_at bigint not null
)
"""
_CHECKS = "select " + CHECKS
_TABLES = """
select c.relname as name from pg_class c
where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
"""
_APPLIED = "select number, checksum from schema_migration"
_NOTE = """
insert into schema_migration (number, name, checksum, applied_at)
values ($1, $2, $3, (extract(epoch from clock_timestamp()) * 1000000)::bigint)
"""
_ALIVE = """
select schema from node where seen > (extract(epoch from clock_timestamp()) * 1000000)::bigint - $1::bigint * 1000000
"""
_RAISE = "update compatibility set oldest = $1 where id = 1 and oldest < $1"


class _Found(NamedTuple):
    """The tables of a database, and its standing if it holds a registry."""

    tables: frozenset[str]
    standing: Standing | None


async def lay(url: str, known: Sequence[Migration] | None = None) -> list[str]:
    """Lay the schema where the database is empty; returns the names of the steps, none where it was laid already.

    Raises `TooOld` when steps are pending, `TooNew`, `Unsafe`, `DatabaseError` (also: it holds something else).
    """
    known = migrations("postgresql") if known is None else known
    async with _session(url) as connection, _locked(connection):
        found = await _look(connection, known)
        if found.standing is None:
            if found.tables:
                raise DatabaseError("the database is not empty and holds no registry: give Holdfast one of its own")
            await connection.execute(_TABLE)
            for step in known:
                await _apply(connection, step)
            return [step.name for step in known]
        if found.standing.expanding:
            raise TooOld(too_old(found.standing))
        return []


def too_old(standing: Standing) -> str:
    """What to do about a database that lacks steps of this program."""
    steps = ", ".join(f"{step.number} ({step.name})" for step in standing.expanding)
    return f"the database lacks migrations of this Holdfast: {steps}. Run `holdfast migrate up`, then start again"


async def standing_of(url: str, known: Sequence[Migration] | None = None) -> Standing | None:
    """Where the database stands; None when it holds no registry. Raises like `lay`."""
    known = migrations("postgresql") if known is None else known
    async with _session(url) as connection:
        return (await _look(connection, known)).standing


async def migrate_postgres(url: str, known: Sequence[Migration] | None = None, *, contract: bool = False) -> list[str]:
    """Apply the steps that are not applied yet, the contracting ones only with `contract`; returns their names.

    Each is one transaction under the migration lock. Raises `TooNew`, `Unsafe`, `DatabaseError`.
    """
    known = migrations("postgresql") if known is None else known
    if await standing_of(url, known) is None:
        return await lay(url, known)
    done = []
    async with _session(url) as connection:
        for step in known:
            if contract or not step.contracts:
                async with _locked(connection):
                    if await _step(connection, step, known):
                        done.append(step.name)
    return done


async def _step(connection: asyncpg.Connection, step: Migration, known: Sequence[Migration]) -> bool:
    """Apply `step` unless somebody else did; the migration lock is held."""
    standing = (await _look(connection, known)).standing
    if standing is None or step not in standing.pending:
        return False
    if step.contracts:
        alive = await connection.fetch(_ALIVE, ALIVE_SECONDS)
        refuse_older(step, [row[0] for row in alive])
    await connection.execute(_LOCK_PATIENCE)
    await _apply(connection, step)
    return True


async def _apply(connection: asyncpg.Connection, step: Migration) -> None:
    await connection.execute(step.sql)
    if step.contracts:
        await connection.execute(_RAISE, step.oldest)
    await connection.execute(_NOTE, step.number, step.name, step.checksum)


async def _look(connection: asyncpg.Connection, known: Sequence[Migration]) -> _Found:
    tables = frozenset(row[0] for row in await connection.fetch(_TABLES))
    if "schema_migration" not in tables:
        return _Found(tables, None)
    applied = {row[0]: row[1] for row in await connection.fetch(_APPLIED)}
    oldest = await connection.fetchval(OLDEST) if "compatibility" in tables else 1
    return _Found(tables, judge(applied, oldest, known))


@asynccontextmanager
async def _session(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection whose statements may take long. Raises `DatabaseError`."""
    try:
        connection = await open_connection(url, PostgresOptions(statement_timeout=_PATIENCE, prepared=False))
    except (*DRIVER, ValueError) as error:
        raise translate(error) from error
    try:
        check_server(*await connection.fetchrow(_CHECKS))
        yield connection
    except DRIVER as error:
        raise translate(error) from error
    finally:
        connection.terminate()


@asynccontextmanager
async def _locked(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """A transaction that no other migrator is in."""
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
        yield
