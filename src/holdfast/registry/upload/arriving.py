"""Bodies that have been coming for a while, so that people can see what arrives and what is stuck.

Promises: what comes quickly costs nothing; of the rest there is a row that is brought up to date every few seconds as
long as bytes come, and is gone when the body has ended, whichever way. An upload never fails because of it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from holdfast.access.model import PushPermit
from holdfast.db.errors import DatabaseError
from holdfast.db.port import Database, Unit
from holdfast.registry.upload import looking_store as store
from holdfast.registry.upload.intake import Body
from holdfast.registry.upload.session import staged_name

EVERY = 2.0
"""Seconds of a body before it is noted, and between two notes."""


class Arrivals:
    """Notes what comes to one process."""

    def __init__(self, db: Database, every: float = EVERY) -> None:
        self._db = db
        self._every = every

    @asynccontextmanager
    async def of(
        self, permit: PushPermit, name: str | None, began: int, length: int | None
    ) -> AsyncIterator[Callable[[Body], Body]]:
        """What a body is led through while it comes. `name`: the session, None: none; `began`: bytes that it holds
        already; `length`: of the body, None: not known."""
        id = name or staged_name(os.urandom(16), self._db.now())
        at = {"id": id, "made_at": self._db.now(), "began": began, "length": length}
        noted = False

        async def led(body: Body) -> Body:
            nonlocal noted
            received, last = 0, asyncio.get_running_loop().time()
            async for piece in body:
                received += len(piece)
                yield piece
                now = asyncio.get_running_loop().time()
                if now - last >= self._every:
                    last, noted = now, True
                    await self._note(permit, received, at)

        try:
            yield led
        finally:
            if noted:
                with suppress(DatabaseError):
                    await self._db.write(lambda unit: unit.run(store.DROP_ARRIVING, id=id))

    async def _note(self, permit: PushPermit, received: int, at: dict[str, object]) -> None:
        async def note(unit: Unit) -> None:
            await unit.run(
                store.PUT_ARRIVING,
                repository=permit.repository,
                opener=permit.subject.id,
                agent=permit.origin.agent,
                received=received,
                **at,
            )

        with suppress(DatabaseError):
            await self._db.write(note)
