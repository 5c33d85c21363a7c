"""Whether the blob store is there: its marker is read, at most every quarter of a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from holdfast.app.metrics.told import Told, one
from holdfast.blobs.errors import BlobError
from holdfast.blobs.port import BlobStore
from holdfast.telemetry.family import Family, Kind

EVERY = 15.0
"""Seconds that an answer is told again without asking; one that says no only a third of them."""
PATIENCE = 3.0
_MARKER = "store"
UP = Family(
    "holdfast_store_up", "1 while the blob store (files or bucket) answers and is the right one, else 0.", Kind.GAUGE
)


class StoreStanding:
    """What the store says, for one process. `clock`: seconds that only grow."""

    def __init__(self, blobs: BlobStore, clock: Callable[[], float]) -> None:
        self._blobs = blobs
        self._clock = clock
        self._asking = asyncio.Lock()
        self._up = False
        self._at = float("-inf")

    async def read(self) -> list[Told]:
        """Whether it is there."""
        async with self._asking:
            if self._clock() - self._at >= (EVERY if self._up else EVERY / 3):
                self._up = await self._answers()
                self._at = self._clock()
            return [one(UP, int(self._up))]

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._blobs.mark(_MARKER) is not None
        except (BlobError, TimeoutError):
            return False
