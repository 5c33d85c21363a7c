"""A journal with a sealer, for tests."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

import structlog
from tests.db.engines import Engine, run

from holdfast.access.auditing.keys import AuditKeys
from holdfast.db.port import Database, Unit
from holdfast.db.query import Command
from holdfast.journal.chain import Checkpoint
from holdfast.journal.checking import Finding, check
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.sealing import Sealer
from holdfast.journal.service import note

T = TypeVar("T")
HERE = "installation-1"
WRAPPING = bytes(range(32))


class Journal(NamedTuple):
    """A database, who seals its journal, and the checkpoints that left the database."""

    db: Database
    keys: AuditKeys
    sealer: Sealer
    published: list[Checkpoint]

    async def note(self, *actors: str, kind: ChangeKind = ChangeKind.USER_CREATED, path: str = "") -> None:
        """One row for each actor."""

        async def work(unit: Unit) -> None:
            for actor in actors:
                await note(unit, kind, actor=actor, origin=Origin("r1", "192.0.2.1"), data={"n": 1}, path=path)

        await self.db.write(work)

    async def change(self, statement: str, /, **values: object) -> int:
        """What an attacker does who writes to the database."""
        return await self.db.write(lambda unit: unit.run(Command(statement), **values))

    async def findings(self) -> list[Finding]:
        """Everything that a check finds, part by part."""
        found: list[Finding] = []
        after: int | None = 0
        head = ""
        while after is not None:
            page = await check(self.db, self.keys, HERE, after=after, head=head)
            found += page.findings
            after, head = page.next, page.head
        return found


def journal_of(db: Database, wrapping: bytes = WRAPPING) -> Journal:
    """The journal in `db`."""
    published: list[Checkpoint] = []
    keys = AuditKeys(db, wrapping)

    async def publish(checkpoint: Checkpoint) -> None:
        published.append(checkpoint)

    events: Any = structlog.get_logger()
    return Journal(db, keys, Sealer(db, HERE, keys, publish, events), published)


def with_journal(engine: Engine, scenario: Callable[[Journal], Awaitable[T]], clock: Any = None) -> T:
    """Run `scenario` on a fresh journal."""
    return run(engine, lambda db: scenario(journal_of(db)), clock)


def random_key() -> bytes:
    """A key of somebody else."""
    return os.urandom(32)
