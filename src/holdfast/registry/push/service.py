"""The use-case of a manifest push: one unit that decides and writes everything together.

Promises: what a manifest names is in the repository or the push is refused naming what is missing; the bytes are kept
as they came; every tag of the request moves, or none; putting the digest that a tag already has makes no event; the
content that the manifest keeps can no longer be collected when the answer is sent; every right that a push needs
(rights.py) is looked at in the same unit, and one that is missing leaves nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.errors import Changed
from holdfast.access.model import PushPermit
from holdfast.access.standing import renewed
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import Place, record
from holdfast.oci import manifest as oci_manifest
from holdfast.oci.digest import Digest
from holdfast.oci.manifest import Kind, Manifest
from holdfast.oci.name import Tag, signed_digest
from holdfast.oci.version import version_key
from holdfast.registry.content import Offer, doom_objects, keep_content, refuse_purged, require_room
from holdfast.registry.effective.service import Effective, effective
from holdfast.registry.errors import BlobsMissing, DigestMismatch
from holdfast.registry.immutability.rules import Change, blocked
from holdfast.registry.immutability.service import refuse, rules_of
from holdfast.registry.objects import Objects
from holdfast.registry.push import store
from holdfast.registry.quotas.model import Counts
from holdfast.registry.quotas.service import grow, make_and_advance
from holdfast.registry.reach.pushing import PushRights, require_tag
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import (
    CANDIDATE,
    HOLD_CONTENT,
    PUT_BODY,
    TAG_EVENT,
)

SPARSE_INDEXES = "sparse-indexes"


class ManifestPut(NamedTuple):
    """A push: the bytes, their type as sent, and what they should be called. `expected`: what the tags, where they are
    there, must point to still, None: anything."""

    data: bytes
    content_type: str
    digest: Digest | None
    tags: tuple[Tag, ...]
    expected: Digest | None = None


class Pushed(NamedTuple):
    """What was stored: its digest, its subject if it has one, and the tags that it made and moved."""

    digest: Digest
    subject: Digest | None
    made: tuple[Tag, ...] = ()
    moved: tuple[Tag, ...] = ()


class _Move(NamedTuple):
    """A tag that moved, and what it pointed to before."""

    name: Tag
    was: int | None


class _Parsed(NamedTuple):
    """A push after parsing, with everything the unit needs. `held`: the settings of its repository; `seen`: what it may
    keep of what it names, None: all."""

    put: ManifestPut
    digest: Digest
    manifest: Manifest
    held: Effective = Effective(())
    seen: frozenset[str] | None = None


class Push:
    """Storing manifests and moving tags. One object a process."""

    def __init__(self, db: Database, objects: Objects, settings: RegistrySettings) -> None:
        self._db = db
        self._objects = objects
        self._settings = settings
        self._rights = PushRights(db, settings)

    async def manifest(self, permit: PushPermit, put: ManifestPut) -> Pushed:
        """Store a manifest and move its tags.

        Raises `ManifestInvalid` (oci), `DigestMismatch`, `BlobsMissing`, `Denied`, `Immutable`, `Purged`, `NoRoom`,
        `StalePermit`.
        """
        digest = Digest.of(put.data, put.digest.algorithm if put.digest is not None else "sha256")
        if put.digest is not None and digest != put.digest:
            raise DigestMismatch("the manifest does not hash to the digest in the path", expected=put.digest)
        manifest = oci_manifest.parse(put.data, put.content_type)
        require_room(self._objects.blobs, self._settings)
        parsed = _Parsed(put, digest, manifest)
        moves = await self._db.write(lambda unit: self._store(unit, permit, parsed))
        return Pushed(
            digest,
            manifest.subject.digest if manifest.subject is not None else None,
            tuple(move.name for move in moves if move.was is None),
            tuple(move.name for move in moves if move.was is not None),
        )

    async def _store(self, unit: Unit, permit: PushPermit, parsed: _Parsed) -> list[_Move]:
        permit = await renewed(unit, permit)
        place = await make_and_advance(unit, permit)
        parsed = parsed._replace(held=await effective(unit, permit.repository.prefixes()))
        subject = parsed.manifest.subject.digest if parsed.manifest.subject is not None else None
        await self._rights.require_signing(unit, permit, place, subject, parsed.put.tags, held=parsed.held)
        present = await unit.one(store.PRESENT, repo_id=place.repo_id, digest=parsed.digest)
        if not permit.pull.everything:
            parsed = await self._require_named(unit, permit, place, parsed, present)
        content_id, fresh = (present.id, False) if present is not None else await self._lay(unit, permit, place, parsed)
        if named := _named(parsed.manifest):
            await unit.run(store.SETTLE_CHILDREN, repo_id=place.repo_id, keeper_id=content_id, digests=named)
            await unit.run(store.END_LEASES, repo_id=place.repo_id, digests=named, opener=permit.subject.id)
        await self._rights.keep(unit, permit, place, content_id)
        moves = await self._move_all(unit, permit, place, parsed, content_id)
        if any(signed_digest(name) is None for name in parsed.put.tags):
            await unit.run(store.SETTLE, repo_id=place.repo_id, content_id=content_id)
        else:
            await self._hold(unit, place, parsed.held, content_id)
        if fresh or moves:
            size = len(parsed.put.data) if fresh else 0
            new_tags = sum(move.was is None for move in moves)
            if size or new_tags:
                await grow(unit, permit, permit.repository, Counts(bytes=size, tags=new_tags), parsed.held)
            data: dict[str, object] = {"digest": parsed.digest, "tags": [move.name for move in moves]}
            kind = ChangeKind.MANIFEST_PUSHED if fresh else ChangeKind.TAG_MOVED
            await record(unit, kind, place, actor=permit.subject.actor, origin=permit.origin, data=data)
        return moves

    async def _require_named(
        self, unit: Unit, permit: PushPermit, place: Place, parsed: _Parsed, present: store.ContentId | None
    ) -> _Parsed:
        """Raise `BlobsMissing` when the manifest names what is hidden from the pusher, as if it were not there; unless
        he may read the manifest itself, or has put it before. Returns the push with what it may keep."""
        own: dict[str, int] = {parsed.digest: present.id if present is not None else 0}
        if await self._rights.readable(unit, permit, place, parsed.held, own) and present is not None:
            return parsed
        named = _named(parsed.manifest)
        rows = await unit.all(store.CHILDREN, repo_id=place.repo_id, digests=named)
        here = {row.digest: row.id for row in rows if row.kind is not None}
        asked: dict[str, int] = {digest: here.get(digest, 0) for digest in named}
        seen = await self._rights.readable(unit, permit, place, parsed.held, asked)
        seen &= set(here)
        # What is needed, and whatever a manifest that is here already keeps.
        needed = dict.fromkeys([*_needed(parsed.manifest), *(here if present is not None else ())])
        missing = [digest for digest in needed if digest not in seen]
        if missing:
            await refuse_purged(unit, missing)
            raise BlobsMissing(missing)
        return parsed._replace(seen=frozenset(seen))

    async def _lay(self, unit: Unit, permit: PushPermit, place: Place, parsed: _Parsed) -> tuple[int, bool]:
        """Everything of a manifest that the repository does not show yet: content, link, edges. Returns its id, and
        whether its bytes were not visible here at all."""
        content_id = await self._keep(unit, permit, parsed)
        children = await self._children(unit, place, parsed)
        fresh = await _link(unit, place, content_id, parsed)
        for child in children:
            await unit.run(store.EDGE, repo_id=place.repo_id, kept_id=child, keeper_id=content_id)
        return content_id, fresh

    async def _keep(self, unit: Unit, permit: PushPermit, parsed: _Parsed) -> int:
        """Content and body of the manifest; a manifest that was uploaded as a blob first moves into the database."""
        seal = self._objects.fresh()
        data, wrapped = seal.close(parsed.digest, parsed.put.data), seal.wrapped(parsed.digest)
        content_id = await keep_content(unit, permit, Offer(parsed.digest, len(parsed.put.data), data, wrapped=wrapped))
        body = await unit.one(store.BODY, id=content_id)
        if body is not None and not body.present:
            # Alone from here on: a compaction, or another push of it, may be moving its bytes at this moment.
            await unit.one(HOLD_CONTENT, id=content_id)
            body = await unit.one(store.BODY, id=content_id)
        if body is not None and not body.present:
            await doom_objects(unit, content_id, body.key, unit.now + self._settings.grace)
            await unit.run(PUT_BODY, id=content_id, bytes=data)
            await unit.run(store.INLINE, id=content_id, wrapped_key=wrapped)
        return content_id

    async def _children(self, unit: Unit, place: Place, parsed: _Parsed) -> list[int]:
        """The ids of what the manifest keeps, sorted. Raises `BlobsMissing` naming what is not there."""
        manifest = parsed.manifest
        if not (named := _named(manifest)):
            return []
        rows = await unit.all(store.CHILDREN, repo_id=place.repo_id, digests=named)
        seen = parsed.seen
        found = {row.digest: row.id for row in rows if row.kind is not None and (seen is None or row.digest in seen)}
        missing = [digest for digest in dict.fromkeys(_needed(manifest)) if digest not in found]
        if missing:
            await refuse_purged(unit, missing)
            if manifest.kind is not Kind.INDEX or not self._may_be_sparse(parsed.held):
                raise BlobsMissing(missing)
            for digest in sorted(missing):
                found[digest] = await _await_child(unit, place, digest)
        return sorted(found.values())

    def _may_be_sparse(self, held: Effective) -> bool:
        value = held.text(SPARSE_INDEXES)
        return value == "true" if value is not None else self._settings.sparse_indexes

    async def _move_all(
        self, unit: Unit, permit: PushPermit, place: Place, parsed: _Parsed, content_id: int
    ) -> list[_Move]:
        """Point every tag of the push at the manifest; returns those that were made or moved. Raises `Denied`,
        `Immutable`, `Changed`."""
        if parsed.put.expected is not None:
            await _require_still(
                unit, place, parsed.put.tags, {await _content_id(unit, parsed.put.expected), content_id}
            )
        moves = [await self._move(unit, permit, place, content_id, name, held=parsed.held) for name in parsed.put.tags]
        return [move for move in moves if move is not None]

    async def _move(
        self, unit: Unit, permit: PushPermit, place: Place, content_id: int, name: Tag, *, held: Effective
    ) -> _Move | None:
        """Point the tag `name` at the manifest; None when it points there already, which is no event. Raises
        `Denied`, `Immutable`."""
        row = await unit.one(store.TAG, repo_id=place.repo_id, name=name)
        was = row.content_id if row is not None else None
        require_tag(permit, name, was, content_id)
        if was == content_id:
            return None
        if was is not None:
            refuse(blocked(rules_of(held), Change.MOVE, name))
        await unit.run(
            store.PUT_TAG,
            repo_id=place.repo_id,
            name=name,
            content_id=content_id,
            was_id=was,
            seq=place.seq,
            version_key=version_key(name),
        )
        await unit.run(
            TAG_EVENT, repo_id=place.repo_id, seq=place.seq, name=name, was_id=was, now_id=content_id, at=place.at
        )
        if was is not None:
            await self._hold(unit, place, held, was)
        return _Move(name, was)

    async def _hold(self, unit: Unit, place: Place, held: Effective, content_id: int) -> None:
        """Keep what has no tag (any more) for the history window, and a lease beyond it."""
        due = held.collectable(self._settings, max(place.at, unit.now))
        await unit.run(CANDIDATE, repo_id=place.repo_id, content_id=content_id, due=due)


async def _require_still(unit: Unit, place: Place, tags: tuple[Tag, ...], expected: set[int]) -> None:
    """Raise `Changed` when one of `tags` is there and points to something else."""
    for name in tags:
        row = await unit.one(store.TAG, repo_id=place.repo_id, name=name)
        if row is not None and row.content_id not in expected:
            raise Changed


def _needed(manifest: Manifest) -> list[Digest]:
    """What must be here before the manifest is."""
    return [part.digest for part in (manifest.manifests if manifest.kind is Kind.INDEX else manifest.blobs)]


def _named(manifest: Manifest) -> list[Digest]:
    """Everything that a manifest names as a part of itself, sorted."""
    parts = (*manifest.manifests, *manifest.blobs, *manifest.layers)
    return sorted({part.digest for part in parts})


async def _await_child(unit: Unit, place: Place, digest: str) -> int:
    """A place for a child that a sparse index lists and that may come later: a tombstone that its push revives."""
    child = await _content_id(unit, digest)
    await unit.run(store.AWAIT_LINK, repo_id=place.repo_id, content_id=child, kind=int(Kind.BLOB), at=place.at)
    return child


async def _content_id(unit: Unit, digest: str) -> int:
    """The id of `digest`, which may not be stored yet; it stays until the unit ends."""
    row: store.ContentId | None = None
    while row is None:  # content that goes away at this moment is awaited anew
        row = await unit.one(store.CONTENT_ID, digest=digest)
        if row is None:
            row = await unit.one(store.AWAIT_CONTENT, digest=digest)
    return row.id


async def _link(unit: Unit, place: Place, content_id: int, parsed: _Parsed) -> bool:
    """Make the manifest visible; True when its bytes were not. The media type first stored in the repository stays."""
    manifest = parsed.manifest
    row = await unit.one(store.LINK, repo_id=place.repo_id, content_id=content_id)
    if manifest.subject is not None:
        await refuse_purged(unit, [manifest.subject.digest])
    subject = await _content_id(unit, manifest.subject.digest) if manifest.subject is not None else None
    link = {
        "repo_id": place.repo_id,
        "content_id": content_id,
        "kind": int(manifest.kind),
        "artifact_type": manifest.referrer_type,
        "subject": subject,
        "at": place.at,
    }
    if row is None and not await unit.run(store.NEW_LINK, media_type=manifest.media_type, **link):
        # The same bytes were pushed as a blob at this moment: the link is there now, and its size is counted.
        row = await unit.one(store.LINK, repo_id=place.repo_id, content_id=content_id)
    if row is not None:
        await unit.run(store.SET_LINK, media_type=row.media_type or manifest.media_type, **link)
    if subject is not None and await unit.one(store.HAS_LINK, repo_id=place.repo_id, content_id=subject) is not None:
        await unit.run(store.EDGE, repo_id=place.repo_id, kept_id=content_id, keeper_id=subject)
    await unit.run(store.KEEP_WAITING_REFERRERS, repo_id=place.repo_id, subject=content_id)
    return row is None or row.gone_at is not None
