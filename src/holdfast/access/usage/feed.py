"""The feed of use: what every process served and refused, folded over a few seconds, for features that count it.

Promises: a batch is committed with the aggregates that count the same use, so both have it or neither; batches are told
in the order of their places, which are given after their commit: none is passed over. Whoever has told them drops them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from holdfast.access.usage import store
from holdfast.db.port import Database, Reader, Unit

MOST_PLACED = 500
"""Batches that get their places in one unit."""
KEPT = 7 * 86_400_000_000
"""Microseconds that a batch waits for a reader that fails all the while."""


class FedUse(NamedTuple):
    """Equal uses of a right within a few seconds, by one process.

    `subject`: as the journal has actors, `anonymous` also for everyone with `--open`, `various` for what found no room
    (then only `times` is known); `account`: its id, 0 for nobody's; `credential`: `key:12`, `password`, ''; `network`:
    a /24 or /64; `agent`: the client's name without its version; `action`: see `Action`, '' where somebody without a
    credential was asked for one; `reference`: the tag or digest that was asked for, '' for blobs and for the repository
    as a whole; `digest`: of the manifest that was sent, '' where none was; `head`: asked by HEAD; `allowed`: false
    where it was refused; `times`: how often; `bytes`: of bodies sent, or that the client was sent elsewhere for; with
    `create-tag` and no reference of bodies received. Times are microseconds.
    """

    subject: str
    account: int
    credential: str
    network: str
    agent: str
    action: str
    repository: str
    reference: str
    digest: str
    head: bool
    allowed: bool
    times: int
    bytes: int
    first_at: int
    last_at: int


class Batch(NamedTuple):
    """Uses that were stored together, and their place."""

    pos: int
    uses: list[FedUse]


async def put(unit: Unit, uses: Sequence[FedUse]) -> None:
    """Append a batch."""
    if uses:
        await unit.run(store.ADD_BATCH, uses=json.dumps([list(use) for use in uses], separators=(",", ":")))


async def place(db: Database) -> int:
    """Give what was committed since the last time its places; returns the highest place of all."""
    waiting = await db.one(store.UNPLACED)
    if waiting is not None and waiting.number is not None:
        while await db.write(_place) == MOST_PLACED:
            pass
    row = await db.one(store.PLACES)
    return row.pos if row is not None else 0


async def batches(reader: Reader, after: int, limit: int) -> list[Batch]:
    """At most `limit` batches beyond the place `after`, in order."""
    rows = await reader.all(store.BATCHES, after=after, limit=limit)
    return [Batch(row.pos, [FedUse(*each) for each in json.loads(row.uses)]) for row in rows]


async def drop(db: Database, through: int) -> None:
    """Drop what everybody was told, up to a place, and what is too old to wait any longer."""
    before = db.now() - KEPT
    row = await db.one(store.DROPPABLE, through=through, before=before)
    if row is not None and row.number is not None:
        await db.write(lambda unit: unit.run(store.DROP_BATCHES, through=through, before=before))


async def _place(unit: Unit) -> int:
    held = await unit.one(store.LOCK_PLACES)
    if held is None:
        return 0  # somebody else does it
    ids = [row.number for row in await unit.all(store.WAITING_BATCHES, limit=MOST_PLACED)]
    if ids:
        await unit.run(store.PLACE_BATCHES, base=held.pos, ids=ids)
        await unit.run(store.SET_PLACES, pos=held.pos + len(ids))
    return len(ids)
