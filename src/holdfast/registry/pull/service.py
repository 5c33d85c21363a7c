"""The use-cases of a pull.

Promises: what GET returns hashes to its digest (inline content is hashed again on the way out; content that no longer
hashes is marked, never served, and repaired by the next push); HEAD by someone who may push leases what it reports;
reads need no write, so they go on while the disk is full or nothing can be committed. Nothing is read, linked or placed
but what `blob` found, and that is only what the reader may see.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import TypeVar

from holdfast.access.model import Permit, PullPermit
from holdfast.access.standing import prove
from holdfast.blobs.errors import BlobError, Corrupt, Missing
from holdfast.db.errors import DatabaseError, ReadOnly
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import Place, record
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.errors import ContentUnavailable
from holdfast.registry.model import Segment, State, Stored, StoredBlob, StoredManifest
from holdfast.registry.objects import Objects
from holdfast.registry.pull import store
from holdfast.registry.pull.sight import Sight, no_blob, no_manifest
from holdfast.registry.reach.service import NOTHING, Target
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import MARK_DAMAGED, SEGMENTS, effective_setting

REDIRECT = "redirect"
Seen = TypeVar("Seen", store.ManifestRow, store.ManifestHead)
Shown = TypeVar("Shown", store.BlobRow, store.BlobHead)


class Pull:
    """Reading manifests and blobs. One object a process."""

    def __init__(self, db: Database, objects: Objects, settings: RegistrySettings) -> None:
        self._db = db
        self._objects = objects
        self._settings = settings
        self._sight = Sight(db, settings.window)

    async def manifest(self, permit: PullPermit, reference: Tag | Digest) -> StoredManifest:
        """The manifest with its bytes. Raises `ManifestUnknown`, `Denied`, `StalePermit`."""
        if not permit.tags.everything:
            await self._sight.ask_manifest(permit, reference, head=False)
        if isinstance(reference, Digest):
            row = await self._db.one(store.MANIFEST_BY_DIGEST, path=permit.repository, digest=reference)
        else:
            row = await self._db.one(store.MANIFEST_BY_TAG, path=permit.repository, name=reference)
        if row is None or not permit.tags.everything:
            row = await self._seen_manifest(permit, reference, row)
        prove(permit, row.version, row.repo_id)
        if row.state != State.STORED:
            raise no_manifest(permit, reference)
        digest = Digest(row.digest)
        data = row.bytes if row.wrapped_key is None else await self._opened(row.wrapped_key, digest, row.bytes)
        if Digest.of(data, digest.algorithm) != digest:
            await self._mark_damaged(permit, row.content_id, digest, None)
            raise no_manifest(permit, reference)
        return StoredManifest(digest, row.media_type, row.size, data)

    async def manifest_head(self, permit: PullPermit, reference: Tag | Digest) -> StoredManifest:
        """The manifest without its bytes, leased to someone who may push.

        Raises `ManifestUnknown`, `Denied`, `StalePermit`.
        """
        if not permit.tags.everything:
            await self._sight.ask_manifest(permit, reference, head=True)
        if isinstance(reference, Digest):
            row = await self._db.one(store.MANIFEST_HEAD_BY_DIGEST, path=permit.repository, digest=reference)
        else:
            row = await self._db.one(store.MANIFEST_HEAD_BY_TAG, path=permit.repository, name=reference)
        if row is None or not permit.tags.everything:
            row = await self._seen_manifest(permit, reference, row)
        prove(permit, row.version, row.repo_id)
        if row.state != State.STORED:
            raise no_manifest(permit, reference)
        if not await self._leased(permit, row.repo_id, row.content_id, row.due):
            raise no_manifest(permit, reference)
        return StoredManifest(Digest(row.digest), row.media_type, row.size, b"")

    async def blob(self, permit: PullPermit, digest: Digest) -> StoredBlob:
        """The blob with its inline bytes or its key. Raises `BlobUnknown`, `Denied`, `StalePermit`."""
        if not permit.tags.everything:
            await self._sight.ask_blob(permit)
        row = await self._db.one(store.BLOB, path=permit.repository, digest=digest)
        if row is None or not permit.tags.everything:
            row = await self._seen_blob(permit, digest, row)
        prove(permit, row.version, row.repo_id)
        if row.state != State.STORED:
            raise no_blob(permit, digest)
        if row.bytes is None:
            stored = await self._stored(permit, digest, row)
            return StoredBlob(row.content_id, digest, row.size, None, stored)
        data = row.bytes if row.wrapped_key is None else await self._opened(row.wrapped_key, digest, row.bytes)
        if Digest.of(data, digest.algorithm) != digest:
            await self._mark_damaged(permit, row.content_id, digest, None)
            raise no_blob(permit, digest)
        return StoredBlob(row.content_id, digest, row.size, data, None)

    async def blob_head(self, permit: PullPermit, digest: Digest) -> StoredBlob:
        """The blob without its bytes, leased to someone who may push. Raises `BlobUnknown`, `Denied`, `StalePermit`."""
        if not permit.tags.everything:
            await self._sight.ask_blob(permit)
        row = await self._db.one(store.BLOB_HEAD, path=permit.repository, digest=digest)
        if row is None or not permit.tags.everything:
            row = await self._seen_blob(permit, digest, row)
        prove(permit, row.version, row.repo_id)
        if row.state != State.STORED:
            raise no_blob(permit, digest)
        if not await self._leased(permit, row.repo_id, row.content_id, row.due):
            raise no_blob(permit, digest)
        return StoredBlob(row.content_id, digest, row.size, None, None)

    async def read(self, permit: PullPermit, blob: StoredBlob, start: int, end: int) -> bytes:
        """Bytes `start` to `end` (exclusive, at most 1 MiB) of a blob. Raises `BlobUnknown`, `ContentUnavailable`."""
        if blob.stored is None:
            data = blob.data or b""
            return data if end - start == blob.size else data[start:end]
        try:
            return await self._objects.read(blob.stored, start, end)
        except Missing:
            moved = await self._moved(permit, blob)
            if moved is None:
                await self._mark_damaged(permit, blob.content_id, blob.digest, blob.stored.key)
                raise no_blob(permit, blob.digest) from None
            return await self.read(permit, moved, start, end)
        except BlobError as error:
            raise ContentUnavailable("the blob store does not answer") from error

    async def stream(self, permit: PullPermit, blob: StoredBlob, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Bytes `start` to `end` in pieces of at most 1 MiB; what can be known of the objects is checked before the
        first is promised. Raises `BlobUnknown`, `ContentUnavailable`, now; later the stream ends with an error."""
        try:
            if not self._objects.distant:
                if blob.stored is not None and not await self._objects.sizes_fit(blob.stored):
                    raise Missing
                return self._pieces(permit, blob, start, end)
            pieces = self._pieces(permit, blob, start, end)
            return _after(await anext(pieces, b""), pieces)
        except Missing:
            moved = await self._moved(permit, blob)
            if moved is not None:
                return await self.stream(permit, moved, start, end)
            await self._mark_damaged(permit, blob.content_id, blob.digest, blob.stored.key if blob.stored else None)
            raise no_blob(permit, blob.digest) from None
        except BlobError as error:
            raise ContentUnavailable("the blob store does not answer") from error

    async def link(self, permit: PullPermit, blob: StoredBlob, seconds: int) -> str | None:
        """A URL that gives the blob from the store itself; None where it must come from here: small, in pieces,
        encrypted, or in a namespace whose setting `redirect` is not "true"."""
        url = self._objects.link(blob.stored, seconds) if blob.stored is not None else None
        if url is not None:
            chosen = await effective_setting(self._db, permit.repository.prefixes(), REDIRECT)
            if chosen is not None and chosen.value != "true":
                return None
        return url

    async def place(self, permit: PullPermit, blob: StoredBlob) -> str | None:
        """The key of the one object that holds all of the blob in clear, after a look whether it is there; else None,
        also where something is wrong with it: `stream` finds out what."""
        stored = blob.stored
        if stored is None or stored.key is None or stored.wrapped is not None:
            return None
        try:
            return stored.key if await self._objects.sizes_fit(stored) else None
        except BlobError:
            return None

    async def _seen_manifest(self, permit: PullPermit, reference: Tag | Digest, row: Seen | None) -> Seen:
        """The row of a manifest that is there and not hidden from the reader. Raises `ManifestUnknown`."""
        target = Target(row.repo_id, row.content_id) if row is not None else NOTHING
        if await self._sight.sees_manifest(permit, reference, target) and row is not None:
            return row
        await self._sight.check_absent(permit)
        raise no_manifest(permit, reference)

    async def _seen_blob(self, permit: PullPermit, digest: Digest, row: Shown | None) -> Shown:
        """The row of a blob that is there and not hidden from the reader. Raises `BlobUnknown`."""
        target = Target(row.repo_id, row.content_id) if row is not None else NOTHING
        if await self._sight.sees_blob(permit, target) and row is not None:
            return row
        await self._sight.check_absent(permit)
        raise no_blob(permit, digest)

    async def _pieces(self, permit: PullPermit, blob: StoredBlob, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes of a blob; when its objects are replaced meanwhile, the rest comes from those that replaced them.

        Every round begins with another set of objects, which compaction made, so it ends.
        """
        at, found = start, blob
        while found.stored is not None:
            try:
                async with aclosing(self._objects.chunks(found.stored, at, end)) as pieces:
                    async for piece in pieces:
                        yield piece
                        at += len(piece)
                return
            except Missing:
                moved = await self._moved(permit, found)
                if moved is None:
                    await self._mark_damaged(permit, found.content_id, found.digest, found.stored.key)
                    raise
                found = moved

    async def _moved(self, permit: PullPermit, blob: StoredBlob) -> StoredBlob | None:
        """The blob as it is stored now, None when it is where it was: then what is missing is missing."""
        row = await self._db.one(store.BLOB, path=permit.repository, digest=blob.digest)
        if row is None or row.state != State.STORED:
            return None
        stored = await self._stored(permit, blob.digest, row) if row.bytes is None else None
        return blob._replace(stored=stored) if stored is not None and stored != blob.stored else None

    async def _stored(self, permit: PullPermit, digest: Digest, row: store.BlobRow) -> Stored:
        """Where the bytes of a blob lie that are not in the database."""
        if row.key is not None:
            return Stored((Segment(row.key, row.size),), row.wrapped_key, digest)
        parts = await self._db.all(SEGMENTS, id=row.content_id)
        if parts:
            return Stored(tuple(Segment(part.key, part.size) for part in parts), row.wrapped_key, digest)
        # They were joined after the row was read.
        again = await self._db.one(store.BLOB, path=permit.repository, digest=digest)
        if again is None or again.key is None:
            await self._mark_damaged(permit, row.content_id, digest, None)
            raise no_blob(permit, digest)
        return Stored((Segment(again.key, again.size),), again.wrapped_key, digest)

    async def _opened(self, wrapped: bytes, digest: Digest, data: bytes) -> bytes:
        """Inline bytes in clear; nothing when they do not open, which hashes to no digest that was asked for."""
        try:
            return await self._objects.opened(wrapped, digest, data)
        except Corrupt:
            return b""

    async def _leased(self, permit: PullPermit, repo_id: int, content_id: int, due: int | None) -> bool:
        """Whether what HEAD is about to report stays: moves a candidate that falls due within one lease."""
        lease = self._settings.lease
        if not permit.may_push or due is None or due >= self._db.now() + lease:
            return True

        async def renew(unit: Unit) -> bool:
            until = unit.now + 2 * lease
            if await unit.run(store.RENEW, repo_id=repo_id, content_id=content_id, due=until):
                return True
            return await unit.one(store.LINKED, repo_id=repo_id, content_id=content_id) is not None

        try:
            return await self._db.write(renew)
        except ReadOnly:
            return True  # nothing is collected then

    async def _mark_damaged(self, permit: Permit, content_id: int, digest: Digest, key: str | None) -> None:
        async def mark(unit: Unit) -> None:
            if await unit.run(MARK_DAMAGED, id=content_id, key=key or ""):
                await record(
                    unit,
                    ChangeKind.CONTENT_DAMAGED,
                    Place(0, 0, unit.now),
                    actor="system",
                    origin=permit.origin,
                    data={"digest": digest},
                )

        # The refusal stands whether or not the mark can be written now: the next reader finds the same damage.
        with suppress(DatabaseError):
            await self._db.write(mark)


async def _after(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """`first`, then what `rest` brings."""
    async with aclosing(rest):
        if first:
            yield first
        async for piece in rest:
            yield piece
