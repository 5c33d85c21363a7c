"""What people and schedules do with jobs, and how a worker stops, held against every engine."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest
from tests.db.engines import ENGINES, Engine, make_engine
from tests.jobs.place import MINUTE, SECOND, START, Place, Refusal, Steered, mark, marks, nothing, run_at

from holdfast.jobs import claims
from holdfast.jobs.model import Cancelled, Job, JobState
from holdfast.jobs.run import Run, Task
from holdfast.jobs.schedule import Schedule
from holdfast.jobs.service import NoSuchJob, Refused


def _has_failed(runs: int, attempts: list[int], job: Job) -> bool:
    return len(attempts) == runs and job.state is JobState.FAILED


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return make_engine(request.param, tmp_path)


# -- what people do ---------------------------------------------------------------------------------------------------


def test_cancelling_a_job_that_waits(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        id = await place.new(dedupe="a")
        assert await place.jobs.cancel(id) is True
        with pytest.raises(Refused):
            await place.jobs.cancel(id)
        with pytest.raises(NoSuchJob):
            await place.jobs.cancel(id + 100)
        other = await place.new(dedupe="a")
        async with place.worker({"work": nothing}):
            await place.ended(other)
        job = await place.jobs.show(id)
        assert (job.state, job.started_at) == (JobState.CANCELLED, None)

    run_at(engine, scenario)


@pytest.mark.parametrize("deaf", [False, True])
def test_cancelling_a_job_that_runs(engine: Engine, deaf: bool) -> None:
    """Its task is interrupted; one that looks away meets it at its next write."""

    async def scenario(place: Place) -> None:
        told: list[BaseException] = []
        began, go = asyncio.Event(), asyncio.Event()

        async def task(run: Run) -> None:
            began.set()
            try:
                await go.wait()
            except asyncio.CancelledError:
                if not deaf:
                    raise
            try:
                await run.write(mark("never"))
            except Cancelled as error:
                told.append(error)
                raise

        id = await place.new()
        async with place.worker({"work": task}), place.again() as other:
            await began.wait()
            assert await type(place.jobs)(other).cancel(id) is False
            job = await place.ended(id)
        assert job.state is JobState.CANCELLED
        assert len(told) == (1 if deaf else 0)
        assert await marks(place.db) == []

    run_at(engine, scenario)


def test_a_cancelled_job_of_a_dead_worker_ends(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        id = await place.new()
        await place.db.write(lambda unit: claims.claim(unit, ["work"], "gone", MINUTE, 4))
        await place.jobs.cancel(id)
        place.clock.forward(MINUTE + 1)
        async with place.worker({"work": nothing}):
            assert (await place.ended(id)).state is JobState.CANCELLED

    run_at(engine, scenario)


def test_retrying(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        attempts: list[int] = []

        async def task(run: Run) -> None:
            attempts.append(run.job.attempts)
            if len(attempts) < 3:
                await run.save({"at": len(attempts)})
                raise Refusal

        id = await place.new(attempts=1, dedupe="a")
        async with place.worker({"work": task}):
            for runs in (1, 2):
                job = await place.until(id, partial(_has_failed, runs, attempts))
                assert job.error == "Refusal"
                await place.jobs.retry(id)
            job = await place.ended(id, JobState.DONE)
            assert (attempts, job.error, job.checkpoint) == ([1, 1, 1], None, {"at": 2})
            with pytest.raises(Refused, match="is done"):
                await place.jobs.retry(id)
        first, second = await place.new(dedupe="b"), None
        await place.jobs.cancel(first)
        second = await place.new(dedupe="b", run_at=START + 100 * MINUTE)
        with pytest.raises(Refused, match=f"job {second} waits for the same work"):
            await place.jobs.retry(first)
        await place.jobs.retry(second)
        assert (await place.jobs.show(second)).run_at == place.clock.now

    run_at(engine, scenario)


def test_progress_has_a_rate_and_an_end(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        checked = asyncio.Event()

        async def task(run: Run) -> None:
            await run.progress(100, 1000)
            place.clock.forward(10 * SECOND)
            await run.progress(300, 1000)
            await run.save({})
            await checked.wait()

        id = await place.new()
        async with place.worker({"work": task}):
            job = await place.until(id, lambda job: job.progress is not None and job.progress.done == 300)
            assert job.progress is not None
            assert (job.progress.total, job.progress.rate, job.progress.left) == (1000, 20.0, 35.0)
            checked.set()
            await place.ended(id)

    run_at(engine, scenario)


def test_listing_is_by_state_and_by_page(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        ids = [await place.new() for _ in range(5)]
        await place.jobs.cancel(ids[1])
        await place.jobs.cancel(ids[3])
        listed = await place.jobs.list([JobState.CANCELLED, JobState.FAILED])
        assert [job.id for job in listed] == [ids[3], ids[1]]
        assert [job.id for job in await place.jobs.list(limit=2)] == [ids[4], ids[3]]
        assert [job.id for job in await place.jobs.list(before=ids[3], limit=2)] == [ids[2], ids[1]]
        assert await place.jobs.pending() == {JobState.WAITING: 3, JobState.RUNNING: 0}

    run_at(engine, scenario)


def test_ended_jobs_are_forgotten_and_others_are_not(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        old, waiting = await place.new(), await place.new(run_at=START + 999 * MINUTE)
        await place.jobs.cancel(old)
        place.clock.forward(MINUTE)
        young = await place.new()
        await place.jobs.cancel(young)
        assert await place.jobs.forget(place.clock.now) == 1
        assert [job.id for job in await place.jobs.list()] == [young, waiting]

    run_at(engine, scenario)


# -- schedules --------------------------------------------------------------------------------------------------------


def test_a_schedule_fires_once_however_many_workers_look(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        ran: list[int] = []

        async def task(run: Run) -> None:
            ran.append(run.job.id)

        each = [Schedule("each", "* * * * *", "work", {"of": "each"})]
        async with (
            place.again() as other,
            place.again() as third,
            place.worker({"work": task}, each),
            place.worker({"work": task}, each, db=other),
            place.worker({"work": task}, each, db=third),
        ):
            await _registered(place)
            for minute in (1, 2, 3):
                place.clock.forward(MINUTE)
                while len(ran) < minute:
                    await asyncio.sleep(0.005)
            place.clock.forward(10 * MINUTE + 30 * SECOND)  # nine times are missed
            while len(ran) < 4:
                await asyncio.sleep(0.005)
            place.clock.forward(29 * SECOND)
            await asyncio.sleep(0.05)  # room for more, if there were any
        jobs = await place.jobs.list()
        assert len(jobs) == len(set(ran)) == 4
        assert {tuple(job.data.items()) for job in jobs} == {(("of", "each"),)}

    run_at(engine, scenario)


async def _registered(place: Place) -> None:
    from holdfast.jobs import store

    while not await place.db.all(store.SCHEDULES, names=["each"]):
        await asyncio.sleep(0.005)


def test_a_schedule_piles_nothing_up(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        task = Steered()
        async with place.worker({"work": task}, [Schedule("each", "* * * * *", "work")]):
            await _registered(place)
            for _ in range(5):
                place.clock.forward(MINUTE)
                await task.began.wait()
                await asyncio.sleep(0.03)
            states = sorted(job.state for job in await place.jobs.list())
            assert states == [JobState.WAITING, JobState.RUNNING]
            task.gate.set()

    run_at(engine, scenario)


def test_a_changed_schedule_has_its_new_times(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        async with place.worker({"work": nothing}, [Schedule("each", "0 0 1 1 *", "work")]):
            await _registered(place)
        async with place.worker({"work": nothing}, [Schedule("each", "* * * * *", "work")]):
            while not await place.jobs.list():
                place.clock.forward(MINUTE)
                await asyncio.sleep(0.02)

    run_at(engine, scenario)


# -- stopping ---------------------------------------------------------------------------------------------------------


def test_a_stop_lets_finish_what_can_and_gives_back_the_rest(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        quick, slow = Steered(), Steered()

        async def long(run: Run) -> None:
            step = (run.checkpoint or {"step": 0})["step"]
            while step < 200:
                step += 1
                await run.save({"step": step})

        kinds: dict[str, Task] = {"quick": quick, "slow": slow, "long": long}
        first, second, third = await place.new("quick"), await place.new("slow"), await place.new("long")
        async with place.worker(kinds, grace=0.2) as stop:
            await quick.began.wait()
            await slow.began.wait()
            await place.until(third, lambda job: job.checkpoint is not None)
            stop.set()
            quick.gate.set()
        assert (await place.jobs.show(first)).state is JobState.DONE
        for id in (second, third):
            job = await place.jobs.show(id)
            assert (job.state, job.attempts, job.lease_until) == (JobState.WAITING, 0, None)
            assert job.run_at == place.clock.now
        waiting = await place.jobs.show(third)
        assert waiting.checkpoint is not None
        slow.gate.set()
        async with place.worker(kinds):
            assert (await place.ended(third)).state is JobState.DONE
            assert (await place.ended(second)).state is JobState.DONE

    run_at(engine, scenario)


def test_a_run_given_back_gives_way_to_the_same_work_that_waits(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        task = Steered()
        first = await place.new(dedupe="a")
        async with place.worker({"work": task}):
            await task.began.wait()
            second = await place.new(dedupe="a")
        job = await place.jobs.show(first)
        assert (job.state, job.error) == (JobState.CANCELLED, f"job {second} does this work")
        task.gate.set()
        async with place.worker({"work": task}):
            await place.ended(second, JobState.DONE)

    run_at(engine, scenario)
