"""Decisions and explanations over random grants, against a small reference that decides by the words of the rules."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.access.policy.decide import Bound, Rights
from holdfast.access.policy.explain import Extent, explain
from holdfast.access.policy.model import (
    SYSTEM_ACTIONS,
    TAG_ACTIONS,
    Action,
    Circumstances,
    Conditions,
    Effect,
    Grant,
    Grantee,
    GranteeKind,
    TimeWindow,
)
from holdfast.access.policy.reasons import STRANGER

NOON = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()) * 1_000_000  # a Friday
ACTIONS = [Action.PULL, Action.PULL, Action.SIGN, Action.LIST, Action.MANAGE_ACCESS, Action.ADMINISTER]
"""One or two of each sort: so that random rules often speak of what is asked."""
NAMES = ["a", "ab", "a/b", "a/b", "a/ab", "a/b/a", "b/a", "b/a/b/a"]
TAGS = ["v1", "v2", "prod-1", "w"]
GRANTEES = [
    Grantee(GranteeKind.ACCOUNT, 7, "user:alice"),
    Grantee(GranteeKind.GROUP, 3, "group:dev"),
    Grantee(GranteeKind.ANONYMOUS, 0, "anonymous"),
]

repositories = st.sampled_from(
    ["**", "**", "*", "a", "a/**", "a/**", "a/*", "a/b", "a/b/**", "*/b", "**/a", "a/**/a", "a*", "a/*b", "b/**"]
)
tag_globs = st.none() | st.sampled_from(["*", "v*", "v1", "prod-*", "*1", "p*1"])
conditions = st.builds(
    Conditions,
    st.sampled_from([(), (), (ip_network("10.0.0.0/8"),), (ip_network("2001:db8::/32"),)]),
    st.sampled_from(
        [
            (),
            (),
            (TimeWindow(days=(4,)),),
            (TimeWindow(days=(0, 1)),),
            (TimeWindow(start=60, end=120),),
            (TimeWindow(not_before=NOON),),
            (TimeWindow(not_after=NOON), TimeWindow(start=660, end=780)),
        ]
    ),
    st.sampled_from([{}, {}, {"ref": "main"}, {"ref": "m*"}]),
)
grants = st.lists(
    st.builds(
        Grant,
        st.integers(1, 99),
        st.sampled_from([Effect.ALLOW, Effect.ALLOW, Effect.DENY]),
        st.sampled_from(GRANTEES),
        st.just("custom"),
        st.frozensets(st.sampled_from(ACTIONS), min_size=2, max_size=4),
        repositories,
        tag_globs,
        conditions,
        st.sampled_from([0, 0, 0, NOON, NOON + 1]),
    ),
    max_size=6,
)
publics = st.dictionaries(st.sampled_from(["", "a", "a/b", "b", "b/a"]), st.booleans(), max_size=3)
bounds = st.none() | st.lists(
    st.builds(Bound, st.frozensets(st.sampled_from(ACTIONS), min_size=3), repositories, tag_globs), max_size=2
).map(tuple)
situations = st.builds(
    Circumstances,
    st.sampled_from(["", "10.1.2.3", "192.0.2.1", "2001:db8::1", "::ffff:10.0.0.1"]),
    st.sampled_from([0, NOON]),
    st.sampled_from([{}, {"ref": "main"}, {"ref": "feature"}]),
)
held = st.builds(Rights, st.just("user:alice"), grants, publics, bounds)


def fits(glob: str, text: str) -> bool:
    if not glob:
        return not text
    if glob[0] == "*":
        return fits(glob[1:], text) or (bool(text) and fits(glob, text[1:]))
    return bool(text) and text[0] == glob[0] and fits(glob[1:], text[1:])


def reaches(globs: list[str], parts: list[str]) -> bool:
    if not globs:
        return not parts
    if globs[0] == "**":
        return reaches(globs[1:], parts) or (bool(parts) and reaches(globs, parts[1:]))
    return bool(parts) and fits(globs[0], parts[0]) and reaches(globs[1:], parts[1:])


def counts(grant: Grant, here: Circumstances) -> bool:
    """Whether a grant counts: an allow only when everything is known to hold, a deny unless it is known not to."""
    unknown = grant.effect is Effect.DENY
    if grant.expires_at and (here.now >= grant.expires_at if here.now else not unknown):
        return False
    networks, times, claims = grant.conditions
    if networks:
        address = ip_address(here.address) if here.address else None
        mapped = getattr(address, "ipv4_mapped", None) or address
        if not (unknown if mapped is None else any(mapped in network for network in networks)):
            return False
    if times and not (unknown if not here.now else any(runs(window, here.now) for window in times)):
        return False
    for name, wanted in claims.items():
        if name not in here.claims:
            if not (unknown and not here.now):
                return False
        elif not fits(wanted, here.claims[name]):
            return False
    return True


def runs(window: TimeWindow, now: int) -> bool:
    """At a Friday's noon in UTC, which is all that is asked."""
    return (
        (not window.days or 4 in window.days)
        and (window.start == window.end or window.start <= 720 < window.end)
        and window.not_before <= now
        and (not window.not_after or now < window.not_after)
    )


