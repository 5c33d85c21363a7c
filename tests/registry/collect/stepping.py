"""A database that stands still before a chosen call, while something else happens.

Promises: calls are counted only while armed; the chosen one is reached once. On PostgreSQL the statements inside units
count as well, for others may come between them (there the unit waits for a lock that is held meanwhile, for a unit may
await nothing else); on SQLite a unit is one step.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg
from tests.db.engines import LOCKED

from holdfast.db.port import Unit
from holdfast.db.postgres import PostgresDatabase

T = TypeVar("T")
Meanwhile = Callable[[], Coroutine[Any, Any, None]]
_PATIENCE = 0.05
"""Seconds in which what happens meanwhile comes to its end, unless it waits for the one who stands still."""
_KEY = 7


class _Stepped:
    """A unit whose statements are steps."""

    def __init__(self, unit: Unit, step: Callable[[Unit], Awaitable[None]]) -> None:
        self._unit = unit
        self._step = step

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._unit, name)
        if name not in ("one", "all", "run"):
            return found

        async def call(*args: Any, **more: Any) -> Any:
            await self._step(self._unit)
            return await found(*args, **more)

        return call


class Stepping:
    """`db`, which does something before its call number `at`. Made by `stepping`."""

    def __init__(self, db: Any, gate: asyncpg.Connection | None) -> None:
        self._db = db
        self._gate = gate
        self._left = -1
        self._there = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None
        self._done: asyncio.Task[None] | None = None

    async def arm(self, at: int, meanwhile: Meanwhile) -> None:
        """Do `meanwhile` before the `at`-th call from now on, counted from 0."""
        if self._gate is not None:
            await self._gate.execute(f"select pg_advisory_lock({_KEY})")
        self._left, self._done = at, None
        self._there.clear()
        self._watch = asyncio.create_task(self._wait(meanwhile))

    async def reached(self) -> bool:
        """Whether it was done; it has come to its end."""
        if self._done is None:
            return False
        await self._done
        return True

    async def disarm(self) -> None:
        """Count no more."""
        self._left = -1
        if self._watch is not None and not self._there.is_set():
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            await self._open()

    async def _wait(self, meanwhile: Meanwhile) -> None:
        await self._there.wait()
        self._done = asyncio.create_task(meanwhile())
        await asyncio.wait([self._done], timeout=_PATIENCE)
        await self._open()

    async def _open(self) -> None:
        if self._gate is not None:
            await self._gate.execute(f"select pg_advisory_unlock({_KEY})")

    def _counted(self) -> bool:
        self._left -= 1
        return self._left == -1

    async def _step(self) -> None:
        if self._counted():
            self._there.set()
            assert self._watch is not None
            await self._watch

    async def _step_inside(self, unit: Unit) -> None:
        if self._counted():
            self._there.set()
            await unit.one(LOCKED, key=_KEY)

    async def one(self, *args: Any, **more: Any) -> Any:
        """See the port."""
        await self._step()
        return await self._db.one(*args, **more)

    async def all(self, *args: Any, **more: Any) -> Any:
        """See the port."""
        await self._step()
        return await self._db.all(*args, **more)

    async def write(self, work: Callable[[Any], Awaitable[T]], *, always: bool = False) -> T:
        """See the port."""
        await self._step()

        async def stepped(unit: Unit) -> T:
            result = await work(_Stepped(unit, self._step_inside))
            await self._step_inside(unit)  # before the commit
            return result

        result: T = await self._db.write(stepped if self._gate is not None else work, always=always)
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


@asynccontextmanager
async def stepping(db: Any, target: str) -> AsyncIterator[Stepping]:
    """`db`, which is at `target`, step by step."""
    gate = await asyncpg.connect(target) if isinstance(db, PostgresDatabase) else None
    try:
        yield Stepping(db, gate)
    finally:
        if gate is not None:
            gate.terminate()
