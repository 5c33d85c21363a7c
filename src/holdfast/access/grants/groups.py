"""`Groups`: local groups and their members. A provider's groups (`PROVIDER/NAME`) change only when someone signs in.

Promises: making someone a member counts as granting to him what the group has, everywhere; taking someone out, or
deleting the group, counts as removing it, and lifts the denies that name the group. A group without grants belongs to
its maker and to administrators. Names of the deleted stay taken. Raises besides what is named: `Denied`, `Unknown`,
`StalePermit`, `holdfast.db.errors`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from holdfast.access.delegating import circumstances_of, manages_somewhere, may_confer, require_administrator_left
from holdfast.access.errors import Conflict, Denied, Invalid, Unknown
from holdfast.access.grants.change import change
from holdfast.access.grants.listing import kept_of
from holdfast.access.grants.model import Group, KeptGrant
from holdfast.access.grants.service import remove_grant
from holdfast.access.grants.sight import sees_all, sight_homes
from holdfast.access.grants.store import (
    ACCOUNT_CALLED,
    ADD_GROUP,
    ADD_MEMBER,
    END_GROUP,
    GRANTS_TO,
    GROUP,
    GROUPS,
    GROUPS_GRANTED,
    MEMBER,
    MEMBER_IDS,
    MEMBERS,
    MEMBERSHIPS,
    OF_PROVIDER,
    PROVIDER_NAMED,
    REMOVE_MEMBER,
    REMOVE_MEMBERS,
)
from holdfast.access.model import Identity, Subject, SubjectKind
from holdfast.access.names import description_text
from holdfast.access.policy.delegation import Made, manages, may_lift, oversees
from holdfast.access.policy.languages import Scope
from holdfast.access.policy.model import Action, Circumstances, Effect, GranteeKind
from holdfast.access.rights_store import VERSIONS
from holdfast.access.subjects import resolve
from holdfast.access.subjects_store import GROUP_NAMED
from holdfast.access.versions import touch_accounts, touch_group
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

PAGE_LIMIT = 1001
_NAME = re.compile(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*\Z")
_NAME_LIMIT = 64
_MOST_GRANTS = 20_001


class Groups:
    """The groups of an installation."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(self, caller: Identity, name: str, description: str | None = None, *, origin: Origin) -> Group:
        """A new group without members or grants; for who manages access on anything. Raises `Invalid`; `Conflict` when
        the name is or was taken."""
        about = description_text(description)
        if len(name) > _NAME_LIMIT or not _NAME.match(name):
            raise Invalid("name", f"a group's name has 1 to {_NAME_LIMIT} letters, digits, '.', '_' and '-'")

        async def create(unit: Unit, version: int, here: Circumstances) -> Group:
            if not manages_somewhere(caller, here):
                raise Denied("this needs 'manage-access' on some path", action=str(Action.MANAGE_ACCESS))
            actor = caller.subject.actor
            made = await unit.one(
                ADD_GROUP, name=name, provider=None, description=about, made_by=actor, version=version
            )
            if made is None:
                raise Conflict(f"the name {name!r} is taken, or was once")
            await _note(unit, ChangeKind.GROUP_CREATED, actor, origin, group=name)
            return Group(made.id, name, None, about, unit.now, actor, version)

        return await change(self._db, caller, origin, create)

    async def delete(self, caller: Identity, name: str, *, origin: Origin) -> None:
        """Delete a local group, and the grants that name it. Raises `Conflict` when the last administrator is one by
        it."""

        async def delete(unit: Unit, version: int, here: Circumstances) -> None:
            group = await self._local(unit, caller, name, here)
            grants = await self._editable(unit, caller, group, here, leaving=True)
            for kept in grants:
                await remove_grant(unit, caller, kept, version=version, here=here, origin=origin)
            await touch_accounts(unit, [row.id for row in await unit.all(MEMBER_IDS, id=group.id)], version)
            await unit.run(REMOVE_MEMBERS, id=group.id)
            await unit.run(END_GROUP, id=group.id, version=version)
            await _note(unit, ChangeKind.GROUP_DELETED, caller.subject.actor, origin, group=name)

        await change(self._db, caller, origin, delete)

    async def add(self, caller: Identity, name: str, member: str, *, origin: Origin) -> None:
        """Make `member` (`user:NAME` or `robot:NAMESPACE+NAME`) a member of a local group. Raises `Invalid`."""

        async def add(unit: Unit, version: int, here: Circumstances) -> None:
            group = await self._local(unit, caller, name, here)
            await self._editable(unit, caller, group, here, leaving=False)
            account = await _account(unit, member)
            if await unit.run(ADD_MEMBER, id=group.id, account_id=account):
                await touch_accounts(unit, [account], version)
                await touch_group(unit, group.id, version)
                await _note(unit, ChangeKind.MEMBER_ADDED, caller.subject.actor, origin, group=name, member=member)
                await _keep_administrator(unit, group)

        await change(self._db, caller, origin, add)

    async def remove(self, caller: Identity, name: str, member: str, *, origin: Origin) -> None:
        """Take `member` out of a local group. Raises `Invalid`; `Unknown` when it is no member; `Conflict` when the
        last administrator is one by the group."""

        async def remove(unit: Unit, version: int, here: Circumstances) -> None:
            group = await self._local(unit, caller, name, here)
            await self._editable(unit, caller, group, here, leaving=True)
            account = await _account(unit, member)
            if not await unit.run(REMOVE_MEMBER, id=group.id, account_id=account):
                raise Unknown(f"{member} is no member of {name}")
            await touch_accounts(unit, [account], version)
            await touch_group(unit, group.id, version)
            await _note(unit, ChangeKind.MEMBER_REMOVED, caller.subject.actor, origin, group=name, member=member)
            await _keep_administrator(unit, group)

        await change(self._db, caller, origin, remove)

    async def get(self, caller: Identity, name: str, *, origin: Origin) -> Group:
        """One group that the caller may see: administrators and auditors of everything all, its maker, its members,
        and who may see a grant to it. Raises `Unknown`."""
        return await self._seen(self._db, caller, name, await circumstances_of(self._db, caller, origin))

    async def page(self, caller: Identity, *, after: str = "", limit: int = 100, origin: Origin) -> list[Group]:
        """Up to `limit` groups by name that the caller may see, those after `after`."""
        here = await circumstances_of(self._db, caller, origin)
        most = min(limit, PAGE_LIMIT)
        member = caller.subject.id
        own = {row.id for row in await self._db.all(MEMBERSHIPS, account_id=member)} if member else set()
        found: list[Group] = []
        while len(found) < most:
            rows = await self._db.all(GROUPS, after=after, limit=PAGE_LIMIT)
            overseen = await self._overseen(caller, [row.id for row in rows], here)
            for row in rows:
                if row.id in own or row.id in overseen or row.made_by == caller.subject.actor:
                    found.append(Group(*row))
            if len(rows) < PAGE_LIMIT:
                break
            after = rows[-1].name
        return found[:most]

    async def _overseen(self, caller: Identity, ids: list[int], here: Circumstances) -> set[int]:
        """Those of these groups that the caller sees by what they were given, or because it sees all."""
        if sees_all(caller, here):
            return set(ids)
        if not sight_homes(caller) or not ids:
            return set()
        rows = await self._db.all(GROUPS_GRANTED, ids=ids)
        seen = {text: oversees(caller.rights, Scope(text), here) for text in {row.repository for row in rows}}
        return {row.id for row in rows if seen[row.repository]}

    async def members(
        self, caller: Identity, name: str, *, after: str = "", limit: int = 100, origin: Origin
    ) -> list[Subject]:
        """Up to `limit` members by name, those after `after`; for who may see the group, members only themselves.
        Raises `Unknown`."""
        here = await circumstances_of(self._db, caller, origin)
        group = await self._seen(self._db, caller, name, here)
        if not await self._may_see(self._db, caller, group, here, member=False):
            own = caller.subject
            return [own] if own.name > after and limit > 0 else []
        rows = await self._db.all(MEMBERS, id=group.id, after=after, limit=min(limit, PAGE_LIMIT))
        return [Subject(row.id, row.name, SubjectKind(row.kind)) for row in rows]

    async def _local(self, reader: Reader, caller: Identity, name: str, here: Circumstances) -> Group:
        group = await self._seen(reader, caller, name, here)
        if "/" in group.name:
            raise Conflict(f"{name!r} is the provider's: it changes when its people sign in")
        return group

    async def _seen(self, reader: Reader, caller: Identity, name: str, here: Circumstances) -> Group:
        row = await reader.one(GROUP, name=name)
        if row is None or not await self._may_see(reader, caller, Group(*row), here):
            raise Unknown(f"there is no group {name[:64]!r} in your sight")
        return Group(*row)

    @staticmethod
    async def _may_see(
        reader: Reader, caller: Identity, group: Group, here: Circumstances, *, member: bool = True
    ) -> bool:
        if sees_all(caller, here) or group.made_by == caller.subject.actor:
            return True
        own = caller.subject.id if member else 0
        if own and await reader.one(MEMBER, id=group.id, account_id=own) is not None:
            return True
        scopes = [Scope(kept.grant.repository) for kept in await _grants_to(reader, group.id)]
        return any(oversees(caller.rights, scope, here) for scope in scopes)

    @staticmethod
    async def _editable(
        reader: Reader, caller: Identity, group: Group, here: Circumstances, *, leaving: bool
    ) -> list[KeptGrant]:
        """The grants to a group whose members the caller may change. Raises `Denied`."""
        grants = await _grants_to(reader, group.id)
        administrator = caller.rights.system(Action.ADMINISTER, here)
        if not grants and group.made_by != caller.subject.actor and not administrator:
            raise Denied("a group without grants belongs to its maker and to administrators")
        for kept in grants:
            if not _may_edit(caller, kept, here, leaving=leaving):
                raise Denied("this group has rights, or is denied some, that are not yours to pass on or to lift")
        return grants


