"""How jobs come into the queue, in which order they run, and how they fail, held against every engine."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest
from tests.db.engines import ENGINES, Engine, make_engine
from tests.jobs.place import MINUTE, START, Place, Refusal, Steered, mark, marks, nothing, run_at

from holdfast.db.errors import Unavailable
from holdfast.db.mode import switch
from holdfast.db.port import Unit
from holdfast.jobs import claims
from holdfast.jobs.model import Job, JobState, Later, NewJob, Priority
from holdfast.jobs.run import Run
from holdfast.jobs.schedule import Schedule
from holdfast.jobs.service import enqueue


def _waits(job: Job, **facts: int) -> bool:
    return job.state is JobState.WAITING and all(getattr(job, name) == value for name, value in facts.items())


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return make_engine(request.param, tmp_path)


# -- enqueueing -------------------------------------------------------------------------------------------------------


def test_a_job_is_there_if_and_only_if_its_cause_is(engine: Engine) -> None:
    async def cause(unit: Unit) -> None:
        await enqueue(unit, NewJob("work"))
        await mark("cause")(unit)

    async def broken(unit: Unit) -> None:
        await enqueue(unit, NewJob("work"))
        raise Refusal

    async def scenario(place: Place) -> None:
        with pytest.raises(Refusal):
            await place.db.write(broken)
        assert await place.jobs.list() == []
        await place.db.write(cause)
        (job,) = await place.jobs.list()
        assert (job.kind, job.state, job.made_at, job.run_at) == ("work", JobState.WAITING, START, START)

    run_at(engine, scenario)


def test_an_equal_key_waits_once(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        first = await place.new(dedupe="a", data={"n": 1}, run_at=START + MINUTE, priority=Priority.LOW)
        assert await place.put(NewJob("work", {"n": 2}, dedupe="a")) is None
        assert await place.put(NewJob("work", dedupe="b")) is not None
        assert await place.put(NewJob("work")) is not None
        job = await place.jobs.show(first)
        assert (job.merged, job.data) == (1, {"n": 1})
        assert (job.run_at, job.priority) == (START, Priority.NORMAL), (
            "as soon and as urgent as the more urgent of both"
        )

    run_at(engine, scenario)


def test_an_equal_key_is_enqueued_while_one_runs_and_runs_after_it(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        task = Steered()
        first = await place.new(dedupe="a")
        async with place.worker({"work": task}, slots=4):
            await task.began.wait()
            second = await place.new(dedupe="a")
            other = await place.new(dedupe="b")
            await place.ended(other, JobState.RUNNING)
            assert (await place.jobs.show(second)).state is JobState.WAITING
            task.gate.set()
            await place.ended(first, JobState.DONE)
            await place.ended(second, JobState.DONE)

    run_at(engine, scenario)


def test_a_cause_that_meets_a_waiting_job_is_seen_by_its_run(engine: Engine) -> None:
    """The run must not begin between the cause's look at the queue and its commit."""
    seen: list[list[str]] = []

    async def scenario(place: Place) -> None:
        async def task(run: Run) -> None:
            seen.append(await marks(place.db))

        first = await place.new(dedupe="a")
        async with engine.pause() as pause, place.again() as other:

            async def cause(unit: Unit) -> int | None:
                id = await enqueue(unit, NewJob("work", dedupe="a"))
                await pause.here(unit)
                await mark("cause")(unit)
                return id

            causing = asyncio.create_task(other.write(cause))
            await pause.reached()
            if not engine.serial:  # elsewhere the claim waits for the writer, too, but in a thread of this process
                async with place.worker({"work": task}):
                    for _ in range(5):
                        await place.jobs.show(first)
                    assert seen == []
            pause.release()
            await asyncio.gather(causing, return_exceptions=True)
            merged = not causing.cancelled() and causing.exception() is None
            async with place.worker({"work": task}):
                await place.ended(first, JobState.DONE)
        assert seen == [["cause"] if merged else []]

    run_at(engine, scenario)


