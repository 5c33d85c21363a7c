"""Manifests: a repository knows each for what its bytes say, has all that it names, and keeps exactly that.

Not damage: a child of a sparse index that was not there when the index came, a layer that no registry may hold, and a
subject that was never pushed.
"""

from __future__ import annotations

from holdfast.db.port import Reader, Unit
from holdfast.journal.service import Place
from holdfast.oci.digest import ALGORITHMS, Digest
from holdfast.oci.manifest import Descriptor, Kind, Manifest
from holdfast.oci.name import RepositoryName
from holdfast.registry.model import State
from holdfast.registry.push.service import SPARSE_INDEXES
from holdfast.registry.store import ADVANCE, effective_setting
from holdfast.registry.verify import rows, store
from holdfast.registry.verify.inspection import Inspection, standing, tags_above
from holdfast.registry.verify.model import Damage, Finding, Ids
from holdfast.registry.verify.reading import needed, read_manifest
from holdfast.registry.verify.repairs_manifests import keep, let_go, make_blob, show_part, write_link

_EXTRA = 1000
_TAKES_A_PLACE = frozenset({Damage.LINK_TYPE, Damage.CHILD_MISSING, Damage.MANIFEST_UNPARSABLE})


class ManifestSpot:
    """One live manifest of one repository."""

    def __init__(self, run: Inspection, repo_id: int, content_id: int) -> None:
        self._run = run
        self._repo_id = repo_id
        self._id = content_id

    async def lock(self, unit: Unit) -> None:
        """Lock the repository."""
        await standing(unit, self._repo_id)

    async def examine(self, reader: Reader) -> list[Finding]:
        """Everything that the manifest's bytes tell, compared with what the repository knows."""
        row = await self._row(reader)
        if row is None or row.bytes is None or not _is_sound(row):
            return []  # content without good bytes is told of as content
        reading = read_manifest(row.bytes, row.media_type)
        if reading is None:
            reason = "its bytes are good, but they are no manifest that this version of the program reads"
            return [self._finding(Damage.MANIFEST_UNPARSABLE, row, reason)]
        found = await self._type_findings(reader, row, reading.manifest)
        if reading.media_type != row.media_type:
            reason = f"it is kept as {row.media_type}, and its bytes say {reading.media_type}"
            found = [self._finding(Damage.LINK_TYPE, row, reason)]
        if not found:
            found += await self._subject_findings(reader, row)
        parts = await self._parts(reader, reading.manifest)
        found += await self._part_findings(reader, row, reading.manifest, parts)
        extra = await self._extra(reader, row.digest, parts)
        if extra:
            reason = f"it keeps {len(extra)} that it does not name, {extra[0].digest or 'unknown content'} among them"
            found.append(self._finding(Damage.EDGE_EXTRA, row, reason))
        return found

    async def _row(self, reader: Reader) -> rows.ManifestRow | None:
        """The manifest, with its bytes in clear."""
        row = await reader.one(store.MANIFEST, repo_id=self._repo_id, content_id=self._id)
        return row._replace(bytes=self._run.clear(row.bytes, row.wrapped_key, row.digest)) if row is not None else None

    def _finding(self, damage: Damage, row: rows.ManifestRow, reason: str, other_id: int = 0) -> Finding:
        return Finding(damage, row.path, row.digest, reason, Ids(self._repo_id, self._id, other_id))

    async def _type_findings(self, reader: Reader, row: rows.ManifestRow, manifest: Manifest) -> list[Finding]:
        subject = None
        if manifest.subject is not None:
            known = await reader.one(store.CONTENT_ID, digest=manifest.subject.digest)
            subject = known.id if known is not None else -1
        wrong = [
            name
            for name, is_wrong in (
                ("kind", row.kind != manifest.kind),
                ("artifact type", row.artifact_type != manifest.referrer_type),
                ("subject", row.subject != subject),
            )
            if is_wrong
        ]
        if not wrong:
            return []
        return [self._finding(Damage.LINK_TYPE, row, f"its {', '.join(wrong)} differs from what its bytes say")]

    async def _subject_findings(self, reader: Reader, row: rows.ManifestRow) -> list[Finding]:
        if row.subject is None:
            return []
        subject = await reader.one(store.SUBJECT, repo_id=self._repo_id, content_id=self._id, subject=row.subject)
        if subject is None or subject.edge or subject.kind == Kind.BLOB:
            return []  # a subject that is not here (as a manifest) keeps nothing yet
        reason = f"it refers to {subject.digest}, which does not keep it"
        return [self._finding(Damage.SUBJECT_EDGE_MISSING, row, reason, row.subject)]

    async def _parts(self, reader: Reader, manifest: Manifest) -> dict[str, rows.PartRow]:
        """What the database knows of everything that the manifest names, by digest."""
        digests = sorted({part.digest for part in (*needed(manifest), *manifest.layers)})
        rows = await reader.all(store.PARTS, repo_id=self._repo_id, content_id=self._id, digests=digests)
        return {row.digest: row for row in rows}

    async def _part_findings(
        self, reader: Reader, row: rows.ManifestRow, manifest: Manifest, parts: dict[str, rows.PartRow]
    ) -> list[Finding]:
        found: list[Finding] = []
        loose: list[str] = []
        for each in needed(manifest):
            part = parts.get(each.digest)
            if _is_missing(row, manifest, part):
                reason = f"it names {each.digest}, which this repository does not have; {await self._needing(reader)}"
                found.append(self._finding(Damage.CHILD_MISSING, row, reason, part.id if part is not None else 0))
            elif part is not None and not part.edge:
                loose.append(each.digest)
        if loose:
            reason = f"it does not keep {len(loose)} of what it names, {loose[0]} among them"
            found.append(self._finding(Damage.EDGE_MISSING, row, reason))
        return found

    async def _needing(self, reader: Reader) -> str:
        tags = await tags_above(reader, self._repo_id, self._id)
        return f"tags that need it: {', '.join(tags)}" if tags else "no tag needs it"

    async def _extra(self, reader: Reader, digest: str, parts: dict[str, rows.PartRow]) -> list[rows.KeptRow]:
        """What the manifest keeps without naming it or being its subject."""
        rows = await reader.all(
            store.KEPT_OTHERWISE,
            repo_id=self._repo_id,
            content_id=self._id,
            known=[part.id for part in parts.values()],
            limit=_EXTRA,
        )
        clear = [row._replace(bytes=self._run.clear(row.bytes, row.wrapped_key, row.digest)) for row in rows]
        return [row for row in clear if not _refers_to(row, digest)]

    async def mend(self, unit: Unit, finding: Finding) -> bool:
        """Repair one finding; what changes what can be pulled takes the repository's next place."""
        place = await standing(unit, self._repo_id)
        row = await self._row(unit)
        if place is None or row is None or row.bytes is None:
            return False
        if finding.damage in _TAKES_A_PLACE:
            moment = await unit.one(ADVANCE, path=row.path)
            place = Place(*moment) if moment is not None else place
        done = await self._repair(unit, place, row, row.bytes, finding)
        if done:
            await self._run.note(unit, place, finding)
        return done

    async def _repair(self, unit: Unit, place: Place, row: rows.ManifestRow, data: bytes, finding: Finding) -> bool:
        reading = read_manifest(data, row.media_type)
        if reading is None:
            return await make_blob(unit, row, place, self._id)
        parts = await self._parts(unit, reading.manifest)
        if finding.damage is Damage.LINK_TYPE:
            await write_link(unit, place, self._id, reading)
        elif finding.damage is Damage.CHILD_MISSING:
            return await self._show(unit, place, reading.manifest, parts, finding)
        elif finding.damage is Damage.EDGE_MISSING:
            linked = [parts[each.digest] for each in needed(reading.manifest) if each.digest in parts]
            await keep(unit, self._repo_id, self._id, {part.id for part in linked if part.kind is not None})
        elif finding.damage is Damage.SUBJECT_EDGE_MISSING:
            await keep(unit, self._repo_id, finding.ids.other_id, [self._id])
        else:
            extra = await self._extra(unit, row.digest, parts)
            await let_go(unit, self._run.settings, place, self._id, [each.id for each in extra])
        return True

    async def _show(
        self, unit: Unit, place: Place, manifest: Manifest, parts: dict[str, rows.PartRow], finding: Finding
    ) -> bool:
        listed: dict[str, Descriptor] = {each.digest: each for each in needed(manifest)}
        part = next((each for each in parts.values() if each.id == finding.ids.other_id), None)
        if part is None or part.digest not in listed:
            return False
        is_index = manifest.kind is Kind.INDEX
        if is_index and part.kind is None and await self._may_be_sparse(unit, finding.repository or ""):
            return False  # perhaps it never was here: what other repositories hold must not become visible in this one
        media_type = listed[part.digest].media_type if is_index else ""
        return await show_part(self._run, unit, place, self._id, part, media_type=media_type)

    async def _may_be_sparse(self, unit: Unit, path: str) -> bool:
        row = await effective_setting(unit, RepositoryName(path).prefixes(), SPARSE_INDEXES)
        return row.value == "true" if row is not None else self._run.settings.sparse_indexes


def _is_sound(row: rows.ManifestRow) -> bool:
    """Whether the manifest is stored and its bytes hash."""
    algorithm = row.digest.partition(":")[0]
    return (
        row.state == State.STORED
        and algorithm in ALGORITHMS
        and row.bytes is not None
        and Digest.of(row.bytes, algorithm) == row.digest
    )


def _is_missing(row: rows.ManifestRow, manifest: Manifest, part: rows.PartRow | None) -> bool:
    """Whether the repository lacks a part. A child that was gone before its index came is one that the index awaits;
    what was purged is meant to lack."""
    if part is None or part.kind is None:
        return True
    if part.state == State.PURGED:
        return False
    if part.gone_at is None:
        return False
    return manifest.kind is not Kind.INDEX or part.gone_at > row.put_at


def _refers_to(row: rows.KeptRow, digest: str) -> bool:
    """Whether the kept manifest's own bytes name the keeper as its subject, whatever its link says."""
    reading = read_manifest(row.bytes, row.media_type) if row.bytes is not None else None
    subject = reading.manifest.subject if reading is not None else None
    return subject is not None and subject.digest == digest
