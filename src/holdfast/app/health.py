"""`Health`: how the parts of the installation stand now, for who operates it: what the doctor and the metrics look at,
as far as a running server can look without getting in anybody's way.

Promises: nothing is written; whatever does not answer in time is told as that; it costs a few statements.
"""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from holdfast.app.config import Settings
from holdfast.app.doctor_check import Check, Verdict
from holdfast.app.doctor_disk import check_space
from holdfast.app.quantities import read_size
from holdfast.blobs.errors import BlobError
from holdfast.blobs.port import BlobStore
from holdfast.console.health import Found, State
from holdfast.db import gauges
from holdfast.db.errors import DatabaseError
from holdfast.db.mode import read_mode
from holdfast.db.nodes import nodes
from holdfast.db.port import Database
from holdfast.jobs.model import JobState

PATIENCE = 3.0
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_SLOW = 0.25
_LATE = 300 * _SECOND
_OLD_BACKUP = 7 * _DAY
_OLD_ROUND = 60 * _DAY
_SKEW = 5 * _SECOND
_SOON = 30 * _DAY
_STATES = {
    Verdict.OK: State.OK,
    Verdict.WARNING: State.WARNING,
    Verdict.FAILED: State.FAILED,
    Verdict.SKIPPED: State.UNKNOWN,
}


