"""What grants allow: the rules of the engine, one by one."""

from __future__ import annotations

import pytest
from tests.access.policy.place import DEVELOPERS, EVERYONE, HERE, NOW, allow, deny, rights

from holdfast.access.policy.decide import Bound, Rights, TagRights
from holdfast.access.policy.model import ANYWHERE, BUILT_IN_ROLES, SYSTEM_ACTIONS, TAG_ACTIONS, Action, Circumstances

REPOSITORY_ACTIONS = frozenset(Action) - TAG_ACTIONS - SYSTEM_ACTIONS


def test_developers_push_and_only_operations_pulls_production() -> None:
    developer = rights(
        allow("writer", "team/**", DEVELOPERS, id=1), deny({Action.PULL}, "team/**:prod-*", DEVELOPERS, id=2)
    )
    operations = rights(allow("reader", "team/**:prod-*"))
    assert developer.allows(Action.CREATE_TAG, "team/app", "prod-1", HERE)
    assert developer.allows(Action.PULL, "team/app", "dev-1", HERE)
    assert not developer.allows(Action.PULL, "team/app", "prod-1", HERE)
    assert operations.allows(Action.PULL, "team/app", "prod-1", HERE)
    assert not operations.allows(Action.PULL, "team/app", "dev-1", HERE)
    assert not operations.allows(Action.OVERWRITE, "team/app", "prod-1", HERE)


@pytest.mark.parametrize("role", BUILT_IN_ROLES)
@pytest.mark.parametrize("action", Action)
def test_a_grant_confers_what_its_role_lists_where_it_matches(role: str, action: Action) -> None:
    listed = action in BUILT_IN_ROLES[role]
    on_all, below, at_tags = (rights(allow(role, scope)) for scope in ("**", "team/**", "team/**:v*"))
    assert on_all.allows(action, "team/app", None, HERE) == listed
    assert on_all.system(action, HERE) == (listed and action in SYSTEM_ACTIONS) or action not in SYSTEM_ACTIONS
    assert below.allows(action, "team/app", None, HERE) == (listed and action not in SYSTEM_ACTIONS)
    assert below.allows(action, "team", None, HERE) == (listed and action not in SYSTEM_ACTIONS)
    assert not below.allows(action, "teams/app", None, HERE)
    assert at_tags.allows(action, "team/app", "v1", HERE) == (listed and action in TAG_ACTIONS)
    assert not at_tags.allows(action, "team/app", "w1", HERE)
    assert not at_tags.allows(action, "team/app", None, HERE)


@pytest.mark.parametrize("action", sorted(REPOSITORY_ACTIONS))
def test_repository_actions_come_only_from_grants_without_tags(action: Action) -> None:
    assert rights(allow({action}, "team/**:*")).tags(action, "team/app", HERE).nothing
    assert rights(allow({action}, "team/**")).tags(action, "team/app", HERE).everything


@pytest.mark.parametrize("action", sorted(REPOSITORY_ACTIONS))
def test_a_deny_with_tags_denies_no_repository_action(action: Action) -> None:
    held = rights(allow({action}, "team/**"), deny({action}, "team/**:*"))
    assert held.tags(action, "team/app", HERE).everything


def test_a_deny_wins_wherever_it_stands() -> None:
    held = rights(deny({Action.PULL}, "**"), allow("owner", "team/app"), allow("administrator", "**"))
    assert held.tags(Action.PULL, "team/app", HERE).nothing
    assert held.allows(Action.LIST, "team/app", None, HERE)
    named = rights(allow("owner", "team/app"), deny({Action.PULL}, "team/*:prod-*", EVERYONE))
    assert not named.allows(Action.PULL, "team/app", "prod-1", HERE)
    assert named.allows(Action.PULL, "team/app", "dev", HERE)
    assert not named.allows(Action.PULL, "team/app", None, HERE)


def test_what_a_deny_covers_is_nothing() -> None:
    tags = rights(allow("reader", "team/**:prod-*"), deny({Action.PULL}, "team/**:p*")).tags(
        Action.PULL, "team/app", HERE
    )
    assert tags.nothing
    assert not tags.everything


