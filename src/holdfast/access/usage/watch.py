"""`Watch`: what the surface and the log-ins tell of every request, counted in memory and stored off the request path.

Promises: telling costs an update of a dict; memory and rows are bounded, and what found no room is counted; nothing
that the database refuses or misses for a while is lost before the bounds are reached. A process that is killed loses
what it had not stored: seconds of counts, and of refusals that repeat others.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from holdfast.access.model import Identity
from holdfast.access.policy.model import Action
from holdfast.access.usage import store
from holdfast.access.usage.folds import Folds, Told
from holdfast.access.usage.model import (
    DAY,
    Holder,
    Use,
    agent_name,
    clean,
    groups_text,
    holder_of,
    network_of,
)
from holdfast.db.errors import DatabaseError
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

FOLDS_EVERY = 1.0
"""Seconds until a refusal or a log-in is stored."""
USES_EVERY = 10.0
"""Seconds until use is stored."""
ALLOWED_PENDING, DENIED_PENDING = 20_000, 4_000
DENIED_SHARE = 5
"""Denied use may fill a day's aggregates to one part in so many of what permitted use may."""
_ROWS = 100
_HOLDERS = 4096
_LATEST = 8192


class _Key(NamedTuple):
    holder: Holder
    network: str
    agent: str
    action: str
    repository: str
    reference: str
    day: int


class _Count:
    __slots__ = ("first", "last", "times")

    def __init__(self, now: int) -> None:
        self.times = 0
        self.first = self.last = now


class _Latest(NamedTuple):
    """A count by what a request says literally, so that one like it finds it at once; until its day ends."""

    who: Identity
    counted: _Count
    until: int


class _Pending(NamedTuple):
    key: _Key
    counted: _Count
    allowed: bool


class _Batch(NamedTuple):
    """Rows of one day; `lost`: use of that day that found no room in memory."""

    day: int
    pending: list[_Pending]
    lost: int