class Health:
    """How one installation stands, seen from one process."""

    def __init__(self, db: Database, blobs: BlobStore, settings: Settings) -> None:
        self._db = db
        self._blobs = blobs
        self._settings = settings

    async def look(self) -> list[Found]:
        """Everything, in the order in which one would repair it."""
        looks: tuple[tuple[str, Callable[[], Awaitable[Found]]], ...] = (
            ("Disk", self._disk),
            ("Database", self._database),
            ("Store", self._store),
            ("Writing", self._writing),
            ("Queue", self._queue),
            ("Workers", self._workers),
            ("Clock", self._clock),
            ("Certificate", self._certificate),
            ("Backup", self._backup),
            ("Verify", self._verify),
        )
        return list(await asyncio.gather(*(_within(name, look) for name, look in looks)))

    async def ends(self) -> int | None:
        """When the certificate of the listener ends (microseconds); None: there is none, or it cannot be read."""
        path = self._settings.tls_cert
        return await asyncio.to_thread(_ends, path) if path is not None else None

    def _here(self, verb: str) -> str:
        """A command for the host of the registry; an address of a database is none that a page shows."""
        where = f" --data {shlex.quote(str(self._settings.data))}" if self._settings.database.url is None else ""
        return f"holdfast {verb}{where}"

    async def _disk(self) -> Found:
        settings = self._settings
        if not settings.needs_directory:
            return Found("Disk", State.OK, "nothing is kept on this host", "", "")
        check: Check = await asyncio.to_thread(check_space, settings.data, settings.storage.reserve)
        limit = f"more than {read_size(settings.storage.reserve)} free"
        return Found("Disk", _STATES[check.verdict], check.seen, limit, self._here("collect"), check.advice)

    async def _database(self) -> Found:
        began = time.perf_counter()
        await self._db.one(gauges.READ_ONLY)
        seconds = time.perf_counter() - began
        kind = "SQLite" if self._settings.database.url is None else "PostgreSQL"
        seen = f"{kind}, answers in {seconds * 1000:.1f} ms"
        state = State.OK if seconds < _SLOW else State.WARNING
        return Found("Database", state, seen, f"under {_SLOW * 1000:.0f} ms", self._here("doctor"))

    async def _store(self) -> Found:
        kind = "files" if self._settings.storage.url is None else "bucket"
        began = time.perf_counter()
        try:
            there = await self._blobs.mark("store") is not None
        except BlobError as error:
            return Found("Store", State.FAILED, f"{kind}: {error}", "answers", self._here("doctor"))
        seen = f"{kind}, answers in {(time.perf_counter() - began) * 1000:.1f} ms" if there else f"{kind}: not ours"
        return Found("Store", State.OK if there else State.FAILED, seen, "answers", self._here("doctor"))

    async def _writing(self) -> Found:
        mode = await read_mode(self._db)
        if not mode.read_only:
            return Found("Writing", State.OK, "on", "on", self._here("read-only off"))
        seen = f"read-only: {mode.reason or 'no reason given'} ({mode.actor or 'unknown'})"
        return Found("Writing", State.WARNING, seen, "on", self._here("read-only off"))

    async def _queue(self) -> Found:
        now, waits, oldest = self._db.now(), 0, self._db.now()
        for row in await self._db.all(gauges.QUEUE, state=int(JobState.WAITING), now=now, most=gauges.MOST):
            waits += row.due
            oldest = min(oldest, row.oldest or now)
        late = (now - oldest) // _SECOND
        seen = f"{waits} due, the oldest for {late} s" if waits else "nothing waits"
        state = State.OK if now - oldest < _LATE else State.WARNING
        return Found("Queue", state, seen, f"due for under {_LATE // _SECOND // 60} min", self._here("jobs list"))

    async def _workers(self) -> Found:
        now = self._db.now()
        found = list(await nodes(self._db))
        alive = [node for node in found if node.alive(now)]
        versions = sorted({node.version for node in alive})
        seen = f"{len(alive)} of {len(found)} alive, version {', '.join(versions) or 'unknown'}"
        state = State.OK if alive and len(alive) == len(found) and len(versions) == 1 else State.WARNING
        return Found("Workers", state, seen, "all alive, one version", self._here("nodes"))

    async def _clock(self) -> Found:
        ahead = self._db.now() - time.time_ns() // 1000
        state = State.OK if abs(ahead) < _SKEW else State.WARNING
        seen = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, {abs(ahead) / _SECOND:.1f} s from the database's"
        return Found("Clock", state, seen, f"within {_SKEW // _SECOND} s", "timedatectl set-ntp true")

    async def _certificate(self) -> Found:
        if self._settings.tls_cert is None:
            seen = "none: fine on loopback, or behind a proxy that speaks TLS"
            return Found("Certificate", State.UNKNOWN, seen, "", "holdfast tls init HOST")
        ends = await self.ends()
        if ends is None:
            return Found("Certificate", State.FAILED, "cannot be read", "30 days left", "holdfast tls init HOST")
        left = ends - time.time_ns() // 1000
        when = f"{datetime.fromtimestamp(ends // _SECOND, UTC):%Y-%m-%d}"
        seen = f"ends on {when}, in {left // _DAY} days" if left > 0 else f"ended on {when}"
        state = State.FAILED if left <= 0 else State.WARNING if left < _SOON else State.OK
        return Found("Certificate", state, seen, "30 days left", "holdfast tls init HOST")

    async def _backup(self) -> Found:
        row = await self._db.one(gauges.BACKUP)
        at = row.at if row is not None else None
        limit = f"within {_OLD_BACKUP // _DAY} days"
        if not at:
            return Found("Backup", State.WARNING, "never made", limit, self._here("backup DIRECTORY"))
        state = State.OK if self._db.now() - at < _OLD_BACKUP else State.WARNING
        return Found("Backup", state, "made", limit, self._here("backup DIRECTORY"), at=at)

    async def _verify(self) -> Found:
        scrub = await self._db.one(gauges.SCRUB, most=gauges.MOST)
        assert scrub is not None
        limit, fix = "0 damaged", self._here("verify")
        if scrub.damaged:
            return Found("Verify", State.FAILED, f"{scrub.damaged} contents are damaged", limit, fix)
        if not scrub.ended_at:
            share = f"{scrub.done * 100 // scrub.total} % read" if scrub.total else "begins soon"
            return Found("Verify", State.OK, f"nothing damaged; the first round: {share}", limit, fix)
        state = State.OK if self._db.now() - scrub.ended_at < _OLD_ROUND else State.WARNING
        return Found("Verify", state, "nothing damaged; all was read", limit, fix, at=scrub.ended_at)


async def _within(name: str, look: Callable[[], Awaitable[Found]]) -> Found:
    try:
        async with asyncio.timeout(PATIENCE):
            return await look()
    except TimeoutError:
        return Found(name, State.FAILED, f"no answer in {PATIENCE:.0f} s", "", "holdfast doctor")
    except (DatabaseError, OSError) as error:
        return Found(name, State.FAILED, str(error), "", "holdfast doctor")


def _ends(path: Path) -> int | None:
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None
    return int(found.not_valid_after_utc.timestamp()) * _SECOND
