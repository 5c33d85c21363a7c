"""`SeenJobs`: background jobs as people see them. Who operates the registry sees all, everybody else what he started.

What somebody may not see is answered as what is not there. Raises besides what is named: `holdfast.db.errors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from holdfast.access.delegating import circumstances_of
from holdfast.access.errors import Conflict, Denied, Unknown
from holdfast.access.model import Identity, PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit
from holdfast.access.starters import starters_of
from holdfast.db.port import Database, Unit
from holdfast.jobs.lines import Line
from holdfast.jobs.model import Job, JobState
from holdfast.jobs.service import NEWEST, Jobs, NoSuchJob, Refused, cancel, retry
from holdfast.jobs.service import Looked as InQueue
from holdfast.journal.model import Origin

_MOST_KINDS = 200
MOST_RUNNING = 100
"""So many running jobs are counted."""


class Whose(StrEnum):
    """Whose jobs to show. Who does not operate the registry sees his own, whatever he asks for."""

    MINE = "mine"
    PEOPLE = "people"
    ALL = "all"


class Looked(NamedTuple):
    """Which jobs to show: of `whose`; in one of `states` (none: in any); of a `kind` ('': of any)."""

    whose: Whose = Whose.ALL
    states: tuple[JobState, ...] = ()
    kind: str = ""


class JobPage(NamedTuple):
    """A page of jobs, newest first. `starters`: who started them, as actors, by account; `next`, `previous`: the ids
    that the pages beside it are asked with, None: there is none."""

    jobs: list[Job]
    starters: Mapping[int, str]
    next: int | None
    previous: int | None


class SeenJobs:
    """The queue of one installation, as far as a caller may see and end what is in it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._jobs = Jobs(db)

    async def page(
        self, caller: Identity, states: Sequence[JobState], *, before: int = NEWEST, limit: int, origin: Origin
    ) -> Sequence[Job]:
        """The newest jobs in one of `states` (none: in any) whose id is below `before`, newest first."""
        wanted = tuple(states) or tuple(JobState)
        if await self._operates(caller, origin):
            return await self._jobs.list(wanted, before=before, limit=limit)
        return await self._jobs.list_by(caller.subject.id, wanted, before=before, limit=limit)

    async def look(
        self, caller: Identity, wanted: Looked, *, older: int = 0, newer: int = 0, limit: int, origin: Origin
    ) -> JobPage:
        """The newest jobs that are wanted: below the id `older`, or above the id `newer` (0: neither)."""
        own = caller.subject.id
        whose = wanted.whose if await self._operates(caller, origin) else Whose.MINE
        if whose is Whose.MINE and not own:
            return JobPage([], {}, None, None)
        asked = InQueue(own if whose is Whose.MINE else 0, whose is Whose.PEOPLE, wanted.states, wanted.kind)
        found = await self._jobs.look(asked, older=older, newer=newer, limit=limit + 1)
        more, jobs = len(found) > limit, list(found[:limit])
        if newer:
            jobs.reverse()
        return JobPage(
            jobs,
            await self.starters(jobs),
            jobs[-1].id if jobs and (more or newer) else None,
            jobs[0].id if jobs and (more if newer else older) else None,
        )

    async def running(self, permit: PathPermit) -> int:
        """How many jobs run now that the caller started, or for who operates the registry that anybody did;
        `MOST_RUNNING` at most. One statement."""
        own = permit.subject.id
        everybody = permit.system(Action.OPERATE)
        return await self._jobs.running(0 if everybody else own, MOST_RUNNING) if own else 0

    async def starters(self, jobs: Sequence[Job]) -> dict[int, str]:
        """Who started these jobs, as actors, by account."""
        return await starters_of(self._db, (job.account for job in jobs))

    async def kinds(self, caller: Identity, *, origin: Origin) -> Sequence[str]:
        """Every kind of which there are jobs; for operators."""
        return await self._jobs.kinds(_MOST_KINDS) if await self._operates(caller, origin) else []

    async def operates(self, caller: Identity, *, origin: Origin) -> bool:
        """Whether the caller sees all jobs, and may let those that failed run again."""
        return await self._operates(caller, origin)

    async def retry(self, caller: Identity, id: int, *, origin: Origin) -> Job:
        """Let a job that failed or was cancelled run again, from where it came to; of one that is done and left
        something, a new one that does only that. For operators: who started it may have lost since what it was started
        with. Returns the job that runs. Raises `Unknown`, `Denied`, `Conflict` when it runs, or is done and left
        nothing."""
        await self.get(caller, id, origin=origin)
        if not await self._operates(caller, origin):
            raise Denied(f"this needs '{Action.OPERATE}': start the work anew instead", action=str(Action.OPERATE))

        async def again(unit: Unit) -> int:
            await check_permit(unit, caller)
            return await retry(unit, id)

        try:
            runs = await self._db.write(again)
        except Refused as error:
            raise Conflict(str(error)) from error
        except NoSuchJob:
            raise _unknown(id) from None
        return await self.get(caller, runs, origin=origin)

    async def get(self, caller: Identity, id: int, *, origin: Origin) -> Job:
        """One job. Raises `Unknown`."""
        try:
            job = await self._jobs.show(id)
        except NoSuchJob:
            raise _unknown(id) from None
        if not (job.account and job.account == caller.subject.id) and not await self._operates(caller, origin):
            raise _unknown(id)
        return job

    async def lines(self, caller: Identity, id: int, *, origin: Origin) -> Sequence[Line]:
        """What the runs of a job said last, in order. Raises `Unknown`."""
        await self.get(caller, id, origin=origin)
        return await self._jobs.lines(id)

    async def cancel(self, caller: Identity, id: int, *, origin: Origin) -> Job:
        """End a job; one that runs is told to end, and keeps what it has done. Raises `Unknown`, `Conflict` when it has
        ended already."""
        await self.get(caller, id, origin=origin)

        async def end(unit: Unit) -> None:
            await check_permit(unit, caller)
            await cancel(unit, id)

        try:
            await self._db.write(end, always=True)
        except Refused as error:
            raise Conflict(str(error)) from error
        except NoSuchJob:
            raise _unknown(id) from None
        return await self.get(caller, id, origin=origin)

    async def _operates(self, caller: Identity, origin: Origin) -> bool:
        return caller.rights.system(Action.OPERATE, await circumstances_of(self._db, caller, origin))


def _unknown(id: int) -> Unknown:
    return Unknown(f"there is no job {id} in your sight")
