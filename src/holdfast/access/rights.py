"""From a credential that was found good to an identity: the subject, and its rights of this moment, in one snapshot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from holdfast.access.errors import Unauthenticated
from holdfast.access.model import ANONYMOUS, Credential, Identity, Recognised, Subject, SubjectKind
from holdfast.access.policy.decide import Rights
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
    ANONYMOUS_GRANTS,
    CUSTOM_ROLES,
    HOLDER,
    SUBJECT_GRANTS,
    VERSIONS,
    VISIBILITIES,
    GrantRow,
)
from holdfast.db.port import Database, Reader

VISIBILITY = "visibility"
PUBLIC = "public"


async def identify(db: Database, found: Recognised) -> Identity:
    """Who `found` is now, with all rights. Raises `Unauthenticated` when the account is gone, disabled or expired."""

    async def read(reader: Reader) -> Identity:
        version = await _version(reader)
        holder = await reader.one(HOLDER, id=found.account_id)
        if holder is None or (holder.expires_at is not None and holder.expires_at <= db.now()):
            raise Unauthenticated
        subject = Subject(found.account_id, holder.name, SubjectKind(holder.kind))
        rows = await reader.all(SUBJECT_GRANTS, id=found.account_id) + await reader.all(ANONYMOUS_GRANTS)
        rights = Rights(subject.actor, await grants_of(reader, rows), await visibilities(reader), found.bounds)
        ends = [end for end in (found.until, holder.expires_at) if end]
        return Identity(subject, version, rights, found.credential, min(ends, default=0), found.ceiling)

    return await db.snapshot(read)


async def nobody(db: Database, ceiling: Any = None) -> Identity:
    """The anonymous subject, with what everyone may."""

    async def read(reader: Reader) -> Identity:
        version = await _version(reader)
        grants = await grants_of(reader, await reader.all(ANONYMOUS_GRANTS))
        rights = Rights(ANONYMOUS.actor, grants, await visibilities(reader))
        return Identity(ANONYMOUS, version, rights, Credential(), 0, ceiling)

    return await db.snapshot(read)


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


async def _version(reader: Reader) -> int:
    row = await reader.one(VERSIONS)
    return row.version if row is not None else 0


def _grant(row: GrantRow, roles: dict[str, frozenset[Action]]) -> Grant:
    actions = roles.get(row.role, frozenset()) if row.role is not None else _actions(row.actions or "[]")
    kind = GranteeKind(row.subject_kind)
    return Grant(
        row.id,
        Effect(row.effect),
        Grantee(kind, row.subject_id, _grantee(kind, row)),
        row.role,
        actions,
        row.repository,
        row.tag,
        conditions_of(row.conditions),
        row.expires_at or 0,
        row.note or "",
    )


def _grantee(kind: GranteeKind, row: GrantRow) -> str:
    if kind is GranteeKind.ANONYMOUS:
        return "anonymous"
    if kind is GranteeKind.GROUP:
        return f"group:{row.group_name}"
    return Subject(row.subject_id, row.account_name or "", SubjectKind(row.account_kind or 0)).actor


@lru_cache(4096)
def conditions_of(text: str | None) -> Conditions:
    """The conditions that a row keeps as JSON."""
    return read_conditions(json.loads(text)) if text is not None else Conditions()


def _actions(text: str) -> frozenset[Action]:
    known = set(Action)
    return frozenset(Action(name) for name in json.loads(text) if name in known)
