"""The deliverer: a standing job that sends what waits, to many targets at once.

Promises: a delivery waits until it was taken, given up, or its webhook is gone: whatever happens to the process, it is
tried again, under the same id; the deliveries of one repository to one target go one after the other, and the next one
is sent when what came of the one before is stored; a target that hangs, fails or answers slowly delays nobody else;
what a run that was superseded still hears is not stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from holdfast.access.errors import WrongMasterKey
from holdfast.db.errors import DatabaseError
from holdfast.db.port import Unit
from holdfast.jobs.model import Cancelled, Stopping, Superseded
from holdfast.jobs.run import Run
from holdfast.jobs.schedule import hold
from holdfast.remote.outbound import Outbound
from holdfast.webhooks import delivery_store, store
from holdfast.webhooks.delivery_store import DeliveryRow
from holdfast.webhooks.knowing import Known
from holdfast.webhooks.lanes import AT_ONCE, IN_LANE, Lane, back_off, spread
from holdfast.webhooks.model import CHANNEL, PATIENCE, SECOND, DeliveryState, Pace
from holdfast.webhooks.receivers import Registry, TooLong, receiver_of
from holdfast.webhooks.recording import Breaking, Outcome, Try, record
from holdfast.webhooks.schedules import DELIVERING
from holdfast.webhooks.sending import Sent, message_id, send
from holdfast.webhooks.target import Target
from holdfast.webhooks.vault import Vault

_GATHER = 0.004
"""Seconds for which outcomes are gathered before they are stored together."""
_MOST_STORED = 500


async def is_any(run: Run) -> bool:
    """Whether there is a webhook; where there is none, the job is ended so that the next one made begins it anew."""

    async def end(unit: Unit) -> None:
        await hold(unit, DELIVERING)
        if await unit.one(store.ANY) is not None:
            raise _Some

    if await run.db.one(store.ANY) is not None:
        return True
    try:
        await run.finish(end)
    except _Some:
        return True
    return False


class _Some(Exception):
    """There is a webhook."""


class Deliverer:
    """One run of the job."""

    def __init__(self, run: Run, targets: Outbound, vault: Vault, registry: Registry, pace: Pace) -> None:
        self._run = run
        self._outbound = targets
        self._vault = vault
        self._registry = registry
        self._pace = pace
        self._db = run.db
        self._known = Known(run.db)
        self._targets: dict[int, Target] = {}
        self._touched: dict[int, None] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._outcomes: list[tuple[Target, Lane, Outcome]] = []
        self._heard = asyncio.Event()
        self._wake = asyncio.Event()
        self._called = True
        self._stuck = False
        self._timer: asyncio.TimerHandle | None = None

    async def work(self) -> None:
        """Deliver until the worker stops, or there is no webhook. Raises `Stopping`, `Superseded`, `Cancelled`."""
        parts = [asyncio.create_task(part) for part in (self._deliver(), self._listen(), self._watch(), self._store())]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            ending = [*parts, *self._under_way]
            for each in ending:
                each.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    # -- looking ------------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Look at what is new when somebody says so, and now and then."""
        while True:
            try:
                await self._db.wait(CHANNEL, self._pace.look)
            except DatabaseError:
                await asyncio.sleep(self._pace.look)
            self._called = True
            self._wake.set()

    async def _watch(self) -> None:
        await self._run.until_stopping()
        self._wake.set()
        await asyncio.Event().wait()

    async def _deliver(self) -> None:
        while not self._run.stopping:
            self._wake.clear()
            try:
                if not await self._turn():
                    return
            except DatabaseError:
                self._called = True
                await asyncio.sleep(self._pace.look)
                continue
            await self._wake.wait()
        while self._under_way or self._outcomes:  # the worker says for how long
            self._wake.clear()
            await self._wake.wait()
        raise Stopping("the worker stops")

    async def _turn(self) -> bool:
        """Read what waits, and begin what may begin; False: there is nothing to wait for, either."""
        if self._called:
            self._called = False
            if not await self._look():
                return False
        for id in list(self._touched):
            target = self._targets.get(id)
            if target is None or not self._has_room(target):
                continue
            del self._touched[id]
            await self._fill(target)
            self._begin_all(target)
        self._set_timer()
        return True

    async def _look(self) -> bool:
        """See which webhooks have something to be told, and which have changed; False: there is none at all."""
        busy = {row.id: row.changed for row in await self._db.all(store.BUSY)}
        for id, target in list(self._targets.items()):
            target.leaving = target.gone or busy.get(id) != target.receiver.row.changed
            if target.leaving and target.idle:
                del self._targets[id]
        for id in busy:
            if id not in self._targets:
                await self._open(id)
            found = self._targets.get(id)
            if found is not None:
                found.lanes.more = True
                self._touched[id] = None
        return bool(busy) or bool(self._targets) or await is_any(self._run)

    async def _open(self, id: int) -> None:
        row = await self._db.one(store.ONE, id=id)
        if row is None:
            return
        try:
            self._targets[id] = Target(receiver_of(row, self._vault), self._pace)
        except WrongMasterKey:
            return  # `holdfast doctor` says so; what waits is given up in its time

    async def _fill(self, target: Target) -> None:
        """Read what waits for `target`, as far as there is room for it."""
        while target.lanes.wants and not target.leaving:
            rows = await self._db.all(
                delivery_store.WAITING, webhook_id=target.receiver.id, after=target.lanes.after, limit=AT_ONCE
            )
            target.lanes.add(rows, self._db.now())
            await self._known.learn([row.pos for row in rows])

    # -- sending ------------------------------------------------------------------------------------------------------

    def _has_room(self, target: Target) -> bool:
        """Whether one more request may be under way; targets that fail leave room for those that do not."""
        most = self._pace.at_once if not target.circuit.failures else self._pace.at_once // 2
        return len(self._under_way) < most and not self._stuck

    def _begin_all(self, target: Target) -> None:
        now = self._db.now()
        while self._has_room(target) and (lane := target.next(now)) is not None:
            task = asyncio.create_task(self._attempt(target, lane))
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._wake.set()

    async def _attempt(self, target: Target, lane: Lane) -> None:
        """Try the first delivery of `lane`, and hand on what came of it."""
        row = lane.rows[0]
        try:
            outcome = await self._outcome(target, row)
        except DatabaseError:
            due = self._db.now() + spread(self._pace.first)
            outcome = Outcome(row, (), DeliveryState.WAITING, row.part, due)
        except Exception as error:  # a mistake of ours: it is seen among the attempts, and stops no other
            outcome = self._unmade(row, error)
        target.lanes.answered()
        self._touched[target.receiver.id] = None
        self._outcomes.append((target, lane, outcome))
        self._heard.set()

    async def _outcome(self, target: Target, row: DeliveryRow) -> Outcome:
        tries: list[Try] = []
        try:
            told = await self._known.about(row.pos)
            if told is None:
                return self._unsent(row, "the event was archived and dropped")
            payloads = target.receiver.payloads(self._registry, *told)
        except TooLong as error:
            return self._unsent(row, str(error))
        if not payloads:
            return Outcome(row, (), DeliveryState.SKIPPED, 0, self._db.now())
        part = row.part
        for part in range(min(row.part, len(payloads)), len(payloads)):
            id = message_id(self._registry, row.webhook_id, row.pos, part)
            sent = await send(
                self._outbound,
                target.receiver,
                payloads[part],
                id=id,
                now=self._db.now(),
                seconds=self._pace.timeout,
            )
            tries.append(Try(part, sent))
            if not sent.taken:
                return self._failed(target, row, tries, sent, part)
        closes = target.circuit.since
        if target.circuit.taken():
            target.lanes.hurry()
        return Outcome(row, tries, DeliveryState.DELIVERED, part + 1, self._db.now(), closes=closes)

    def _failed(self, target: Target, row: DeliveryRow, tries: Sequence[Try], sent: Sent, part: int) -> Outcome:
        now = self._db.now()
        circuit = target.circuit
        was_open = circuit.is_open
        breaking = None
        if circuit.failed(now):
            assert circuit.since is not None
            breaking = Breaking(
                not was_open, circuit.since, circuit.probe_at, circuit.probes, circuit.failures, sent.error
            )
        pause = now + sent.wait if sent.wait else None
        if pause is not None:
            target.paused_until = max(target.paused_until, pause)
        due = back_off(self._pace, row, PATIENCE, now)
        if sent.gone:
            target.gone = target.leaving = True
            due = due or now
        state = DeliveryState.WAITING if due is not None else DeliveryState.GIVEN_UP
        return Outcome(row, tries, state, part, due or now, breaking, pause=pause, gone=sent.gone)

    def _unsent(self, row: DeliveryRow, why: str) -> Outcome:
        """A delivery that cannot be sent at all."""
        now = self._db.now()
        sent = Sent(now, 0, None, why, "{}", "{}", "")
        return Outcome(row, (Try(row.part, sent),), DeliveryState.GIVEN_UP, row.part, now)

    def _unmade(self, row: DeliveryRow, error: Exception) -> Outcome:
        """A delivery that failed before it was sent, or after; it is tried again."""
        now = self._db.now()
        sent = Sent(now, 0, None, f"the registry failed: {type(error).__name__}", "{}", "{}", "")
        due = back_off(self._pace, row, PATIENCE, now)
        state = DeliveryState.WAITING if due is not None else DeliveryState.GIVEN_UP
        return Outcome(row, (Try(row.part, sent),), state, row.part, due or now)

    # -- storing ------------------------------------------------------------------------------------------------------

    async def _store(self) -> None:
        """Store what came of attempts, many together, and let their lanes go on."""
        while True:
            await self._heard.wait()
            await asyncio.sleep(_GATHER)
            self._heard.clear()
            while taken := self._outcomes[:_MOST_STORED]:
                await self._stored([outcome for _, _, outcome in taken])
                del self._outcomes[: len(taken)]
                for target, lane, outcome in taken:
                    await self._settle(target, lane, outcome)
                self._wake.set()

    async def _stored(self, outcomes: Sequence[Outcome]) -> None:
        """Write until it is written. Raises `Superseded`, `Cancelled`."""
        while True:
            try:
                await self._run.write(partial(record, outcomes=outcomes, job=self._run.job.id))
            except (Superseded, Cancelled):
                raise
            except DatabaseError:
                self._stuck = True  # nothing more is sent while nothing can be stored
                await asyncio.sleep(self._pace.look)
            else:
                self._stuck = False
                return

    async def _settle(self, target: Target, lane: Lane, outcome: Outcome) -> None:
        now = self._db.now()
        if target.lanes.settle(lane, outcome.after(), now):
            rows = await self._lane_rows(target, lane)
            target.lanes.refill(lane, rows, self._db.now())
        self._touched[target.receiver.id] = None
        if target.leaving and target.idle:
            self._called = True  # it may be opened anew

    async def _lane_rows(self, target: Target, lane: Lane) -> list[DeliveryRow]:
        while True:
            try:
                return await self._db.all(
                    delivery_store.LANE,
                    webhook_id=target.receiver.id,
                    path=lane.path,
                    after=lane.last,
                    limit=IN_LANE,
                )
            except DatabaseError:
                await asyncio.sleep(self._pace.look)

    def _set_timer(self) -> None:
        """Wake up when the first of those is due that wait."""
        if self._timer is not None:
            self._timer.cancel()
        now = self._db.now()
        dues = [due for target in self._targets.values() if (due := target.due(now)) is not None]
        if not dues:
            return
        seconds = max(0.0, (min(dues) - now) / SECOND)
        self._timer = asyncio.get_running_loop().call_later(min(seconds, 60.0), self._time)

    def _time(self) -> None:
        now = self._db.now()
        self._touched.update((id, None) for id, target in self._targets.items() if target.due(now) is not None)
        self._wake.set()
