"""The rules of immutable tags as values, and the decision: pure.

A rule names tags by a glob, with exceptions, and says whether they may move and whether they may be deleted. A tag is
held by every rule that it matches; putting the digest that it already has is no move. The rules of a repository are
those of the nearest path that has any, whole: they are not added to those of the paths above. A tag that belongs to a
digest (`sha256-<hex>.sig`) is never immutable: each signature that is added to an image moves it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple

from holdfast.access.errors import Invalid
from holdfast.access.policy.globs import GlobInvalid, TagGlob
from holdfast.oci.name import signed_digest

SETTING = "immutable"
MOST_RULES = 50
MOST_EXCEPTIONS = 50


class Change(StrEnum):
    """What may be forbidden to a tag."""

    MOVE = "move"
    DELETE = "delete"


class Rule(NamedTuple):
    """Tags that match `tags` and none of `exceptions`: whether they may `move` to another digest, and be deleted."""

    tags: str
    exceptions: tuple[str, ...] = ()
    move: bool = False
    delete: bool = False

    def holds(self, tag: str) -> bool:
        """Whether the rule speaks of `tag`."""
        return TagGlob.parse(self.tags).matches(tag) and not any(
            TagGlob.parse(each).matches(tag) for each in self.exceptions
        )

    def forbids(self, change: Change) -> bool:
        """Whether the rule forbids `change` to its tags."""
        return not (self.move if change is Change.MOVE else self.delete)

    def __str__(self) -> str:
        return f"{self.tags} except {' '.join(self.exceptions)}" if self.exceptions else self.tags


class Rules(NamedTuple):
    """The rules that hold in a repository, and the path that says them ('': everything); `path` None: no path does."""

    rules: tuple[Rule, ...] = ()
    path: str | None = None


class Blocked(NamedTuple):
    """What forbids a change: the tag, the change, the rule, and the path that sets it."""

    tag: str
    change: Change
    rule: Rule
    path: str

    def __str__(self) -> str:
        where = self.path or "all repositories"
        done = "moved to another digest" if self.change is Change.MOVE else "deleted"
        if self.change is Change.DELETE:
            instead = "the tag can move" if self.rule.move else "it stays as it is"
        else:
            instead = "push under a new tag" + (", or delete this one first" if self.rule.delete else "")
        return f"the tag '{self.tag}' is immutable and cannot be {done} (rule '{self.rule}' of {where}): {instead}"


def blocked(rules: Rules, change: Change, tag: str) -> Blocked | None:
    """What forbids `change` to `tag`; None: nothing does."""
    if rules.path is None or signed_digest(tag) is not None:
        return None
    for rule in rules.rules:
        if rule.forbids(change) and rule.holds(tag):
            return Blocked(tag, change, rule, rules.path)
    return None


def first_blocked(rules: Rules, change: Change, tags: Iterable[str]) -> Blocked | None:
    """What forbids `change` to the first of `tags` that may not have it."""
    return next((found for tag in tags if (found := blocked(rules, change, tag)) is not None), None)


def read(text: str | None, path: str | None) -> Rules:
    """The rules of a setting as it is kept; none where no path sets it (None)."""
    if text is None:
        return Rules()
    return Rules(tuple(_rule(each) for each in json.loads(text)), path)


def canonical(rules: Iterable[Rule]) -> str:
    """The rules as they are kept. Raises `Invalid` for what is no rule, and for too many."""
    found = list(rules)
    if len(found) > MOST_RULES:
        raise Invalid("rules", f"there are at most {MOST_RULES} rules")
    for rule in found:
        _check(rule)
    return json.dumps([_plain(rule) for rule in found], sort_keys=True, separators=(",", ":"))


def _check(rule: Rule) -> None:
    if len(rule.exceptions) > MOST_EXCEPTIONS:
        raise Invalid("except", f"a rule has at most {MOST_EXCEPTIONS} exceptions")
    if rule.move and rule.delete:
        raise Invalid("rules", f"the rule '{rule.tags}' allows both to move and to delete: it would forbid nothing")
    for field, globs in (("tags", (rule.tags,)), ("except", rule.exceptions)):
        for glob in globs:
            try:
                TagGlob.parse(glob)
            except GlobInvalid as error:
                raise Invalid(field, str(error)) from error


def _plain(rule: Rule) -> dict[str, object]:
    return {"tags": rule.tags, "except": sorted(set(rule.exceptions)), "move": rule.move, "delete": rule.delete}


def _rule(plain: dict[str, Any]) -> Rule:
    return Rule(plain["tags"], tuple(plain["except"]), plain["move"], plain["delete"])


def read_written(text: str) -> str:
    """The canonical text of what people write as one line: rules between semicolons, each a glob and then words
    `except GLOB`, `allow-move`, `allow-delete`; `none`: no tag is immutable. Raises `Invalid`."""
    if text.strip() == "none":
        return canonical(())
    return canonical(_written(part.split()) for part in text.split(";"))


def write(text: str) -> str:
    """The inverse of `read_written`."""
    found = read(text, "").rules
    return "; ".join(_words(rule) for rule in found) if found else "none"


def _words(rule: Rule) -> str:
    words = [rule.tags, *(f"except {each}" for each in rule.exceptions)]
    words += ["allow-move"] * rule.move + ["allow-delete"] * rule.delete
    return " ".join(words)


def _written(words: list[str]) -> Rule:
    if not words:
        raise Invalid("value", "a rule is a tag glob, as in: v* except *-dev")
    exceptions: list[str] = []
    flags: set[str] = set()
    rest = iter(words[1:])
    for word in rest:
        if word == "except":
            exceptions.append(next(rest, ""))
        elif word in ("allow-move", "allow-delete"):
            flags.add(word)
        else:
            raise Invalid("value", f"{word[:64]!r} is none of: except GLOB, allow-move, allow-delete")
    return Rule(words[0], tuple(exceptions), "allow-move" in flags, "allow-delete" in flags)


def in_words(text: str) -> str:
    """What people write as one line, in sentences."""
    found = read(read_written(text), "").rules
    if not found:
        return "No tag is immutable"
    return "; ".join(f"{rule} cannot be {_forbidden(rule)}" for rule in found)


def _forbidden(rule: Rule) -> str:
    words = [word for word, free in (("moved", rule.move), ("deleted", rule.delete)) if not free]
    return " or ".join(words)
