"""The statements of the queue. Each finds its rows by a partial index of its state; claims lock and skip.

Whoever writes for a run names the run's fence; a fence that is not the row's any more changes nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class JobRow(NamedTuple):
    """A row of `job`."""

    id: int
    kind: str
    data: str
    dedupe: str | None
    priority: int
    state: int
    run_at: int
    made_at: int
    started_at: int | None
    ended_at: int | None
    attempts: int
    attempts_max: int
    deferrals: int
    merged: int
    fence: int
    worker: str | None
    lease_until: int | None
    cancel_at: int | None
    checkpoint: str | None
    progress_done: int | None
    progress_total: int | None
    progress_from: int | None
    progress_since: int | None
    progress_at: int | None
    error: str | None
    account: int
    result: str | None


class Enqueued(NamedTuple):
    """The job that stands for the one enqueued; `merged` is 0 when it is a new one."""

    id: int
    merged: int


class Id(NamedTuple):
    """The id of a job."""

    id: int


class LineRow(NamedTuple):
    """A line that a run said."""

    at: int
    text: str


class KindRow(NamedTuple):
    """A kind of which there are jobs."""

    kind: str


class Fence(NamedTuple):
    """A running job's fence, and whether somebody asked that it end."""

    id: int
    fence: int
    cancel_at: int | None


class Agenda(NamedTuple):
    """The next time at which there is something to do, by reason; null where there is nothing."""

    high: int | None
    normal: int | None
    low: int | None
    lost: int | None
    schedule: int | None


class ScheduleRow(NamedTuple):
    """A schedule and its next time."""

    name: str
    cron: str
    next_at: int


class Count(NamedTuple):
    """How many jobs are in a state."""

    state: int
    jobs: int


_COLUMNS = (
    " id, kind, data, dedupe, priority, state, run_at, made_at, started_at, ended_at, attempts, attempts_max,"
    " deferrals, merged, fence, worker, lease_until, cancel_at, checkpoint, progress_done, progress_total,"
    " progress_from, progress_since, progress_at, error, account, result "
)

# Whoever enqueues an equal key holds the row until commit, so that no run begins that cannot see what caused it.
# A job that waits because it failed keeps its back-off.
ENQUEUE = Query(
    """
    insert into job (kind, data, dedupe, priority, run_at, made_at, attempts_max, account)
    values (:kind, :data, :dedupe, :priority, :run_at, :now, :attempts_max, :account)
    on conflict (dedupe) where state = 0 and dedupe is not null do update set
      merged = job.merged + 1,
      priority = case when excluded.priority < job.priority then excluded.priority else job.priority end,
      run_at = case when job.attempts = 0 and job.deferrals = 0 and excluded.run_at < job.run_at
        then excluded.run_at else job.run_at end
    returning id, merged
    """,
    Enqueued,
)

AGENDA = Query(
    """
    select
      (select min(run_at) from job where state = 0 and priority = 0) as high,
      (select min(run_at) from job where state = 0 and priority = 1) as normal,
      (select min(run_at) from job where state = 0 and priority = 2) as low,
      (select min(lease_until) from job where state = 1) as lost,
      (select min(next_at) from schedule where name = any(:schedules)) as schedule
    """,
    Agenda,
)

DUE = Query(
    """
    select id from job j
    where state = 0 and priority = :priority and run_at <= :now and kind = any(:kinds)
      and (dedupe is null or not exists (select 1 from job r where r.state = 1 and r.dedupe = j.dedupe))
    order by run_at, id limit :limit for update skip locked
    """,
    Id,
)

CLAIM = Query(
    "update job set state = 1, fence = fence + 1, attempts = attempts + 1, worker = :worker, lease_until = :until,"  # noqa: S608
    " started_at = :now, progress_from = null, progress_since = null where id = any(:ids)"
    " returning" + _COLUMNS,
    JobRow,
)

LOST = Query(
    "select" + _COLUMNS + "from job where state = 1 and lease_until < :now and kind = any(:kinds)"
    " order by lease_until limit :limit for update skip locked",
    JobRow,
)

RENEW = Query(
    """
    update job set lease_until = :until where id = :id and fence = :fence and state = 1
    returning id, fence, cancel_at
    """,
    Fence,
)

WATCH = Query("select id, fence, cancel_at from job where id = any(:ids) and state = 1", Fence)

PROVE = Query(
    """
    select id, fence, cancel_at from job where id = :id and fence = :fence and state = 1 for no key update
    """,
    Fence,
)

SAVE = Command("update job set checkpoint = :checkpoint where id = :id and fence = :fence and state = 1")

RESULT = Command("update job set result = :result where id = :id and fence = :fence and state = 1")

PROGRESS = Command(
    """
    update job set progress_done = :done, progress_total = :total, progress_at = :now,
      progress_from = coalesce(progress_from, :done), progress_since = coalesce(progress_since, :now)
    where id = :id and fence = :fence and state = 1
    """
)

END = Command(
    """
    update job set state = :state, ended_at = :now, lease_until = null, error = :error
    where id = :id and fence = :fence and state = 1
    """
)

BACK = Command(
    """
    update job set state = 0, run_at = :run_at, worker = null, lease_until = null, attempts = :attempts,
      deferrals = :deferrals, error = :error
    where id = :id and fence = :fence and state = 1
    """
)

