"""What ends with an account, or with a lost password: every credential that opens it."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.accounts.store import END_KEYS, END_SECRETS, END_SESSIONS, END_TOKENS
from holdfast.db.port import Unit


class Ended(NamedTuple):
    """How many keys, refresh tokens and browser sessions ended."""

    keys: int
    tokens: int
    sessions: int


async def end_credentials(unit: Unit, account_id: int, version: int) -> Ended:
    """End the keys with their secrets, the refresh tokens and the browser sessions of an account."""
    keys = await unit.run(END_KEYS, id=account_id)
    await unit.run(END_SECRETS, id=account_id, version=version)
    tokens = await unit.run(END_TOKENS, id=account_id, version=version)
    return Ended(keys, tokens, await unit.run(END_SESSIONS, id=account_id))
