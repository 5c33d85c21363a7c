"""Workers for tests: on a database of any engine, with a clock that the test moves and tasks that it steers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from tests.db.engines import ADD, ALL, PATIENCE, Engine, opened

from holdfast.db.port import Database, Unit
from holdfast.jobs.model import Job, JobState, NewJob
from holdfast.jobs.run import Run, Task
from holdfast.jobs.schedule import Schedule
from holdfast.jobs.service import Jobs, enqueue
from holdfast.jobs.worker import Worker
from holdfast.telemetry.events import Events, make_events

T = TypeVar("T")
SECOND = 1_000_000
MINUTE = 60 * SECOND
START = 1_800_000_000 * SECOND
"""A whole minute."""
ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class Refusal(Exception):
    """What a cause or a task of these tests raises."""


class Clock:
    """The database's clock, which goes when the test says so."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now

    def forward(self, microseconds: int) -> None:
        """Time passes."""
        self.now += microseconds


class Steered:
    """A task that says when it began and goes on when it is let: one gate for all of its runs."""

    def __init__(self, after: Task | None = None) -> None:
        self.runs: list[Run] = []
        self.began = asyncio.Event()
        self.gate = asyncio.Event()
        self._after = after

    async def __call__(self, run: Run) -> None:
        self.runs.append(run)
        self.began.set()
        await self.gate.wait()
        if self._after is not None:
            await self._after(run)


class Place:
    """One database, and what tests do with its queue."""

    def __init__(self, engine: Engine, clock: Clock, db: Database) -> None:
        self.engine = engine
        self.clock = clock
        self.db = db
        self.jobs = Jobs(db)
        self.events: Events = make_events("error")

    async def put(self, job: NewJob) -> int | None:
        """Enqueue one job in a unit of its own."""
        return await self.db.write(lambda unit: enqueue(unit, job))

    async def new(self, kind: str = "work", **more: Any) -> int:
        """Enqueue a job that is new; its id."""
        id = await self.put(NewJob(kind, **more))
        assert id is not None
        return id

    async def ended(self, id: int, *states: JobState) -> Job:
        """The job, once it is in one of `states` (any end, when none is named)."""
        return await self.until(id, lambda job: job.state in (states or ENDED))

    async def until(self, id: int, holds: Callable[[Job], bool]) -> Job:
        """The job, once something holds of it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                await asyncio.sleep(0)  # a read of an embedded database gives nothing away
                job = await self.jobs.show(id)
                if holds(job):
                    return job
                await asyncio.sleep(0.005)

    @asynccontextmanager
    async def worker(
        self, tasks: Mapping[str, Task], schedules: Sequence[Schedule] = (), db: Database | None = None, **more: Any
    ) -> AsyncIterator[asyncio.Event]:
        """A worker while the block runs; gives what stops it."""
        stop = asyncio.Event()
        facts: dict[str, Any] = {"name": "test", "events": self.events, "look": 0.01, "lease": 60.0, "grace": 0.0}
        worker = Worker(db or self.db, tasks, schedules, **{**facts, **more})
        working = asyncio.create_task(worker.run(stop))
        try:
            yield stop
        finally:
            stop.set()
            await working

    @asynccontextmanager
    async def again(self) -> AsyncIterator[Database]:
        """The same database, opened once more, as another process would."""
        db = await opened(self.engine, self.clock)
        try:
            yield db
        finally:
            await db.close()


def run_at(engine: Engine, scenario: Callable[[Place], Awaitable[T]]) -> T:
    """Run `scenario` on a database of `engine`."""

    async def main() -> T:
        clock = Clock()
        db = await opened(engine, clock)
        try:
            async with asyncio.timeout(2 * PATIENCE):
                return await scenario(Place(engine, clock, db))
        finally:
            await db.close()

    return asyncio.run(main())


async def nothing(_run: Run) -> None:
    """A task without effects."""


def mark(name: str) -> Callable[[Unit], Awaitable[None]]:
    """A unit that may happen once only: a second time is refused by the database."""

    async def work(unit: Unit) -> None:
        await unit.run(ADD, path="effect", name=name, value="")

    return work


async def marks(db: Database) -> list[str]:
    """The marks that were made, in order of their names."""
    return [row.name for row in await db.all(ALL) if row.path == "effect"]
