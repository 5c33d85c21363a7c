"""Grants for tests, said briefly."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.access.policy.decide import Rights
from holdfast.access.policy.globs import parse_scope
from holdfast.access.policy.model import (
    BUILT_IN_ROLES,
    Action,
    Circumstances,
    Conditions,
    Effect,
    Grant,
    Grantee,
    GranteeKind,
)

ALICE = Grantee(GranteeKind.ACCOUNT, 7, "user:alice")
DEVELOPERS = Grantee(GranteeKind.GROUP, 3, "group:developers")
EVERYONE = Grantee(GranteeKind.ANONYMOUS, 0, "anonymous")
NO_CONDITIONS = Conditions()
NOW = 1_700_000_000_000_000
HERE = Circumstances("10.0.0.7", NOW)


def allow(
    role: str | Iterable[Action],
    scope: str,
    grantee: Grantee = ALICE,
    *,
    conditions: Conditions = NO_CONDITIONS,
    expires_at: int = 0,
    id: int = 1,
) -> Grant:
    """A grant of a built-in role, or of these actions."""
    repository, tag = parse_scope(scope)
    actions = BUILT_IN_ROLES[role] if isinstance(role, str) else frozenset(role)
    name = role if isinstance(role, str) else "custom"
    return Grant(
        id, Effect.ALLOW, grantee, name, actions, repository.text, tag.text if tag else None, conditions, expires_at
    )


def deny(
    actions: Iterable[Action],
    scope: str,
    grantee: Grantee = ALICE,
    *,
    conditions: Conditions = NO_CONDITIONS,
    expires_at: int = 0,
    id: int = 2,
) -> Grant:
    """A deny of these actions."""
    repository, tag = parse_scope(scope)
    return Grant(
        id,
        Effect.DENY,
        grantee,
        None,
        frozenset(actions),
        repository.text,
        tag.text if tag else None,
        conditions,
        expires_at,
    )


def rights(*grants: Grant, public: dict[str, bool] | None = None) -> Rights:
    """What alice may by these grants."""
    return Rights("user:alice", grants, public or {})
