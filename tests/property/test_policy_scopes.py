"""Inclusion and intersection of scopes against plain enumeration of short names and tags."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.access.policy.languages import Scope, inside, meet

SEGMENTS = ("a", "b", "ab", "ba", "aab")
NAMES = ["/".join(parts) for depth in (1, 2, 3) for parts in product(SEGMENTS, repeat=depth)]
TAGS = [*SEGMENTS, "bb", "abb"]

patterns = st.sampled_from(["a", "b", "*", "a*", "*a", "*b*", "a*b", "**"])
repositories = st.lists(patterns, min_size=1, max_size=3).map("/".join)
tag_globs = st.none() | st.sampled_from(["*", "a*", "*b", "a", "a*b", "b*"])
scopes = st.builds(Scope, repositories, tag_globs)


def fits(glob: str, text: str) -> bool:
    """Whether `text` matches a glob of which `*` is special: by the definition, letter by letter."""
    if not glob:
        return not text
    if glob[0] == "*":
        return fits(glob[1:], text) or (bool(text) and fits(glob, text[1:]))
    return bool(text) and text[0] == glob[0] and fits(glob[1:], text[1:])


def reaches(globs: list[str], parts: list[str]) -> bool:
    """Whether a name matches a glob: by the definition, segment by segment."""
    if not globs:
        return not parts
    if globs[0] == "**":
        return reaches(globs[1:], parts) or (bool(parts) and reaches(globs, parts[1:]))
    return bool(parts) and fits(globs[0], parts[0]) and reaches(globs[1:], parts[1:])


def words(scope: Scope, *, tags: bool) -> set[tuple[str, str]]:
    names = [name for name in NAMES if reaches(scope.repository.split("/"), name.split("/"))]
    return {
        (name, tag) for name in names for tag in (TAGS if tags else [""]) if not tags or fits(scope.tag or "*", tag)
    }


@settings(max_examples=400, deadline=None)
@given(scopes, st.lists(scopes, min_size=1, max_size=3), st.booleans())
def test_inside_is_never_said_of_what_is_not(scope: Scope, others: list[Scope], tags: bool) -> None:
    if inside(scope, others, tags=tags):
        assert words(scope, tags=tags) <= set().union(*(words(other, tags=tags) for other in others))


@settings(max_examples=400, deadline=None)
@given(scopes, scopes, st.booleans())
def test_meeting_is_never_missed(scope: Scope, other: Scope, tags: bool) -> None:
    if words(scope, tags=tags) & words(other, tags=tags):
        assert meet(scope, other, tags=tags)
        assert meet(other, scope, tags=tags)


@settings(max_examples=200, deadline=None)
@given(scopes, st.lists(scopes, max_size=2), st.booleans())
def test_a_scope_is_inside_itself_and_what_is_inside_meets(scope: Scope, others: list[Scope], tags: bool) -> None:
    assert inside(scope, [*others, scope], tags=tags)
    assert inside(scope, [Scope("**")], tags=tags)
    if words(scope, tags=tags) and inside(scope, others, tags=tags):
        assert any(meet(scope, other, tags=tags) for other in others)
