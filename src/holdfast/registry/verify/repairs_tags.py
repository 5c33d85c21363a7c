"""Repairs of tags: a tag is saved wherever its manifest is good, and ended with an event where it is not."""

from __future__ import annotations

from holdfast.db.port import Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import Place
from holdfast.oci.digest import ALGORITHMS, Digest
from holdfast.oci.version import version_key
from holdfast.registry.model import State
from holdfast.registry.store import CANDIDATE, TAG_EVENT, USAGE, Moment
from holdfast.registry.verify import rows, store
from holdfast.registry.verify.inspection import Inspection
from holdfast.registry.verify.model import Finding
from holdfast.registry.verify.reading import read_manifest
from holdfast.registry.verify.repairs_manifests import write_link


async def mend_dangling(run: Inspection, unit: Unit, moment: Moment, row: rows.TagRow, finding: Finding) -> None:
    """Make the tag's manifest visible again, or end the tag."""
    assert row.content_id is not None
    body = await unit.one(store.BODY, id=row.content_id)
    if body is not None:
        body = body._replace(bytes=run.clear(body.bytes, body.wrapped_key, body.digest))
    place = Place(*moment)
    if body is not None and await _revive(unit, place, row, body):
        await run.note(unit, place, finding)
        return
    await _event(unit, place, finding.reference, row.content_id, None)
    await unit.run(store.DROP_TAG, repo_id=place.repo_id, name=finding.reference)
    if row.kind is not None:
        due = max(place.at, unit.now) + run.settings.window + run.settings.lease
        await unit.run(CANDIDATE, repo_id=place.repo_id, content_id=row.content_id, due=due)
    await unit.run(USAGE, path=row.path, bytes=0, repositories=0, tags=-1)
    await run.note(unit, place, finding, ChangeKind.TAG_DELETED)


async def _revive(unit: Unit, place: Place, row: rows.TagRow, body: rows.BodyRow) -> bool:
    """Write the link that the manifest's own bytes call for; False when they are not there, not good or not read."""
    if body.state != State.STORED or body.bytes is None or body.digest.partition(":")[0] not in ALGORITHMS:
        return False
    if Digest.of(body.bytes, body.digest.partition(":")[0]) != body.digest:
        return False
    reading = read_manifest(body.bytes, row.media_type or body.media_type)
    if reading is None or row.content_id is None:
        return False
    await write_link(unit, place, row.content_id, reading)
    return True


async def mend_history(run: Inspection, unit: Unit, moment: Moment, row: rows.TagRow, finding: Finding) -> None:
    """Append the event that is missing; a tag that was lost comes back where its last event says, if that is there."""
    place, name = Place(*moment), finding.reference
    event = await unit.one(store.LAST_EVENT, repo_id=place.repo_id, name=name)
    said = event.now_id if event is not None else None
    if row.content_id is None:
        assert event is not None
        assert said is not None
        target = await unit.one(store.MANIFEST, repo_id=place.repo_id, content_id=said)
        if target is None:
            await _event(unit, place, name, said, None)
        else:
            await unit.run(
                store.PUT_TAG,
                repo_id=place.repo_id,
                name=name,
                content_id=said,
                seq=event.seq,
                key=version_key(name),
            )
    elif event is not None and said == row.content_id:
        await unit.run(store.PLACE_TAG, repo_id=place.repo_id, name=name, seq=event.seq)
    else:
        await _event(unit, place, name, said, row.content_id)
        await unit.run(store.PLACE_TAG, repo_id=place.repo_id, name=name, seq=place.seq)
    await run.note(unit, place, finding)


async def _event(unit: Unit, place: Place, name: str, was: int | None, now: int | None) -> None:
    await unit.run(TAG_EVENT, repo_id=place.repo_id, seq=place.seq, name=name, was_id=was, now_id=now, at=place.at)
