"""The upload state machine against a reference model: whatever a client does, a session holds what was acknowledged.

The real use-cases run in this process over SQLite: with blobs that can be appended to and with blobs that cannot, as in
a bucket, in clear and encrypted. The model is a dictionary: what each session holds, and which blobs were made.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.databases import lay_database, open_at

from holdfast.access.model import UNCHECKED, PullPermit, PushPermit, Subject
from holdfast.blobs.envelope import Envelope
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.memory import MemoryBlobs
from holdfast.blobs.port import BlobStore
from holdfast.db.query import Query
from holdfast.journal.model import Origin
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName
from holdfast.registry.errors import (
    DigestMismatch,
    RegistryError,
    SizeMismatch,
    UploadOutOfOrder,
    UploadUnknown,
)
from holdfast.registry.objects import Objects
from holdfast.registry.pull.service import Pull
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.upload.intake import Chunk
from holdfast.registry.upload.service import Upload
from holdfast.registry.upload.session import SessionSigner

T = TypeVar("T")
INLINE = 64
SETTINGS = RegistrySettings(inline_limit=INLINE, reserve=0)
WHO = Subject(7, "somebody")
PUSH = PushPermit(WHO, RepositoryName.parse("team/app"), UNCHECKED, Origin("test"))
PULL = PullPermit(WHO, PUSH.repository, UNCHECKED, Origin("test"))
KEYS = {1: bytes(range(32))}
STRANGERS = (
    PushPermit(WHO, RepositoryName.parse("team/other"), UNCHECKED, Origin("test")),
    PushPermit(Subject(8, "another"), PUSH.repository, UNCHECKED, Origin("test")),
)
# Around what stays in the database, around a block of the store, and nothing.
SIZES = st.sampled_from([0, 1, 7, INLINE - 1, INLINE, INLINE + 1, 500, 5000, (1 << 20) + 3])
ALGORITHMS = st.sampled_from(["sha256", "sha256", "sha384", "sha512"])


class Key(NamedTuple):
    key: str


IN_USE = Query("select key from content where key is not null union select key from segment", Key)
TO_GO = Query("select key from doomed", Key)


class Left(Exception):
    """The client went away in the middle of a body."""


@dataclass
class Session:
    """What the model knows of a session. `closing`: the digest and the body of the request that closed it last."""

    token: str
    data: bytes = b""
    ended: bool = False
    closing: tuple[Digest, bytes] | None = None


def content(size: int, salt: int) -> bytes:
    """`size` bytes that another `salt` does not give, if there are enough of them."""
    return (salt.to_bytes(4, "little") * (size // 4 + 1))[:size]


async def body(data: bytes, cuts: int, *, leaves: bool = False) -> AsyncIterator[bytes]:
    """`data` in up to `cuts` pieces, with a turn of the loop between them; at its end the client may leave."""
    step = max(1, -(-len(data) // cuts))
    for at in range(0, len(data), step):
        await asyncio.sleep(0)
        yield data[at : at + step]
    if leaves:
        raise Left


class Uploads(RuleBasedStateMachine):
    """The machine; `store` and `sealing` are what the tests differ in."""

    sessions = Bundle("sessions")
    sealing = False

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        self._runner = asyncio.Runner()
        self._path = str(Path(self._directory.name) / "holdfast.db")
        self._salt = 0
        self.known: list[Session] = []
        self.stored: dict[Digest, bytes] = {}

    def store(self, root: str) -> BlobStore:
        """Make the blob store under test."""
        raise NotImplementedError

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def refused(self, work: Coroutine[Any, Any, object], *kinds: type[RegistryError]) -> RegistryError:
        """Insist that `work` is refused with one of `kinds`."""
        try:
            self.run(work)
        except kinds as error:
            return error
        raise AssertionError(f"it was not refused with {[kind.__name__ for kind in kinds]}")

    def fresh(self, size: int) -> bytes:
        self._salt += 1
        return content(size, self._salt)

    # -- the life of the process ------------------------------------------------------------------------------------

    @initialize()
    def open(self) -> None:
        self._target = lay_database(self._path)
        self._blobs = self.store(str(Path(self._directory.name) / "store"))
        self.run(self._blobs.open("installation"))
        self._start()

    def _start(self) -> None:
        self._db = self.run(open_at(self._target))
        objects = Objects(self._blobs, Envelope(KEYS), sealing=self.sealing)
        self._uploads = Upload(self._db, objects, SETTINGS, SessionSigner(bytes(32)))
        self._pulls = Pull(self._db, objects, SETTINGS)

    @rule()
    @precondition(lambda self: self.known)
    def restart(self) -> None:
        """Another process takes over."""
        self.run(self._db.close())
        self._start()

    # -- what clients do --------------------------------------------------------------------------------------------

    @rule(target=sessions, algorithm=ALGORITHMS)
    def start(self, algorithm: str) -> Session:
        async def start() -> str:
            return (await self._uploads.start(PUSH, algorithm)).token

        session = Session(self.run(start()))
        self.known.append(session)
        return session

    @rule(session=sessions, size=SIZES, cuts=st.integers(1, 4), said=st.booleans())
    def append(self, session: Session, size: int, cuts: int, said: bool) -> None:
        data = self.fresh(size)
        start, length = (len(session.data), size) if said and size else (None, None)
        work = self._uploads.append(PUSH, session.token, Chunk(body(data, cuts), start, length))
        if session.ended:
            self.refused(work, UploadUnknown)
            return
        _, received = self.run(work)
        session.data += data
        assert received == len(session.data)

    @rule(session=sessions, size=SIZES.filter(bool), off=st.sampled_from([-5, -1, 1, 1000]))
    def append_out_of_order(self, session: Session, size: int, off: int) -> None:
        start = max(0, len(session.data) + off)
        if start == len(session.data):
            return
        work = self._uploads.append(PUSH, session.token, Chunk(body(self.fresh(size), 2), start, size))
        error = self.refused(work, UploadUnknown if session.ended else UploadOutOfOrder)
        if isinstance(error, UploadOutOfOrder):
            assert error.received == len(session.data)

    @rule(session=sessions, size=SIZES.filter(bool), off=st.sampled_from([-1, 1, 5000]))
    def append_of_another_length(self, session: Session, size: int, off: int) -> None:
        chunk = Chunk(body(self.fresh(size), 3), len(session.data), size + off)
        self.refused(self._uploads.append(PUSH, session.token, chunk), UploadUnknown if session.ended else SizeMismatch)

    @rule(session=sessions, size=SIZES, closing=st.booleans())
    def leave_in_the_middle(self, session: Session, size: int, closing: bool) -> None:
        if session.ended:
            return
        data = self.fresh(size)
        chunk = Chunk(body(data, 3, leaves=True))
        digest = Digest.of(session.data + data)
        try:
            if closing:
                self.run(self._uploads.finish(PUSH, session.token, digest, chunk))
            else:
                self.run(self._uploads.append(PUSH, session.token, chunk))
        except Left:
            return
        raise AssertionError("a body without an end was taken")

    @rule(session=sessions, sizes=st.tuples(SIZES.filter(bool), SIZES.filter(bool)), said=st.booleans())
    def append_twice_at_once(self, session: Session, sizes: tuple[int, int], said: bool) -> None:
        if session.ended:
            return
        start = len(session.data) if said else None
        chunks = [self.fresh(size) for size in sizes]

        async def both() -> list[Any]:
            works = [
                self._uploads.append(PUSH, session.token, Chunk(body(data, 2), start, len(data) if said else None))
                for data in chunks
            ]
            return list(await asyncio.gather(*works, return_exceptions=True))

        outcomes = self.run(both())
        won = [
            (outcome[1], data)
            for data, outcome in zip(chunks, outcomes, strict=True)
            if not isinstance(outcome, BaseException)
        ]
        lost = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert all(isinstance(error, UploadOutOfOrder) for error in lost), lost
        # Chunks that do not say where they begin may also come one after the other.
        assert len(won) == 1 or (len(won) == 2 and not said)
        for size, data in sorted(won):
            session.data += data
            assert len(session.data) == size

    @rule(session=sessions, size=SIZES, algorithm=ALGORITHMS, cuts=st.integers(1, 4), said=st.booleans())
    def finish(self, session: Session, size: int, algorithm: str, cuts: int, said: bool) -> None:
        rest = self.fresh(size)
        whole = session.data + rest
        digest = Digest.of(whole, algorithm)
        start, length = (len(session.data), size) if said and size else (None, None)
        work = self._uploads.finish(PUSH, session.token, digest, Chunk(body(rest, cuts), start, length))
        if session.ended:
            self.refused(work, UploadUnknown)
            return
        self.run(work)
        self.stored[digest] = whole
        session.data, session.closing = b"", (digest, rest)
        assert self.run(self._read(digest)) == whole

    @rule(session=sessions, again=st.booleans())
    @precondition(lambda self: any(session.closing for session in self.known))
    def finish_again(self, session: Session, again: bool) -> None:
        """The client did not see the answer: it repeats the closing request, or closes without a body."""
        if session.closing is None or session.ended or session.data:
            return
        digest, rest = session.closing
        self.run(self._uploads.finish(PUSH, session.token, digest, Chunk(body(rest if again else b"", 2))))
        assert self.run(self._read(digest)) == self.stored[digest]

    @rule(session=sessions, size=SIZES, algorithm=ALGORITHMS)
    def finish_with_another_digest(self, session: Session, size: int, algorithm: str) -> None:
        digest = Digest.of(b"never uploaded", algorithm)
        work = self._uploads.finish(PUSH, session.token, digest, Chunk(body(self.fresh(size), 2)))
        self.refused(work, UploadUnknown if session.ended else DigestMismatch)

    @rule(session=sessions, size=SIZES.filter(bool))
    def finish_out_of_order(self, session: Session, size: int) -> None:
        rest = self.fresh(size)
        digest = Digest.of(session.data + rest)
        if digest in self.stored:
            return  # a repeat, as far as anybody can tell
        work = self._uploads.finish(PUSH, session.token, digest, Chunk(body(rest, 2), len(session.data) + 1, size))
        self.refused(work, UploadUnknown if session.ended else UploadOutOfOrder)

    @rule(session=sessions)
    def cancel(self, session: Session) -> None:
        work = self._uploads.cancel(PUSH, session.token)
        if session.ended:
            self.refused(work, UploadUnknown)
            return
        self.run(work)
        session.ended, session.data = True, b""

    @rule(session=sessions, stranger=st.sampled_from(STRANGERS), size=SIZES)
    def a_stranger_tries(self, session: Session, stranger: PushPermit, size: int) -> None:
        chunk = Chunk(body(self.fresh(size), 1))
        digest = Digest.of(session.data)
        self.refused(self._uploads.status(stranger, session.token), UploadUnknown)
        self.refused(self._uploads.append(stranger, session.token, chunk), UploadUnknown)
        self.refused(self._uploads.finish(stranger, session.token, digest, chunk), UploadUnknown)
        self.refused(self._uploads.cancel(stranger, session.token), UploadUnknown)

    # -- what always holds ------------------------------------------------------------------------------------------

    @invariant()
    def every_session_stands_where_it_was_acknowledged(self) -> None:
        for session in self.known:
            if session.ended:
                self.refused(self._uploads.status(PUSH, session.token), UploadUnknown)
            else:
                assert self.run(self._uploads.status(PUSH, session.token))[1] == len(session.data)

    def teardown(self) -> None:
        """Every session that is left holds its very bytes, every blob is there, and nothing stays behind."""
        for session in self.known:
            if session.data:
                digest = Digest.of(session.data)
                self.run(self._uploads.finish(PUSH, session.token, digest, Chunk(body(b"", 1))))
                self.stored[digest] = session.data
        for digest, data in self.stored.items():
            assert self.run(self._read(digest)) == data
        if hasattr(self, "_blobs"):
            if self._blobs.staging is not None:
                assert self.run(self._blobs.staging.staged()) == []
            self.run(self._nothing_is_left_over())
            self.run(self._db.close())
            self.run(self._blobs.close())
        self._runner.close()
        self._directory.cleanup()

    async def _nothing_is_left_over(self) -> None:
        """Every object is content's, or is to be deleted; no session has any left."""
        pages = self._blobs.keys()
        there = {key async for page in pages for key in page}
        in_use = {row.key for row in await self._db.all(IN_USE)}
        to_go = {row.key for row in await self._db.all(TO_GO)}
        assert in_use <= there <= in_use | to_go
        assert not in_use & to_go

    async def _read(self, digest: Digest) -> bytes:
        blob = await self._pulls.blob(PULL, digest)
        if blob.stored is None:
            return await self._pulls.read(PULL, blob, 0, blob.size)
        return b"".join([piece async for piece in await self._pulls.stream(PULL, blob, 0, blob.size)])


