"""The use-cases of deletes.

Promises: what was deleted answers 404 at once, and its row stays as a tombstone inside the history window; nothing is
deleted from under a manifest that uses it; every tag that pointed to a deleted manifest ends with an event.
"""

from __future__ import annotations

from holdfast.access.model import DeletePermit
from holdfast.access.standing import check_permit
from holdfast.blobs.errors import Corrupt
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import Place, record
from holdfast.oci.digest import Digest
from holdfast.oci.manifest import Kind
from holdfast.oci.name import Tag
from holdfast.registry.deletion import store
from holdfast.registry.errors import BlobUnknown, InUse, ManifestUnknown, RepositoryUnknown
from holdfast.registry.objects import Objects
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import CANDIDATE, TAG_EVENT, USAGE, advance, hold

_NAMED_KEEPERS = 10


class Deletion:
    """Deleting tags, manifests and blobs. One object a process."""

    def __init__(self, db: Database, objects: Objects, settings: RegistrySettings) -> None:
        self._db = db
        self._objects = objects
        self._settings = settings

    async def tag(self, permit: DeletePermit, name: Tag) -> None:
        """End a tag; its manifest stays pullable by digest. Raises `ManifestUnknown`, `RepositoryUnknown`."""

        async def end(unit: Unit) -> None:
            place = await self._begin(unit, permit)
            row = await unit.one(store.TAG, repo_id=place.repo_id, name=name)
            if row is None:
                raise ManifestUnknown("this repository has no such tag", reference=name)
            await unit.run(store.DROP_TAG, repo_id=place.repo_id, name=name)
            await unit.run(
                TAG_EVENT,
                repo_id=place.repo_id,
                seq=place.seq,
                name=name,
                was_id=row.content_id,
                now_id=None,
                at=place.at,
            )
            await self._hold(unit, place, row.content_id)
            await unit.run(USAGE, path=permit.repository, bytes=0, repositories=0, tags=-1)
            await self._record(unit, permit, place, ChangeKind.TAG_DELETED, {"tag": name})

        await self._db.write(end)

    async def manifest(self, permit: DeletePermit, digest: Digest) -> None:
        """Delete a manifest and every tag on it. Raises `ManifestUnknown`, `RepositoryUnknown`, `InUse`."""

        async def bury(unit: Unit) -> None:
            place = await self._begin(unit, permit)
            row = await unit.one(store.TARGET, repo_id=place.repo_id, digest=digest)
            if row is None or row.kind == Kind.BLOB:
                raise ManifestUnknown("this repository has no such manifest", reference=digest)
            await self._refuse_in_use(
                unit, place, row.content_id, digest, "an index lists this manifest: delete it first"
            )
            tags = await unit.one(store.TAGS_OF, repo_id=place.repo_id, content_id=row.content_id)
            await unit.run(store.END_TAGS, repo_id=place.repo_id, content_id=row.content_id, seq=place.seq, at=place.at)
            await unit.run(store.DROP_TAGS, repo_id=place.repo_id, content_id=row.content_id)
            await self._bury(unit, permit, place, row, tags.total if tags is not None else 0)
            await self._record(unit, permit, place, ChangeKind.MANIFEST_DELETED, {"digest": digest})

        await self._objects.knowing(lambda: self._db.write(bury))

    async def blob(self, permit: DeletePermit, digest: Digest) -> None:
        """Delete a blob that no manifest uses. Raises `BlobUnknown`, `RepositoryUnknown`, `InUse`."""

        async def bury(unit: Unit) -> None:
            await check_permit(unit, permit)
            # No tag or manifest changes: the repository keeps its place in history, and stays out of the catalog when
            # it holds nothing but blobs.
            place = _known(await hold(unit, permit.repository), permit)
            row = await unit.one(store.TARGET, repo_id=place.repo_id, digest=digest)
            if row is None or row.kind != Kind.BLOB:
                raise BlobUnknown("this repository has no such blob", digest=digest)
            await self._refuse_in_use(unit, place, row.content_id, digest, "a manifest uses this blob: delete it first")
            await self._bury(unit, permit, place, row, 0)
            await self._record(unit, permit, place, ChangeKind.BLOB_DELETED, {"digest": digest})

        await self._objects.knowing(lambda: self._db.write(bury))

    async def _begin(self, unit: Unit, permit: DeletePermit) -> Place:
        await check_permit(unit, permit)
        return _known(await advance(unit, permit.repository), permit)

    async def _bury(self, unit: Unit, permit: DeletePermit, place: Place, row: store.TargetRow, tags: int) -> None:
        # The candidate first: a push of the same content locks it as well, so one of the two sees what the other did.
        await self._hold(unit, place, row.content_id)
        await unit.run(store.DROP_LEASES, repo_id=place.repo_id, content_id=row.content_id)
        await unit.run(store.BURY_LINK, repo_id=place.repo_id, content_id=row.content_id, at=place.at)
        await unit.run(USAGE, path=permit.repository, bytes=-row.size, repositories=0, tags=-tags)

    async def _hold(self, unit: Unit, place: Place, content_id: int) -> None:
        """What lost its root may be looked at when the history window and a lease have passed."""
        due = max(place.at, unit.now) + self._settings.window + self._settings.lease
        await unit.run(CANDIDATE, repo_id=place.repo_id, content_id=content_id, due=due)

    async def _refuse_in_use(self, unit: Unit, place: Place, content_id: int, digest: Digest, message: str) -> None:
        """Raise `InUse` naming the live manifests that name `digest` as a part (its subject does not: it is kept by
        it). A manifest that cannot be opened may name it."""
        rows = await unit.all(store.KEEPERS, repo_id=place.repo_id, content_id=content_id, limit=_NAMED_KEEPERS)
        users = [row.digest for row in rows if not row.subject or self._names(row, digest)]
        if users:
            raise InUse(message, used_by=users)

    def _names(self, row: store.KeeperRow, digest: Digest) -> bool:
        try:
            return digest.encode() in self._objects.open(row.wrapped_key, row.digest, row.bytes)
        except Corrupt:
            return True

    async def _record(
        self, unit: Unit, permit: DeletePermit, place: Place, kind: ChangeKind, data: dict[str, object]
    ) -> None:
        await record(unit, kind, place, actor=permit.subject.actor, origin=permit.origin, data=data)


def _known(place: Place | None, permit: DeletePermit) -> Place:
    if place is None:
        raise RepositoryUnknown("there is no such repository", name=permit.repository)
    return place
