"""The use-cases of undelete: what was deleted inside the window, and bringing it back.

Promises: what comes back is whole, with its parts and with what referred to it when it was deleted, or nothing does;
nothing is shown by this that the repository did not show before it was deleted; what a tag was deleted with comes back
with it. After the window, and once purged, nothing does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.access.errors import Conflict
from holdfast.access.model import PathPermit, PushPermit
from holdfast.access.standing import check_permit, check_reading
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import Place, record
from holdfast.oci.digest import Digest
from holdfast.oci.manifest import Kind as ContentKind
from holdfast.oci.name import RepositoryName, Tag, signed_digest
from holdfast.oci.version import version_key
from holdfast.registry.effective.service import Effective, effective
from holdfast.registry.errors import BlobUnknown, ManifestUnknown, NotRestorable, RepositoryUnknown
from holdfast.registry.history.closure import closures
from holdfast.registry.history.closure_store import REVIVE
from holdfast.registry.history.targets import one_repository
from holdfast.registry.history.undelete import store
from holdfast.registry.history.undelete.model import Cursor, Gone, GonePage, Kind, Restored
from holdfast.registry.model import State
from holdfast.registry.quotas.model import Counts
from holdfast.registry.quotas.service import grow
from holdfast.registry.reach.service import NOTHING, Reach, Target
from holdfast.registry.reach.showing import may_tell, tells, writing_in
from holdfast.registry.reach.spans import allowed
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import CANDIDATE, TAG_EVENT, advance, hold

_PIECE = 200
_ROUNDS = 10
_NAMED = 5
_AFTER_ALL = "\x7f"
_MOST = 1 << 62
_KINDS = {ContentKind.BLOB: Kind.BLOB, ContentKind.IMAGE: Kind.IMAGE, ContentKind.INDEX: Kind.INDEX}


class _Scene(NamedTuple):
    """One restoring under way. `held`: the settings of the repository."""

    unit: Unit
    permit: PathPermit
    push: PushPermit
    place: Place
    held: Effective


class Undelete:
    """What was deleted, and its return. One object a process."""

    def __init__(self, db: Database, settings: RegistrySettings) -> None:
        self._db = db
        self._settings = settings
        self._reach = Reach(db, settings.window)

    async def deleted(self, permit: PathPermit, path: str, after: Cursor | None, limit: int) -> GonePage:
        """What was deleted from a repository inside its window and can be restored, newest first.

        Raises `RepositoryUnknown`, `Denied`, `StalePermit`.
        """
        await check_reading(self._db, permit)
        row = await one_repository(self._db, permit, path)
        held = await effective(self._db, RepositoryName(path).prefixes())
        window, since = held.window(self._settings.window), held.since(self._settings.window, self._db.now())
        told = tells(may_tell(permit, path))
        found: list[tuple[Cursor, Gone]] = []
        at = after or Cursor(_MOST, True, _AFTER_ALL, _MOST)
        for _ in range(_ROUNDS):
            rows = await self._piece(row.id, at, since, window)
            for cursor, gone in rows[:_PIECE]:
                if cursor.is_tag:
                    visible = told(cursor.name)
                else:
                    visible = await self._sees(self._db, permit, path, Target(row.id, cursor.id), since)
                if visible:
                    found.append((cursor, gone))
                if len(found) > limit:
                    return GonePage([each[1] for each in found[:limit]], found[limit - 1][0])
            if len(rows) <= _PIECE:
                return GonePage([each[1] for each in found], None)
            at = rows[_PIECE - 1][0]
        return GonePage([each[1] for each in found], at)

    async def gone(self, permit: PathPermit, path: str, what: Tag | Digest) -> Gone | None:
        """What is known of a tag, manifest or blob that was deleted: of a tag as long as its history is kept, of a
        digest inside the window. None: it is not deleted, was never there, or may not be told.

        Raises `RepositoryUnknown`, `Denied`, `StalePermit`.
        """
        await check_reading(self._db, permit)
        place = await one_repository(self._db, permit, path)
        held = await effective(self._db, RepositoryName(path).prefixes())
        window, since = held.window(self._settings.window), held.since(self._settings.window, self._db.now())
        if isinstance(what, Digest):
            row = await self._db.one(store.FOUND, repo_id=place.id, digest=what)
            if row is None or row.gone_at is None or row.gone_at <= since or row.put_at >= row.gone_at:
                return None
            if row.state != State.STORED or not await self._sees(
                self._db, permit, path, Target(place.id, row.content_id), since
            ):
                return None
            kind = _KINDS[ContentKind(row.kind)]
            return Gone(kind, None, row.digest, None, None, row.size, row.gone_at, row.gone_at + window)
        event = await self._db.one(store.LAST_EVENT, repo_id=place.id, name=what)
        if event is None or event.now_id is not None or not tells(may_tell(permit, path))(what):
            return None
        row = await self._db.one(store.FOUND_BY_ID, repo_id=place.id, content_id=event.was_id or 0)
        kept = row if row is not None and row.state == State.STORED else None
        until = event.at + window if event.at > since else event.at
        digest, size = (kept.digest, kept.size) if kept is not None else (None, None)
        return Gone(Kind.TAG, str(what), digest, None, None, size, event.at, until)

    async def _piece(self, repo_id: int, at: Cursor, since: int, window: int) -> list[tuple[Cursor, Gone]]:
        """What was deleted before `at`, newest first, whoever may see it; more than `_PIECE` when there is more."""
        tags = await self._db.all(
            store.ENDED,
            repo_id=repo_id,
            before=at.at,
            last=at.name if at.is_tag else "",
            since=since,
            limit=_PIECE + 1,
        )
        digests = await self._db.all(
            store.BURIED,
            repo_id=repo_id,
            before=at.at,
            id=_MOST if at.is_tag else at.id,
            since=since,
            limit=_PIECE + 1,
        )
        ended = [
            (
                Cursor(row.at, True, row.name, 0),
                Gone(Kind.TAG, row.name, row.digest, *row[4:], deleted_at=row.at, until=row.at + window),
            )
            for row in tags
        ]
        buried = [
            (
                Cursor(row.at, False, "", row.content_id),
                Gone(
                    _KINDS[ContentKind(row.kind)], None, row.digest, *row[4:], deleted_at=row.at, until=row.at + window
                ),
            )
            for row in digests
        ]
        return sorted(ended + buried, key=lambda each: each[0], reverse=True)

    async def restore(self, permit: PathPermit, path: str, what: Tag | Digest, *, with_tags: bool = False) -> Restored:
        """Bring back a tag with what it pointed to, or a manifest or blob; `with_tags`: with the tags that it was
        deleted with, where they have not been made again.

        Raises `RepositoryUnknown`, `ManifestUnknown`, `BlobUnknown`, `NotRestorable`, `Conflict`, `QuotaExceeded`,
        `Denied`, `StalePermit`.
        """
        repository = RepositoryName.parse(path)

        async def work(unit: Unit) -> Restored:
            await check_permit(unit, permit)
            if not permit.shows(repository):
                raise RepositoryUnknown("there is no such repository", name=repository)
            push = writing_in(permit, repository)
            # A blob takes no place in the history of its repository: whether it is one is seen under the same lock.
            place = await hold(unit, push)
            if place is None:
                raise RepositoryUnknown("there is no such repository", name=repository)
            scene = _Scene(unit, permit, push, place, await effective(unit, repository.prefixes()))
            if isinstance(what, Digest):
                return await self._digest(scene, what, with_tags=with_tags)
            return await self._tag(scene, what)

        return await self._db.write(work)

    async def _tag(self, scene: _Scene, name: Tag) -> Restored:
        unit, place = scene.unit, scene.place
        event = await unit.one(store.LAST_EVENT, repo_id=place.repo_id, name=name)
        if event is None or not tells(may_tell(scene.permit, scene.push.repository))(name):
            raise ManifestUnknown("this repository has no such tag, and had none", reference=name)
        _require_creating(scene.push, name)
        if event.now_id is not None:
            raise Conflict(f"the tag {name} is there: roll it back to where it was with holdfast rollback")
        self._require_window(scene, event.at)
        row = await unit.one(store.FOUND_BY_ID, repo_id=place.repo_id, content_id=event.was_id or 0)
        if row is None:
            raise NotRestorable(f"what the tag {name} pointed to was collected")
        scene = await _advanced(scene)
        revived = await self._manifest(scene, row)
        await _write_tags(scene, row.content_id, [name])
        await _grow(scene, Counts(bytes=sum(revived.values()), tags=1))
        await _record(scene, ChangeKind.TAG_UNDELETED, {"tag": name, "digest": row.digest})
        return Restored(row.digest, len(revived), sum(revived.values()), (name,), ())

    async def _digest(self, scene: _Scene, digest: Digest, *, with_tags: bool) -> Restored:
        unit, place, repository = scene.unit, scene.place, scene.push.repository
        row = await unit.one(store.FOUND, repo_id=place.repo_id, digest=digest)
        target = Target(place.repo_id, row.content_id) if row is not None else NOTHING
        since = self._reach.since_of(scene.held)
        seen = await self._sees(unit, scene.permit, repository, target, since)
        if row is None or not seen or (row.gone_at is not None and row.put_at >= row.gone_at):
            raise ManifestUnknown("this repository has no such manifest or blob, and had none", reference=digest)
        if row.state == State.PURGED:
            raise _purged(row)
        if row.gone_at is None:
            raise Conflict(f"{digest} is not deleted")
        self._require_window(scene, row.gone_at)
        if row.kind == ContentKind.BLOB:
            return await self._blob(scene, row)
        ended = await unit.all(store.ENDED_WITH, repo_id=place.repo_id, at=row.gone_at, content_id=row.content_id)
        names = [each.name for each in ended if with_tags and not each.taken]
        for name in names:
            _require_creating(scene.push, name)
        scene = await _advanced(scene)
        revived = await self._manifest(scene, row)
        await _write_tags(scene, row.content_id, names)
        if all(signed_digest(name) is not None for name in names):
            await self._hold(scene, row.content_id)
        await _grow(scene, Counts(bytes=sum(revived.values()), tags=len(names)))
        await _record(scene, ChangeKind.MANIFEST_UNDELETED, {"digest": digest, "tags": names})
        left = tuple(each.name for each in ended if with_tags and each.taken)
        return Restored(digest, len(revived), sum(revived.values()), tuple(names), left)

    async def _blob(self, scene: _Scene, row: store.FoundRow) -> Restored:
        if row.state != State.STORED:
            raise BlobUnknown("the bytes of this blob are gone", digest=row.digest)
        await self._hold(scene, row.content_id)
        await _revive(scene, [row.content_id])
        await _grow(scene, Counts(bytes=row.size))
        await _record(scene, ChangeKind.BLOB_UNDELETED, {"digest": row.digest})
        return Restored(row.digest, 1, row.size, (), ())

    async def _manifest(self, scene: _Scene, row: store.FoundRow) -> dict[int, int]:
        """Show a manifest again if it was deleted; returns what came back, by id, with its size. Raises
        `NotRestorable`."""
        if row.state == State.PURGED:
            raise _purged(row)
        if row.state != State.STORED or row.kind == ContentKind.BLOB:
            raise NotRestorable(f"{row.digest} is not stored as a manifest any more: push it again")
        if row.gone_at is None:
            return {}
        self._require_window(scene, row.gone_at)
        found = (await closures(scene.unit, scene.place.repo_id, [row.content_id]))[row.content_id]
        if found.gone:
            named = ", ".join(found.gone[:_NAMED])
            raise NotRestorable(f"parts of {row.digest} are gone: {named}", parts=list(found.gone[:_NAMED]))
        await _revive(scene, sorted(found.revived))
        return dict(found.revived)

    def _require_window(self, scene: _Scene, deleted_at: int) -> None:
        """Raise `NotRestorable` when the window over a deletion has ended."""
        if deleted_at <= scene.held.since(self._settings.window, scene.unit.now):
            raise NotRestorable("this was deleted longer ago than the history window of the repository reaches back")

    async def _hold(self, scene: _Scene, content_id: int) -> None:
        """Keep what came back without a tag for the history window, as what was just pushed."""
        place = scene.place
        due = scene.held.collectable(self._settings, place.at)
        await scene.unit.run(CANDIDATE, repo_id=place.repo_id, content_id=content_id, due=due)

    async def _sees(self, reader: Database | Unit, permit: PathPermit, path: str, target: Target, since: int) -> bool:
        """Whether the caller may see a digest that was deleted: a tag that he may pull led to it inside the window."""
        pull = permit.pull(RepositoryName(path)) if permit.shows(path) else None
        if pull is None or pull.tags.everything:
            return pull is not None
        return await self._reach.leads(reader, allowed(pull.tags), target, since)


def _require_creating(push: PushPermit, name: str) -> None:
    """Raise `Denied` unless the tag may be made; one that belongs to a digest by who may sign everything."""
    rights = push.create if signed_digest(name) is None else push.sign
    if not (rights.everything or (signed_digest(name) is None and rights.allows(name))):
        raise rights.refuse(name)


async def _advanced(scene: _Scene) -> _Scene:
    """The scene at the next place in the history of the repository, which is locked."""
    place = await advance(scene.unit, scene.push)
    assert place is not None
    return scene._replace(place=place)


async def _revive(scene: _Scene, ids: Sequence[int]) -> None:
    for first in range(0, len(ids), _PIECE):
        piece = ids[first : first + _PIECE]
        await scene.unit.run(REVIVE, repo_id=scene.place.repo_id, ids=piece, at=scene.place.at)


async def _write_tags(scene: _Scene, content_id: int, names: Sequence[str]) -> None:
    unit, place = scene.unit, scene.place
    for name in names:
        tag = {"repo_id": place.repo_id, "name": name, "seq": place.seq}
        await unit.run(store.NEW_TAG, content_id=content_id, version_key=version_key(name), **tag)
        await unit.run(TAG_EVENT, was_id=None, now_id=content_id, at=place.at, **tag)
    if any(signed_digest(name) is None for name in names):  # a tag that belongs to a digest keeps nothing
        await unit.run(store.SETTLE, repo_id=place.repo_id, content_id=content_id)


async def _grow(scene: _Scene, more: Counts) -> None:
    await grow(scene.unit, scene.permit, scene.push.repository, more, scene.held)


async def _record(scene: _Scene, kind: ChangeKind, data: dict[str, object]) -> None:
    permit = scene.permit
    await record(scene.unit, kind, scene.place, actor=permit.subject.actor, origin=permit.origin, data=data)


def _purged(row: store.FoundRow) -> NotRestorable:
    return NotRestorable(f"{row.digest} was purged: {row.reason or 'no reason was given'}")
