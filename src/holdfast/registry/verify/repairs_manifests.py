"""Repairs of what a repository knows of a manifest: its link, what it keeps, and what keeps it."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.db.port import Unit
from holdfast.journal.service import Place
from holdfast.oci.manifest import Kind
from holdfast.registry.model import State
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import CANDIDATE
from holdfast.registry.verify import rows, store
from holdfast.registry.verify.inspection import Inspection
from holdfast.registry.verify.reading import Reading, read_manifest


async def write_link(unit: Unit, place: Place, content_id: int, reading: Reading) -> None:
    """Make the manifest visible as what it says it is; its subject need not be here."""
    subject = None
    if reading.manifest.subject is not None:
        subject = await _content_id(unit, reading.manifest.subject.digest)
    await unit.run(
        store.SET_LINK,
        repo_id=place.repo_id,
        content_id=content_id,
        kind=int(reading.manifest.kind),
        media_type=reading.media_type,
        artifact_type=reading.manifest.referrer_type,
        subject=subject,
        at=place.at,
    )


async def _content_id(unit: Unit, digest: str) -> int:
    """The id of `digest`, which need not be stored."""
    for statement in (store.CONTENT_ID, store.AWAIT_CONTENT, store.CONTENT_ID):
        row = await unit.one(statement, digest=digest)
        if row is not None:
            return row.id
    raise AssertionError(digest)


async def show_part(
    run: Inspection, unit: Unit, place: Place, keeper_id: int, part: rows.PartRow, *, media_type: str
) -> bool:
    """Make a part of a manifest visible again; False when its bytes are not there. `media_type`: as the manifest says.

    A link that was there is taken back as it was; a new one is a blob's, or a manifest's where an index lists one.
    """
    if part.state != State.STORED:
        return False
    reading = None
    if part.kind is None and media_type:
        body = await unit.one(store.BODY, id=part.id)
        data = run.clear(body.bytes, body.wrapped_key, body.digest) if body is not None else None
        reading = read_manifest(data, media_type) if data is not None else None
    if reading is not None:
        await write_link(unit, place, part.id, reading)
    else:
        await unit.run(store.SHOW_LINK, repo_id=place.repo_id, content_id=part.id, at=place.at)
    await unit.run(store.PUT_EDGE, repo_id=place.repo_id, kept_id=part.id, keeper_id=keeper_id)
    return True


async def keep(unit: Unit, repo_id: int, keeper_id: int, kept: Iterable[int]) -> None:
    """Write edges."""
    for kept_id in sorted(kept):
        await unit.run(store.PUT_EDGE, repo_id=repo_id, kept_id=kept_id, keeper_id=keeper_id)


async def let_go(unit: Unit, settings: RegistrySettings, place: Place, keeper_id: int, kept: Iterable[int]) -> None:
    """Remove edges; what nothing roots any more is left to the collector, after the history window and a lease."""
    for kept_id in sorted(kept):
        await unit.run(store.DROP_EDGE, repo_id=place.repo_id, kept_id=kept_id, keeper_id=keeper_id)
        await leave_to_collector(unit, settings, place, kept_id)


async def leave_to_collector(unit: Unit, settings: RegistrySettings, place: Place, content_id: int) -> bool:
    """Make linked content that nothing roots a candidate; False when it is rooted or not linked."""
    row = await unit.one(store.LINK, repo_id=place.repo_id, content_id=content_id)
    if row is None or row.rooted:
        return False
    due = max(place.at, unit.now) + settings.window + settings.lease
    await unit.run(CANDIDATE, repo_id=place.repo_id, content_id=content_id, due=due)
    return True


async def make_blob(unit: Unit, row: rows.ManifestRow, place: Place, content_id: int) -> bool:
    """Turn what reads as no manifest into a blob, unless something uses it as a manifest."""
    if row.tagged or row.keeper or row.kind == Kind.BLOB:
        return False
    await unit.run(store.AS_BLOB, repo_id=place.repo_id, content_id=content_id)
    return True
