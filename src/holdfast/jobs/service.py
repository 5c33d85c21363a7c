"""Enqueueing inside the unit that causes a job, and what people do with jobs: list, show, retry, cancel.

Promises: a job is there if and only if its cause was committed; a cancelled job that waits never runs; a running one is
told at once where the engine carries word, else within its worker's next look.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from holdfast.db.port import Database, Reader, Unit
from holdfast.db.query import Query
from holdfast.jobs import store
from holdfast.jobs.lines import LINES, Line
from holdfast.jobs.model import DATA_LIMIT, Job, JobState, NewJob, Priority, Progress
from holdfast.jobs.store import JobRow

CHANNEL = "jobs"
"""What a unit notifies that gives workers something to do."""
NEWEST = 2**63 - 1
_BATCH = 500
_SECOND = 1_000_000


class NoSuchJob(LookupError):
    """There is no job of this number, or it ended so long ago that it is forgotten."""


class Refused(Exception):
    """The job is not in a state in which this can be done; the text says which it is in."""


async def enqueue(unit: Unit, job: NewJob) -> int | None:
    """Put `job` into the queue when `unit` commits; its id, or None when one of an equal dedupe key waits already.

    The waiting one begins after the unit is committed, so it sees what caused this one.
    """
    row = await unit.one(
        store.ENQUEUE,
        kind=job.kind,
        data=dump(job.data),
        dedupe=job.dedupe,
        priority=int(job.priority),
        run_at=unit.now if job.run_at is None else job.run_at,
        attempts_max=job.attempts,
        account=job.account,
    )
    assert row is not None
    await unit.notify(CHANNEL)
    return row.id if row.merged == 0 else None


async def cancel(unit: Unit, id: int) -> bool:
    """End a job when `unit` commits; see `Jobs.cancel`."""
    row = await unit.one(store.HOLD, id=id)
    if row is None:
        raise NoSuchJob(f"there is no job {id}")
    if await unit.run(store.CANCEL_WAITING, id=id):
        return True
    if row.state != JobState.RUNNING:
        raise Refused(f"job {id} is {JobState(row.state).name.lower()}")
    await unit.run(store.CANCEL_RUNNING, id=id)
    await unit.notify(CHANNEL)
    return False


async def retry(unit: Unit, id: int) -> int:
    """Let a job that failed or was cancelled run again, or one that waits run now, when `unit` commits; its attempts
    count anew, and it goes on from its checkpoint. Of one that is done and left something (`Job.left`) a new job is
    made, for the same work. Returns the job that runs.

    Raises `NoSuchJob`, or `Refused` when it runs, is done and left nothing, or when one of an equal key waits.
    """
    row = await unit.one(store.HOLD, id=id)
    if row is None:
        raise NoSuchJob(f"there is no job {id}")
    job = job_of(row)
    if row.state == JobState.RUNNING or (row.state == JobState.DONE and not job.left):
        raise Refused(f"job {id} is {JobState(row.state).name.lower()}")
    same = await unit.one(store.SAME_WAITING, dedupe=row.dedupe)
    if same is not None and same.id != id:
        raise Refused(f"job {same.id} waits for the same work")
    if row.state == JobState.DONE:
        again = NewJob(job.kind, job.data, job.dedupe, job.priority, attempts=job.attempts_max, account=job.account)
        made = await enqueue(unit, again)
        assert made is not None, "none of an equal key waits"
        return made
    await unit.run(store.RETRY, id=id)
    await unit.notify(CHANNEL)
    return id


def dump(value: Any) -> str:
    """JSON as it is kept. Raises ValueError when it is too long for a row of the queue."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    if len(text) > DATA_LIMIT:
        raise ValueError(f"a job's data has at most {DATA_LIMIT} characters")
    return text


def job_of(row: JobRow) -> Job:
    """The job that a row holds."""
    return Job(
        id=row.id,
        kind=row.kind,
        data=json.loads(row.data),
        dedupe=row.dedupe,
        priority=Priority(row.priority),
        state=JobState(row.state),
        run_at=row.run_at,
        made_at=row.made_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        attempts=row.attempts,
        attempts_max=row.attempts_max,
        deferrals=row.deferrals,
        merged=row.merged,
        fence=row.fence,
        worker=row.worker,
        lease_until=row.lease_until,
        cancel_at=row.cancel_at,
        checkpoint=json.loads(row.checkpoint) if row.checkpoint is not None else None,
        progress=_progress(row),
        error=row.error,
        account=row.account,
        result=json.loads(row.result) if row.result is not None else None,
    )


def _progress(row: JobRow) -> Progress | None:
    if row.progress_done is None:
        return None
    rate = left = None
    if row.progress_from is not None and row.progress_since is not None and row.progress_at is not None:
        seconds = (row.progress_at - row.progress_since) / _SECOND
        count = row.progress_done - row.progress_from
        if seconds > 0 and count > 0:
            rate = count / seconds
            if row.progress_total is not None and row.state == JobState.RUNNING:
                left = max(0, row.progress_total - row.progress_done) / rate
    return Progress(row.progress_done, row.progress_total, rate, left)


