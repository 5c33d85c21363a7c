"""The decision about one tag or manifest: pure.

Promises: keep wins over drop, what no rule drops stays, and the rule that decides is told. What is not known (use from
before it was tracked, an inventory that is stale, a manifest that cannot be read) keeps: a keep rule that may match
does, a drop rule that may not match does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from holdfast.access.policy.globs import RepositoryGlob, TagGlob, text_glob
from holdfast.retention.rules import Rule, Verb, explain

Texts = Mapping[str, Mapping[str, str]]
"""`annotations` and `labels` of a manifest."""


class Thing(NamedTuple):
    """A tag (`name`), or an untagged manifest (`name` ''). `at`: when it was pushed, `used`: pulled last, as far as it
    is known (microseconds; 0: never). `texts`: what stands in it, None: it cannot be read, or nobody asks."""

    name: str
    content_id: int
    seq: int
    version_key: str
    at: int
    used: int = 0
    texts: Texts | None = None


class Ranked(NamedTuple):
    """Which things are among the newest of a rule: those not behind `last` in its order, or those of `contents`."""

    last: tuple[int | str, str] | None
    contents: frozenset[int] | None = None

    def has(self, rule: Rule, thing: Thing) -> bool:
        """Whether `thing` is among them."""
        if self.contents is not None:
            return thing.content_id in self.contents
        return self.last is None or place_of(rule, thing) >= self.last


class Circumstances(NamedTuple):
    """What decisions of one repository rest on. `now`: the database's clock; `since`: from when on use is known, None:
    it is not; `ranked`: by rule; `runs`: whether something runs, by rule: None where that is not known, and why."""

    repository: str
    now: int
    since: int | None
    ranked: Mapping[str, Ranked]
    runs: Callable[[Rule, Thing], bool | str]


class Verdict(NamedTuple):
    """What becomes of something that a rule would drop: dropped by `rule`, or kept by it. `uses`: whether that rests on
    its not being used."""

    drop: bool
    rule: str
    reason: str
    uses: bool = False


def place_of(rule: Rule, thing: Thing) -> tuple[int | str, str]:
    """Where a thing stands in the order of a rule: greater is newer."""
    return (thing.version_key if rule.order == "version" else thing.seq, thing.name)


def carries(rule: Rule, texts: Texts | None) -> bool | None:
    """Whether a manifest has the annotations and labels of a rule; None: that is not known."""
    for field, wanted in (("annotations", rule.annotations), ("labels", rule.labels)):
        if not wanted:
            continue
        if texts is None or field not in texts:
            return None
        found = texts[field]
        if not all(name in found and text_glob(glob)(found[name]) for name, glob in wanted.items()):
            return False
    return True


class _Compiled(NamedTuple):
    """A rule made ready for very many things: `names`: whether it speaks of a tag; `words`: the rule as a sentence."""

    rule: Rule
    names: Callable[[str], bool]
    words: str


class Judge:
    """Decides about the things of one repository."""

    def __init__(self, rules: tuple[Rule, ...], here: Circumstances) -> None:
        self._here = here
        spoken = [
            _Compiled(rule, names_of(rule), explain(rule))
            for rule in rules
            if not rule.repositories
            or any(RepositoryGlob.parse(each).matches(here.repository) for each in rule.repositories)
        ]
        self._rules = {
            (verb, untagged): [each for each in spoken if each.rule.verb is verb and each.rule.untagged is untagged]
            for verb in Verb
            for untagged in (False, True)
        }

    def of(self, thing: Thing) -> Verdict | None:
        """What becomes of `thing`; None: no rule would drop it."""
        untagged = not thing.name
        for dropping in self._rules[Verb.DROP, untagged]:
            if dropping.names(thing.name) and matches(dropping.rule, thing, self._here) is True:
                break
        else:
            return None
        for keeping in self._rules[Verb.KEEP, untagged]:
            if keeping.names(thing.name):
                found = matches(keeping.rule, thing, self._here)
                if found is not False:
                    said = keeping.words if found is True else f"{keeping.words}: {found}"
                    return Verdict(False, keeping.rule.name, said)
        return Verdict(True, dropping.rule.name, dropping.words, dropping.rule.unused_for is not None)


def names_of(rule: Rule) -> Callable[[str], bool]:
    """Whether a rule speaks of a tag, by its name."""
    wanted = [TagGlob.parse(each).matches for each in rule.tags]
    others = [TagGlob.parse(each).matches for each in rule.exceptions]
    if not wanted and not others:
        return lambda _name: True
    if len(wanted) == 1 and not others:
        return wanted[0]
    return lambda name: (not wanted or any(each(name) for each in wanted)) and not any(each(name) for each in others)


def selects(rule: Rule, repository: str, name: str) -> bool:
    """Whether a rule speaks of this tag of this repository ('' is an untagged manifest), whatever stands in it."""
    if rule.repositories and not any(RepositoryGlob.parse(each).matches(repository) for each in rule.repositories):
        return False
    if rule.untagged or not name:
        return rule.untagged and not name
    return names_of(rule)(name)


def matches(rule: Rule, thing: Thing, here: Circumstances) -> bool | str:
    """Whether all conditions of a rule that speaks of `thing` hold; a text: that is not known, and why."""
    age = here.now - thing.at
    if (rule.older_than is not None and age <= rule.older_than) or (
        rule.younger_than is not None and age > rule.younger_than
    ):
        return False
    if (rule.newest is not None or rule.beyond is not None) and not _ranks(rule, thing, here):
        return False
    unknown = ""
    if rule.annotations or rule.labels:
        found = carries(rule, thing.texts)
        if found is False:
            return False
        if found is None:
            unknown = "what stands in it cannot be read"
    if rule.used_within is not None or rule.unused_for is not None:
        used = _is_used(rule, thing, here)
        if used is False:
            return False
        unknown = unknown or (used if isinstance(used, str) else "")
    if rule.in_use is not None:
        runs = here.runs(rule, thing)
        if runs is False:
            return False
        unknown = unknown or (runs if isinstance(runs, str) else "")
    return unknown or True


def _ranks(rule: Rule, thing: Thing, here: Circumstances) -> bool:
    if rule.order == "version" and not is_version(thing):
        return False
    return here.ranked[rule.name].has(rule, thing) == (rule.newest is not None)


def is_version(thing: Thing) -> bool:
    """Whether a tag is a version (oci/version.py)."""
    return thing.version_key >= "1"


def _is_used(rule: Rule, thing: Thing, here: Circumstances) -> bool | str:
    """Whether the conditions on use hold: what was pushed was used then."""
    last = max(thing.used, thing.at)
    found: bool | str = True
    if rule.used_within is not None and here.now - last > rule.used_within:
        found = _if_known(False, rule.used_within, here)
    if rule.unused_for is not None:
        if here.now - last <= rule.unused_for:
            return False
        unused = _if_known(True, rule.unused_for, here)
        found = unused if found is True else found
    return found


def _if_known(found: bool, span: int, here: Circumstances) -> bool | str:
    """What is found of use within `span`, if use is known for so long."""
    if here.since is None or here.since > here.now - span:
        return "whether it was used is not known for so long"
    return found
