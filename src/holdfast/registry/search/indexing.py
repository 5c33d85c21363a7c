"""Filling what search looks at: the names of repositories, and what manifests say.

Promises: nothing of this happens while somebody pushes; every manifest that was put is read once, whoever put it and by
whatever way, and those that were there before as well; kill -9 anywhere repeats harmlessly; a manifest or configuration
that cannot be read is found by its types alone. What goes, goes with its link.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.blobs.errors import BlobError, Corrupt
from holdfast.db.port import Database, Unit
from holdfast.oci import manifest as oci_manifest
from holdfast.oci.digest import Digest
from holdfast.oci.errors import ManifestInvalid
from holdfast.oci.image_config import ImageConfig, is_image_config, parse_config
from holdfast.oci.manifest import Manifest
from holdfast.registry.model import Segment, Stored
from holdfast.registry.objects import Objects
from holdfast.registry.search import store
from holdfast.registry.search.model import suffixes
from holdfast.registry.search.terms import Term, terms_of
from holdfast.registry.store import SEGMENTS

FILL = "fill-search"
REFILL = "refill-search"

_PAGE = 1_000
_UNIT = 16
_LARGEST = 1 << 20
"""Bytes of a configuration that is read."""
OVERLAP = 120_000_000
"""Microseconds that are looked at again, for units that end later than others that began after them."""
_NUMBERS = 1_000
"""Repositories that are looked at again, for the same reason."""


class Filled(NamedTuple):
    """How many repositories and manifests a run found new."""

    repositories: int
    manifests: int


class Indexing:
    """Fills the tables of search."""

    def __init__(self, db: Database, objects: Objects) -> None:
        self._db = db
        self._objects = objects

    async def run(self) -> Filled:
        """Go on from where the last run ended, to the end."""
        names = await self._names()
        manifests = 0
        while True:
            row = await self._filled()
            after = {"put_at": row.put_at, "repo_id": row.repo_id, "content_id": row.content_id}
            rows = await self._db.all(store.PUT, limit=_PAGE, **after)
            fresh = [each for each in rows if not each.known]
            for first in range(0, len(fresh), _UNIT):
                manifests += await self._page(fresh[first : first + _UNIT])
            if rows:
                await self._save(rows[-1])
            if len(rows) < _PAGE:
                await self._rewind()
                return Filled(names, manifests)

    async def again(self) -> None:
        """Let the next run begin at the first manifest: what is there is passed over quickly."""

        async def forget(unit: Unit) -> None:
            await unit.run(store.SET_NAMED, named=0)
            await unit.run(store.SET_FILLED, put_at=0, repo_id=0, content_id=0)

        await self._db.write(forget)

    async def _filled(self) -> store.FilledRow:
        row = await self._db.one(store.FILLED)
        return row if row is not None else store.FilledRow(0, 0, 0, 0)

    async def _names(self) -> int:
        """The names of new repositories."""
        start = (await self._filled()).named
        after, count = max(0, start - _NUMBERS), 0
        while True:
            rows = await self._db.all(store.MADE, after=after, limit=_NUMBERS)
            if not rows:
                return count
            after = rows[-1].id
            count += sum(row.id > start for row in rows)
            for first in range(0, len(rows), _UNIT):
                await self._write_names(rows[first : first + _UNIT])
            await self._db.write(lambda unit, named=after: unit.run(store.SET_NAMED, named=named))  # type: ignore[misc]

    async def _write_names(self, rows: list[store.RepositoryRow]) -> None:
        async def write(unit: Unit) -> None:
            for row in rows:
                for suffix in suffixes(row.path):
                    await unit.run(store.NAME, suffix=suffix, repo_id=row.id)

        await self._db.write(write)

    async def _page(self, rows: list[store.PutRow]) -> int:
        """The terms of these manifests, in one unit."""
        said: list[tuple[store.PutRow, list[Term]]] = []
        for row in rows:
            terms = await self._terms(row)
            if terms:
                said.append((row, terms))

        async def write(unit: Unit) -> None:
            for row, terms in sorted(said):
                place = {"repo_id": row.repo_id, "content_id": row.content_id}
                if await unit.one(store.HOLD, **place) is None:
                    continue  # it went meanwhile
                for term in terms:
                    await unit.run(store.TERM, **term._asdict(), **place)

        if said:
            await self._db.write(write)
        return len(said)

    async def _terms(self, row: store.PutRow) -> list[Term]:
        found = await self._db.one(store.SAID, repo_id=row.repo_id, content_id=row.content_id)
        if found is None:
            return []
        manifest = await self._manifest(found)
        config = await self._config(row.repo_id, manifest) if manifest is not None else None
        return terms_of(found.media_type, found.artifact_type, manifest, config)

    async def _manifest(self, row: store.SaidRow) -> Manifest | None:
        try:
            data = row.bytes
            if row.wrapped_key is not None:
                data = await self._objects.opened(row.wrapped_key, row.digest, row.bytes)
            return oci_manifest.parse(data, row.media_type)
        except (Corrupt, ManifestInvalid):
            return None

    async def _config(self, repo_id: int, manifest: Manifest) -> ImageConfig | None:
        descriptor = manifest.config
        if descriptor is None or not is_image_config(descriptor.media_type):
            return None
        row = await self._db.one(store.BLOB, repo_id=repo_id, digest=descriptor.digest)
        if row is None or row.size > _LARGEST:
            return None
        try:
            return parse_config(await self._read(row))
        except BlobError:
            return None

    async def _read(self, row: store.BlobRow) -> bytes:
        if row.bytes is not None:
            if row.wrapped_key is None:
                return row.bytes
            return await self._objects.opened(row.wrapped_key, Digest(row.digest), row.bytes)
        segments = (Segment(row.key, row.size),) if row.key is not None else await self._segments(row.content_id)
        return await self._objects.read(Stored(segments, row.wrapped_key, row.digest), 0, row.size)

    async def _segments(self, content_id: int) -> tuple[Segment, ...]:
        return tuple(Segment(row.key, row.size) for row in await self._db.all(SEGMENTS, id=content_id))

    async def _save(self, row: store.PutRow) -> None:
        place = {"put_at": row.put_at, "repo_id": row.repo_id, "content_id": row.content_id}
        await self._db.write(lambda unit: unit.run(store.SET_FILLED, **place))

    async def _rewind(self) -> None:
        """Let the next run look once more at what came last, and at what a clock that was ahead has put."""

        async def rewind(unit: Unit) -> None:
            row = await unit.one(store.FILLED)
            if row is not None:
                at = max(0, min(row.put_at, unit.now) - OVERLAP)
                await unit.run(store.SET_FILLED, put_at=at, repo_id=0, content_id=0)

        await self._db.write(rewind)
