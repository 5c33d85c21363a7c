"""Schedules: rows that many workers look at and one of them fires.

Promises: a time fires once, however many workers look; times that passed while nobody looked fire once together; a
schedule whose job of last time still waits or runs piles nothing up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.db.port import Unit
from holdfast.jobs import store
from holdfast.jobs.cron import Cron
from holdfast.jobs.model import NewJob, Priority
from holdfast.jobs.service import enqueue


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is enqueued and when: `cron` has five fields, in UTC. Raises ValueError when they cannot be read."""

    name: str
    cron: str
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    priority: Priority = Priority.NORMAL

    def __post_init__(self) -> None:
        Cron.parse(self.cron)

    def job(self) -> NewJob:
        """The job of one time."""
        return NewJob(self.kind, self.data, dedupe=f"schedule:{self.name}", priority=self.priority)


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
        fired += await enqueue(unit, by_name[row.name].job()) is not None
        await unit.run(store.NEXT_TIME, name=row.name, next_at=Cron.parse(row.cron).after(unit.now))
    return fired
