"""Jobs as people see them: operators all, everybody else what he started; the rest is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.access.house import ENGINES, HERE, Engine, House, lived_in

from holdfast.access.errors import Conflict, Denied, StalePermit, Unknown
from holdfast.access.jobs import Looked, SeenJobs, Whose
from holdfast.access.model import Identity
from holdfast.db.port import Unit
from holdfast.jobs import claims
from holdfast.jobs.model import Job, JobState, NewJob
from holdfast.jobs.run import Run
from holdfast.jobs.service import enqueue

pytestmark = pytest.mark.parametrize("engine", ENGINES)


async def _put(house: House, who: Identity | None = None) -> int:
    account = who.subject.id if who is not None else 0
    id = await house.db.write(lambda unit: enqueue(unit, NewJob("work", account=account)))
    assert id is not None
    return id


async def _ids(jobs: SeenJobs, who: Identity, *states: JobState, **more: int) -> list[int]:
    return [job.id for job in await jobs.page(who, states, limit=more.pop("limit", 10), origin=HERE, **more)]


async def _claimed(house: House) -> Job:
    async def claim(unit: Unit) -> Job:
        return (await claims.claim(unit, ["work"], "test", 60_000_000, 1)).jobs[0]

    return await house.db.write(claim)


def test_everybody_sees_what_he_started_and_operators_all(engine: Engine, tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        jobs = SeenJobs(house.db)
        ada, ben, olga = [await house.person(name) for name in ("ada", "ben", "olga")]
        await house.grant("olga", "operator", "**")
        olga = await house.again(olga)
        nobodys, first, second = await _put(house), await _put(house, ada), await _put(house, ada)
        bens = await _put(house, ben)
        assert await _ids(jobs, ada) == [second, first]
        assert await _ids(jobs, ada, limit=1) == [second]
        assert await _ids(jobs, ada, before=second) == [first]
        assert await _ids(jobs, ada, JobState.DONE) == []
        assert await _ids(jobs, ben) == [bens]
        assert await _ids(jobs, olga) == await _ids(jobs, await house.admin()) == [bens, second, first, nobodys]
        assert (await jobs.get(ada, first, origin=HERE)).id == first
        for hidden in (nobodys, bens, 4711):
            with pytest.raises(Unknown) as found:
                await jobs.get(ada, hidden, origin=HERE)
            assert str(found.value) == f"there is no job {hidden} in your sight"
            with pytest.raises(Unknown):
                await jobs.cancel(ada, hidden, origin=HERE)
        assert (await jobs.get(olga, bens, origin=HERE)).state is JobState.WAITING

    lived_in(tmp_path, scenario, engine)


def test_a_job_is_ended_by_who_started_it_and_by_operators(engine: Engine, tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        jobs = SeenJobs(house.db)
        ada = await house.person("ada")
        mine, running = await _put(house, ada), await _put(house, ada)
        assert (await jobs.cancel(ada, mine, origin=HERE)).state is JobState.CANCELLED
        with pytest.raises(Conflict, match="is cancelled"):
            await jobs.cancel(ada, mine, origin=HERE)
        assert (await _claimed(house)).id == running
        told = await jobs.cancel(await house.admin(), running, origin=HERE)
        assert told.state is JobState.RUNNING
        assert told.cancel_at is not None
        await house.users.disable(await house.admin(), "ada", origin=HERE)
        another = await _put(house, ada)
        with pytest.raises(StalePermit):
            await jobs.cancel(ada, another, origin=HERE)

    lived_in(tmp_path, scenario, engine)


def test_pages_of_jobs_go_both_ways_and_say_who(engine: Engine, tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        jobs = SeenJobs(house.db)
        ada, olga = await house.person("ada"), await house.person("olga")
        await house.grant("olga", "operator", "**")
        olga = await house.again(olga)
        own = [await _put(house, ada) for _ in range(3)]
        nobodys = await _put(house)

        async def ids(who: Identity, looked: Looked, **more: int) -> tuple[list[int], int | None, int | None]:
            page = await jobs.look(who, looked, limit=2, origin=HERE, **more)
            return [job.id for job in page.jobs], page.next, page.previous

        assert await ids(olga, Looked()) == ([nobodys, own[2]], own[2], None)
        assert await ids(olga, Looked(), older=own[2]) == ([own[1], own[0]], None, own[1])
        assert await ids(olga, Looked(), newer=own[0]) == ([own[2], own[1]], own[1], own[2])
        assert await ids(olga, Looked(Whose.PEOPLE)) == ([own[2], own[1]], own[1], None)
        assert await ids(olga, Looked(Whose.MINE)) == ([], None, None)
        assert await ids(ada, Looked(Whose.ALL)) == ([own[2], own[1]], own[1], None)
        assert await ids(olga, Looked(kind="none")) == ([], None, None)
        assert (await ids(olga, Looked(kind="work")))[0] == [nobodys, own[2]]
        assert (await ids(olga, Looked(states=(JobState.FAILED,))))[0] == []
        page = await jobs.look(olga, Looked(), limit=10, origin=HERE)
        assert page.starters == {ada.subject.id: "user:ada"}
        assert await jobs.kinds(olga, origin=HERE) == ["work"]
        assert await jobs.kinds(ada, origin=HERE) == []

    lived_in(tmp_path, scenario, engine)


def test_operators_let_jobs_run_again(engine: Engine, tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        jobs = SeenJobs(house.db)
        ada = await house.person("ada")
        id = await _put(house, ada)
        await jobs.cancel(ada, id, origin=HERE)
        with pytest.raises(Denied):
            await jobs.retry(ada, id, origin=HERE)
        assert (await jobs.retry(await house.admin(), id, origin=HERE)).state is JobState.WAITING
        await _claimed(house)
        with pytest.raises(Conflict):
            await jobs.retry(await house.admin(), id, origin=HERE)
        with pytest.raises(Unknown):
            await jobs.retry(await house.admin(), 4711, origin=HERE)

    lived_in(tmp_path, scenario, engine)


def test_what_came_out_is_kept_with_the_job(engine: Engine, tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        jobs = SeenJobs(house.db)
        ada = await house.person("ada")
        id = await _put(house, ada)
        run = Run(house.db, await _claimed(house), lambda: False)
        await run.finish(lambda unit: run.result(unit, {"found": 7}))
        job = await jobs.get(ada, id, origin=HERE)
        assert (job.state, job.result) == (JobState.DONE, {"found": 7})

    lived_in(tmp_path, scenario, engine)
