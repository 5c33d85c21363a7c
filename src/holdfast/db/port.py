"""The port of a database engine: one-statement reads, short write units, nothing open while bytes stream.

Life-cycle. `open()` lays or checks the schema's version and starts what the engine needs; `close()` ends it.
A read outside a unit is one statement in one snapshot and sees every write that was acknowledged before it began,
by whichever process. A *unit* is a coroutine function over a `Unit`: everything in it is one transaction; it awaits
nothing but the unit's own methods, may be run again by the engine only if nothing of it was committed (so it changes
nothing but the database), and is durable when `write` returns. An exception inside a unit leaves nothing of it, and
nothing of its neighbours is lost.

While the installation is read-only every unit is refused with `ReadOnly`, whoever runs it and on whichever node, for
the switch is a row that is read inside the unit; only units that say `always` run (the switch itself, signs of life,
leases of jobs).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from holdfast.db.query import Command, Query

Row = TypeVar("Row")
T = TypeVar("T")


class Reader(Protocol):
    """Statements that only read."""

    async def one(self, query: Query[Row], **parameters: Any) -> Row | None:
        """The first row of `query`, or None."""

    async def all(self, query: Query[Row], **parameters: Any) -> list[Row]:
        """Every row of `query`."""


class Unit(Reader, Protocol):
    """One write transaction. `now` is the engine's clock when the unit began, in microseconds."""

    now: int

    async def run(self, command: Command, **parameters: Any) -> int:
        """Execute `command` and return the number of rows it changed."""

    async def notify(self, channel: str) -> None:
        """Wake whoever waits for `channel`, on every node where the engine can, once the unit is committed."""


class Database(Reader, Protocol):
    """One database, from one process. Raises only `holdfast.db.errors`."""

    async def write(self, work: Callable[[Unit], Awaitable[T]], *, always: bool = False) -> T:
        """Run `work` in one durable transaction and return what it returns. `always`: also while read-only."""

    async def snapshot(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        """Run several reads in one snapshot."""

    def now(self) -> int:
        """The engine's clock, in microseconds since the epoch."""

    async def wait(self, channel: str, seconds: float) -> None:
        """Return when `channel` (a lower-case word) was notified since the last wait for it, or after `seconds`.

        Only a hint: a notification may be lost or come late, and another process of an embedded database gives none.
        """

    async def outlast(self, patience: float) -> None:
        """Return when every unit that began before this call has ended, by whichever process it is run.

        Raises `Unavailable` when some did not within `patience` seconds.
        """

    def others(self) -> int | None:
        """A number that grows as units of others are written beside those of this caller, seen when a unit begins; None
        where that cannot be told, and where it need not be, for nobody waits for another's unit."""

    async def shrink(self, pages: int) -> int:
        """Give at most so many pages that deleted rows left back to the file system; how many more there are. When
        there are none, the write-ahead log is emptied, too, unless a reader is in the way. Nothing, where the engine
        sees to that itself."""

    async def close(self) -> None:
        """Finish the units under way and release everything."""
