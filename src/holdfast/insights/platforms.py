"""Finds out for what platform each image is that was pulled, off the way of those who count.

Promises: every image is read once; one whose configuration cannot be read, or says nothing, has none.
"""

from __future__ import annotations

import json
from functools import partial

from holdfast.blobs.errors import BlobError, Corrupt
from holdfast.db.port import Database, Unit
from holdfast.insights import aging_store as store
from holdfast.oci import manifest as oci_manifest
from holdfast.oci.digest import Digest
from holdfast.oci.errors import ManifestInvalid
from holdfast.oci.image_config import is_image_config, parse_config
from holdfast.registry.model import Segment, Stored
from holdfast.registry.objects import Objects

_PAGE = 100
_LARGEST = 1 << 20


class Platforms:
    """Looks at images."""

    def __init__(self, db: Database, objects: Objects) -> None:
        self._db = db
        self._objects = objects

    async def run(self) -> int:
        """Look at every image that was not looked at; how many they were."""
        after = seen = 0
        while rows := await self._db.all(store.WAITING, after=after, limit=_PAGE):
            after = rows[-1].name_id
            found = [(row.name_id, await self._platform(row)) for row in rows]
            await self._db.write(partial(_set, found=found))
            seen += len(found)
        return seen

    async def _platform(self, row: store.WaitingRow) -> str:
        body = await self._db.one(store.MANIFEST, repo_id=row.repo_id, content_id=row.content_id)
        if body is None:
            return ""
        try:
            data = body.bytes
            if body.wrapped_key is not None:
                data = await self._objects.opened(body.wrapped_key, Digest(body.digest), body.bytes)
            config = oci_manifest.parse(data, body.media_type).config
            if config is None or not is_image_config(config.media_type):
                return ""
            blob = await self._db.one(store.CONFIG, repo_id=row.repo_id, digest=config.digest)
            if blob is None or blob.size > _LARGEST:
                return ""
            parsed = parse_config(await self._read(blob))
            return str(parsed.platform)[:128] if parsed is not None else ""
        except (BlobError, Corrupt, ManifestInvalid):
            return ""

    async def _read(self, row: store.BlobRow) -> bytes:
        if row.bytes is not None:
            if row.wrapped_key is None:
                return row.bytes
            return await self._objects.opened(row.wrapped_key, Digest(row.digest), row.bytes)
        if row.key is not None:
            segments: tuple[Segment, ...] = (Segment(row.key, row.size),)
        else:
            parts = await self._db.all(store.SEGMENTS, id=row.content_id)
            segments = tuple(Segment(part.key, part.size) for part in parts)
        return await self._objects.read(Stored(segments, row.wrapped_key, row.digest), 0, row.size)


async def _set(unit: Unit, found: list[tuple[int, str]]) -> None:
    await unit.run(store.SET_PLATFORM, rows=json.dumps(found), ids=[name_id for name_id, _ in found])
