"""A registry with rules: plans made and applied as the jobs do, and what is left of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from tests.registry.house import REPO, House

from holdfast.access.master import MasterKeys
from holdfast.feature.model import Working
from holdfast.jobs.model import Job, JobState, NewJob
from holdfast.jobs.service import Jobs, enqueue
from holdfast.jobs.worker import Worker
from holdfast.registry.lastuse.service import LastUse
from holdfast.remote.outbound import Outbound
from holdfast.retention import store
from holdfast.retention.model import Cause
from holdfast.retention.tasks import apply_job, new_plan, plan_job, tasks
from holdfast.retention.written import canonical
from holdfast.telemetry.events import make_events

DAY = 86_400_000_000
PATIENCE = 60.0


class Keeper:
    """Retention over a house. `page`: how many rows a look reads at once."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.last_use = LastUse(house.db)

    def rules(self, *rules: Mapping[str, Any], path: str = "team", **more: Any) -> None:
        """Let these rules hold at `path`."""
        text = canonical(json.dumps({"rules": list(rules), **more}))
        self.house.sql("delete from setting where path = ? and name = 'retention'", path)
        self.house.sql("insert into setting (path, name, value) values (?, 'retention', ?)", path, text)

    async def run(self, *new: NewJob) -> list[Job]:
        """Let a worker run until every job has ended."""
        for job in new:
            await self.house.db.write(lambda unit, job=job: enqueue(unit, job))  # type: ignore[misc]
        working = Working(
            objects=self.house.objects,
            settings=self.house.settings,
            master=MasterKeys([bytes(32)]),
            targets=Outbound(),
            public="http://registry.example",
        )
        stop, jobs = asyncio.Event(), Jobs(self.house.db)
        worker = Worker(self.house.db, tasks(working), name="t", events=make_events("critical"), look=0.01)
        running = asyncio.create_task(worker.run(stop))
        try:
            async with asyncio.timeout(PATIENCE):
                while sum((await jobs.pending()).values()):
                    await asyncio.sleep(0.005)
        finally:
            stop.set()
            await running
        ended = sorted(await jobs.list(limit=1000), key=lambda job: job.id)
        assert all(job.state is JobState.DONE for job in ended), [job.error for job in ended]
        return ended

    async def plan(self, path: str = "team", *, apply: bool = False) -> store.PlanRow:
        """Make a plan, and apply it at once if so asked."""
        made = await self.house.db.write(lambda unit: new_plan(unit, path, None, Cause.ASKED, "user:a"))
        await self.run(plan_job(made, apply=apply))
        return await self.row(made)

    async def apply(self, plan: store.PlanRow) -> store.PlanRow:
        """Carry out a plan that was reviewed."""
        await self.house.db.write(lambda unit: unit.run(store.BEGIN_APPLYING, id=plan.id, actor="user:b"))
        await self.run(apply_job(plan.id))
        return await self.row(plan.id)

    async def row(self, plan_id: int) -> store.PlanRow:
        row = await self.house.db.one(store.PLAN, id=plan_id)
        assert row is not None
        return row

    async def items(self, plan: store.PlanRow) -> list[store.ShownItem]:
        return await self.house.db.all(store.ITEMS, plan_id=plan.id, repo_id=0, name="", content_id=0, limit=10_000)

    async def drops(self, plan: store.PlanRow) -> list[str]:
        """The tags, and the digests, that a plan would drop."""
        return [each.name or str(each.digest) for each in await self.items(plan) if each.verdict == 0]

    async def kept(self, plan: store.PlanRow) -> dict[str, str]:
        """What a plan keeps from being dropped, and by which rule."""
        return {each.name or str(each.digest): each.rule for each in await self.items(plan) if each.verdict == 1}

    def tags(self, repo: str = REPO) -> list[str]:
        return self.house.sql(
            "select t.name from tag t join repository r on r.id = t.repo_id where r.path = ? order by t.name", repo
        )