def test_system_actions_need_a_grant_on_everything() -> None:
    assert not rights(allow("administrator", "*")).system(Action.ADMINISTER, HERE)
    assert not rights(allow("administrator", "**:*")).system(Action.ADMINISTER, HERE)
    assert rights(allow("administrator", "**")).system(Action.ADMINISTER, HERE)
    held = rights(allow("administrator", "**"), deny({Action.OPERATE}, "**"))
    assert held.system(Action.ADMINISTER, HERE)
    assert not held.system(Action.OPERATE, HERE)


def test_public_paths_count_as_pull_and_list_and_the_longest_prefix_decides() -> None:
    held = rights(public={"open": True, "open/secret": False, "open/secret/door": True})
    for name, seen in {
        "open": True,
        "open/app": True,
        "open/secret": False,
        "open/secret/x": False,
        "open/secret/door/y": True,
        "opener": False,
        "x/open": False,
    }.items():
        assert held.allows(Action.PULL, name, "v1", HERE) == seen, name
        assert held.allows(Action.LIST, name, None, HERE) == seen, name
        assert not held.allows(Action.CREATE_TAG, name, "v1", HERE), name
    assert not rights(deny({Action.PULL}, "open/**"), public={"open": True}).allows(Action.PULL, "open/a", "v", HERE)
    assert rights(public={"": True}).allows(Action.PULL, "any", "v", HERE)


def test_the_bounds_of_a_key_intersect() -> None:
    grants = [allow("owner", "team/**"), deny({Action.PULL}, "team/**:secret-*")]
    bounds = (Bound(frozenset({Action.PULL, Action.LIST}), "team/app", "v*"), Bound(frozenset(Action), "other/**"))
    held = Rights("user:alice", grants, {"open": True}, bounds)
    assert held.allows(Action.PULL, "team/app", "v1", HERE)
    assert not held.allows(Action.PULL, "team/app", "w1", HERE)
    assert not held.allows(Action.PULL, "team/lib", "v1", HERE)
    assert not held.allows(Action.LIST, "team/app", None, HERE)
    assert not held.allows(Action.PULL, "other/app", "v1", HERE)
    assert not held.allows(Action.PULL, "open/app", "v1", HERE)
    assert not Rights("user:alice", [allow("administrator", "**")], {}, bounds).system(Action.ADMINISTER, HERE)
    whole = (Bound(frozenset(Action), "**"),)
    assert Rights("user:alice", [allow("administrator", "**")], {}, whole).system(Action.ADMINISTER, HERE)
    assert Rights("user:alice", grants, {}, ()).tags(Action.PULL, "team/app", HERE).nothing


def test_a_grant_that_ends_does_not_hold_once_it_ended_nor_when_the_time_is_unknown() -> None:
    held = rights(allow("reader", "team/**", expires_at=NOW + 1))
    assert held.allows(Action.PULL, "team/app", "v", HERE)
    assert not held.allows(Action.PULL, "team/app", "v", HERE._replace(now=NOW + 1))
    assert not held.allows(Action.PULL, "team/app", "v", ANYWHERE)
    assert not held.allows(Action.PULL, "team/app", "v", Circumstances("10.0.0.7", 0))
    denied = rights(allow("reader", "team/**"), deny({Action.PULL}, "team/**", expires_at=NOW + 1))
    assert not denied.allows(Action.PULL, "team/app", "v", HERE)
    assert not denied.allows(Action.PULL, "team/app", "v", ANYWHERE)
    assert denied.allows(Action.PULL, "team/app", "v", HERE._replace(now=NOW + 1))


def test_what_is_shown() -> None:
    held = rights(
        allow("reader", "team/app"),
        allow("reader", "team/apps/**"),
        allow("reader", "team/apps/deep/**:v*"),
        allow({Action.PULL}, "tags/**:prod-*"),
        allow({Action.CREATE_TAG}, "blind/**"),
        deny({Action.LIST}, "team/apps/hidden"),
        deny({Action.LIST, Action.PULL}, "team/apps/gone"),
        public={"open": True, "open/secret": False},
    )
    shown = held.shown(HERE)
    assert not shown.everything
    assert shown.prefixes() == ("open", "tags", "team/app", "team/apps")
    names = [
        "team/app",
        "team/app/x",
        "team/apps",
        "team/apps/hidden",
        "team/apps/gone",
        "tags/x",
        "blind/x",
        "open/x",
        "open/secret/x",
        "no",
    ]
    assert [name for name in names if shown.shows(name)] == [
        "team/app",
        "team/apps",
        "team/apps/hidden",
        "tags/x",
        "open/x",
    ]


