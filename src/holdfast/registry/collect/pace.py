"""The pace of the collector: as fast as it can while nobody else writes, and in a small share of the time while others
do. Others are noticed by the time that a unit waits before its work and for its commit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from holdfast.db.port import Database, Unit

T = TypeVar("T")
_SHARE = 8
_WAIT = 0.004
_LONGEST = 0.5


class Pace:
    """Runs units one after the other. `sleep` takes seconds."""

    def __init__(self, db: Database, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._db = db
        self._sleep = sleep
        self._usual = _WAIT
        self._busy = False

    async def write(self, work: Callable[[Unit], Awaitable[T]]) -> T:
        """Run a unit, and rest after it as long as others need."""
        inside = 0.0

        async def timed(unit: Unit) -> T:
            nonlocal inside
            began = time.monotonic()
            result = await work(unit)
            inside = time.monotonic() - began
            return result

        began = time.monotonic()
        result = await self._db.write(timed)
        waited = time.monotonic() - began - inside
        self._busy = busy = waited > 2 * self._usual
        self._usual = min(self._usual * 1.05, max(waited, 0.0005)) if not busy else self._usual * 1.01
        await self._sleep(min(_LONGEST, _SHARE * inside) if busy else 0)
        return result

    async def rest(self) -> None:
        """Rest after what was not run here."""
        await self._sleep(_WAIT * _SHARE if self._busy else 0)
