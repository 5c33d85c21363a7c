"""The use-case of collection: what nothing keeps any more goes, step by step, beside everything else.

Promises: never what a tag, the history window, a lease or a tombstone keeps, nor what somebody was told to be here
(links.py, contents.py). Each step is a short unit that can be repeated: two collectors at once, and kill -9 anywhere,
do no harm. The cost follows the garbage. Others that write meanwhile are given way to (pace.py). Objects are left to
the sweep.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from holdfast.db.port import Database, Unit
from holdfast.registry.collect import store
from holdfast.registry.collect.contents import remove
from holdfast.registry.collect.links import look
from holdfast.registry.collect.repositories import empty, expired
from holdfast.registry.pace import Pace
from holdfast.registry.settings import RegistrySettings

BATCH = 250
_PAGE = 1000
_COUNTED = 200_000
SHRUNK = 512
"""Pages that one unit gives back."""

Pause = Callable[[str], Awaitable[None]]
Report = Callable[["Collected", int], Awaitable[None]]


class Collected(NamedTuple):
    """What a run did. `looked`: candidates and orphans that were decided; `links`: what left a repository, and the
    `shown` bytes of it; `contents`: what is stored nowhere any more, and its `bytes`; `repositories`: deleted ones that
    are gone for good."""

    looked: int = 0
    links: int = 0
    shown: int = 0
    contents: int = 0
    bytes: int = 0
    repositories: int = 0

    def plus(self, **more: int) -> Collected:
        """With so much more."""
        return self._replace(**{name: getattr(self, name) + value for name, value in more.items()})


async def _go_on(_name: str) -> None:
    return


async def _silent(_so_far: Collected, _left: int) -> None:
    return


class Collect:
    """The collector. `pause` is told the name of each step before it begins; `request` stands in the journal."""

    def __init__(
        self, db: Database, settings: RegistrySettings, *, pause: Pause = _go_on, request: str = "", batch: int = BATCH
    ) -> None:
        self._db = db
        self._settings = settings
        self._pause = pause
        self._request = request
        self._batch = batch
        self._pace = Pace(db)

    async def run(self, report: Report = _silent) -> Collected:
        """Collect all that is due; `report` is told what was done and how much is left to look at, about. What others
        hold at the moment is left to the next run. Raises `DatabaseError`."""
        left = await self._left()
        done = await self._repositories(Collected(), report, left)
        while True:
            before = done
            done = await self._links(done, report, left)
            done = await self._contents(done, report, left)
            if done.looked == before.looked:
                return done

    async def shrink(self, report: Report = _silent) -> None:
        """Give what the deleted rows left in the database's file back to the file system, piece by piece."""
        left = SHRUNK
        while left:
            began = time.monotonic()
            left = await self._db.shrink(SHRUNK)
            await self._pace.rest(time.monotonic() - began)
            if left:
                await report(Collected(), left)
                await self._pause("shrink")

    async def _left(self) -> int:
        """How much there is to look at, about."""
        total = 0
        for query in (store.DUE_TOTAL, store.ORPHAN_TOTAL):
            row = await self._db.one(query, most=_COUNTED)
            total += row.total if row is not None else 0
        return total

    async def _repositories(self, done: Collected, report: Report, left: int) -> Collected:
        for row in await expired(self._db, self._settings):
            await self._pause("repository")

            async def piece(unit: Unit, repo_id: int = row.id) -> bool:
                return await empty(unit, self._settings, repo_id)

            while await self._pace.write(piece):
                await report(done, left)
                await self._pause("repository-piece")
            done = done.plus(repositories=1)
        return done

    async def _links(self, done: Collected, report: Report, left: int) -> Collected:
        """Step 1, page by page."""
        after = -1
        while rows := await self._db.all(store.DUE, after=after, limit=_PAGE):
            places: dict[int, list[int]] = {}
            for row in rows:
                places.setdefault(row.repo_id, []).append(row.content_id)
            before = done
            for repo_id, ids in sorted(places.items()):
                for first in range(0, len(ids), self._batch):
                    await self._pause("links")
                    done = await self._look(done, repo_id, ids[first : first + self._batch])
                    await report(done, left)
            if done.looked == before.looked:  # others hold all of them
                after = rows[-1].due
        return done

    async def _look(self, done: Collected, repo_id: int, ids: list[int]) -> Collected:
        async def work(unit: Unit) -> tuple[int, int, int]:
            return await look(unit, self._settings, repo_id, ids, request=self._request)

        seen, links, shown = await self._pace.write(work)
        return done.plus(looked=seen, links=links, shown=shown)

    async def _contents(self, done: Collected, report: Report, left: int) -> Collected:
        """Step 2, page by page."""
        after = -1
        while rows := await self._db.all(store.DUE_ORPHANS, after=after, limit=_PAGE):
            before = done
            for first in range(0, len(rows), self._batch):
                await self._pause("contents")
                done = await self._remove(done, [row.id for row in rows[first : first + self._batch]])
                await report(done, left)
            if done.looked == before.looked:
                after = rows[-1].due
        return done

    async def _remove(self, done: Collected, ids: list[int]) -> Collected:
        async def work(unit: Unit) -> tuple[int, int, int]:
            return await remove(unit, self._settings, ids)

        seen, contents, size = await self._pace.write(work)
        return done.plus(looked=seen, contents=contents, bytes=size)
