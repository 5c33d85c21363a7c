"""The refresh tokens of an account, seen and ended: by the account itself, by who manages a robot's namespace, or by an
administrator. Who came by a key with limits sees and ends what was given for that key alone.
"""

from __future__ import annotations

from holdfast.access.delegating import require_manage
from holdfast.access.errors import Denied, Unknown
from holdfast.access.model import CredentialKind, Identity, Subject, SubjectKind
from holdfast.access.policy.model import Action
from holdfast.access.standing import begin_change
from holdfast.access.tokens.refresh import MOST
from holdfast.access.tokens.store import (
    END_REFRESH,
    END_REFRESHES,
    OWNER,
    OWNER_BY_NAME,
    SESSIONS,
    OwnerRow,
    SessionRow,
)
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

_NO_REQUEST = Origin("")


class Sessions:
    """Lists and ends refresh tokens. They show no secret."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def list(
        self, caller: Identity, account: str | None = None, after: int = 0, limit: int = 100
    ) -> list[SessionRow]:
        """The live ones of `account` (None: the caller's own) after the id `after`, at most `limit`.

        Raises `Unknown` for who may not see them.
        """
        owner = await self._account(caller, account)
        if caller.rights.bounds is None:
            return await self._db.all(SESSIONS, account_id=owner, after=after, limit=limit)
        rows = await self._db.all(SESSIONS, account_id=owner, after=after, limit=MOST)
        return [row for row in rows if _within(caller, row.id, row.secret_id)][:limit]

    async def revoke(self, caller: Identity, session: int, *, origin: Origin) -> None:
        """End one, and at the next request what was made of it. Raises `Unknown`, `StalePermit`."""

        async def work(unit: Unit) -> None:
            version = await begin_change(unit, caller)
            row = await unit.one(OWNER, id=session)
            if row is None or not _within(caller, session, row.secret_id) or not await _may(unit, caller, row, origin):
                raise Unknown(f"there is no session {session}")
            await unit.run(END_REFRESH, id=session, version=version)
            data: dict[str, object] = {"session": session, "account": _actor(row)}
            await note(unit, ChangeKind.SESSION_ENDED, actor=caller.subject.actor, origin=origin, data=data)

        await self._db.write(work)

    async def revoke_all(self, caller: Identity, account: str | None = None, *, origin: Origin) -> int:
        """End all of `account` (None: the own ones); returns how many. Raises `Unknown`, `Denied`, `StalePermit`."""
        if caller.rights.bounds is not None:
            raise Denied("a key with limits ends no sessions but its own, one by one")
        owner = await self._account(caller, account)

        async def work(unit: Unit) -> int:
            version = await begin_change(unit, caller)
            ended = await unit.run(END_REFRESHES, account_id=owner, version=version)
            data: dict[str, object] = {"sessions": ended, "account": account or caller.subject.name}
            await note(unit, ChangeKind.SESSION_ENDED, actor=caller.subject.actor, origin=origin, data=data)
            return ended

        return await self._db.write(work)

    async def _account(self, caller: Identity, account: str | None) -> int:
        if not caller.subject.id:
            raise Unknown("nobody has no sessions")
        if account is None or account == caller.subject.name:
            return caller.subject.id
        row = await self._db.one(OWNER_BY_NAME, name=account)
        if row is None or not await _may(self._db, caller, row, _NO_REQUEST):
            raise Unknown(f"there is no account {account[:128]!r}")
        return row.account_id


async def _may(reader: Reader, caller: Identity, row: OwnerRow, origin: Origin) -> bool:
    """Whether the caller may see and end the sessions of this account."""
    if row.account_id == caller.subject.id or caller.rights.system(Action.ADMINISTER):
        return True
    if row.kind != SubjectKind.ROBOT or row.namespace is None:
        return False
    try:
        await require_manage(reader, caller, row.namespace, origin)
    except Denied:
        return False
    return True


def _within(caller: Identity, session: int, secret: int | None) -> bool:
    """Whether a caller with limits came by this session, or by the key that it was given for."""
    kind, number = caller.credential.kind, caller.credential.id
    by_key = kind is CredentialKind.KEY and secret == number
    return caller.rights.bounds is None or by_key or (kind is CredentialKind.REFRESH and session == number)


def _actor(row: OwnerRow) -> str:
    return Subject(row.account_id, row.account, SubjectKind(row.kind)).actor
