"""The guard against sweeping with a database that was restored from an older copy.

Such a database does not know what was pushed since, and would take it for litter; and what it still lists as doomed
may be anything by now. So before objects are deleted the store's mark `guard` is given a text that was never there
before; the database remembers it first. A database that does not know the text of the mark is older than the mark.

Promises: once an object was deleted from the store, no copy of the database that is older than that deletes anything,
until `adopt` says that the two belong together (but while the disk is full: making room comes first). A crash between
the two writes is not taken for a restore, nor are nodes that move the guard at the same time, nor one that stood still
while others moved it.

A copy restored before anything was deleted, and before `EVERY` has passed, is not noticed; what was pushed meanwhile
is litter only after the longest upload and the grace.
"""

from __future__ import annotations

import secrets
from contextlib import suppress

from holdfast.blobs.errors import Full as StoreFull
from holdfast.blobs.port import BlobStore
from holdfast.db.errors import Full as DatabaseFull
from holdfast.db.port import Database, Unit
from holdfast.registry.settings import SECOND
from holdfast.registry.sweep import guard_store as store

MARK = "guard"
EVERY = 600 * SECOND
"""Microseconds after which the guard moves also when nothing is deleted."""
_KEPT = 100
_LOOKS = 2
"""Between the look at the mark and the one at its row others may have moved it for the first time."""


class Restored(Exception):
    """Nothing may be deleted: the database does not know what its store's mark says."""

    def __init__(self) -> None:
        super().__init__(
            "nothing was deleted: the blob store was swept by a newer state of this database, which was probably "
            "restored from an older copy. Look with `holdfast verify`; `holdfast verify --adopt` lets sweeping go on"
        )


class Guard:
    """The guard of one installation."""

    def __init__(self, db: Database, blobs: BlobStore) -> None:
        self._db = db
        self._blobs = blobs

    async def check(self) -> str | None:
        """What the mark says, None before the guard was ever set. Raises `Restored`, `DatabaseError`, `BlobError`."""
        for _ in range(_LOOKS):
            mark = await self._blobs.mark(MARK)  # the mark first: its row was written before it
            known = await self._db.one(store.GUARD, nonce=mark or "")
            assert known is not None
            if known.known if mark is not None else not known.settled:
                return mark
        raise Restored

    async def move(self) -> None:
        """To be called before objects are deleted. Raises what `check` raises.

        Where there is no room to write the mark it stays: deleting makes room, and the next run moves it.
        """
        mark = await self.check()
        with suppress(DatabaseFull, StoreFull):
            await self._set(mark)

    async def keep_moving(self) -> None:
        """Move the guard unless it moved a while ago. Raises what `check` raises."""
        mark = await self.check()
        last = await self._db.one(store.GUARD_MOVED)
        if last is None or last.moved_at is None or last.moved_at <= self._db.now() - EVERY:
            with suppress(DatabaseFull, StoreFull):
                await self._set(mark)

    async def adopt(self) -> None:
        """Say that this database and this store belong together as they are. Raises `DatabaseError`, `BlobError`."""
        await self._set(await self._blobs.mark(MARK))

    async def distrust(self) -> None:
        """Say that this database is older than what the store may hold: nothing is deleted until `adopt`.

        Raises `BlobError`.
        """
        await self._blobs.set_mark(MARK, secrets.token_hex(16))

    async def _set(self, mark: str | None) -> None:
        fresh = secrets.token_hex(16)

        async def remember(unit: Unit) -> None:
            await unit.run(store.FORGET_GUARDS, mark=mark or "", kept=_KEPT)
            await unit.run(store.REMEMBER_GUARD, nonce=fresh)

        await self._db.write(remember)
        await self._blobs.set_mark(MARK, fresh)
        await self._db.write(lambda unit: unit.run(store.SETTLE_GUARD, nonce=fresh))
