"""What every process that works with stored content does now and then beside its work."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from holdfast.blobs.errors import BlobError
from holdfast.db.errors import DatabaseError
from holdfast.registry.objects import Objects
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


async def renew_keys(objects: Objects, events: Events) -> None:
    """Learn of new content keys before one is met, so that what is stored is wrapped by the newest. Never returns."""
    while True:
        await asyncio.sleep(KEYS_EVERY)
        try:
            await objects.renew_keys()
        except (DatabaseError, BlobError) as error:
            events.warning("content keys could not be read, tried again soon", exc_info=error)
