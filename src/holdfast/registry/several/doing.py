"""The job that changes several tags, one after the other.

Promises: a tag is changed only if it points to what it pointed to when somebody looked, and only while he who looked
may change it: his rights are read anew, and proven in the unit of each change. What became of each tag is noted right
after; of a run that was cut off between the two, the history tells that the tag was changed by this job. What cannot be
changed is left, with the reason, and the others are changed.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from holdfast.access.errors import Changed, Conflict, Denied, Invalid, StalePermit, Unauthenticated, Unknown
from holdfast.access.identities import Identities
from holdfast.access.model import DeletePermit, Identity, PathPermit
from holdfast.access.service import Access
from holdfast.db.port import Database, Unit
from holdfast.jobs.run import Run
from holdfast.journal.model import Origin
from holdfast.oci.digest import Digest
from holdfast.oci.errors import Invalid as OciInvalid
from holdfast.oci.name import RepositoryName, Tag
from holdfast.registry.deletion.service import Deletion
from holdfast.registry.editing.service import Annotate, Editing
from holdfast.registry.errors import RegistryError
from holdfast.registry.history.undelete.service import Undelete
from holdfast.registry.immutability.rules import SETTING
from holdfast.registry.immutability.service import KIND as IMMUTABLE
from holdfast.registry.namespaces.settings import Change, SettingsTree
from holdfast.registry.objects import Objects
from holdfast.registry.promotion.model import Effect, Wanted
from holdfast.registry.promotion.service import Promotion
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.several import store
from holdfast.registry.several.model import MOST_TAGS, Kind, Outcome, Wish
from holdfast.registry.several.service import protected, unprotected

_BATCH = 50
_TRIES = 5
_TOLD = 50
_REFUSED = (RegistryError, Denied, Unknown, Conflict, Invalid, OciInvalid)
_MOVED = "it points to something else by now"
_GONE = "it is not there any more"


class Done(NamedTuple):
    """A tag that was changed: what it points to since, and what a target's tag pointed to before."""

    now: str | None = None
    before: str | None = None


class _Left(Exception):
    """A tag that is left as it is; the text says why."""


