"""The queue's own units: taking jobs, renewing their leases, and what becomes of a run that ended.

Promises: one worker at most holds a job's lease by the database's clock; a job whose worker went silent is taken again
when its lease is over, and has failed when that was its last attempt; only the run that holds a job ends it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from holdfast.db.port import Unit
from holdfast.jobs import store
from holdfast.jobs.model import STANDING_ATTEMPTS, Job, JobState, Priority
from holdfast.jobs.service import CHANNEL, job_of
from holdfast.jobs.store import Fence, JobRow

SECOND = 1_000_000
BACKOFF_FIRST, BACKOFF_MOST = 10 * SECOND, 3600 * SECOND
_STANDING_MOST = 2
DEFER_FIRST, DEFER_MOST = 2 * SECOND, 60 * SECOND


class Claimed(NamedTuple):
    """What a claim brought: jobs to run (`lost`: the ids of those whose worker went silent), and jobs that it ended."""

    jobs: list[Job]
    lost: set[int]
    ended: list[Job]


def backoff(attempts: int) -> int:
    """Microseconds to wait after so many attempts: doubling from 10 s to an hour, less up to a half by chance."""
    return _spread(BACKOFF_FIRST, BACKOFF_MOST, attempts)


def deferral(deferrals: int) -> int:
    """Microseconds to wait after so many outages in a row: doubling from 2 s to a minute, less up to a half."""
    return _spread(DEFER_FIRST, DEFER_MOST, deferrals)


def _spread(first: int, most: int, count: int) -> int:
    whole = min(most, first << min(max(count, 1) - 1, 30))
    return random.randint(whole // 2, whole)  # noqa: S311 - spreads load, hides nothing


async def claim(unit: Unit, kinds: Sequence[str], worker: str, lease: int, limit: int) -> Claimed:
    """Take at most `limit` jobs of `kinds`: first those whose worker went silent, then due ones by priority and time.

    `lease`: microseconds.
    """
    lost: list[int] = []
    ended: list[Job] = []
    for row in await unit.all(store.LOST, kinds=kinds, limit=limit):
        if row.cancel_at is not None:
            ended.append(await _end_lost(unit, row, JobState.CANCELLED, None))
        elif row.attempts >= row.attempts_max:
            error = f"the worker {row.worker} went silent in attempt {row.attempts} of {row.attempts_max}"
            ended.append(await _end_lost(unit, row, JobState.FAILED, error))
        else:
            lost.append(row.id)
    ids = list(lost)
    for priority in Priority:
        if len(ids) < limit:
            rows = await unit.all(store.DUE, priority=int(priority), kinds=kinds, limit=limit - len(ids))
            ids += [row.id for row in rows]
    if not ids:
        return Claimed([], set(), ended)
    taken = {row.id: job_of(row) for row in await unit.all(store.CLAIM, ids=ids, worker=worker, until=unit.now + lease)}
    return Claimed([taken[id] for id in ids], set(lost), ended)


async def _end_lost(unit: Unit, row: JobRow, state: JobState, error: str | None) -> Job:
    await unit.run(store.END, id=row.id, fence=row.fence, state=int(state), error=error)
    return job_of(row._replace(state=int(state), error=error))


async def renew(unit: Unit, jobs: Sequence[Job], lease: int) -> list[Fence]:
    """Renew the leases of `jobs`, by ascending id; returns those that are still this worker's."""
    held = []
    for job in sorted(jobs, key=lambda each: each.id):
        row = await unit.one(store.RENEW, id=job.id, fence=job.fence, until=unit.now + lease)
        if row is not None:
            held.append(row)
    return held


async def end(unit: Unit, job: Job, state: JobState, error: str | None = None) -> bool:
    """The run's job has ended so; False when the run was superseded and nothing was written."""
    changed = await unit.run(store.END, id=job.id, fence=job.fence, state=int(state), error=error)
    if job.dedupe is not None:
        await unit.notify(CHANNEL)  # one of an equal key may wait for this
    return changed > 0


async def fail(unit: Unit, job: Job, error: str) -> bool:
    """The run ended in an error: the job waits and comes again, or has failed for good."""
    if job.attempts >= job.attempts_max:
        return await end(unit, job, JobState.FAILED, error)
    standing = job.attempts_max >= STANDING_ATTEMPTS
    run_at = unit.now + backoff(min(job.attempts, _STANDING_MOST) if standing else job.attempts)
    return await _back(unit, job, run_at=run_at, attempts=job.attempts, deferrals=0, error=error)


async def put_off(unit: Unit, job: Job, error: str) -> bool:
    """Something that the run needs is out of order: the job waits, and the attempt does not count."""
    count = job.deferrals + 1
    run_at = unit.now + deferral(count)
    return await _back(unit, job, run_at=run_at, attempts=job.attempts - 1, deferrals=count, error=error)


async def give_back(unit: Unit, job: Job) -> bool:
    """The worker stops: somebody else may take the job at once, and the attempt does not count."""
    attempts, deferrals = job.attempts - 1, job.deferrals
    return await _back(unit, job, run_at=unit.now, attempts=attempts, deferrals=deferrals, error=job.error)


async def _back(unit: Unit, job: Job, *, run_at: int, attempts: int, deferrals: int, error: str | None) -> bool:
    row = await unit.one(store.PROVE, id=job.id, fence=job.fence)
    if row is None:
        return False
    if row.cancel_at is not None:
        return await end(unit, job, JobState.CANCELLED)
    same = await unit.one(store.SAME_WAITING, dedupe=job.dedupe)
    if same is not None:
        # The same work waits already, and what is asked for there came later: this run's remainder is in it.
        reason = f"job {same.id} does this work" + (f"; {error}" if error else "")
        return await end(unit, job, JobState.CANCELLED, reason)
    await unit.run(
        store.BACK, id=job.id, fence=job.fence, run_at=run_at, attempts=attempts, deferrals=deferrals, error=error
    )
    if run_at <= unit.now or job.dedupe is not None:
        await unit.notify(CHANNEL)
    return True
