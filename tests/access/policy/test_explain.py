"""Explanations: that what they say would allow it does, and that they name what made the difference."""

from __future__ import annotations

import shlex

import pytest
from tests.access.policy.place import ALICE, DEVELOPERS, EVERYONE, HERE, allow, deny, rights

from holdfast.access.policy.decide import Bound, Rights
from holdfast.access.policy.explain import Extent, explain, least_role, opened_at
from holdfast.access.policy.model import BUILT_IN_ROLES, SYSTEM_ACTIONS, TAG_ACTIONS, Action
from holdfast.access.policy.reasons import OUT_OF_BOUNDS


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("tag", [None, "v1"])
def test_the_remedy_allows_it(action: Action, tag: str | None) -> None:
    told = explain(rights(), action, "team/app", tag, HERE)
    assert (told.extent, told.reason) == (Extent.NONE, "no rule gives this right")
    *verb, subject, role, scope = shlex.split(told.remedy)
    assert (verb, subject) == (["holdfast", "grant", "add"], "user:alice")
    assert action in BUILT_IN_ROLES[role]
    assert explain(rights(allow(role, scope)), action, "team/app", tag, HERE).extent is Extent.ALL


def test_the_least_role() -> None:
    found = {action: least_role(action) for action in Action}
    assert found[Action.PULL] == found[Action.LIST] == "reader"
    assert found[Action.CREATE_TAG] == "writer"
    assert found[Action.DELETE_TAG] == "maintainer"
    assert found[Action.MANAGE_ACCESS] == "owner"
    assert found[Action.READ_AUDIT] == "auditor"
    assert found[Action.OPERATE] == "operator"
    assert found[Action.ADMINISTER] == "administrator"


def test_removing_what_the_remedy_names_allows_it() -> None:
    grants = [
        allow("owner", "team/**", id=1),
        deny({Action.PULL}, "team/**:v*", DEVELOPERS, id=2),
        deny({Action.PULL}, "**", EVERYONE, id=3),
        deny({Action.PULL}, "team/**:w*", id=4),
    ]
    told = explain(rights(*grants), Action.PULL, "team/app", "v1", HERE)
    assert told.remedy == "removing grant 2, 3"
    left = [grant for grant in grants if grant.id not in (2, 3)]
    assert explain(rights(*left), Action.PULL, "team/app", "v1", HERE).allowed


def test_where_it_is_inherited_from() -> None:
    held = rights(allow("reader", "**", id=1), allow("writer", "team/app", id=2), allow("owner", "team/*", id=3))
    told = explain(held, Action.PULL, "team/app", None, HERE)
    assert [(rule.grant.id, rule.inherited_from) for rule in told.rules] == [(1, ""), (2, "team/app"), (3, "team")]
    assert told.reason.endswith("inherited from the root")
    direct = explain(held, Action.CREATE_TAG, "team/app", None, HERE)
    assert direct.reason == "allowed by grant 2 (user:alice: writer on team/app)"


def test_a_grant_with_tags_gives_no_repository_action() -> None:
    held = rights(allow("owner", "team/**:*"))
    for action in sorted(set(Action) - TAG_ACTIONS - SYSTEM_ACTIONS):
        told = explain(held, action, "team/app", None, HERE)
        assert not told.allowed
        assert "it names tags, and this action is of the repository as a whole" in told.reason


def test_the_limits_of_a_key_are_told_from_missing_rights() -> None:
    bounds = (Bound(frozenset({Action.PULL}), "team/**", "v*"),)
    held = Rights("user:alice", [allow("writer", "team/**", ALICE)], {"open": True}, bounds)
    assert explain(held, Action.PULL, "team/app", "v1", HERE).allowed
    for action, name, tag in (
        (Action.PULL, "team/app", "w1"),
        (Action.SIGN, "team/app", "v1"),
        (Action.LIST, "open", None),
    ):
        assert explain(held, action, name, tag, HERE).reason == OUT_OF_BOUNDS
    assert explain(held, Action.DELETE_TAG, "team/app", "v1", HERE).reason == "no rule gives this right"


def test_where_it_is_opened() -> None:
    held = rights(public={"": False, "open": True, "open/shut": False})
    assert [opened_at(held, name) for name in ("open", "open/a/b", "open/shut/a", "x")] == ["open", "open", None, None]
    assert explain(rights(public={"": True}), Action.PULL, "x", "v1", HERE).reason == (
        "the whole registry is open to everyone"
    )
