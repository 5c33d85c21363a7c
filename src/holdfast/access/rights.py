"""From rows to grants as values, with what their roles confer at this moment; and which paths are open to everyone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

from holdfast.access.model import Subject, SubjectKind
from holdfast.access.policy.model import (
    BUILT_IN_ROLES,
    Action,
    Conditions,
    Effect,
    Grant,
    Grantee,
    GranteeKind,
)
from holdfast.access.policy.written import read_conditions
from holdfast.access.rights_store import (
    CUSTOM_ROLES,
    VISIBILITIES,
    GrantRow,
)
from holdfast.db.port import Reader

VISIBILITY = "visibility"
PUBLIC = "public"
_EFFECTS = {int(effect): effect for effect in Effect}
_NO_CONDITIONS = Conditions()


async def visibilities(reader: Reader) -> dict[str, bool]:
    """Every path whose visibility is set, and whether it is public."""
    return {row.path: row.value == PUBLIC for row in await reader.all(VISIBILITIES, name=VISIBILITY)}


async def roles_of(reader: Reader) -> dict[str, frozenset[Action]]:
    """Every role, built-in or custom, and the actions that it confers now."""
    custom = {role.name: _actions(role.actions) for role in await reader.all(CUSTOM_ROLES)}
    return {**custom, **BUILT_IN_ROLES}


async def grants_of(reader: Reader, rows: Sequence[GrantRow]) -> list[Grant]:
    """The rows of grants as values, with the actions that their roles confer now."""
    roles = await roles_of(reader)
    return [_grant(row, roles) for row in rows]


def _grant(row: GrantRow, roles: dict[str, frozenset[Action]]) -> Grant:
    return Grant(
        row.id,
        _EFFECTS[row.effect],
        _grantee(row.subject_kind, row.subject_id, row.account_name, row.account_kind, row.group_name),
        row.role,
        roles.get(row.role, frozenset()) if row.role is not None else _actions(row.actions or "[]"),
        row.repository,
        row.tag,
        conditions_of(row.conditions) if row.conditions is not None else _NO_CONDITIONS,
        row.expires_at or 0,
        row.note or "",
    )


@lru_cache(4096)
def _grantee(kind: int, id: int, account: str | None, account_kind: int | None, group: str | None) -> Grantee:
    if kind == GranteeKind.ANONYMOUS:
        return Grantee(GranteeKind.ANONYMOUS, id, "anonymous")
    if kind == GranteeKind.GROUP:
        return Grantee(GranteeKind.GROUP, id, f"group:{group}")
    return Grantee(GranteeKind.ACCOUNT, id, Subject(id, account or "", SubjectKind(account_kind or 0)).actor)


@lru_cache(4096)
def conditions_of(text: str | None) -> Conditions:
    """The conditions that a row keeps as JSON."""
    return read_conditions(json.loads(text)) if text is not None else Conditions()


@lru_cache(4096)
def _actions(text: str) -> frozenset[Action]:
    known = set(Action)
    return frozenset(Action(name) for name in json.loads(text) if name in known)
