"""The read-only mode of an installation: one row, read inside every unit of every process.

Promises: when `switch` to read-only returns, every unit that began before has ended and no later one writes, on any
node; what runs all the same are units that say `always`.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.port import Database, Reader, Unit
from holdfast.db.query import Command, Query

PATIENCE = 60.0


class Mode(NamedTuple):
    """Whether the installation is read-only, why, by whom, and since when (microseconds; 0: it never was switched)."""

    read_only: bool
    reason: str | None
    actor: str | None
    since: int


MODE = Query("select read_only, reason, actor, since from mode where id = 1", Mode)
SWITCH = Command("update mode set read_only = :read_only, reason = :reason, actor = :actor, since = :now where id = 1")


async def read_mode(reader: Reader) -> Mode:
    """The mode now."""
    return await reader.one(MODE) or Mode(False, None, None, 0)


async def write_mode(unit: Unit, reason: str | None, actor: str) -> None:
    """Set the mode inside a unit that says `always`: read-only because of `reason`, or writable where it is None.

    A caller that switches to read-only awaits `db.outlast` afterwards.
    """
    await unit.run(SWITCH, read_only=0 if reason is None else 1, reason=reason, actor=actor)


async def switch(db: Database, reason: str | None, actor: str, patience: float = PATIENCE) -> Mode:
    """Make the installation read-only because of `reason`, or writable again (None); returns the new mode."""

    async def work(unit: Unit) -> Mode:
        await write_mode(unit, reason, actor)
        return await read_mode(unit)

    mode = await db.write(work, always=True)
    if mode.read_only:
        await db.outlast(patience)
    return mode
