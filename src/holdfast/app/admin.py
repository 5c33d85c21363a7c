"""What an administrator does on the host itself, beside a running server or without one."""

from __future__ import annotations

import asyncio

from holdfast.access.accounts.administrator import reset_password
from holdfast.access.accounts.model import Reset
from holdfast.app.config import Settings
from holdfast.app.engines import database


def reset(settings: Settings, name: str) -> Reset:
    """A new password for the user `name`, and what ended with the old one, from the next request on.

    Raises LookupError, ValueError, `DatabaseError`.
    """
    return asyncio.run(_reset(settings, name))


async def _reset(settings: Settings, name: str) -> Reset:
    async with database(settings) as db:
        return await reset_password(db, name)
