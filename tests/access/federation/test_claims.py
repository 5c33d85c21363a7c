"""Claims as rules and conditions see them, and what presets ask of rules."""

from __future__ import annotations

from typing import Any

import pytest
from tests.access.federation.issuing import github, github_pull_request, gitlab, kubernetes

from holdfast.access.errors import Invalid
from holdfast.access.federation.claims import carried, checked_rule, flatten, missed
from holdfast.access.federation.errors import TokenRefused
from holdfast.access.federation.presets import PRESETS, REVIEW, bounds_of, check_ids, is_review, preset_of
from holdfast.access.policy.model import Action

UID = "kubernetes.io/serviceaccount/uid"


def test_claims_inside_others_have_a_path() -> None:
    flat = flatten(kubernetes())
    assert flat[UID] == "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"
    assert flat["sub"] == "system:serviceaccount:shop:web"


def test_values_are_text_and_lists_are_left_out() -> None:
    claims = {"a": True, "b": False, "c": 12, "d": 1.5, "e": None, "f": ["x"], "g": {"h": "i"}, "j": ""}
    assert flatten(claims) == {"a": "true", "b": "false", "c": "12", "g/h": "i", "j": ""}


def test_a_name_that_would_be_two_claims_is_none() -> None:
    assert flatten({"a/b": "one", "a": {"b": "two"}, "c": "d"}) == {"c": "d"}


def test_nobody_says_what_is_ours_to_say() -> None:
    assert flatten({REVIEW: "false", "holdfast": {"review": "false"}, "a": "b"}) == {"a": "b"}


def test_depth_and_number_are_bounded() -> None:
    assert flatten({"a": {"b": {"c": {"d": "e", "f": {"g": "h"}}}}}) == {"a/b/c/d": "e"}
    assert flatten({"a": "x" * 600, "b" * 200: "c"}) == {}
    with pytest.raises(TokenRefused):
        flatten({f"c{i}": "x" for i in range(200)})


def test_what_differs_with_every_token_is_not_carried() -> None:
    found = carried(flatten({**github(), **kubernetes()}))
    assert {"repository_id", "ref", "event_name", "actor", UID} <= set(found)
    assert not {"jti", "run_id", "sha", "kubernetes.io/pod/name"} & set(found)


