"""What runs in the background: every kind of job, and when the regular ones come. This is the only table of them.

A kind is the name of jobs that may wait in the database: it is never given another meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from holdfast.access.errors import MasterKeyAway
from holdfast.app.build import registry_settings
from holdfast.app.config import Settings
from holdfast.app.engines import Engines
from holdfast.blobs.errors import Busy, ForeignStore, Full, Unavailable
from holdfast.jobs.model import Later, Priority
from holdfast.jobs.run import Run, Task
from holdfast.jobs.schedule import Schedule
from holdfast.jobs.service import Jobs
from holdfast.registry.rotation.service import KIND as ROTATE_KEYS
from holdfast.registry.rotation.service import Rotation
from holdfast.registry.sweep.service import Sweep
from holdfast.telemetry.events import make_events

SWEEP = "sweep"
FORGET_JOBS = "forget-jobs"

_AWAY = (Unavailable, Full, Busy, ForeignStore, MasterKeyAway)

SCHEDULES = (
    Schedule("sweep", "* * * * *", SWEEP),
    Schedule("forget-jobs", "17 * * * *", FORGET_JOBS, priority=Priority.LOW),
)


def tasks(settings: Settings, engines: Engines) -> Mapping[str, Task]:
    """The task of every kind of job, over open engines. A store that is away fails no job."""
    core = registry_settings(settings)

    async def sweep(run: Run) -> None:
        await Sweep(run.db, engines.blobs, core).run()

    async def forget_jobs(run: Run) -> None:
        kept = settings.jobs.history // timedelta(microseconds=1)
        await Jobs(run.db).forget(run.db.now() - kept)

    events = make_events(settings.log.level, settings.log.format)
    rotation = Rotation(engines.db, engines.master, events)
    known: dict[str, Task] = {SWEEP: sweep, FORGET_JOBS: forget_jobs, ROTATE_KEYS: rotation.run}
    return {kind: _patient(task) for kind, task in known.items()}


def _patient(task: Task) -> Task:
    """`task`, which waits for a store that is away as every job waits for the database."""

    async def run(run: Run) -> None:
        try:
            await task(run)
        except _AWAY as error:
            raise Later(str(error)) from error

    return run
