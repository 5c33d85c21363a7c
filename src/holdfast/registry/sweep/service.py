"""The sweeper, a job that runs every minute.

Promises: an object is deleted only when its key is doomed and due, its row only after the object is gone; an upload's
bytes come back after it expired or was cancelled; a staged file without a row goes when it is older than the longest
upload; nothing goes when the database was restored from an older copy (guard.py), and no object while a backup copies
objects. A missing object is done. Two at
once, and kill -9 anywhere, do no harm.
"""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress
from typing import NamedTuple

from holdfast.blobs.errors import Busy
from holdfast.blobs.port import BlobStore
from holdfast.db.port import Database, Unit
from holdfast.registry.pace import Pace
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import DOOM_PARTS
from holdfast.registry.sweep import store
from holdfast.registry.sweep.guard import Guard
from holdfast.registry.sweep.litter import oldest_upload

_BATCH = 500
_DEAD = 3_600_000_000
"""Microseconds after which a body that was noted while it came is forgotten: its process is gone."""
_TOGETHER = 16
_NAME = re.compile(r"[0-9a-f]{14}-[0-9a-f]{32}")  # when it was issued, in microseconds, and 128 random bits


class Swept(NamedTuple):
    """What one run did."""

    objects: int
    uploads: int
    staged: int


class Sweep:
    """Deleting what is due. One object a process."""

    def __init__(self, db: Database, blobs: BlobStore, settings: RegistrySettings) -> None:
        self._db = db
        self._blobs = blobs
        self._settings = settings
        self._guard = Guard(db, blobs)
        self._pace = Pace(db)

    async def run(self) -> Swept:
        """Sweep everything that is due now; returns what was done. Raises `Restored`, `DatabaseError`, `BlobError`."""
        await self._guard.keep_moving()
        objects = await self._objects()
        uploads = await self._uploads()
        staged = await self._staged()
        await self._db.write(_forget)
        return Swept(objects, uploads, staged)

    async def _objects(self) -> int:
        done = 0
        while keys := await self._due():
            await (self._guard.check() if done else self._guard.move())
            for first in range(0, len(keys), _TOGETHER):
                began = time.monotonic()
                await asyncio.gather(*map(self._blobs.delete, keys[first : first + _TOGETHER]))
                await self._pace.rest(time.monotonic() - began)
            await self._forget(keys)
            done += len(keys)
        return done

    async def _due(self) -> list[str]:
        """The keys that are due, a batch of them; none while a backup runs, which may need them."""
        running = await self._db.one(store.BACKUP_RUNS)
        if running is not None and running.held:
            return []
        return [row.name for row in await self._db.all(store.DUE_KEYS, limit=_BATCH)]

    async def _forget(self, keys: list[str]) -> None:
        await self._pace.write(lambda unit: unit.run(store.FORGET_KEYS, keys=keys))

    async def _uploads(self) -> int:
        done = 0
        for row in await self._db.all(store.EXPIRED, limit=_BATCH):
            # The row first: a chunk that is committed meanwhile moves the expiry, and its bytes must stay.
            if not await self._end(row.name):
                continue
            done += 1
            if self._blobs.staging is not None:
                with suppress(Busy):  # a chunk is being written: it finds the session gone, `_staged` takes the file
                    await self._blobs.staging.drop(row.name)
        return done

    async def _end(self, name: str) -> int:
        async def end(unit: Unit) -> int:
            if await unit.one(store.STILL_EXPIRED, id=name) is None:
                return 0
            await unit.run(DOOM_PARTS, id=name, due=unit.now)
            return await unit.run(store.DROP_EXPIRED, id=name)

        return await self._db.write(end)

    async def _staged(self) -> int:
        """Staged files without a row, issued longer ago than the longest upload.

        The age is in the name, by the database's clock; a file's own time is never asked.
        """
        staging = self._blobs.staging
        if staging is None:
            return 0
        names = await staging.staged()
        held: set[str] = set()
        for first in range(0, len(names), _BATCH):
            rows = await self._db.all(store.HELD, ids=names[first : first + _BATCH])
            held.update(row.name for row in rows)
        oldest = oldest_upload(self._db, self._settings)
        done = 0
        for name in names:
            if name in held or not _issued_before(name, oldest):
                continue
            try:
                await staging.drop(name)
            except Busy:
                continue
            done += 1
        return done


def _issued_before(name: str, moment: int) -> bool:
    """Whether a staged file was named by us before `moment` (microseconds)."""
    return _NAME.fullmatch(name) is not None and int(name[:14], 16) < moment


async def _forget(unit: Unit) -> None:
    await unit.run(store.DROP_LEASES)
    await unit.run(store.DROP_ARRIVING, before=unit.now - _DEAD)
