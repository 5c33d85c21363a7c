"""What bounds a new key: what was asked for, never more than the key that it is made with."""

from __future__ import annotations

import json
from collections.abc import Sequence

from holdfast.access.errors import Denied, Invalid
from holdfast.access.keys.bounds import read_bounds
from holdfast.access.keys.model import Asked
from holdfast.access.keys.store import PARENT, PARENT_OF_TOKEN, ROLE, Parent
from holdfast.access.model import CredentialKind, Identity
from holdfast.access.policy.decide import Bound
from holdfast.access.policy.globs import GlobInvalid, RepositoryGlob, TagGlob
from holdfast.access.policy.languages import Scope, inside
from holdfast.access.policy.model import BUILT_IN_ROLES, TAG_ACTIONS, Action
from holdfast.db.port import Reader

BOUNDS_LIMIT = 50
EVERYTHING = (Bound(frozenset(Action), "**"),)
"""As bounds: none."""


async def read_asked(reader: Reader, asked: Sequence[Asked]) -> tuple[Bound, ...]:
    """The bounds that are asked for, roles as the actions that they are now. Raises `Invalid`."""
    if not 0 < len(asked) <= BOUNDS_LIMIT:
        raise Invalid("bounds", f"a key has 1 to {BOUNDS_LIMIT} bounds, or none at all")
    return tuple([await _bound(reader, each) for each in asked])


async def within(reader: Reader, caller: Identity, bounds: tuple[Bound, ...] | None) -> tuple[Bound, ...] | None:
    """`bounds`, or those of the key that the caller came by when none were asked for. Raises `Denied` when they reach
    beyond it."""
    parent = await _parent(reader, caller)
    limits = [caller.rights.bounds, read_bounds(parent.limits) if parent is not None else None]
    for limit in limits:
        if limit is None:
            continue
        if bounds is None:
            bounds = limit
        elif not all(_covered(bound, limit) for bound in bounds):
            raise Denied("a key made with a key may do no more than that one")
    return bounds


async def no_later(reader: Reader, caller: Identity, expires_at: int | None) -> int | None:
    """`expires_at`, but not after the key that the caller came by."""
    parent = await _parent(reader, caller)
    ends = [end for end in (expires_at, parent.expires_at if parent is not None else None) if end is not None]
    return min(ends, default=None)


async def parent_id(reader: Reader, caller: Identity) -> int:
    """The key that the caller came by, 0: none."""
    parent = await _parent(reader, caller)
    return parent.id if parent is not None else 0


async def _parent(reader: Reader, caller: Identity) -> Parent | None:
    """The key that the caller came by, by itself or by a refresh token."""
    if caller.credential.kind is CredentialKind.KEY:
        return await reader.one(PARENT, id=caller.credential.id)
    if caller.credential.kind is CredentialKind.REFRESH:
        return await reader.one(PARENT_OF_TOKEN, id=caller.credential.id)
    return None


async def _bound(reader: Reader, asked: Asked) -> Bound:
    try:
        RepositoryGlob.parse(asked.repository)
        if asked.tag is not None:
            TagGlob.parse(asked.tag)
    except GlobInvalid as error:
        raise Invalid("bounds", str(error)) from error
    if (asked.role is None) == (not asked.actions):
        raise Invalid("bounds", "a bound names a role, or actions")
    known = set(Action)
    names = set(asked.actions) if asked.role is None else await _of_role(reader, asked.role)
    if unknown := sorted(names - known):
        raise Invalid("bounds", f"there is no action {unknown[0][:64]!r}")
    actions = frozenset(Action(name) for name in names)
    if asked.tag is not None and not (actions := actions & TAG_ACTIONS):
        raise Invalid("bounds", "none of these actions is about tags")
    return Bound(actions, asked.repository, asked.tag)


async def _of_role(reader: Reader, name: str) -> set[str]:
    if name in BUILT_IN_ROLES:
        return set(map(str, BUILT_IN_ROLES[name]))
    row = await reader.one(ROLE, name=name)
    if row is None:
        raise Invalid("bounds", f"there is no role {name[:64]!r}")
    return set(json.loads(row.actions))


def _covered(bound: Bound, limits: Sequence[Bound]) -> bool:
    """Whether `limits` allow every action of `bound` all over it."""
    scope = Scope(bound.repository, bound.tag)
    return all(_action_covered(action, scope, limits) for action in bound.actions)


def _action_covered(action: Action, scope: Scope, limits: Sequence[Bound]) -> bool:
    tags = action in TAG_ACTIONS
    others = [
        Scope(each.repository, each.tag) for each in limits if action in each.actions and (each.tag is None or tags)
    ]
    return inside(scope, others, tags=tags)
