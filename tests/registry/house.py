"""A whole registry in one process for tests: the real use-cases over a database, and a clock that tests move.

The database is a SQLite file, or PostgreSQL where `HOLDFAST_TEST_PAIR` names a cluster. `House.sql` reads (and
damages) the tables directly, through a connection of its own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tests.databases import Tables, database_at, lay_database

from holdfast.access.model import (
    UNCHECKED,
    CatalogPermit,
    DeletePermit,
    PullPermit,
    PushPermit,
    Subject,
)
from holdfast.access.policy.decide import Shown, TagRights
from holdfast.blobs.memory import MemoryBlobs
from holdfast.blobs.port import BlobStore, Staging
from holdfast.journal.model import Origin
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName, Tag
from holdfast.registry.collect.service import Collect
from holdfast.registry.deletion.service import Deletion
from holdfast.registry.listing.service import Listing
from holdfast.registry.model import StoredManifest
from holdfast.registry.objects import Objects
from holdfast.registry.pull.service import Pull
from holdfast.registry.push.service import ManifestPut, Push, Pushed
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.sweep.service import Sweep
from holdfast.registry.upload.intake import Chunk
from holdfast.registry.upload.mount import Mount
from holdfast.registry.upload.service import Upload
from holdfast.registry.upload.session import SessionSigner

T = TypeVar("T")
START = 1_700_000_000_000_000
LEASE, GRACE, WINDOW = 1_000_000, 10_000, 50_000_000
SETTINGS = RegistrySettings(lease=LEASE, grace=GRACE, window=WINDOW, reserve=0)
WHO = Subject(0, "anonymous")
REPO = "team/app"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


class Clock:
    """Microseconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now

    def move(self, microseconds: int) -> int:
        """Let time pass, or go back."""
        self.now += microseconds
        return self.now


class Held(NamedTuple):
    """The rights of who acts. `listing` None: as `pull`."""

    pull: TagRights = TagRights.ALL
    create: TagRights = TagRights.ALL
    overwrite: TagRights = TagRights.ALL
    sign: TagRights = TagRights.ALL
    delete: TagRights = TagRights.ALL
    listing: TagRights | None = None
    push: bool = True
    create_repository: TagRights = TagRights.ALL
    repository_id: int = 0
    shown: Shown | None = None


