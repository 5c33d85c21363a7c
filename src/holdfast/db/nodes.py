"""The processes that use a database: each leaves a sign of life every few seconds, by the database's clock.

Promises: a node that stopped in order is gone from the list at once, one that was killed shows as not alive within
`ALIVE` and is forgotten after a day; the list decides nothing but what `holdfast migrate up --contract` may take away.
"""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from contextlib import suppress
from typing import NamedTuple

from holdfast.db.errors import DatabaseError
from holdfast.db.port import Database, Reader, Unit
from holdfast.db.query import Command, Query
from holdfast.db.steps import ALIVE_SECONDS, newest_known

BEAT = 5.0
"""Seconds between two signs of life."""
ALIVE = ALIVE_SECONDS * 1_000_000
FORGET = 24 * 3600 * 1_000_000
_LONGEST_TEXT = 255


class Node(NamedTuple):
    """A process tree. `kind`: serve or worker; `schema`: the newest migration that its program knows."""

    id: str
    host: str
    pid: int
    kind: str
    version: str
    schema: int
    started: int
    seen: int

    def alive(self, now: int) -> bool:
        """Whether it gave a sign of life lately; `now`: the database's clock."""
        return now - self.seen < ALIVE


NODES = Query("select id, host, pid, kind, version, schema, started, seen from node order by started, id", Node)
SIGN = Command(
    """
    insert into node (id, host, pid, kind, version, schema, started, seen)
    values (:id, :host, :pid, :kind, :version, :schema, :now, :now)
    on conflict (id) do update set seen = excluded.seen
    """
)
LEAVE = Command("delete from node where id = :id")
DROP_OLD = Command("delete from node where seen < :before")


async def nodes(reader: Reader) -> list[Node]:
    """Every node that was seen within a day, the longest-serving first."""
    return await reader.all(NODES)


class Tree(NamedTuple):
    """A process tree as its processes sign for it: an id that no other has, and the process that started the others."""

    id: str
    pid: int


def this_tree() -> Tree:
    """The tree that begins with this process."""
    return Tree(uuid.uuid4().hex, os.getpid())


class Pulse:
    """The signs of life of a process tree. `kind`: serve or worker; `version`: the program's."""

    def __init__(self, db: Database, kind: str, version: str, tree: Tree | None = None) -> None:
        self.id, pid = tree or this_tree()
        self._db = db
        self._me: dict[str, object] = {
            "id": self.id,
            "host": socket.gethostname()[:_LONGEST_TEXT],
            "pid": pid,
            "kind": kind,
            "version": version,
            "schema": newest_known(),
        }

    async def beat(self) -> None:
        """One sign of life; forgets who was not seen for a day. Raises `DatabaseError`."""
        await self._db.write(self._sign, always=True)

    async def run(self) -> None:
        """Beat until cancelled, also through an outage; then leave the list."""
        try:
            while True:
                with suppress(DatabaseError):
                    await self.beat()
                await asyncio.sleep(BEAT)
        finally:
            with suppress(DatabaseError):
                await self.leave()

    async def leave(self) -> None:
        """Take this process tree off the list. Raises `DatabaseError`."""
        await self._db.write(self._strike, always=True)

    async def _sign(self, unit: Unit) -> None:
        await unit.run(SIGN, **self._me)
        await unit.run(DROP_OLD, before=unit.now - FORGET)

    async def _strike(self, unit: Unit) -> None:
        await unit.run(LEAVE, id=self.id)
