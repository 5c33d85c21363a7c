"""Open uploads whose bytes are staged in the old store: they become objects of the new one, a piece per pass.

What was acknowledged of a staged upload never changes, so it is copied while its client sends more; the last pass takes
the rest. At the end each piece is a segment of its upload, and the client goes on as if nothing had been.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing

from holdfast.blobs.errors import Lost, Unavailable
from holdfast.blobs.key import new_key
from holdfast.blobs.port import BlobStore
from holdfast.db.port import Database, Unit
from holdfast.registry.moving import store

PAGE = 200


class StagedUploads:
    """Makes objects in `new` of what is staged in `old`, as the rows of `new_db` tell of it."""

    def __init__(
        self,
        old_db: Database,
        new_db: Database,
        old: BlobStore,
        new: BlobStore,
        came: Callable[[int], None] = lambda _bytes: None,
    ) -> None:
        self._old_db = old_db
        self._new_db = new_db
        self._old = old
        self._new = new
        self._came = came
        self.bytes = 0

    async def run(self) -> int:
        """One pass; returns how many objects were made. Raises `BlobError`, `DatabaseError`."""
        if self._old.staging is None:
            return 0
        made = 0
        after = ""
        while rows := await self._new_db.all(store.STAGED, after=after, limit=PAGE):
            after = rows[-1].id
            for row in rows:
                made += await self._make(row)
        return made

    async def _make(self, row: store.StagedRow) -> int:
        """One object of the bytes that are not in one yet; 0 when there are none, or the upload has ended."""
        staging = self._old.staging
        size = row.received - row.made
        if staging is None or size <= 0:
            return 0
        key = new_key(self._old_db.now())
        try:
            async with self._new.create(key, "sha256", size=size) as writer:
                async with aclosing(staging.chunks_staged(row.id, row.made, row.received)) as chunks:
                    async for chunk in chunks:
                        await writer.write(chunk)
                got = await writer.finish()
        except Lost:
            return 0
        if await self._new.digest(key, "sha256") != got.digest:
            raise Unavailable("The new store does not give back what was written to it.")

        async def remember(unit: Unit) -> None:
            await unit.run(store.MADE, upload_id=row.id, n=row.made, key=key, size=size)

        await self._new_db.write(remember, always=True)
        self.bytes += size
        self._came(size)
        return 1
