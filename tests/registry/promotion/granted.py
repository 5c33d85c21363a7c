"""Permits by path for tests of the registry, from grants as people write them."""

from __future__ import annotations

from holdfast.access.model import UNCHECKED, PathPermit, Subject
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import BUILT_IN_ROLES, Action, Circumstances, Effect, Grant, Grantee, GranteeKind
from holdfast.journal.model import Origin

SOMEBODY = Subject(7, "somebody")
_HERE = Circumstances("127.0.0.1", 1_700_000_000_000_000)


def granted(*grants: str) -> PathPermit:
    """The permit of somebody who holds `grants`: `ROLE SCOPE`, or `deny ACTION SCOPE`."""
    rights = Rights("user:somebody", [_grant(number, text.split()) for number, text in enumerate(grants)], {})
    return PathPermit(SOMEBODY, "", UNCHECKED, Origin("test"), rights, _HERE)


def everything() -> PathPermit:
    """The permit of an administrator."""
    return granted("administrator **")


def _grant(number: int, words: list[str]) -> Grant:
    repository, _, tag = words[-1].partition(":")
    who = Grantee(GranteeKind.ACCOUNT, SOMEBODY.id, "user:somebody")
    if words[0] == "deny":
        return Grant(number, Effect.DENY, who, None, frozenset({Action(words[1])}), repository, tag or None)
    return Grant(number, Effect.ALLOW, who, words[0], BUILT_IN_ROLES[words[0]], repository, tag or None)
