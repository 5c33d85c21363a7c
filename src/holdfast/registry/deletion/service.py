"""The use-cases of deletes.

Promises: what was deleted answers 404 at once, and its row stays as a tombstone inside the history window; nothing is
deleted from under a manifest that uses it; every tag that pointed to a deleted manifest ends with an event;
nothing goes that a tag leads to which the caller may not delete, nor an immutable tag.
"""

from __future__ import annotations

from contextlib import suppress

from holdfast.access.errors import Changed
from holdfast.access.model import DeletePermit
from holdfast.access.standing import check_permit
from holdfast.blobs.errors import Corrupt
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import Place, record
from holdfast.oci.digest import Digest
from holdfast.oci.manifest import Kind
from holdfast.oci.name import Tag, signed_digest
from holdfast.registry.deletion import store
from holdfast.registry.effective.service import Effective, effective
from holdfast.registry.errors import BlobUnknown, InUse, ManifestUnknown, RegistryError, RepositoryUnknown
from holdfast.registry.immutability.rules import Change, first_blocked
from holdfast.registry.immutability.service import refuse, rules_of
from holdfast.registry.objects import Objects
from holdfast.registry.reach.service import NOTHING, Reach, Target
from holdfast.registry.reach.spans import allowed, refused
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import CANDIDATE, TAG_EVENT, USAGE, advance, hold

_NAMED_KEEPERS = 10
_TOLD = 500


class _Undone(Exception):
    """Ends the unit of a dry run."""


