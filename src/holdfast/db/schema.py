"""The schema of either engine: `target` is the path of a SQLite file or the URL of a PostgreSQL database.

PostgreSQL's driver is loaded when it is named: an embedded registry starts without it.
"""

from __future__ import annotations

import asyncio

from holdfast.db.migrate import migrate, sqlite_standing
from holdfast.db.steps import Standing

_SCHEMES = ("postgresql://", "postgres://")


def is_postgres(target: str) -> bool:
    """Whether `target` is the URL of a PostgreSQL database."""
    return target.startswith(_SCHEMES)


async def prepare_schema(target: str) -> list[str]:
    """What a server does at start: returns the names of the steps that were applied.

    A SQLite file is copied and migrated. In PostgreSQL the schema is laid where the database is empty; where steps are
    pending `TooOld` says what to run. Raises `TooNew`, `Unsafe`, `DatabaseError` too.
    """
    if is_postgres(target):
        from holdfast.db.postgres_schema import lay

        return await lay(target)
    return await asyncio.to_thread(migrate, target)


async def migrate_up(target: str, *, contract: bool = False) -> list[str]:
    """What `holdfast migrate up` does: applies what is pending, contracting steps only with `contract`."""
    if is_postgres(target):
        from holdfast.db.postgres_schema import migrate_postgres

        return await migrate_postgres(target, contract=contract)
    return await asyncio.to_thread(lambda: migrate(target, contract=contract))


async def schema_standing(target: str) -> Standing | None:
    """Where the database stands for this program; None when it holds no registry. Raises `TooNew`, `DatabaseError`."""
    if is_postgres(target):
        from holdfast.db.postgres_schema import standing_of

        return await standing_of(target)
    return await asyncio.to_thread(sqlite_standing, target)