def test_the_higher_priority_comes_first_and_then_the_earlier_time(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        order: list[int] = []

        async def task(run: Run) -> None:
            order.append(run.job.id)

        low = await place.new(priority=Priority.LOW, run_at=START - 9)
        late = await place.new(run_at=START - 1)
        early = await place.new(run_at=START - 2)
        same = await place.new(run_at=START - 2)
        high = await place.new(priority=Priority.HIGH)
        future = await place.new(priority=Priority.HIGH, run_at=START + MINUTE)
        async with place.worker({"work": task}, slots=1):
            await place.ended(low)
            assert order == [high, early, same, late, low]
            place.clock.forward(MINUTE)
            await place.ended(future)

    run_at(engine, scenario)


def test_a_worker_leaves_kinds_alone_that_it_does_not_know(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        unknown, known = await place.new("newer", priority=Priority.HIGH), await place.new()
        async with place.worker({"work": nothing}):
            await place.ended(known)
            assert (await place.jobs.show(unknown)).state is JobState.WAITING

    run_at(engine, scenario)


# -- failing ----------------------------------------------------------------------------------------------------------


def test_a_failed_run_comes_again_after_a_pause_until_its_attempts_are_used_up(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        async def task(run: Run) -> None:
            raise Refusal(f"attempt {run.job.attempts}: postgresql://joe:hunter2@db/x?password=hunter2 " + "x y " * 999)

        id = await place.new(attempts=3)
        async with place.worker({"work": task}):
            for attempt in (1, 2):
                job = await place.until(id, partial(_waits, attempts=attempt))
                pause = claims.BACKOFF_FIRST << (attempt - 1)
                assert pause // 2 <= job.run_at - place.clock.now <= pause
                place.clock.forward(job.run_at - place.clock.now)
            job = await place.ended(id)
        assert (job.state, job.attempts) == (JobState.FAILED, 3)
        assert job.error is not None
        assert job.error.startswith("Refusal: attempt 3: postgresql://***@db/x")
        assert "hunter2" not in job.error
        assert len(job.error) <= 500

    run_at(engine, scenario)


def test_a_job_whose_workers_die_fails_in_the_end(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        id = await place.new(attempts=2)
        for _ in range(2):
            claimed = await place.db.write(lambda unit: claims.claim(unit, ["work"], "gone/1", MINUTE, 4))
            assert [job.id for job in claimed.jobs] == [id]
            place.clock.forward(MINUTE + 1)
        async with place.worker({"work": nothing}):
            job = await place.ended(id)
        assert job.state is JobState.FAILED
        assert job.error == "the worker gone/1 went silent in attempt 2 of 2"

    run_at(engine, scenario)


@pytest.mark.parametrize("error", [Unavailable("away"), Later("the store is away")])
def test_an_outage_costs_no_attempt(engine: Engine, error: Exception) -> None:
    async def scenario(place: Place) -> None:
        async def task(run: Run) -> None:
            if run.job.deferrals < 2:
                raise error

        id = await place.new(attempts=1)
        async with place.worker({"work": task}):
            for count in (1, 2):
                job = await place.until(id, partial(_waits, deferrals=count))
                pause = claims.DEFER_FIRST << (count - 1)
                assert pause // 2 <= job.run_at - place.clock.now <= pause
                assert job.attempts == 0
                place.clock.forward(pause)
            assert (await place.ended(id)).state is JobState.DONE

    run_at(engine, scenario)


def test_while_read_only_leases_go_on_and_effects_wait(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        async def task(run: Run) -> None:
            await run.write(mark(f"job {run.job.id}"))

        await switch(place.db, "moving house", "test")
        id = await _put_always(place)
        async with place.worker({"work": task}, [Schedule("each", "* * * * *", "work")]):
            job = await place.until(id, lambda job: job.deferrals == 1)
            assert (job.state, job.attempts) == (JobState.WAITING, 0)
            assert job.error is not None
            assert "moving house" in job.error
            place.clock.forward(10 * MINUTE)
            await place.until(id, lambda job: job.deferrals >= 2)
            assert await marks(place.db) == []
            assert len(await place.jobs.list()) == 1, "no schedule fires"
            await switch(place.db, None, "test")
            place.clock.forward(10 * MINUTE)
            await place.ended(id, JobState.DONE)
        assert f"job {id}" in await marks(place.db)

    run_at(engine, scenario)


async def _put_always(place: Place) -> int:
    id = await place.db.write(lambda unit: enqueue(unit, NewJob("work")), always=True)
    assert id is not None
    return id