class UploadsInMemory(Uploads):
    """With blobs in memory."""

    def store(self, root: str) -> BlobStore:
        return MemoryBlobs()


class UploadsOnDisk(Uploads):
    """With blobs in files."""

    def store(self, root: str) -> BlobStore:
        return LocalBlobs(root)


class UploadsOfObjects(Uploads):
    """With blobs that cannot be appended to."""

    def store(self, root: str) -> BlobStore:
        return MemoryBlobs(appends=False)


class UploadsSealed(UploadsInMemory):
    """Encrypted, whether or not the store can be appended to."""

    sealing = True


class UploadsSealedAsTheyCome(Uploads):
    """With encryption switched on and off while sessions go on."""

    def store(self, root: str) -> BlobStore:
        return MemoryBlobs()

    @rule(sealing=st.booleans())
    @precondition(lambda self: self.known)
    def switch(self, sealing: bool) -> None:
        """Another process takes over, with another setting."""
        self.sealing = sealing
        self.run(self._db.close())
        self._start()


_COMMON = settings(deadline=None, stateful_step_count=25, suppress_health_check=[HealthCheck.too_slow])
TestUploadsInMemory = UploadsInMemory.TestCase
TestUploadsInMemory.settings = settings(_COMMON, max_examples=40)
TestUploadsOnDisk = UploadsOnDisk.TestCase
TestUploadsOnDisk.settings = settings(_COMMON, max_examples=15)
TestUploadsOfObjects = UploadsOfObjects.TestCase
TestUploadsOfObjects.settings = settings(_COMMON, max_examples=40)
TestUploadsSealed = UploadsSealed.TestCase
TestUploadsSealed.settings = settings(_COMMON, max_examples=20)
TestUploadsSealedAsTheyCome = UploadsSealedAsTheyCome.TestCase
TestUploadsSealedAsTheyCome.settings = settings(_COMMON, max_examples=20)
