"""`Trial`: tries a policy file on past use, and lists what it would change.

Compared are the policy that stands and the one that would stand, on every use of the last days that is kept; so an
unchanged export changes nothing, whatever was granted and taken since. What cannot be known is counted beside, by why.
Raises `Invalid`, `Denied`, `holdfast.db.errors`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from holdfast.access.drafts.model import Draft, line_of, within
from holdfast.access.drafts.replay import (
    DIGESTS,
    PastUse,
    Policy,
    because,
    decide,
    grants_of_lines,
)
from holdfast.access.drafts.service import Drafts
from holdfast.access.drafts.standing import Standing, home_of
from holdfast.access.drafts.store import OVERFLOW, REACHING, REFRESH_LIMITS, SECRET_LIMITS, USES, UseRow
from holdfast.access.keys.bounds import read_bounds
from holdfast.access.model import Identity
from holdfast.access.policy.decide import Bound, Rights
from holdfast.access.policy.model import BUILT_IN_ROLES, Action
from holdfast.access.usage.model import DAY
from holdfast.db.port import Database
from holdfast.journal.model import Origin

ROWS = 4000
"""Aggregates of use that one part looks at."""
OVERFLOWED = "use that found no room in the aggregates of its day"
_BREATH = 100
_TAGS = 200
_LIMITED = {"key": SECRET_LIMITS, "refresh": REFRESH_LIMITS}


class Changed(NamedTuple):
    """Use that would be decided otherwise. `allowed`: from then on; `times`, `first_at`, `last_at`: how often and when
    it was; `because`: the grant that decides, or what is missing."""

    subject: str
    credential: str
    network: str
    agent: str
    action: str
    repository: str
    reference: str
    allowed: bool
    times: int
    first_at: int
    last_at: int
    because: str


class TrialPart(NamedTuple):
    """What a part of past use gave. `uses`: how many were looked at; `drifted`: of these, how many are decided
    otherwise by now than they were then; `unknown`: how many cannot be decided, by why; `next`: where the next part
    begins, None at the end."""

    changed: list[Changed]
    uses: int
    drifted: int
    unknown: dict[str, int]
    next: bytes | None


@dataclass(slots=True)
class _Found:
    changed: list[Changed]
    unknown: Counter[str]
    uses: int = 0
    drifted: int = 0


class Trial:
    """Tries drafts."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._drafts = Drafts(db)

    async def part(self, caller: Identity, draft: Draft, days: int, *, after: bytes = b"", origin: Origin) -> TrialPart:
        """Try `draft` on a part of the use of the last `days`, beginning after a row. For who manages access or reads
        the audit on all that the draft speaks of."""
        standing = await self._drafts.standing(caller, draft.path, origin=origin)
        now, then = policies(standing, draft, self._db.now())
        since = self._db.now() - days * DAY
        since -= since % DAY
        rows = await self._db.all(USES, after=after, since=since, limit=ROWS)
        bounds = await self._bounds(rows)
        found = _Found([], Counter())
        known = set(Action)
        for number, row in enumerate(rows):
            if number % _BREATH == 0:
                await asyncio.sleep(0)
            if row.action in known and within(draft.path, row.repository):
                limits = bounds.get(row.credential)
                rights = [policy.rights(row.subject, row.groups, limits) for policy in (now, then)]
                await self._try(row, rights, found)
        if not after:
            lost = await self._db.one(OVERFLOW, since=since)
            if lost is not None and lost.lost:
                found.unknown[OVERFLOWED] += lost.lost
        last = rows[-1].key if len(rows) == ROWS else None
        return TrialPart(found.changed, found.uses, found.drifted, dict(found.unknown), last)

    async def _try(self, row: UseRow, rights: Sequence[Rights], found: _Found) -> None:
        """Decide one use by both policies."""
        found.uses += row.times
        use = _use(row)
        before, then = (decide(each, use) for each in rights)
        if DIGESTS in {before.unknown, then.unknown}:
            reached = await self._db.all(REACHING, repository=row.repository, digest=row.reference, limit=_TAGS)
            before, then = (decide(each, use, [tag.name for tag in reached]) for each in rights)
        if before.allowed is None or then.allowed is None:
            found.unknown[before.unknown or then.unknown] += row.times
            return
        found.drifted += row.times if before.allowed != row.allowed else 0
        if before.allowed != then.allowed:
            found.changed.append(_changed(row, then.allowed, because(rights[1], use, allowed=then.allowed)))

    async def _bounds(self, rows: Iterable[UseRow]) -> Mapping[str, tuple[Bound, ...] | None]:
        """The limits of the keys that were used, by credential."""
        ids: dict[str, set[int]] = {}
        for row in rows:
            kind, _, number = row.credential.partition(":")
            if kind in _LIMITED and number.isdecimal():
                ids.setdefault(kind, set()).add(int(number))
        found: dict[str, tuple[Bound, ...] | None] = {}
        for kind, numbers in ids.items():
            for limit in await self._db.all(_LIMITED[kind], ids=sorted(numbers)):
                found[f"{kind}:{limit.id}"] = read_bounds(limit.limits)
        return found


def policies(standing: Standing, draft: Draft, now: int) -> tuple[Policy, Policy]:
    """The policy that stands, and the one that `draft` would make of it."""
    roles = dict(BUILT_IN_ROLES)
    for role in standing.roles if draft.roles is None else draft.roles:
        roles[role.name] = frozenset(map(Action, role.actions))
    lines = [line_of(grant) for grant in standing.grants]
    if draft.grants is not None:
        lines = [line for line in lines if not within(draft.path, home_of(line))] + list(draft.grants)
    members = dict(standing.members)
    if draft.groups is not None:
        members = {name: held for name, held in members.items() if "/" in name}
        members |= {group.name: frozenset(group.members) for group in draft.groups}
    public = dict(standing.visibility)
    if draft.visibility is not None:
        public = {path: shown for path, shown in public.items() if not within(draft.path, path)}
        public |= draft.visibility
    return (
        Policy(standing.grants, standing.members, standing.visibility),
        Policy(grants_of_lines(lines, roles, now), members, public),
    )


def _use(row: UseRow) -> PastUse:
    return PastUse(
        row.subject,
        row.groups,
        row.claims,
        row.network,
        Action(row.action),
        row.repository,
        row.reference,
        row.first_at,
        row.last_at,
    )


def _changed(row: UseRow, allowed: bool, why: str) -> Changed:
    return Changed(
        row.subject,
        row.credential,
        row.network,
        row.agent,
        row.action,
        row.repository,
        row.reference,
        allowed,
        row.times,
        row.first_at,
        row.last_at,
        why,
    )
