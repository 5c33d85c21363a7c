"""What a job does to one of several repositories."""

from __future__ import annotations

from holdfast.access.grants.visibility import Visibility
from holdfast.db.port import Database
from holdfast.registry.namespaces.removal import Removal
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.several import store
from holdfast.registry.several.model import Kind
from holdfast.registry.several.planning_repositories import said_of
from holdfast.registry.several.task import GONE, Done, Left, Rights, Task


class RepositoryWork:
    """Changes repositories, each by the service that changes one. One object a run."""

    def __init__(self, db: Database, settings: RegistrySettings) -> None:
        self._db = db
        self._removal = Removal(db, settings)
        self._visibility = Visibility(db)

    async def one(self, task: Task, rights: Rights, item: store.ItemRow) -> Done:
        """Change a repository, or take its change back. Raises `Left`, and what the services raise."""
        id, seq = map(int, item.was.split("."))
        if task.kind is Kind.DELETE_REPOSITORY:
            if task.row.undoes is not None:
                return await self._bring_back(rights, item, id)
            return await self._delete(task, rights, item.name, (id, seq))
        return await self._show_to(task, rights, item, id)

    async def _delete(self, task: Task, rights: Rights, name: str, still: tuple[int, int]) -> Done:
        by = await self._db.one(store.GONE_BY, id=still[0])
        if by is not None and by.request == task.origin.request:
            return Done(str(still[0]))
        await self._removal.repository(rights.path(name), still=still)
        return Done(str(still[0]))

    async def _bring_back(self, rights: Rights, item: store.ItemRow, id: int) -> Done:
        if await self._id(item.name) == id:
            return Done()
        await self._removal.restore(rights.path(item.name), id)
        return Done()

    async def _show_to(self, task: Task, rights: Rights, item: store.ItemRow, id: int) -> Done:
        """Open a repository or close it, or let be said of it what was said before."""
        name, before = item.name, item.before or ""
        if await self._id(name) != id:
            raise Left(GONE)
        here = said_of(rights.path(name), name)
        wanted, expected = (str(task.kind), before) if task.row.undoes is None else (before, str(task.kind))
        if here == wanted:
            return Done(wanted, before)
        if here != expected:
            raise Left("somebody changed who may see it since")
        if wanted:
            await self._visibility.set(rights.who, name, wanted == Kind.PUBLIC, origin=task.origin)
        else:
            await self._visibility.reset(rights.who, name, origin=task.origin)
        return Done(wanted, before)

    async def _id(self, name: str) -> int | None:
        rows = await self._db.all(store.REPOSITORIES, paths=[name])
        return rows[0].id if rows else None
