"""A database with accounts, for the tests of access."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from tests.databases import lay_database, open_at

from holdfast.access.accounts.administrator import ensure_administrator
from holdfast.access.store import POLICY_CHANGED
from holdfast.db.port import Database, Unit
from holdfast.db.query import Command

T = TypeVar("T")
PASSWORD = "correct-horse-battery"
ADD = Command(
    """
    insert into account (name, kind, password, made_at, changed)
    select :name, 0, :password, :now, version from policy where id = 1
    """
)
DISABLE = Command(
    """
    update account set disabled_at = :now, changed = (select version from policy where id = 1) where name = :name
    """
)


def with_admin(tmp_path: Path, scenario: Callable[[Database], Awaitable[T]]) -> T:
    """Run `scenario` on a fresh database whose one account is `admin` with `PASSWORD`."""

    async def main() -> T:
        db = await open_at(lay_database(str(tmp_path / "holdfast.db")))
        try:
            await ensure_administrator(db, PASSWORD)
            return await scenario(db)
        finally:
            await db.close()

    return asyncio.run(main())


def basic(name: str, password: str) -> bytes:
    """An Authorization header."""
    return b"Basic " + b64encode(f"{name}:{password}".encode())


async def change_account(db: Database, command: Command, **values: object) -> None:
    """Change an account as every change is made: the policy version moves first."""

    async def work(unit: Unit) -> None:
        await unit.run(POLICY_CHANGED)
        await unit.run(command, **values)

    await db.write(work)
