"""Standing jobs: they run on and on beside all others, held against every engine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.db.engines import ENGINES, PATIENCE, Engine, make_engine
from tests.jobs.place import MINUTE, Place, Steered, nothing, run_at

from holdfast.jobs import store
from holdfast.jobs.model import JobState
from holdfast.jobs.run import Run
from holdfast.jobs.schedule import Schedule, begin

EACH = Schedule("each", "* * * * *", "stand", standing=True)
NOTHING = store.Agenda(None, None, None, None, None)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return make_engine(request.param, tmp_path)


def test_a_standing_job_takes_no_slot_and_waits_for_none(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        standing, busy = Steered(), Steered()
        async with place.worker({"stand": standing, "busy": busy, "work": nothing}, [EACH], slots=1):
            assert await place.db.write(lambda unit: begin(unit, EACH))
            await standing.began.wait()
            await place.ended(await place.new("work"))
        standing.runs.clear()
        standing.began.clear()
        async with place.worker({"stand": standing, "busy": busy, "work": nothing}, [EACH], slots=1):
            first = await place.new("busy")
            await busy.began.wait()
            await place.db.write(lambda unit: begin(unit, EACH))
            await standing.began.wait()
            late = await place.new("work")
            assert (await place.jobs.show(late)).state is JobState.WAITING
            busy.gate.set()
            await place.ended(first, JobState.DONE)
            await place.ended(late, JobState.DONE)
            assert len(standing.runs) == 1

    run_at(engine, scenario)


def test_a_standing_job_is_begun_when_none_runs(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        task = Steered()
        async with place.worker({"stand": task}, [EACH], lease=3600.0):
            while await place.db.one(store.AGENDA, schedules=["each"]) == NOTHING:
                await asyncio.sleep(0.005)
            for _ in range(3):
                place.clock.forward(MINUTE)
                await asyncio.wait_for(task.began.wait(), PATIENCE)
                assert not await place.db.write(lambda unit: begin(unit, EACH))
            (only,) = await place.jobs.list(limit=10)
            task.gate.set()
            await place.ended(only.id, JobState.DONE)
            task.began.clear()
            place.clock.forward(MINUTE)
            await asyncio.wait_for(task.began.wait(), PATIENCE)
        assert len(task.runs) >= 2  # it may have begun once more before the clock moved

    run_at(engine, scenario)


def test_a_task_that_waits_is_told_that_the_worker_stops(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        began = asyncio.Event()

        async def task(run: Run) -> None:
            began.set()
            await run.until_stopping()
            assert run.stopping

        async with place.worker({"work": task}, grace=60.0) as stop:
            id = await place.new("work")
            await began.wait()
            stop.set()
            await place.ended(id, JobState.DONE)

    run_at(engine, scenario)
