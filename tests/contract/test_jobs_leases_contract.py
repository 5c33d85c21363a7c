"""Leases, fences and checkpoints of running jobs, held against every engine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.db.engines import ENGINES, Engine, make_engine
from tests.jobs.place import MINUTE, SECOND, Place, Refusal, Steered, mark, marks, run_at

from holdfast.db.port import Unit
from holdfast.db.query import Query
from holdfast.jobs import claims
from holdfast.jobs.model import JobState, Superseded
from holdfast.jobs.run import Run
from holdfast.jobs.store import Fence


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return make_engine(request.param, tmp_path)


def test_a_silent_workers_job_is_taken_over_and_the_late_run_writes_nothing(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        outcome: list[BaseException] = []

        async def late(run: Run) -> None:
            for work in (run.write(mark("late")), run.save({"late": 1}), run.finish(mark("late"))):
                try:
                    await work
                except Superseded as error:
                    outcome.append(error)
            raise outcome[-1]

        async def prompt(run: Run) -> None:
            await run.write(mark("prompt"))

        class Deaf:
            """A database that never wakes its worker: who looks up meanwhile takes its own job again."""

            def __init__(self) -> None:
                self.looked = asyncio.Event()

            def __getattr__(self, name: str) -> object:
                return getattr(place.db, name)

            async def wait(self, _channel: str, _seconds: float) -> None:
                await asyncio.Event().wait()

            async def all(self, query: Query[Fence], **parameters: object) -> list[Fence]:
                rows = await place.db.all(query, **parameters)
                self.looked.set()
                return rows

        task, deaf = Steered(late), Deaf()
        id = await place.new()
        # Nor does it renew its lease, however long a busy machine takes to open the database once more.
        first = place.worker({"work": task}, name="first", db=deaf, lease=6000.0)  # type: ignore[arg-type]
        async with first, place.again() as other:
            await deaf.looked.wait()  # the last thing that it does when it took a job
            place.clock.forward(5999 * SECOND)
            assert (await other.write(lambda unit: claims.claim(unit, ["work"], "x", MINUTE, 4))).jobs == []
            place.clock.forward(2 * SECOND)
            async with place.worker({"work": prompt}, db=other, name="second"):
                job = await place.ended(id)
            task.gate.set()
            while len(outcome) < 3:
                await asyncio.sleep(0.005)
        assert (job.state, job.worker, job.attempts) == (JobState.DONE, "second", 2)
        assert job.checkpoint is None
        assert await marks(place.db) == ["prompt"]
        assert await place.jobs.show(id) == job, "the late run changes nothing at its end either"

    run_at(engine, scenario)


def test_a_worker_that_cannot_renew_its_lease_ends_its_runs(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        class Cut:
            """A database behind a network that breaks: units neither come back nor fail."""

            def __init__(self) -> None:
                self.broken = asyncio.Event()
                self.mended = asyncio.Event()

            def __getattr__(self, name: str) -> object:
                return getattr(place.db, name)

            async def write(self, work: object, *, always: bool = False) -> object:
                if self.broken.is_set():
                    await self.mended.wait()
                return await place.db.write(work, always=always)  # type: ignore[arg-type]

        ended = asyncio.Event()

        async def task(run: Run) -> None:
            try:
                if run.job.deferrals == 0:
                    cut.broken.set()
                    await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.set()
                raise

        cut = Cut()
        id = await place.new(attempts=1)
        async with place.worker({"work": task}, db=cut, lease=0.3):  # type: ignore[arg-type]
            await ended.wait()
            cut.mended.set()
            cut.broken.clear()
            job = await place.until(id, lambda job: job.deferrals == 1)
            assert job.error == "the worker could not renew its lease"
            place.clock.forward(MINUTE)
            await place.ended(id, JobState.DONE)

    run_at(engine, scenario)


def test_leases_are_renewed_as_long_as_the_worker_lives(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        task = Steered()
        id = await place.new()
        async with place.worker({"work": task}, lease=1.5):
            first = (await place.ended(id, JobState.RUNNING)).lease_until
            assert first is not None
            place.clock.forward(SECOND // 10)
            await place.until(id, lambda job: job.lease_until == first + SECOND // 10)
            task.gate.set()
            assert (await place.ended(id)).attempts == 1

    run_at(engine, scenario)


def test_what_ends_a_job_and_its_last_effect_are_one(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        async def task(run: Run) -> None:
            await run.progress(1, 2)
            await run.progress(2, 2)
            await run.finish(mark("effect"))
            raise Refusal("too late to matter")

        id = await place.new(attempts=3)
        async with place.worker({"work": task}):
            job = await place.ended(id)
            other = await place.new("other")
            assert (await place.jobs.show(other)).state is JobState.WAITING
        assert (job.state, job.error) == (JobState.DONE, None)
        assert job.progress is not None
        assert (job.progress.done, job.progress.total) == (2, 2)
        assert await marks(place.db) == ["effect"]
        assert await place.jobs.show(id) == job

    run_at(engine, scenario)


def test_a_checkpoint_is_where_the_next_run_goes_on(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        seen: list[object] = []

        async def task(run: Run) -> None:
            seen.append(run.checkpoint)
            step = (run.checkpoint or {"step": 0})["step"]

            async def work(unit: Unit) -> None:
                await mark(f"step {step}")(unit)
                await run.keep(unit, {"step": step + 1})
                if len(seen) == 2:
                    raise Refusal("neither the effect nor the checkpoint of this unit is kept")

            await run.write(work)
            if step < 2:
                raise Refusal

        id = await place.new()
        async with place.worker({"work": task}):
            while (job := await place.until(id, lambda job: job.state != JobState.RUNNING)).state != JobState.DONE:
                place.clock.forward(max(0, job.run_at - place.clock.now))
        assert seen == [None, {"step": 1}, {"step": 1}, {"step": 2}]
        assert await marks(place.db) == ["step 0", "step 1", "step 2"]
        assert job.checkpoint == {"step": 3}

    run_at(engine, scenario)


def test_the_key_of_effects_outside_is_the_same_in_every_run(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        keys: list[str] = []

        async def task(run: Run) -> None:
            keys.append(run.key)
            if len(keys) == 1:
                raise Refusal

        first = await place.new()
        async with place.worker({"work": task}):
            await place.until(first, lambda job: job.error is not None)
            place.clock.forward(MINUTE)
            await place.ended(first)
            await place.ended(await place.new())
        assert keys[0] == keys[1] != keys[2]

    run_at(engine, scenario)
