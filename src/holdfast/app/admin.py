"""What an administrator does on the host itself, beside a running server or without one."""

from __future__ import annotations

import asyncio

from holdfast.access.accounts import reset_password
from holdfast.app.config import Settings
from holdfast.app.engines import database


def reset(settings: Settings, name: str) -> str:
    """A new password for the account `name`; the old one is refused from the next request on.

    Raises LookupError, `DatabaseError`.
    """
    return asyncio.run(_reset(settings, name))


async def _reset(settings: Settings, name: str) -> str:
    async with database(settings) as db:
        return await reset_password(db, name)
