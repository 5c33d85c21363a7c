"""One run of a job, as its task sees it.

A task is a coroutine function over a `Run`. It may be ended at any await (cancel, stop, lost lease) and run again from
the beginning, or from its last checkpoint: what it writes through `write`, `save` or `finish` is committed whole or not
at all, and only while the run is the job's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from holdfast.db.port import Database, Unit
from holdfast.jobs import store
from holdfast.jobs.lines import Lines
from holdfast.jobs.model import Cancelled, Job, JobState, Stopping, Superseded
from holdfast.jobs.service import dump

T = TypeVar("T")
Task = Callable[["Run"], Awaitable[None]]
_TELL_EVERY = 1.0
_COUNT_EVERY = 10.0
"""Seconds between two lines that say how far a run is."""


class Run:
    """What a task works with. Made by the worker."""

    def __init__(
        self, db: Database, job: Job, stopping: Callable[[], bool], leaving: asyncio.Event | None = None
    ) -> None:
        self._db = db
        self._stopping = stopping
        self._leaving = leaving or asyncio.Event()
        self._progress: tuple[int, int | None] | None = None
        self._told: tuple[int, int | None] | None = None
        self._counted: tuple[int, int | None] | None = None
        self._told_at = self._counted_at = float("-inf")
        self._lines = Lines(job)
        self.job = job
        self.ended = False
        """Whether the task ended the job itself, by `finish`."""

    @property
    def db(self) -> Database:
        """The database as this run may use it: every unit proves the fence first, as in `write`."""
        return _Fenced(self._db, self)

    @property
    def key(self) -> str:
        """The idempotency key for effects outside the database: the same in every run of this job."""
        return self.job.key

    @property
    def checkpoint(self) -> dict[str, Any] | None:
        """What an earlier run saved last, None when none did."""
        return self.job.checkpoint

    @property
    def stopping(self) -> bool:
        """Whether the worker wants to stop: a long task saves its checkpoint soon."""
        return self._stopping()

    async def until_stopping(self) -> None:
        """Return when the worker wants to stop: for a task that mostly waits."""
        await self._leaving.wait()

    async def write(self, work: Callable[[Unit], Awaitable[T]]) -> T:
        """Run `work` in a unit that first proves that this run is the job's.

        Raises `Superseded` or `Cancelled`, and then nothing was written; and what `Database.write` raises.
        """
        return await self.fenced(work)

    async def keep(self, unit: Unit, checkpoint: Mapping[str, Any]) -> None:
        """Within a `write`: remember where to go on, in the same transaction as its effects."""
        await unit.run(store.SAVE, id=self.job.id, fence=self.job.fence, checkpoint=dump(checkpoint))

    async def result(self, unit: Unit, result: Mapping[str, Any]) -> None:
        """Within a `write` or `finish`: what came out of the job, for whoever may look at it."""
        await unit.run(store.RESULT, id=self.job.id, fence=self.job.fence, result=dump(result))

    async def save(self, checkpoint: Mapping[str, Any]) -> None:
        """Remember where to go on. Raises `Stopping` afterwards when the worker stops: leave it alone, it is caught.

        Also raises what `write` raises.
        """

        async def work(unit: Unit) -> None:
            await self.keep(unit, checkpoint)
            await self.tell(unit)

        last = self._lines.last
        await self.fenced(work, always=True)
        self._lines.stored(last)
        if self.stopping:
            raise Stopping("the worker stops")

    async def finish(self, work: Callable[[Unit], Awaitable[T]]) -> T:
        """The last `write`: the job is done in the same transaction, so that these effects never happen twice."""

        async def last(unit: Unit) -> T:
            result = await work(unit)
            await self.tell(unit, "done")
            await unit.run(store.END, id=self.job.id, fence=self.job.fence, state=int(JobState.DONE), error=None)
            return result

        result = await self.fenced(last)
        self.ended = True
        return result

    def say(self, text: str, *, quiet: bool = False) -> None:
        """A line for people, stored with the next of whatever is stored; see `Lines`."""
        self._lines.say(self._db.now(), text, quiet=quiet)

    async def progress(self, done: int, total: int | None = None) -> None:
        """Say how far the job is, in whatever it counts; `total`: None while unknown. Stored once a second at most."""
        self._progress = (done, total)
        now = asyncio.get_running_loop().time()
        if now - self._counted_at >= _COUNT_EVERY or (done == total and self._counted != self._progress):
            self._counted, self._counted_at = self._progress, now
            self.say(f"{done:,}" if total is None else f"{done:,} of {total:,}", quiet=True)
        if now - self._told_at >= _TELL_EVERY:
            self._told_at = now
            said, last = self._progress, self._lines.last
            await self._db.write(self.tell, always=True)
            self._told = said
            self._lines.stored(last)

    async def tell(self, unit: Unit, ending: str = "") -> None:
        """Store what `progress` said last, unless it is stored, and the lines that wait; `ending`: the last one."""
        said = self._progress
        if said is not None and said != self._told:
            await unit.run(store.PROGRESS, id=self.job.id, fence=self.job.fence, done=said[0], total=said[1])
        await self._lines.write(unit, ending)

    async def fenced(self, work: Callable[[Unit], Awaitable[T]], *, always: bool = False) -> T:
        """`write`, and `always`: also while read-only."""

        async def proven(unit: Unit) -> T:
            row = await unit.one(store.PROVE, id=self.job.id, fence=self.job.fence)
            if row is None:
                raise Superseded(f"job {self.job.id} is not this run's any more")
            if row.cancel_at is not None:
                raise Cancelled(f"job {self.job.id} is to end")
            return await work(unit)

        return await self._db.write(proven, always=always)


class _Fenced:
    """A `Database` whose units are those of a run."""

    def __init__(self, db: Database, run: Run) -> None:
        self._db = db
        self._run = run
        self.one = db.one
        self.all = db.all
        self.snapshot = db.snapshot
        self.now = db.now
        self.wait = db.wait
        self.outlast = db.outlast
        self.shrink = db.shrink
        self.others = db.others

    async def write(self, work: Callable[[Unit], Awaitable[T]], *, always: bool = False) -> T:
        """A unit that proves the run's fence first."""
        return await self._run.fenced(work, always=always)

    async def close(self) -> None:
        """Nothing: the database is the worker's."""