def test_too_much_is_refused_rather_than_left_out() -> None:
    with pytest.raises(TokenRefused, match="characters"):
        carried({f"claim-{i}": "x" * 500 for i in range(4)})


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"iss": "x"},
        {"aud": "x"},
        {"exp": "x"},
        {REVIEW: "false"},
        {"": "x"},
        {"a\n": "x"},
        {"é": "x"},
        {"a": ""},
        {"a": "*"},
        {"a": "**"},
        {"a": "x\0"},
        {"a": "x" * 600},
        {"a" * 200: "x"},
        {f"a{i}": "x" for i in range(40)},
    ],
)
def test_claims_that_no_rule_can_ask_for(claims: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        checked_rule(claims)


@pytest.mark.parametrize(
    ("pattern", "value", "good"),
    [
        ("refs/tags/v*", "refs/tags/v1.2", True),
        ("refs/tags/v*", "refs/heads/refs/tags/v1", False),
        ("refs/tags/v*", "refs/tags/w1", False),
        ("main", "main", True),
        ("main", "main2", False),
        ("main", "MAIN", False),
        ("re*/main", "refs/heads/main", True),
        ("a?c", "abc", False),
        ("a[b]c", "abc", False),
        ("a.c", "abc", False),
        ("repo:octo-org/*:ref:refs/heads/main", "repo:octo-org/a:ref:refs/heads/main", True),
        ("repo:octo-org/*:ref:refs/heads/main", "repo:octo-org/a:ref:refs/heads/main2", False),
    ],
)
def test_a_pattern_is_of_the_whole_value(pattern: str, value: str, good: bool) -> None:
    assert (missed({"c": pattern}, {"c": value}) is None) is good


def test_every_claim_must_match() -> None:
    assert missed({"a": "1", "b": "2"}, {"a": "1", "b": "2"}) is None
    assert "'b'" in (missed({"a": "1", "b": "2"}, {"a": "1", "b": "3"}) or "")
    assert "no claim" in (missed({"a": "1"}, {}) or "")


# -- presets -----------------------------------------------------------------------------------------------------------

AWS = "https://sts.amazonaws.com//aws_account"
IDS: dict[str, dict[str, str]] = {
    "github": {"repository_id": "74"},
    "gitlab": {"project_id": "20"},
    "google": {"sub": "103200000000000000000"},
    "azure": {"oid": "c0ffee00-0000-0000-0000-000000000000"},
    "aws": {"sub": "arn:aws:iam::123456789012:role/push", AWS: "123456789012"},
    "kubernetes": {UID: "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"},
}
NAMES = {
    "github": {"repository": "octo-org/octo-repo", "ref": "refs/heads/main"},
    "gitlab": {"project_path": "my-group/my-project"},
    "google": {"email": "push@project.iam.gserviceaccount.com"},
    "azure": {"appid": "x"},
    "aws": {"sub": "arn:aws:iam::123456789012:role/push"},
    "kubernetes": {"sub": "system:serviceaccount:shop:web"},
}


@pytest.mark.parametrize("preset", list(PRESETS))
def test_a_preset_asks_for_what_nobody_else_can_register(preset: str) -> None:
    check_ids(preset, IDS[preset])
    check_ids(preset, {**NAMES[preset], **IDS[preset]})
    check_ids(None, NAMES[preset])
    wild = {name: value[:-1] + "*" for name, value in IDS[preset].items()}
    for claims in (NAMES[preset], wild, {"other": "x"}):
        with pytest.raises(Invalid, match="without a wildcard"):
            check_ids(preset, claims)


def test_an_issuer_that_is_known_has_its_preset() -> None:
    assert preset_of(None, "https://token.actions.githubusercontent.com") == "github"
    assert preset_of("github", "https://github.example.com/_services/token") == "github"
    assert preset_of(None, "https://issuer.example.com") is None
    for name, iss in (("kubernetes", "https://gitlab.com"), ("jenkins", "https://jenkins.example.com")):
        with pytest.raises(Invalid):
            preset_of(name, iss)


REVIEWS: list[tuple[str | None, dict[str, Any], bool]] = [
    ("github", github(), False),
    ("github", github(event_name="workflow_dispatch"), False),
    ("github", github(ref="refs/tags/v1", ref_type="tag"), False),
    ("github", github_pull_request(), True),
    ("github", github(event_name="pull_request_target"), True),
    ("github", github(event_name="pull_request_review"), True),
    ("github", github(ref="refs/pull/7/merge"), True),
    ("github", github(head_ref="proposal"), True),
    ("github", github(event_name=None), True),
    ("github", {"sub": "repo:octo-org/octo-repo:ref:refs/heads/main", "repository_id": "74"}, True),
    ("gitlab", gitlab(), False),
    ("gitlab", gitlab(pipeline_source="web"), False),
    ("gitlab", gitlab(pipeline_source="merge_request_event"), True),
    ("gitlab", gitlab(pipeline_source="external_pull_request_event"), True),
    ("gitlab", gitlab(pipeline_source="parent_pipeline"), False),
    ("gitlab", gitlab(pipeline_source="parent_pipeline", ref_protected="false"), True),
    ("gitlab", gitlab(pipeline_source=None), True),
    ("gitlab", gitlab(ref_path="refs/merge-requests/1/head"), True),
    ("kubernetes", kubernetes(), False),
    (None, kubernetes(), False),
    (None, github_pull_request(), True),
    (None, gitlab(pipeline_source="merge_request_event"), True),
    (None, {"sub": "x"}, False),
]


@pytest.mark.parametrize(("preset", "claims", "review"), REVIEWS)
def test_which_tokens_speak_for_a_pull_request(preset: str | None, claims: dict[str, Any], review: bool) -> None:
    assert is_review(preset, flatten(claims)) is review


def test_a_pull_request_reads_and_no_more() -> None:
    assert bounds_of({REVIEW: "false"}) is None
    for claims in ({REVIEW: "true"}, {}, {REVIEW: ""}):
        (bound,) = bounds_of(claims) or ()
        assert bound.actions == {Action.PULL, Action.LIST}
