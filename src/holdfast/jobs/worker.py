"""The worker: takes due jobs, runs their tasks, keeps their leases, and tells the queue what became of each.

Promises: it runs a job only while it holds its lease; one that could not renew a lease in time ends the run by itself,
by its own monotonic clock; standing jobs take no slot from the others; a job that meets an outage, read-only or a stop
goes back without losing an attempt; a database that is away ends no worker. A stop takes no new jobs, gives the running
ones a bounded time, and gives back what is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum
from typing import Any

from holdfast.db.errors import Damaged, DatabaseError, ReadOnly, StatementFailed
from holdfast.db.port import Database, Unit
from holdfast.jobs import claims, store
from holdfast.jobs.model import Cancelled, Job, JobState, Later, Stopping, Superseded
from holdfast.jobs.reason import describe, stack
from holdfast.jobs.run import Run, Task
from holdfast.jobs.schedule import Schedule, fire, register
from holdfast.jobs.service import CHANNEL
from holdfast.jobs.store import Fence
from holdfast.telemetry.events import Events

LOOK = 1.0
"""Seconds between two looks at the queue of a worker that nobody woke."""
_SETTLE = 5.0
_REPEATS = 3


class _Why(Enum):
    """Why a run was ended from outside."""

    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    STOPPED = "stopped"


class _Active:
    """A job in hand: its run, its task, and until when its lease surely holds."""

    __slots__ = ("inner", "job", "run", "timer", "why")

    def __init__(self, run: Run) -> None:
        self.run = run
        self.job = run.job
        self.inner: asyncio.Future[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.why: _Why | None = None

    def interrupt(self, why: _Why) -> None:
        """End the task at its next await."""
        if self.why is None and self.inner is not None and not self.inner.done():
            self.why = why
            self.inner.cancel()


class Worker:
    """One worker. `tasks`: what it can run, by kind. `lease`, `grace`, `look`: seconds. `name`: for people."""

    def __init__(
        self,
        db: Database,
        tasks: Mapping[str, Task],
        schedules: Sequence[Schedule] = (),
        *,
        name: str,
        events: Events,
        slots: int = 4,
        lease: float = 30.0,
        grace: float = 10.0,
        look: float = LOOK,
    ) -> None:
        self._db = db
        self._tasks = dict(tasks)
        self._schedules = [each for each in schedules if each.kind in self._tasks]
        standing = {each.kind for each in self._schedules if each.standing}
        self._standing = sorted(standing)
        self._kinds = [kind for kind in self._tasks if kind not in standing]
        self._names = [each.name for each in self._schedules]
        self._name = name
        self._events = events
        self._slots = slots
        self._lease = lease
        self._grace = grace
        self._look = look
        self._active: dict[asyncio.Task[None], _Active] = {}
        self._registered = False
        self._leaving = asyncio.Event()
        self._away = False
        self._more = False  # whether the last claim took all that it asked for
        self._called = True  # whether somebody called, or it is time to look
        self._wake = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then finish or give back what is in hand, and return."""
        self._leaving.clear()
        helpers = [asyncio.create_task(work) for work in (self._beat(), self._listen(), self._await(stop))]
        try:
            while not stop.is_set():
                self._wake.clear()
                await self._turn()
                await self._wake.wait()
            await self._leave()
        finally:
            for helper in (*helpers, *self._active):
                helper.cancel()
            await asyncio.gather(*helpers, *self._active, return_exceptions=True)

    async def _await(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()

    async def _listen(self) -> None:
        """Wake the worker when it is called, and now and then."""
        while True:
            try:
                await self._db.wait(CHANNEL, self._look)
            except DatabaseError:
                await asyncio.sleep(self._look)
            self._called = True
            self._wake.set()

    # -- taking -------------------------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        """One look at the queue."""
        try:
            await self._take()
            self._away = False
        except DatabaseError as error:
            if not self._away:
                self._events.warning("job worker waits for the database", why=describe(error))
            self._away = True
        except Exception as error:  # a mistake of ours: the worker goes on with the next look
            self._events.error("job worker failed, it goes on", why=describe(error), where=stack(error))

    async def _take(self) -> None:
        if self._schedules and not self._registered:
            await self._db.write(lambda unit: register(unit, self._schedules), always=True)
            self._registered = True
        # While there is more than there are slots, jobs are taken a few at a time, as slots become free.
        if self._more and (free := self._free_slots()) >= max(1, self._slots // 4):
            self._more = await self._claim(free) == free
        if self._more and not self._called:
            return
        self._called = False
        agenda = await self._db.one(store.AGENDA, schedules=self._names)
        assert agenda is not None
        now = self._db.now()
        fired = agenda.schedule is not None and agenda.schedule <= now and await self._fire()
        due = any(at is not None and at <= now for at in (agenda.high, agenda.normal, agenda.low, agenda.lost))
        if (due or fired) and ((free := self._free_slots()) > 0 or self._standing):
            self._more = await self._claim(free) == free
        if self._active:
            rows = await self._db.all(store.WATCH, ids=[each.job.id for each in self._active.values()])
            self._heed(rows)

    def _free_slots(self) -> int:
        """How many more jobs may begin that are not standing ones."""
        return self._slots - sum(each.job.kind not in self._standing for each in self._active.values())

    async def _fire(self) -> bool:
        try:
            return await self._db.write(lambda unit: fire(unit, self._schedules)) > 0
        except ReadOnly:  # it stays due, and fires once when writes are allowed again
            return False

    async def _claim(self, limit: int) -> int:
        """Take at most `limit` jobs, and standing ones beside them, and begin them; returns how many it were, but for
        those."""
        began = asyncio.get_running_loop().time()
        lease = round(self._lease * claims.SECOND)

        async def take(unit: Unit) -> claims.Claimed:
            found = claims.Claimed([], set(), [])
            if limit:
                found = await claims.claim(unit, self._kinds, self._name, lease, limit)
            if not self._standing:
                return found
            more = await claims.claim(unit, self._standing, self._name, lease, len(self._standing))
            return claims.Claimed(found.jobs + more.jobs, found.lost | more.lost, found.ended + more.ended)

        claimed = await self._db.write(take, always=True)
        for job in claimed.ended:
            if job.state is JobState.FAILED:
                self._events.error("job failed", job=job.id, kind=job.kind, attempt=job.attempts, why=job.error)
        for job in claimed.jobs:
            if job.id in claimed.lost:
                self._events.warning("job taken over", job=job.id, kind=job.kind, attempt=job.attempts)
            self._begin(job, began, lost=job.id in claimed.lost)
        return sum(job.kind not in self._standing for job in claimed.jobs)

    def _begin(self, job: Job, began: float, *, lost: bool) -> None:
        active = _Active(Run(self._db, job, self._leaving.is_set, self._leaving))
        if lost:
            active.run.say("the worker of the run before went silent: the job is taken over")
        active.run.say(f"attempt {job.attempts} begins, by {self._name}", quiet=True)
        active.inner = asyncio.ensure_future(self._tasks[job.kind](active.run))
        self._hold(active, began)
        outer = asyncio.create_task(self._see_through(active))
        self._active[outer] = active
        outer.add_done_callback(self._free)

    def _free(self, outer: asyncio.Task[None]) -> None:
        active = self._active.pop(outer)
        if active.timer is not None:
            active.timer.cancel()
        if not outer.cancelled() and (error := outer.exception()) is not None:
            self._events.error("job worker failed, it goes on", why=describe(error), where=stack(error))
        self._wake.set()

    # -- leases -------------------------------------------------------------------------------------------------------

    def _hold(self, active: _Active, since: float) -> None:
        """The lease was renewed at `since` at the earliest (loop time): end the run when it is over."""
        if active.timer is not None:
            active.timer.cancel()
        loop = asyncio.get_running_loop()
        active.timer = loop.call_at(since + self._lease, active.interrupt, _Why.EXPIRED)

    async def _beat(self) -> None:
        """Renew the leases of what is in hand, well before they end."""
        pause = self._lease / 3
        while True:
            await asyncio.sleep(pause)
            held = list(self._active.values())
            if not held:
                continue
            began = asyncio.get_running_loop().time()
            try:
                rows = await self._renew([each.job for each in held])
            except DatabaseError:
                pause = self._lease / 10
                continue
            pause = self._lease / 3
            ours = {row.id for row in rows}
            for active in held:
                if active.job.id in ours:
                    self._hold(active, began)
                else:
                    active.interrupt(_Why.SUPERSEDED)
            self._heed(rows)

    async def _renew(self, jobs: list[Job]) -> list[Fence]:
        lease = round(self._lease * claims.SECOND)
        return await self._db.write(lambda unit: claims.renew(unit, jobs, lease), always=True)

    def _heed(self, rows: list[Fence]) -> None:
        """End the runs that somebody cancelled, and those that somebody else runs."""
        known = {row.id: row for row in rows}
        for active in self._active.values():
            row = known.get(active.job.id)
            if row is not None and row.fence != active.job.fence:
                active.interrupt(_Why.SUPERSEDED)
            elif row is not None and row.cancel_at is not None:
                active.interrupt(_Why.CANCELLED)

    # -- ending -------------------------------------------------------------------------------------------------------

    async def _see_through(self, active: _Active) -> None:
        """Wait for the task, and tell the queue what became of it."""
        assert active.inner is not None
        try:
            await asyncio.wait([active.inner])
        finally:
            active.inner.cancel()
        settling = self._settling(active, active.inner)
        if settling is None:
            return
        settle, said = settling

        async def work(unit: Unit) -> bool:
            await active.run.tell(unit, said)
            return await settle(unit)

        if not await self._settle(work):
            self._events.warning("job lost to another worker", job=active.job.id, kind=active.job.kind)

    def _settling(
        self, active: _Active, inner: asyncio.Future[None]
    ) -> tuple[Callable[[Unit], Awaitable[bool]], str] | None:
        """The unit that says how the run ended, and the last line of it; None where the job has its end or another run
        already."""
        job = active.job
        error = asyncio.CancelledError() if inner.cancelled() else inner.exception()
        if error is None:
            return None if active.run.ended else (lambda unit: claims.end(unit, job, JobState.DONE), "done")
        if isinstance(error, Superseded) or active.why is _Why.SUPERSEDED:
            self._events.warning("job lost to another worker", job=job.id, kind=job.kind)
            return None
        if isinstance(error, Cancelled) or active.why is _Why.CANCELLED:
            return lambda unit: claims.end(unit, job, JobState.CANCELLED), "cancelled"
        if isinstance(error, Stopping) or active.why is _Why.STOPPED:
            return lambda unit: claims.give_back(unit, job), "the worker stops: another one carries on"
        said = "the worker could not renew its lease" if active.why is _Why.EXPIRED else describe(error)
        outage = isinstance(error, DatabaseError) and not isinstance(error, Damaged)
        if outage or isinstance(error, Later) or active.why is _Why.EXPIRED:
            self._events.warning("job put off", job=job.id, kind=job.kind, why=said)
            active.run.say(f"put off: {said}")
            return lambda unit: claims.put_off(unit, job, said), ""
        facts: dict[str, Any] = {"job": job.id, "kind": job.kind, "attempt": job.attempts, "why": said}
        if job.attempts >= job.attempts_max:
            self._events.error("job failed", **facts, where=stack(error))
        else:
            self._events.warning("job failed, it runs again", **facts, where=stack(error))
        active.run.say(f"attempt {job.attempts} failed: {said}")
        return lambda unit: claims.fail(unit, job, said), ""

    async def _settle(self, work: Callable[[Unit], Awaitable[bool]]) -> bool:
        """Store a run's end, again and again while the database is away: by the fence it cannot come too late."""
        refused = 0
        while True:
            try:
                return await self._db.write(work, always=True)
            except StatementFailed:
                refused += 1  # an equal key was enqueued in the same moment: it is seen now
                if refused == _REPEATS:
                    raise
            except DatabaseError:
                await asyncio.sleep(self._look)

    async def _leave(self) -> None:
        """Give what runs a bounded time, then give it back; what cannot be given back is taken over by its lease."""
        self._leaving.set()
        if self._active:
            await asyncio.wait(list(self._active), timeout=self._grace)
        for active in self._active.values():
            active.interrupt(_Why.STOPPED)
        if self._active:
            await asyncio.wait(list(self._active), timeout=_SETTLE)