class Doing:
    """Does changes. One object a run."""

    def __init__(self, run: Run, objects: Objects, settings: RegistrySettings) -> None:
        db = run.db
        self._run = run
        self._db: Database = db
        self._access = Access(db)
        self._deletion = Deletion(db, objects, settings)
        self._editing = Editing(db, objects, settings)
        self._promotion = Promotion(db, objects, settings)
        self._undelete = Undelete(db, settings)
        self._settings = SettingsTree(db, (IMMUTABLE,))
        self._who: Identity | None = None

    async def all(self) -> None:
        """Every tag of the change that still waits."""
        change = await self._db.one(store.CHANGE, id=int(self._run.job.data["change"]))
        if change is None or change.ended_at is not None:
            return
        task = _Task(change, f"job-{self._run.job.id}")
        try:
            if task.kind is Kind.PROTECT:
                await self._protect(task)
            else:
                await self._each(task)
        except Unauthenticated:
            await self._leave_rest(task, "the account that asked for it may not be used any more")
        await self._run.finish(lambda unit: self._end(unit, task))

    async def _each(self, task: _Task) -> None:
        done = 0
        total = task.row.total
        while rows := await self._db.all(
            store.ITEMS_OF, id=task.row.id, outcome=int(Outcome.WAITS), after="", limit=_BATCH
        ):
            for item in rows:
                try:
                    made = await self._retried(task, lambda permit, item=item: self._one(task, permit, item))  # type: ignore[misc]
                    outcome, why = Outcome.DONE, None
                except (*_REFUSED, Changed, _Left) as error:
                    made, outcome, why = Done(), Outcome.LEFT, _said(error)
                await self._note(task, item.name, outcome, why, made)
                done += 1
                await self._run.progress(done, total)

    async def _note(self, task: _Task, name: str, outcome: Outcome, why: str | None, made: Done) -> None:
        of = {"id": task.row.id, "name": name, "now_digest": made.now, "before": made.before}
        await self._db.write(lambda unit: unit.run(store.END_ITEM, outcome=int(outcome), why=why, **of))

    async def _leave_rest(self, task: _Task, why: str) -> None:
        await self._db.write(
            lambda unit: unit.run(store.END_WAITING, id=task.row.id, outcome=int(Outcome.LEFT), why=why)
        )

    async def _end(self, unit: Unit, task: _Task) -> None:
        await unit.run(store.END, id=task.row.id)
        counts = {Outcome(row.outcome): row.total for row in await unit.all(store.COUNTS, id=task.row.id)}
        left = await unit.all(store.ITEMS_OF, id=task.row.id, outcome=int(Outcome.LEFT), after="", limit=_TOLD)
        told = {"change": task.row.id, "changed": counts.get(Outcome.DONE, 0), "left": counts.get(Outcome.LEFT, 0)}
        failed = {"failed": [{"tag": row.name, "reason": row.why or ""} for row in left]} if left else {}
        await self._run.result(unit, {**told, **failed})

    async def _retried(self, task: _Task, work: Callable[[PathPermit], Awaitable[Done]]) -> Done:
        """`work` with the rights of who asked, as they are now. Raises `Unauthenticated`."""
        for left in reversed(range(_TRIES)):
            if self._who is None:
                self._who = await self._db.snapshot(
                    lambda reader: Identities(self._db).account(reader, task.row.account)
                )
            try:
                return await work(self._access.path(self._who, task.path, task.origin))
            except StalePermit:
                self._who = None
                if not left:
                    raise
        raise AssertionError

    # -- one tag ---------------------------------------------------------------------------------------------------

    async def _one(self, task: _Task, permit: PathPermit, item: store.ItemRow) -> Done:
        name, was = Tag.parse(item.name), Digest.parse(item.was)
        if task.row.undoes is not None:
            return await self._back(task, permit, item)
        there = await self._points(task.path, name)
        if there != was:
            if await self._by_us(task, name):
                return Done(there)
            raise _Left(_MOVED if there is not None else _GONE)
        match task.kind:
            case Kind.DELETE:
                await self._deletion.tag(self._deleting(task, task.path), name, still=was)
                return Done()
            case Kind.LABEL:
                wish = task.wish
                put, remove = ({wish.name: wish.text}, ()) if wish.text else ({}, (wish.name,))
                made = await self._editing.annotate(permit, Annotate(task.path, was, put, remove, name, was))
                return Done(made.digest)
            case _:
                return await self._promote(task, name, was)

    async def _promote(self, task: _Task, name: Tag, was: Digest) -> Done:
        assert self._who is not None
        everywhere = self._access.path(self._who, "", task.origin)
        made = await self._promotion.promote(everywhere, Wanted(task.path, was, task.target, name))
        change = next(each for each in made.tags if each.name == name)
        if change.effect is Effect.SAME:
            return Done(was, was)
        return Done(was, None if change.effect is Effect.CREATE else (change.was or ""))

    async def _back(self, task: _Task, permit: PathPermit, item: store.ItemRow) -> Done:
        """Take back what was done to a tag."""
        name, was = Tag.parse(item.name), Digest.parse(item.was)
        if task.kind is Kind.DELETE:
            there = await self._points(task.path, name)
            if there is not None:
                if there == was and await self._by_us(task, name):
                    return Done(was)
                raise _Left("it was pushed again")
            gone = await self._undelete.gone(permit, task.path, name)
            if gone is None or gone.digest != was:
                raise _Left("it was pushed again and deleted, or what it pointed to is gone")
            await self._undelete.restore(permit, task.path, name)
            return Done(was)
        if task.kind is Kind.LABEL:
            return await self._put_back(permit, task.path, name, was, item.now)
        if item.before is None:
            there = await self._points(task.target, name)
            if there != item.now:
                raise _Left(_MOVED if there is not None else _GONE)
            await self._deletion.tag(self._deleting(task, task.target), name, still=was)
            return Done()
        if not item.before:
            raise _Left("what it pointed to before may not be told")
        assert self._who is not None
        at_target = self._access.path(self._who, task.target, task.origin)
        return await self._put_back(at_target, task.target, name, Digest.parse(item.before), item.now)

    async def _put_back(
        self, permit: PathPermit, path: RepositoryName, name: Tag, to: Digest, still: str | None
    ) -> Done:
        there = await self._points(path, name)
        if there == to:
            return Done(to)
        if there is None or there != still:
            raise _Left(_MOVED if there is not None else _GONE)
        await self._editing.put_back(permit, path, name, to, Digest.parse(there))
        return Done(to)

    def _deleting(self, task: _Task, path: RepositoryName) -> DeletePermit:
        assert self._who is not None
        return self._access.delete(self._who, path, task.origin)

    async def _points(self, path: RepositoryName, name: Tag) -> str | None:
        row = await self._db.one(store.POINTS, path=path, name=name)
        return row.digest if row is not None else None

    async def _by_us(self, task: _Task, name: Tag) -> bool:
        """Whether the last that happened to the tag was this job's doing, in a run that was cut off."""
        row = await self._db.one(store.LAST_BY, repo_id=task.row.repo_id, name=name)
        return row is not None and row.request == task.origin.request

    # -- protection ------------------------------------------------------------------------------------------------

    async def _protect(self, task: _Task) -> None:
        waits = int(Outcome.WAITS)
        rows = await self._db.all(store.ITEMS_OF, id=task.row.id, outcome=waits, after="", limit=MOST_TAGS)
        tags = [row.name for row in rows]
        try:
            await self._retried(task, lambda permit: self._set_rules(task, permit, tags))
            outcome, why = Outcome.DONE, None
        except (*_REFUSED, Changed) as error:
            outcome, why = Outcome.LEFT, _said(error)
        await self._db.write(lambda unit: unit.run(store.END_WAITING, id=task.row.id, outcome=int(outcome), why=why))

    async def _set_rules(self, task: _Task, permit: PathPermit, tags: list[str]) -> Done:
        for _ in range(_TRIES):
            held = await self._settings.show(permit, SETTING)
            above = next((each.value for each in held.origins if each.path != task.path), "none")
            if task.row.undoes is None:
                text: str | None = protected(held.value, tags)
            else:
                text = unprotected(held.value, tags)
                text = text if text != above else None
            seen = await self._rules(permit, text, None)
            if await self._settings.show(permit, SETTING) != held:
                continue
            await self._rules(permit, text, seen.sight)
            return Done()
        raise Changed("the rules change all the while")

    async def _rules(self, permit: PathPermit, text: str | None, sight: str | None) -> Change:
        """Set the rules, or with None let those above hold; without `sight` only look."""
        if text is None:
            return await self._settings.reset(permit, SETTING, dry_run=sight is None, sight=sight)
        return await self._settings.set(permit, SETTING, text, dry_run=sight is None, sight=sight)


class _Task:
    """A change as it is done. `request`: how the history names the job."""

    def __init__(self, row: store.ChangeRow, request: str) -> None:
        self.row = row
        self.kind = Kind(row.kind)
        self.wish = Wish(**json.loads(row.wish))
        self.path = RepositoryName.parse(row.path)
        asked = Origin(**json.loads(row.origin))
        self.origin = asked._replace(request=request)

    @property
    def target(self) -> RepositoryName:
        """Where a promotion leads."""
        return RepositoryName.parse(self.wish.target)


def _said(error: Exception) -> str:
    return str(error) or _MOVED
