"""The pace of the collector and the sweep: as fast as they can while nobody else writes, and in a small share of the
time while others do.

Where one writes at a time the database says whether others did. Where units run beside each other it is the time that a
unit waits before its work and for its commit: several times the usual is a sign of load.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from holdfast.db.port import Database, Unit

T = TypeVar("T")
_SHARE = 9
_SHARE_COMMIT = 8
_SHARE_FILES = 4
_LONGEST = 2.0
_MUCH = 4
_USUAL = 0.02


class Pace:
    """Runs units one after the other. `sleep` takes seconds."""

    def __init__(self, db: Database, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._db = db
        self._sleep = sleep
        self._others = db.others()
        self._usual = _USUAL
        self._busy = False

    async def write(self, work: Callable[[Unit], Awaitable[T]]) -> T:
        """Run a unit, and rest after it as long as others need: it held them up while it ran and was committed."""
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
        self._look(waited)
        await self._rest(_SHARE * inside + _SHARE_COMMIT * waited)
        return result

    async def rest(self, seconds: float) -> None:
        """Rest after work beside the database that took so long."""
        await self._rest(_SHARE_FILES * seconds)

    async def _rest(self, seconds: float) -> None:
        await self._sleep(min(_LONGEST, seconds) if self._busy else 0)

    def _look(self, waited: float) -> None:
        others = self._db.others()
        if others is not None:
            self._busy, self._others = others != self._others, others
            return
        self._busy = waited > _MUCH * self._usual
        self._usual = max(0.002, 0.9 * self._usual + 0.1 * min(waited, 2 * self._usual))
