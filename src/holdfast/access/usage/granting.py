"""Which grants are in use: those that allowed what was done, and denies that refused it, each with its latest time.

Promises: deciding costs nothing here, and telling an entry of a dict for each new use of a few seconds; which grants
they were is found out when use is stored. A grant's row is written once in ten minutes at most by each process. Where
several grants allow the same, all of them are in use; one at tags is in use, too, by a digest that it may have led to.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from holdfast.access.model import Identity
from holdfast.access.policy.conditions import hold
from holdfast.access.policy.globs import TagGlob
from holdfast.access.policy.model import Action, Circumstances, Effect, Grant

WRITTEN_AGAIN = 600_000_000
"""Microseconds until the use of a grant is written again."""
PENDING = 20_000
_WRITTEN = 16_384


class _Use(NamedTuple):
    """What was done, or refused, by whom."""

    who: Identity
    action: Action
    repository: str
    reference: str
    address: str
    allowed: bool
    at: int


class Granting:
    """The use of grants that one process has seen since it last stored it."""

    def __init__(self) -> None:
        self._uses: dict[tuple[object, ...], _Use] = {}
        self._owed: dict[int, int] = {}
        self._written: dict[int, int] = {}

    def add(  # noqa: PLR0917 - what a request is made of
        self, who: Identity, address: str, action: Action, repository: str, reference: str, now: int, *, allowed: bool
    ) -> None:
        """`who` did this, or was refused it."""
        if len(self._uses) < PENDING:
            key = (id(who), address, action, repository, reference, allowed)
            self._uses[key] = _Use(who, action, repository, reference, address, allowed, now)

    def due(self) -> list[tuple[int, int]]:
        """The grants whose use is to be written, by number, each with its time; until `written` is told of them."""
        uses, self._uses = self._uses, {}
        for use in uses.values():
            for grant in _grants(use):
                if use.at - self._written.get(grant.id, 0) >= WRITTEN_AGAIN:
                    self._owed[grant.id] = max(self._owed.get(grant.id, 0), use.at)
        return sorted(self._owed.items())

    def written(self, grants: Iterable[tuple[int, int]]) -> None:
        """These were written: they are not due again for a while."""
        if len(self._written) >= _WRITTEN:
            self._written.clear()
        for grant, at in grants:
            self._written[grant] = at
            self._owed.pop(grant, None)


def _grants(use: _Use) -> Iterable[Grant]:
    """The grants that a use was decided by."""
    here = Circumstances(use.address, use.at, use.who.credential.claims)
    wanted = Effect.ALLOW if use.allowed else Effect.DENY
    for grant in use.who.rights.matching(use.action, use.repository):
        if grant.effect is wanted and _speaks(grant, use.reference) and hold(grant, here):
            yield grant


def _speaks(grant: Grant, reference: str) -> bool:
    """Whether a grant speaks of what was named; tags that a digest, or a blob, is reached by are not known here."""
    if grant.tag is None or not reference or ":" in reference:
        return True
    return TagGlob.parse(grant.tag).matches(reference)
