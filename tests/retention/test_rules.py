"""Rules: what people write is kept as they meant it, and what makes no sense is refused by field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.access.errors import Invalid
from holdfast.retention.rules import DAY, Order, Rule, Verb, explain, plain_of
from holdfast.retention.written import canonical, from_plain, parse, write

RULE = {"name": "r", "action": "drop"}


def one(**fields: Any) -> Rule:
    (rule,) = from_plain({"rules": [{**RULE, **fields}]}).rules
    return rule


def test_everything_that_can_be_said_comes_back_as_it_was_said() -> None:
    document = {
        "rules": [
            {
                "name": "keep",
                "action": "keep",
                "tags": ["v*", "w*"],
                "except": ["*-rc*"],
                "repositories": ["team/**"],
                "annotations": {"a": "b*"},
                "labels": {"c": "*"},
                "newest": 3,
                "by": "version",
                "count": "images",
                "older_than": "1d",
                "younger_than": "30d",
                "used_within": "12h",
                "in_use": ["one", "two"],
            },
            {"name": "drop", "action": "drop", "untagged": True, "unused_for": "90d"},
            {"name": "beyond", "action": "drop", "beyond": 0},
            {"name": "any", "action": "keep", "in_use": True},
        ],
        "schedule": "0 3 * * *",
        "on_push": True,
        "inventory_expires": "2h",
    }
    assert plain_of(parse(json.dumps(document))) == document
    assert json.loads(write(canonical(json.dumps(document)))) == document
    assert canonical(canonical(json.dumps(document))) == canonical(json.dumps(document))


@pytest.mark.parametrize("text", ["none", "", "  none "])
def test_no_rules_are_written_none(text: str) -> None:
    assert write(canonical(text)) == "none"


def test_a_rule_means_what_its_words_say() -> None:
    rule = one(tags=["dev-*"], beyond=2, unused_for="30d")
    assert (rule.verb, rule.ranks, rule.unused_for, rule.order) == (Verb.DROP, 2, 30 * DAY, Order.PUSH)
    assert explain(rule) == "drop tags dev-*, beyond the 2 newest tags and not pulled or pushed for 30d"
    assert (
        explain(one(untagged=True, older_than="7d")) == "drop manifests that nothing reaches, pushed more than 7d ago"
    )
    assert explain(one(beyond=1, by="version")) == "drop all tags, beyond the 1 highest versions"


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ("[", "value"),
        ("[]", "value"),
        ('{"rules": [], "rules": []}', "value"),
        ('{"rule": []}', "rule"),
        ('{"rules": {}}', "rules"),
        ('{"schedule": "99 * * * *"}', "schedule"),
        ('{"schedule": 3}', "schedule"),
        ('{"on_push": "yes"}', "on_push"),
        ('{"inventory_expires": "soon"}', "inventory_expires"),
        (json.dumps({"rules": [RULE, RULE]}), "rules"),
        (json.dumps({"rules": [RULE] * 51}), "rules"),
        ('{"rules": [3]}', "value"),
    ],
)
def test_what_is_no_document_is_refused(document: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(document)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"action": "delete"}, "action"),
        ({"name": ""}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"colour": "red"}, "colour"),
        ({"tags": "v*"}, "tags"),
        ({"tags": ["v 1"]}, "tags"),
        ({"repositories": ["A/*"]}, "repositories"),
        ({"annotations": {"a": 1}}, "annotations"),
        ({"labels": ["a"]}, "labels"),
        ({"newest": 3}, "newest"),
        ({"in_use": True}, "in_use"),
        ({"action": "keep", "beyond": 3}, "beyond"),
        ({"action": "keep", "in_use": []}, "in_use"),
        ({"beyond": -1}, "beyond"),
        ({"beyond": True}, "beyond"),
        ({"beyond": 1, "by": "size"}, "by"),
        ({"by": "version"}, "by"),
        ({"count": "images"}, "by"),
        ({"older_than": 30}, "older_than"),
        ({"older_than": "30 days"}, "older_than"),
        ({"untagged": True}, "untagged"),
        ({"untagged": True, "tags": ["v*"], "older_than": "1d"}, "tags"),
        ({"untagged": True, "beyond": 1}, "beyond"),
    ],
)
def test_what_is_no_rule_is_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        one(**fields)
    assert refused.value.field == field