class Looked(NamedTuple):
    """Which jobs to show: those of an `account` (0: of any), of `people` alone, in one of `states` (none: in any), of a
    `kind` ('': of any)."""

    account: int = 0
    people: bool = False
    states: tuple[JobState, ...] = ()
    kind: str = ""


class Jobs:
    """The queue as people see it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def list(
        self, states: Sequence[JobState] = tuple(JobState), *, before: int = NEWEST, limit: int = 50
    ) -> Sequence[Job]:
        """The newest jobs in one of `states` whose id is below `before`, newest first."""

        async def read(reader: Reader) -> list[JobRow]:
            if set(states) == set(JobState):
                return await reader.all(store.NEWEST, before=before, limit=limit)
            rows: list[JobRow] = []
            for state in states:
                rows += await reader.all(store.NEWEST_OF, state=int(state), before=before, limit=limit)
            return sorted(rows, key=lambda row: -row.id)[:limit]

        return [job_of(row) for row in await self._db.snapshot(read)]

    async def list_by(
        self, account: int, states: Sequence[JobState] = tuple(JobState), *, before: int = NEWEST, limit: int = 50
    ) -> Sequence[Job]:
        """`list`, of those that `account` started."""
        rows = await self._db.all(
            store.NEWEST_BY, account=account, before=before, states=[int(state) for state in states], limit=limit
        )
        return [job_of(row) for row in rows]

    async def look(self, wanted: Looked, *, older: int, newer: int, limit: int) -> Sequence[Job]:
        """The newest jobs that are wanted: below the id `older`, or the next ones above the id `newer` (0: neither),
        which come oldest first."""
        query, values = _driven(wanted, upwards=bool(newer))
        least, highest = (wanted.account, wanted.account) if wanted.account else (int(wanted.people), NEWEST)
        rows = await self._db.all(
            query,
            before=older or NEWEST,
            after=newer,
            states=[int(state) for state in wanted.states or tuple(JobState)],
            least=least,
            highest=highest,
            limit=limit,
            **values,
        )
        return [job_of(row) for row in rows]

    async def kinds(self, most: int) -> Sequence[str]:
        """Every kind of which there are jobs, `most` at most."""
        return [row.kind for row in await self._db.all(store.KINDS, limit=most)]

    async def show(self, id: int) -> Job:
        """One job. Raises `NoSuchJob`."""
        row = await self._db.one(store.GET, id=id)
        if row is None:
            raise NoSuchJob(f"there is no job {id}")
        return job_of(row)

    async def lines(self, id: int, most: int = LINES) -> Sequence[Line]:
        """What the runs of a job said last, in order."""
        rows = await self._db.all(store.LINES, id=id, limit=most)
        return [Line(row.at, row.text) for row in reversed(rows)]

    async def pending(self) -> dict[JobState, int]:
        """How many jobs wait and how many run."""
        found = {JobState(row.state): row.jobs for row in await self._db.all(store.COUNTS)}
        return {state: found.get(state, 0) for state in (JobState.WAITING, JobState.RUNNING)}

    async def running(self, account: int, most: int) -> int:
        """How many jobs run that `account` (0: any) started, `most` at most."""
        least, highest = (account, account) if account else (1, NEWEST)
        row = await self._db.one(store.RUNNING, least=least, highest=highest, most=most)
        assert row is not None
        return row.jobs

    async def retry(self, id: int) -> int:
        """Let a job run again; see `retry`."""
        return await self._db.write(lambda unit: retry(unit, id))

    async def cancel(self, id: int) -> bool:
        """End a job: True when it ended at once, False when it runs and its worker was told.

        Raises `NoSuchJob`, or `Refused` when it has ended already.
        """
        return await self._db.write(lambda unit: cancel(unit, id), always=True)

    async def forget(self, before: int) -> int:
        """Delete what ended before this time (microseconds), in small units; returns how many jobs it was."""
        done = 0
        while rows := await self._db.all(store.FORGETTABLE, before=before, limit=_BATCH):
            done += await self._forget([row.id for row in rows])
        return done

    async def _forget(self, ids: Sequence[int]) -> int:
        async def work(unit: Unit) -> int:
            gone = await unit.run(store.FORGET, ids=ids)
            await unit.run(store.FORGET_LINES, ids=ids)
            return gone

        return await self._db.write(work)


def _driven(wanted: Looked, *, upwards: bool) -> tuple[Query[JobRow], dict[str, object]]:
    """The statement with the best index for what is wanted."""
    if wanted.account:
        own: dict[str, object] = {"account": wanted.account, "kind": wanted.kind}
        return (store.SEEN_OWN_UP if upwards else store.SEEN_OWN), own
    if wanted.kind:
        return (store.SEEN_KIND_UP if upwards else store.SEEN_KIND), {"kind": wanted.kind}
    if len(wanted.states) == 1:
        return (store.SEEN_STATE_UP if upwards else store.SEEN_STATE), {"state": int(wanted.states[0])}
    if wanted.people:
        return (store.SEEN_PEOPLE_UP if upwards else store.SEEN_PEOPLE), {}
    return (store.SEEN_UP if upwards else store.SEEN), {}
