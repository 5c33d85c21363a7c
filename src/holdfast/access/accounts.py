"""The first administrator, and the way back in when its password is lost."""

from __future__ import annotations

from holdfast.access.password import MINIMUM_LENGTH, generate, hash_password
from holdfast.access.store import (
    ACCOUNT,
    ACCOUNTS,
    ADD_ACCOUNT,
    ADD_ADMINISTRATOR,
    LOCK_POLICY,
    POLICY_CHANGED,
    SET_PASSWORD,
)
from holdfast.db.port import Database, Unit

ADMINISTRATOR = "admin"
_PERSON = 0


def check_password(password: str) -> str:
    """`password`, or ValueError saying what a password must be."""
    if len(password) < MINIMUM_LENGTH:
        raise ValueError(f"a password has at least {MINIMUM_LENGTH} characters")
    return password


async def ensure_administrator(db: Database, password: str | None) -> str | None:
    """Make the first administrator when there is no account yet; returns its password if it was generated here.

    `password` is the one that the configuration gives, if any (ValueError when it is too short).
    """
    count = await db.one(ACCOUNTS)
    if count is not None and count.total:
        return None
    chosen = check_password(password) if password is not None else generate()
    stored = hash_password(chosen)

    async def add(unit: Unit) -> bool:
        await unit.one(LOCK_POLICY)  # two first starts at once: the second one looks when the first has ended
        existing = await unit.one(ACCOUNTS)
        if existing is not None and existing.total:
            return False
        await unit.run(POLICY_CHANGED)
        await unit.run(ADD_ACCOUNT, name=ADMINISTRATOR, kind=_PERSON, verifier=stored, made_by="system")
        await unit.run(ADD_ADMINISTRATOR, name=ADMINISTRATOR)
        return True

    made = await db.write(add)
    return chosen if made and password is None else None


async def reset_password(db: Database, name: str) -> str:
    """Give the account `name` a new generated password and refuse its old one at once. Raises LookupError."""
    chosen = generate()
    stored = hash_password(chosen)

    async def change(unit: Unit) -> None:
        if await unit.one(ACCOUNT, name=name) is None:
            raise LookupError(f"there is no account named {name[:64]!r}")
        await unit.run(POLICY_CHANGED)
        await unit.run(SET_PASSWORD, name=name, verifier=stored)

    await db.write(change)
    return chosen
