"""Why a subject may or may not do something: the same grants, by the same tests, as the decision itself. Pure.

Promises: `allowed` is what `Rights` decides, never what is found here; the reasons are found by walking the same rules,
and the two never differ (tests/property/test_policy_explain.py).
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from holdfast.access.policy.conditions import fails
from holdfast.access.policy.decide import PUBLIC_ACTIONS, Rights
from holdfast.access.policy.globs import RepositoryGlob, TagGlob
from holdfast.access.policy.model import (
    BUILT_IN_ROLES,
    SYSTEM_ACTIONS,
    TAG_ACTIONS,
    Action,
    Circumstances,
    Effect,
    Grant,
)
from holdfast.access.policy.reasons import OUT_OF_BOUNDS, said

NOT_THESE_TAGS = "it is about other tags"
NOT_ABOUT_TAGS = "it names tags, and this action is of the repository as a whole"


class Extent(StrEnum):
    """How much of what was asked for is allowed."""

    ALL = "all"
    SOME = "some"
    NONE = "none"


class Rule(NamedTuple):
    """A grant or deny that speaks of the action in the repository. `inherited_from`: the path it lives at, '' the root;
    `fails`: why it does not count here and now, '' when it counts."""

    grant: Grant
    inherited_from: str
    fails: str


class Explanation(NamedTuple):
    """Why `subject` may do `action` or not. `extent`: without a tag, whether at all tags, at some, or none; `reason`:
    in a sentence; `decisive`: the rules that made the difference; `rules`: all that speak of it; `public_at`: the path
    that opens the repository to everyone, None where nothing does; `remedy`: what would allow it, '' when it is
    allowed."""

    subject: str
    action: Action
    repository: str
    tag: str | None
    extent: Extent
    reason: str
    decisive: tuple[Rule, ...]
    rules: tuple[Rule, ...]
    public_at: str | None
    remedy: str

    @property
    def allowed(self) -> bool:
        """Whether the action is allowed: at the tag, or without one at some tag at least."""
        return self.extent is not Extent.NONE


class _Asked(NamedTuple):
    """What is to be explained."""

    action: Action
    repository: str
    tag: str | None
    circumstances: Circumstances


def explain(
    rights: Rights, action: Action, repository: str, tag: str | None, circumstances: Circumstances
) -> Explanation:
    """Why the holder of `rights` may do `action` at `tag` of `repository`, or not."""
    tag = tag if action in TAG_ACTIONS else None
    asked = _Asked(action, repository, tag, circumstances)
    rules = tuple(
        Rule(grant, RepositoryGlob.parse(grant.repository).home, _fails(grant, action, tag, circumstances))
        for grant in speaking(rights, action, repository)
    )
    public_at = opened_at(rights, repository) if action in PUBLIC_ACTIONS else None
    extent = _extent(rights, asked)
    counting = [rule for rule in rules if not rule.fails]
    denies = tuple(rule for rule in counting if rule.grant.effect is Effect.DENY)
    allows = tuple(rule for rule in counting if rule.grant.effect is Effect.ALLOW)
    remedy = ""
    if extent is not Extent.NONE:
        decisive = allows + denies
        reason = _allowed(allows, denies, repository, public_at)
    elif rights.bounds is not None and _without_bounds(rights, rules, asked):
        decisive = ()
        reason, remedy = OUT_OF_BOUNDS, "a key with wider limits"
    else:
        open_here = bool(allows) or public_at is not None
        decisive = tuple(rule for rule in denies if open_here or tag is not None or _of_every_tag(rule.grant))
        denied = bool(decisive)
        decisive = decisive or tuple(rule for rule in rules if rule.grant.effect is Effect.ALLOW)
        reason = _denied(decisive, denied=denied)
        remedy = _remedy(rights.subject, action, repository, tag, [rule.grant.id for rule in denies if denied])
    return Explanation(rights.subject, action, repository, tag, extent, reason, decisive, rules, public_at, remedy)


def speaking(rights: Rights, action: Action, repository: str) -> list[Grant]:
    """The grants and denies that speak of `action` in `repository`; of the installation: those on everything."""
    if action not in SYSTEM_ACTIONS:
        return list(rights.matching(action, repository))
    return [
        grant
        for grant in rights.grants
        if action in grant.actions and RepositoryGlob.parse(grant.repository).everything
    ]


def opened_at(rights: Rights, repository: str) -> str | None:
    """The path that opens `repository` to everyone; None: nothing does."""
    parts = repository.split("/")
    for depth in range(len(parts), -1, -1):
        path = "/".join(parts[:depth])
        if path in rights.public:
            return path if rights.public[path] else None
    return None


def least_role(action: Action) -> str:
    """The built-in role with the fewest actions that has `action`."""
    return min((name for name, actions in BUILT_IN_ROLES.items() if action in actions), key=_size)


def _size(role: str) -> int:
    return len(BUILT_IN_ROLES[role])


def _extent(rights: Rights, asked: _Asked) -> Extent:
    action, repository, tag, circumstances = asked
    if action in SYSTEM_ACTIONS:
        return Extent.ALL if rights.system(action, circumstances) else Extent.NONE
    tags = rights.tags(action, repository, circumstances)
    if tag is not None:
        return Extent.ALL if tags.allows(tag) else Extent.NONE
    if tags.nothing:
        return Extent.NONE
    return Extent.ALL if tags.everything else Extent.SOME


def _fails(grant: Grant, action: Action, tag: str | None, circumstances: Circumstances) -> str:
    if grant.tag is not None:
        if action not in TAG_ACTIONS:
            return NOT_ABOUT_TAGS
        if tag is not None and not TagGlob.parse(grant.tag).matches(tag):
            return NOT_THESE_TAGS
    return fails(grant, circumstances) or ""


def _without_bounds(rights: Rights, rules: tuple[Rule, ...], asked: _Asked) -> bool:
    """Whether the subject itself would be allowed, by another credential."""
    itself = Rights(rights.subject, [rule.grant for rule in rules], rights.public)
    return _extent(itself, asked) is not Extent.NONE


def _of_every_tag(grant: Grant) -> bool:
    return grant.tag is None or TagGlob.parse(grant.tag).everything


def _allowed(allows: tuple[Rule, ...], denies: tuple[Rule, ...], repository: str, public_at: str | None) -> str:
    if public_at is not None:
        reason = f"{public_at or 'the whole registry'} is open to everyone"
    else:
        home = allows[0].inherited_from
        inherited = "" if home == repository else f", inherited from {home or 'the root'}"
        reason = f"allowed by {said(allows[0].grant)}{inherited}"
    if denies:
        tags = sorted({rule.grant.tag for rule in denies if rule.grant.tag is not None})
        reason += f", but not at the tags {', '.join(tags)}"
    return reason


def _denied(decisive: tuple[Rule, ...], *, denied: bool) -> str:
    if denied:
        return f"denied by {said(decisive[0].grant)}"
    if decisive:
        return f"{said(decisive[0].grant)} does not count: {decisive[0].fails}"
    return "no rule gives this right"


def _remedy(subject: str, action: Action, repository: str, tag: str | None, denies: list[int]) -> str:
    if denies:
        return "removing grant " + ", ".join(map(str, denies))
    scope = "**" if action in SYSTEM_ACTIONS else repository if tag is None else f"{repository}:{tag}"
    return f"holdfast grant add {subject} {least_role(action)} '{scope}'"
