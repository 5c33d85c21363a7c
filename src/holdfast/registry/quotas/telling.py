"""Telling that a quota was exceeded: what is refused leaves no row of its own, for its unit is undone.

Promises: a refusal waits for nothing; each process tells of a quota at most once in `PAUSE`, whoever runs into it; what
cannot be written is not told.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from holdfast.db.errors import DatabaseError
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note
from holdfast.registry.errors import QuotaExceeded

PAUSE = 60_000_000
"""Microseconds."""
_MOST = 1000
_TOLD = ("path", "quota", "limit", "used", "more")


class Exceeding:
    """The quotas that were exceeded lately. One object a process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._told: dict[tuple[object, object], int] = {}
        self._writing: set[asyncio.Task[None]] = set()

    def tell(self, error: QuotaExceeded, actor: str, origin: Origin) -> None:
        """A request of `actor` was refused with `error`."""
        key = (error.detail.get("path"), error.detail.get("quota"))
        now = self._db.now()
        if now - self._told.get(key, -PAUSE) < PAUSE or len(self._writing) >= _MOST:
            return
        if len(self._told) >= _MOST:
            self._told.clear()
        self._told[key] = now
        writing = asyncio.ensure_future(self._write(error, actor, origin))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)

    async def close(self) -> None:
        """Finish what is being written."""
        await asyncio.gather(*self._writing)

    async def _write(self, error: QuotaExceeded, actor: str, origin: Origin) -> None:
        data = {name: error.detail[name] for name in _TOLD if name in error.detail}

        async def say(unit: Unit) -> None:
            path = str(error.detail.get("path", ""))
            await note(unit, ChangeKind.QUOTA_EXCEEDED, actor=actor, origin=origin, data=data, path=path)

        with suppress(DatabaseError):
            await self._db.write(say)
