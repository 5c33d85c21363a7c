"""Storing content and making it visible: the parts that a blob upload, a mount and a manifest push share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from holdfast.access.model import Permit, PushPermit
from holdfast.blobs.port import BlobStore
from holdfast.blobs.sealed_frames import sealed_size
from holdfast.db.port import Reader, Unit
from holdfast.jobs.model import NewJob, Priority
from holdfast.jobs.service import enqueue
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import Place, record
from holdfast.registry import store
from holdfast.registry.errors import NoRoom, Purged
from holdfast.registry.model import Segment, State
from holdfast.registry.quotas.model import Counts
from holdfast.registry.quotas.service import grow, place_of
from holdfast.registry.settings import RegistrySettings

COMPACT = "compact"


class Offer(NamedTuple):
    """Content that is durable and verified: inline `data` as its row keeps it, or the `segments` that hold it, and its
    data key, wrapped and bound to the digest (None in clear)."""

    digest: str
    size: int
    data: bytes | None
    segments: tuple[Segment, ...] = ()
    wrapped: bytes | None = None

    @property
    def key(self) -> str | None:
        """The key of the object, when it is one."""
        return self.segments[0].key if len(self.segments) == 1 else None

    @property
    def keys(self) -> list[str]:
        """The keys of all its objects."""
        return [segment.key for segment in self.segments]


class Kept(NamedTuple):
    """Content that has its row."""

    content_id: int
    size: int


async def keep_content(unit: Unit, permit: Permit, offer: Offer) -> int:
    """Row and body of `offer`; returns the content's id.

    Content that is stored already stays as it is and the offered objects are doomed at once: nobody refers to them.
    Damaged or awaited content takes the offered bytes (this is how a push repairs).
    """
    row: store.ContentRow | None = None
    while row is None:  # content that goes away at this moment is made anew
        made = await unit.one(
            store.NEW_CONTENT,
            digest=offer.digest,
            size=offer.size,
            key=offer.key,
            wrapped_key=offer.wrapped,
            state=int(State.STORED),
        )
        if made is not None:
            await _lay_bytes(unit, made.id, offer)
            return made.id
        row = await unit.one(store.CONTENT, digest=offer.digest)
    await unit.run(store.NOT_ORPHAN, id=row.id)
    if row.state == State.PURGED:
        await refuse_purged(unit, [offer.digest])
    if row.state != State.STORED:
        # Alone from here on, and seen once more: another push may have brought the bytes meanwhile.
        row = await unit.one(store.HOLD_CONTENT, id=row.id)
        assert row is not None
    if row.state == State.STORED:
        for segment in offer.segments:
            size = segment.size if offer.wrapped is None else sealed_size(segment.size)
            await unit.run(store.DOOM_SIZED, key=segment.key, due=unit.now, size=size)
        return row.id
    await doom_objects(unit, row.id, row.key, unit.now)
    if offer.data is None:
        await unit.run(store.DROP_BODY, id=row.id)
    await unit.run(store.RESTORE_CONTENT, id=row.id, size=offer.size, key=offer.key, wrapped_key=offer.wrapped)
    await _lay_bytes(unit, row.id, offer)
    if row.state == State.DAMAGED:
        await record(
            unit,
            ChangeKind.CONTENT_REPAIRED,
            Place(0, 0, unit.now),
            actor=permit.subject.actor,
            origin=permit.origin,
            data={"damage": "content-damaged", "digest": offer.digest, "reference": permit.repository},
        )
    return row.id


async def refuse_purged(reader: Reader, digests: Iterable[str]) -> None:
    """Raise `Purged` when one of `digests` was purged from the registry, with the reason that was given."""
    row = await reader.one(store.PURGED, digests=sorted(digests))
    if row is not None:
        raise Purged(
            f"{row.digest} was purged from this registry and is refused: {row.reason}",
            digest=row.digest,
            reason=row.reason,
        )


async def _lay_bytes(unit: Unit, content_id: int, offer: Offer) -> None:
    """What does not fit into the row of content: its bytes, or its segments when they are several."""
    if offer.data is not None:
        await unit.run(store.PUT_BODY, id=content_id, bytes=offer.data)
    if len(offer.segments) > 1:
        start = 0
        for segment in offer.segments:
            await unit.run(store.NEW_SEGMENT, id=content_id, n=start, key=segment.key, size=segment.size)
            start += segment.size
        await enqueue(unit, compaction_of(content_id))


def compaction_of(content_id: int) -> NewJob:
    """The job that makes content one object (compaction/service.py)."""
    return NewJob(COMPACT, {"content": content_id}, dedupe=f"{COMPACT}:{content_id}", priority=Priority.LOW)


async def doom_objects(unit: Unit, content_id: int, key: str | None, due: int) -> None:
    """Let the objects of content go at `due`: nothing of it refers to them any more after this unit. To be called
    before the row of content changes or goes."""
    if key is not None:
        await unit.run(store.DOOM, key=key, due=due)
        return
    await unit.run(store.DOOM_SEGMENTS, id=content_id, due=due)
    await unit.run(store.DROP_SEGMENTS, id=content_id)


async def show_blob(unit: Unit, settings: RegistrySettings, permit: PushPermit, kept: Kept) -> None:
    """Link content into the permit's repository as a blob, leased to whoever is told that it is here (data model,
    rule 3). Raises `Denied` when the repository would have to be made and may not, `StalePermit`."""
    repo_id = await place_of(unit, permit)
    place = {"repo_id": repo_id, "content_id": kept.content_id}
    await unit.run(store.CANDIDATE, due=unit.now + 2 * settings.lease, **place)
    fresh = await unit.run(store.NEW_BLOB_LINK, **place) or await unit.run(store.REVIVE_LINK, **place)
    await unit.run(store.LEASE, opener=permit.subject.id, due=unit.now + settings.lease, **place)
    if fresh:
        await grow(unit, permit, permit.repository, Counts(bytes=kept.size))


def require_room(blobs: BlobStore, settings: RegistrySettings) -> None:
    """Raise `NoRoom` when free space is below the reserve: pushes stop, everything else goes on."""
    if blobs.free() < settings.reserve:
        raise NoRoom("free space is below the reserve: pushes are refused until room is made")
