"""What an administrator does on the host itself, beside a running server or without one."""

from __future__ import annotations

import asyncio
import os

from holdfast.access.accounts import reset_password
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory
from holdfast.db.migrate import migrate
from holdfast.db.sqlite import SqliteDatabase


def reset(settings: Settings, name: str) -> str:
    """A new password for the account `name`; the old one is refused from the next request on. Raises LookupError."""
    directory = DataDirectory(settings.data)
    if not os.path.exists(directory.database):
        raise LookupError(f"there is no registry in {settings.data}")
    migrate(directory.database)
    return asyncio.run(_reset(directory, name))


async def _reset(directory: DataDirectory, name: str) -> str:
    db = SqliteDatabase(directory.database)
    try:
        return await reset_password(db, name)
    finally:
        await db.close()
