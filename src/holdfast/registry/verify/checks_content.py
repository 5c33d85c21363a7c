"""Content: every row has its bytes, and the bytes hash to the digest.

Inline bytes are always hashed. Objects are looked up, and with `deep` read and hashed. What the rows call an object's
key is remembered for the search for litter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from holdfast.blobs.envelope import floor_of
from holdfast.blobs.errors import Corrupt, Missing, Unavailable
from holdfast.blobs.port import BLOCK
from holdfast.db.port import Reader, Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import Place
from holdfast.oci.digest import ALGORITHMS, Digest
from holdfast.oci.manifest import MAX_BYTES
from holdfast.registry.model import Segment, State, Stored
from holdfast.registry.store import DOOM, HOLD_CONTENT
from holdfast.registry.verify import rows, store
from holdfast.registry.verify.inspection import PAGE, Inspection, affected
from holdfast.registry.verify.keys import KnownKeys
from holdfast.registry.verify.model import Damage, Finding, Ids

_BODIES = 8 << 20
_LOOKED_UP = 64
_HASHED = 4


class Verdict(Enum):
    """What an object is like."""

    GOOD = None
    MISSING = Damage.OBJECT_MISSING
    SHORT = Damage.OBJECT_SHORT
    CORRUPT = Damage.OBJECT_CORRUPT


_REASONS = {
    Damage.OBJECT_MISSING: "its object is not in the store",
    Damage.OBJECT_SHORT: "its object is not as long as the content",
    Damage.OBJECT_CORRUPT: "its object does not hash to the digest, or cannot be read",
}


class Seen(NamedTuple):
    """What was found at an object's key outside of any transaction. `data`: its bytes, where they were wanted."""

    key: str
    verdict: Verdict
    data: bytes | None = None


async def check_content(run: Inspection, known: KnownKeys) -> None:
    """Walk all content; `known` learns every key."""
    deep = run.options.deep
    total = await run.db.one(store.CONTENT_BYTES if deep else store.CONTENT_TOTAL)
    run.begin("content", total.total if total is not None else 0, "B" if deep else "")
    after = older = 0
    newest = floor_of(run.objects.generation)
    while page := await run.db.all(store.CONTENTS, after=after, limit=PAGE):
        after = page[-1].id
        run.outcome.checked["content"] += len(page)
        for row in page:
            if row.key is not None:
                known.add(row.key)
            older += row.wrapped_key is not None and row.wrapped_key < newest
        suspects: dict[int, Seen | None] = {row.id: None for row in page if _suspicious(row)}
        suspects.update(dict.fromkeys(await _bad_inlines(run, page)))
        suspects.update(await _bad_objects(run, page))
        await run.settle([await ContentSpot.prepared(run, row, suspects[row.id]) for row in page if row.id in suspects])
        if not deep:
            run.step(len(page))
    if older:
        run.outcome.notes.append(
            f"{older} pieces of content are encrypted by older content keys (`holdfast rotate-keys --status`)"
        )


def _suspicious(row: rows.ContentRow) -> bool:
    """Whether the row alone says that something may be wrong."""
    if row.state != State.STORED:
        return row.served
    return row.doomed or row.manifest or (row.key is None and row.inline is None and not row.segmented)


async def _bad_inlines(run: Inspection, page: list[rows.ContentRow]) -> list[int]:
    """The ids of the page's content whose inline bytes do not hash, read a few megabytes at a time."""
    rows = {row.id: row for row in page if row.inline is not None and row.state == State.STORED}
    bad: list[int] = []
    for ids in _by_weight(list(rows.values())):
        for each in await run.db.all(store.INLINES, ids=ids):
            data = run.clear(each.bytes, each.wrapped_key, each.digest) or b""
            if not _hashes(data, each.digest) or len(data) != rows[each.content_id].size:
                bad.append(each.content_id)
        if run.options.deep:
            run.step(sum(rows[each].size for each in ids))
        await asyncio.sleep(0)
    return bad


def _by_weight(rows: list[rows.ContentRow]) -> Iterator[list[int]]:
    ids: list[int] = []
    weight = 0
    for row in rows:
        if ids and weight + (row.inline or 0) > _BODIES:
            yield ids
            ids, weight = [], 0
        ids.append(row.id)
        weight += row.inline or 0
    if ids:
        yield ids


