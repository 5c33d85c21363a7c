"""`Usage`: reads the aggregates of use, and forgets old ones.

Who has `read-audit` on a repository reads its use. Raises `Denied`, `holdfast.db.errors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from holdfast.access.delegating import circumstances_of
from holdfast.access.errors import Denied
from holdfast.access.model import UNCHECKED, Identity, PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit
from holdfast.access.usage import store
from holdfast.access.usage.model import DAY, KeptUse
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import Origin

MOST = 500
MOST_PULLS = 2_000
_CHUNK = 1000
_CHUNKS = 20
_FORGOTTEN = 500


class Asked(NamedTuple):
    """What use to show: None is any. `repository`: itself, or with `within` what is below it, too."""

    repository: str | None = None
    within: bool = False
    subject: str | None = None
    action: str | None = None
    allowed: bool | None = None
    since: int = 0

    def has(self, use: KeptUse) -> bool:
        """Whether `use` is one of those."""
        return (
            (self.subject is None or use.subject == self.subject)
            and (self.action is None or use.action == self.action)
            and (self.allowed is None or use.allowed == self.allowed)
            and (self.repository is None or self._below(use.repository))
        )

    def _below(self, repository: str) -> bool:
        return repository == self.repository or (self.within and repository.startswith(f"{self.repository}/"))


class UsePart(NamedTuple):
    """Aggregates, and the key to go on from, None at the end. `lost`: use since then that found no room."""

    uses: list[KeptUse]
    next: str | None
    lost: int


class Puller(NamedTuple):
    """Who pulled something, with what, from where (a /24 or /64), and how often by each reference; times are
    microseconds."""

    subject: str
    agent: str
    network: str
    times: Mapping[str, int]
    first_at: int
    last_at: int


class LastUse(NamedTuple):
    """When a tag or digest was pulled last (microseconds)."""

    reference: str
    last_at: int


class Usage:
    """The use of rights on one installation."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def page(self, caller: Identity, asked: Asked, *, after: str = "", limit: int, origin: Origin) -> UsePart:
        """Aggregates that are asked for and the caller may read, in the order of their keys, which is none; a page may
        be shorter than `limit` and still have a next one."""
        here = await circumstances_of(self._db, caller, origin)
        rights = caller.rights
        everything = caller.version == UNCHECKED or rights.system(Action.READ_AUDIT, here)
        if not everything and not any(Action.READ_AUDIT in grant.actions for grant in rights.grants):
            raise Denied(f"this needs '{Action.READ_AUDIT}', and you have it nowhere", action=str(Action.READ_AUDIT))
        lost = await lost_since(self._db, asked.since) if not after and everything else 0
        key = bytes.fromhex(after)
        found: list[KeptUse] = []
        seen: dict[str, bool] = {}
        for _ in range(_CHUNKS):
            rows = await self._db.all(store.USES_SINCE, after=key, since=asked.since, limit=_CHUNK)
            for use in rows:
                key = use.key
                if use.repository not in seen:
                    seen[use.repository] = everything or (
                        bool(use.repository) and rights.allows(Action.READ_AUDIT, use.repository, None, here)
                    )
                if asked.has(use) and seen[use.repository]:
                    found.append(use)
                    if len(found) == min(limit, MOST):
                        return UsePart(found, key.hex(), lost)
            if len(rows) < _CHUNK:
                return UsePart(found, None, lost)
        return UsePart(found, key.hex(), lost)

    async def pullers(
        self, permit: PathPermit, repository: str, references: Sequence[str], since: int
    ) -> tuple[list[Puller], bool]:
        """Who pulled any of these tags and digests since a day, the latest first, and whether there are more.

        Raises `Denied` (this needs `read-audit` there), `StalePermit`.
        """
        await check_permit(self._db, permit)
        permit.require(Action.READ_AUDIT, repository)
        rows = await self._db.all(
            store.PULLS,
            repository=repository,
            references=list(references),
            since=since - since % DAY,
            limit=MOST_PULLS + 1,
        )
        found: dict[tuple[str, str, str], Puller] = {}
        for row in rows[:MOST_PULLS]:
            key = (row.subject, row.agent, row.network)
            known = found.get(key) or Puller(*key, {}, row.first_at, row.last_at)
            found[key] = known._replace(
                times={**known.times, row.reference: row.times},
                first_at=min(known.first_at, row.first_at),
                last_at=max(known.last_at, row.last_at),
            )
        return sorted(found.values(), key=lambda each: (-each.last_at, each.subject)), len(rows) > MOST_PULLS

    async def forget(self, keep: int) -> int:
        """Forget the use of days that ended more than `keep` microseconds ago; returns how many aggregates went."""
        before = self._db.now() - keep - DAY
        gone = 0
        while True:
            day = await self._db.one(store.OLD_DAY, before=before)
            if day is None:
                await self._db.write(partial(_drop_days, before=before))
                return gone
            rows = await self._db.all(store.OLD_USES, day=day.day, limit=_FORGOTTEN)
            gone += await self._db.write(partial(_drop, day=day.day, last=rows[-1].key))


async def _drop(unit: Unit, day: int, last: bytes) -> int:
    return await unit.run(store.DROP_USES, day=day, last=last)


async def _drop_days(unit: Unit, before: int) -> int:
    return await unit.run(store.DROP_DAYS, before=before)


async def last_pulls(reader: Reader, repository: str) -> list[LastUse]:
    """When each tag and digest of a repository was pulled last, as far as it is kept (`usage.keep`, `usage.rows`): what
    is not in it may have been pulled in a way that found no room (see `lost_since`)."""
    return [LastUse(*row) for row in await reader.all(store.LAST_PULLS, repository=repository)]


async def lost_since(reader: Reader, since: int) -> int:
    """How much use since a time found no room: while it is not 0, nothing may be said never to have been pulled."""
    row = await reader.one(store.LOST_SINCE, since=since - since % DAY)
    return row.lost if row is not None else 0