async def replace_provider_groups(
    unit: Unit, account_id: int, provider_id: int, names: Sequence[str], *, origin: Origin
) -> None:
    """Make an account a member of these groups of a provider (`names` without the prefix) and of no other one of it; in
    a unit that moved the policy version. A group of another provider, or a local one, is never touched."""
    version = await unit.one(VERSIONS)
    provider = await unit.one(PROVIDER_NAMED, id=provider_id)
    account = await unit.one(ACCOUNT_CALLED, id=account_id)
    assert version is not None
    assert account is not None
    now = {row.name: row.id for row in await unit.all(OF_PROVIDER, account_id=account_id, provider=provider_id)}
    wanted = {f"{provider.name}/{name}" for name in names} if provider is not None else set()
    actor = Subject(account.id, account.name, SubjectKind(account.kind)).actor
    for name in sorted(wanted - set(now)):
        made = await unit.one(
            ADD_GROUP, name=name, provider=provider_id, description=None, made_by="system", version=version.version
        )
        group = await unit.one(GROUP_NAMED, name=name)
        if group is None or group.provider != provider_id or group.gone_at is not None:
            continue  # the name belongs to another provider, or did
        if made is not None:
            await _note(unit, ChangeKind.GROUP_CREATED, "system", origin, group=name)
        await unit.run(ADD_MEMBER, id=group.id, account_id=account_id)
        await _note(unit, ChangeKind.MEMBER_ADDED, "system", origin, group=name, member=actor)
    for name in sorted(set(now) - wanted):
        await unit.run(REMOVE_MEMBER, id=now[name], account_id=account_id)
        await _note(unit, ChangeKind.MEMBER_REMOVED, "system", origin, group=name, member=actor)
    if wanted != set(now):
        await touch_accounts(unit, [account_id], version.version)


