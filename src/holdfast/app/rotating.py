"""`holdfast rotate-keys`: asks for the rotation, takes part in it, and tells how far it is; and what uses which key.

Promises: nothing is asked for before the master key has opened every key of the database; the job is one of the queue's
like every other, so it goes on elsewhere when this process ends, and with this process where nobody else works.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import NamedTuple

from holdfast.access.keyring import wrapped_keys
from holdfast.access.master import MasterKey
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory
from holdfast.app.engines import database
from holdfast.app.masters import open_master
from holdfast.db.port import Database
from holdfast.jobs.model import Job, JobState
from holdfast.jobs.service import Jobs, enqueue
from holdfast.jobs.worker import Worker
from holdfast.registry.rotation.service import KIND, Rotation, rotation, uses
from holdfast.telemetry.events import make_events

_LOOK = 0.2
_ENDS = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)
Follow = Callable[[Job], None]


class ContentKey(NamedTuple):
    """A content key: when it was made (microseconds since the epoch, None: not known), and how much it encrypts."""

    generation: int
    made_at: int | None
    used: int


class KeysInUse(NamedTuple):
    """Every content key, oldest first, and how much is stored in clear."""

    keys: list[ContentKey]
    clear: int


def in_use(settings: Settings) -> KeysInUse:
    """What is encrypted by which key. Raises `DatabaseError`."""

    async def look() -> KeysInUse:
        async with database(settings) as db:
            used = await uses(db)
            keys = [
                ContentKey(row.generation, row.made_at, used.get(row.generation, 0))
                for row in await wrapped_keys(db)
                if row.generation
            ]
            return KeysInUse(sorted(keys), used.get(0, 0))

    return asyncio.run(look())


def rotate(settings: Settings, follow: Follow | None) -> Job:
    """Ask for a rotation; with `follow`, see it through and call it with the job as it goes on. Returns the job.

    A rotation that waits or runs already is taken as the one asked for. Raises `DatabaseError`, `WrongMasterKey`,
    `MasterKeyAway`, `DataDirectoryError`.
    """

    async def main() -> Job:
        async with database(settings) as db:
            master = open_master(settings, DataDirectory(settings.data))
            for row in await wrapped_keys(db):
                await master.unwrap(row.name, row.wrapped)
            id = await _ask(db, master)
            return await Jobs(db).show(id) if follow is None else await _see_through(settings, db, master, id, follow)

    return asyncio.run(main())


async def _ask(db: Database, master: MasterKey) -> int:
    asked = rotation(await master.mark())
    id = await db.write(lambda unit: enqueue(unit, asked))
    if id is None:
        id = next(job.id for job in await Jobs(db).list([JobState.WAITING]) if job.dedupe == asked.dedupe)
    return id


async def _see_through(settings: Settings, db: Database, master: MasterKey, id: int, follow: Follow) -> Job:
    """Work on this kind of job until job `id` has ended."""
    events = make_events("warning", settings.log.format)
    stop = asyncio.Event()
    worker = Worker(
        db,
        {KIND: Rotation(db, master, events).run},
        name=f"{socket.gethostname()}/{os.getpid()}",
        events=events,
        slots=1,
        lease=settings.jobs.lease.total_seconds(),
        look=_LOOK,
    )
    working = asyncio.create_task(worker.run(stop))
    try:
        job = await Jobs(db).show(id)
        while job.state not in _ENDS and not working.done():
            follow(job)
            await asyncio.sleep(_LOOK)
            job = await Jobs(db).show(id)
        return job
    finally:
        stop.set()
        await working
