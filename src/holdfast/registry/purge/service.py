"""`Purge`: content that must not be here any more goes from the whole registry, and its digest is refused afterwards.

Promises: from the commit that says so on the content is served nowhere: not by a tag, not by digest, not inside the
history window, not where another repository shows it; its bytes are doomed at once. Tags on it end with events, and
what only it kept is collected; a job does that, repository by repository. Whatever would bring the digest back is
refused with the reason, until somebody lifts that. What breaks is told before. All of it needs 'purge', a right over
the installation, for the same content may belong to many. Raises besides what is named: `Invalid`, `Denied`,
`StalePermit`, `holdfast.db.errors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.access.errors import Conflict, Invalid, Unknown
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit
from holdfast.db.port import Database, Reader, Unit
from holdfast.jobs.model import NewJob, Priority
from holdfast.jobs.run import Run
from holdfast.jobs.service import enqueue
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import Place, note, record
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag, parse_reference
from holdfast.registry.content import doom_objects
from holdfast.registry.errors import BlobUnknown, ManifestUnknown, RepositoryUnknown
from holdfast.registry.purge import store
from holdfast.registry.purge.harm import TOLD, Harm, count, harm_of
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import CANDIDATE, DROP_BODY, USAGE

KIND = "purge"
REASON_LIMIT = 512
_BATCH = 50


class Asked(NamedTuple):
    """A purge that was done: the digest, and the job that ends tags and links."""

    digest: str
    job: int


class PurgedDigest(NamedTuple):
    """A digest that is refused: why, by whom, since when (microseconds)."""

    id: int
    digest: str
    size: int
    reason: str
    actor: str
    at: int


class Purge:
    """Purging. One object a process."""

    def __init__(self, db: Database, settings: RegistrySettings) -> None:
        self._db = db
        self._settings = settings

    async def look(self, permit: PathPermit, reference: str) -> Harm:
        """What purging a tag's or a digest's content in the permit's repository breaks. Raises `RepositoryUnknown`,
        `ManifestUnknown`, `BlobUnknown`."""
        found = _reference(reference)
        _require(permit)

        async def read(reader: Reader) -> Harm:
            await check_permit(reader, permit)
            return await harm_of(reader, permit, await _target(reader, permit, found))

        return await self._db.snapshot(read)

    async def purge(self, permit: PathPermit, reference: str, reason: str) -> Asked:
        """Purge what a tag or a digest of the permit's repository means. Raises as `look`."""
        found = _reference(reference)
        why = _reason(reason)
        _require(permit)

        async def purge(unit: Unit) -> Asked:
            await check_permit(unit, permit)
            target = await _target(unit, permit, found)
            locked = await unit.one(store.LOCK_CONTENT, id=target.content_id)
            if locked is None:
                raise _unknown(permit, found)
            shown_in = await count(unit, target.content_id)
            await doom_objects(unit, target.content_id, locked.name, unit.now)
            await unit.run(DROP_BODY, id=target.content_id)
            await unit.run(store.PURGE, id=target.content_id)
            await unit.run(store.NEW_PURGED, content_id=target.content_id, reason=why, actor=permit.subject.actor)
            data = {
                "content": target.content_id,
                "size": target.size,
                "digest": target.digest,
                "reason": why,
                "actor": permit.subject.actor,
                "request": permit.origin.request,
            }
            job = await enqueue(unit, NewJob(KIND, data, priority=Priority.HIGH, account=permit.subject.id))
            assert job is not None
            told: dict[str, object] = {
                "digest": target.digest,
                "reason": why,
                "repository": permit.path,
                "repositories": shown_in,
                "size": target.size,
                "job": job,
            }
            kind = ChangeKind.CONTENT_PURGED
            await note(unit, kind, actor=permit.subject.actor, origin=permit.origin, data=told, path="")
            return Asked(target.digest, job)

        return await self._db.write(purge)

    async def lift(self, permit: PathPermit, digest: str) -> None:
        """Let a purged digest be pushed again; what was purged does not come back by that. Raises `Unknown`, and
        `Conflict` while its tags are still being ended."""
        parsed = Digest.parse(digest)
        _require(permit)

        async def lift(unit: Unit) -> None:
            await check_permit(unit, permit)
            row = await unit.one(store.PURGED, digest=parsed)
            if row is None:
                raise Unknown(f"{parsed} was not purged")
            live = await unit.one(store.LIVE, content_id=row.content_id)
            if live is None or live.total:
                raise Conflict(f"the purge of {parsed} is not at its end: try again in a moment")
            await unit.run(store.NOT_PURGED, content_id=row.content_id)
            await unit.run(store.AWAIT, id=row.content_id)
            await unit.run(store.ORPHAN, content_id=row.content_id, due=unit.now)
            data: dict[str, object] = {"digest": parsed, "reason": row.reason}
            kind = ChangeKind.PURGE_LIFTED
            await note(unit, kind, actor=permit.subject.actor, origin=permit.origin, data=data, path="")

        await self._db.write(lift)

    async def list(self, permit: PathPermit, before: int, limit: int) -> Sequence[PurgedDigest]:
        """What is refused, the newest content first, of those whose number is below `before`."""
        _require(permit)

        async def read(reader: Reader) -> Sequence[PurgedDigest]:
            await check_permit(reader, permit)
            return [PurgedDigest(*row) for row in await reader.all(store.LIST, before=before, limit=limit)]

        return await self._db.snapshot(read)

    async def end_all(self, run: Run) -> None:
        """The job `purge`: in every repository that shows the content its tags end, its link goes, and what only it
        kept is queued for the collector."""
        state = run.checkpoint or {"after": 0, "repositories": 0, "tags": 0}
        total = await count(run.db, run.job.data["content"])
        while True:
            rows = await run.db.all(
                store.SHOWING, content_id=run.job.data["content"], after=state["after"], limit=_BATCH
            )
            if not rows:
                break
            state = await self._end_batch(run, state, rows)
            await run.progress(state["repositories"], max(total, state["repositories"]))
        await run.finish(lambda unit: run.result(unit, {"repositories": state["repositories"], "tags": state["tags"]}))

    async def _end_batch(self, run: Run, state: dict[str, int], rows: Sequence[store.RepositoryRow]) -> dict[str, int]:
        async def batch(unit: Unit) -> dict[str, int]:
            after = dict(state)
            for row in rows:
                tags = await self._end_in(unit, run, row)
                after["repositories"] += tags is not None
                after["tags"] += tags or 0
            after["after"] = rows[-1].id
            await run.keep(unit, after)
            return after

        return await run.write(batch)

    async def _end_in(self, unit: Unit, run: Run, row: store.RepositoryRow) -> int | None:
        """End content in one repository; returns how many tags ended, None when it was deleted there before."""
        data = run.job.data
        moment = await unit.one(store.ADVANCE, id=row.id)
        assert moment is not None
        still = await unit.one(store.STILL, content_id=data["content"])
        if still is None or not still.total:
            return None  # it was lifted, so nothing was left but tombstones: what is here now was pushed since
        where = {"repo_id": row.id, "content_id": data["content"]}
        # The candidate first: a push of the same content locks it as well.
        await unit.run(CANDIDATE, due=unit.now + self._settings.lease, **where)
        link = await unit.one(store.LINK, **where)
        tags = [each.name for each in await unit.all(store.TAGS_ON, **where)]
        if tags:
            await unit.run(store.END_TAGS, seq=moment.seq, at=moment.last_at, **where)
            await unit.run(store.DROP_TAGS, **where)
        await unit.run(store.DROP_LEASES, **where)
        await unit.run(store.QUEUE_KEPT, due=unit.now + self._settings.lease, **where)
        await unit.run(store.DROP_EDGES, **where)
        await unit.run(store.BURY, at=moment.last_at, **where)
        if link is None or link.gone_at is not None:
            return None
        if "@" not in row.path:  # what a deleted repository held is not counted any more
            await unit.run(USAGE, path=row.path, bytes=-data["size"], repositories=0, tags=-len(tags))
        told: dict[str, object] = {"digest": data["digest"], "reason": data["reason"], "tags": tags[:TOLD]}
        place = Place(row.id, moment.seq, moment.last_at)
        origin = Origin(data["request"])
        await record(unit, ChangeKind.CONTENT_PURGED, place, actor=data["actor"], origin=origin, data=told)
        return len(tags)


def _reference(text: str) -> Tag | Digest:
    return parse_reference(text)


def _reason(text: str) -> str:
    found = text.strip()
    if not found or len(found) > REASON_LIMIT or not found.isprintable():
        raise Invalid("reason", f"say why, in one line of at most {REASON_LIMIT} printable characters")
    return found


def _require(permit: PathPermit) -> None:
    permit.require(Action.PURGE, permit.path or "**")


async def _target(reader: Reader, permit: PathPermit, reference: Tag | Digest) -> store.TargetRow:
    if not permit.shows(permit.path):
        raise RepositoryUnknown("there is no such repository", name=permit.path)
    if isinstance(reference, Digest):
        row = await reader.one(store.BY_DIGEST, path=permit.path, digest=reference)
    else:
        row = await reader.one(store.BY_TAG, path=permit.path, name=reference)
    if row is None:
        raise _unknown(permit, reference)
    return row


def _unknown(permit: PathPermit, reference: Tag | Digest) -> ManifestUnknown | BlobUnknown:
    if isinstance(reference, Digest):
        return BlobUnknown(f"{permit.path} has nothing of this digest", digest=reference)
    return ManifestUnknown(f"{permit.path} has no such tag", reference=reference)
