"""The first administrator, and the way back in when its password is lost."""

from __future__ import annotations

from holdfast.access.accounts.ending import end_credentials
from holdfast.access.accounts.model import Reset
from holdfast.access.accounts.store import (
    ADD_ACCOUNT,
    ADD_ADMINISTRATOR,
    ANY_ACCOUNT,
    DROP_RECOVERY_CODES,
    DROP_SECOND_FACTOR,
    LOCK_POLICY,
    LOGIN,
    SET_VERIFIER,
)
from holdfast.access.model import SubjectKind
from holdfast.access.password import check_password, generate, hash_password
from holdfast.access.versions import move
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

ADMINISTRATOR = "admin"
_SYSTEM = "system"
_HOST = "host"
_NO_REQUEST = Origin("")


async def ensure_administrator(db: Database, password: str | None) -> str | None:
    """Make the first administrator when there is no account yet; returns its password if it was generated here.

    `password` is the one that the configuration gives, if any (`Invalid`, a ValueError, when it is too short).
    """
    if await db.one(ANY_ACCOUNT) is not None:
        return None
    chosen = check_password(password) if password is not None else generate()
    stored = hash_password(chosen)

    async def add(unit: Unit) -> bool:
        await unit.one(LOCK_POLICY)  # two first starts at once: the second one looks when the first has ended
        if await unit.one(ANY_ACCOUNT) is not None:
            return False
        made = await unit.one(
            ADD_ACCOUNT,
            name=ADMINISTRATOR,
            kind=int(SubjectKind.PERSON),
            namespace=None,
            description=None,
            display=None,
            verifier=stored,
            expires_at=None,
            made_by=_SYSTEM,
            version=await move(unit),
        )
        assert made is not None
        await unit.run(ADD_ADMINISTRATOR, id=made.id, made_by=_SYSTEM)
        data: dict[str, object] = {"id": made.id, "name": ADMINISTRATOR, "role": "administrator"}
        await note(unit, ChangeKind.USER_CREATED, actor=_SYSTEM, origin=_NO_REQUEST, data=data)
        return True

    added = await db.write(add)
    return chosen if added and password is None else None


async def reset_password(db: Database, name: str) -> Reset:
    """Give the user `name` a new generated password, take a second factor away, and end every key, token and session of
    the account, from the next request on. Rights stay as they are, and an account that is disabled stays so.

    Raises LookupError when there is no user of the name, ValueError when it signs in by a provider.
    """
    chosen = generate()
    stored = hash_password(chosen)

    async def change(unit: Unit) -> Reset:
        version = await move(unit)
        account = await unit.one(LOGIN, name=name)
        if account is None or account.kind != SubjectKind.PERSON:
            raise LookupError(f"there is no user named {name[:64]!r}")
        if account.provider is not None:
            raise ValueError(f"{name[:64]!r} signs in by a provider and has no password here")
        await unit.run(SET_VERIFIER, id=account.id, verifier=stored, version=version)
        await unit.run(DROP_RECOVERY_CODES, id=account.id)
        await unit.run(DROP_SECOND_FACTOR, id=account.id)
        ended = await end_credentials(unit, account.id, version)
        second = account.factor is not None
        data: dict[str, object] = {"id": account.id, "name": name, "reset": True, "ended": ended._asdict()}
        if second:
            data["second_factor"] = "taken away"
        await note(unit, ChangeKind.PASSWORD_CHANGED, actor=_HOST, origin=_NO_REQUEST, data=data)
        return Reset(chosen, *ended, second, account.disabled_at is not None)

    return await db.write(change)
