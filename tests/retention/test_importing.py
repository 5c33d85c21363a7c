"""Policies of other registries: translated where they mean the same, refused with the reason where they do not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.access.errors import Invalid
from holdfast.retention.importing import Imported, read
from holdfast.retention.rules import plain_of


def ecr(*rules: dict[str, Any]) -> Imported:
    return read(json.dumps({"rules": list(rules)}), "shop")


def rule(priority: int, action: str = "expire", **selection: Any) -> dict[str, Any]:
    return {"rulePriority": priority, "selection": selection, "action": {"type": action}}


def days(count: int, kind: str = "sinceImagePushed") -> dict[str, Any]:
    return {"countType": kind, "countUnit": "days", "countNumber": count}


def test_a_lifecycle_policy_becomes_rules_in_its_order() -> None:
    found = ecr(
        rule(2, tagStatus="untagged", **days(14)),
        rule(1, tagStatus="tagged", tagPrefixList=["prod"], countType="imageCountMoreThan", countNumber=100),
        rule(3, tagStatus="any", **days(90)),
    )
    assert found.format == "ecr"
    assert found.refused == ()
    assert plain_of(found.policy)["rules"] == [
        {"name": "ecr-1", "action": "drop", "tags": ["prod*"], "beyond": 100, "count": "images"},
        {"name": "ecr-2", "action": "drop", "untagged": True, "older_than": "14d"},
        {"name": "ecr-3", "action": "drop", "except": ["prod*"], "older_than": "90d"},
        {"name": "ecr-3-untagged", "action": "drop", "untagged": True, "older_than": "90d"},
    ]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (rule(1, "transition", tagStatus="any", **days(9)), "'expire'"),
        (rule(1, tagStatus="tagged", tagPrefixList=["a", "b"], **days(9)), "must all be"),
        (rule(1, tagStatus="tagged", **days(9)), "names no tags"),
        (rule(1, tagStatus="untagged", countType="imageCountMoreThan", countNumber=9), "untagged"),
        (rule(1, tagStatus="any", countType="imageCountMoreThan", countNumber=9), "untagged"),
        (rule(1, tagStatus="any", countType="sinceImageTransitioned", countUnit="days", countNumber=1), "nothing like"),
        (rule(1, tagStatus="some", **days(9)), "tagStatus"),
        (rule(1, tagStatus="any", **days(0)), "countNumber"),
    ],
)
def test_what_means_something_else_is_refused_with_the_reason(given: dict[str, Any], reason: str) -> None:
    found = ecr(given)
    assert found.policy.rules == ()
    (refused,) = found.refused
    assert reason in refused.reason


def test_a_refused_rule_still_shields_its_tags_from_later_ones() -> None:
    found = ecr(
        rule(1, "transition", tagStatus="tagged", tagPatternList=["prod-*"], **days(9)),
        rule(2, tagStatus="any", **days(9, "sinceImagePulled")),
    )
    assert plain_of(found.policy)["rules"][0] == {
        "name": "ecr-2",
        "action": "drop",
        "except": ["prod-*"],
        "unused_for": "9d",
    }


def test_what_the_command_line_of_aws_prints_is_read() -> None:
    text = json.dumps({"rules": [rule(1, tagStatus="untagged", **days(1))]})
    assert len(read(json.dumps({"lifecyclePolicyText": text}), "").policy.rules) == 1


def test_a_cleanup_policy_becomes_rules() -> None:
    found = read(
        json.dumps(
            [
                {
                    "name": "old",
                    "action": {"type": "Delete"},
                    "condition": {"tagState": "tagged", "tagPrefixes": ["dev"], "olderThan": "2592000s"},
                },
                {
                    "name": "releases",
                    "action": {"type": "Keep"},
                    "condition": {"tagPrefixes": ["v"], "packageNamePrefixes": ["web"]},
                },
                {"name": "recent", "action": {"type": "Keep"}, "mostRecentVersions": {"keepCount": 5}},
            ]
        ),
        "shop",
    )
    assert found.format == "artifact-registry"
    assert plain_of(found.policy)["rules"] == [
        {"name": "old", "action": "drop", "tags": ["dev*"], "older_than": "30d"},
        {"name": "releases", "action": "keep", "tags": ["v*"], "repositories": ["shop/web*", "shop/web*/**"]},
        {"name": "recent", "action": "keep", "newest": 5, "count": "images"},
    ]


def test_untagged_versions_are_not_dropped_where_recent_ones_are_kept() -> None:
    delete = {"name": "d", "action": {"type": "Delete"}, "condition": {"tagState": "any", "olderThan": "7d"}}
    alone = read(json.dumps([delete]), "")
    assert [each.untagged for each in alone.policy.rules] == [False, True]
    recent = {"name": "k", "action": {"type": "Keep"}, "mostRecentVersions": {"keepCount": 2}}
    both = read(json.dumps([delete, recent]), "")
    assert [each.untagged for each in both.policy.rules] == [False, False]
    assert [each.rule for each in both.refused] == ["d-untagged"]


def test_a_keep_policy_without_translation_stops_everything() -> None:
    keep = {"name": "k", "action": {"type": "Keep"}, "condition": {"versionNamePrefixes": ["sha256:1"]}}
    with pytest.raises(Invalid, match="would drop what it keeps"):
        read(json.dumps([keep]), "")
    found = read(json.dumps([{**keep, "action": {"type": "Delete"}}]), "")
    assert len(found.refused) == 1


@pytest.mark.parametrize("text", ["", "{}", "3", '{"rules": [3]}', '[{"rules": 1}, 3]', '{"rules": [{}]}'])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read(text, "")
