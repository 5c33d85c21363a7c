"""Schedules: rows that many workers look at and one of them fires.

Promises: a time fires once, however many workers look; times that passed while nobody looked fire once together; a
schedule whose job of last time still waits or runs piles nothing up; a standing job runs once, wherever that is, and
again when it ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.db.port import Unit
from holdfast.jobs import store
from holdfast.jobs.cron import Cron
from holdfast.jobs.model import ATTEMPTS, STANDING_ATTEMPTS, NewJob, Priority
from holdfast.jobs.service import enqueue


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is enqueued and when: `cron` has five fields, in UTC. Raises ValueError when they cannot be read.

    `standing`: the job is meant to run on and on, and to wait for most of that time: its times are those at which it is
    looked whether it runs, and it takes none of a worker's slots."""

    name: str
    cron: str
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    priority: Priority = Priority.NORMAL
    standing: bool = False

    def __post_init__(self) -> None:
        Cron.parse(self.cron)

    def job(self) -> NewJob:
        """The job of one time."""
        attempts = STANDING_ATTEMPTS if self.standing else ATTEMPTS
        return NewJob(self.kind, self.data, dedupe=f"schedule:{self.name}", priority=self.priority, attempts=attempts)


async def register(unit: Unit, schedules: Sequence[Schedule]) -> None:
    """Give every new schedule, and every one whose times were changed, its next time."""
    known = {row.name: row.cron for row in await unit.all(store.SCHEDULES, names=[each.name for each in schedules])}
    for each in schedules:
        if known.get(each.name) != each.cron:
            next_at = Cron.parse(each.cron).after(unit.now)
            await unit.run(store.PUT_SCHEDULE, name=each.name, cron=each.cron, next_at=next_at)


async def fire(unit: Unit, schedules: Sequence[Schedule]) -> int:
    """Enqueue what is due and move its time on; returns how many jobs are new."""
    by_name = {each.name: each for each in schedules}
    fired = 0
    for row in await unit.all(store.DUE_SCHEDULES, names=list(by_name)):
        fired += await begin(unit, by_name[row.name])
        await unit.run(store.NEXT_TIME, name=row.name, next_at=Cron.parse(row.cron).after(unit.now))
    return fired


async def begin(unit: Unit, schedule: Schedule) -> bool:
    """Enqueue the job of a schedule now; a standing one only when it does not run. Tells whether the job is new."""
    job = schedule.job()
    if schedule.standing:
        await hold(unit, schedule)
    if schedule.standing and await unit.one(store.SAME_RUNNING, dedupe=job.dedupe) is not None:
        return False
    return await enqueue(unit, job) is not None


async def hold(unit: Unit, schedule: Schedule) -> None:
    """Let no standing job of this schedule begin or end before `unit` does: whoever ends one for want of work looks
    for work behind this, and whoever makes work begins one behind this."""
    await unit.all(store.SCHEDULES, names=[schedule.name])
