"""What a permit by path says of the whole of a path."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from holdfast.access.errors import Denied
from holdfast.access.model import ANONYMOUS, PathPermit
from holdfast.access.policy.decide import Bound, Rights
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
from holdfast.journal.model import Origin

_ME = Grantee(GranteeKind.ACCOUNT, 1, "user:me")
_HERE = Circumstances("10.0.0.7", 1000)


_ALWAYS = Conditions()


def allow(role: str, scope: str, conditions: Conditions = _ALWAYS, expires_at: int = 0) -> Grant:
    return Grant(1, Effect.ALLOW, _ME, role, BUILT_IN_ROLES[role], scope, None, conditions, expires_at)


def deny(action: Action, scope: str) -> Grant:
    return Grant(2, Effect.DENY, _ME, None, frozenset({action}), scope)


def permit(*grants: Grant, bounds: tuple[Bound, ...] | None = None) -> PathPermit:
    return PathPermit(ANONYMOUS, "", 1, Origin(""), Rights("user:me", grants, {}, bounds), _HERE)


_NEAR = Conditions(networks=(ip_network("10.0.0.0/8"),))
_FAR = Conditions(networks=(ip_network("192.0.2.0/24"),))


@pytest.mark.parametrize(
    ("held", "path", "expected"),
    [
        (permit(allow("administrator", "**")), "", True),
        (permit(allow("administrator", "**"), deny(Action.SETTINGS, "team/secret/**")), "team", False),
        (permit(allow("administrator", "**"), deny(Action.SETTINGS, "team/secret/**")), "other", True),
        (permit(allow("maintainer", "team/**")), "team", True),
        (permit(allow("maintainer", "team/**")), "team/app", True),
        (permit(allow("maintainer", "team/**")), "", False),
        (permit(allow("maintainer", "team/app")), "team", False),
        (permit(allow("maintainer", "team/**", _NEAR)), "team", True),
        (permit(allow("maintainer", "team/**", _FAR)), "team", False),
        (permit(allow("maintainer", "team/**", expires_at=2000)), "team", True),
        (permit(allow("maintainer", "team/**", expires_at=500)), "team", False),
        (permit(allow("maintainer", "**"), bounds=(Bound(frozenset({Action.SETTINGS}), "team/**"),)), "team", True),
        (permit(allow("maintainer", "**"), bounds=(Bound(frozenset({Action.SETTINGS}), "team/**"),)), "", False),
        (permit(), "team", False),
    ],
)
def test_the_whole_of_a_path(held: PathPermit, path: str, expected: bool) -> None:
    assert held.lacks(Action.SETTINGS, path) is not expected
    if not expected:
        with pytest.raises(Denied):
            held.require_all(Action.SETTINGS, path)
    else:
        held.require_all(Action.SETTINGS, path)


@pytest.mark.parametrize(("scope", "expected"), [("**", True), ("team/**", False)])
def test_what_is_of_the_installation_is_of_no_path(scope: str, expected: bool) -> None:
    held = permit(allow("operator", scope))
    assert held.system(Action.OPERATE) is expected
    assert held.lacks(Action.OPERATE, "team") is not expected
