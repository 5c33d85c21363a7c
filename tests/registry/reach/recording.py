"""A database that notes which statements are asked of it, beside the real one that answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from holdfast.db.port import Database, Reader, Unit
from holdfast.db.query import Command, Query

Row = TypeVar("Row")
T = TypeVar("T")


class RecordedReader:
    """A reader whose statements are noted."""

    def __init__(self, reader: Reader, texts: list[str]) -> None:
        self._reader = reader
        self.texts = texts

    async def one(self, query: Query[Row], **parameters: Any) -> Row | None:
        self.texts.append(query.text)
        return await self._reader.one(query, **parameters)

    async def all(self, query: Query[Row], **parameters: Any) -> list[Row]:
        self.texts.append(query.text)
        return await self._reader.all(query, **parameters)


class RecordedUnit(RecordedReader):
    """A unit whose statements are noted."""

    def __init__(self, unit: Unit, texts: list[str]) -> None:
        super().__init__(unit, texts)
        self._unit = unit
        self.now = unit.now

    async def run(self, command: Command, **parameters: Any) -> int:
        self.texts.append(command.text)
        return await self._unit.run(command, **parameters)

    async def notify(self, channel: str) -> None:
        await self._unit.notify(channel)


class Recorded(RecordedReader):
    """`Database` whose statements are noted in `texts`."""

    def __init__(self, db: Database) -> None:
        super().__init__(db, [])
        self._db = db

    async def write(self, work: Callable[[Unit], Awaitable[T]], *, always: bool = False) -> T:
        return await self._db.write(lambda unit: work(RecordedUnit(unit, self.texts)), always=always)

    async def snapshot(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        return await self._db.snapshot(lambda reader: work(RecordedReader(reader, self.texts)))

    def now(self) -> int:
        return self._db.now()

    async def wait(self, channel: str, seconds: float) -> None:
        await self._db.wait(channel, seconds)

    async def outlast(self, patience: float) -> None:
        await self._db.outlast(patience)

    def others(self) -> int | None:
        return self._db.others()

    async def shrink(self, pages: int) -> int:
        return await self._db.shrink(pages)

    async def close(self) -> None:
        await self._db.close()

    def take(self) -> list[str]:
        """What was noted since the last time."""
        found = list(self.texts)
        self.texts.clear()
        return found
