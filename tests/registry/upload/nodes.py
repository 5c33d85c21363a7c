"""Several nodes over one database and one store: each has the real use-cases and connections of its own.

`Counted` makes of any store one that cannot be appended to, as a bucket, and that counts what is read from it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from tests.backends import laid_database_url
from tests.databases import lay_file
from tests.object_servers import bucket

from holdfast.access.model import UNCHECKED, PullPermit, PushPermit, Subject
from holdfast.blobs.envelope import Envelope
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.memory import MemoryBlobs
from holdfast.blobs.port import BlobStore, Staging
from holdfast.db.port import Database
from holdfast.db.postgres import PostgresDatabase
from holdfast.db.query import Command, Query
from holdfast.db.sqlite import SqliteDatabase
from holdfast.journal.model import Origin
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName
from holdfast.registry.compaction.service import Compaction
from holdfast.registry.objects import Objects
from holdfast.registry.pull.service import Pull
from holdfast.registry.settings import HOUR, RegistrySettings
from holdfast.registry.sweep.service import Sweep
from holdfast.registry.upload.intake import Chunk
from holdfast.registry.upload.service import Upload
from holdfast.registry.upload.session import SessionSigner

T = TypeVar("T")
START = 1_700_000_000_000_000
INLINE = 64
SETTINGS = RegistrySettings(lease=HOUR, grace=60_000_000, inline_limit=INLINE, reserve=0)
REPO = RepositoryName.parse("team/app")
WHO = Subject(1, "admin")
PUSH = PushPermit(WHO, REPO, UNCHECKED, Origin("test"))
PULL = PullPermit(WHO, REPO, UNCHECKED, Origin("test"))
KEYS = {1: bytes(range(32))}

STAGED = ("staged memory", "staged files")
"""Where sessions are appended to."""
PLACES = ("memory", "files", "bucket", "memory sealed", "files sealed", "bucket sealed", "postgresql and bucket")
"""Where sessions are objects: nothing can be appended to, or what is written is encrypted."""


class Key(NamedTuple):
    """The key of an object."""

    key: str


class Data(NamedTuple):
    """What a job is about."""

    data: str


KNOWN = Query(
    "select key from content where key is not null union select key from segment union select key from upload_segment",
    Key,
)
JOBS = Query("select data from job where kind = 'compact' order by id", Data)
NO_JOBS = Command("delete from job")
DOOMED = Query("select key from doomed", Key)


class Counted:
    """The store `inner`, which can be appended to only if it `appends`; counts what is read of its objects."""

    def __init__(self, inner: BlobStore, *, appends: bool) -> None:
        self.inner = inner
        self.appends = appends
        self.read_bytes = self.read_calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    @property
    def staging(self) -> Staging | None:
        return self.inner.staging if self.appends else None

    async def read(self, key: str, start: int, end: int) -> bytes:
        self.read_calls += 1
        data = await self.inner.read(key, start, end)
        self.read_bytes += len(data)
        return data

    async def chunks(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        self.read_calls += 1
        async with aclosing(self.inner.chunks(key, start, end)) as pieces:
            async for piece in pieces:
                self.read_bytes += len(piece)
                yield piece

    async def digest(self, key: str, algorithm: str) -> str:
        self.read_calls += 1
        self.read_bytes += await self.inner.size(key) or 0
        return await self.inner.digest(key, algorithm)


def make_store(place: str, root: Path) -> Counted:
    """The store of one of PLACES or STAGED."""
    if "bucket" in place:
        return Counted(bucket().store(), appends=False)
    appends = "sealed" in place or place.startswith("staged")
    return Counted(LocalBlobs(str(root / "store")) if "files" in place else MemoryBlobs(), appends=appends)


async def once(*data: bytes) -> AsyncIterator[bytes]:
    """A body."""
    for piece in data:
        yield piece


async def told(done: int, total: int) -> None:
    """Takes note of progress."""
    assert 0 <= done <= total


class Clock:
    """Microseconds that pass when a test says so; it stands still otherwise."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


