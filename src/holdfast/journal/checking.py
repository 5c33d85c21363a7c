"""Checks the journal against its chain, a bounded part at a time.

What it finds: a row changed, deleted, inserted among sealed ones or moved; a segment rewritten or missing; a chain
that was cut, when a checkpoint beyond its end is known; a checkpoint that is not of this chain, or not signed by a key
of this installation. What it cannot find: what was done to a row before it was sealed (about a second), and, without a
checkpoint kept elsewhere, that somebody who could write to the database and had the master key made all of it anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from holdfast.db.port import Database, Reader
from holdfast.journal import store
from holdfast.journal.chain import BEGINNING, Checkpoint, SealedRow, Segment, head_hash, rows_hash

SEGMENTS_A_PAGE = 200
ROWS_A_PAGE = 1000
LONGEST_SEGMENT = 10_000
"""Rows; a segment that says more is not one of ours."""


class Believer(Protocol):
    """Knows the keys that sign checkpoints."""

    async def signed(self, text: str, kid: str, signature: bytes) -> bool | None:
        """Whether the key called `kid` signed `text`; None: no key of that name is of this installation."""
        ...


class SignedText(NamedTuple):
    """A checkpoint that was kept elsewhere: its text, the name of the key, and the signature."""

    text: str
    kid: str
    signature: bytes


class Finding(NamedTuple):
    """Something that does not fit. `segment` 0: it belongs to none."""

    segment: int
    what: str


class Page(NamedTuple):
    """What one part of a check gave. `next`: the segment to go on after, None at the end; `head`: the hash there, to be
    given with it; `archived`: segments whose rows are elsewhere, of which only the hashes were checked."""

    segments: int
    rows: int
    archived: int
    checkpoints: int
    findings: list[Finding]
    next: int | None
    head: str


class Tail(NamedTuple):
    """The end of the journal: the head of the chain, the newest checkpoint, and what is not sealed yet."""

    segment: int
    pos: int
    hash: str
    checkpoint: int
    unsealed: int
    oldest_unsealed: int | None


async def check(db: Database, believer: Believer, installation: str, *, after: int = 0, head: str = "") -> Page:
    """Check the segments that follow `after`, whose hash was `head`. Raises ValueError for a `head` that is none."""
    previous = bytes.fromhex(head) if head else BEGINNING
    found = await db.snapshot(lambda reader: _read(reader, after))
    findings: list[Finding] = []
    rows = 0
    expected, place = after, found.before.last_pos if found.before is not None else 0
    if found.before is not None and found.before.hash != previous:
        findings.append(Finding(after, "the segment changed while it was checked"))
    if found.below is not None:
        findings.append(Finding(found.segments[0].n, f"row {found.below} stands before the first segment"))
    for segment, kept in zip(found.segments, found.rows, strict=True):
        findings += [Finding(segment.n, what) for what in _segment_faults(segment, kept, expected, place, previous)]
        expected, place, previous = segment.n, segment.last_pos, segment.hash
        rows += len(kept)
    for checkpoint in found.checkpoints:
        segment_of = next((each for each in found.segments if each.n == checkpoint.n), None)
        faults = await _faults(believer, installation, checkpoint, segment_of)
        findings += [Finding(checkpoint.n, what) for what in faults]
    if found.last:
        findings += _beyond(found, expected)
    return Page(
        len(found.segments),
        rows,
        sum(segment.archived_at is not None for segment in found.segments),
        len(found.checkpoints),
        findings,
        None if found.last else expected,
        previous.hex(),
    )


async def check_checkpoint(db: Database, believer: Believer, installation: str, kept: SignedText) -> list[Finding]:
    """What is wrong with a checkpoint that was kept elsewhere, held against the chain."""
    try:
        number = int(json.loads(kept.text)["segment"])
    except (ValueError, KeyError, TypeError):
        return [Finding(0, "this is no checkpoint")]
    checkpoint = Checkpoint(number, kept.text, kept.signature, kept.kid, 0)
    if not 0 < number < 1 << 62:
        return [Finding(0, "this is no checkpoint")]
    segment = await db.one(store.SEGMENT, n=number)
    return [Finding(number, what) for what in await _faults(believer, installation, checkpoint, segment)]


async def tail(db: Database) -> Tail:
    """Where the journal ends."""

    async def read(reader: Reader) -> Tail:
        head = await reader.one(store.HEAD)
        newest = await reader.one(store.LAST_CHECKPOINT)
        left = await reader.one(store.TAIL)
        assert left is not None
        number, pos, digest = (head.n, head.last_pos, head.hash.hex()) if head is not None else (0, 0, "")
        return Tail(number, pos, digest, newest.n if newest is not None else 0, left.rows, left.oldest)

    return await db.snapshot(read)


class _Found(NamedTuple):
    before: Segment | None
    segments: Sequence[Segment]
    rows: Sequence[Sequence[SealedRow]]
    checkpoints: Sequence[Checkpoint]
    last: bool
    below: int | None
    above: int | None
    beyond: Checkpoint | None


async def _read(reader: Reader, after: int) -> _Found:
    """A part of the chain with its rows, all of one moment."""
    before = await reader.one(store.SEGMENT, n=after)
    listed = await reader.all(store.SEGMENTS, after=after, limit=SEGMENTS_A_PAGE + 1)
    segments: list[Segment] = []
    rows: list[Sequence[SealedRow]] = []
    for segment in listed[:SEGMENTS_A_PAGE]:
        if sum(map(len, rows)) >= ROWS_A_PAGE:
            break
        segments.append(segment)
        found = await reader.all(
            store.ROWS, first_pos=segment.first_pos, last_pos=segment.last_pos, limit=LONGEST_SEGMENT
        )
        rows.append(found)
    last = len(segments) == len(listed)
    head = segments[-1] if segments else before
    number, place = (head.n, head.last_pos) if head is not None else (0, 0)
    checkpoints = await reader.all(store.CHECKPOINTS, after=after, through=number)
    below = above = beyond = None
    if segments and not after:
        below = await reader.one(store.BELOW, first_pos=segments[0].first_pos)
    if last:
        above = await reader.one(store.ABOVE, last_pos=place)
        beyond = await reader.one(store.BEYOND, head=number)
    return _Found(before, segments, rows, checkpoints, last, _number(below), _number(above), beyond)


def _number(row: store.Number | None) -> int | None:
    return row.number if row is not None else None


def _segment_faults(
    segment: Segment, rows: Sequence[SealedRow], expected: int, place: int, previous: bytes
) -> list[str]:
    faults = []
    if segment.n != expected + 1:
        faults.append(f"segments {expected + 1} to {segment.n - 1} are missing")
    if segment.first_pos != place + 1:
        faults.append(f"it begins at row {segment.first_pos}, the segment before ends at row {place}")
    if segment.hash != head_hash(segment, previous):
        faults.append("its hash does not follow from its fields and the segment before: the chain was rewritten")
    if segment.archived_at is not None:
        if rows:
            faults.append("its rows were archived, and there are rows in their place")
        return faults
    length = segment.last_pos - segment.first_pos + 1
    if not 0 < length <= LONGEST_SEGMENT:
        return [*faults, f"it says that it has {length} rows"]
    missing = sorted(set(range(segment.first_pos, segment.last_pos + 1)) - {row.pos for row in rows})
    if missing:
        faults.append(f"row {missing[0]} is missing" + (f", and {len(missing) - 1} more" if missing[1:] else ""))
    elif rows_hash(rows) != segment.rows_hash:
        faults.append(f"rows {segment.first_pos} to {segment.last_pos} are not those that were sealed")
    return faults


async def _faults(believer: Believer, installation: str, checkpoint: Checkpoint, segment: Segment | None) -> list[str]:
    signed = await believer.signed(checkpoint.text, checkpoint.kid, checkpoint.signature)
    if signed is None:
        return [f"its checkpoint is signed by {checkpoint.kid[:64]!r}, which is no key of this installation"]
    if not signed:
        return ["the signature of its checkpoint is wrong"]
    said = json.loads(checkpoint.text)
    if said["installation"] != installation:
        return ["its checkpoint is of another installation"]
    if segment is None:
        return [f"a checkpoint of {said['at']} speaks of this segment, and it is not there: the end was cut off"]
    if (said["segment"], said["pos"], said["hash"]) != (segment.n, segment.last_pos, segment.hash.hex()):
        return ["its checkpoint says another hash: the chain was rewritten"]
    return []


def _beyond(found: _Found, head: int) -> list[Finding]:
    findings = []
    if found.above is not None:
        findings.append(Finding(0, f"row {found.above} stands beyond the last segment"))
    if found.beyond is not None:
        findings.append(
            Finding(found.beyond.n, f"there is a checkpoint of it, and the chain ends at {head}: the end was cut off")
        )
    return findings
