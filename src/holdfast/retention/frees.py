"""What a plan frees in a repository: all that nothing would reach any more, once the history window is over.

Promises: exact for what the repository shows when it is counted (through indexes, manifests and their parts, referrers
and their subjects), and as if nobody else existed; in pages, by one look at each piece of content a level, so the cost
is that of what goes. Each piece counts for the item whose going frees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from holdfast.db.port import Database, Unit
from holdfast.retention import frees_store as store

_PAGE = 5000
_REFUSED = 20_000


class Frees:
    """The count for one repository of a plan."""

    def __init__(self, db: Database, plan_id: int, repo_id: int) -> None:
        self._db = db
        self._of = {"plan_id": plan_id, "repo_id": repo_id}
        self._staying: set[int] = set()

    async def count(self) -> int:
        """Count, and share the bytes out to the items; returns them all."""
        after = 0
        while rows := await self._db.all(store.DROPPED_CONTENT, after=after, limit=_PAGE, **self._of):
            await self._free({row.content_id for row in rows}, None)
            after = rows[-1].content_id
        level = 0
        while await self._step(level):
            level += 1
        await self._parts()
        await self._share()
        total = await self._db.one(store.BYTES_OF, **self._of)
        await self.clear()
        return total.total if total is not None else 0

    async def clear(self) -> None:
        """Forget what was counted."""
        while rows := await self._db.all(store.FREED_ROWS, limit=_PAGE, **self._of):
            await self._db.write(partial(_drop, last=rows[-1].content_id, of=self._of))

    async def _step(self, level: int) -> bool:
        """What is kept by nothing but what goes on this level; whether anything goes on it."""
        self._staying.clear()
        after, any_ = 0, False
        while rows := await self._db.all(store.FREED, level=level, after=after, limit=_PAGE, **self._of):
            any_ = True
            ids = [row.content_id for row in rows]
            kept = await self._db.all(store.KEPT_BY, repo_id=self._of["repo_id"], ids=ids)
            await self._free({each.content_id for each in kept}, level)
            after = rows[-1].content_id
        return any_

    async def _parts(self) -> None:
        """Parts that several manifests keep, all of which go; what is a part of one alone needs no note."""
        self._staying.clear()
        after = 0
        while rows := await self._db.all(store.MANIFESTS, after=after, limit=_PAGE, **self._of):
            shared = await self._db.all(store.SHARED, ids=[row.content_id for row in rows], **self._of)
            ids = sorted({each.content_id for each in shared} - self._staying)
            if ids:
                staying = {row.content_id for row in await self._db.all(store.STAYING, ids=ids, **self._of)}
                if len(self._staying) < _REFUSED:
                    self._staying |= staying
                going = [each for each in ids if each not in staying]
                await self._db.write(partial(_free_parts, ids=going, of=self._of))
            after = rows[-1].content_id

    async def _free(self, candidates: set[int], level: int | None) -> None:
        """Note those of `candidates` that nothing reaches which stays. `level`: whose going frees them, None: their
        own."""
        ids = sorted(candidates - self._staying)
        for first in range(0, len(ids), _PAGE):
            part = ids[first : first + _PAGE]
            staying = await self._stay(part)
            if len(self._staying) < _REFUSED:
                self._staying |= staying
            going = [each for each in part if each not in staying]
            if going:
                await self._db.write(partial(self._note, going=going, level=level))

    async def _stay(self, ids: list[int]) -> set[int]:
        """Those that a tag is on which stays, or that something keeps which stays."""
        tags = {
            row.content_id: row.total for row in await self._db.all(store.TAGS_ON, repo_id=self._of["repo_id"], ids=ids)
        }
        items = {row.content_id: row.total for row in await self._db.all(store.ITEMS_ON, ids=ids, **self._of)}
        found = {each for each in ids if tags.get(each, 0) > items.get(each, 0)}
        kept = await self._db.all(store.STAYING, ids=[each for each in ids if each not in found], **self._of)
        return found | {row.content_id for row in kept}

    async def _note(self, unit: Unit, going: Sequence[int], level: int | None) -> None:
        if level is None:
            await unit.run(store.FREE, ids=going, **self._of)
        else:
            await unit.run(store.FREE_NEXT, ids=going, level=level, **self._of)

    async def _share(self) -> None:
        after = 0
        while rows := await self._db.all(store.DROPPED_CONTENT, after=after, limit=_PAGE, **self._of):
            ids = [row.content_id for row in rows]
            first = await self._db.all(store.FIRST_ITEMS, ids=ids, **self._of)
            names = sorted(row.name for row in first if row.name)
            bare = sorted(row.content_id for row in first if not row.name)
            await self._db.write(partial(_share, names=names, ids=bare, of=self._of))
            after = rows[-1].content_id


async def _share(unit: Unit, names: list[str], ids: list[int], of: dict[str, int]) -> None:
    if names:
        await unit.run(store.SHARE_TO_TAGS, names=names, **of)
    if ids:
        await unit.run(store.SHARE_TO_MANIFESTS, ids=ids, **of)


async def _drop(unit: Unit, last: int, of: dict[str, int]) -> None:
    await unit.run(store.DROP_FREED, last=last, **of)


async def _free_parts(unit: Unit, ids: list[int], of: dict[str, int]) -> None:
    await unit.run(store.FREE_PARTS, ids=ids, **of)
