"""What a job does to one of several tags."""

from __future__ import annotations

from holdfast.access.model import PathPermit
from holdfast.db.port import Database
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName, Tag
from holdfast.registry.deletion.service import Deletion
from holdfast.registry.editing.service import Annotate, Editing
from holdfast.registry.history.undelete.service import Undelete
from holdfast.registry.objects import Objects
from holdfast.registry.promotion.model import Effect, Wanted
from holdfast.registry.promotion.service import Promotion
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.several import store
from holdfast.registry.several.model import Kind
from holdfast.registry.several.task import GONE, MOVED, Done, Left, Rights, Task


class TagWork:
    """Changes tags, each by the service that changes one. One object a run."""

    def __init__(self, db: Database, objects: Objects, settings: RegistrySettings) -> None:
        self._db = db
        self._deletion = Deletion(db, objects, settings)
        self._editing = Editing(db, objects, settings)
        self._promotion = Promotion(db, objects, settings)
        self._undelete = Undelete(db, settings)

    async def one(self, task: Task, rights: Rights, item: store.ItemRow) -> Done:
        """Change a tag, or take its change back. Raises `Left`, and what the services raise."""
        name, was = Tag.parse(item.name), Digest.parse(item.was)
        if task.row.undoes is not None:
            return await self._back(task, rights, item)
        there = await self._points(task.path, name)
        if there != was:
            if await self._by_us(task, task.path, name):
                return Done(there)
            raise Left(MOVED if there is not None else GONE)
        match task.kind:
            case Kind.DELETE:
                await self._deletion.tag(rights.delete(task.path), name, still=was)
                return Done()
            case Kind.LABEL:
                wish = task.wish
                put, remove = ({wish.name: wish.text}, ()) if wish.text else ({}, (wish.name,))
                of = Annotate(task.path, was, put, remove, name, was)
                made = await self._editing.annotate(rights.path(task.path), of)
                return Done(made.digest)
            case _:
                return await self._promote(task, rights, item)

    async def _promote(self, task: Task, rights: Rights, item: store.ItemRow) -> Done:
        was, new = Digest.parse(item.was), Tag.parse(item.renamed or item.name)
        instead = None
        if task.kind is Kind.RETAG:
            instead = (item.before,) if item.before is not None else ()
        wanted = Wanted(task.path, was, task.target, new, instead=instead)
        made = await self._promotion.promote(rights.path(""), wanted)
        change = next(each for each in made.tags if each.name == new)
        if change.effect is Effect.SAME:
            ours = task.kind is Kind.RETAG and await self._by_us(task, task.target, new)
            return Done(was, item.before if ours else was)
        return Done(was, None if change.effect is Effect.CREATE else (change.was or ""))

    async def _back(self, task: Task, rights: Rights, item: store.ItemRow) -> Done:
        """Take back what was done to a tag."""
        name, was = Tag.parse(item.name), Digest.parse(item.was)
        if task.kind is Kind.DELETE:
            return await self._undeleted(task, rights.path(task.path), name, was)
        if task.kind is Kind.LABEL:
            return await self._put_back(rights.path(task.path), task.path, name, was, item.now)
        new = Tag.parse(item.renamed or item.name)
        if item.before is None:
            there = await self._points(task.target, new)
            if there is None and await self._by_us(task, task.target, new):
                return Done()
            if there != item.now:
                raise Left(MOVED if there is not None else GONE)
            await self._deletion.tag(rights.delete(task.target), new, still=was)
            return Done()
        if not item.before:
            raise Left("what it pointed to before may not be told")
        at_target = rights.path(task.target)
        return await self._put_back(at_target, task.target, new, Digest.parse(item.before), item.now)

    async def _undeleted(self, task: Task, permit: PathPermit, name: Tag, was: Digest) -> Done:
        there = await self._points(task.path, name)
        if there is not None:
            if there == was and await self._by_us(task, task.path, name):
                return Done(was)
            raise Left("it was pushed again")
        gone = await self._undelete.gone(permit, task.path, name)
        if gone is None or gone.digest != was:
            raise Left("it was pushed again and deleted, or what it pointed to is gone")
        await self._undelete.restore(permit, task.path, name)
        return Done(was)

    async def _put_back(
        self, permit: PathPermit, path: RepositoryName, name: Tag, to: Digest, still: str | None
    ) -> Done:
        there = await self._points(path, name)
        if there == to:
            return Done(to)
        if there is None or there != still:
            raise Left(MOVED if there is not None else GONE)
        await self._editing.put_back(permit, path, name, to, Digest.parse(there))
        return Done(to)

    async def _points(self, path: RepositoryName, name: Tag) -> str | None:
        rows = await self._db.all(store.POINT, path=path, names=[name])
        return rows[0].digest if rows else None

    async def _by_us(self, task: Task, path: RepositoryName, name: Tag) -> bool:
        """Whether the last that happened to the tag was this job's doing, in a run that was cut off."""
        row = await self._db.one(store.LAST_BY, path=path, name=name)
        return row is not None and row.request == task.origin.request
