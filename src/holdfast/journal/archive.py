"""Takes old rows out of the database once they are kept elsewhere; their segments stay, so the chain stays whole.

Promises: rows go only segment by segment from the oldest on, and only after whoever keeps them has named the hash of
the last one; the segments keep their hashes, by which an archive is checked for ever.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.port import Database, Reader, Unit
from holdfast.journal import store
from holdfast.journal.chain import SealedRow, Segment
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

SEGMENTS_A_UNIT = 20
SEGMENTS_A_PART = 50
ROWS_A_PART = 1000
_MOST_ROWS = 10_000


class Mismatch(Exception):
    """What was to be dropped is not what is here; the text says how."""


class Kept(NamedTuple):
    """A segment with its rows, as it is written to an archive; `previous`: the hash of the segment before."""

    segment: Segment
    previous: str
    rows: list[SealedRow]


async def segments(db: Database, *, after: int, sealed_before: int) -> list[Kept]:
    """The next segments beyond `after` that were sealed before a time (microseconds) and are not archived, without the
    last of all; bounded."""

    async def read(reader: Reader) -> list[Kept]:
        oldest = await reader.one(store.OLDEST_KEPT)
        start = max(after, (oldest.number or 1) - 1 if oldest is not None else 0)
        before = await reader.one(store.SEGMENT, n=start)
        previous = before.hash.hex() if before is not None else ""
        head = await reader.one(store.HEAD)
        found: list[Kept] = []
        rows = 0
        for segment in await reader.all(store.SEGMENTS, after=start, limit=SEGMENTS_A_PART):
            if segment.sealed_at >= sealed_before or segment.archived_at is not None or rows >= ROWS_A_PART:
                break
            if head is None or segment.n == head.n:
                break
            held = await reader.all(
                store.ROWS, first_pos=segment.first_pos, last_pos=segment.last_pos, limit=_MOST_ROWS
            )
            rows += len(held)
            found.append(Kept(segment, previous, held))
            previous = segment.hash.hex()
        return found

    return await db.snapshot(read)


async def hashes(db: Database, *, after: int, limit: int) -> list[Segment]:
    """The segments beyond `after`, archived or not."""
    return await db.all(store.SEGMENTS, after=after, limit=limit)


async def drop(db: Database, through: int, hash: str, *, actor: str, origin: Origin) -> int:
    """Delete the rows of every segment up to `through`, whose hash is `hash`; returns how many rows went.

    Raises `Mismatch`; a repetition drops nothing more.
    """
    last = await db.one(store.SEGMENT, n=through)
    if last is None or last.hash.hex() != hash:
        raise Mismatch(f"segment {through} has another hash, or is not there: nothing was dropped")
    head = await db.one(store.HEAD)
    if head is not None and head.n == through:
        raise Mismatch("the last segment stays: keep it in the database")
    gone = 0
    while True:
        count, more = await db.write(lambda unit: _drop_some(unit, through, actor, origin))
        gone += count
        if not more:
            return gone


async def _drop_some(unit: Unit, through: int, actor: str, origin: Origin) -> tuple[int, bool]:
    oldest = await unit.one(store.OLDEST_KEPT)
    if oldest is None or oldest.number is None or oldest.number > through:
        return 0, False
    taken = [
        segment
        for segment in await unit.all(store.SEGMENTS, after=oldest.number - 1, limit=SEGMENTS_A_UNIT)
        if segment.n <= through and segment.archived_at is None
    ]
    rows = 0
    for segment in taken:
        if await unit.run(store.SET_ARCHIVED, n=segment.n):
            rows += await unit.run(store.DROP_ROWS, first_pos=segment.first_pos, last_pos=segment.last_pos)
    data: dict[str, object] = {
        "first": taken[0].n,
        "last": taken[-1].n,
        "hash": taken[-1].hash.hex(),
        "rows": rows,
    }
    await note(unit, ChangeKind.AUDIT_ARCHIVED, actor=actor, origin=origin, data=data)
    return rows, True