def may(rights: Rights, action: Action, name: str, tag: str | None, here: Circumstances) -> bool:
    """Whether the action is allowed at a tag, or for what is not about tags in the repository: by the rules' words."""

    def about(repository: str, at: str | None) -> bool:
        if action in SYSTEM_ACTIONS:
            return repository == "**" and at is None
        if not reaches(repository.split("/"), name.split("/")):
            return False
        if at is None:
            return True
        return action in TAG_ACTIONS and tag is not None and fits(at, tag)

    speaking = [g for g in rights.grants if action in g.actions and about(g.repository, g.tag) and counts(g, here)]
    if any(grant.effect is Effect.DENY for grant in speaking):
        return False
    opened = action in (Action.PULL, Action.LIST) and is_open(rights, name)
    if not speaking and not opened:
        return False
    return rights.bounds is None or any(action in b.actions and about(b.repository, b.tag) for b in rights.bounds)


def is_open(rights: Rights, name: str) -> bool:
    above = [p for p in rights.public if not p or p == name or name.startswith(p + "/")]
    return bool(above) and rights.public[max(above, key=len)]


@settings(max_examples=600, deadline=None)
@given(held, st.sampled_from(ACTIONS), st.sampled_from(NAMES), situations, situations)
def test_the_engine_decides_by_the_words_of_the_rules(
    rights: Rights, action: Action, name: str, first: Circumstances, second: Circumstances
) -> None:
    for here in (first, second, first):  # what is remembered of one must not count for the other
        tags = rights.tags(action, name, here)
        for tag in TAGS:
            wanted = may(rights, action, name, tag if action in TAG_ACTIONS else None, here)
            assert tags.allows(tag) == wanted
            assert rights.allows(action, name, tag, here) == wanted
            assert not (tags.everything and not wanted)
            assert not (tags.nothing and wanted)
        if action in SYSTEM_ACTIONS:
            assert rights.system(action, here) == may(rights, action, name, None, here)


@settings(max_examples=300, deadline=None)
@given(held, st.sampled_from(NAMES), situations)
def test_what_is_shown_is_what_may_be_listed_or_pulled(rights: Rights, name: str, here: Circumstances) -> None:
    shown = rights.shown(here)
    pulls = any(may(rights, Action.PULL, name, tag, here) for tag in TAGS)
    if pulls or may(rights, Action.LIST, name, None, here):
        assert shown.shows(name)
        prefixes = shown.prefixes()
        assert prefixes is None or any(name == path or name.startswith(path + "/") for path in prefixes)
    if shown.everything:
        assert shown.shows(name)
        assert not rights.tags(Action.LIST, name, here).nothing or not rights.tags(Action.PULL, name, here).nothing


@settings(max_examples=600, deadline=None)
@given(held, st.sampled_from(ACTIONS), st.sampled_from(NAMES), st.none() | st.sampled_from(TAGS), situations)
def test_an_explanation_never_contradicts_the_decision(
    rights: Rights, action: Action, name: str, tag: str | None, here: Circumstances
) -> None:
    told = explain(rights, action, name, tag, here)
    tags = rights.tags(action, name, here)
    asked = tag if action in TAG_ACTIONS else None
    assert told.allowed == (tags.allows(asked) if asked is not None else not tags.nothing)
    assert (told.extent is Extent.ALL) == rights.allows(action, name, asked, here)
    assert told.reason
    assert bool(told.remedy) != told.allowed
    counting = [rule for rule in told.rules if not rule.fails]
    if told.allowed:
        assert told.public_at is not None or any(rule.grant.effect is Effect.ALLOW for rule in counting)
        if told.extent is Extent.ALL:
            assert not any(rule.grant.effect is Effect.DENY for rule in counting)
    elif told.decisive and rights.bounds is None:
        blocking = [rule for rule in told.decisive if rule.grant.effect is Effect.DENY]
        assert all(not rule.fails for rule in blocking)
        assert blocking or all(rule.fails for rule in told.decisive)
    if not told.allowed and not any(grant.grantee.id for grant in rights.grants) and rights.bounds is None:
        assert STRANGER in str(rights.refuse(action, name, asked, here))


@settings(max_examples=300, deadline=None)
@given(held, st.sampled_from(ACTIONS), st.sampled_from(NAMES), st.none() | st.sampled_from(TAGS), situations)
def test_a_refusal_names_only_rules_of_the_subject_and_its_groups(
    rights: Rights, action: Action, name: str, tag: str | None, here: Circumstances
) -> None:
    refusal = rights.refuse(action, name, tag, here)
    rules = refusal.detail.get("rules", [])
    assert isinstance(rules, list)
    assert all("(user:alice:" in rule or "(group:dev:" in rule for rule in rules)
    assert "anonymous" not in str(refusal)
    others = [grant for grant in rights.grants if not reaches(grant.repository.split("/"), name.split("/"))]
    ids = {grant.id for grant in rights.grants if grant not in others}
    assert all(int(rule.split()[1]) in ids for rule in rules)
