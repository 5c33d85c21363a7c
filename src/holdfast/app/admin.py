"""What an administrator does on the host itself, beside a running server or without one."""

from __future__ import annotations

import asyncio

from holdfast.access.accounts.administrator import reset_password
from holdfast.access.accounts.model import Reset
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory
from holdfast.app.engines import database
from holdfast.app.logins import open_signing_keys
from holdfast.app.masters import open_master
from holdfast.journal.model import Origin

_HOST = "host"


def reset(settings: Settings, name: str) -> Reset:
    """A new password for the user `name`, and what ended with the old one, from the next request on.

    Raises LookupError, ValueError, `DatabaseError`.
    """
    return asyncio.run(_reset(settings, name))


async def _reset(settings: Settings, name: str) -> Reset:
    async with database(settings) as db:
        return await reset_password(db, name)


def rotate_token_key(settings: Settings, *, at_once: bool) -> str:
    """A new key that signs tokens: from five minutes on, or `at_once`, when the others are believed no more. Returns
    its name.

    Raises `DatabaseError`, `WrongMasterKey`, `MasterKeyAway`, `DataDirectoryError`.
    """
    return asyncio.run(_rotate_token_key(settings, at_once))


async def _rotate_token_key(settings: Settings, at_once: bool) -> str:
    async with database(settings) as db:
        keys = await open_signing_keys(db, open_master(settings, DataDirectory(settings.data)))
        rotate = keys.replace_at_once if at_once else keys.rotate
        return await rotate(actor=_HOST, origin=Origin(""))
