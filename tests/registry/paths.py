"""Permits to manage paths, for tests of the registry: rights as grants say them, for a subject of the house."""

from __future__ import annotations

from holdfast.access.model import UNCHECKED, PathPermit, Subject
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import BUILT_IN_ROLES, Action, Circumstances, Effect, Grant, Grantee, GranteeKind
from holdfast.journal.model import Origin

WHO = Subject(7, "ann")


def rights_of(*grants: str, public: dict[str, bool] | None = None) -> Rights:
    """Rights of grants written `ROLE REPO-GLOB[:TAG-GLOB]`, or `deny:ACTION REPO-GLOB[:TAG-GLOB]`."""
    grantee = Grantee(GranteeKind.ACCOUNT, WHO.id, WHO.actor)
    made = []
    for number, text in enumerate(grants, 1):
        word, _, scope = text.partition(" ")
        repository, colon, tag = scope.partition(":")
        denied = word.removeprefix("deny:") if word.startswith("deny:") else None
        made.append(
            Grant(
                number,
                Effect.DENY if denied else Effect.ALLOW,
                grantee,
                None if denied else word,
                frozenset({Action(denied)}) if denied else BUILT_IN_ROLES[word],
                repository,
                tag if colon else None,
            )
        )
    return Rights(WHO.actor, made, public or {})


def may_manage(path: str, *grants: str, now: int = 0, public: dict[str, bool] | None = None) -> PathPermit:
    """The permit of somebody with these grants at `path`; without any: of who may do everything."""
    rights = rights_of(*grants, public=public) if grants or public is not None else Rights.EVERYTHING
    return PathPermit(WHO, path, UNCHECKED, Origin("test"), rights, Circumstances("", now))
