"""Rights as patterns: what may be told is like one of them, whatever the globs and names are."""

from __future__ import annotations

import apsw
from hypothesis import given
from hypothesis import strategies as st

from holdfast.access.policy.decide import Rights
from holdfast.access.policy.globs import GlobInvalid, RepositoryGlob
from holdfast.access.policy.model import ANYWHERE, Action, Effect, Grant, Grantee, GranteeKind
from holdfast.registry.reach.likes import ANY, SLOTS, beginning, containing, ending, likes, likes_of_all

PART = st.sampled_from(["a", "b", "ab", "a-b", "a_b", "a.b", "b__a"])
GLOB = st.lists(st.one_of(PART, st.sampled_from(["*", "**", "a*", "*b", "a*b"])), min_size=1, max_size=4)
NAME = st.lists(PART, min_size=1, max_size=4).map("/".join)
TEXT = st.text(alphabet="ab/_%\\-.", min_size=1, max_size=4)
MEMORY = apsw.Connection(":memory:")


def rights(globs: list[str], *, public: bool, denied: str = "") -> Rights:
    who = Grantee(GranteeKind.ACCOUNT, 3, "user:ann")
    actions = frozenset({Action.PULL, Action.LIST})
    grants = [Grant(n, Effect.ALLOW, who, "reader", actions, glob, None) for n, glob in enumerate(globs, 1)]
    if denied:
        grants.append(Grant(99, Effect.DENY, who, None, actions, denied))
    return Rights("user:ann", grants, {"a": public, "b/b": True})


def is_like(text: str, pattern: str) -> bool:
    ((found,),) = MEMORY.execute("select ? like ?", (text, pattern))
    return bool(found)


@given(st.lists(GLOB.map("/".join), max_size=SLOTS + 1), NAME, st.booleans())
def test_what_may_be_told_is_like_a_pattern(globs: list[str], name: str, public: bool) -> None:
    globs = [glob for glob in globs if valid(glob)]
    held = rights(globs, public=public, denied="b/a/**")
    shown = held.shown(ANYWHERE)
    for patterns in likes(shown), likes_of_all(held):
        assert sorted(patterns) == [f"like{n}" for n in range(1, SLOTS + 1)]
        assert not shown.shows(name) or any(is_like(name, pattern) for pattern in patterns.values())


@given(st.text(alphabet="ab/_-.", max_size=3), TEXT, st.text(alphabet="ab/_-.", max_size=3))
def test_what_a_name_has_it_is_like(head: str, text: str, tail: str) -> None:
    assert is_like(head + text + tail, containing(text))
    assert is_like(text + tail, beginning(text))
    assert is_like(head + text, ending(text))
    assert "\\" not in containing(text) + beginning(text) + ending(text), "PostgreSQL would take it for an escape"


def test_patterns_keep_out_what_no_grant_speaks_of() -> None:
    patterns = likes(rights(["*/sub/**", "team/app"], public=False).shown(ANYWHERE)).values()
    for name in ("other", "team/other", "team/app/x", "sub"):
        assert not any(is_like(name, pattern) for pattern in patterns), name
    everything = [rights(["**"], public=False), rights([f"a{n}/b" for n in range(SLOTS + 1)], public=False)]
    for held in everything:
        assert list(likes(held.shown(ANYWHERE)).values()) == [ANY, "", "", ""]


def valid(glob: str) -> bool:
    try:
        RepositoryGlob.parse(glob)
    except GlobInvalid:
        return False
    return True
