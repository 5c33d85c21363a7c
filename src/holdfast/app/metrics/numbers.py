"""`Numbers`: everything that one page tells, and the beat that keeps the gauges of a process fresh."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from pathlib import Path

from holdfast.app.config import Settings
from holdfast.app.metrics.exposition import Page, expose
from holdfast.app.metrics.installation import Installation
from holdfast.app.metrics.machine import Machine, Place
from holdfast.app.metrics.store_standing import StoreStanding
from holdfast.app.metrics.told import merge, one
from holdfast.blobs.port import BlobStore
from holdfast.db.port import Database
from holdfast.telemetry.family import MICROS, Family, Kind
from holdfast.telemetry.meters import Meters
from holdfast.telemetry.pages import Book

BEAT = 1.0
_LONGEST_OF = 10
LAG = Family(
    "holdfast_event_loop_lag_seconds",
    "The longest of ten seconds that a process was late for what it had to do, over all processes.",
    Kind.PEAK,
    (),
    MICROS,
)
REFUSED = Family(
    "holdfast_metrics_refused",
    "How often a number found no room: it is not told. Always 0 unless the program has a mistake.",
    Kind.COUNTER,
)


class Numbers:
    """What `/metrics` tells. One a process that answers it."""

    def __init__(self, book: Book, db: Database, blobs: BlobStore, settings: Settings) -> None:
        self._book = book
        self._installation = Installation(db, time.monotonic)
        self._store = StoreStanding(blobs, time.monotonic)
        self._machine = Machine(_place(settings))

    async def page(self, accept: str) -> Page:
        """The page of this moment."""
        installation, store = await asyncio.gather(self._installation.read(), self._store.read())
        readings = self._book.readings()
        processes = [(each.name, each.owner) for each in readings if each.owner]
        refused = one(REFUSED, sum(each.refused for each in readings))
        return expose([*merge(readings), *self._machine.read(processes), *installation, *store, refused], accept)


async def beat(meters: Meters) -> None:
    """Keep the gauges of this process fresh, and know how late it is. Never returns."""
    lag = meters.tally(LAG)
    late: deque[float] = deque(maxlen=_LONGEST_OF)
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        await asyncio.sleep(BEAT)
        late.append(loop.time() - began - BEAT)
        lag.set(max(0, int(max(late) * 1e6)))
        meters.look()


def _place(settings: Settings) -> Place:
    embedded = settings.database.url is None
    return Place(
        settings.data if settings.needs_directory else None,
        Path(settings.data, "holdfast.db") if embedded else None,
        settings.storage.reserve,
        settings.tls_cert,
        ("sqlite" if embedded else "postgresql", "files" if settings.storage.url is None else "bucket"),
    )
