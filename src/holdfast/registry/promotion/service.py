"""The use-case of a promotion: an image, its parts, and whatever refers to any of them become the target's as well.

Promises: one unit writes everything or nothing, and no byte moves; who promotes may read all of it at the source and
might push all of it to the target: make or move the tag, sign what is referred to, make the repository; what the target
has already stays as it is, media types and signatures among it; both ends record it. A dry run is the run, undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from holdfast.access.errors import Conflict
from holdfast.access.model import PathPermit, PullPermit, PushPermit
from holdfast.access.standing import check_permit
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import Place, record
from holdfast.oci.digest import Digest
from holdfast.oci.manifest import Kind
from holdfast.oci.name import RepositoryName, Tag, signed_digest
from holdfast.oci.version import version_key
from holdfast.registry.content import refuse_purged, require_room
from holdfast.registry.effective.service import Effective, effective
from holdfast.registry.errors import BlobsMissing, ManifestUnknown
from holdfast.registry.immutability.rules import Change, blocked
from holdfast.registry.immutability.service import refuse, rules_of
from holdfast.registry.model import State
from holdfast.registry.objects import Objects
from holdfast.registry.promotion import store
from holdfast.registry.promotion.closure import Closure, Node, Walk, Way
from holdfast.registry.promotion.model import Effect, Promoted, TagChange, Wanted
from holdfast.registry.quotas.model import Counts
from holdfast.registry.quotas.service import grow, make_and_advance
from holdfast.registry.reach.pushing import PushRights, require_tag
from holdfast.registry.reach.service import NOTHING, Reach, Target
from holdfast.registry.reach.showing import reading_in, unseen, writing_in
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import TAG_EVENT, hold

SPARSE_INDEXES = "sparse-indexes"
_MOST_SUBJECTS = 64


class _Ends(NamedTuple):
    """A promotion under way: the permits and places of both ends, and the settings of the target."""

    wanted: Wanted
    reading: PullPermit
    writing: PushPermit
    source: Place
    target: Place
    held: Effective

    @property
    def retag(self) -> bool:
        """Whether both ends are one repository."""
        return self.source.repo_id == self.target.repo_id


class _Undone(Exception):
    """Ends the unit of a dry run."""

    def __init__(self, result: Promoted) -> None:
        super().__init__()
        self.result = result


class Promotion:
    """Promoting images. One object a process."""

    def __init__(self, db: Database, objects: Objects, settings: RegistrySettings) -> None:
        self._db = db
        self._objects = objects
        self._settings = settings
        self._rights = PushRights(db, settings)
        self._reach = Reach(db, settings.window)

    async def promote(self, permit: PathPermit, wanted: Wanted, *, dry_run: bool = False) -> Promoted:
        """Promote. `dry_run`: change nothing, and say what would be done.

        Raises `RepositoryUnknown`, `ManifestUnknown`, `Denied`, `BlobsMissing` (of what is not whole at the source),
        `TooManyParts`, `Immutable`, `Purged`, `QuotaExceeded`, `NoRoom`, `StalePermit`; `Conflict` when the tag points
        to what it may not point to before.
        """
        reading = reading_in(permit, wanted.source)
        _ask(reading, wanted.reference)
        writing = writing_in(permit, wanted.target)
        require_room(self._objects.blobs, self._settings)

        async def run(unit: Unit) -> Promoted:
            await check_permit(unit, permit)
            ends = await self._lock(unit, wanted, reading, writing)
            result = await self._write(unit, ends)
            if dry_run:
                raise _Undone(result)
            return result

        try:
            return await self._db.write(run)
        except _Undone as undone:
            return undone.result

    async def _lock(self, unit: Unit, wanted: Wanted, reading: PullPermit, writing: PushPermit) -> _Ends:
        """Both repositories, locked in the order of their ids; the target is made where there is none."""
        rows = await unit.all(store.REPOSITORIES, paths=sorted({wanted.source, wanted.target}))
        ids = {row.path: row.id for row in rows}
        if wanted.source not in ids:
            raise unseen(wanted.source)
        held = await effective(unit, wanted.target.prefixes())
        if wanted.source == wanted.target:
            place = await make_and_advance(unit, writing)
            return _Ends(wanted, reading, writing, place, place, held)
        first = None
        if ids.get(wanted.target, ids[wanted.source]) < ids[wanted.source]:
            first = await make_and_advance(unit, writing)
        source = await hold(unit, reading)
        if source is None:
            raise unseen(wanted.source)
        target = first or await make_and_advance(unit, writing)
        return _Ends(wanted, reading, writing, source, target, held)

    async def _write(self, unit: Unit, ends: _Ends) -> Promoted:
        root = await self._root(unit, ends)
        found = Closure({root.id: root}, {}, set(), {}, [])
        added = 0
        if not ends.retag:
            denied = ends.reading.tags.deny
            way = Way(
                ends.source.repo_id,
                ends.target.repo_id,
                ends.wanted.referrers,
                lambda name: any(glob.matches(name) for glob in denied),
            )
            found = await Walk(unit, way, root).run()
            await self._require_whole(unit, ends, found)
        await self._settle(unit, ends, found, root)
        if not ends.retag:
            added = await self._copy(unit, ends, found)
        moves = {ends.wanted.tag: root.id} if ends.wanted.tag is not None else {}
        tags = await self._move_tags(unit, ends, {**dict(sorted(found.signed.items())), **moves})
        await self._require_signing(unit, ends, found, root)
        new_tags = sum(tag.effect is Effect.CREATE for tag in tags)
        if added or new_tags:
            await grow(unit, ends.writing, ends.wanted.target, Counts(bytes=added, tags=new_tags), ends.held)
        result = _result(ends, found, root, added, tags)
        if added or any(tag.effect in (Effect.CREATE, Effect.MOVE) for tag in tags):
            await self._record(unit, ends, result)
        return result

    async def _root(self, unit: Unit, ends: _Ends) -> Node:
        """The manifest that is promoted. Raises `ManifestUnknown` also where it is hidden."""
        reference, tags, repo_id = ends.wanted.reference, ends.reading.tags, ends.source.repo_id
        if isinstance(reference, Digest):
            row = await unit.one(store.ROOT_BY_DIGEST, repo_id=repo_id, digest=reference)
        else:
            row = await unit.one(store.ROOT_BY_TAG, repo_id=repo_id, name=reference)
        hidden = ""
        if not tags.everything:
            hidden = " that you may pull"
            digest = None if isinstance(reference, Digest) else signed_digest(reference)
            if digest is not None:
                target = await self._reach.find(unit, ends.wanted.source, digest)
            else:
                target = Target(repo_id, row.id) if row is not None else NOTHING
            by_name = not isinstance(reference, Digest) and digest is None
            if not by_name and not await self._reach.may_read(unit, ends.reading, target):
                row = None
        if row is None or row.state != State.STORED:
            raise ManifestUnknown(f"this repository has no such manifest{hidden}", reference=reference)
        return Node(row.id, row.digest, row.kind, row.size, row.subject)

    async def _require_whole(self, unit: Unit, ends: _Ends, found: Closure) -> None:
        """Raise `BlobsMissing` when parts are not there, unless they are children that the target may wait for;
        `Purged` when they were purged."""
        if found.broken or found.awaited:
            await refuse_purged(unit, [*found.broken, *found.awaited.values()])
        text = ends.held.text(SPARSE_INDEXES)
        sparse = text == "true" if text is not None else self._settings.sparse_indexes
        missing = [*found.broken, *(() if sparse else found.awaited.values())]
        if missing:
            raise BlobsMissing(sorted(set(missing)))

    async def _settle(self, unit: Unit, ends: _Ends, found: Closure, root: Node) -> None:
        """What something keeps needs no look of the collector's own; what has no tag but of a digest is held, as after
        a push."""
        tag, held = ends.wanted.tag, set(found.signed.values())
        if tag is None or signed_digest(tag) is not None:
            held.add(root.id)
        else:
            held.discard(root.id)
        await unit.run(store.SETTLE, repo_id=ends.target.repo_id, ids=sorted(found.nodes.keys() - held))
        if held:
            await self._hold(unit, ends, held)

    async def _copy(self, unit: Unit, ends: _Ends, found: Closure) -> int:
        """Links and edges; returns how many bytes were not visible in the target."""
        ids, manifests = sorted(found.nodes), found.manifests
        both = {"repo_id": ends.target.repo_id, "source_id": ends.source.repo_id}
        fresh = {row.id for row in await unit.all(store.COPY_LINKS, ids=ids, at=ends.target.at, **both)}
        rest = [each for each in ids if each not in fresh]
        there = await unit.all(store.THERE, repo_id=ends.target.repo_id, ids=rest) if rest else []
        gone = {row.id for row in there if row.gone_at is not None}
        plain = {row.id for row in there if row.kind == Kind.BLOB and found.nodes[row.id].kind != Kind.BLOB}
        if gone or plain:
            await unit.run(store.TAKE_OVER, ids=sorted(gone | plain), at=ends.target.at, **both)
        if found.awaited:
            await unit.run(store.AWAIT_LINKS, repo_id=ends.target.repo_id, ids=sorted(found.awaited), at=ends.target.at)
        await unit.run(store.COPY_EDGES, keepers=manifests, **both)
        await unit.run(store.JOIN_SUBJECTS, repo_id=ends.target.repo_id, ids=manifests)
        await unit.run(store.KEEP_WAITING_REFERRERS, repo_id=ends.target.repo_id, ids=manifests)
        return sum(found.nodes[each].size for each in fresh | gone)

    async def _move_tags(self, unit: Unit, ends: _Ends, moves: Mapping[Tag, int]) -> list[TagChange]:
        """Point each tag of the target at its manifest, the one that was asked for first. Raises `Denied`,
        `Immutable`."""
        rows = await unit.all(store.TAGS, repo_id=ends.target.repo_id, names=sorted(moves)) if moves else []
        before = {row.name: row for row in rows}
        names = sorted(moves, key=lambda name: (name != ends.wanted.tag, name))
        return [await self._move(unit, ends, name, moves[name], before.get(name)) for name in names]

    async def _move(self, unit: Unit, ends: _Ends, name: Tag, content_id: int, row: store.TagRow | None) -> TagChange:
        was = row.content_id if row is not None else None
        require_tag(ends.writing, name, was, content_id)
        known = row.digest if row is not None and ends.writing.pull.allows(name) else None
        if was == content_id:
            return TagChange(name, Effect.SAME, known)
        if row is not None:
            instead = ends.wanted.instead
            if instead is not None and name == ends.wanted.tag and row.digest not in instead:
                raise Conflict(f"there is a tag {name} by now")
            refuse(blocked(rules_of(ends.held), Change.MOVE, name))
        place = ends.target
        tag = {"repo_id": place.repo_id, "seq": place.seq, "name": name, "was_id": was}
        await unit.run(store.PUT_TAG, content_id=content_id, version_key=version_key(name), **tag)
        await unit.run(TAG_EVENT, now_id=content_id, at=place.at, **tag)
        if was is None:
            return TagChange(name, Effect.CREATE)
        await self._hold(unit, ends, [was])
        return TagChange(name, Effect.MOVE, known)

    async def _hold(self, unit: Unit, ends: _Ends, ids: Iterable[int]) -> None:
        """Keep what has no tag (any more) for the history window, and a lease beyond it."""
        due = ends.held.collectable(self._settings, max(ends.target.at, unit.now))
        await unit.run(store.HOLD, repo_id=ends.target.repo_id, ids=sorted(ids), due=due)

    async def _require_signing(self, unit: Unit, ends: _Ends, found: Closure, root: Node) -> None:
        """Raise `Denied` unless whatever is referred to may be pulled and signed in the target: a tag that leads to
        the root leads to all that belongs to it."""
        writing = ends.writing
        await self._rights.keep(unit, writing, ends.target, root.id)
        if writing.sign.everything and writing.pull.everything:
            return
        if ends.wanted.tag is not None:
            await self._rights.require_signing(unit, writing, ends.target, None, (ends.wanted.tag,), held=ends.held)
        if ends.retag:
            return
        subjects = found.foreign_subjects
        if len(subjects) > _MOST_SUBJECTS:
            raise writing.sign.refuse()
        if found.referrers:
            subjects.add(root.id)
        if subjects:
            rows = await unit.all(store.DIGESTS, ids=sorted(subjects))
            named = {Digest(row.digest): row.id for row in rows}
            await self._rights.require_signing_of(unit, writing, ends.target, ends.held, named)

    async def _record(self, unit: Unit, ends: _Ends, result: Promoted) -> None:
        wanted, writing = ends.wanted, ends.writing
        data: dict[str, object] = {
            "digest": result.digest,
            "source": _written(wanted.source, wanted.reference),
            "target": _written(wanted.target, wanted.tag or result.digest),
            "tags": [tag.name for tag in result.tags if tag.effect in (Effect.CREATE, Effect.MOVE)][:_MOST_SUBJECTS],
            "manifests": result.manifests,
            "blobs": result.blobs,
        }
        for place in (ends.target,) if ends.retag else (ends.source, ends.target):
            await record(
                unit, ChangeKind.IMAGE_PROMOTED, place, actor=writing.subject.actor, origin=writing.origin, data=data
            )


def _ask(reading: PullPermit, reference: Tag | Digest) -> None:
    """Raise `Denied` where the permit's tags alone refuse `reference`."""
    tags = reading.tags
    if tags.everything or isinstance(reference, Digest):
        return
    if signed_digest(reference) is not None:
        if any(glob.matches(reference) for glob in tags.deny):
            raise tags.refuse(reference)
    elif not tags.allows(reference):
        raise tags.refuse(reference)


def _written(repository: RepositoryName, reference: Tag | Digest) -> str:
    return f"{repository}{'@' if isinstance(reference, Digest) else ':'}{reference}"


def _result(ends: _Ends, found: Closure, root: Node, added: int, tags: list[TagChange]) -> Promoted:
    manifests = sum(node.kind != Kind.BLOB for node in found.nodes.values())
    everything = ends.writing.pull.everything
    kept = [TagChange(name, Effect.KEEP) for name in sorted(found.others) if everything]
    return Promoted(
        Digest(root.digest),
        manifests,
        found.referrers,
        len(found.nodes) - manifests,
        sum(node.size for node in found.nodes.values()),
        added if everything else None,
        (*tags, *kept),
    )
