"""Who serves and works on this installation, and the switch that makes all of them refuse writes."""

from __future__ import annotations

import asyncio
import getpass
import socket
from typing import NamedTuple

from holdfast.app.config import Settings
from holdfast.app.engines import database
from holdfast.db.mode import Mode, read_mode, switch
from holdfast.db.nodes import Node, nodes

_LONGEST_REASON = 500


class Standing(NamedTuple):
    """Every node seen within a day, the database's clock (microseconds) and the mode."""

    nodes: list[Node]
    now: int
    mode: Mode


def standing(settings: Settings) -> Standing:
    """Look at the installation. Raises `DatabaseError`."""

    async def look() -> Standing:
        async with database(settings) as db:
            return Standing(await nodes(db), db.now(), await read_mode(db))

    return asyncio.run(look())


def set_mode(settings: Settings, reason: str | None) -> Mode:
    """Make the installation read-only because of `reason`, or writable (None).

    When it returns, no write that began before is still under way. Raises ValueError, `DatabaseError`.
    """
    if reason is not None and not (reason.isprintable() and 0 < len(reason.strip()) <= _LONGEST_REASON):
        raise ValueError(f"a reason is one line of 1 to {_LONGEST_REASON} characters: clients are shown it")

    async def change() -> Mode:
        async with database(settings) as db:
            return await switch(db, reason, _actor())

    return asyncio.run(change())


def _actor() -> str:
    """Who does this, on which host: for whoever finds the registry read-only."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return f"{name}@{socket.gethostname()}"
