"""The refresh tokens of an account, seen and ended: by the account itself, or by an administrator."""

from __future__ import annotations

from holdfast.access.errors import Unknown
from holdfast.access.model import Identity, Subject, SubjectKind
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit
from holdfast.access.tokens.store import (
    END_REFRESH,
    END_REFRESHES,
    OWNER,
    OWNER_BY_NAME,
    SESSIONS,
    OwnerRow,
    SessionRow,
)
from holdfast.access.versions import move
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note


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
        return await self._db.all(SESSIONS, account_id=owner, after=after, limit=limit)

    async def revoke(self, caller: Identity, session: int, *, origin: Origin) -> None:
        """End one, and at the next request what was made of it. Raises `Unknown`, `StalePermit`."""

        async def work(unit: Unit) -> None:
            await check_permit(unit, caller)
            version = await move(unit)
            row = await unit.one(OWNER, id=session)
            if row is None or not _may(caller, row):
                raise Unknown(f"there is no session {session}")
            await unit.run(END_REFRESH, id=session, version=version)
            data: dict[str, object] = {"session": session, "account": _actor(row)}
            await note(unit, ChangeKind.SESSION_ENDED, actor=caller.subject.actor, origin=origin, data=data)

        await self._db.write(work)

    async def revoke_all(self, caller: Identity, account: str | None = None, *, origin: Origin) -> int:
        """End all of `account` (None: the caller's own); returns how many. Raises `Unknown`, `StalePermit`."""
        owner = await self._account(caller, account)

        async def work(unit: Unit) -> int:
            await check_permit(unit, caller)
            version = await move(unit)
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
        if row is None or not _may(caller, row):
            raise Unknown(f"there is no account {account[:128]!r}")
        return row.account_id


def _may(caller: Identity, row: OwnerRow) -> bool:
    """Whether the caller may see and end the sessions of this account."""
    return row.account_id == caller.subject.id or caller.rights.system(Action.ADMINISTER)


def _actor(row: OwnerRow) -> str:
    return Subject(row.account_id, row.account, SubjectKind(row.kind)).actor
