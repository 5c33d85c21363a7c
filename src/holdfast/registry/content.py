"""Storing content and making it visible: the parts that a blob upload, a mount and a manifest push share."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.model import Permit
from holdfast.blobs.port import BlobStore
from holdfast.db.port import Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import Place, record
from holdfast.registry import store
from holdfast.registry.errors import NoRoom
from holdfast.registry.model import State
from holdfast.registry.settings import RegistrySettings


class Offer(NamedTuple):
    """Content that is durable and verified: inline `data`, or the `key` of its object."""

    digest: str
    size: int
    data: bytes | None
    key: str | None


class Kept(NamedTuple):
    """Content that has its row."""

    content_id: int
    size: int


async def keep_content(unit: Unit, permit: Permit, offer: Offer) -> int:
    """Row and body of `offer`; returns the content's id.

    Content that is stored already stays as it is and the offered object is doomed at once: nobody refers to it.
    Damaged or awaited content takes the offered bytes (this is how a push repairs).
    """
    made = await unit.one(
        store.NEW_CONTENT, digest=offer.digest, size=offer.size, key=offer.key, state=int(State.STORED)
    )
    if made is not None:
        if offer.data is not None:
            await unit.run(store.PUT_BODY, id=made.id, bytes=offer.data)
        return made.id
    row = await unit.one(store.CONTENT, digest=offer.digest)
    assert row is not None
    await unit.run(store.NOT_ORPHAN, id=row.id)
    if row.state == State.STORED:
        if offer.key is not None:
            await unit.run(store.DOOM, key=offer.key, due=unit.now)
        return row.id
    if row.key is not None:
        await unit.run(store.DOOM, key=row.key, due=unit.now)
    if offer.data is not None:
        await unit.run(store.PUT_BODY, id=row.id, bytes=offer.data)
    else:
        await unit.run(store.DROP_BODY, id=row.id)
    await unit.run(store.RESTORE_CONTENT, id=row.id, size=offer.size, key=offer.key)
    if row.state == State.DAMAGED:
        await record(
            unit,
            ChangeKind.CONTENT_REPAIRED,
            Place(0, 0, unit.now),
            actor=permit.subject.actor,
            request=permit.request,
            data={"damage": "content-damaged", "digest": offer.digest, "reference": permit.repository},
        )
    return row.id


async def show_blob(unit: Unit, settings: RegistrySettings, permit: Permit, kept: Kept) -> None:
    """Link content into the permit's repository as a blob, leased to whoever is told that it is here (data model,
    rule 3)."""
    repo_id = await store.ensure_repository(unit, permit.repository)
    place = {"repo_id": repo_id, "content_id": kept.content_id}
    await unit.run(store.CANDIDATE, due=unit.now + 2 * settings.lease, **place)
    fresh = await unit.run(store.NEW_BLOB_LINK, **place) or await unit.run(store.REVIVE_LINK, **place)
    await unit.run(store.LEASE, opener=permit.subject.id, due=unit.now + settings.lease, **place)
    if fresh:
        await unit.run(store.USAGE, path=permit.repository, bytes=kept.size, repositories=0, tags=0)


def require_room(blobs: BlobStore, settings: RegistrySettings) -> None:
    """Raise `NoRoom` when free space is below the reserve: pushes stop, everything else goes on."""
    if blobs.free() < settings.reserve:
        raise NoRoom("free space is below the reserve: pushes are refused until room is made")