# -- what runs say ----------------------------------------------------------------------------------------------------

ADD_LINES = Command(
    """
    insert into job_line (job_id, seq, at, text)
    select cast(:id as bigint), cast(value ->> 0 as bigint), cast(value ->> 1 as bigint), value ->> 2
    from each(:rows) where exists (select 1 from job where id = :id and fence = :fence)
    on conflict (job_id, seq) do nothing
    """
)
TRIM_LINES = Command(
    """
    delete from job_line where job_id = :id and seq <= coalesce((
      select seq from job_line where job_id = :id order by seq desc limit 1 offset :most
    ), -1)
    """
)
LINES = Query("select at, text from job_line where job_id = :id order by seq desc limit :limit", LineRow)
FORGET_LINES = Command(
    "delete from job_line where job_id = any(:ids) and not exists (select 1 from job where job.id = job_line.job_id)"
)

SAME_RUNNING = Query("select id from job where dedupe = :dedupe and state = 1 and dedupe is not null", Id)
SAME_WAITING = Query("select id from job where dedupe = :dedupe and state = 0 and dedupe is not null", Id)

# -- what people do ---------------------------------------------------------------------------------------------------

GET = Query("select" + _COLUMNS + "from job where id = :id", JobRow)
HOLD = Query("select" + _COLUMNS + "from job where id = :id for update", JobRow)

NEWEST = Query("select" + _COLUMNS + "from job where id < :before order by id desc limit :limit", JobRow)
NEWEST_OF = Query(
    "select" + _COLUMNS + "from job where state = :state and id < :before order by id desc limit :limit", JobRow
)
NEWEST_BY = Query(
    "select" + _COLUMNS + "from job where account = :account and account > 0 and id < :before"
    " and state = any(:states) order by id desc limit :limit",
    JobRow,
)

# A page of them: an index finds them in their order, and the rest is asked of those; hence the state is no column here.
_SEEN = (
    "select" + _COLUMNS + "from job where <driven> and id < :before and id > :after and state + 0 = any(:states)"
    " and account >= :least and account <= :highest order by id<turn> limit :limit"
)
_DOWN = _SEEN.replace("<turn>", " desc")
_UP = _SEEN.replace("<turn>", "")
_PEOPLE = "account > 0"
_OWN = "account = :account and account > 0 and (:kind = '' or kind = :kind)"
_KIND = "kind = :kind"
_STATE = "state = :state"
SEEN = Query(_DOWN.replace("<driven>", "id > 0"), JobRow)
SEEN_UP = Query(_UP.replace("<driven>", "id > 0"), JobRow)
SEEN_PEOPLE = Query(_DOWN.replace("<driven>", _PEOPLE), JobRow)
SEEN_PEOPLE_UP = Query(_UP.replace("<driven>", _PEOPLE), JobRow)
SEEN_OWN = Query(_DOWN.replace("<driven>", _OWN), JobRow)
SEEN_OWN_UP = Query(_UP.replace("<driven>", _OWN), JobRow)
SEEN_KIND = Query(_DOWN.replace("<driven>", _KIND), JobRow)
SEEN_KIND_UP = Query(_UP.replace("<driven>", _KIND), JobRow)
SEEN_STATE = Query(_DOWN.replace("<driven>", _STATE), JobRow)
SEEN_STATE_UP = Query(_UP.replace("<driven>", _STATE), JobRow)
# Every kind that there is, from one to the next by the index.
KINDS = Query(
    """
    with recursive every_kind (kind) as (
      select min(j.kind) from job j
      union all
      select (select min(n.kind) from job n where n.kind > e.kind) from every_kind e where e.kind is not null
    )
    select kind from every_kind where kind is not null limit :limit
    """,
    KindRow,
)

CANCEL_WAITING = Command("update job set state = 4, cancel_at = :now, ended_at = :now where id = :id and state = 0")
CANCEL_RUNNING = Command("update job set cancel_at = :now where id = :id and state = 1 and cancel_at is null")

RETRY = Command(
    """
    update job set state = 0, run_at = :now, attempts = 0, deferrals = 0, cancel_at = null, ended_at = null,
      worker = null, error = null
    where id = :id and state in (0, 3, 4)
    """
)

RUNNING = Query(
    """
    select 1 as state, count(*) as jobs from (
      select id from job where state = 1 and account >= :least and account <= :highest limit :most
    ) as running
    """,
    Count,
)
COUNTS = Query("select state, count(*) as jobs from job where state in (0, 1) group by state", Count)

# -- schedules and retention ------------------------------------------------------------------------------------------

SCHEDULES = Query(
    "select name, cron, next_at from schedule where name = any(:names) order by name for update", ScheduleRow
)
DUE_SCHEDULES = Query(
    "select name, cron, next_at from schedule where name = any(:names) and next_at <= :now order by name for update",
    ScheduleRow,
)
PUT_SCHEDULE = Command(
    """
    insert into schedule (name, cron, next_at) values (:name, :cron, :next_at)
    on conflict (name) do update set cron = excluded.cron, next_at = excluded.next_at
    """
)
NEXT_TIME = Command("update schedule set next_at = :next_at where name = :name")

FORGETTABLE = Query("select id from job where state >= 2 and ended_at < :before order by ended_at, id limit :limit", Id)
FORGET = Command("delete from job where id = any(:ids) and state >= 2")
