"""The use-cases of a blob upload.

Promises: bytes are durable and verified before the one short transaction that makes them visible; no transaction is
open while bytes stream; a gap, an overlap, a repeat, a wrong length or a wrong digest leaves the session as it was; of
two chunks at once exactly one is applied; the closing request after a whole chunk hashes nothing again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from holdfast.access.errors import StalePermit
from holdfast.access.model import PushPermit
from holdfast.access.standing import check_permit
from holdfast.blobs.errors import BlobError, Busy, Full, Lost
from holdfast.blobs.key import issued_at, new_key
from holdfast.blobs.port import BlobStore, Received
from holdfast.db.errors import Full as DatabaseFull
from holdfast.db.port import Database, Unit
from holdfast.oci.digest import Digest
from holdfast.registry.content import Kept, Offer, keep_content, require_room, show_blob
from holdfast.registry.errors import (
    ContentUnavailable,
    DigestMismatch,
    NoRoom,
    RegistryError,
    SizeMismatch,
    TooManyUploads,
    UploadOutOfOrder,
    UploadUnknown,
)
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import ensure_repository
from holdfast.registry.upload import store
from holdfast.registry.upload.session import Session, SessionSigner
from holdfast.registry.upload.streams import Stream, Streams
from holdfast.registry.upload.whole import Gathered, after, gather, receive_whole

Body = AsyncIterator[bytes]
_ROOM_EVERY = 64 << 20
CANCELLED = -1
NOBODY = -1
# After these it is certain that nothing was committed, so the bytes may go; after any other error they stay for the
# sweeper, because the outcome of a commit can be unknown.
_NOTHING_STORED = (RegistryError, StalePermit, DatabaseFull)


class Chunk(NamedTuple):
    """The body of a PATCH or PUT. `start`/`length`: what Content-Range and Content-Length say, None if absent."""

    body: Body
    start: int | None = None
    length: int | None = None


class _Step(NamedTuple):
    """A chunk that is to be acknowledged: where the session stood, and what is stored now. `early`: all its bytes,
    when they are kept in the database."""

    session: Session
    was: int
    got: Received
    early: bytes | None


class Upload:
    """Receiving blobs. One object a process."""

    def __init__(self, db: Database, blobs: BlobStore, settings: RegistrySettings, signer: SessionSigner) -> None:
        self._db = db
        self._blobs = blobs
        self._settings = settings
        self._signer = signer
        self._streams = Streams(settings.upload_streams)

    async def start(self, permit: PushPermit, algorithm: str) -> Session:
        """A new session. Writes nothing: the session is its signed id until it holds bytes. Raises `NoRoom`."""
        require_room(self._blobs, self._settings)
        await check_permit(self._db, permit)
        return self._signer.issue(permit.repository, permit.subject.id, self._db.now(), algorithm)

    async def status(self, permit: PushPermit, token: str) -> tuple[Session, int]:
        """The session and how many bytes it holds. Raises `UploadUnknown`."""
        session = self._signer.check(token, permit.repository, permit.subject.id)
        row = await self._row(session)
        await check_permit(self._db, permit)
        return session, row.received if row is not None else 0

    async def append(self, permit: PushPermit, token: str, chunk: Chunk) -> tuple[Session, int]:
        """Take the next chunk; returns the session and how many bytes it holds, all of them durable.

        Raises `UploadUnknown`, `UploadOutOfOrder`, `SizeMismatch`, `TooManyUploads`, `NoRoom`.
        """
        session = self._signer.check(token, permit.repository, permit.subject.id)
        row = await self._row(session)
        await check_permit(self._db, permit)
        was = row.received if row is not None else 0
        _check_start(chunk, was)
        with self._streams.take() as stream, self._storage(was):
            body, start, held = self._roomy(stream, chunk.body), was, Gathered([], 0, ended=False)
            if row is None or row.early is not None:
                early = row.early or b"" if row is not None else b""
                start, held = 0, await gather(after(early, body), self._settings.inline_limit)
            if held.ended:
                got, data = _in_memory(held, session.algorithm)
                _check_length(chunk, got.size - was)
                if got.size > was:
                    await self._db.write(lambda unit: self._advance(unit, permit, _Step(session, was, got, data)))
                return session, got.size
            receiver = self._blobs.receive(
                session.name, session.algorithm, at=start, state=row.hash_state if row is not None else None
            )
            async with receiver:
                await self._unmoved(session, was)
                for piece in held.pieces:
                    await receiver.write(piece)
                async for piece in body:
                    await receiver.write(piece)
                _check_length(chunk, receiver.offset - was)
                if receiver.offset == was:
                    return session, was
                got = await receiver.checkpoint()
                try:
                    await self._db.write(lambda unit: self._advance(unit, permit, _Step(session, was, got, None)))
                except _NOTHING_STORED:
                    await receiver.rollback()
                    raise
            return session, got.size

    async def finish(self, permit: PushPermit, token: str, digest: Digest, chunk: Chunk) -> None:
        """Close the session: its bytes and the body are the blob `digest`. Repeating it is answered again.

        Raises `UploadUnknown`, `UploadOutOfOrder`, `SizeMismatch`, `DigestMismatch`, `TooManyUploads`, `NoRoom`.
        """
        session = self._signer.check(token, permit.repository, permit.subject.id)
        row = await self._row(session)
        await check_permit(self._db, permit)
        if row is None:
            await self._finish_whole(permit, digest, chunk)
            return
        _check_start(chunk, row.received)
        if row.early is not None:
            body = after(row.early, chunk.body)
            length = None if chunk.length is None else row.received + chunk.length
            await self._put(permit, digest, Chunk(body, 0, length), session)
            return
        with self._streams.take() as stream, self._storage(row.received):
            receiver = self._blobs.receive(session.name, session.algorithm, at=row.received, state=row.hash_state)
            async with receiver:
                await self._unmoved(session, row.received)
                async for piece in self._roomy(stream, chunk.body):
                    await receiver.write(piece)
                _check_length(chunk, receiver.offset - row.received)
                got = await receiver.checkpoint()
                size, found = got.size, got.digest or (row.digest_so_far if got.size == row.received else None)
                if found is None or not found.startswith(digest.algorithm + ":"):
                    found = await self._blobs.digest_staged(session.name, digest.algorithm, size)
                if found != digest:
                    await receiver.rollback()
                    raise _mismatch(digest, found)
                key = new_key(self._db.now())
                await self._blobs.publish(session.name, key)
            await self._store(permit, Offer(digest, size, None, key), session)

    async def put(self, permit: PushPermit, digest: Digest, chunk: Chunk) -> None:
        """A whole blob in one request. Raises `DigestMismatch`, `SizeMismatch`, `TooManyUploads`, `NoRoom`."""
        await self._put(permit, digest, chunk, None)

    async def cancel(self, permit: PushPermit, token: str) -> None:
        """End the session and free its bytes. Raises `UploadUnknown`."""
        session = self._signer.check(token, permit.repository, permit.subject.id)
        await self._row(session)
        expires = session.issued + self._settings.upload_expire

        async def bury(unit: Unit) -> None:
            await check_permit(unit, permit)
            await unit.run(store.DROP_EARLY, id=session.name)
            if not await unit.run(store.CANCEL_UPLOAD, id=session.name, expires=expires):
                await unit.run(
                    store.NEW_UPLOAD,
                    id=session.name,
                    repo_id=None,
                    opener=NOBODY,
                    received=CANCELLED,
                    digest_so_far=None,
                    hash_state=None,
                    expires=expires,
                )

        await self._db.write(bury)
        try:
            await self._blobs.drop(session.name)
        except Busy:
            return  # a chunk is being written: it finds the session cancelled and the sweeper takes its file

    async def _put(self, permit: PushPermit, digest: Digest, chunk: Chunk, session: Session | None) -> None:
        """The body, from its first byte, is the blob `digest`; `session`, if any, ends with it."""
        with self._streams.take() as stream, self._storage():
            offer = await receive_whole(
                self._blobs, self._settings.inline_limit, digest, self._roomy(stream, chunk.body), self._db.now
            )
            try:
                _check_length(chunk, offer.size)
            except SizeMismatch:
                if offer.key is not None:
                    await self._blobs.delete(offer.key)
                raise
            await self._store(permit, offer, session)

    async def _finish_whole(self, permit: PushPermit, digest: Digest, chunk: Chunk) -> None:
        """A closing request of a session without bytes: the whole blob, or a repeat of one that was answered.

        A repeat brings what the first one brought, the last chunk or nothing: that is not the blob, but the blob is
        here and leased to the opener.
        """
        try:
            _check_start(chunk, 0)
            await self.put(permit, digest, chunk)
        except (DigestMismatch, UploadOutOfOrder):
            leased = await self._db.one(
                store.LEASED, path=permit.repository, digest=digest, opener=permit.subject.id, now=self._db.now()
            )
            if leased is None:
                raise
            async for _ in chunk.body:
                continue  # read to its end, so that the answer is

    async def _store(self, permit: PushPermit, offer: Offer, session: Session | None) -> None:
        """The one transaction that makes a durable, verified blob visible and ends its session."""

        async def show(unit: Unit) -> None:
            await check_permit(unit, permit)
            # An object so old and without a row may have been taken for litter meanwhile (data model, rule 6).
            if offer.key is not None and issued_at(offer.key) < unit.now - self._settings.upload_expire:
                raise UploadUnknown("this upload took too long: start a new one with POST")
            content_id = await keep_content(unit, permit, offer)
            await show_blob(unit, self._settings, permit, Kept(content_id, offer.size))
            if session is not None:
                await unit.run(store.DROP_UPLOAD, id=session.name)

        try:
            await self._db.write(show)
        except _NOTHING_STORED:
            if offer.key is not None:
                await self._blobs.delete(offer.key)
            raise

    async def _advance(self, unit: Unit, permit: PushPermit, step: _Step) -> None:
        """Compare-and-set on how many bytes the session holds. Raises `UploadOutOfOrder` when another was first."""
        await check_permit(unit, permit)
        values: dict[str, object] = {
            "id": step.session.name,
            "received": step.got.size,
            "digest_so_far": step.got.digest,
            "hash_state": step.got.state,
            "expires": unit.now + self._settings.upload_expire,
        }
        if step.was:
            changed = await unit.run(store.ADVANCE_UPLOAD, was=step.was, **values)
        else:
            changed = await self._open_row(unit, permit, values)
        if not changed:
            row = await unit.one(store.UPLOAD, id=step.session.name)
            raise _overtaken(row.received if row is not None else 0)
        if step.early is not None:
            await unit.run(store.PUT_EARLY, id=step.session.name, bytes=step.early)
        elif step.was:
            await unit.run(store.DROP_EARLY, id=step.session.name)

    async def _open_row(self, unit: Unit, permit: PushPermit, values: dict[str, object]) -> int:
        opener, cap = permit.subject.id, self._settings.upload_sessions
        held = await unit.one(store.HELD, opener=opener, cap=cap)
        if held is not None and held.total >= cap:
            raise TooManyUploads(f"{cap} upload sessions are open already: finish or cancel some")
        repo_id = await ensure_repository(unit, permit.repository)
        return await unit.run(store.NEW_UPLOAD, repo_id=repo_id, opener=opener, **values)

    async def _row(self, session: Session) -> store.UploadRow | None:
        """The session's row; None when it holds no bytes yet. Raises `UploadUnknown` when cancelled or expired."""
        row = await self._db.one(store.UPLOAD, id=session.name)
        expired = row is None and session.issued + self._settings.upload_expire <= self._db.now()
        if expired or (row is not None and row.received == CANCELLED):
            raise UploadUnknown("this upload session has ended: start a new one with POST")
        return row

    async def _unmoved(self, session: Session, was: int) -> None:
        """Under the lock of the staged file: the session stands where it stood when the request was read."""
        row = await self._row(session)
        now = row.received if row is not None else 0
        if now != was:
            raise _overtaken(now)

    async def _roomy(self, stream: Stream, body: Body) -> AsyncIterator[bytes]:
        """The body, as long as there is room for it."""
        require_room(self._blobs, self._settings)
        since = 0
        stream.wait()
        async for piece in body:
            stream.go_on()
            yield piece
            since += len(piece)
            if since >= _ROOM_EVERY:
                since = 0
                require_room(self._blobs, self._settings)
            stream.wait()
        stream.go_on()

    @contextmanager
    def _storage(self, received: int = 0) -> Iterator[None]:
        """Errors of the blob store, by meaning of the registry; `received`: where the upload stands."""
        try:
            yield
        except Busy as error:
            raise UploadOutOfOrder("another chunk of this upload is being written", received) from error
        except Lost as error:
            raise UploadUnknown("the bytes of this upload are gone: start a new one with POST") from error
        except Full as error:
            raise NoRoom("the disk is full") from error
        except BlobError as error:
            raise ContentUnavailable("the blob store does not answer") from error


def _overtaken(received: int) -> RegistryError:
    """What to tell a chunk that found its session moved to `received` bytes, or cancelled."""
    if received == CANCELLED:
        return UploadUnknown("this upload session has ended: start a new one with POST")
    return UploadOutOfOrder("another chunk of this upload was stored first", received)


def _in_memory(held: Gathered, algorithm: str) -> tuple[Received, bytes]:
    """Bytes that are few enough for the database, as if a checkpoint had covered them."""
    data = b"".join(held.pieces)
    return Received(held.size, Digest.of(data, algorithm), None), data


def _check_start(chunk: Chunk, received: int) -> None:
    if chunk.start is not None and chunk.start != received:
        raise UploadOutOfOrder(f"this chunk starts at {chunk.start}, the upload stands at {received}", received)


def _check_length(chunk: Chunk, written: int) -> None:
    if chunk.length is not None and chunk.length != written:
        raise SizeMismatch(f"the chunk has {written} bytes, its headers say {chunk.length}")


def _mismatch(digest: Digest, found: str) -> DigestMismatch:
    return DigestMismatch("the bytes do not hash to the digest that was given", expected=digest, found=found)
