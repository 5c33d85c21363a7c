"""The use-cases of a blob upload.

Promises: bytes are durable and verified before the one short transaction that makes them visible; no transaction is
open while bytes stream; a gap, an overlap, a repeat, a wrong length or a wrong digest leaves the session as it was; of
two chunks at once exactly one is applied, on whichever nodes; the closing request after a whole chunk hashes nothing
again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import NamedTuple

from holdfast.access.model import PushPermit
from holdfast.access.standing import check_permit, renewed
from holdfast.blobs.errors import Busy
from holdfast.blobs.key import new_key
from holdfast.db.port import Database, Unit
from holdfast.oci.digest import Digest
from holdfast.registry.content import Kept, Offer, keep_content, require_room, show_blob
from holdfast.registry.errors import (
    DigestMismatch,
    SizeMismatch,
    UploadOutOfOrder,
    UploadUnknown,
)
from holdfast.registry.model import Segment, Stored
from holdfast.registry.objects import Objects, Seal
from holdfast.registry.quotas.service import foresee
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import REPOSITORY, require_making, same_repository
from holdfast.registry.upload import store
from holdfast.registry.upload.appending import NOTHING_STORED, Coming, Taken, add_object, stage
from holdfast.registry.upload.arriving import Arrivals
from holdfast.registry.upload.intake import (
    CANCELLED,
    Body,
    Chunk,
    check_length,
    check_start,
    gone,
    mismatch,
    overtaken,
    roomy,
    storage,
)
from holdfast.registry.upload.session import Session, SessionSigner
from holdfast.registry.upload.sessions import Sessions, Step
from holdfast.registry.upload.streams import Streams
from holdfast.registry.upload.whole import after, gather, receive_whole

_LARGE = 1 << 20
"""Bytes of a body above which quotas are asked before it comes, too."""


class _Ended(NamedTuple):
    """A session that ends with a blob: where it stood, when that must still be so, and the object that no row knows
    yet."""

    session: Session | None = None
    was: int | None = None
    fresh: str | None = None


class Upload:
    """Receiving blobs. One object a process."""

    def __init__(self, db: Database, objects: Objects, settings: RegistrySettings, signer: SessionSigner) -> None:
        self._db = db
        self._objects = objects
        self._blobs = objects.blobs
        self._settings = settings
        self._signer = signer
        self._sessions = Sessions(db, settings)
        self._streams = Streams(settings.upload_streams)
        self._arrivals = Arrivals(db)

    async def start(self, permit: PushPermit, algorithm: str) -> Session:
        """A new session. Writes nothing: the session is its signed id until it holds bytes.

        Raises `NoRoom`, `Denied`, `StalePermit`.
        """
        require_room(self._blobs, self._settings)
        await check_permit(self._db, permit)
        await self._check_place(permit)
        return self._signer.issue(permit.repository, permit.subject.id, self._db.now(), algorithm)

    async def status(self, permit: PushPermit, token: str) -> tuple[Session, int]:
        """The session and how many bytes it holds. Raises `UploadUnknown`."""
        session = self._signer.check(token, permit.repository, permit.subject.id)
        row = await self._sessions.row(permit, session)
        await check_permit(self._db, permit)
        return session, row.received if row is not None else 0

    async def append(self, permit: PushPermit, token: str, chunk: Chunk) -> tuple[Session, int]:
        """Take the next chunk; returns the session and how many bytes it holds, all of them durable.

        Raises `UploadUnknown`, `UploadOutOfOrder`, `SizeMismatch`, `TooManyUploads`, `NoRoom`.
        """
        session = self._signer.check(token, permit.repository, permit.subject.id)
        row = await self._sessions.row(permit, session)
        await check_permit(self._db, permit)
        was = row.received if row is not None else 0
        check_start(chunk, was)
        await self._foresee(permit, was, chunk, None)
        async with self._receiving(permit, session, was, chunk) as body:
            if row is not None and row.early is None:
                return session, await self._extend(permit, session, row, _coming(row, chunk, body))
            early = await self._early(session, row) if row is not None else b""
            held = await gather(after(early, body), self._settings.inline_limit)
            if held.ended:
                check_length(chunk, held.size - was)
                if held.size > was:
                    await self._keep_early(permit, session, was, b"".join(held.pieces))
                return session, held.size
            length = None if chunk.length is None else was + chunk.length
            coming = Coming(held.pieces, body, length, 0, None, lambda came: check_length(chunk, came - was))
            return session, await self._extend(permit, session, row, coming)

    async def finish(self, permit: PushPermit, token: str, digest: Digest, chunk: Chunk) -> None:
        """Close the session: its bytes and the body are the blob `digest`. Repeating it is answered again.

        Raises `UploadUnknown`, `UploadOutOfOrder`, `SizeMismatch`, `DigestMismatch`, `TooManyUploads`, `NoRoom`.
        """
        session = self._signer.check(token, permit.repository, permit.subject.id)
        row = await self._sessions.row(permit, session)
        await check_permit(self._db, permit)
        if row is None:
            await self._finish_whole(permit, digest, chunk)
            return
        check_start(chunk, row.received)
        await self._foresee(permit, row.received, chunk, digest)
        if row.early is not None:
            body = after(await self._early(session, row), chunk.body)
            length = None if chunk.length is None else row.received + chunk.length
            await self._put(permit, digest, Chunk(body, 0, length), session)
            return
        async with self._receiving(permit, session, row.received, chunk) as body:
            coming = Coming(
                [], body, chunk.length, row.received, row.hash_state, lambda came: check_length(chunk, came)
            )
            if row.segmented or self._blobs.staging is None:
                await self._finish_objects(permit, session, row, coming, digest)
            else:
                await self._finish_staged(permit, session, row, coming, digest)

    async def put(self, permit: PushPermit, digest: Digest, chunk: Chunk) -> None:
        """A whole blob in one request.

        Raises `DigestMismatch`, `SizeMismatch`, `TooManyUploads`, `NoRoom`, `Denied`, `StalePermit`.
        """
        await self._check_place(permit)
        await self._foresee(permit, 0, chunk, digest)
        await self._put(permit, digest, chunk, None)

    async def cancel(self, permit: PushPermit, token: str) -> None:
        """End the session and free its bytes. Raises `UploadUnknown`."""
        session = self._signer.check(token, permit.repository, permit.subject.id)
        await self._sessions.row(permit, session)
        await self._sessions.bury(permit, session)
        if self._blobs.staging is None:
            return
        try:
            await self._blobs.staging.drop(session.name)
        except Busy:
            return  # a chunk is being written: it finds the session cancelled and the sweeper takes its file

    @asynccontextmanager
    async def _receiving(
        self, permit: PushPermit, session: Session | None, was: int, chunk: Chunk
    ) -> AsyncIterator[Body]:
        """The body of a request as it comes: with a place among those that come at once, and as long as there is
        room."""
        name = session.name if session is not None else None
        with self._streams.take() as stream, storage(was):
            async with self._arrivals.of(permit, name, was, chunk.length) as led:
                yield led(roomy(self._blobs, self._settings, stream, chunk.body))

    async def _check_place(self, permit: PushPermit) -> None:
        """Refuse before any byte what the unit refuses: only permits that depend on the repository pay for it."""
        if permit.create_repository.everything and not permit.repository_id:
            return
        row = await self._db.one(REPOSITORY, path=permit.repository)
        if row is None:
            require_making(permit)
        else:
            same_repository(permit, row.id)

    async def _foresee(self, permit: PushPermit, was: int, chunk: Chunk, digest: Digest | None) -> None:
        """Refuse a large body before it comes when no quota on the way down has room for it."""
        if chunk.length is not None and chunk.length > _LARGE:
            await foresee(self._db, permit.repository, was + chunk.length, digest)

    async def _early(self, session: Session, row: store.UploadRow) -> bytes:
        """The bytes of a session that the database keeps, in clear."""
        return await self._objects.opened(row.wrapped_key, session.name, row.early or b"")

    async def _keep_early(self, permit: PushPermit, session: Session, was: int, data: bytes) -> None:
        seal = self._objects.fresh()
        got = Taken(len(data), Digest.of(data, session.algorithm), None, None)
        wrapped, early = seal.wrapped(session.name), seal.close(session.name, data)
        await self._db.write(
            lambda unit: self._sessions.advance(unit, permit, Step(session, was, got, 0, wrapped, early))
        )

    async def _extend(self, permit: PushPermit, session: Session, row: store.UploadRow | None, coming: Coming) -> int:
        """Make the coming bytes durable beyond the database and acknowledge them; returns the session's size."""
        was = row.received if row is not None else 0
        way, wrapped = await self._way(permit, session, row, coming)
        async with way as taken:
            if taken is None:
                return was
            step = Step(session, was, taken, coming.start, wrapped)
            await self._db.write(lambda unit: self._sessions.advance(unit, permit, step))
        return taken.size

    async def _way(
        self, permit: PushPermit, session: Session, row: store.UploadRow | None, coming: Coming
    ) -> tuple[AbstractAsyncContextManager[Taken | None], bytes | None]:
        """How the bytes are appended: a session goes on as it began, whatever the settings say by now."""
        staging = self._objects.staging if coming.start == 0 else self._blobs.staging
        if staging is not None and not (row is not None and row.segmented):
            was = row.received if row is not None else 0
            return stage(staging, session, coming, lambda: self._sessions.unmoved(permit, session, was)), None
        if coming.start and (row is None or not row.segmented):
            raise gone()  # they were staged in another store
        seal = await self._seal(session, row) if coming.start else self._objects.fresh()
        return add_object(self._objects, seal, session, coming, self._db.now()), seal.wrapped(session.name)

    async def _seal(self, session: Session, row: store.UploadRow | None) -> Seal:
        async def again() -> Seal:
            return self._objects.again(row.wrapped_key if row is not None else None, session.name)

        return await self._objects.knowing(again)

    async def _finish_staged(
        self, permit: PushPermit, session: Session, row: store.UploadRow, coming: Coming, digest: Digest
    ) -> None:
        staging = self._blobs.staging
        assert staging is not None
        async with staging.receive(session.name, session.algorithm, at=row.received, state=row.hash_state) as receiver:
            await self._sessions.unmoved(permit, session, row.received)
            async for piece in coming.body:
                await receiver.write(piece)
            coming.check(receiver.offset - row.received)
            got = await receiver.checkpoint()
            size, found = got.size, got.digest or (row.digest_so_far if got.size == row.received else None)
            if found is None or not found.startswith(digest.algorithm + ":"):
                found = await staging.digest_staged(session.name, digest.algorithm, size)
            if found != digest:
                await receiver.rollback()
                raise mismatch(digest, found)
            key = new_key(self._db.now())
            await staging.publish(session.name, key)
        await self._store(permit, Offer(digest, size, None, (Segment(key, size),)), _Ended(session, None, key))

    async def _finish_objects(
        self, permit: PushPermit, session: Session, row: store.UploadRow, coming: Coming, digest: Digest
    ) -> None:
        """The session's objects, and the last one if the closing request brings bytes, are the blob."""
        seal = await self._seal(session, row)
        rows = await self._db.all(store.SEGMENTS, id=session.name)
        segments = tuple(Segment(each.key, each.size) for each in rows)
        if sum(segment.size for segment in segments) != row.received:
            now = await self._sessions.standing(permit, session)
            raise overtaken(now) if now != row.received else gone()
        async with add_object(self._objects, seal, session, coming, self._db.now()) as taken:
            found, fresh = row.digest_so_far, None
            if taken is not None and taken.segment is not None:
                segments, found, fresh = (*segments, taken.segment), taken.digest, taken.segment.key
            if found is None or not found.startswith(digest.algorithm + ":"):
                stored = Stored(segments, row.wrapped_key, session.name)
                found = await self._objects.digest(stored, digest.algorithm)
            if found != digest:
                raise mismatch(digest, found)
            size = sum(segment.size for segment in segments)
            offer = Offer(digest, size, None, segments, seal.wrapped(digest))
            try:
                await self._store(permit, offer, _Ended(session, row.received, fresh))
            except (UploadOutOfOrder, UploadUnknown):
                # Another closing request was faster: when it brought the same blob, this one is answered as well.
                if await self._leased(permit, digest) is None:
                    raise

    async def _put(self, permit: PushPermit, digest: Digest, chunk: Chunk, session: Session | None) -> None:
        """The body, from its first byte, is the blob `digest`; `session`, if any, ends with it."""
        async with self._receiving(permit, session, 0, chunk) as body:
            offer = await receive_whole(
                self._objects, self._settings.inline_limit, digest, chunk._replace(body=body), self._db.now
            )
            try:
                check_length(chunk, offer.size)
            except SizeMismatch:
                if offer.key is not None:
                    await self._blobs.delete(offer.key)
                raise
            await self._store(permit, offer, _Ended(session, None, offer.key))

    async def _finish_whole(self, permit: PushPermit, digest: Digest, chunk: Chunk) -> None:
        """A closing request of a session without bytes: the whole blob, or a repeat of one that was answered.

        A repeat brings what the first one brought, the last chunk or nothing: that is not the blob, but the blob is
        here and leased to the opener.
        """
        try:
            check_start(chunk, 0)
            await self.put(permit, digest, chunk)
        except (DigestMismatch, UploadOutOfOrder):
            if await self._leased(permit, digest) is None:
                raise
            async for _ in chunk.body:
                continue  # read to its end, so that the answer is

    async def _leased(self, permit: PushPermit, digest: Digest) -> store.LeaseRow | None:
        """The lease that says that the opener was told that the blob is here."""
        return await self._db.one(
            store.LEASED, path=permit.repository, digest=digest, opener=permit.subject.id, now=self._db.now()
        )

    async def _store(self, given: PushPermit, offer: Offer, ended: _Ended) -> None:
        """The one transaction that makes a durable, verified blob visible and ends its session."""

        async def show(unit: Unit) -> None:
            permit = await renewed(unit, given)
            if ended.fresh is not None:
                self._sessions.refuse_old(unit, ended.fresh)
            if ended.session is not None and ended.was is not None:
                if not await unit.run(store.FINISH_UPLOAD, id=ended.session.name, was=ended.was):
                    row = await unit.one(store.UPLOAD, id=ended.session.name, path=permit.repository)
                    raise overtaken(row.received if row is not None else CANCELLED)
            elif ended.session is not None:
                await self._sessions.drop(unit, ended.session)
            content_id = await keep_content(unit, permit, offer)
            await show_blob(unit, self._settings, permit, Kept(content_id, offer.size))

        try:
            await self._db.write(show)
        except NOTHING_STORED:
            if ended.fresh is not None:
                await self._blobs.delete(ended.fresh)
            raise


def _coming(row: store.UploadRow, chunk: Chunk, body: Body) -> Coming:
    """What `chunk` adds to a session that the database alone does not hold any more."""
    return Coming([], body, chunk.length, row.received, row.hash_state, lambda came: check_length(chunk, came))
