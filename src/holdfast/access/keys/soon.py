"""Keys that somebody should look at: they end soon, or nobody has used them for long.

Everybody is told of his own, and who manages access to a namespace of the keys of its robots that end.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.grants.sight import managed_homes
from holdfast.access.keys.store import ENDING, IDLE, SoonRow
from holdfast.access.model import Identity, Subject, SubjectKind
from holdfast.access.policy.languages import is_above
from holdfast.db.port import Database

_DAY = 86_400_000_000
SOON = 14 * _DAY
LONG = 90 * _DAY
"""Microseconds after which a key that nobody uses should be asked about."""
_LOOKED_AT = 200


class SoonKey(NamedTuple):
    """A key. `owner`: as an actor; `own`: it is the caller's; `ends_at`: microseconds, 0: it is idle; `used_at`: of the
    last use that is known, None: none."""

    name: str
    owner: str
    own: bool
    ends_at: int
    used_at: int | None


class SoonKeys:
    """The keys of an installation that need somebody."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of(self, caller: Identity, most: int = 10) -> list[SoonKey]:
        """Those that end soon, the next first, and then the caller's idle ones."""
        if not caller.subject.id:
            return []
        now = self._db.now()
        homes = managed_homes(caller)
        ending = await self._db.all(ENDING, until=now + SOON, limit=_LOOKED_AT)
        found = [_key(row, caller, row.expires_at or 0) for row in ending if _sees(row, caller, homes)]
        if len(found) < most:
            idle = await self._db.all(IDLE, account_id=caller.subject.id, before=now - LONG, limit=most)
            found += [_key(row, caller, 0) for row in idle]
        return found[:most]


def _sees(row: SoonRow, caller: Identity, homes: list[str]) -> bool:
    if row.namespace is not None:
        return any(is_above(home, row.namespace) for home in homes)
    return _own(row, caller)


def _own(row: SoonRow, caller: Identity) -> bool:
    return row.kind == caller.subject.kind and row.owner == caller.subject.name


def _key(row: SoonRow, caller: Identity, ends_at: int) -> SoonKey:
    owner = Subject(1, row.owner, SubjectKind(row.kind)).actor
    return SoonKey(row.name, owner, _own(row, caller), ends_at, row.used_at)
