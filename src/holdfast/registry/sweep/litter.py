"""Litter: objects that no row knows, left by crashes and by answers that were lost.

Promises: an object is litter only when its key was issued longer ago than the longest upload takes and the grace, by
the database's clock (no unit gives a row to an object so old); rows are asked after the object was seen, and once more
before it goes; nothing is deleted before the whole store was listed, so a list that fails deletes nothing; when more
than a twentieth of the store has no row, nothing is deleted unless that is forced: most likely the database is another
one than the store's. Memory is bounded: what one run cannot hold is left to the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from holdfast.blobs.key import issued_at
from holdfast.blobs.port import BlobStore
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import Place, record
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import DOOM
from holdfast.registry.sweep import litter_store
from holdfast.registry.sweep.guard import Guard
from holdfast.registry.sweep.store import FORGET_KEYS

TOGETHER = 100
"""Objects that are deleted in one step."""
_FEW = 100
_SHARE = 20
_MOST = 100_000


class TooMuch(Exception):
    """So much of the store would go that it must be forced; the text says how much."""

    def __init__(self, litter: int, total: int) -> None:
        super().__init__(
            f"{litter} of {total} objects have no row: so many are deleted only with `holdfast collect --force`. "
            "Is this the database that belongs to this store?"
        )


class Cleared(NamedTuple):
    """What one run did: objects in the store, litter among them, and how much of that was deleted."""

    total: int
    litter: int
    deleted: int


async def _silent(_listed: int) -> None:
    return


def many(litter: int, total: int) -> bool:
    """Whether so many are deleted by force only."""
    return litter > _FEW and litter * _SHARE > total


def oldest_upload(db: Database, settings: RegistrySettings) -> int:
    """Before this moment (microseconds) nothing can have been issued that an upload may still bring."""
    return db.now() - settings.upload_expire - settings.grace


class Litter:
    """Finding and deleting litter. `actor` and `request` stand in the journal."""

    def __init__(
        self, db: Database, blobs: BlobStore, settings: RegistrySettings, *, actor: str = "system", request: str = ""
    ) -> None:
        self._db = db
        self._blobs = blobs
        self._settings = settings
        self._actor = actor
        self._request = request
        self._guard = Guard(db, blobs)

    async def run(self, report: Callable[[int], Awaitable[None]] = _silent, *, force: bool = False) -> Cleared:
        """Delete the store's litter; `report` is told how many objects were listed. `force`: however much it is.

        Raises `Restored`, `TooMuch`, `DatabaseError`, `BlobError`.
        """
        await self._guard.check()
        oldest = oldest_upload(self._db, self._settings)
        total = litter = 0
        held: list[str] = []
        async for page in self._blobs.keys():
            found = await self._without_row([key for key in page if issued_at(key) < oldest])
            total += len(page)
            litter += len(found)
            held += found[: _MOST - len(held)]
            await report(total)
        if many(litter, total) and not force:
            raise TooMuch(litter, total)
        deleted = await self._delete_all(held)
        # What no list shows: parts of uploads whose process died.
        await self._blobs.clear(oldest)
        return Cleared(total, litter, deleted)

    async def _delete_all(self, keys: Sequence[str]) -> int:
        deleted = 0
        for first in range(0, len(keys), TOGETHER):
            some = await self.confirmed(keys[first : first + TOGETHER])
            await (self._guard.check() if deleted else self._guard.move())
            await self.delete(some)
            deleted += len(some)
        return deleted

    async def confirmed(self, keys: Sequence[str]) -> list[str]:
        """Those that are in the store and in no row now, asked in this order: a row goes after its object does."""
        there: list[str] = []
        for first in range(0, len(keys), TOGETHER):
            some = keys[first : first + TOGETHER]
            sizes = await asyncio.gather(*map(self._blobs.size, some))
            there += [key for key, size in zip(some, sizes, strict=True) if size is not None]
        return await self._without_row(there)

    async def _without_row(self, keys: list[str]) -> list[str]:
        if not keys:
            return []
        referred = {row.name for row in await self._db.all(litter_store.REFERRED, keys=keys)}
        return [key for key in keys if key not in referred]

    async def delete(self, keys: Sequence[str]) -> None:
        """Doom the keys, delete the objects, forget the keys: a crash in between leaves the rest to the sweeper.

        Nothing can come to refer to them meanwhile: whoever would give a row to an object so old is refused. The guard
        must have moved.
        """
        if not keys:
            return

        async def doom(unit: Unit) -> None:
            for key in sorted(keys):
                await unit.run(DOOM, key=key, due=unit.now)
            await self.note(unit, keys)

        await self._db.write(doom)
        await asyncio.gather(*map(self._blobs.delete, keys))
        await self._db.write(lambda unit: unit.run(FORGET_KEYS, keys=list(keys)))

    async def note(self, unit: Unit, names: Sequence[str]) -> None:
        """Write into the journal what was deleted."""
        data: dict[str, object] = {"names": sorted(names)}
        place = Place(0, 0, unit.now)
        await record(unit, ChangeKind.LITTER_DELETED, place, actor=self._actor, origin=Origin(self._request), data=data)