class Watch:
    """The eyes of one process. `rows`: how many aggregates of permitted use a day may have, over all processes."""

    def __init__(self, db: Database, *, rows: int = 100_000) -> None:
        self._db = db
        self._limits = (rows // DENIED_SHARE, rows)
        self._uses: tuple[dict[_Key, _Count], dict[_Key, _Count]] = ({}, {})
        self._overflow: Counter[int] = Counter()
        self._holders: dict[int, tuple[Identity, Holder]] = {}
        self._latest: dict[tuple[object, ...], _Latest] = {}
        self._folds = Folds()
        self._untold: list[Told] = []
        self._flushing = asyncio.Lock()

    def used(self, who: Identity, origin: Origin, action: Action, repository: str, reference: str = "") -> None:
        """`who` did `action`. `reference`: the tag or digest asked for, '' for blobs and for the whole repository."""
        self._count(who, origin, action, repository, reference, allowed=True)

    def denied(  # noqa: PLR0917 - what a request is made of
        self, who: Identity, origin: Origin, action: Action, repository: str, reference: str, reason: str
    ) -> None:
        """`who` was refused `action`, which is known to be refused: a challenge (401) is no refusal."""
        now = self._count(who, origin, action, repository, reference, allowed=False)
        holder = self._holder(who)
        origin = origin._replace(credential=origin.credential or holder.credential)
        facts = {"action": str(action), "repository": repository, "reference": reference, "reason": reason}
        self._folds.add(ChangeKind.ACCESS_DENIED, holder.actor, origin, now, **facts)

    def login(self, actor: str, origin: Origin, ok: bool, why: str = "") -> None:
        """A log-in was decided. `actor`: the subject, when there is one of that name, else `unknown` (what was typed
        may be a password in the wrong field); `why`: a fixed sentence, '' when it succeeded."""
        kind = ChangeKind.LOGIN_SUCCEEDED if ok else ChangeKind.LOGIN_FAILED
        self._folds.add(kind, actor, origin, self._db.now(), reason=why)

    async def run(self) -> None:
        """Store what was told, again and again until cancelled; then what is left."""
        turns = round(USES_EVERY / FOLDS_EVERY)
        turn = 0
        try:
            while True:
                await asyncio.sleep(FOLDS_EVERY)
                turn += 1
                with suppress(DatabaseError):
                    await self._tell(everything=False)
                    if turn % turns == 0:
                        await self._store()
        finally:
            with suppress(DatabaseError):
                await self.flush()

    async def flush(self) -> None:
        """Store everything that was told. Raises `DatabaseError`; what is not stored is kept."""
        await self._tell(everything=True)
        await self._store()

    # -- refusals and log-ins -----------------------------------------------------------------------------------------

    async def _tell(self, *, everything: bool) -> None:
        async with self._flushing:
            self._untold += self._folds.due(self._db.now(), all_of_them=everything)
            while self._untold:
                rows = self._untold[:_ROWS]
                await self._db.write(partial(_note, rows=rows))
                del self._untold[: len(rows)]

    # -- use ----------------------------------------------------------------------------------------------------------

    def _count(
        self, who: Identity, origin: Origin, action: Action, repository: str, reference: str, *, allowed: bool
    ) -> int:
        now = self._db.now()
        short = (id(who), origin.address, origin.agent, action, repository, reference, allowed)
        known = self._latest.get(short)
        if known is not None and known.who is who and now < known.until:
            known.counted.times += 1
            known.counted.last = now
            return now
        day = now - now % DAY
        key = _Key(
            self._holder(who),
            network_of(origin.address),
            agent_name(origin.agent),
            action,
            repository,
            reference,
            day,
        )
        uses = self._uses[allowed]
        seen = uses.get(key)
        if seen is None:
            if len(uses) >= (ALLOWED_PENDING if allowed else DENIED_PENDING):
                self._overflow[day] += 1
                return now
            seen = uses[key] = _Count(now)
        seen.times += 1
        seen.last = now
        if len(self._latest) >= _LATEST:
            self._latest.clear()
        self._latest[short] = _Latest(who, seen, day + DAY)
        return now

    def _holder(self, who: Identity) -> Holder:
        found = self._holders.get(id(who))
        if found is not None and found[0] is who:
            return found[1]
        if len(self._holders) >= _HOLDERS:
            self._holders.clear()
        holder = holder_of(who)
        self._holders[id(who)] = (who, holder)
        return holder

    async def _store(self) -> None:
        async with self._flushing:
            taken, self._uses = self._uses, ({}, {})
            self._latest.clear()
            overflow, self._overflow = self._overflow, Counter()
            batches = _batches(taken, overflow)
            try:
                ids = {pending.key.holder.id for batch in batches for pending in batch.pending}
                groups = await self._groups(ids - {0})
                while batches:
                    await self._db.write(partial(self._add, batch=batches[0], groups=groups))
                    batches.pop(0)
            finally:
                for batch in batches:
                    self._keep(batch)

    def _keep(self, batch: _Batch) -> None:
        """Put back what could not be stored."""
        self._overflow[batch.day] += batch.lost
        for key, count, allowed in batch.pending:
            uses = self._uses[allowed]
            newer = uses.get(key)
            if newer is not None:
                newer.times += count.times
                newer.first = count.first
            elif len(uses) < (ALLOWED_PENDING if allowed else DENIED_PENDING):
                uses[key] = count
            else:
                self._overflow[key.day] += count.times

    async def _groups(self, ids: set[int]) -> dict[int, list[str]]:
        """The groups of accounts, of this moment."""
        found: dict[int, list[str]] = {}
        if ids:
            for row in await self._db.all(store.MEMBERSHIPS, ids=sorted(ids)):
                found.setdefault(row.account_id, []).append(row.name)
        return found

    async def _add(self, unit: Unit, batch: _Batch, groups: dict[int, list[str]]) -> None:
        """Add to the aggregates of a day; its row is locked, so that its bounds hold over all processes."""
        day = await unit.one(store.LOCK_DAY, day=batch.day)
        if day is None:
            await unit.run(store.ADD_DAY, day=batch.day)
            day = await unit.one(store.LOCK_DAY, day=batch.day)
        assert day is not None
        rows = [day.denied_rows, day.allowed_rows]
        lost = day.lost + batch.lost
        for pending in batch.pending:
            use = _use(pending, groups)
            key = use.key
            if await unit.run(store.ADD_USE, key=key, times=use.times, first_at=use.first_at, last_at=use.last_at):
                continue
            if rows[use.allowed] >= self._limits[use.allowed]:
                lost += use.times
                continue
            await unit.run(store.PUT_USE, key=key, **{**use._asdict(), "allowed": int(use.allowed)})
            rows[use.allowed] += 1
        await unit.run(store.SET_DAY, day=batch.day, denied_rows=rows[0], allowed_rows=rows[1], lost=lost)


def _batches(taken: tuple[dict[_Key, _Count], dict[_Key, _Count]], overflow: Counter[int]) -> list[_Batch]:
    """What is to be stored, in units of one day and a bounded size."""
    days: dict[int, list[_Pending]] = {day: [] for day in overflow}
    for allowed, uses in enumerate(taken):
        for key, count in uses.items():
            days.setdefault(key.day, []).append(_Pending(key, count, bool(allowed)))
    batches = []
    for day, pending in sorted(days.items()):
        for start in range(0, max(len(pending), 1), _ROWS):
            batches.append(_Batch(day, pending[start : start + _ROWS], 0 if start else overflow[day]))
    return batches


async def _note(unit: Unit, rows: Iterable[Told]) -> None:
    for row in rows:
        await note(unit, row.kind, actor=row.actor, origin=row.origin, data=row.data, path=row.path)


def _use(pending: _Pending, groups: dict[int, list[str]]) -> Use:
    key, count, allowed = pending
    return Use(
        key.day,
        clean(key.holder.actor),
        groups_text(groups.get(key.holder.id, [])),
        key.holder.credential,
        clean(key.holder.claims, 4096),
        key.network,
        key.agent,
        str(key.action),
        clean(key.repository),
        clean(key.reference),
        allowed,
        count.times,
        count.first,
        count.last,
    )
