"""What globs match: tables, and that no glob makes a match slow."""

from __future__ import annotations

import pytest

from holdfast.access.policy.globs import GlobInvalid, RepositoryGlob, TagGlob, parse_scope, text_glob

REPOSITORIES = [
    ("**", ["a", "a/b", "a/b/c"], []),
    ("*", ["a", "team-a"], ["a/b"]),
    ("a", ["a"], ["ab", "a/b", "b"]),
    ("a/**", ["a", "a/b", "a/b/c"], ["ab", "ab/c", "b/a"]),
    ("a/*", ["a/b", "a/b.c"], ["a", "a/b/c", "b/a"]),
    ("a/*/**", ["a/b", "a/b/c"], ["a"]),
    ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["a", "b", "a/b/c", "x/a/b"]),
    ("**/b", ["b", "a/b", "a/c/b"], ["ab", "a/ab", "b/a"]),
    ("a/b*", ["a/b", "a/bc"], ["a/b/c", "a/cb"]),
    ("a/*-prod", ["a/x-prod", "a/-prod"], ["a/prod", "a/x-prod/y"]),
    ("a/x*y*z", ["a/xyz", "a/x1y2z"], ["a/xzy", "a/xy", "a/x/y/z"]),
    ("a/xy*yz", ["a/xyyz", "a/xy-yz"], ["a/xyz"]),
    ("**/a/**/b/**", ["a/b", "x/a/y/b/z", "a/a/b/b"], ["b/a", "a", "b"]),
    ("**/**", ["a", "a/b"], []),
    ("a/**/*", ["a/b", "a/b/c"], ["a"]),
    ("**/a/*/c/**/c", ["a/b/c/c", "a/a/c/x/c", "a/x/a/b/c/c"], ["a/b/c", "a/c/c"]),
]


@pytest.mark.parametrize(("glob", "inside", "outside"), REPOSITORIES, ids=[row[0] for row in REPOSITORIES])
def test_a_repository_glob_matches_whole_names(glob: str, inside: list[str], outside: list[str]) -> None:
    parsed = RepositoryGlob.parse(glob)
    assert [name for name in inside if not parsed.matches(name)] == []
    assert [name for name in outside if parsed.matches(name)] == []


@pytest.mark.parametrize(
    ("glob", "home", "literal"),
    [
        ("**", "", False),
        ("a*", "", False),
        ("a/**", "a", False),
        ("a/b", "a/b", True),
        ("a/b*", "a", False),
        ("a/b/*/c", "a/b", False),
    ],
)
def test_a_glob_lives_at_its_longest_literal_prefix(glob: str, home: str, literal: bool) -> None:
    parsed = RepositoryGlob.parse(glob)
    assert (parsed.home, parsed.literal) == (home, literal)


@pytest.mark.parametrize(
    ("glob", "inside", "outside"),
    [
        ("*", ["a", "v1.0", "Prod-1"], []),
        ("prod-*", ["prod-", "prod-1"], ["prod", "Prod-1", "a-prod-1"]),
        ("*-rc*", ["1-rc", "1-rc2"], ["1", "rc"]),
        ("v1.*", ["v1.", "v1.2"], ["v1", "v11", "v12"]),
        ("ab*ba", ["abba", "abxba"], ["aba", "ab", "ba"]),
        ("latest", ["latest"], ["latest1", "Latest"]),
        ("**", ["a"], []),
    ],
)
def test_a_tag_glob_matches_whole_tags(glob: str, inside: list[str], outside: list[str]) -> None:
    parsed = TagGlob.parse(glob)
    assert [tag for tag in inside if not parsed.matches(tag)] == []
    assert [tag for tag in outside if parsed.matches(tag)] == []


def test_what_a_tag_glob_covers() -> None:
    pairs = [("*", "x*"), ("a*", "a*b"), ("a*", "a"), ("*b", "a*b"), ("a*b", "a*c*b"), ("**", "*")]
    assert [pair for pair in pairs if not TagGlob.parse(pair[0]).covers(TagGlob.parse(pair[1]))] == []
    others = [("x*", "*"), ("a*b", "a*"), ("a", "a*"), ("a*b*c", "a*c")]
    assert [pair for pair in others if TagGlob.parse(pair[0]).covers(TagGlob.parse(pair[1]))] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        "A",
        "a/***",
        "a**",
        "a/b**/c",
        "a?",
        "[a]",
        "a:b",
        "ä",
        "a/.b",
        "a..b",
        "a b",
        "a\n",
        "*" * 259,
    ],
)
def test_what_is_no_repository_glob(text: str) -> None:
    with pytest.raises(GlobInvalid):
        RepositoryGlob.parse(text)


@pytest.mark.parametrize("text", ["", "a/b", "a:b", "a b", "-a", ".a", "a\n", "ä", "a" * 129])
def test_what_is_no_tag_glob(text: str) -> None:
    with pytest.raises(GlobInvalid):
        TagGlob.parse(text)


def test_a_scope_is_a_repository_glob_and_perhaps_a_tag_glob() -> None:
    repository, tag = parse_scope("team/**:prod-*")
    assert (repository.text, tag and tag.text) == ("team/**", "prod-*")
    assert parse_scope("team/**")[1] is None
    for text in ("team/**:", ":prod", "a:b:c"):
        with pytest.raises(GlobInvalid):
            parse_scope(text)


def test_hostile_globs_cost_nothing() -> None:
    name = "a" * 255
    assert not RepositoryGlob.parse("*a" * 120 + "*b").matches(name)
    assert not TagGlob.parse("*a" * 60 + "*b").matches("a" * 128)
    deep = "/".join(["a"] * 128)
    assert not RepositoryGlob.parse("/".join(["**", "a"] * 50) + "/b").matches(deep)
    assert not text_glob("*a" * 2000 + "b")("a" * 4000)


def test_everything_below_the_longest_name_has_a_glob() -> None:
    name = "a" * 255
    assert RepositoryGlob.parse(f"{name}/**").matches(name)


def test_equal_globs_are_parsed_once() -> None:
    assert RepositoryGlob.parse("team/**") is RepositoryGlob.parse("team/**")
    assert repr(RepositoryGlob.parse("team/**")) == "RepositoryGlob('team/**')"
    assert repr(TagGlob.parse("v*")) == "TagGlob('v*')"
