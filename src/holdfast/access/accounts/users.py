"""Users: people with a password here, or who sign in by a provider. Administrators keep them; everyone sees himself.

Every method takes the caller first and decides by itself; what it changes is noted in the journal in the same unit, and
holds at the next request of every node. Raises besides what is named: `Unknown` (not in the caller's sight), `Denied`,
`StalePermit`, `holdfast.db.errors`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from holdfast.access.accounts.ending import end_credentials
from holdfast.access.accounts.login import PasswordLogin
from holdfast.access.accounts.model import User
from holdfast.access.accounts.store import (
    ADD_ACCOUNT,
    DESCRIBE,
    DISABLE,
    DROP_GRANTS,
    DROP_MEMBERSHIPS,
    DROP_PROFILE,
    DROP_PROVIDER_SESSION,
    DROP_RECOVERY_CODES,
    DROP_SECOND_FACTOR,
    ENABLE,
    END_LOGIN_TOKENS,
    END_SESSIONS,
    END_TOKENS,
    GROUPS_OF,
    REMOVE,
    SET_VERIFIER,
    TAKEN,
    USER,
    USERS,
)
from holdfast.access.delegating import (
    administering,
    circumstances_of,
    require_administrator,
    require_administrator_left,
)
from holdfast.access.errors import Changed, Conflict, Denied, Unauthenticated, Unknown
from holdfast.access.model import Identity, SubjectKind
from holdfast.access.names import check_after, description_text, may_exist, user_name
from holdfast.access.password import PasswordChecker, check_password
from holdfast.access.policy.model import Action, GranteeKind
from holdfast.access.requirement import Required
from holdfast.access.standing import begin_change
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

T = TypeVar("T")
PAGE_LIMIT = 1000
_WITH_THE_USER = (
    DROP_MEMBERSHIPS,
    DROP_PROVIDER_SESSION,
    DROP_PROFILE,
    DROP_RECOVERY_CODES,
    DROP_SECOND_FACTOR,
    DROP_GRANTS,
)


class Users:
    """The people of an installation. `required`: of whom a second factor is required."""

    def __init__(
        self, db: Database, passwords: PasswordChecker, login: PasswordLogin, required: Required = Required.NONE
    ) -> None:
        self._db = db
        self._required = required
        self._passwords = passwords
        self._login = login

    async def create(
        self,
        caller: Identity,
        name: str,
        *,
        password: str | None = None,
        description: str | None = None,
        display: str | None = None,
        origin: Origin,
    ) -> User:
        """A new user, without any right of its own. `password` None: the user cannot log in until one is set.

        For administrators. Raises `Invalid`; `Conflict` when the name is taken, was taken once, or differs from such a
        one in capitals only.
        """
        await self._require_administrator(self._db, caller, origin)
        user_name(name)
        about = (description_text(description), description_text(display, "display", "a full name"))
        verifier = await self._passwords.hash(check_password(password)) if password is not None else None

        async def add(unit: Unit, version: int) -> User:
            taken = await unit.one(TAKEN, name=name)
            if taken is not None:
                raise Conflict(_taken(name, taken.name, gone=taken.gone_at is not None))
            await unit.one(
                ADD_ACCOUNT,
                name=name,
                kind=int(SubjectKind.PERSON),
                namespace=None,
                description=about[0],
                display=about[1],
                verifier=verifier,
                expires_at=None,
                made_by=caller.subject.actor,
                version=version,
            )
            user = await self._seen(unit, caller, name, origin)
            await self._note(unit, ChangeKind.USER_CREATED, caller, origin, user)
            return user

        return await self._change(caller, add)

    async def page(self, caller: Identity, *, after: str = "", limit: int = 100, origin: Origin) -> list[User]:
        """Up to `limit` users by name, those after `after`: all for an administrator, oneself for everyone else. Raises
        `Invalid`."""
        check_after(after)
        if await self._administers(self._db, caller, origin):
            return await list_users(self._db, after=after, limit=limit)
        own: User | None = None
        if self._is_person(caller):
            own = await self._db.one(USER, name=caller.subject.name)
        return [own] if own is not None and own.name > after and limit > 0 else []

    async def groups_of(self, caller: Identity, users: Sequence[User], *, origin: Origin) -> dict[int, list[str]]:
        """The groups that users are in, by their ids; for administrators. Raises `Denied`."""
        await self._require_administrator(self._db, caller, origin)
        found: dict[int, list[str]] = {}
        for row in await self._db.all(GROUPS_OF, ids=[user.id for user in users]):
            found.setdefault(row.account_id, []).append(row.name)
        return {account: sorted(names) for account, names in found.items()}

    async def factor_required(self, users: Sequence[User]) -> set[int]:
        """The ids of those of these users of whom a second factor is required (access/requirement.py): they sign in by
        a password, and whoever has none yet sets it up before anything else is open to them. Three statements at
        most."""
        ids = {user.id for user in users if user.has_password}
        if self._required is not Required.ADMINISTRATORS or not ids:
            return ids if self._required is Required.EVERYONE else set()
        grantees = await administering(self._db, self._db.now())
        if any(grantee.kind is GranteeKind.ANONYMOUS for grantee in grantees):
            return ids
        accounts = {grantee.id for grantee in grantees if grantee.kind is GranteeKind.ACCOUNT}
        groups = {grantee.name for grantee in grantees if grantee.kind is GranteeKind.GROUP}
        if groups:
            rows = await self._db.all(GROUPS_OF, ids=sorted(ids))
            accounts |= {row.account_id for row in rows if f"group:{row.name}" in groups}
        return ids & accounts

    async def get(self, caller: Identity, name: str, *, origin: Origin) -> User:
        """One user: any for an administrator, oneself for everyone else. Raises `Unknown`."""
        return await self._seen(self._db, caller, name, origin)

    async def describe(
        self,
        caller: Identity,
        name: str,
        *,
        description: str | None,
        display: str | None,
        expected: int | None = None,
        origin: Origin,
    ) -> User:
        """Set both texts (None: none). For administrators. Raises `Invalid`; `Changed` unless the user's `changed` is
        `expected`."""
        about = (description_text(description), description_text(display, "display", "a full name"))

        async def change(unit: Unit, version: int) -> User:
            user = await self._kept(unit, caller, name, origin)
            if expected is not None and user.changed != expected:
                raise Changed
            await unit.run(DESCRIBE, id=user.id, description=about[0], display=about[1], version=version)
            what = {"description": about[0], "display": about[1]}
            await self._note(unit, ChangeKind.USER_CHANGED, caller, origin, user, **what)
            return await self._seen(unit, caller, name, origin)

        return await self._change(caller, change)

    async def disable(self, caller: Identity, name: str, *, origin: Origin) -> User:
        """Refuse the user, by whatever credential, from the next request on. Sessions and refresh tokens end; keys and
        rights wait for `enable`. For administrators. Raises `Conflict` for the last administrator."""

        async def change(unit: Unit, version: int) -> User:
            user = await self._kept(unit, caller, name, origin)
            if await unit.run(DISABLE, id=user.id, version=version):
                await unit.run(END_TOKENS, id=user.id, version=version)
                await unit.run(END_SESSIONS, id=user.id)
                await require_administrator_left(unit)
                await self._note(unit, ChangeKind.USER_DISABLED, caller, origin, user)
            return await self._seen(unit, caller, name, origin)

        return await self._change(caller, change)

    async def enable(self, caller: Identity, name: str, *, origin: Origin) -> User:
        """Let a disabled user in again, with the rights and keys of before. For administrators."""

        async def change(unit: Unit, version: int) -> User:
            user = await self._kept(unit, caller, name, origin)
            if await unit.run(ENABLE, id=user.id, version=version):
                await self._note(unit, ChangeKind.USER_ENABLED, caller, origin, user)
            return await self._seen(unit, caller, name, origin)

        return await self._change(caller, change)

    async def delete(self, caller: Identity, name: str, *, origin: Origin) -> None:
        """Delete the user with keys, sessions, memberships and the grants that name it; the name stays reserved for
        ever. For administrators. Raises `Conflict` for the last administrator."""

        async def change(unit: Unit, version: int) -> None:
            user = await self._kept(unit, caller, name, origin)
            await unit.run(REMOVE, id=user.id, version=version)
            await end_credentials(unit, user.id, version)
            for command in _WITH_THE_USER:
                await unit.run(command, id=user.id)
            await require_administrator_left(unit)
            await self._note(unit, ChangeKind.USER_DELETED, caller, origin, user)

        await self._change(caller, change)

    async def change_own_password(self, caller: Identity, old: str, new: str, *, origin: Origin) -> None:
        """Give oneself another password. Sessions and refresh tokens end; keys stay.

        Raises `Invalid`; for a wrong old password what a log-in raises.
        """
        name = caller.subject.name
        if not self._is_person(caller):
            raise Denied("only users have a password of their own")
        check_password(new)
        found = await self._login.first_step(name, old, origin)
        if found.account_id != caller.subject.id:
            raise Unauthenticated
        await self._set_password(caller, name, new, origin, own=True)

    async def set_password(self, caller: Identity, name: str, new: str, *, origin: Origin) -> None:
        """Give a user another password. Its sessions and refresh tokens end; keys stay. For administrators.

        Raises `Invalid`; `Conflict` when the user signs in by a provider.
        """
        await self._require_administrator(self._db, caller, origin)
        check_password(new)
        await self._set_password(caller, name, new, origin, own=False)

    async def _set_password(self, caller: Identity, name: str, new: str, origin: Origin, *, own: bool) -> None:
        verifier = await self._passwords.hash(new)

        async def change(unit: Unit, version: int) -> None:
            user = await (self._seen if own else self._kept)(unit, caller, name, origin)
            if user.provider is not None:
                raise Conflict(f"{name} signs in by {user.provider} and has no password here")
            await unit.run(SET_VERIFIER, id=user.id, verifier=verifier, version=version)
            await unit.run(END_LOGIN_TOKENS, id=user.id, version=version)
            await unit.run(END_SESSIONS, id=user.id)
            await self._note(unit, ChangeKind.PASSWORD_CHANGED, caller, origin, user)

        await self._change(caller, change)

    async def _change(self, caller: Identity, work: Callable[[Unit, int], Awaitable[T]]) -> T:
        async def change(unit: Unit) -> T:
            version = await begin_change(unit, caller)
            return await work(unit, version)

        return await self._db.write(change)

    async def _kept(self, reader: Reader, caller: Identity, name: str, origin: Origin) -> User:
        """A user that the caller may change."""
        user = await self._seen(reader, caller, name, origin)
        await self._require_administrator(reader, caller, origin)
        return user

    async def _seen(self, reader: Reader, caller: Identity, name: str, origin: Origin) -> User:
        own = self._is_person(caller) and name == caller.subject.name
        user: User | None = None
        if own or (may_exist(name) and await self._administers(reader, caller, origin)):
            user = await reader.one(USER, name=name)
        if user is None:
            raise Unknown(f"there is no user {name[:64]!r} in your sight")
        return user

    @staticmethod
    async def _note(unit: Unit, kind: ChangeKind, caller: Identity, origin: Origin, user: User, **more: object) -> None:
        data: dict[str, object] = {"id": user.id, "name": user.name, **more}
        await note(unit, kind, actor=caller.subject.actor, origin=origin, data=data)

    @staticmethod
    async def _administers(reader: Reader, caller: Identity, origin: Origin) -> bool:
        return caller.rights.system(Action.ADMINISTER, await circumstances_of(reader, caller, origin))

    @staticmethod
    async def _require_administrator(reader: Reader, caller: Identity, origin: Origin) -> None:
        require_administrator(caller, await circumstances_of(reader, caller, origin))

    @staticmethod
    def _is_person(caller: Identity) -> bool:
        return caller.subject.id > 0 and caller.subject.kind is SubjectKind.PERSON


def _taken(name: str, by: str, *, gone: bool) -> str:
    if by != name:
        return f"{name!r} differs from the user {by!r} in capitals only"
    return f"the name {name!r} is taken" + (" for ever by a user who was deleted" if gone else "")


async def list_users(reader: Reader, *, after: str, limit: int) -> list[User]:
    """Up to `limit` users by name, those after `after`: for who has proven that the caller is an administrator."""
    return await reader.all(USERS, after=after, limit=min(limit, PAGE_LIMIT))
