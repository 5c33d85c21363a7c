"""Rules from the JSON that people write: read strictly, and every refusal says which rule and which field."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from holdfast.access.errors import Invalid
from holdfast.access.policy.globs import GlobInvalid, RepositoryGlob, TagGlob
from holdfast.jobs.cron import Cron
from holdfast.registry.effective.kinds import read_duration
from holdfast.retention.rules import (
    DURATIONS,
    INVENTORY_EXPIRES,
    MOST_GLOBS,
    MOST_NEWEST,
    MOST_RULES,
    NOTHING,
    Order,
    Policy,
    Rule,
    Verb,
    plain_of,
)

_NAME_LENGTH, _TEXT_LENGTH = 64, 256
_KEEP_ONLY, _DROP_ONLY = ("newest", "in_use"), ("beyond",)
_RULE_FIELDS = (
    *("name", "action", "tags", "except", "repositories", "annotations", "labels", "untagged", "newest", "beyond"),
    *("by", "count", *DURATIONS, "in_use"),
)
_POLICY_FIELDS = ("rules", "schedule", "on_push", "inventory_expires")


def parse(text: str) -> Policy:
    """The policy that `text` (JSON) says. Raises `Invalid` naming what is wrong, and where."""
    try:
        found = json.loads(text, object_pairs_hook=_no_twins)
    except (ValueError, RecursionError) as error:
        raise Invalid("value", f"this is not JSON: {error}") from error
    return from_plain(found)


def from_plain(found: Any) -> Policy:
    """The policy of a JSON value. Raises `Invalid`."""
    document = _object(found, "the rules", _POLICY_FIELDS)
    plain = document.get("rules", [])
    if not isinstance(plain, list) or len(plain) > MOST_RULES:
        raise Invalid("rules", f"rules are a list of at most {MOST_RULES}")
    rules = tuple(_rule(each, n) for n, each in enumerate(plain, 1))
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise Invalid("rules", f"two rules are called {name!r}")
    schedule = document.get("schedule", "")
    if not isinstance(schedule, str):
        raise Invalid("schedule", "a schedule is five fields of cron, as in '0 3 * * *'")
    if schedule:
        try:
            Cron.parse(schedule)
        except ValueError as error:
            raise Invalid("schedule", str(error)) from error
    on_push = _flag(document, "on_push", "the rules")
    expires = _duration(document, "inventory_expires", "the rules")
    return Policy(rules, " ".join(schedule.split()), on_push, INVENTORY_EXPIRES if expires is None else expires)


def canonical(text: str) -> str:
    """The text that is kept of what people write; '' and `none` are no rules. Raises `Invalid`."""
    if text.strip() in ("", "none"):
        return json.dumps(plain_of(NOTHING))
    return json.dumps(plain_of(parse(text)), separators=(",", ":"))


def write(text: str) -> str:
    """What is kept, as people write it."""
    policy = parse(text)
    return json.dumps(plain_of(policy)) if policy.rules else "none"


def in_words(text: str) -> str:
    """What people write, in a few words."""
    policy = NOTHING if text == "none" else parse(text)
    if not policy.rules:
        return "Everything stays"
    drops = sum(rule.verb is Verb.DROP for rule in policy.rules)
    found = f"{drops} drop and {len(policy.rules) - drops} keep"
    if policy.schedule:
        found += f", by the schedule {policy.schedule}"
    return found + (", after each push" if policy.on_push else "")


def _rule(found: Any, number: int) -> Rule:
    where = f"rule {number}"
    plain = _object(found, where, _RULE_FIELDS)
    name = plain.get("name", f"rule-{number}")
    if not isinstance(name, str) or not 1 <= len(name) <= _NAME_LENGTH or not name.isprintable():
        raise Invalid("name", f"the name of {where} has 1 to {_NAME_LENGTH} printable characters")
    where = f"the rule {name!r}"
    if plain.get("action") not in ("keep", "drop"):
        raise Invalid("action", f'{where} says neither "action": "keep" nor "drop"')
    verb = Verb(plain["action"])
    for field in _DROP_ONLY if verb is Verb.KEEP else _KEEP_ONLY:
        if field in plain:
            instead = {"newest": ": a drop rule says 'beyond'", "beyond": ": a keep rule says 'newest'"}.get(field, "")
            raise Invalid(field, f"{where}: '{field}' is not for a {verb} rule{instead}")
    rule = Rule(
        name,
        verb,
        tags=_globs(plain, "tags", where, TagGlob.parse),
        exceptions=_globs(plain, "except", where, TagGlob.parse),
        repositories=_globs(plain, "repositories", where, RepositoryGlob.parse),
        annotations=_pairs(plain, "annotations", where),
        labels=_pairs(plain, "labels", where),
        untagged=_flag(plain, "untagged", where),
        newest=_number(plain, "newest", where),
        beyond=_number(plain, "beyond", where),
        order=Order(_choice(plain, "by", where, ("push", "version"))),
        images=_choice(plain, "count", where, ("tags", "images")) == "images",
        in_use=_sources(plain, where),
        **{field: _duration(plain, field, where) for field in DURATIONS},
    )
    _check(rule, plain, where)
    return rule


def _check(rule: Rule, plain: Mapping[str, Any], where: str) -> None:
    if rule.untagged:
        for field in ("tags", "except", "newest", "beyond", "by", "count"):
            if field in plain:
                raise Invalid(field, f"{where}: '{field}' is about tags, and 'untagged' is about what has none")
    if rule.ranks is None and ("by" in plain or "count" in plain):
        raise Invalid("by", f"{where}: 'by' and 'count' say how 'newest' or 'beyond' count")
    if rule.untagged and rule.verb is Verb.DROP and rule.older_than is None and rule.unused_for is None:
        raise Invalid("untagged", f"{where} would drop what is being pushed: say 'older_than' or 'unused_for'")


def _no_twins(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is given twice")
    return found


def _object(found: Any, where: str, known: Sequence[str]) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise Invalid("value", f"{where}: a JSON object is expected")
    for field in found:
        if field not in known:
            raise Invalid(str(field)[:64], f"{where}: there is no field {str(field)[:64]!r}; known: {', '.join(known)}")
    return found


def _globs(plain: Mapping[str, Any], field: str, where: str, parse_glob: Any) -> tuple[str, ...]:
    found = plain.get(field, [])
    if not isinstance(found, list) or len(found) > MOST_GLOBS or not all(isinstance(each, str) for each in found):
        raise Invalid(field, f"{where}: '{field}' is a list of at most {MOST_GLOBS} globs")
    for each in found:
        try:
            parse_glob(each)
        except GlobInvalid as error:
            raise Invalid(field, f"{where}: {error}") from error
    return tuple(found)


def _pairs(plain: Mapping[str, Any], field: str, where: str) -> Mapping[str, str]:
    found = plain.get(field, {})
    if not isinstance(found, dict) or len(found) > MOST_GLOBS:
        raise Invalid(field, f"{where}: '{field}' is an object of at most {MOST_GLOBS} names and globs of values")
    for name, value in found.items():
        if not isinstance(value, str) or len(name) > _TEXT_LENGTH or len(value) > _TEXT_LENGTH:
            raise Invalid(field, f"{where}: names and values of '{field}' have at most {_TEXT_LENGTH} characters")
    return MappingProxyType(dict(found))


def _flag(plain: Mapping[str, Any], field: str, where: str) -> bool:
    found = plain.get(field, False)
    if not isinstance(found, bool):
        raise Invalid(field, f"{where}: '{field}' is true or false")
    return found


def _number(plain: Mapping[str, Any], field: str, where: str) -> int | None:
    found = plain.get(field)
    if found is None:
        return None
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= MOST_NEWEST:
        raise Invalid(field, f"{where}: '{field}' is a number from 0 to {MOST_NEWEST}")
    return found


def _choice(plain: Mapping[str, Any], field: str, where: str, words: Sequence[str]) -> str:
    found = plain.get(field, words[0])
    if found not in words:
        raise Invalid(field, f"{where}: '{field}' is one of {', '.join(words)}")
    return str(found)


def _duration(plain: Mapping[str, Any], field: str, where: str) -> int | None:
    found = plain.get(field)
    if found is None:
        return None
    try:
        return int(read_duration(found if isinstance(found, str) else "?"))
    except Invalid as error:
        raise Invalid(field, f"{where}: '{field}': {error}") from error


def _sources(plain: Mapping[str, Any], where: str) -> tuple[str, ...] | None:
    found = plain.get("in_use")
    if found is None or found is False:
        return None
    if found is True:
        return ()
    if (
        not isinstance(found, list)
        or not 1 <= len(found) <= MOST_GLOBS
        or not all(isinstance(each, str) for each in found)
    ):
        raise Invalid("in_use", f"{where}: 'in_use' is true, or a list of sources of inventories")
    return tuple(found)
