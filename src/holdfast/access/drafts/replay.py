"""Decides past use by another policy. Pure: the engine that decides requests decides here, too.

What is kept of a use is less than a request says (access/usage): a network block instead of an address, the first and
the last time of a day, no claims that are new in every token, no tag for a blob. Where a policy would look at what is
not kept, the answer is that it is not known, and why; it is never a guess.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network
from typing import NamedTuple

from holdfast.access.drafts.model import GrantLine, asked_of, line_of
from holdfast.access.policy.conditions import hold
from holdfast.access.policy.decide import Bound, Rights, TagRights
from holdfast.access.policy.globs import TagGlob
from holdfast.access.policy.model import (
    ANYWHERE,
    PUSH_ACTIONS,
    SYSTEM_ACTIONS,
    TAG_ACTIONS,
    Action,
    Circumstances,
    Effect,
    Grant,
    Grantee,
    GranteeKind,
)
from holdfast.access.usage.model import FLEETING_CLAIMS, UNKNOWN_GROUPS

NETWORKS = "a condition on networks smaller than the blocks that are kept (/24, /64)"
TIMES = "a condition on the time of day, between the first and the last use of a day"
CLAIMS = "a condition on a claim that is not kept, because it is new in every token"
BLOBS = "blobs, where rights depend on tags"
DIGESTS = "digests that no tag reaches now, where rights depend on tags"
SIGNATURES = "signatures, where rights depend on tags"
NO_REPOSITORY = "requests that name no repository"
_PUSHING = frozenset({Action.CREATE_TAG, Action.OVERWRITE})
"""By which any push is counted that names no tag: a right on any tag of the repository is enough for it."""
_POINTS = 64
_KEPT = 20_000


class PastUse(NamedTuple):
    """A use that is decided again; `groups` as they are kept (usage/model.py)."""

    subject: str
    groups: str
    claims: str
    network: str
    action: Action
    repository: str
    reference: str
    first_at: int
    last_at: int


class Verdict(NamedTuple):
    """Whether it is allowed; None: not known, for the reason `unknown`."""

    allowed: bool | None
    unknown: str = ""


class Policy:
    """A policy to decide by. `members`: the names of members by the name of a group."""

    def __init__(
        self, grants: Iterable[Grant], members: Mapping[str, frozenset[str]], public: Mapping[str, bool]
    ) -> None:
        self._members = members
        self._public = public
        self._to: dict[str, list[Grant]] = {}
        for grant in grants:
            self._to.setdefault(grant.grantee.name, []).append(grant._replace(expires_at=0))
        self._rights: dict[tuple[str, str, tuple[Bound, ...] | None], Rights] = {}

    def rights(self, subject: str, groups: str, bounds: tuple[Bound, ...] | None) -> Rights:
        """What `subject` may, who was in `groups` of providers then and is in these local ones."""
        key = (subject, groups, bounds)
        found = self._rights.get(key)
        if found is None:
            names = [subject, *(f"group:{name}" for name in sorted(self._groups(subject, groups)))]
            if subject != "anonymous":
                names.append("anonymous")
            grants = [grant for name in names for grant in self._to.get(name, ())]
            if len(self._rights) >= _KEPT:
                self._rights.clear()
            found = self._rights[key] = Rights(subject, grants, self._public, bounds)
        return found

    def _groups(self, subject: str, groups: str) -> set[str]:
        """Local groups as the policy says; a provider's as they were then, or are now where that was not kept."""
        now = {name for name, members in self._members.items() if subject in members}
        if groups == UNKNOWN_GROUPS:
            return now
        return {name for name in now if "/" not in name} | {name for name in json.loads(groups) if "/" in name}


def grants_of_lines(lines: Iterable[GrantLine], roles: Mapping[str, frozenset[Action]], now: int) -> list[Grant]:
    """The grants that lines of a file would be; those that have ended are left out."""
    found = []
    for number, line in enumerate(lines, 1):
        asked = asked_of(line)
        if asked.expires_at and asked.expires_at <= now:
            continue
        kind = (
            GranteeKind.ANONYMOUS
            if line.subject == "anonymous"
            else GranteeKind.GROUP
            if line.subject.startswith("group:")
            else GranteeKind.ACCOUNT
        )
        grantee = Grantee(kind, 0 if kind is GranteeKind.ANONYMOUS else 1, line.subject)
        actions = roles.get(asked.role, frozenset()) if asked.role is not None else asked.deny
        scope, conditions = asked.scope, asked.conditions
        found.append(Grant(number, asked.effect, grantee, asked.role, actions, scope.repository, scope.tag, conditions))
    return found


