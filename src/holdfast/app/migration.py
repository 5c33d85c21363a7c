"""What `holdfast migrate` does: where the schema stands for this program, and bringing it there."""

from __future__ import annotations

import asyncio

from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory
from holdfast.app.engines import database_target
from holdfast.db.errors import DatabaseError
from holdfast.db.schema import is_postgres, migrate_up, schema_standing
from holdfast.db.steps import Standing, newest_known


def _target(settings: Settings) -> str:
    """The URL or the path of the database. Raises `DatabaseError` where no registry is."""
    directory = DataDirectory(settings.data)
    if settings.database.url is None and not directory.exists():
        raise DatabaseError(f"there is no registry in {settings.data}: name its directory with --data")
    return database_target(settings, directory)


def up(settings: Settings, *, contract: bool) -> list[str]:
    """Apply what is pending, contracting steps only with `contract`; returns the names. Raises `DatabaseError`."""
    return asyncio.run(migrate_up(_target(settings), contract=contract))


def standing(settings: Settings) -> Standing:
    """Where the database stands for this program. Raises `TooNew`, `DatabaseError`."""
    found = asyncio.run(schema_standing(_target(settings)))
    if found is None:
        raise DatabaseError("the database holds no registry yet: run `holdfast migrate up`, or start `holdfast serve`")
    return found


def describe(settings: Settings, found: Standing) -> list[str]:
    """`found` as lines for people."""
    engine = "PostgreSQL" if is_postgres(_target(settings)) else "SQLite"
    known = newest_known("postgresql" if engine == "PostgreSQL" else "sqlite")
    lines = [
        f"engine    {engine}",
        f"schema    {found.newest}; this program knows {known}",
        f"programs  those that know schema {found.oldest} or a later one",
    ]
    for step in found.pending:
        how = "contracts: `holdfast migrate up --contract`" if step.contracts else "expands: `holdfast migrate up`"
        lines.append(f"pending   {step.number} {step.name} ({how})")
    return lines if found.pending else [*lines, "pending   nothing"]