class Deletion:
    """Deleting tags, manifests and blobs. One object a process."""

    def __init__(self, db: Database, objects: Objects, settings: RegistrySettings) -> None:
        self._db = db
        self._objects = objects
        self._settings = settings
        self._reach = Reach(db, settings.window)

    async def tag(self, permit: DeletePermit, name: Tag, *, dry_run: bool = False, still: Digest | None = None) -> None:
        """End a tag; its manifest stays pullable by digest. `dry_run`: change nothing, only refuse what is refused;
        `still`: what the tag must point to still, None: anything.

        Raises `ManifestUnknown`, `RepositoryUnknown`, `Denied`, `Immutable`, `Changed`, `StalePermit`.
        """
        unknown = ManifestUnknown("this repository has no such tag", reference=name)

        async def end(unit: Unit) -> None:
            await check_permit(unit, permit)
            if not permit.tags.allows(name):
                raise permit.tags.refuse(name)
            place = _known(await advance(unit, permit), permit)
            held = await effective(unit, permit.repository.prefixes())
            digest = signed_digest(name)
            if digest is not None and not permit.tags.everything:
                target = await self._reach.find(unit, permit.repository, digest)
                await self._require_all(unit, permit, held, target, unknown)
            row = await unit.one(store.TAG, repo_id=place.repo_id, name=name)
            if row is None:
                raise unknown
            if still is not None and row.digest != still:
                raise Changed(f"the tag {name} was moved meanwhile")
            refuse(first_blocked(rules_of(held), Change.DELETE, [name]))
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
            await self._hold(unit, place, held, row.content_id)
            await unit.run(USAGE, path=permit.repository, bytes=0, repositories=0, tags=-1)
            await self._record(unit, permit, place, ChangeKind.TAG_DELETED, {"tag": name})
            if dry_run:
                raise _Undone

        with suppress(_Undone):
            await self._db.write(end)

    async def manifest(self, permit: DeletePermit, digest: Digest) -> None:
        """Delete a manifest and every tag on it.

        Raises `ManifestUnknown`, `RepositoryUnknown`, `InUse`, `Denied`, `Immutable`, `StalePermit`.
        """
        unknown = ManifestUnknown("this repository has no such manifest", reference=digest)

        async def bury(unit: Unit) -> None:
            await check_permit(unit, permit)
            place = _known(await advance(unit, permit), permit)
            held = await effective(unit, permit.repository.prefixes())
            row = await unit.one(store.TARGET, repo_id=place.repo_id, digest=digest)
            if row is not None and row.kind == Kind.BLOB:
                row = None
            await self._require_all(unit, permit, held, _target(place, row), unknown)
            if row is None:
                raise unknown
            await self._refuse_in_use(unit, permit, place.repo_id, row, digest)
            tags = await unit.all(store.TAGS_OF, repo_id=place.repo_id, content_id=row.content_id)
            refuse(first_blocked(rules_of(held), Change.DELETE, [tag.name for tag in tags]))
            await unit.run(store.END_TAGS, repo_id=place.repo_id, content_id=row.content_id, seq=place.seq, at=place.at)
            await unit.run(store.DROP_TAGS, repo_id=place.repo_id, content_id=row.content_id)
            await self._bury(unit, permit, place, row, held=held, tags=len(tags))
            ended: dict[str, object] = {"tags": sorted(tag.name for tag in tags)[:_TOLD]} if tags else {}
            await self._record(unit, permit, place, ChangeKind.MANIFEST_DELETED, {"digest": digest, **ended})

        await self._objects.knowing(lambda: self._db.write(bury))

    async def blob(self, permit: DeletePermit, digest: Digest) -> None:
        """Delete a blob that no manifest uses.

        Raises `BlobUnknown`, `RepositoryUnknown`, `InUse`, `Denied`, `StalePermit`.
        """
        unknown = BlobUnknown("this repository has no such blob", digest=digest)

        async def bury(unit: Unit) -> None:
            await check_permit(unit, permit)
            # No tag or manifest changes: the repository keeps its place in history, and stays out of the catalog when
            # it holds nothing but blobs.
            place = _known(await hold(unit, permit), permit)
            held = await effective(unit, permit.repository.prefixes())
            row = await unit.one(store.TARGET, repo_id=place.repo_id, digest=digest)
            if row is not None and row.kind != Kind.BLOB:
                row = None
            await self._require_all(unit, permit, held, _target(place, row), unknown)
            if row is None:
                raise unknown
            await self._refuse_in_use(unit, permit, place.repo_id, row, digest)
            await self._bury(unit, permit, place, row, held=held, tags=0)
            await self._record(unit, permit, place, ChangeKind.BLOB_DELETED, {"digest": digest})

        await self._objects.knowing(lambda: self._db.write(bury))

    async def ask(self, permit: DeletePermit, reference: Tag | Digest) -> int:
        """Refuse what `tag` and `manifest` would refuse of what is there; returns for how long it can be restored,
        microseconds (0: not at all). By digest: with every tag on it.

        Raises as they do.
        """
        repository = permit.repository

        async def read(reader: Reader) -> int:
            await check_permit(reader, permit)
            held = await effective(reader, repository.prefixes())
            if isinstance(reference, Digest):
                await self._ask_manifest(reader, permit, held, reference)
            else:
                if not permit.tags.allows(reference):
                    raise permit.tags.refuse(reference)
                refuse(first_blocked(rules_of(held), Change.DELETE, [reference]))
            return held.window(self._settings.window)

        return await self._objects.knowing(lambda: self._db.snapshot(read))

    async def _ask_manifest(self, reader: Reader, permit: DeletePermit, held: Effective, digest: Digest) -> None:
        unknown = ManifestUnknown("this repository has no such manifest", reference=digest)
        target = await self._reach.find(reader, permit.repository, digest)
        row = await reader.one(store.TARGET, repo_id=target.repo_id, digest=digest)
        if row is not None and row.kind == Kind.BLOB:
            row = None
        await self._require_all(reader, permit, held, target if row is not None else NOTHING, unknown)
        if row is None:
            raise unknown
        await self._refuse_in_use(reader, permit, target.repo_id, row, digest)
        tags = await reader.all(store.TAGS_OF, repo_id=target.repo_id, content_id=row.content_id)
        refuse(first_blocked(rules_of(held), Change.DELETE, [tag.name for tag in tags]))

    async def _require_all(
        self, unit: Reader, permit: DeletePermit, held: Effective, target: Target, unknown: RegistryError
    ) -> None:
        """Raise `Denied` unless every tag that leads to `target`, now or inside the window, may be deleted; `unknown`
        instead to who may not see it, after the same statements as for what is not there."""
        if permit.tags.everything:
            return
        since = self._reach.since_of(held)
        seen = permit.pull.everything or await self._reach.leads(unit, allowed(permit.pull), target, since, level=True)
        if await self._reach.leads(unit, refused(permit.tags), target, since, level=True):
            raise permit.tags.refuse() if seen else unknown

    async def _bury(
        self, unit: Unit, permit: DeletePermit, place: Place, row: store.TargetRow, *, held: Effective, tags: int
    ) -> None:
        # The candidate first: a push of the same content locks it as well, so one of the two sees what the other did.
        await self._hold(unit, place, held, row.content_id)
        await unit.run(store.DROP_LEASES, repo_id=place.repo_id, content_id=row.content_id)
        await unit.run(store.BURY_LINK, repo_id=place.repo_id, content_id=row.content_id, at=place.at)
        await unit.run(USAGE, path=permit.repository, bytes=-row.size, repositories=0, tags=-tags)

    async def _hold(self, unit: Unit, place: Place, held: Effective, content_id: int) -> None:
        """What lost its root may be looked at when the history window and a lease have passed."""
        due = held.collectable(self._settings, max(place.at, unit.now))
        await unit.run(CANDIDATE, repo_id=place.repo_id, content_id=content_id, due=due)

    async def _refuse_in_use(
        self, unit: Reader, permit: DeletePermit, repo_id: int, row: store.TargetRow, digest: Digest
    ) -> None:
        """Raise `InUse` while live manifests name `digest` as a part (its subject does not: it is kept by it), naming
        them to who may pull everything. A manifest that cannot be opened may name it."""
        keepers = await unit.all(store.KEEPERS, repo_id=repo_id, content_id=row.content_id, limit=_NAMED_KEEPERS)
        users = [keeper.digest for keeper in keepers if not keeper.subject or self._names(keeper, digest)]
        if users:
            user = "a manifest uses this blob" if row.kind == Kind.BLOB else "an index lists this manifest"
            known = {"used_by": users} if permit.pull.everything else {}
            raise InUse(f"{user}: delete it first", **known)

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


def _target(place: Place, row: store.TargetRow | None) -> Target:
    return Target(place.repo_id, row.content_id) if row is not None else NOTHING