def _may_edit(caller: Identity, kept: KeptGrant, here: Circumstances, *, leaving: bool) -> bool:
    """Whether the caller may change who a grant to a group reaches; `leaving`: fewer, else more."""
    grant = kept.grant
    if grant.effect is Effect.DENY and leaving:
        made = Made(kept.made_by, kept.made_over)
        return may_lift(caller.rights, caller.subject.actor, grant, made, here)
    if grant.effect is Effect.DENY or leaving:
        return manages(caller.rights, Scope(grant.repository, grant.tag), here)
    return may_confer(caller, grant, here)


async def _grants_to(reader: Reader, group_id: int) -> list[KeptGrant]:
    rows = await reader.all(GRANTS_TO, kind=int(GranteeKind.GROUP), subject_id=group_id, after=0, limit=_MOST_GRANTS)
    return await kept_of(reader, rows)


async def _account(reader: Reader, member: str) -> int:
    grantee = await resolve(reader, member)
    if grantee.kind is not GranteeKind.ACCOUNT:
        raise Invalid("member", "a member is user:NAME or robot:NAMESPACE+NAME")
    return grantee.id


async def _keep_administrator(unit: Unit, group: Group) -> None:
    """Raise `Conflict` when a change of a group with a say on everything left no administrator."""
    if any(kept.grant.repository == "**" for kept in await _grants_to(unit, group.id)):
        await require_administrator_left(unit)


async def _note(unit: Unit, kind: ChangeKind, actor: str, origin: Origin, *, group: str, member: str = "") -> None:
    data: dict[str, object] = {"group": group, "member": member} if member else {"group": group}
    await note(unit, kind, actor=actor, origin=origin, data=data)
