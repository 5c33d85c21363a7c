"""What the database says: queues, lags, the collector, the ledger, the scrub, backups.

Promises: nothing is asked more often than every few seconds, however many scrapes there are; a database that is away,
or takes too long, leaves `holdfast_database_up 0` and nothing that is old.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from holdfast.app.metrics.told import Told, one
from holdfast.db import gauges
from holdfast.db.errors import DatabaseError
from holdfast.db.port import Database
from holdfast.jobs.model import JobState
from holdfast.registry.ledger.totals import totals
from holdfast.telemetry.family import MICROS, OTHER, Family, Kind, Label

EVERY = 5.0
"""Seconds that an answer is told again without asking."""
PATIENCE = 3.0
"""Seconds that the database has for all of it."""
_SLOWLY = 60.0
_KINDS = Label("kind", most=100)
_GAUGE = Kind.GAUGE

UP = Family("holdfast_database_up", "1 while the database answers, else 0.", _GAUGE)
READ_ONLY = Family("holdfast_read_only", "1 while the registry refuses writes.", _GAUGE)
JOBS = Family(
    "holdfast_jobs",
    f"Jobs by kind and state; failed ones until they are forgotten. Each state is counted up to {gauges.MOST}.",
    _GAUGE,
    (_KINDS, Label("state", ("waiting", "running", "failed"))),
)
DUE = Family("holdfast_jobs_due", "Jobs that wait although their time has come, by kind.", _GAUGE, (_KINDS,))
OLDEST = Family(
    "holdfast_jobs_oldest_due_seconds", "How long the job that is due the longest has been due.", _GAUGE, (), MICROS
)
SEAL_LAG = Family(
    "holdfast_journal_seal_lag_seconds", "Age of the oldest change that is not sealed yet.", _GAUGE, (), MICROS
)
BEHIND = Family(
    "holdfast_handler_behind",
    "Sealed changes, or batches of use, that a handler of a feature was not told of yet.",
    _GAUGE,
    (Label("handler", most=50),),
)
UPLOADS = Family("holdfast_uploads_open", "Uploads that hold bytes and have not ended.", _GAUGE)
CANDIDATES = Family("holdfast_collector_due", "Contents that the collector may look at now.", _GAUGE)
DOOMED = Family("holdfast_collector_doomed_objects", "Objects that wait for their deletion.", _GAUGE)
STORED = Family(
    "holdfast_stored_bytes",
    "Bytes as they lie in store and database: of content as objects and inline, doomed, and of uploads.",
    _GAUGE,
    (Label("what", ("objects", "inline", "doomed", "parts", "early", "staged")),),
)
LOGICAL = Family(
    "holdfast_logical_bytes", "Bytes that repositories show; each content once for each repository.", _GAUGE
)
REPOSITORIES = Family("holdfast_repositories", "Repositories.", _GAUGE)
TAGS = Family("holdfast_tags", "Tags.", _GAUGE)
NAMESPACES = Family(
    "holdfast_namespace_logical_bytes",
    f"Bytes that the {gauges.TOP} largest first segments of names show; all others are `other`.",
    _GAUGE,
    (Label("namespace", most=gauges.TOP),),
)
SCRUB_DONE = Family("holdfast_scrub_done_bytes", "Bytes that the scrub has read in its round.", _GAUGE)
SCRUB_TOTAL = Family("holdfast_scrub_total_bytes", "Bytes that its round reads.", _GAUGE)
SCRUB_ENDED = Family(
    "holdfast_scrub_ended_timestamp_seconds",
    "When its last round ended; 0: none has, or one is under way.",
    _GAUGE,
    (),
    MICROS,
)
DAMAGED = Family("holdfast_damaged_contents", "Contents that are marked as damaged.", _GAUGE)
BACKUP = Family("holdfast_backup_timestamp_seconds", "When the last backup was made; 0: never.", _GAUGE, (), MICROS)


class Installation:
    """What the database says, for one process. `clock`: seconds that only grow."""

    def __init__(self, db: Database, clock: Callable[[], float]) -> None:
        self._db = db
        self._clock = clock
        self._asking = asyncio.Lock()
        self._told: list[Told] = []
        self._at = float("-inf")
        self._ledger: list[Told] = []
        self._ledger_at = float("-inf")

    async def read(self) -> list[Told]:
        """Everything, at most `EVERY` seconds old."""
        async with self._asking:
            if self._clock() - self._at < EVERY:
                return self._told
            try:
                async with asyncio.timeout(PATIENCE):
                    self._told = [one(UP, 1), *await self._ask()]
            except (DatabaseError, TimeoutError):
                self._told = [one(UP, 0)]
                self._ledger_at = float("-inf")
            self._at = self._clock()
            return self._told

    async def _ask(self) -> list[Told]:
        found = [*await self._queues(), *await self._collector(), *await self._care()]
        if self._clock() - self._ledger_at >= _SLOWLY:
            self._ledger = await self._used()
            self._ledger_at = self._clock()
        return found + self._ledger

    async def _queues(self) -> list[Told]:
        now, most = self._db.now(), gauges.MOST
        states = {"waiting": JobState.WAITING, "running": JobState.RUNNING, "failed": JobState.FAILED}
        jobs: dict[tuple[str, ...], float] = {}
        due: dict[tuple[str, ...], float] = {}
        oldest = now
        for name, state in states.items():
            for row in await self._db.all(gauges.QUEUE, state=int(state), now=now, most=most):
                jobs[row.kind, name] = row.jobs
                if state is JobState.WAITING:
                    due[(row.kind,)] = row.due
                    oldest = min(oldest, row.oldest or now)
        unsealed = await self._db.one(gauges.UNSEALED)
        waits = unsealed.at if unsealed is not None and unsealed.at is not None else now
        behind = await self._db.all(gauges.BEHIND, most=50)
        return [
            Told(JOBS, jobs),
            Told(DUE, due),
            one(OLDEST, (now - oldest) * MICROS),
            one(SEAL_LAG, max(0, now - waits) * MICROS),
            Told(BEHIND, {(row.name,): max(0, row.rows) for row in behind}),
        ]

    async def _collector(self) -> list[Told]:
        now, most = self._db.now(), gauges.MOST
        uploads = await self._db.one(gauges.UPLOADS, most=most)
        candidates = await self._db.one(gauges.CANDIDATES, now=now, most=most)
        doomed = await self._db.one(gauges.DOOMED, most=most)
        stored = await totals(self._db)
        return [
            one(UPLOADS, uploads.number if uploads is not None else 0),
            one(CANDIDATES, candidates.number if candidates is not None else 0),
            one(DOOMED, doomed.number if doomed is not None else 0),
            Told(STORED, {(what,): number for what, number in stored._asdict().items()}),
        ]

    async def _care(self) -> list[Told]:
        mode = await self._db.one(gauges.READ_ONLY)
        scrub = await self._db.one(gauges.SCRUB, most=gauges.MOST)
        backup = await self._db.one(gauges.BACKUP)
        assert scrub is not None
        return [
            one(READ_ONLY, mode.number if mode is not None else 0),
            one(SCRUB_DONE, scrub.done),
            one(SCRUB_TOTAL, scrub.total),
            one(SCRUB_ENDED, (scrub.ended_at or 0) * MICROS),
            one(DAMAGED, scrub.damaged),
            one(BACKUP, ((backup.at if backup is not None else None) or 0) * MICROS),
        ]

    async def _used(self) -> list[Told]:
        rows = await self._db.all(gauges.USED, most=gauges.TOP + 1)
        whole = next((row for row in rows if row.path == "/"), None)
        named: dict[tuple[str, ...], float] = {
            (row.path.removesuffix("/"),): row.bytes for row in rows if row.path != "/"
        }
        logical = whole.bytes if whole is not None else 0
        named[OTHER,] = named.get((OTHER,), 0) + max(0.0, logical - sum(named.values()))
        return [
            one(LOGICAL, logical),
            one(REPOSITORIES, whole.repositories if whole is not None else 0),
            one(TAGS, whole.tags if whole is not None else 0),
            Told(NAMESPACES, named),
        ]
