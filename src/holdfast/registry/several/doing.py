"""The job that changes several tags, or repositories, one after the other.

Promises: an item is changed only if it is what it was when somebody looked, and only while he who looked may change it:
his rights are read anew, and proven in the unit of each change. What became of each is noted right after; of a run that
was cut off between the two, the history tells that the item was changed by this job. What cannot be changed is left,
with the reason, and the others are changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from holdfast.access.errors import Changed, Conflict, Denied, Invalid, StalePermit, Unauthenticated, Unknown
from holdfast.access.identities import Identities
from holdfast.access.model import Identity
from holdfast.access.service import Access
from holdfast.db.port import Database, Unit
from holdfast.jobs.run import Run
from holdfast.oci.errors import Invalid as OciInvalid
from holdfast.registry.errors import RegistryError
from holdfast.registry.objects import Objects
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.several import store
from holdfast.registry.several.doing_repositories import RepositoryWork
from holdfast.registry.several.doing_tags import TagWork
from holdfast.registry.several.model import MOST_TAGS, Kind, Outcome
from holdfast.registry.several.protecting import Protecting
from holdfast.registry.several.task import MOVED, Done, Left, Rights, Task

T = TypeVar("T")
_BATCH = 50
_TRIES = 5
_TOLD = 50
_REFUSED = (RegistryError, Denied, Unknown, Conflict, Invalid, OciInvalid)


class Doing:
    """Does changes. One object a run."""

    def __init__(self, run: Run, objects: Objects, settings: RegistrySettings) -> None:
        db = run.db
        self._run = run
        self._db: Database = db
        self._access = Access(db)
        self._tags = TagWork(db, objects, settings)
        self._repositories = RepositoryWork(db, settings)
        self._protecting = Protecting(db)
        self._who: Identity | None = None

    async def all(self) -> None:
        """Every item of the change that still waits."""
        change = await self._db.one(store.CHANGE, id=int(self._run.job.data["change"]))
        if change is None or change.ended_at is not None:
            return
        task = Task(change, f"job-{self._run.job.id}")
        try:
            if task.kind is Kind.PROTECT:
                await self._protect(task)
            else:
                await self._each(task)
        except Unauthenticated:
            await self._end_rest(task, Outcome.LEFT, "what it was asked for with may not be used any more")
        await self._run.finish(lambda unit: self._end(unit, task))

    async def _each(self, task: Task) -> None:
        done = 0
        total = task.row.total
        one = self._repositories.one if task.kind.of_repositories else self._tags.one
        while rows := await self._db.all(
            store.ITEMS_OF, id=task.row.id, outcome=int(Outcome.WAITS), after="", limit=_BATCH
        ):
            for item in rows:
                try:
                    made = await self._retried(task, lambda rights, item=item: one(task, rights, item))  # type: ignore[misc]
                    outcome, why = Outcome.DONE, None
                except (*_REFUSED, Changed, Left) as error:
                    made, outcome, why = Done(), Outcome.LEFT, _said(error)
                await self._note(task, item, outcome, why, made)
                done += 1
                await self._run.progress(done, total)

    async def _protect(self, task: Task) -> None:
        waits = int(Outcome.WAITS)
        rows = await self._db.all(store.ITEMS_OF, id=task.row.id, outcome=waits, after="", limit=MOST_TAGS)
        tags = [row.name for row in rows]
        back = task.row.undoes is not None
        try:
            await self._retried(task, lambda rights: self._protecting.set(rights.path(task.path), tags, back=back))
            outcome, why = Outcome.DONE, None
        except (*_REFUSED, Changed) as error:
            outcome, why = Outcome.LEFT, _said(error)
        await self._end_rest(task, outcome, why)

    async def _note(self, task: Task, item: store.ItemRow, outcome: Outcome, why: str | None, made: Done) -> None:
        of = {"id": task.row.id, "name": item.name, "now_digest": made.now, "before": made.before}
        await self._db.write(lambda unit: unit.run(store.END_ITEM, outcome=int(outcome), why=why, **of))

    async def _end_rest(self, task: Task, outcome: Outcome, why: str | None) -> None:
        await self._db.write(lambda unit: unit.run(store.END_WAITING, id=task.row.id, outcome=int(outcome), why=why))

    async def _end(self, unit: Unit, task: Task) -> None:
        await unit.run(store.END, id=task.row.id)
        counts = {Outcome(row.outcome): row.total for row in await unit.all(store.COUNTS, id=task.row.id)}
        left = await unit.all(store.ITEMS_OF, id=task.row.id, outcome=int(Outcome.LEFT), after="", limit=_TOLD)
        told = {"change": task.row.id, "changed": counts.get(Outcome.DONE, 0), "left": counts.get(Outcome.LEFT, 0)}
        name = "repository" if task.kind.of_repositories else "tag"
        failed = {"failed": [{name: row.name, "reason": row.why or ""} for row in left]} if left else {}
        await self._run.result(unit, {**told, **failed})

    async def _retried(self, task: Task, work: Callable[[Rights], Awaitable[T]]) -> T:
        """`work` with the rights of who asked, as they are now. Raises `Unauthenticated`."""
        for left in reversed(range(_TRIES)):
            if self._who is None:
                self._who = await self._db.snapshot(
                    lambda reader: Identities(self._db).account(reader, task.row.account, task.origin.credential)
                )
            try:
                return await work(Rights(self._access, self._who, task.origin))
            except StalePermit:
                self._who = None
                if not left:
                    raise
        raise AssertionError


def _said(error: Exception) -> str:
    return str(error) or MOVED
