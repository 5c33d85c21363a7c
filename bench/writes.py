"""Durable transactions per second of holdfast's database alone, with and without group commit.

Without HTTP and without the work of a push, what is left is the disk: n writers at once either share its commits, or
take turns so that each transaction has one of its own.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from statistics import median
from typing import NamedTuple

from holdfast.db.migrate import migrate
from holdfast.db.port import Database, Unit
from holdfast.db.query import Command
from holdfast.db.sqlite import SqliteDatabase

_ROW = Command("insert into usage_delta (path, bytes, repositories, tags) values (:path, :bytes, :repositories, :tags)")


class Writes(NamedTuple):
    """Transactions per second of `writers` at once."""

    writers: int
    together: float
    one_by_one: float


def measure(directory: Path, writers: Sequence[int], seconds: float, rounds: int) -> list[Writes]:
    """Medians for each number of writers, both ways in turns, on a database of its own under `directory`."""
    file = directory / "writes.db"
    migrate(str(file))
    return asyncio.run(_measure(str(file), writers, seconds, rounds))


async def _measure(file: str, writers: Sequence[int], seconds: float, rounds: int) -> list[Writes]:
    database = SqliteDatabase(file)
    found = []
    try:
        for count in writers:
            together, one_by_one = [], []
            for _ in range(rounds):
                together.append(await _rate(database, count, seconds, nullcontext()))
                one_by_one.append(await _rate(database, count, seconds, asyncio.Lock()))
            found.append(Writes(count, median(together), median(one_by_one)))
    finally:
        await database.close()
    return found


async def _rate(database: Database, writers: int, seconds: float, turn: AbstractAsyncContextManager[None]) -> float:
    began = time.perf_counter()

    async def write(number: int) -> int:
        async def unit(unit: Unit) -> int:
            return await unit.run(_ROW, path=f"writer-{number}", bytes=1, repositories=0, tags=0)

        count = 0
        while time.perf_counter() < began + seconds:
            async with turn:
                await database.write(unit)
            count += 1
        return count

    done = await asyncio.gather(*(write(number) for number in range(writers)))
    return sum(done) / (time.perf_counter() - began)
