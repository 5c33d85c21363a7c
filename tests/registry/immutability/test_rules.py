"""Immutable tags: the decision, and how its rules are written and kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.access.errors import Invalid
from holdfast.registry.immutability.rules import (
    MOST_RULES,
    Change,
    Rule,
    Rules,
    blocked,
    canonical,
    first_blocked,
    read,
    read_written,
    write,
)

VERSIONS = Rule("v*", ("*-dev", "v0.*"))
SIGNATURE = "sha256-" + "a" * 64 + ".sig"


@pytest.mark.parametrize(
    ("rule", "tag", "move", "delete"),
    [
        pytest.param(VERSIONS, "v1", True, True, id="a match"),
        pytest.param(VERSIONS, "v1-dev", False, False, id="an exception"),
        pytest.param(VERSIONS, "v0.9", False, False, id="another exception"),
        pytest.param(VERSIONS, "latest", False, False, id="no match"),
        pytest.param(Rule("v*", move=True), "v1", False, True, id="it may move"),
        pytest.param(Rule("v*", delete=True), "v1", True, False, id="it may be deleted"),
        pytest.param(Rule("*"), SIGNATURE, False, False, id="a tag that belongs to a digest"),
        pytest.param(Rule("*"), "sha256-short", True, True, id="one that only looks like it"),
        pytest.param(Rule("V*"), "v1", False, False, id="capitals count"),
    ],
)
def test_a_rule_decides(rule: Rule, tag: str, move: bool, delete: bool) -> None:
    rules = Rules((rule,), "team")
    assert (blocked(rules, Change.MOVE, tag) is not None) is move
    assert (blocked(rules, Change.DELETE, tag) is not None) is delete


def test_every_rule_that_matches_holds() -> None:
    rules = Rules((Rule("v*", move=True), Rule("*-final", delete=True)), "team")
    found = blocked(rules, Change.MOVE, "v1-final")
    assert found is not None
    assert found.rule.tags == "*-final"
    found = blocked(rules, Change.DELETE, "v1-final")
    assert found is not None
    assert found.rule.tags == "v*"
    assert blocked(Rules(), Change.MOVE, "v1") is None
    assert first_blocked(rules, Change.DELETE, ["latest", "v2", "v3"]) == found._replace(tag="v2")


def test_a_refusal_names_the_rule_the_path_and_what_may_be_done() -> None:
    def said(rule: Rule, change: Change, path: str = "team/app") -> str:
        return str(blocked(Rules((rule,), path), change, "v1"))

    assert said(VERSIONS, Change.MOVE) == (
        "the tag 'v1' is immutable and cannot be moved to another digest (rule 'v* except *-dev v0.*' of team/app): "
        "push under a new tag"
    )
    assert said(Rule("*", delete=True), Change.MOVE, "").endswith(
        "(rule '*' of all repositories): push under a new tag, or delete this one first"
    )
    assert said(Rule("*", move=True), Change.DELETE).endswith(
        "cannot be deleted (rule '*' of team/app): the tag can move"
    )
    assert said(Rule("*"), Change.DELETE).endswith("it stays as it is")


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ([Rule("v*", move=True, delete=True)], "rules"),
        ([Rule("")], "tags"),
        ([Rule("a b")], "tags"),
        ([Rule("*", ("a/b",))], "except"),
        ([Rule("*", ("a",) * 51)], "except"),
        ([Rule("*")] * (MOST_RULES + 1), "rules"),
    ],
)
def test_what_is_no_rule_is_refused(rules: list[Rule], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        canonical(rules)
    assert refused.value.field == field


@pytest.mark.parametrize("text", ["", ";", "v* but x", "v* except", "v* allow-move allow-delete", "v* ;; w*"])
def test_what_is_not_written_right_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_written(text)


globs = st.from_regex(r"[a-z*][a-z0-9.*-]{0,8}", fullmatch=True)
made = st.builds(
    lambda tags, exceptions, flag: Rule(tags, tuple(sorted(set(exceptions))), flag == "move", flag == "delete"),
    globs,
    st.lists(globs, max_size=3),
    st.sampled_from(["", "move", "delete"]),
)


@given(st.lists(made, max_size=5))
def test_what_is_kept_is_what_was_meant(rules: list[Rule]) -> None:
    kept = canonical(rules)
    assert read(kept, "a") == Rules(tuple(rules), "a")
    assert read_written(write(kept)) == kept
    assert read(None, None) == Rules()
