"""The use-cases of lists.

Promises: pages are keyset pages in bytewise order (referrers: in the order they were first stored), bounded in rows
and bytes; an element that is there all the while is seen exactly once, whatever is written meanwhile.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from holdfast.access.model import CatalogPermit, PullPermit
from holdfast.access.standing import check_permit, prove
from holdfast.blobs.errors import Corrupt
from holdfast.db.port import Database, Reader
from holdfast.oci.digest import Digest
from holdfast.oci.mediatype import is_valid
from holdfast.registry.errors import RepositoryUnknown
from holdfast.registry.listing import store
from holdfast.registry.listing.filling import Page, fill
from holdfast.registry.objects import Objects
from holdfast.registry.reach.service import Reach
from holdfast.registry.reach.spans import listed, shown
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import check_repository

REFERRERS_PAGE = 200
_REFERRERS_BYTES = 3 << 20


class Referrers(NamedTuple):
    """Descriptors of referrers as JSON-ready mappings, and the cursor of the next page (None: the end)."""

    descriptors: list[dict[str, object]]
    after: int | None


class Listing:
    """Lists of tags, repositories and referrers. One object a process."""

    def __init__(self, db: Database, objects: Objects, settings: RegistrySettings) -> None:
        self._db = db
        self._objects = objects
        self._limit = settings.page_limit
        self._reach = Reach(db, settings.window)

    async def tags(self, permit: PullPermit, last: str, n: int | None) -> Page:
        """Tags after `last` that may be told, at most `n` (clamped; None: a full page).

        Raises `RepositoryUnknown`, `Denied`, `StalePermit`.
        """
        limit = self._limit if n is None else min(n, self._limit)
        if not permit.listing.everything:
            return await self._some_tags(permit, last, limit)
        rows = await self._db.all(store.TAGS, path=permit.repository, last=last, limit=limit + 1)
        if not rows:
            await check_permit(self._db, permit)
            raise RepositoryUnknown("there is no such repository", name=permit.repository)
        prove(permit, rows[0].version, rows[0].repo_id)
        names = sorted(row.name for row in rows if row.name is not None)  # a union promises no order
        return Page(names[:limit], limit > 0 and len(names) > limit)

    async def _some_tags(self, permit: PullPermit, last: str, limit: int) -> Page:
        """A page for a reader who may be told some tags; never those that belong to a digest, which go with it."""
        if permit.listing.nothing:
            await check_permit(self._db, permit)
            raise permit.listing.refuse()
        seen = await self._db.one(store.SEEN, path=permit.repository)
        if seen is None:
            await check_permit(self._db, permit)
            raise RepositoryUnknown("there is no such repository", name=permit.repository)
        prove(permit, seen.version, seen.id)
        return await fill(
            lambda ranges: self._db.all(store.TAGS_IN, repo_id=seen.id, **ranges), listed(permit.listing), last, limit
        )

    async def catalog(self, permit: CatalogPermit, last: str, n: int | None) -> Page:
        """Repositories after `last` that may be told, at most `n` (clamped; None: a full page).

        Raises `StalePermit`.
        """
        limit = self._limit if n is None else min(n, self._limit)
        if permit.shown is not None and not permit.shown.everything:
            page = await fill(lambda ranges: self._db.all(store.CATALOG_IN, **ranges), shown(permit.shown), last, limit)
            await check_permit(self._db, permit)  # still the rights that the page was chosen by
            return page

        async def read(reader: Reader) -> list[store.PathRow]:
            await check_permit(reader, permit)
            return await reader.all(store.CATALOG, last=last, limit=limit + 1)

        names = [row.path for row in await self._db.snapshot(read)]
        return Page(names[:limit], limit > 0 and len(names) > limit)

    async def referrers(self, permit: PullPermit, subject: Digest, artifact_type: str | None, after: int) -> Referrers:
        """Descriptors of the manifests whose subject is `subject`, after the cursor `after`, of one type if given; none
        of a subject that may not be read. Raises `Denied`, `StalePermit`."""
        if permit.tags.nothing:
            await check_permit(self._db, permit)
            raise permit.tags.refuse()
        if not permit.tags.everything:
            target = await self._reach.find(self._db, permit.repository, subject)
            if not await self._reach.may_read(self._db, permit, target):
                await check_permit(self._db, permit)
                return Referrers([], None)
        parameters: dict[str, object] = {
            "path": permit.repository,
            "subject": subject,
            "after": after,
            "limit": REFERRERS_PAGE + 1,
        }

        async def read(reader: Reader) -> Referrers:
            await check_permit(reader, permit)
            await check_repository(reader, permit)
            if artifact_type is None:
                rows = await reader.all(store.REFERRERS, **parameters)
            elif is_valid(artifact_type):
                rows = await reader.all(store.REFERRERS_OF_TYPE, artifact_type=artifact_type, **parameters)
            else:  # none was stored under it, and PostgreSQL takes no NUL
                rows = []
            chosen = rows[: _fitting(rows)]
            bodies = await reader.all(store.BODIES, ids=[row.id for row in chosen])
            kept = {body.id: body for body in bodies}
            more = len(chosen) < len(rows)
            data = [(row, self._opened(kept[row.id], row.digest)) for row in chosen]
            return Referrers(
                [_descriptor(row, data) for row, data in data if _is_whole(row, data)], chosen[-1].id if more else None
            )

        return await self._objects.knowing(lambda: self._db.snapshot(read))

    def _opened(self, body: store.BodyRow, digest: str) -> bytes:
        """The manifest in clear; nothing when it does not open."""
        try:
            return self._objects.open(body.wrapped_key, digest, body.bytes)
        except Corrupt:
            return b""


def _fitting(rows: list[store.ReferrerRow]) -> int:
    """How many of `rows` a page holds: by count, and by the bytes of their manifests; one at least."""
    weight = 0
    for count, row in enumerate(rows[:REFERRERS_PAGE]):
        weight += row.size
        if count and weight > _REFERRERS_BYTES:
            return count
    return min(len(rows), REFERRERS_PAGE)


def _is_whole(row: store.ReferrerRow, data: bytes) -> bool:
    """Whether the manifest still hashes to its digest; else it is as absent here as it is for a pull."""
    digest = Digest(row.digest)
    return Digest.of(data, digest.algorithm) == digest


def _descriptor(row: store.ReferrerRow, data: bytes) -> dict[str, object]:
    """Distribution specification, "Listing Referrers": type, size, digest, artifact type and annotations."""
    descriptor: dict[str, object] = {"mediaType": row.media_type, "digest": row.digest, "size": row.size}
    if row.artifact_type is not None:
        descriptor["artifactType"] = row.artifact_type
    annotations = json.loads(data).get("annotations")
    if annotations:
        descriptor["annotations"] = annotations
    return descriptor
