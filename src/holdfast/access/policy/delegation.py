"""What the holder of rights may pass on, decided exactly over whole scopes. Pure.

Two questions. *Managing* a scope: holding manage-access, now, on every repository that the scope can match. *Holding*
an action over a scope: on every repository and tag that it can match, without conditions, for as long as what is made
will last, met by no deny, within the limits of the key that is used. Whoever makes a grant must manage its scope and
hold over it each action that the grant confers there. Public visibility counts for neither: it can be taken back, and
what was made by it would stay. An unconditional administrator may do all of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from holdfast.access.policy.conditions import hold
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.languages import Scope, below, inside, is_above, meet
from holdfast.access.policy.model import SYSTEM_ACTIONS, TAG_ACTIONS, Action, Circumstances, Grant

EVERYTHING = Scope("**")


class Made(NamedTuple):
    """Who made a grant, and how far up he managed access then (`reach`)."""

    by: str
    over: str


def administers(rights: Rights, until: int, circumstances: Circumstances) -> bool:
    """Whether the holder is an administrator without conditions, until `until` (microseconds; 0: for ever)."""
    return holds(rights, Action.ADMINISTER, EVERYTHING, until, circumstances)


def conferred(actions: Iterable[Action], scope: Scope) -> frozenset[Action]:
    """What a grant of these actions on `scope` really confers: with tags only what is about tags, and what is about the
    installation only on everything."""
    every = frozenset(actions)
    if scope.tag is not None:
        return every & TAG_ACTIONS
    return every if scope.everything else every - SYSTEM_ACTIONS


def missing(
    rights: Rights, actions: Iterable[Action], scope: Scope, until: int, circumstances: Circumstances
) -> list[Action]:
    """Those of `actions` that the holder may not confer over `scope` until `until`; sorted."""
    if administers(rights, until, circumstances):
        return []
    bearing = _lasting(rights, scope, until, circumstances)
    return sorted(action for action in actions if not _held(rights, action, scope, bearing))


def holds(
    rights: Rights, action: Action, scope: Scope, until: int, circumstances: Circumstances, *, beside: int = 0
) -> bool:
    """Whether the holder has `action` over the whole of `scope`, without conditions, at least until `until`
    (microseconds; 0: for ever). `circumstances`: for its time, to leave out what has ended. `beside`: the id of a deny
    that is left out."""
    return _held(rights, action, scope, _lasting(rights, scope, until, circumstances, beside=beside))


def manages(rights: Rights, scope: Scope, circumstances: Circumstances) -> bool:
    """Whether the holder has manage-access, under these circumstances, on every repository that `scope` can match.
    Where there is no literal prefix, only administrators have."""
    if rights.system(Action.ADMINISTER, circumstances):
        return True
    return bool(scope.home) and _now(rights, Action.MANAGE_ACCESS, scope, circumstances)


def oversees(rights: Rights, scope: Scope, circumstances: Circumstances) -> bool:
    """Whether the holder may see who may do what on every repository that `scope` can match: by manage-access or by
    read-audit."""
    return manages(rights, scope, circumstances) or _now(rights, Action.READ_AUDIT, scope, circumstances)


def reach(rights: Rights, scope: Scope, circumstances: Circumstances) -> str:
    """How far up the holder manages access above `scope`, which it manages: the shortest path of which all is managed
    ('' of an administrator), else the scope's own glob."""
    if rights.system(Action.ADMINISTER, circumstances):
        return ""
    parts = scope.home.split("/")
    for depth in range(1, len(parts) + 1):
        path = "/".join(parts[:depth])
        if manages(rights, below(path), circumstances):
            return path
    return scope.repository


def may_lift(rights: Rights, actor: str, deny: Grant, made: Made, circumstances: Circumstances) -> bool:
    """Whether the holder, called `actor`, may remove a deny: it manages the deny's scope, the deny was not made from
    above its own reach, and it holds over the scope what the deny takes; its own deny aside, this one included."""
    if administers(rights, 0, circumstances):
        return True
    scope = _scope(deny)
    if not manages(rights, scope, circumstances):
        return False
    own = made.by == actor
    if not own and not is_above(reach(rights, scope, circumstances), made.over):
        return False
    return all(
        holds(rights, action, scope, 0, circumstances, beside=deny.id if own else 0)
        for action in conferred(deny.actions, scope)
    )


class _Bearing(NamedTuple):
    """The allows and denies that bear on a scope."""

    allows: list[Grant]
    denies: list[Grant]


def _lasting(rights: Rights, scope: Scope, until: int, circumstances: Circumstances, *, beside: int = 0) -> _Bearing:
    """What counts for whoever passes rights on until `until`."""
    allows, denies = rights.near(scope.home)
    return _Bearing(
        [grant for grant in allows if not grant.conditions.any and _lasts(grant, until, circumstances.now)],
        [grant for grant in denies if grant.id != beside and not _ended(grant, circumstances.now)],
    )


def _held(rights: Rights, action: Action, scope: Scope, bearing: _Bearing) -> bool:
    if action in SYSTEM_ACTIONS and not scope.everything:
        return False
    return _over(rights, action, scope, bearing.allows, bearing.denies)


def may_all(rights: Rights, action: Action, scope: Scope, circumstances: Circumstances) -> bool:
    """Whether the holder may do `action`, under these circumstances, on every repository that `scope` can match; for
    who does it, not who passes it on. A deny anywhere in it wins, over administrators too."""
    if action in SYSTEM_ACTIONS:
        return rights.system(action, circumstances)
    return _now(rights, action, scope, circumstances)


def _now(rights: Rights, action: Action, scope: Scope, circumstances: Circumstances) -> bool:
    """Whether the holder has a repository action on the whole of `scope`, under these circumstances."""
    allows, denies = ([each for each in found if hold(each, circumstances)] for found in rights.near(scope.home))
    return _over(rights, action, Scope(scope.repository), allows, denies)


def _over(rights: Rights, action: Action, scope: Scope, allows: list[Grant], denies: list[Grant]) -> bool:
    """Whether `action` is allowed on the whole of `scope` by these allows, and nowhere by these denies, nor out of the
    limits of the key."""
    tags = action in TAG_ACTIONS
    if any(meet(scope, deny, tags=tags) for deny in _scopes(denies, action)):
        return False
    if not inside(scope, _scopes(allows, action), tags=tags):
        return False
    if rights.bounds is None:
        return True
    bounds = [
        Scope(bound.repository, bound.tag)
        for bound in rights.bounds
        if action in bound.actions and (bound.tag is None or tags)
    ]
    return inside(scope, bounds, tags=tags)


def _scopes(grants: list[Grant], action: Action) -> list[Scope]:
    """Where these grants speak of `action` at all."""
    return [
        _scope(grant)
        for grant in grants
        if action in grant.actions
        and (grant.tag is None or action in TAG_ACTIONS)
        and (action not in SYSTEM_ACTIONS or _scope(grant).everything)
    ]


def _scope(grant: Grant) -> Scope:
    return Scope(grant.repository, grant.tag)


def _lasts(grant: Grant, until: int, now: int) -> bool:
    return not grant.expires_at or (bool(until) and grant.expires_at >= until and now < grant.expires_at)


def _ended(grant: Grant, now: int) -> bool:
    return bool(grant.expires_at and now and now >= grant.expires_at)