async def _bad_objects(run: Inspection, page: list[rows.ContentRow]) -> dict[int, Seen]:
    """What the page's objects are like, of those that are not good."""
    rows = [row for row in page if _has_objects(row) and row.state == State.STORED]
    deep = run.options.deep
    at_once = _HASHED if deep else _LOOKED_UP
    bad: dict[int, Seen] = {}
    for first in range(0, len(rows), at_once):
        some = rows[first : first + at_once]
        where = await _stored(run, some)
        verdicts = await asyncio.gather(*(_judge(run, row, where[row.id], deep=deep) for row in some))
        for row, verdict in zip(some, verdicts, strict=True):
            if verdict is not Verdict.GOOD:
                bad[row.id] = Seen(row.key or "", verdict)
        run.outcome.checked["objects"] += len(some)
        if deep:
            run.step(sum(row.size for row in some))
    return bad


def _has_objects(row: rows.ContentRow) -> bool:
    return row.inline is None and (row.key is not None or row.segmented)


async def _stored(run: Inspection, rows: list[rows.ContentRow]) -> dict[int, Stored]:
    """Where the bytes of `rows` lie, in one object each or in several."""
    found = {row.id: (Segment(row.key, row.size),) for row in rows if row.key is not None}
    for part in await run.db.all(store.SEGMENTS, ids=[row.id for row in rows if row.key is None]):
        found[part.content_id] = (*found.get(part.content_id, ()), Segment(part.key, part.size))
    return {row.id: Stored(found.get(row.id, ()), row.wrapped_key, row.digest) for row in rows}


async def _judge(run: Inspection, row: rows.ContentRow, stored: Stored, *, deep: bool) -> Verdict:
    """What the objects of `row` are like. Raises `Unavailable` when the store as a whole does not answer."""
    try:
        sizes = await run.objects.sizes(stored)
    except Corrupt:
        return Verdict.CORRUPT
    except ValueError:  # what stands in the row is no key
        return Verdict.MISSING
    if not sizes or None in sizes:
        return Verdict.MISSING
    if sizes != [segment.size for segment in stored.segments] or stored.size != row.size:
        return Verdict.SHORT
    if not deep:
        return Verdict.GOOD
    algorithm = row.digest.partition(":")[0]
    if algorithm not in ALGORITHMS:
        return Verdict.CORRUPT
    try:
        found = await run.objects.digest(stored, algorithm)
    except Corrupt:
        return Verdict.CORRUPT
    except Missing:
        return Verdict.MISSING
    except Unavailable:
        await run.objects.sizes(stored)  # raises unless it is these objects alone that cannot be read
        return Verdict.CORRUPT
    return Verdict.GOOD if found == row.digest else Verdict.CORRUPT


def _hashes(data: bytes, digest: str) -> bool:
    algorithm = digest.partition(":")[0]
    return algorithm in ALGORITHMS and Digest.of(data, algorithm) == digest


