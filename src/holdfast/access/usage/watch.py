"""`Watch`: what the surface and the log-ins tell of every request, counted in memory and stored off the request path.

Promises: telling costs an update of a dict; memory and rows are bounded, and what found no room is counted; nothing
that the database refuses or misses for a while is lost before the bounds are reached. A process that is killed loses
what it had not stored: seconds of counts, and of refusals that repeat others. The same batches feed whoever counts use
further (feed.py), where there is somebody.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from enum import IntEnum
from functools import partial
from typing import Literal, NamedTuple

from holdfast.access.meters import LOGINS, REFUSALS
from holdfast.access.model import UNCHECKED, Identity
from holdfast.access.policy.model import Action
from holdfast.access.usage import feed, store
from holdfast.access.usage.feed import FedUse
from holdfast.access.usage.folds import VARIOUS, Folds, Told
from holdfast.access.usage.granting import Granting
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
from holdfast.telemetry.meters import Meters

FOLDS_EVERY = 1.0
"""Seconds until a refusal or a log-in is stored."""
USES_EVERY = 3.0
"""Seconds until use is stored."""
ALLOWED_PENDING, DENIED_PENDING, KNOCKS_PENDING = 20_000, 4_000, 1_000
DENIED_SHARE = 5
"""Denied use may fill a day's aggregates to one part in so many of what permitted use may."""
_ROWS = 100
_HOLDERS = 4096
_LATEST = 8192


class _Kind(IntEnum):
    """What becomes of use: refused and permitted use is kept apart; that of an open registry, and what is none
    by itself (`touched`), is only fed."""

    DENIED = 0
    ALLOWED = 1
    OPEN = 2


class _Key(NamedTuple):
    holder: Holder
    network: str
    agent: str
    action: str
    repository: str
    reference: str
    digest: str
    head: bool
    day: int


class Counted:
    """A count of equal uses, to which the bytes of an answer are added once it was sent."""

    __slots__ = ("bytes", "first", "key", "kind", "last", "stored", "times")

    def __init__(self, key: _Key, kind: _Kind, now: int) -> None:
        self.key = key
        self.kind = kind
        self.times = self.bytes = 0
        self.first = self.last = now
        self.stored = False


class _Latest(NamedTuple):
    """A count by what a request says literally, so that one like it finds it at once; until its day ends."""

    who: Identity
    counted: Counted
    until: int


class _Batch(NamedTuple):
    """Rows of one day; `lost`: use of that day that found no room in memory."""

    day: int
    pending: list[Counted]
    lost: int


_Uses = tuple[dict[_Key, Counted], dict[_Key, Counted], dict[_Key, Counted]]


