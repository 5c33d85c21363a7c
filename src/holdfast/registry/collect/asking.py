"""Asking for a collection from afar: a job that whoever asked can follow.

Promises: it needs `operate`, decided in the unit that puts the job there; what was asked for stands in the journal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from holdfast.access.errors import Denied, Invalid
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit
from holdfast.db.port import Database, Unit
from holdfast.jobs.model import Job, NewJob, Priority
from holdfast.jobs.service import Jobs, enqueue
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import note
from holdfast.oci.errors import NameInvalid
from holdfast.oci.name import RepositoryName

COLLECT = "collect"


class Asked(NamedTuple):
    """What is asked of a collection. `path`: cut the history of this namespace or repository off first; `dry_run`:
    only say what would go; `force`: delete litter even when it is much of the store."""

    path: str | None = None
    dry_run: bool = False
    force: bool = False

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Asked:
        """What stands in a job's data."""
        return cls(data.get("path"), bool(data.get("dry_run")), bool(data.get("force")))


class Collections:
    """Collections that somebody asks for."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def start(self, permit: PathPermit, asked: Asked) -> Job:
        """Put a collection into the queue. Raises `Denied`, `Invalid`, `StalePermit`."""
        if not permit.system(Action.OPERATE):
            raise Denied(f"this needs '{Action.OPERATE}'", action=str(Action.OPERATE))
        if asked.path is not None:
            try:
                RepositoryName.parse(asked.path)
            except NameInvalid as error:
                raise Invalid("namespace", error.reason) from error
        data: dict[str, object] = {**asked._asdict(), "asked": True, "actor": permit.subject.actor}

        async def put(unit: Unit) -> int | None:
            await check_permit(unit, permit)
            job = NewJob(COLLECT, data, priority=Priority.HIGH, account=permit.subject.id)
            id = await enqueue(unit, job)
            if not asked.dry_run:
                await note(
                    unit,
                    ChangeKind.COLLECTION_STARTED,
                    actor=permit.subject.actor,
                    origin=permit.origin,
                    data={"job": id, "path": asked.path, "force": asked.force},
                    path=asked.path,
                )
            return id

        id = await self._db.write(put)
        assert id is not None, "a job without a key is a new one"
        return await Jobs(self._db).show(id)