class Node:
    """One process: its own database connections, its own view of the shared store."""

    def __init__(self, db: Database, objects: Objects, settings: RegistrySettings) -> None:
        self.db = db
        self.objects = objects
        self.uploads = Upload(db, objects, settings, SessionSigner(bytes(32)))
        self.pulls = Pull(db, objects, settings)
        self.sweep = Sweep(db, objects.blobs, settings)
        self.compaction = Compaction(objects, settings)

    async def start(self, algorithm: str = "sha256") -> str:
        return (await self.uploads.start(PUSH, algorithm)).token

    async def append(self, token: str, data: bytes, start: int | None = None) -> int:
        length = None if start is None else len(data)
        return (await self.uploads.append(PUSH, token, Chunk(once(data), start, length)))[1]

    async def finish(self, token: str, digest: Digest, data: bytes = b"", start: int | None = None) -> None:
        length = None if start is None else len(data)
        await self.uploads.finish(PUSH, token, digest, Chunk(once(data), start, length))

    async def status(self, token: str) -> int:
        return (await self.uploads.status(PUSH, token))[1]

    async def compact(self) -> list[bool]:
        """Run the jobs that wait for it; gives what each did."""
        rows = await self.db.all(JOBS)
        await self.db.write(lambda unit: unit.run(NO_JOBS))
        return [await self.compaction.compact(self.db, json.loads(row.data)["content"], told) for row in rows]

    async def read(self, digest: Digest) -> bytes:
        """The blob as a client gets it."""
        found = await self.pulls.blob(PULL, digest)
        if found.stored is None:
            return await self.pulls.read(PULL, found, 0, found.size)
        pieces = await self.pulls.stream(PULL, found, 0, found.size)
        return b"".join([piece async for piece in pieces])


@dataclass
class Cluster:
    """The shared database and store. `url`: PostgreSQL, None for the SQLite file in `root`."""

    root: Path
    blobs: Counted
    clock: Clock
    sealing: bool
    url: str | None = None

    async def node(self, *, sealing: bool | None = None, envelope: bool = True, **settings: object) -> Node:
        """One more process."""
        db: Database
        if self.url is None:
            db = SqliteDatabase(str(self.root / "holdfast.db"), clock=self.clock)
        else:
            db = PostgresDatabase(self.url, clock=self.clock)
            await db.open()
        self._open.append(db)
        sealing = self.sealing if sealing is None else sealing
        objects = Objects(cast(BlobStore, self.blobs), Envelope(KEYS) if envelope else None, sealing=sealing)
        return Node(db, objects, replace(SETTINGS, **settings))  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        self._open: list[Database] = []

    async def keys(self) -> set[str]:
        """Every object of the store."""
        pages = self.blobs.inner.keys()
        return {key async for page in pages for key in page}

    async def known(self, node: Node) -> set[str]:
        """Every key that a row refers to, other than to have it deleted."""
        return {row.key for row in await node.db.all(KNOWN)}

    async def doomed(self, node: Node) -> set[str]:
        return {row.key for row in await node.db.all(DOOMED)}

    async def close(self) -> None:
        for db in self._open:
            await db.close()
        await self.blobs.close()


def run(root: Path, place: str, scenario: Callable[[Cluster], Awaitable[T]]) -> T:
    """Run `scenario` at one of PLACES or STAGED."""

    async def main() -> T:
        cluster = Cluster(root, make_store(place, root), Clock(), place.endswith("sealed"))
        if place.startswith("postgresql"):
            cluster.url = laid_database_url()
        else:
            lay_file(str(root / "holdfast.db"))
        await cluster.blobs.open("tests")
        try:
            return await scenario(cluster)
        finally:
            await cluster.close()

    return asyncio.run(main())


A, B, C = b"a" * 1000, b"b" * 70_000, b"c" * 500
WHOLE = A + B + C
DIGEST = Digest.of(WHOLE)
FORGET_STATE = Command("update upload set hash_state = null, digest_so_far = null")


async def three(cluster: Cluster) -> tuple[Node, Node, Node]:
    return await cluster.node(), await cluster.node(), await cluster.node()


async def nothing_is_lost_or_left(cluster: Cluster, node: Node) -> None:
    """Every object of the store is some row's, or is to be deleted; every row's object is there."""
    there, known, doomed = await cluster.keys(), await cluster.known(node), await cluster.doomed(node)
    assert known <= there
    assert there <= known | doomed
    assert not known & doomed