class Watch:
    """The eyes of one process. `rows`: how many aggregates of permitted use a day may have, over all processes; `fed`:
    whether there is somebody who reads the feed."""

    def __init__(self, db: Database, *, rows: int = 100_000, fed: bool = False, meters: Meters | None = None) -> None:
        self._meters = meters or Meters()
        self._meters.declare(LOGINS, REFUSALS)
        self._db = db
        self._limits = (rows // DENIED_SHARE, rows)
        self._fed = fed
        self._uses: _Uses = ({}, {}, {})
        self._overflow: Counter[int] = Counter()
        self._holders: dict[int, tuple[Identity, Holder]] = {}
        self._latest: dict[tuple[object, ...], _Latest] = {}
        self._folds = Folds()
        self._granting = Granting()
        self._untold: list[Told] = []
        self._flushing = asyncio.Lock()

    def used(  # noqa: PLR0917 - what a request is made of
        self,
        who: Identity,
        origin: Origin,
        action: Action,
        repository: str,
        reference: str = "",
        digest: str = "",
        head: bool = False,
    ) -> Counted | None:
        """`who` did `action`. `reference`: the tag or digest asked for, '' for blobs and for the whole repository;
        `digest`: of the manifest that was sent; `head`: without its body. None: there was no room for it."""
        kind = _Kind.ALLOWED if who.version != UNCHECKED else _Kind.OPEN
        return self._count(who, origin, (action, repository, reference, digest, head), kind)

    def received(self, who: Identity, origin: Origin, repository: str, bytes: int) -> None:
        """`who` sent so many bytes to `repository`, which the feed alone is told: they are a use of no right of their
        own."""
        if self._fed:
            kind = _Kind.ALLOWED if who.version != UNCHECKED else _Kind.OPEN
            counted = self._count(who, origin, (Action.CREATE_TAG, repository, "", "", False), kind, times=0)
            if counted is not None:
                counted.bytes += bytes

    def touched(self, who: Identity, origin: Origin, repository: str) -> None:
        """`who` asked for something of `repository` that is no use of a right by itself: part of an upload, a HEAD of a
        blob, what is not there. For the feed alone, where it is a `list` by HEAD."""
        self._count(who, origin, (Action.LIST, repository, "", "", True), _Kind.OPEN)

    def knocked(self, who: Identity, origin: Origin, repository: str) -> None:
        """`who`, without a credential, asked for something of `repository` and was asked for one. For the feed alone,
        where it has no action; strangers who ask for very many are not told apart."""
        if len(self._uses[_Kind.OPEN]) < KNOCKS_PENDING:
            self._count(who, origin, ("", repository, "", "", True), _Kind.OPEN)

    def sent(self, counted: Counted, bytes: int) -> None:
        """So many bytes were sent to whom `counted` was counted for."""
        if counted.stored:  # a long download: its bytes are a count of their own
            uses = self._uses[counted.kind]
            found = uses.get(counted.key)
            if found is None:
                if len(uses) >= _room(counted.kind):
                    return
                found = uses[counted.key] = Counted(counted.key, counted.kind, self._db.now())
            counted = found
        counted.bytes += bytes

    def denied(  # noqa: PLR0917 - what a request is made of
        self, who: Identity, origin: Origin, action: Action, repository: str, reference: str, reason: str
    ) -> None:
        """`who` was refused `action`, which is known to be refused: a challenge (401) is no refusal."""
        now = self._db.now()
        self._count(who, origin, (action, repository, reference, "", False), _Kind.DENIED)
        self._meters.tally(REFUSALS, action).add()
        holder = self._holder(who)
        origin = origin._replace(credential=origin.credential or holder.credential)
        facts = {"action": str(action), "repository": repository, "reference": reference, "reason": reason}
        self._folds.add(ChangeKind.ACCESS_DENIED, holder.actor, origin, now, **facts)

    def login(self, actor: str, origin: Origin, ok: bool, why: str = "") -> None:
        """A log-in was decided. `actor`: the subject, when there is one of that name, else `unknown` (what was typed
        may be a password in the wrong field); `why`: a fixed sentence, '' when it succeeded."""
        kind = ChangeKind.LOGIN_SUCCEEDED if ok else ChangeKind.LOGIN_FAILED
        self._folds.add(kind, actor, origin, self._db.now(), reason=why)
        self._meters.tally(LOGINS, "succeeded" if ok else "failed").add()

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
                    if turn % turns == 0 or len(self._uses[_Kind.ALLOWED]) > ALLOWED_PENDING // 2:
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
        self,
        who: Identity,
        origin: Origin,
        what: tuple[Action | Literal[""], str, str, str, bool],
        kind: _Kind,
        times: int = 1,
    ) -> Counted | None:
        now = self._db.now()
        short = (id(who), origin.address, origin.agent, what, kind)
        known = self._latest.get(short)
        if known is not None and known.who is who and now < known.until:
            known.counted.times += times
            known.counted.last = now
            return known.counted
        day = now - now % DAY
        key = _Key(self._holder(who), network_of(origin.address), agent_name(origin.agent), *what, day)
        uses = self._uses[kind]
        seen = uses.get(key)
        if seen is None:
            if len(uses) >= _room(kind):
                self._overflow[day] += 1
                return None
            seen = uses[key] = Counted(key, kind, now)
        seen.times += times
        seen.last = now
        action, repository, reference, _, _ = what
        if action and kind is not _Kind.OPEN:
            allowed = kind is _Kind.ALLOWED
            self._granting.add(who, origin.address, action, repository, reference, now, allowed=allowed)
        if len(self._latest) >= _LATEST:
            self._latest.clear()
        self._latest[short] = _Latest(who, seen, day + DAY)
        return seen

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
            taken, self._uses = self._uses, ({}, {}, {})
            for uses in taken:
                for counted in uses.values():
                    counted.stored = True
            self._latest.clear()
            overflow, self._overflow = self._overflow, Counter()
            batches = _batches(taken, overflow)
            try:
                ids = {counted.key.holder.id for batch in batches for counted in batch.pending}
                groups = await self._groups(ids - {0})
                while batches:
                    await self._db.write(partial(self._add, batch=batches[0], groups=groups))
                    batches.pop(0)
            finally:
                for batch in batches:
                    self._keep(batch)
            due = self._granting.due()
            for start in range(0, len(due), _ROWS):
                rows = due[start : start + _ROWS]
                await self._db.write(partial(_mark, rows=rows))
                self._granting.written(rows)

    def _keep(self, batch: _Batch) -> None:
        """Put back what could not be stored."""
        self._overflow[batch.day] += batch.lost
        for counted in batch.pending:
            uses = self._uses[counted.kind]
            newer = uses.get(counted.key)
            if newer is not None:
                newer.times += counted.times
                newer.bytes += counted.bytes
                newer.first = counted.first
            elif len(uses) < _room(counted.kind):
                counted.stored = False
                uses[counted.key] = counted
            else:
                self._overflow[counted.key.day] += counted.times

    async def _groups(self, ids: set[int]) -> dict[int, list[str]]:
        """The groups of accounts, of this moment."""
        found: dict[int, list[str]] = {}
        if ids:
            for row in await self._db.all(store.MEMBERSHIPS, ids=sorted(ids)):
                found.setdefault(row.account_id, []).append(row.name)
        return found

    async def _add(self, unit: Unit, batch: _Batch, groups: dict[int, list[str]]) -> None:
        """Add to the aggregates of a day; its row is locked, so that its bounds hold over all processes."""
        if self._fed:
            await feed.put(unit, [*map(_fed, batch.pending), *_various(batch)])
        kept = [counted for counted in batch.pending if counted.kind is not _Kind.OPEN and counted.times]
        if not kept and not batch.lost:
            return
        day = await unit.one(store.LOCK_DAY, day=batch.day)
        if day is None:
            await unit.run(store.ADD_DAY, day=batch.day)
            day = await unit.one(store.LOCK_DAY, day=batch.day)
        assert day is not None
        rows = [day.denied_rows, day.allowed_rows]
        lost_now = day.lost + batch.lost
        for counted in kept:
            use = _use(counted, groups)
            key = use.key
            if await unit.run(store.ADD_USE, key=key, times=use.times, first_at=use.first_at, last_at=use.last_at):
                continue
            if rows[use.allowed] >= self._limits[use.allowed]:
                lost_now += use.times
                continue
            await unit.run(store.PUT_USE, key=key, **{**use._asdict(), "allowed": int(use.allowed)})
            rows[use.allowed] += 1
        await unit.run(store.SET_DAY, day=batch.day, denied_rows=rows[0], allowed_rows=rows[1], lost=lost_now)


