"""Every promise of the queue and its workers, held against every engine."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest
from tests.db.engines import ENGINES, PATIENCE, Engine, make_engine
from tests.jobs.place import MINUTE, SECOND, START, Place, Steered, mark, marks, nothing, run_at

from holdfast.db.errors import Unavailable
from holdfast.db.mode import switch
from holdfast.db.port import Unit
from holdfast.jobs import claims
from holdfast.jobs.model import Cancelled, Job, JobState, Later, NewJob, Priority, Superseded
from holdfast.jobs.run import Run, Task
from holdfast.jobs.schedule import Schedule
from holdfast.jobs.service import NoSuchJob, Refused, enqueue


def _waits(job: Job, **facts: int) -> bool:
    return job.state is JobState.WAITING and all(getattr(job, name) == value for name, value in facts.items())


def _has_failed(runs: int, attempts: list[int], job: Job) -> bool:
    return len(attempts) == runs and job.state is JobState.FAILED


class Refusal(Exception):
    """What a cause or a task of these tests raises."""


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


# -- leases and fences ------------------------------------------------------------------------------------------------


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

        task = Steered(late)
        id = await place.new()
        # The first one does not look up meanwhile: else it would take its own job again.
        async with place.worker({"work": task}, name="first", look=PATIENCE), place.again() as other:
            await task.began.wait()
            place.clock.forward(59 * SECOND)
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
        async with place.worker({"work": task}, lease=0.3):
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
