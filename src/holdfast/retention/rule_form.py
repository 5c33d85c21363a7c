"""A rule in a form: from fields to a JSON object as `written` reads it, and back; and rules to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.access.errors import Invalid
from holdfast.retention.rules import DURATIONS

LISTS = ("tags", "except", "repositories")
PAIRS = ("annotations", "labels")
SAMPLES: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "newest": (
        "Keep the newest 10, drop what is older than 90 days",
        "For repositories that get a tag with each build.",
        {
            "rules": [
                {"name": "newest", "action": "keep", "newest": 10},
                {"name": "old", "action": "drop", "older_than": "90d"},
            ]
        },
    ),
    "unused": (
        "Drop what nobody pulled for 30 days, but no release",
        "Releases are tags that begin with v; latest stays, too.",
        {
            "rules": [
                {"name": "releases", "action": "keep", "tags": ["v*", "latest"]},
                {"name": "unused", "action": "drop", "unused_for": "30d"},
            ]
        },
    ),
    "untagged": (
        "Drop untagged manifests after a week",
        "Only what nothing reaches: the platforms of an index are never among it.",
        {"rules": [{"name": "untagged", "action": "drop", "untagged": True, "older_than": "7d"}]},
    ),
}
"""Rules to begin with: a title, for whom, and the document."""


def fields_of(rule: Mapping[str, Any]) -> dict[str, str]:
    """A rule (as `rules.plain_of` writes it) as the values of a form."""
    found = {"name": str(rule.get("name", "")), "action": str(rule.get("action", "drop"))}
    found |= {field: " ".join(rule.get(field, ())) for field in LISTS}
    found |= {field: "\n".join(f"{name}={value}" for name, value in rule.get(field, {}).items()) for field in PAIRS}
    found |= {field: str(rule.get(field, "")) for field in DURATIONS}
    rank = rule.get("newest", rule.get("beyond"))
    found["rank"] = "" if rank is None else str(rank)
    found["by"], found["count"] = str(rule.get("by", "push")), str(rule.get("count", "tags"))
    found["about"] = "untagged" if rule.get("untagged") else "tags"
    runs = rule.get("in_use")
    found["in_use"] = "" if runs is None else "any" if runs is True else " ".join(runs)
    return found


def rule_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """The JSON object that the fields of a form say; what is blank is left out. Raises `Invalid`."""
    given = {name: value.strip() for name, value in fields.items()}
    action = given.get("action", "")
    found: dict[str, Any] = {"name": given.get("name", ""), "action": action}
    if not found["name"]:
        raise Invalid("name", "give the rule a name: what is dropped is told by it")
    untagged = given.get("about") == "untagged"
    if untagged:
        found["untagged"] = True
    for field in LISTS:
        if given.get(field):
            found[field] = given[field].split()
    for field in PAIRS:
        if given.get(field):
            found[field] = _pairs(field, given[field])
    for field in DURATIONS:
        if given.get(field):
            found[field] = given[field]
    if given.get("rank"):
        found["newest" if action == "keep" else "beyond"] = _number(given["rank"])
        if given.get("by") == "version":
            found["by"] = "version"
        if given.get("count") == "images":
            found["count"] = "images"
    if given.get("in_use"):
        found["in_use"] = True if given["in_use"] == "any" else given["in_use"].split()
    return found


def _pairs(field: str, text: str) -> dict[str, str]:
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if line.strip():
            if not equals:
                raise Invalid(field, f"write {name[:40]!r} as NAME=GLOB")
            found[name.strip()] = value.strip()
    return found


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise Invalid("rank", f"{text[:40]!r} is no number")
    return int(text)