class House:
    """The use-cases of one process, and permits for `who` at policy version `version`."""

    def __init__(self, target: str, blobs: BlobStore, settings: RegistrySettings, clock: Clock) -> None:
        self.clock = clock
        self.settings = settings
        self.blobs = blobs
        self.db = database_at(target, clock)
        self.objects = Objects(blobs)
        self.pulls = Pull(self.db, self.objects, settings)
        self.pushes = Push(self.db, self.objects, settings)
        self.uploads = Upload(self.db, self.objects, settings, SessionSigner(bytes(32)))
        self.mounts = Mount(self.db, blobs, settings)
        self.listing = Listing(self.db, self.objects, settings)
        self.deletion = Deletion(self.db, self.objects, settings)
        self.sweep = Sweep(self.db, blobs, settings)
        self.collect = Collect(self.db, settings)
        self.who = WHO
        self.held = Held()
        self.version = UNCHECKED
        self._tables = Tables(target)

    # -- permits ---------------------------------------------------------------------------------------------------

    @contextmanager
    def acting(self, who: Subject, held: Held) -> Iterator[None]:
        """Let somebody else act for a while, with these rights."""
        before = self.who, self.held
        self.who, self.held = who, held
        try:
            yield
        finally:
            self.who, self.held = before

    def may_pull(self, repo: str = REPO, *, may_push: bool = True) -> PullPermit:
        held = self.held
        return PullPermit(
            self.who,
            RepositoryName.parse(repo),
            self.version,
            Origin("test"),
            repository_id=held.repository_id,
            may_push=may_push and held.push,
            tags=held.pull,
            listing=held.listing if held.listing is not None else held.pull,
        )

    def may_push(self, repo: str = REPO) -> PushPermit:
        held = self.held
        return PushPermit(
            self.who,
            RepositoryName.parse(repo),
            self.version,
            Origin("test"),
            repository_id=held.repository_id,
            create=held.create,
            overwrite=held.overwrite,
            sign=held.sign,
            pull=held.pull,
            create_repository=held.create_repository,
        )

    def may_delete(self, repo: str = REPO) -> DeletePermit:
        held = self.held
        name = RepositoryName.parse(repo)
        return DeletePermit(
            self.who,
            name,
            self.version,
            Origin("test"),
            repository_id=held.repository_id,
            tags=held.delete,
            pull=held.pull,
        )

    def may_list(self) -> CatalogPermit:
        return CatalogPermit(self.who, self.version, Origin("test"), self.held.shown)

    # -- what clients do -------------------------------------------------------------------------------------------

    async def blob(self, data: bytes, repo: str = REPO) -> Digest:
        """Upload a blob in one request."""
        digest = Digest.of(data)
        await self.uploads.put(self.may_push(repo), digest, Chunk(pieces(data)))
        return digest

    async def chunked(self, data: bytes, repo: str = REPO) -> Digest:
        """Upload a blob by a session of one chunk, as docker does."""
        permit = self.may_push(repo)
        token = (await self.uploads.start(permit, "sha256")).token
        await self.uploads.append(permit, token, Chunk(pieces(data)))
        digest = Digest.of(data)
        await self.uploads.finish(permit, token, digest, Chunk(pieces(b"")))
        return digest

    async def manifest(
        self, data: bytes, *tags: str, repo: str = REPO, media_type: str = "", digest: Digest | None = None
    ) -> Pushed:
        """Push a manifest by digest, under any number of tags."""
        put = ManifestPut(data, media_type, digest or Digest.of(data), tuple(Tag(tag) for tag in tags))
        return await self.pushes.manifest(self.may_push(repo), put)

    async def image(
        self, *tags: str, name: str = "app", repo: str = REPO, subject: bytes | None = None, **more: object
    ) -> bytes:
        """Push an image of its own config and layer with everything it needs; returns its manifest."""
        config, layer = f'{{"name":"{name}"}}'.encode(), f"layer of {name}".encode()
        for data in (config, layer):
            await self.blob(data, repo)
        data = image(config, layer, subject=subject, **more)
        await self.manifest(data, *tags, repo=repo)
        return data

    async def get(self, reference: str, repo: str = REPO) -> StoredManifest:
        """GET of a manifest by tag or digest."""
        parsed = Digest.parse(reference) if ":" in reference else Tag(reference)
        return await self.pulls.manifest(self.may_pull(repo), parsed)

    async def read(self, digest: str, repo: str = REPO) -> bytes:
        """GET of a blob."""
        permit = self.may_pull(repo)
        found = await self.pulls.blob(permit, Digest.parse(digest))
        return await self.pulls.read(permit, found, 0, found.size)

    async def referrers(self, subject: bytes, repo: str = REPO, artifact_type: str | None = None) -> list[object]:
        """The digests that refer to `subject`."""
        page = await self.listing.referrers(self.may_pull(repo), Digest.of(subject), artifact_type, 0)
        return [each["digest"] for each in page.descriptors]

    # -- what stands in the tables ---------------------------------------------------------------------------------

    def sql(self, statement: str, *values: object) -> list[Any]:
        """Run a statement beside the registry; rows of one column come as their values."""
        return self._tables.sql(statement, *values)

    def id_of(self, what: bytes | str) -> int:
        """The id of content, by its bytes or its digest."""
        digest = what if isinstance(what, str) else Digest.of(what)
        (found,) = self.sql("select id from content where digest = ?", digest)
        return int(found)

    def due(self, what: bytes | str) -> int | None:
        """When the collector may look at content of any repository, None when it has nothing to look at."""
        rows = self.sql("select due from candidate where content_id = ?", self.id_of(what))
        return int(rows[0]) if rows else None

    def leases(self, what: bytes | str) -> list[Any]:
        """Who was told that content is there, and until when."""
        return self.sql("select opener, due from lease where content_id = ? order by opener", self.id_of(what))

    def doomed(self) -> dict[str, int]:
        """Keys of objects to delete, and from when on."""
        return dict(self.sql("select key, due from doomed"))

    def key_of(self, what: bytes | str) -> str | None:
        """The key of content's object."""
        (found,) = self.sql("select key from content where id = ?", self.id_of(what))
        return None if found is None else str(found)

    def state(self, what: bytes | str) -> int:
        (found,) = self.sql("select state from content where id = ?", self.id_of(what))
        return int(found)

    def last_at(self, repo: str = REPO) -> int:
        """The time of the last change of a repository."""
        (found,) = self.sql("select last_at from repository where path = ?", repo)
        return int(found)

    def journal(self) -> list[str]:
        """The kinds of what was recorded."""
        return self.sql("select kind from journal order by id")

    async def close(self) -> None:
        """End this process; the store of blobs stays open."""
        self._tables.close()
        await self.db.close()


Scenario = Callable[[House], Awaitable[T]]


class Place:
    """A directory in which houses are opened one after the other, over the same data."""

    def __init__(self, root: Path) -> None:
        self.target = lay_database(str(root / "holdfast.db"))
        self.blobs: BlobStore = MemoryBlobs()
        self.clock = Clock()

    def run(self, scenario: Scenario[T], **settings: object) -> T:
        """Run `scenario` in a house with these settings changed."""
        chosen = replace(SETTINGS, **settings)  # type: ignore[arg-type]

        async def main() -> T:
            await self.blobs.open("tests")
            house = House(self.target, self.blobs, chosen, self.clock)
            try:
                return await scenario(house)
            finally:
                await house.close()

        return asyncio.run(main())


def staging(blobs: BlobStore) -> Staging:
    """The part of a store that can be appended to."""
    assert blobs.staging is not None
    return blobs.staging


async def staged(blobs: BlobStore) -> list[str]:
    """The names of what is staged; nothing can be where nothing can be appended to."""
    return await blobs.staging.staged() if blobs.staging is not None else []


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    """A body."""
    for piece in data:
        yield piece


def descriptor(data: bytes, media_type: str, **more: object) -> dict[str, object]:
    return {"mediaType": media_type, "digest": Digest.of(data), "size": len(data), **more}


def image(config: bytes, *layers: bytes, subject: bytes | None = None, **more: object) -> bytes:
    """A manifest over a config and layers; `more` goes into it as it is."""
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(config, CONFIG),
        "layers": [descriptor(layer, LAYER) for layer in layers],
        **more,
    }
    if subject is not None:
        document["subject"] = descriptor(subject, MANIFEST)
    return json.dumps(document).encode()


def index(*children: bytes, subject: bytes | None = None, **more: object) -> bytes:
    """An index over manifests."""
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [descriptor(child, MANIFEST) for child in children],
        **more,
    }
    if subject is not None:
        document["subject"] = descriptor(subject, MANIFEST)
    return json.dumps(document).encode()