def test_what_is_shown_to_whoever_may_see_all_and_to_whoever_may_see_nothing() -> None:
    everything = rights(allow("auditor", "**")).shown(HERE)
    assert (everything.everything, everything.prefixes(), everything.shows("a/b")) == (True, None, True)
    assert not rights(allow("auditor", "**"), deny({Action.LIST}, "a/**")).shown(HERE).everything
    assert not rights(allow("auditor", "**", expires_at=NOW)).shown(HERE).everything
    nothing = rights().shown(HERE)
    assert (nothing.everything, nothing.prefixes(), nothing.shows("a/b")) == (False, (), False)
    wild = rights(allow("reader", "a*")).shown(HERE)
    assert (wild.everything, wild.prefixes(), wild.shows("ab"), wild.shows("b")) == (False, None, True, False)
    bounded = Rights("x", [allow("administrator", "**")], {}, (Bound(frozenset(Action), "a/**"),)).shown(HERE)
    assert (bounded.everything, bounded.shows("a/b"), bounded.shows("b")) == (False, True, False)


def test_an_action_everywhere_is_met_by_no_deny_and_no_bound() -> None:
    whole = allow("reader", "**")
    assert rights(whole).everywhere(Action.PULL, HERE)
    assert not rights(whole).everywhere(Action.CREATE_TAG, HERE)
    assert not rights(allow("reader", "**:v*")).everywhere(Action.PULL, HERE)
    assert not rights(allow("reader", "team/**")).everywhere(Action.PULL, HERE)
    denied = rights(allow("administrator", "**"), deny({Action.PULL}, "team/x"))
    assert not denied.everywhere(Action.PULL, HERE)
    assert denied.everywhere(Action.LIST, HERE)
    for tag, wanted in ((None, True), ("v*", False)):
        bounded = Rights("user:alice", [whole], {}, (Bound(frozenset({Action.PULL}), "**", tag),))
        assert bounded.everywhere(Action.PULL, HERE) is wanted


def test_values_say_what_they_are_without_end() -> None:
    held = rights(allow("reader", "team/**:v*"), deny({Action.PULL}, "team/**:v0*"))
    tags = held.tags(Action.PULL, "team/app", HERE)
    assert repr(tags) == "<TagRights: v* not v0*>"
    assert repr(held) == "<Rights of user:alice: 2 grants>"
    assert repr(TagRights.ALL) == "<TagRights: everything>"
    assert repr(TagRights.NONE) == "<TagRights: nothing>"
    assert repr(tags._asked) == "<user:alice: pull in team/app>"


def test_what_is_looked_at_does_not_grow_with_the_grants_on_other_namespaces() -> None:
    """10,000 grants of one subject: a decision looks at those that live above the repository's name, and no others."""
    looked: list[str] = []

    class Counted(frozenset[Action]):
        def __contains__(self, action: object) -> bool:
            looked.append(str(action))
            return super().__contains__(action)

    globs = ("**", "app", "app*", "*/x", "lib/**", "a", "b", "c*", "d/*", "e")
    actions = Counted(BUILT_IN_ROLES["writer"])
    grants = [allow(actions, f"space-{n}/{glob}", id=n * 10 + i) for n in range(1000) for i, glob in enumerate(globs)]
    grants = [grant._replace(actions=actions) for grant in grants]
    held = rights(*grants, deny({Action.PULL}, "other/**"))
    for n in (1, 500, 999):
        looked.clear()
        assert held.allows(Action.PULL, f"space-{n}/app", "v1", HERE)
        assert len(looked) <= len(globs)
        looked.clear()
        assert held.allows(Action.PULL, f"space-{n}/app", "v1", HERE)
        assert looked == []  # remembered
