"""What every process that works with stored content does now and then beside its work."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from holdfast.blobs.errors import BlobError
from holdfast.db.errors import DatabaseError, ReadOnly, Unavailable
from holdfast.db.port import Database
from holdfast.registry.ledger import totals
from holdfast.registry.objects import Objects
from holdfast.registry.quotas import folding
from holdfast.telemetry.events import Events

KEYS_EVERY = 60.0
"""Seconds between two looks for content keys that another node has made (blobs/envelope.py: TRUSTED)."""


_PATIENCE = 10.0
"""Seconds that what is done beside the work has for its last words, when a process ends."""


async def end_upkeep(tasks: Sequence[asyncio.Task[None]], events: Events, patience: float = _PATIENCE) -> None:
    """End what is done beside the work. One that does not end in time keeps nobody from stopping."""
    for task in tasks:
        task.cancel()
    if not tasks:
        return
    _, left = await asyncio.wait(tasks, timeout=patience)
    for task in left:
        events.warning("upkeep did not end in time", task=repr(task.get_coro()))


FOLD_EVERY = 1.0
"""Seconds between two folds of what was counted."""


async def fold_counts(db: Database, events: Events) -> None:
    """Fold what was counted into its sums; reading adds what waits, so this only keeps it short. Never returns."""
    while True:
        await asyncio.sleep(FOLD_EVERY)
        try:
            await totals.fold(db)
            await folding.fold(db)
        except DatabaseError as error:
            if not isinstance(error, ReadOnly | Unavailable):
                events.warning("counts could not be folded, tried again soon", exc_info=error)


async def renew_keys(objects: Objects, events: Events) -> None:
    """Learn of new content keys before one is met, so that what is stored is wrapped by the newest. Never returns."""
    while True:
        await asyncio.sleep(KEYS_EVERY)
        try:
            await objects.renew_keys()
        except (DatabaseError, BlobError) as error:
            events.warning("content keys could not be read, tried again soon", exc_info=error)
