"""The jobs of retention: making a plan, applying one, what is due by schedule, and forgetting old plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from holdfast.db.port import Database, Unit
from holdfast.feature.model import Working
from holdfast.jobs.cron import Cron
from holdfast.jobs.model import NewJob, Priority
from holdfast.jobs.run import Run, Task
from holdfast.jobs.service import enqueue
from holdfast.journal.chain import SealedRow
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note
from holdfast.oci.name import RepositoryName
from holdfast.registry.effective.service import effective
from holdfast.retention import store
from holdfast.retention.applying import Applier
from holdfast.retention.model import Cause, PlanState
from holdfast.retention.planning import Planner, owner_of, policy_of
from holdfast.retention.written import parse

PLAN = "retention-plan"
APPLY = "retention-apply"
DUE = "retention-due"
FORGET = "retention-forget"
ACTOR = "retention"
"""Who did what a schedule or a push caused."""
KEPT = 30 * 86_400_000_000
"""Microseconds for which plans are kept."""
_FORGOTTEN = 500


def plan_job(plan_id: int, *, apply: bool = False, account: int = 0) -> NewJob:
    """The job that makes a plan. `apply`: and then carries it out."""
    return NewJob(PLAN, {"plan": plan_id, "apply": apply}, dedupe=f"{PLAN}:{plan_id}", account=account)


def apply_job(plan_id: int, account: int = 0) -> NewJob:
    """The job that carries out a plan."""
    return NewJob(APPLY, {"plan": plan_id}, dedupe=f"{APPLY}:{plan_id}", account=account)


async def new_plan(
    unit: Unit, path: str, owner: str | None, cause: Cause, actor: str, *, tried: str | None = None
) -> int:
    """A plan that nothing was found for yet; its id. `tried`: rules instead of those that hold, as they are kept."""
    row = await unit.one(store.NEW_PLAN, path=path, owner=owner, cause=str(cause), actor=actor, tried=tried)
    assert row is not None
    return row.id


def tasks(working: Working) -> Mapping[str, Task]:
    """The task of every kind of job of retention."""

    async def make(run: Run) -> None:
        plan = await run.db.one(store.PLAN, id=run.job.data["plan"])
        if plan is None or plan.state != PlanState.MAKING:
            return
        await Planner(run.db, working.objects, working.settings).make(run, plan)
        await run.finish(partial(_made, run=run, plan_id=plan.id))

    async def apply(run: Run) -> None:
        plan = await run.db.one(store.PLAN, id=run.job.data["plan"])
        if plan is None or plan.state != PlanState.APPLYING:
            return
        await Applier(run.db, working.settings).apply(plan, run.progress, f"job-{run.job.id}")
        await run.finish(partial(_applied, run=run, plan_id=plan.id))

    async def due(run: Run) -> None:
        await begin_due(run.db)

    async def forget(run: Run) -> None:
        await forget_plans(run.db, run.db.now() - KEPT)

    return {PLAN: make, APPLY: apply, DUE: due, FORGET: forget}


async def _made(unit: Unit, run: Run, plan_id: int) -> None:
    await unit.run(store.SET_STATE, id=plan_id, state=int(PlanState.READY))
    plan = await unit.one(store.PLAN, id=plan_id)
    assert plan is not None
    await run.result(unit, {"plan": plan_id, "drops": plan.drops, "keeps": plan.keeps, "bytes": plan.bytes})
    if plan.cause == Cause.PUSH and not plan.drops and not plan.keeps:
        await unit.run(store.DROP_PLAN, id=plan_id)  # pushes are many, and this one changed nothing
    elif run.job.data["apply"]:
        await unit.run(store.BEGIN_APPLYING, id=plan_id, actor=plan.made_by)
        await enqueue(unit, apply_job(plan_id, run.job.account))


async def _applied(unit: Unit, run: Run, plan_id: int) -> None:
    await unit.run(store.SET_STATE, id=plan_id, state=int(PlanState.APPLIED))
    plan = await unit.one(store.PLAN, id=plan_id)
    assert plan is not None
    counts: dict[str, object] = {"dropped": plan.dropped, "skipped": plan.skipped, "bytes": plan.freed}
    await run.result(unit, {"plan": plan_id, **counts})
    await note(
        unit,
        ChangeKind.RETENTION_APPLIED,
        actor=plan.applied_by or ACTOR,
        origin=Origin(f"job-{run.job.id}"),
        data={"plan": plan_id, "path": plan.path, **counts},
    )


# -- by schedule -------------------------------------------------------------------------------------------------------


async def begin_due(db: Database) -> list[int]:
    """Begin what the rules of each path are due for; the plans that it made."""
    policies = {row.path: parse(row.value) for row in await db.all(store.POLICIES)}
    wanted = {path: policy.schedule for path, policy in policies.items() if policy.schedule and policy.rules}
    known = {row.path: row for row in await db.all(store.SCHEDULES)}
    for path in sorted(set(known) - set(wanted)):
        await db.write(partial(_drop_schedule, path=path))
    made = []
    for path, cron in sorted(wanted.items()):
        row = known.get(path)
        now = db.now()
        if row is not None and row.cron == cron and row.next_at > now:
            continue
        due = row is not None and row.cron == cron
        plan = await db.write(partial(_begin, path=path, cron=cron, next_at=Cron.parse(cron).after(now), due=due))
        made += [plan] if plan is not None else []
    return made


async def _begin(unit: Unit, path: str, cron: str, next_at: int, *, due: bool) -> int | None:
    await unit.run(store.PUT_SCHEDULE, path=path, cron=cron, next_at=next_at)
    if not due:
        return None
    plan = await new_plan(unit, path, path, Cause.SCHEDULE, ACTOR)
    await enqueue(unit, plan_job(plan, apply=True))
    return plan


async def _drop_schedule(unit: Unit, path: str) -> None:
    await unit.run(store.DROP_SCHEDULE, path=path)


# -- on push -----------------------------------------------------------------------------------------------------------


async def on_push(unit: Unit, rows: Sequence[SealedRow]) -> None:
    """Let the rules of repositories that were pushed to run, where they say so."""
    for path in sorted({row.path for row in rows if row.path}):
        settings = await effective(unit, RepositoryName(path).prefixes())
        policy = policy_of(settings)
        if policy.on_push and policy.rules:
            plan = await new_plan(unit, path, owner_of(settings), Cause.PUSH, ACTOR)
            job = plan_job(plan, apply=True)
            await enqueue(unit, NewJob(job.kind, job.data, dedupe=job.dedupe, priority=Priority.LOW))


# -- forgetting --------------------------------------------------------------------------------------------------------


async def forget_plans(db: Database, before: int) -> int:
    """Forget plans made before a time (microseconds), in small units; how many."""
    gone = 0
    while (plan := await db.one(store.OLD_PLAN, before=before)) is not None:
        while rows := await db.all(store.PLAN_ITEMS, plan_id=plan.id, limit=_FORGOTTEN):
            await db.write(partial(_forget_items, plan_id=plan.id, rows=rows))
        await db.write(lambda unit, id=plan.id: unit.run(store.DROP_PLAN, id=id))  # type: ignore[misc]
        gone += 1
    return gone


async def _forget_items(unit: Unit, plan_id: int, rows: Sequence[store.ItemRow]) -> None:
    for repo_id in sorted({row.repo_id for row in rows}):
        names = sorted({row.name for row in rows if row.repo_id == repo_id})
        await unit.run(store.DROP_ITEMS, plan_id=plan_id, repo_id=repo_id, names=names)