class ContentSpot:
    """One piece of content, and what was seen of its object."""

    def __init__(self, run: Inspection, content_id: int, seen: Seen | None) -> None:
        self._run = run
        self._id = content_id
        self._seen = seen

    @classmethod
    async def prepared(cls, run: Inspection, row: rows.ContentRow, seen: Seen | None) -> ContentSpot:
        """Look at the object again before its row is looked at again: a row is never older than its object."""
        if not _has_objects(row):
            return cls(run, row.id, None)
        stored = (await _stored(run, [row]))[row.id]
        rehash = run.options.repair and (row.state != State.STORED or row.manifest)
        if rehash or seen is not None:
            seen = Seen(row.key or "", await _judge(run, row, stored, deep=rehash or run.options.deep))
        if seen is not None and rehash and row.manifest and seen.verdict is Verdict.GOOD and row.size <= MAX_BYTES:
            seen = seen._replace(data=await _read(run, stored))
        return cls(run, row.id, seen)

    async def lock(self, unit: Unit) -> None:
        """Lock the content."""
        await unit.one(HOLD_CONTENT, id=self._id)

    async def examine(self, reader: Reader) -> list[Finding]:
        """What is wrong with the row and its bytes."""
        row = await reader.one(store.CONTENT, id=self._id)
        if row is None:
            return []
        found: list[tuple[Damage, str]] = []
        if row.doomed:
            found.append((Damage.DOOMED_REFERENCED, "an object of it is on the list of those to delete"))
        if row.state != State.STORED:
            if row.served:
                found.append((Damage.CONTENT_DAMAGED, "it is marked: its bytes were not what its digest says"))
        elif row.inline is not None:
            if not await self._inline_is_good(reader, row):
                found.append((Damage.INLINE_CORRUPT, "its bytes in the database do not hash to the digest"))
        elif row.key is None and not row.segmented:
            found.append((Damage.INLINE_MISSING, "it has neither bytes in the database nor an object"))
        else:
            found += self._object_findings(row)
        if not found:
            return []
        who = await affected(reader, self._id)
        return [Finding(kind, None, row.digest, f"{reason}; {who}", Ids(0, self._id)) for kind, reason in found]

    def _object_findings(self, row: rows.ContentRow) -> list[tuple[Damage, str]]:
        seen = self._seen if self._seen is not None and self._seen.key == (row.key or "") else None
        if seen is not None and seen.verdict.value is not None:
            return [(seen.verdict.value, _REASONS[seen.verdict.value])]
        if row.manifest:
            return [(Damage.INLINE_MISSING, "it is a manifest and its bytes are not in the database")]
        return []

    async def _inline_is_good(self, reader: Reader, row: rows.ContentRow) -> bool:
        for body in await reader.all(store.INLINES, ids=[row.id]):
            data = self._run.clear(body.bytes, body.wrapped_key, body.digest) or b""
            return len(data) == row.size and _hashes(data, row.digest)
        return False

    async def mend(self, unit: Unit, finding: Finding) -> bool:
        """Mark what is damaged, unmark what is good again, take a manifest's bytes into the database."""
        row = await unit.one(store.CONTENT, id=self._id)
        if row is None:
            return False
        place = Place(0, 0, unit.now)
        if finding.damage is Damage.DOOMED_REFERENCED:
            await unit.run(store.UNDOOM, id=self._id)
            await self._run.note(unit, place, finding)
        elif finding.damage is Damage.CONTENT_DAMAGED:
            if not await self._is_good_again(unit, row):
                return False
            await unit.run(store.UNMARK, id=self._id)
            await self._run.note(unit, place, finding, ChangeKind.CONTENT_REPAIRED)
        elif finding.damage is Damage.INLINE_MISSING and await self._take(unit, row):
            await self._run.note(unit, place, finding, ChangeKind.CONTENT_REPAIRED)
        else:
            await unit.run(store.MARK_DAMAGED, id=self._id)
            await self._run.note(unit, place, finding, ChangeKind.CONTENT_DAMAGED)
        return True

    async def _is_good_again(self, unit: Unit, row: rows.ContentRow) -> bool:
        if row.inline is not None:
            return await self._inline_is_good(unit, row)
        seen = self._seen
        return seen is not None and (row.key or "") == seen.key and seen.verdict is Verdict.GOOD

    async def _take(self, unit: Unit, row: rows.ContentRow) -> bool:
        """Move the bytes of a manifest from its object, which was read and hashed, into the database, encrypted as the
        object was."""
        seen = self._seen
        if seen is None or seen.data is None or row.key != seen.key or not _hashes(seen.data, row.digest):
            return False
        seal = self._run.objects.again(row.wrapped_key, row.digest)
        await unit.run(DOOM, key=seen.key, due=unit.now + self._run.settings.grace)
        await unit.run(store.TAKE_BODY, id=self._id, bytes=seal.close(row.digest, seen.data))
        await unit.run(store.TAKE_INLINE, id=self._id)
        return True


async def _read(run: Inspection, stored: Stored) -> bytes | None:
    """The bytes of an object that may be a manifest; None when it went meanwhile."""
    try:
        ranges = [(at, min(at + BLOCK, stored.size)) for at in range(0, stored.size, BLOCK)]
        parts = [await run.objects.read(stored, start, end) for start, end in ranges]
    except Missing:
        return None
    return b"".join(parts)
