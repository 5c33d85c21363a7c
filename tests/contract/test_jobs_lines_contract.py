"""What runs of jobs say, held against every engine: kept once, the last ones alone, and forgotten with the job."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.db.engines import ENGINES, Engine, make_engine
from tests.jobs.place import MINUTE, Place, Refusal, run_at

from holdfast.jobs.claims import claim
from holdfast.jobs.lines import LINES
from holdfast.jobs.model import JobState
from holdfast.jobs.run import Run


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return make_engine(request.param, tmp_path)


async def said(place: Place, id: int) -> list[str]:
    return [line.text for line in await place.jobs.lines(id)]


def test_every_attempt_says_how_it_went(engine: Engine) -> None:
    async def task(run: Run) -> None:
        run.say(f"looks at team/app, password=hunter2, in attempt {run.job.attempts}")
        await run.progress(run.job.attempts, 2)
        if run.job.attempts == 1:
            raise Refusal("the store is away")

    async def scenario(place: Place) -> None:
        id = await place.new(account=7, attempts=3)
        async with place.worker({"work": task}):
            await place.until(id, lambda job: job.state is JobState.WAITING and job.attempts == 1)
            place.clock.forward(MINUTE)
            await place.ended(id, JobState.DONE)
        assert await said(place, id) == [
            "attempt 1 begins, by test",
            "looks at team/app, password=***, in attempt 1",
            "1 of 2",
            "attempt 1 failed: Refusal: the store is away",
            "attempt 2 begins, by test",
            "looks at team/app, password=***, in attempt 2",
            "2 of 2",
            "done",
        ]
        lines = await place.jobs.lines(id)
        assert lines[-1].at == place.clock.now
        assert lines[0].at == place.clock.now - MINUTE

    run_at(engine, scenario)


def test_the_last_lines_are_kept(engine: Engine) -> None:
    async def task(run: Run) -> None:
        for number in range(3 * LINES):
            run.say(f"line {number}")
            if number % 40 == 0:
                await run.save({"number": number})

    async def scenario(place: Place) -> None:
        id = await place.new(account=7)
        async with place.worker({"work": task}):
            await place.ended(id, JobState.DONE)
        found = await said(place, id)
        assert len(found) == LINES
        assert found == [*(f"line {number}" for number in range(2 * LINES + 1, 3 * LINES)), "done"]

    run_at(engine, scenario)


def test_what_goes_well_by_itself_is_silent(engine: Engine) -> None:
    async def good(run: Run) -> None:
        await run.progress(3, 3)

    async def bad(run: Run) -> None:
        raise Refusal("no")

    async def scenario(place: Place) -> None:
        well, ill = await place.new("good"), await place.new("bad", attempts=1)
        async with place.worker({"good": good, "bad": bad}):
            await place.ended(well, JobState.DONE)
            await place.ended(ill, JobState.FAILED)
        assert await said(place, well) == []
        assert await said(place, ill) == ["attempt 1 begins, by test", "attempt 1 failed: Refusal: no"]

    run_at(engine, scenario)


def test_a_run_that_lost_its_job_says_nothing_more(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        id = await place.new(account=7)
        job = await place.jobs.show(id)
        run = Run(place.db, job, lambda: False)
        run.say("too late")

        async def supersede(run: Run) -> None:
            run.say("mine")

        async with place.worker({"work": supersede}):
            await place.ended(id)
        await place.db.write(run.tell)
        assert await said(place, id) == ["attempt 1 begins, by test", "mine", "done"]

    run_at(engine, scenario)


def test_lines_go_with_their_job(engine: Engine) -> None:
    async def task(run: Run) -> None:
        run.say("here")

    async def scenario(place: Place) -> None:
        id = await place.new(account=7)
        async with place.worker({"work": task}):
            await place.ended(id)
        assert await place.jobs.forget(place.clock.now + 1) == 1
        assert await said(place, id) == []

    run_at(engine, scenario)


def test_running_jobs_are_counted_for_who_started_them(engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        for account in (0, 7, 7, 8):
            await place.new(account=account)
        claimed = await place.db.write(lambda unit: claim(unit, ["work"], "test", MINUTE, 10))
        assert len(claimed.jobs) == 4
        assert [await place.jobs.running(account, 100) for account in (0, 7, 8, 9)] == [3, 2, 1, 0]
        assert await place.jobs.running(0, 2) == 2

    run_at(engine, scenario)
