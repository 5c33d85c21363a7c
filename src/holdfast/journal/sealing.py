"""The sealer: gives every row of the journal its place, chains the rows in segments, and signs the head of the chain.

Promises: a row has its place about a second after its transaction ended, and none is passed over: what commits later,
whatever its id, is placed later, so a reader who has seen a place has seen all before it. Whoever holds the one row of
`audit_seal` seals, on whichever node; two never do at once, and the next sees what the one before has committed. Within
a repository the places follow its history, for the lock on a repository orders the ids of its rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from holdfast.db.errors import DatabaseError
from holdfast.db.port import Database, Unit
from holdfast.journal import store
from holdfast.journal.chain import (
    BEGINNING,
    Checkpoint,
    SealedRow,
    Segment,
    checkpoint_text,
    head_hash,
    rows_hash,
)
from holdfast.telemetry.events import Events

EVERY = 0.5
"""Seconds between two looks for rows to seal."""
CHECKPOINT_EVERY = 60_000_000
"""Microseconds from one checkpoint to the next, while there is something new."""
SEGMENT_ROWS = 1000
"""The most rows of a segment."""


class Signature(NamedTuple):
    """What signed, and the signature."""

    kid: str
    value: bytes


class Signer(Protocol):
    """The key that signs checkpoints."""

    async def sign(self, text: str) -> Signature:
        """The signature of `text`."""
        ...


Publish = Callable[[Checkpoint], Awaitable[None]]
"""Takes a new checkpoint to where it is kept outside the database."""


class Sealer:
    """One process's part in sealing. `installation`: whose journal it is, for checkpoints."""

    def __init__(self, db: Database, installation: str, signer: Signer, publish: Publish, events: Events) -> None:
        self._db = db
        self._installation = installation
        self._signer = signer
        self._publish = publish
        self._events = events
        self._failing = False

    async def run(self) -> None:
        """Seal until cancelled; an outage ends nothing."""
        while True:
            try:
                await self.turn()
                self._failing = False
            except DatabaseError:
                pass  # it is told elsewhere; what waits is sealed afterwards
            except Exception as error:  # the audit's own trouble must not end what runs beside it
                if not self._failing:
                    self._events.error("the journal is not sealed, tried again", why=str(error))
                self._failing = True
            await asyncio.sleep(EVERY)

    async def turn(self) -> None:
        """Seal what waits, and sign the head when it is time. Raises `DatabaseError`."""
        standing = await self._db.one(store.STANDING)
        assert standing is not None
        if standing.waiting is not None:
            while await self._db.write(seal) == SEGMENT_ROWS:
                pass
        elif standing.head is None or standing.head == standing.checkpoint:
            return
        if self._db.now() - (standing.checkpoint_at or 0) >= CHECKPOINT_EVERY:
            await self.checkpoint()

    async def checkpoint(self) -> Checkpoint | None:
        """Sign the head of the chain, unless it is signed or there is none; returns the new checkpoint."""
        head = await self._db.one(store.HEAD)
        if head is None:
            return None
        now = self._db.now()
        text = checkpoint_text(self._installation, head, now)
        signed = await self._signer.sign(text)
        made = Checkpoint(head.n, text, signed.value, signed.kid, now)

        async def keep(unit: Unit) -> bool:
            return await unit.run(store.ADD_CHECKPOINT, **made._asdict()) > 0

        if not await self._db.write(keep):
            return None
        await self._publish(made)
        return made


async def seal(unit: Unit) -> int:
    """Make one segment of the oldest rows that wait; returns how many they are, 0 also where another one seals."""
    if await unit.one(store.LOCK_SEAL) is None:
        return 0
    ids = [row.number for row in await unit.all(store.WAITING, limit=SEGMENT_ROWS)]
    if not ids:
        return 0
    head = await unit.one(store.HEAD)
    highest = await unit.one(store.HIGHEST)
    base = max(head.last_pos if head else 0, (highest.number if highest else None) or 0)
    await unit.run(store.PLACE, base=base, ids=ids)
    rows = await unit.all(store.ROWS, first_pos=base + 1, last_pos=base + len(ids), limit=len(ids))
    segment = _segment(head, rows, unit.now)
    values = segment._asdict()
    del values["archived_at"]
    await unit.run(store.ADD_SEGMENT, **values)
    await unit.run(store.SET_SEAL)
    return len(rows)


def _segment(head: Segment | None, rows: list[SealedRow], now: int) -> Segment:
    number, previous = (head.n + 1, head.hash) if head is not None else (1, BEGINNING)
    bare = Segment(number, rows[0].pos, rows[-1].pos, rows_hash(rows), b"", now)
    return bare._replace(hash=head_hash(bare, previous))
