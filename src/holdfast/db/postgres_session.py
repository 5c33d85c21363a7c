"""The statements of one transaction over one connection to PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from holdfast.db.bells import check_channel
from holdfast.db.dialect import Numbered
from holdfast.db.errors import StatementFailed
from holdfast.db.postgres_errors import DRIVER, translate
from holdfast.db.postgres_link import Link
from holdfast.db.query import Command, Query

Row = TypeVar("Row")
T = TypeVar("T")
Prepare = Callable[[Query[Any] | Command], Numbered]


class Session:
    """The statements of one transaction over one connection."""

    __slots__ = ("_prepare", "busy", "link", "notified", "now")

    def __init__(self, prepare: Prepare, link: Link, now: int) -> None:
        self._prepare = prepare
        self.link = link
        self.now = now
        self.busy = False
        self.notified: list[str] = []

    async def one(self, query: Query[Row], **parameters: Any) -> Row | None:
        """The first row."""
        prepared = self._prepare(query)
        rows = await self._execute(self.link.fetch, prepared, parameters)
        return prepared.make(rows[0]) if rows and prepared.make else None

    async def all(self, query: Query[Row], **parameters: Any) -> list[Row]:
        """Every row."""
        prepared = self._prepare(query)
        rows = await self._execute(self.link.fetch, prepared, parameters)
        return list(map(prepared.make, rows)) if prepared.make else []

    async def run(self, command: Command, **parameters: Any) -> int:
        """Execute and count the changed rows."""
        return await self._execute(self.link.run, self._prepare(command), parameters)

    async def notify(self, channel: str) -> None:
        """Wake who waits for `channel`, once this is committed."""
        self.notified.append(check_channel(channel))

    async def _execute(self, execute: Callable[..., Awaitable[T]], prepared: Numbered, parameters: dict[str, Any]) -> T:
        values = bind(prepared, parameters, self._moment)
        self.busy = True
        self.link.since = time.monotonic()
        try:
            return await execute(prepared.text, *values)
        except DRIVER as error:
            raise translate(error) from error
        finally:
            self.busy = False
            self.link.since = 0.0

    def _moment(self) -> int:
        return self.now


def bind(prepared: Numbered, parameters: dict[str, Any], clock: Callable[[], int]) -> list[Any]:
    """The values of a statement. Raises `StatementFailed` when one is missing."""
    try:
        return prepared.values(parameters, clock)
    except KeyError as error:
        raise StatementFailed("a statement of the registry lacks a parameter") from error
