"""Copying objects from one store to another, under the same keys.

Promises: an object counts as copied when the new store gave all its bytes back and they are what they should be: those
of content by its digest, opened with the data key of its row where they are sealed; those of an open upload by the
hash of what was read. What was copied is remembered in the new database, so a later run goes on; what was copied and
not remembered is read back again. Bytes are never changed: what is sealed moves sealed. Memory is bounded by a few
streams.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from holdfast.blobs.errors import Unavailable
from holdfast.db.port import Database, Unit
from holdfast.registry.carrying import carry, is_whole
from holdfast.registry.model import Segment, State, Stored
from holdfast.registry.moving import store
from holdfast.registry.moving.model import Damaged
from holdfast.registry.objects import Objects

PAGE = 200
AT_ONCE = 4
_MISSING = "its object is not in the store"
_CORRUPT = "its bytes do not hash to its digest, or do not open"


class Piece(NamedTuple):
    """Something whose objects are copied together: content, or one object of an open upload (`content_id` 0)."""

    content_id: int
    name: str
    size: int
    segments: tuple[Segment, ...]
    wrapped: bytes | None
    state: int

    @property
    def stored(self) -> Stored:
        """How it lies in a store."""
        return Stored(self.segments, self.wrapped, self.name)


class Copying:
    """Copies what the rows of `new_db` refer to from `old` to `new`. `old_db` is asked whether what is missing is
    still wanted. `came` is called with the bytes of each piece that was copied."""

    def __init__(
        self,
        old_db: Database,
        new_db: Database,
        old: Objects,
        new: Objects,
        came: Callable[[int], None] = lambda _bytes: None,
    ) -> None:
        self._old_db = old_db
        self._new_db = new_db
        self._old = old
        self._new = new
        self._came = came
        self.damaged: dict[str, Damaged] = {}
        self.objects = 0
        self.bytes = 0

    async def run(self) -> int:
        """One pass over all that was not copied yet; returns how many objects were. Raises `BlobError`,
        `DatabaseError`."""
        before = self.objects
        await self._each(self._content)
        await self._each(self._parted)
        await self._uploads()
        return self.objects - before

    async def left(self) -> list[str]:
        """What is still not copied and was not found damaged: digests of content, names of uploads; a few of them."""
        found: list[str] = []
        many = len(self.damaged) + 10
        for query in (store.WHOLE, store.PARTED):
            found += [row.digest for row in await self._new_db.all(query, after=0, limit=many)]
        found += [row.upload_id for row in await self._new_db.all(store.UPLOADED, upload_id="", n=-1, limit=many)]
        return [name for name in found if name not in self.damaged]

    async def _each(self, page: Callable[[int], Awaitable[list[Piece]]]) -> None:
        after = 0
        while pieces := await page(after):
            after = pieces[-1].content_id
            await self._copy_all(pieces)

    async def _content(self, after: int) -> list[Piece]:
        rows = await self._new_db.all(store.WHOLE, after=after, limit=PAGE)
        return [
            # An object holds its content and, where it is sealed, what seals it: only the content's size is known.
            Piece(row.id, row.digest, row.size, (Segment(row.key or "", row.size),), row.wrapped_key, row.state)
            for row in rows
        ]

    async def _parted(self, after: int) -> list[Piece]:
        pieces = []
        for row in await self._new_db.all(store.PARTED, after=after, limit=PAGE):
            parts = await self._new_db.all(store.PARTS, id=row.id)
            segments = tuple(Segment(part.key, part.size) for part in parts)
            pieces.append(Piece(row.id, row.digest, row.size, segments, row.wrapped_key, row.state))
        return pieces

    async def _uploads(self) -> None:
        upload_id, n = "", -1
        while rows := await self._new_db.all(store.UPLOADED, upload_id=upload_id, n=n, limit=PAGE):
            upload_id, n = rows[-1].upload_id, rows[-1].n
            pieces = [
                Piece(0, row.upload_id, row.size, (Segment(row.key, row.size),), None, State.STORED) for row in rows
            ]
            await self._copy_all(pieces)

    async def _copy_all(self, pieces: Sequence[Piece]) -> None:
        """Copy a page of pieces, a few at a time, and remember those that came."""
        gate = asyncio.Semaphore(AT_ONCE)
        came: list[Piece] = []

        async def one(piece: Piece) -> None:
            async with gate:
                if await (self._copy_upload(piece) if piece.content_id == 0 else self._copy_content(piece)):
                    came.append(piece)
                    self.damaged.pop(piece.name, None)
                    self.bytes += piece.size
                    self._came(piece.size)

        try:
            async with asyncio.TaskGroup() as group:
                for piece in pieces:
                    group.create_task(one(piece))
        except ExceptionGroup as several:
            raise several.exceptions[0] from several
        finally:
            keys = [segment.key for piece in came for segment in piece.segments]
            self.objects += len(keys)
            if keys:
                await self._remember(keys)

    async def _remember(self, keys: list[str]) -> None:
        async def remember(unit: Unit) -> None:
            for key in keys:
                await unit.run(store.COPIED, key=key)

        await self._new_db.write(remember, always=True)

    # -- one piece -------------------------------------------------------------------------------------------------

    async def _copy_content(self, piece: Piece) -> bool:
        """Copy content and read it back; False when it is damaged, or not wanted any more."""
        for attempt in (1, 2):
            for segment in piece.segments:
                if not await self._copy(segment.key) and piece.state == State.STORED:
                    return await self._missed(piece, segment.key, _MISSING)
            if piece.state != State.STORED or await is_whole(self._new, piece.stored, piece.name, piece.size):
                return True
            if not await is_whole(self._old, piece.stored, piece.name, piece.size):
                return await self._missed(piece, piece.segments[0].key, _CORRUPT)
            if attempt == 1:
                for segment in piece.segments:
                    await self._new.blobs.delete(segment.key)
        raise Unavailable("The new store does not give back what was written to it.")

    async def _copy_upload(self, piece: Piece) -> bool:
        """Copy one object of an open upload and read it back."""
        key = piece.segments[0].key
        if not await self._copy(key):
            return await self._missed(piece, key, _MISSING)
        for _ in range(2):
            if await self._old.blobs.digest(key, "sha256") == await self._new.blobs.digest(key, "sha256"):
                return True
            await self._new.blobs.delete(key)
            await self._copy(key)
        raise Unavailable("The new store does not give back what was written to it.")

    async def _copy(self, key: str) -> bool:
        """Copy the object, unless one as long is there; False when there is none to copy."""
        return await carry(self._old.blobs, self._new.blobs, key) is not False

    async def _missed(self, piece: Piece, key: str, reason: str) -> bool:
        """Note that a piece is damaged, if it still lies where it was said to; always False."""
        if await self._still(piece):
            self.damaged[piece.name] = Damaged(piece.content_id, piece.name, key, reason)
        return False

    async def _still(self, piece: Piece) -> bool:
        keys = [segment.key for segment in piece.segments]
        if piece.content_id == 0:
            row = await self._old_db.one(store.STILL_UPLOADED, key=keys[0])
            return row is not None and row.total > 0
        row = await self._old_db.one(store.STILL_WHOLE, id=piece.content_id, key=keys[0])
        if row is not None:
            return True
        row = await self._old_db.one(store.STILL_PARTS, id=piece.content_id, keys=keys)
        return row is not None and row.total == len(keys)
