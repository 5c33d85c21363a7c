"""The rules of a namespace as values, and in words (written.py reads them).

A rule is `keep` or `drop`; it selects tags (by globs, by repository, by the manifest's annotations or the image's
labels), or with `untagged` the manifests that nothing reaches; all its conditions must hold together. Keep wins over
drop, and what no rule drops stays. The rules of the nearest path that has any hold, whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from holdfast.registry.effective.kinds import write_duration

SETTING = "retention"
MOST_RULES = 50
MOST_GLOBS = 50
MOST_NEWEST = 100_000
DAY = 86_400_000_000
INVENTORY_EXPIRES = DAY


class Verb(StrEnum):
    """What a rule does with what it matches."""

    KEEP = "keep"
    DROP = "drop"


class Order(StrEnum):
    """By what tags are ranked: when they were pushed (moved) last, or their versions, the highest first."""

    PUSH = "push"
    VERSION = "version"


class Rule(NamedTuple):
    """One rule. Times are microseconds, None: no such condition.

    `newest`: among that many newest (of a keep rule); `beyond`: not among them (of a drop rule); `images`: several
    tags of one manifest count as one there. `in_use`: told to run by these sources; empty: by any; None: no condition.
    """

    name: str
    verb: Verb
    tags: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    annotations: Mapping[str, str] = MappingProxyType({})
    labels: Mapping[str, str] = MappingProxyType({})
    untagged: bool = False
    newest: int | None = None
    beyond: int | None = None
    order: Order = Order.PUSH
    images: bool = False
    older_than: int | None = None
    younger_than: int | None = None
    used_within: int | None = None
    unused_for: int | None = None
    in_use: tuple[str, ...] | None = None

    @property
    def ranks(self) -> int | None:
        """How many of the newest it tells from the others, None: it does not rank."""
        return self.newest if self.newest is not None else self.beyond

    @property
    def asks_use(self) -> bool:
        """Whether it depends on when something was pulled."""
        return self.used_within is not None or self.unused_for is not None

    @property
    def reads_manifests(self) -> bool:
        """Whether it depends on what stands in manifests or configurations."""
        return bool(self.annotations or self.labels)


class Policy(NamedTuple):
    """The rules of a path, and when they are applied: `schedule` in cron's five fields (UTC), '' for never by itself;
    `on_push`: in a repository that was pushed to. `inventory_expires`: after how long (microseconds) what a source told
    is not believed any more."""

    rules: tuple[Rule, ...] = ()
    schedule: str = ""
    on_push: bool = False
    inventory_expires: int = INVENTORY_EXPIRES


NOTHING = Policy()
DURATIONS = ("older_than", "younger_than", "used_within", "unused_for")
"""The fields of a rule that are times."""


def plain_of(policy: Policy) -> dict[str, Any]:
    """A policy as a JSON value, without what is as usual."""
    found: dict[str, Any] = {"rules": [_plain_rule(rule) for rule in policy.rules]}
    if policy.schedule:
        found["schedule"] = policy.schedule
    if policy.on_push:
        found["on_push"] = True
    if policy.inventory_expires != INVENTORY_EXPIRES:
        found["inventory_expires"] = write_duration(str(policy.inventory_expires))
    return found


def _plain_rule(rule: Rule) -> dict[str, Any]:
    found: dict[str, Any] = {"name": rule.name, "action": str(rule.verb)}
    for field, several in (("tags", rule.tags), ("except", rule.exceptions), ("repositories", rule.repositories)):
        if several:
            found[field] = list(several)
    for field, pairs in (("annotations", rule.annotations), ("labels", rule.labels)):
        if pairs:
            found[field] = dict(sorted(pairs.items()))
    if rule.untagged:
        found["untagged"] = True
    for field, number in (("newest", rule.newest), ("beyond", rule.beyond)):
        if number is not None:
            found[field] = number
    if rule.order is not Order.PUSH:
        found["by"] = str(rule.order)
    if rule.images:
        found["count"] = "images"
    for field in DURATIONS:
        value = getattr(rule, field)
        if value is not None:
            found[field] = write_duration(str(value))
    if rule.in_use is not None:
        found["in_use"] = list(rule.in_use) or True
    return found


def explain(rule: Rule) -> str:
    """The rule as a sentence."""
    what = "manifests that nothing reaches" if rule.untagged else _tags_in_words(rule)
    conditions = _conditions(rule)
    return f"{rule.verb} {what}" + (", " + " and ".join(conditions) if conditions else "")


def _tags_in_words(rule: Rule) -> str:
    found = "tags " + " or ".join(rule.tags) if rule.tags else "all tags"
    return found + (" except " + " or ".join(rule.exceptions) if rule.exceptions else "")


def _conditions(rule: Rule) -> list[str]:
    found = []
    if rule.repositories:
        found.append("in " + " or ".join(rule.repositories))
    found += [f"annotated {name}={value}" for name, value in sorted(rule.annotations.items())]
    found += [f"labelled {name}={value}" for name, value in sorted(rule.labels.items())]
    if rule.ranks is not None:
        among = "among the" if rule.newest is not None else "beyond the"
        unit = "images" if rule.images else "tags"
        by = "highest versions" if rule.order is Order.VERSION else f"newest {unit}"
        found.append(f"{among} {rule.ranks} {by}")
    for field, words in (
        ("older_than", "pushed more than {} ago"),
        ("younger_than", "pushed within {}"),
        ("used_within", "pulled within {}"),
        ("unused_for", "not pulled or pushed for {}"),
    ):
        value = getattr(rule, field)
        if value is not None:
            found.append(words.format(write_duration(str(value))))
    if rule.in_use is not None:
        found.append("running in " + (" or ".join(rule.in_use) or "any cluster that tells"))
    return found