def decide(rights: Rights, use: PastUse, reached: Sequence[str] = ()) -> Verdict:
    """Whether `use` is allowed by `rights`. `reached`: by which tags its digest is reached now."""
    if not use.repository and use.action not in SYSTEM_ACTIONS:
        return Verdict(None, NO_REPOSITORY)
    actions = PUSH_ACTIONS if use.action in _PUSHING and not use.reference else {use.action}
    speaking = (grant for action in actions for grant in rights.matching(action, use.repository))
    matching = [grant for grant in speaking if grant.conditions.any]
    if any(not FLEETING_CLAIMS.isdisjoint(grant.conditions.claims) for grant in matching):
        return Verdict(None, CLAIMS)
    networks = [network for grant in matching for network in grant.conditions.networks]
    timed = any(grant.conditions.times for grant in matching)
    if not matching:
        return _decide(rights, use, ANYWHERE, reached)
    if networks and not use.network:
        return Verdict(None, NETWORKS)
    claims = json.loads(use.claims) if use.claims else {}
    points = _points(use.network, networks)
    if points is None:
        return Verdict(None, NETWORKS)
    moments = sorted({use.first_at, use.last_at}) if timed else [use.last_at]
    found = {
        (point, moment): _decide(rights, use, Circumstances(point, moment, claims), reached)
        for point in points
        for moment in moments
    }
    verdicts = set(found.values())
    if len(verdicts) == 1:
        return verdicts.pop()
    unknown = [verdict for verdict in verdicts if verdict.allowed is None]
    if unknown:
        return unknown[0]
    by_place = all(len({found[point, moment] for point in points}) == 1 for moment in moments)
    return Verdict(None, TIMES if by_place else NETWORKS)


def because(rights: Rights, use: PastUse, *, allowed: bool) -> str:
    """By which grant it is allowed, or why it is not; as people write grants."""
    claims = json.loads(use.claims) if use.claims else {}
    here = Circumstances(use.network.partition("/")[0], use.last_at, claims)
    speaking = [grant for grant in rights.matching(use.action, use.repository) if hold(grant, here)]
    wanted = Effect.ALLOW if allowed else Effect.DENY
    for grant in speaking:
        if grant.effect is wanted and _speaks_of(grant, use.reference):
            return f"{'by' if allowed else 'denied by'} {line_of(grant).said}"
    if allowed:
        return "it is open to everyone" if rights.is_public(use.repository) else "by its grants"
    return "no grant allows it"


def _speaks_of(grant: Grant, reference: str) -> bool:
    """Whether a grant may have to do with what was asked for; of a digest it is not known by name."""
    return grant.tag is None or not reference or ":" in reference or TagGlob.parse(grant.tag).matches(reference)


def _decide(rights: Rights, use: PastUse, here: Circumstances, reached: Sequence[str]) -> Verdict:
    action, repository, reference = use.action, use.repository, use.reference
    if action in SYSTEM_ACTIONS:
        return Verdict(rights.system(action, here))
    if action not in TAG_ACTIONS:
        return Verdict(rights.allows(action, repository, None, here))
    if not reference and action in _PUSHING:
        return Verdict(any(not rights.tags(each, repository, here).nothing for each in PUSH_ACTIONS))
    tags = rights.tags(action, repository, here)
    if tags.everything or tags.nothing:
        return Verdict(tags.everything)
    if not reference:
        return Verdict(None, SIGNATURES if action is Action.SIGN else BLOBS)
    if ":" not in reference:
        return Verdict(tags.allows(reference))
    return _by_digest(action, tags, reached)


def _by_digest(action: Action, tags: TagRights, reached: Sequence[str]) -> Verdict:
    if action in PUSH_ACTIONS:
        return Verdict(True)
    if not reached:
        return Verdict(None, DIGESTS)
    allowed = [tags.allows(tag) for tag in reached]
    return Verdict(all(allowed) if action is Action.DELETE_TAG else any(allowed))


def _points(block: str, networks: Iterable[object]) -> list[str] | None:
    """Addresses of a block that differ in what networks they are in; None: too many."""
    if not block:
        return [""]
    whole = ip_network(block)
    found = {whole[0], whole[-1]}
    for text in map(str, networks):
        network = ip_network(text)
        if network.version == whole.version and network.network_address in whole:
            found.add(network[0])  # what begins in the block; the block's own ends are there already
        if len(found) > _POINTS:
            return None
    return [str(point) for point in sorted(found, key=int)]
