"""`SeenJobs`: background jobs as people see them. Who operates the registry sees all, everybody else what he started.

What somebody may not see is answered as what is not there. Raises besides what is named: `holdfast.db.errors`.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.access.delegating import circumstances_of
from holdfast.access.errors import Conflict, Unknown
from holdfast.access.model import Identity
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit
from holdfast.db.port import Database, Unit
from holdfast.jobs.model import Job, JobState
from holdfast.jobs.service import NEWEST, Jobs, NoSuchJob, Refused, cancel
from holdfast.journal.model import Origin


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

    async def get(self, caller: Identity, id: int, *, origin: Origin) -> Job:
        """One job. Raises `Unknown`."""
        try:
            job = await self._jobs.show(id)
        except NoSuchJob:
            raise _unknown(id) from None
        if not (job.account and job.account == caller.subject.id) and not await self._operates(caller, origin):
            raise _unknown(id)
        return job

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