def _room(kind: _Kind) -> int:
    """How many different uses of a kind a process keeps until they are stored."""
    return DENIED_PENDING if kind is _Kind.DENIED else ALLOWED_PENDING


def _batches(taken: _Uses, overflow: Counter[int]) -> list[_Batch]:
    """What is to be stored, in units of one day and a bounded size."""
    days: dict[int, list[Counted]] = {day: [] for day in overflow}
    for uses in taken:
        for key, counted in uses.items():
            days.setdefault(key.day, []).append(counted)
    batches = []
    for day, pending in sorted(days.items()):
        for start in range(0, max(len(pending), 1), _ROWS):
            batches.append(_Batch(day, pending[start : start + _ROWS], 0 if start else overflow[day]))
    return batches


async def _mark(unit: Unit, rows: Iterable[tuple[int, int]]) -> None:
    for grant, at in rows:
        await unit.run(store.MARK_GRANT, id=grant, at=at)


async def _note(unit: Unit, rows: Iterable[Told]) -> None:
    for row in rows:
        await note(unit, row.kind, actor=row.actor, origin=row.origin, data=row.data, path=row.path)


def _use(counted: Counted, groups: dict[int, list[str]]) -> Use:
    key = counted.key
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
        counted.kind is _Kind.ALLOWED,
        counted.times,
        counted.first,
        counted.last,
    )


def _various(batch: _Batch) -> list[FedUse]:
    """What found no room, as it is fed."""
    nothing = FedUse(VARIOUS, 0, "", "", "", "", "", "", "", False, True, 0, 0, batch.day, batch.day)
    return [nothing._replace(times=batch.lost)] if batch.lost else []


def _fed(counted: Counted) -> FedUse:
    key = counted.key
    return FedUse(
        clean(key.holder.actor),
        key.holder.id,
        key.holder.credential,
        key.network,
        key.agent,
        str(key.action),
        clean(key.repository),
        clean(key.reference),
        key.digest,
        key.head,
        counted.kind is not _Kind.DENIED,
        counted.times,
        counted.bytes,
        counted.first,
        counted.last,
    )
