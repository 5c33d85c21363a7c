"""The use-cases of a pull.

Promises: what GET returns hashes to its digest (inline content is hashed again on the way out; content that no longer
hashes is marked, never served, and repaired by the next push); HEAD by someone who may push leases what it reports;
reads need no write, so they go on while the disk is full or nothing can be committed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import suppress

from holdfast.access.model import Permit, PullPermit
from holdfast.access.standing import check_permit, prove
from holdfast.blobs.errors import BlobError, Missing
from holdfast.blobs.port import BlobStore
from holdfast.db.errors import DatabaseError
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import Place, record
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.errors import BlobUnknown, ContentUnavailable, ManifestUnknown
from holdfast.registry.model import State, StoredBlob, StoredManifest
from holdfast.registry.pull import store
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import MARK_DAMAGED


class Pull:
    """Reading manifests and blobs. One object a process."""

    def __init__(self, db: Database, blobs: BlobStore, settings: RegistrySettings) -> None:
        self._db = db
        self._blobs = blobs
        self._settings = settings

    async def manifest(self, permit: PullPermit, reference: Tag | Digest) -> StoredManifest:
        """The manifest with its bytes. Raises `ManifestUnknown`, `StalePermit`."""
        if isinstance(reference, Digest):
            row = await self._db.one(store.MANIFEST_BY_DIGEST, path=permit.repository, digest=reference)
        else:
            row = await self._db.one(store.MANIFEST_BY_TAG, path=permit.repository, name=reference)
        if row is None:
            await check_permit(self._db, permit)
            raise _no_manifest(reference)
        prove(permit, row.version)
        digest = Digest(row.digest)
        if row.state != State.STORED:
            raise _no_manifest(reference)
        if Digest.of(row.bytes, digest.algorithm) != digest:
            await self._mark_damaged(permit, row.content_id, digest, None)
            raise _no_manifest(reference)
        return StoredManifest(digest, row.media_type, row.size, row.bytes)

    async def manifest_head(self, permit: PullPermit, reference: Tag | Digest) -> StoredManifest:
        """The manifest without its bytes, leased to someone who may push. Raises `ManifestUnknown`, `StalePermit`."""
        if isinstance(reference, Digest):
            row = await self._db.one(store.MANIFEST_HEAD_BY_DIGEST, path=permit.repository, digest=reference)
        else:
            row = await self._db.one(store.MANIFEST_HEAD_BY_TAG, path=permit.repository, name=reference)
        if row is None:
            await check_permit(self._db, permit)
            raise _no_manifest(reference)
        prove(permit, row.version)
        if row.state != State.STORED or not await self._leased(permit, row.repo_id, row.content_id, row.due):
            raise _no_manifest(reference)
        return StoredManifest(Digest(row.digest), row.media_type, row.size, b"")

    async def blob(self, permit: PullPermit, digest: Digest) -> StoredBlob:
        """The blob with its inline bytes or its key. Raises `BlobUnknown`, `StalePermit`."""
        row = await self._db.one(store.BLOB, path=permit.repository, digest=digest)
        if row is None:
            await check_permit(self._db, permit)
            raise _no_blob(digest)
        prove(permit, row.version)
        if row.state != State.STORED:
            raise _no_blob(digest)
        if row.bytes is not None and Digest.of(row.bytes, digest.algorithm) != digest:
            await self._mark_damaged(permit, row.content_id, digest, None)
            raise _no_blob(digest)
        return StoredBlob(row.content_id, digest, row.size, row.bytes, row.key)

    async def blob_head(self, permit: PullPermit, digest: Digest) -> StoredBlob:
        """The blob without its bytes, leased to someone who may push. Raises `BlobUnknown`, `StalePermit`."""
        row = await self._db.one(store.BLOB_HEAD, path=permit.repository, digest=digest)
        if row is None:
            await check_permit(self._db, permit)
            raise _no_blob(digest)
        prove(permit, row.version)
        if row.state != State.STORED or not await self._leased(permit, row.repo_id, row.content_id, row.due):
            raise _no_blob(digest)
        return StoredBlob(row.content_id, digest, row.size, None, None)

    async def read(self, permit: PullPermit, blob: StoredBlob, start: int, end: int) -> bytes:
        """Bytes `start` to `end` (exclusive, at most 1 MiB) of a blob. Raises `BlobUnknown`, `ContentUnavailable`."""
        if blob.data is not None:
            return blob.data if end - start == blob.size else blob.data[start:end]
        try:
            data = await self._blobs.read(blob.key or "", start, end)
        except Missing:
            data = b""
        except BlobError as error:
            raise ContentUnavailable("the blob store does not answer") from error
        if len(data) != end - start:
            await self._mark_damaged(permit, blob.content_id, blob.digest, blob.key)
            raise _no_blob(blob.digest)
        return data

    async def stream(self, permit: PullPermit, blob: StoredBlob, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Bytes `start` to `end` in pieces of at most 1 MiB; the object is checked before the first is promised."""
        await self._check_object(permit, blob)
        return self._blobs.chunks(blob.key or "", start, end)

    async def _check_object(self, permit: PullPermit, blob: StoredBlob) -> None:
        try:
            size = await self._blobs.size(blob.key or "")
        except BlobError as error:
            raise ContentUnavailable("the blob store does not answer") from error
        if size != blob.size:
            await self._mark_damaged(permit, blob.content_id, blob.digest, blob.key)
            raise _no_blob(blob.digest)

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

        return await self._db.write(renew)

    async def _mark_damaged(self, permit: Permit, content_id: int, digest: Digest, key: str | None) -> None:
        async def mark(unit: Unit) -> None:
            if await unit.run(MARK_DAMAGED, id=content_id, key=key or ""):
                await record(
                    unit,
                    ChangeKind.CONTENT_DAMAGED,
                    Place(0, 0, unit.now),
                    actor="system",
                    request=permit.request,
                    data={"digest": digest},
                )

        # The refusal stands whether or not the mark can be written now: the next reader finds the same damage.
        with suppress(DatabaseError):
            await self._db.write(mark)


def _no_manifest(reference: str) -> ManifestUnknown:
    return ManifestUnknown("this repository has no such manifest", reference=reference)


def _no_blob(digest: str) -> BlobUnknown:
    return BlobUnknown("this repository has no such blob", digest=digest)
