"""What a form holds that changes something, and that counts once: whoever presses twice did it once."""

from __future__ import annotations

import hashlib

from holdfast.access.signin.once_store import FORGET, TAKE
from holdfast.db.port import Database, Unit

KEPT = 86400 * 1_000_000
"""Microseconds after which a value is forgotten; no page is that old whose form is still taken."""
_BATCH = 1000


class Once:
    """Remembers, for a day and for all nodes, which values were taken."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def take(self, token: str) -> bool:
        """Whether nobody took `token` before; from now on somebody did. Raises `holdfast.db.errors`."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()

        async def take(unit: Unit) -> bool:
            return await unit.run(TAKE, hash=digest) > 0

        return await self._db.write(take)

    async def forget(self) -> int:
        """Forget what was taken more than a day ago; returns how many values that were."""

        async def forget(unit: Unit) -> int:
            return await unit.run(FORGET, before=unit.now - KEPT, limit=_BATCH)

        total = 0
        while gone := await self._db.write(forget):
            total += gone
        return total
