"""What runs in the background: every kind of job, and when the regular ones come. This is the only table of them.

A kind is the name of jobs that may wait in the database: it is never given another meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from holdfast.access.errors import MasterKeyAway
from holdfast.app import forgetting
from holdfast.app.banner import address
from holdfast.app.collecting import collect_task
from holdfast.app.config import Settings
from holdfast.app.engines import Engines
from holdfast.app.features import FEATURES
from holdfast.app.metrics.runs import counted
from holdfast.app.registry_settings import registry_settings
from holdfast.app.tracing.opening import open_events
from holdfast.app.tracing.traced import traced_tasks
from holdfast.blobs.errors import Busy, ForeignStore, Full, Unavailable
from holdfast.feature.model import Feature, Working
from holdfast.jobs.model import Later, Priority
from holdfast.jobs.run import Run, Task
from holdfast.jobs.schedule import Schedule
from holdfast.registry.browsing.shelving import SHELVE, Shelving
from holdfast.registry.collect.asking import COLLECT
from holdfast.registry.compaction.service import Compaction
from holdfast.registry.content import COMPACT
from holdfast.registry.exporting.service import JOB as EXPORT_LIST
from holdfast.registry.exporting.service import Writing
from holdfast.registry.ledger.figures import STORAGE, Figures
from holdfast.registry.namespaces import removing
from holdfast.registry.namespaces.removal import DELETE as DELETE_NAMESPACE
from holdfast.registry.namespaces.removal import RESTORE as RESTORE_NAMESPACE
from holdfast.registry.purge.service import KIND as PURGE
from holdfast.registry.purge.service import Purge
from holdfast.registry.rotation.service import KIND as ROTATE_KEYS
from holdfast.registry.rotation.service import Rotation
from holdfast.registry.scrub.service import Scrub
from holdfast.registry.search.indexing import FILL as FILL_SEARCH
from holdfast.registry.search.indexing import REFILL as REFILL_SEARCH
from holdfast.registry.search.indexing import Indexing
from holdfast.registry.several.doing import Doing
from holdfast.registry.several.model import JOB as CHANGE_TAGS
from holdfast.registry.several.model import REPOSITORY_JOB as CHANGE_REPOSITORIES
from holdfast.registry.sweep.litter import Litter
from holdfast.registry.sweep.service import Sweep
from holdfast.telemetry.meters import Meters
from holdfast.telemetry.traces import Traces
from holdfast.web.spreadsheet import csv_rows

SWEEP = "sweep"
SWEEP_LITTER = "sweep-litter"
COMPACT_MISSED = "compact-missed"
SCRUB = "scrub"

_AWAY = (Unavailable, Full, Busy, ForeignStore, MasterKeyAway)

SCHEDULES = (
    Schedule("collect", "* * * * *", COLLECT),
    Schedule("sweep", "* * * * *", SWEEP),
    Schedule("sweep-litter", "41 */6 * * *", SWEEP_LITTER, priority=Priority.LOW),
    Schedule("compact-missed", "29 * * * *", COMPACT_MISSED, priority=Priority.LOW),
    Schedule("scrub", "* * * * *", SCRUB, priority=Priority.LOW),
    Schedule("storage", "* * * * *", STORAGE, priority=Priority.LOW),
    Schedule("fill-search", "* * * * *", FILL_SEARCH, priority=Priority.LOW),
    Schedule("fill-lists", "* * * * *", SHELVE, priority=Priority.LOW),
    Schedule("refill-search", "47 4 * * *", REFILL_SEARCH, priority=Priority.LOW),
    *forgetting.SCHEDULES,
)


def schedules(features: Sequence[Feature] = FEATURES) -> tuple[Schedule, ...]:
    """When the regular jobs come, those of features among them."""
    return (*SCHEDULES, *(each for feature in features for each in feature.schedules))


def tasks(
    settings: Settings,
    engines: Engines,
    features: Sequence[Feature] = FEATURES,
    *,
    meters: Meters | None = None,
    traces: Traces | None = None,
) -> Mapping[str, Task]:
    """The task of every kind of job, over open engines. A store that is away fails no job."""
    meters = meters or Meters()
    core = registry_settings(settings)

    async def sweep(run: Run) -> None:
        await Sweep(run.db, engines.blobs, core).run()

    async def sweep_litter(run: Run) -> None:
        await Litter(run.db, engines.blobs, core, request=f"job-{run.job.id}").run(run.progress)

    async def compact(run: Run) -> None:
        content = int(run.job.data["content"])
        await compaction.compact(run.db, content, run.progress, request=f"job-{run.job.id}")

    async def compact_missed(run: Run) -> None:
        after: int | None = (run.checkpoint or {}).get("after", 0)
        while after is not None:
            after = await compaction.missed(run.db, after)
            if after is not None:
                await run.save({"after": after})

    async def scrub(run: Run) -> None:
        if settings.scrub.rate:
            request = f"job-{run.job.id}"
            reading = Scrub(
                run.db, engines.objects, settings.scrub.rate, request=request, stopping=lambda: run.stopping
            )
            await reading.turn(run.progress)

    async def fill_search(run: Run) -> None:
        await Indexing(run.db, engines.objects).run()

    async def shelve(run: Run) -> None:
        await Shelving(run.db, engines.objects).run()

    events = open_events(settings, traces)
    rotation = Rotation(engines.db, engines.master, events)
    compaction = Compaction(engines.objects, core)
    known: dict[str, Task] = {
        **forgetting.forgetting(settings),
        COLLECT: collect_task(engines.blobs, core, events),
        SWEEP: sweep,
        SWEEP_LITTER: sweep_litter,
        COMPACT: compact,
        COMPACT_MISSED: compact_missed,
        SCRUB: scrub,
        STORAGE: _storage,
        ROTATE_KEYS: rotation.run,
        DELETE_NAMESPACE: removing.delete_all,
        RESTORE_NAMESPACE: lambda run: removing.restore_all(run, core.window),
        EXPORT_LIST: lambda run: Writing(run, engines.objects, csv_rows).whole(),
        CHANGE_TAGS: lambda run: Doing(run, engines.objects, core).all(),
        CHANGE_REPOSITORIES: lambda run: Doing(run, engines.objects, core).all(),
        PURGE: lambda run: Purge(run.db, core).end_all(run),
        FILL_SEARCH: fill_search,
        SHELVE: shelve,
        REFILL_SEARCH: lambda run: Indexing(run.db, engines.objects).again(),
    }
    working = Working(
        objects=engines.objects,
        settings=core,
        master=engines.master,
        targets=engines.targets,
        public=address(settings)[0],
        meters=meters,
    )
    for feature in features:
        known |= feature.tasks(working)
    ready = counted({kind: _patient(task) for kind, task in known.items()}, meters)
    return traced_tasks(ready, traces, schedules(features))


async def _storage(run: Run) -> None:
    figures = Figures(run.db, run.progress)
    if run.job.data.get("now") or await figures.due():
        await figures.walk()


def _patient(task: Task) -> Task:
    """`task`, which waits for a store that is away as every job waits for the database."""

    async def run(run: Run) -> None:
        try:
            await task(run)
        except _AWAY as error:
            raise Later(str(error)) from error

    return run
