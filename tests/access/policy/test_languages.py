"""Whether scopes lie inside others, or meet: tables."""

from __future__ import annotations

import pytest

from holdfast.access.policy.globs import parse_scope
from holdfast.access.policy.languages import Scope, below, inside, is_above, meet


def scope(text: str) -> Scope:
    repository, tag = parse_scope(text)
    return Scope(repository.text, tag.text if tag else None)


@pytest.mark.parametrize(
    ("one", "others"),
    [
        ("a/b", ["a/**"]),
        ("a", ["a/**"]),
        ("a/**", ["a", "a/*/**"]),
        ("a/**", ["a", "a/*", "a/*/*/**"]),
        ("**", ["*", "*/**"]),
        ("a/x*", ["a/*"]),
        ("a/*/c", ["a/**/c"]),
        ("a/x*y", ["a/x*"]),
        ("a/b:v1*", ["a/*:v*"]),
        ("a/b:v1*", ["a/b"]),
        ("a/b", ["a/b:*"]),
        ("a/*:v*", ["a/**:v*"]),
        ("a/b*c", ["a/b*", "x/**"]),
    ],
)
def test_inside(one: str, others: list[str]) -> None:
    assert inside(scope(one), [scope(other) for other in others], tags=True)


@pytest.mark.parametrize(
    ("one", "others"),
    [
        ("a/**", ["a/*"]),
        ("a/**", ["a/*/**"]),
        ("a/**", ["a", "a/*", "a/*/*"]),
        ("a/*", ["a/x*", "a/*x"]),
        ("a/b", ["a/b:v*"]),
        ("a/b:v*", ["a/b:v1*", "a/c:v*"]),
        ("a/**", ["a/b/**", "a/c/**"]),
        ("**", ["a/**"]),
        ("a", []),
        ("a", ["b/**"]),
        ("ab", ["a/**"]),
    ],
)
def test_not_inside(one: str, others: list[str]) -> None:
    assert not inside(scope(one), [scope(other) for other in others], tags=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a/**", "a"), ("a/x*", "a/*y"), ("**/b", "a/**"), ("a/*:v*", "a/b:*1"), ("a/b", "a/b:x"), ("*", "**")],
)
def test_meet(one: str, other: str) -> None:
    assert meet(scope(one), scope(other), tags=True)
    assert meet(scope(other), scope(one), tags=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a/*", "a"), ("a/x*", "a/y*"), ("a/*", "a/*/*"), ("a/b:v*", "a/b:w*"), ("a/**", "ab/**"), ("**/a", "**/b")],
)
def test_apart(one: str, other: str) -> None:
    assert not meet(scope(one), scope(other), tags=True)
    assert not meet(scope(other), scope(one), tags=True)


def test_tags_count_only_where_they_are_asked_for() -> None:
    assert meet(scope("a/b:v*"), scope("a/b:w*"), tags=False)
    assert inside(scope("a/b"), [scope("a/b:v*")], tags=False)


def test_hostile_globs_end() -> None:
    wild = scope("/".join(["**", "*a*b*"] * 20))
    other = scope("/".join(["**", "*b*a*"] * 20))
    inside(wild, [other], tags=True)
    meet(wild, other, tags=True)
    inside(scope("*a" * 100), [scope("*b" * 100), scope("*a*" + "?" * 0 + "a*b")], tags=False)


def test_paths() -> None:
    assert below("team") == Scope("team/**")
    assert below("") == Scope("**")
    assert [is_above(*pair) for pair in (("", "a"), ("a", "a"), ("a", "a/b"), ("a", "ab"), ("a/b", "a"))] == [
        True,
        True,
        True,
        False,
        False,
    ]
