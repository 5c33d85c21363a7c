"""`Roles`: custom lists of actions. The built-in ones are the program's.

Promises: changing a role counts as granting it everywhere it is used: who may not grant the new list in each of those
places may not change it; a role that a grant names is not deleted; only administrators make roles that act on the
installation. Raises besides what is named: `Denied`, `Unknown`, `StalePermit`, `holdfast.db.errors`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from holdfast.access.delegating import circumstances_of, manages_somewhere, require_administrator, require_confer
from holdfast.access.errors import Changed, Conflict, Denied, Invalid, Unknown
from holdfast.access.grants.change import change
from holdfast.access.grants.listing import kept_of
from holdfast.access.grants.model import Role
from holdfast.access.grants.service import check_reach, read_actions
from holdfast.access.grants.sight import sees_all
from holdfast.access.grants.store import (
    ADD_ROLE,
    CHANGE_ROLE,
    GRANTS_BY_ROLE,
    REMOVE_ROLE,
    ROLE,
    ROLES,
    RoleRow,
)
from holdfast.access.model import Identity
from holdfast.access.names import description_text
from holdfast.access.policy.languages import Scope
from holdfast.access.policy.model import BUILT_IN_ROLES, SYSTEM_ACTIONS, Action, Circumstances
from holdfast.access.versions import touch_everyone
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

PAGE_LIMIT = 1001
_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*\Z")
_NAME_LIMIT = 64


class Roles:
    """The roles of an installation."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(
        self, caller: Identity, name: str, actions: Sequence[str], description: str | None = None, *, origin: Origin
    ) -> Role:
        """A new role; for who manages access on anything. Raises `Invalid`; `Conflict` when the name is taken."""
        listed = _listed(actions)
        about = description_text(description)
        if len(name) > _NAME_LIMIT or not _NAME.match(name):
            raise Invalid("name", f"a role's name has 1 to {_NAME_LIMIT} lower-case letters, digits, '.', '_' and '-'")

        async def create(unit: Unit, version: int, here: Circumstances) -> Role:
            if not manages_somewhere(caller, here):
                raise Denied("this needs 'manage-access' on some path", action=str(Action.MANAGE_ACCESS))
            if listed & SYSTEM_ACTIONS:
                require_administrator(caller, here)
            if name in BUILT_IN_ROLES or await unit.one(ROLE, name=name) is not None:
                raise Conflict(f"there is a role {name!r} already")
            await unit.run(
                ADD_ROLE,
                name=name,
                actions=_json(listed),
                description=about,
                made_by=caller.subject.actor,
                version=version,
            )
            role = Role(name, listed, about, False, unit.now, caller.subject.actor, version)
            await _note(unit, ChangeKind.ROLE_CREATED, caller, origin, role)
            return role

        return await change(self._db, caller, origin, create)

    async def change(
        self,
        caller: Identity,
        name: str,
        actions: Sequence[str],
        description: str | None = None,
        *,
        expected: int | None = None,
        origin: Origin,
    ) -> Role:
        """Give a custom role another list and description. Raises `Invalid`; `Conflict` for a built-in role; `Changed`
        unless the role's `changed` is `expected`."""
        listed = _listed(actions)
        about = description_text(description)

        async def change_role(unit: Unit, version: int, here: Circumstances) -> Role:
            role = await self._kept(unit, caller, name, here)
            if expected is not None and role.changed != expected:
                raise Changed
            if (listed | role.actions) & SYSTEM_ACTIONS:
                require_administrator(caller, here)
            used = await kept_of(unit, await unit.all(GRANTS_BY_ROLE, role=name))
            if not used:
                _require_maker(caller, role, here)
            for kept in used:
                scope = Scope(kept.grant.repository, kept.grant.tag)
                require_confer(caller, listed, scope, kept.grant.expires_at, here)
                check_reach("actions", listed, scope)
            await unit.run(CHANGE_ROLE, name=name, actions=_json(listed), description=about, version=version)
            await touch_everyone(unit, version)
            changed = role._replace(actions=listed, description=about, changed=version)
            await _note(unit, ChangeKind.ROLE_CHANGED, caller, origin, changed)
            return changed

        return await change(self._db, caller, origin, change_role)

    async def delete(self, caller: Identity, name: str, *, origin: Origin) -> None:
        """Delete a custom role; for its maker and administrators. Raises `Conflict` for a built-in role, and while a
        grant names it."""

        async def delete(unit: Unit, version: int, here: Circumstances) -> None:
            role = await self._kept(unit, caller, name, here)
            _require_maker(caller, role, here)
            used = await unit.all(GRANTS_BY_ROLE, role=name)
            if used:
                raise Conflict(f"the role {name!r} is in use: remove its {len(used)} grants first")
            await unit.run(REMOVE_ROLE, name=name)
            await _note(unit, ChangeKind.ROLE_DELETED, caller, origin, role)

        await change(self._db, caller, origin, delete)

    async def get(self, caller: Identity, name: str, *, origin: Origin) -> Role:
        """One role: built-in ones for everyone; custom ones for who manages access on anything, who has it, and who
        made it. Raises `Unknown`."""
        return await self._seen(self._db, caller, name, await circumstances_of(self._db, caller, origin))

    async def page(self, caller: Identity, *, after: str = "", limit: int = 100, origin: Origin) -> list[Role]:
        """Up to `limit` roles by name that the caller may see, built-in ones among them, those after `after`."""
        here = await circumstances_of(self._db, caller, origin)
        found = [role for name, role in _BUILT_IN.items() if name > after]
        most = max(1, min(limit, PAGE_LIMIT))
        at = after
        while True:
            rows = await self._db.all(ROLES, after=at, limit=most)
            found += [role for role in map(_role, rows) if self._may_see(caller, role, here)]
            if len(rows) < most or len(found) >= most + len(_BUILT_IN):
                break
            at = rows[-1].name
        return sorted(found, key=lambda role: role.name)[:most]

    async def _kept(self, reader: Reader, caller: Identity, name: str, here: Circumstances) -> Role:
        """A custom role that the caller may see."""
        role = await self._seen(reader, caller, name, here)
        if role.built_in:
            raise Conflict(f"{name!r} is built in: make a role of your own")
        return role

    async def _seen(self, reader: Reader, caller: Identity, name: str, here: Circumstances) -> Role:
        if name in _BUILT_IN:
            return _BUILT_IN[name]
        row = await reader.one(ROLE, name=name)
        if row is None or not self._may_see(caller, _role(row), here):
            raise Unknown(f"there is no role {name[:64]!r} in your sight")
        return _role(row)

    @staticmethod
    def _may_see(caller: Identity, role: Role, here: Circumstances) -> bool:
        return (
            role.made_by == caller.subject.actor
            or any(grant.role == role.name for grant in caller.rights.grants)
            or manages_somewhere(caller, here)
            or sees_all(caller, here)
        )


_BUILT_IN = {name: Role(name, actions, None, True, 0, "system", 0) for name, actions in BUILT_IN_ROLES.items()}


def _require_maker(caller: Identity, role: Role, here: Circumstances) -> None:
    """Who a role belongs to that nothing uses, or that nothing may use: its maker, and administrators."""
    if role.made_by != caller.subject.actor and not caller.rights.system(Action.ADMINISTER, here):
        raise Denied("a role belongs to its maker and to administrators")


def _listed(actions: Sequence[str]) -> frozenset[Action]:
    if not actions:
        raise Invalid("actions", "a role has at least one action")
    return read_actions(list(actions), "actions")


def _role(row: RoleRow) -> Role:
    known = set(Action)
    actions = frozenset(Action(name) for name in json.loads(row.actions) if name in known)
    return Role(row.name, actions, row.description, False, row.made_at, row.made_by, row.changed)


def _json(actions: frozenset[Action]) -> str:
    return json.dumps(sorted(actions))


async def _note(unit: Unit, kind: ChangeKind, caller: Identity, origin: Origin, role: Role) -> None:
    data: dict[str, object] = {"role": role.name, "actions": sorted(role.actions)}
    await note(unit, kind, actor=caller.subject.actor, origin=origin, data=data)
