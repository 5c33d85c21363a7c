"""Carrying a collection out, as a job or beside a running server: links, content, objects, litter, the file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from holdfast.access.installation import known_installation
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory, DataDirectoryError
from holdfast.app.engines import database, make_blobs
from holdfast.app.registry_settings import registry_settings
from holdfast.blobs.errors import BlobError
from holdfast.blobs.port import BlobStore
from holdfast.db.errors import DatabaseError
from holdfast.db.port import Database, Unit
from holdfast.jobs.run import Run, Task
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note
from holdfast.registry.collect.asking import Asked
from holdfast.registry.collect.cutting import cut
from holdfast.registry.collect.preview import preview
from holdfast.registry.collect.service import Collect, Collected
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.sweep.guard import Guard, Restored
from holdfast.registry.sweep.litter import Litter, TooMuch
from holdfast.registry.sweep.service import Sweep
from holdfast.telemetry.events import Events
from holdfast.telemetry.request_id import RequestIds

MUCH = 1000
"""So much content that went by the clock is worth a smaller file."""

Report = Callable[[int, int | None], Awaitable[None]]


class Collecting:
    """Collections of one installation. `request`, `actor` and `job` (0: none) stand in the journal."""

    def __init__(
        self,
        db: Database,
        blobs: BlobStore,
        settings: RegistrySettings,
        *,
        actor: str = "system",
        request: str = "",
        job: int = 0,
    ) -> None:
        self._db = db
        self._blobs = blobs
        self._settings = settings
        self._actor = actor
        self._request = request
        self._job = job
        self._collect = Collect(db, settings, request=request)

    async def by_the_clock(self, report: Report) -> Collected:
        """What is due, and nothing more: the sweep has a job of its own. Raises `Restored`, `DatabaseError`,
        `BlobError`."""
        await Guard(self._db, self._blobs).check()
        done = await self._collect.run(_telling(report))
        if done.contents >= MUCH:
            await self._collect.shrink()
        if done.links or done.contents or done.repositories:
            await self._say_finished(done._asdict())
        return done

    async def preview(self, asked: Asked, report: Report) -> dict[str, Any]:
        """What would go."""

        async def tell(seen: int) -> None:
            await report(seen, None)

        found = await preview(self._db, self._settings, path=asked.path, report=tell)
        examples = [each._asdict() for each in found.examples]
        return {"dry_run": True, **found._asdict(), "examples": examples}

    async def run(self, asked: Asked, report: Report) -> dict[str, Any]:
        """All that is due: links, content, objects whose grace is over, litter where that is forced; and the file of
        the database is as small as what is left. Raises `Restored`, `TooMuch`, `DatabaseError`, `BlobError`."""
        await Guard(self._db, self._blobs).check()
        if asked.path is not None:
            await cut(self._db, self._settings, asked.path, actor=self._actor, request=self._request)
        done = await self._collect.run(_telling(report))
        objects = (await Sweep(self._db, self._blobs, self._settings).run()).objects
        litter = 0
        if asked.force:
            swept = Litter(self._db, self._blobs, self._settings, actor=self._actor, request=self._request)
            litter = (await swept.run(force=True)).deleted
        await self._collect.shrink()
        found = {**done._asdict(), "objects": objects, "litter": litter}
        await self._say_finished(found)
        return {"dry_run": False, **found}

    async def _say_finished(self, found: Mapping[str, int]) -> None:
        data: dict[str, object] = {name: value for name, value in found.items() if name != "looked"}
        if self._job:
            data["job"] = self._job

        async def say(unit: Unit) -> None:
            origin = Origin(self._request)
            await note(unit, ChangeKind.COLLECTION_FINISHED, actor=self._actor, origin=origin, data=data, path="")

        await self._db.write(say)


def _telling(report: Report) -> Callable[[Collected, int], Awaitable[None]]:
    async def tell(so_far: Collected, left: int) -> None:
        await report(so_far.looked, max(left, so_far.looked))

    return tell


class CouldNotRun(Exception):
    """Nothing was collected, or not all; the text says why and what to do."""


def run_beside(settings: Settings, given: Mapping[str, Any], tell: Callable[[int, int | None], None]) -> dict[str, Any]:
    """Carry a collection out in this process, beside the servers or without them; what came of it. Raises
    `CouldNotRun`."""
    asked = Asked(given["namespace"], given["dry_run"], given["force"])

    async def report(done: int, total: int | None) -> None:
        tell(done, total)

    async def main() -> dict[str, Any]:
        directory = DataDirectory(settings.data)
        async with database(settings) as db:
            installation = await known_installation(db)
            if installation is None:
                raise CouldNotRun("the database holds no registry yet: start `holdfast serve` with it first")
            blobs = make_blobs(settings, directory)
            try:
                await blobs.open(installation)
                collecting = Collecting(
                    db, blobs, registry_settings(settings), actor="collect", request=f"collect-{RequestIds().next()}"
                )
                return await (collecting.preview(asked, report) if asked.dry_run else collecting.run(asked, report))
            finally:
                await blobs.close()

    try:
        return asyncio.run(main())
    except (DatabaseError, BlobError, Restored, TooMuch, DataDirectoryError, ValueError) as error:
        raise CouldNotRun(str(error)) from error


def collect_task(blobs: BlobStore, settings: RegistrySettings, events: Events) -> Task:
    """The task of the kind `collect`: by the clock, or as somebody asked."""

    async def task(run: Run) -> None:
        data = run.job.data
        actor = str(data.get("actor", "system"))
        request, job = f"job-{run.job.id}", run.job.id if data.get("asked") else 0
        collecting = Collecting(run.db, blobs, settings, actor=actor, request=request, job=job)

        async def report(done: int, total: int | None) -> None:
            await run.progress(done, total)
            if run.stopping:
                await run.save({"looked": done})

        if not data.get("asked"):
            done = await collecting.by_the_clock(report)
            if done.looked:
                events.info("collected", **done._asdict())
            return
        asked = Asked.of(data)
        result = await (collecting.preview(asked, report) if asked.dry_run else collecting.run(asked, report))
        if not asked.dry_run:
            events.info("collected", job=run.job.id, **{name: result[name] for name in Collected._fields})
        await run.finish(lambda unit: run.result(unit, result))

    return task
