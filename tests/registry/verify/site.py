"""A real data directory with a bit of everything in it, ways to damage it, and the real use-cases to look at it.

Promises: the directory is laid by the program's own start and filled by its own use-cases only; damage goes straight
into the database file or the store, with the engine's own guards switched off.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import apsw

from holdfast.access.installation import installation_id
from holdfast.access.model import UNCHECKED, DeletePermit, PullPermit, PushPermit, Subject
from holdfast.app.build import first_start
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory
from holdfast.app.verify import run
from holdfast.blobs.local import LocalBlobs
from holdfast.db.sqlite import SqliteDatabase
from holdfast.journal.model import Origin
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName, Tag, parse_reference
from holdfast.registry.deletion.service import Deletion
from holdfast.registry.listing.service import Listing
from holdfast.registry.model import StoredManifest
from holdfast.registry.objects import Objects
from holdfast.registry.pull.service import Pull
from holdfast.registry.push.service import ManifestPut, Push
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.upload.intake import Chunk
from holdfast.registry.upload.service import Upload
from holdfast.registry.upload.session import SessionSigner
from holdfast.registry.verify.model import Options, Outcome

T = TypeVar("T")

APP, OTHER, SPARSE = "team/app", "team/other", "sparse"
IMAGE = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

SMALL, LARGE = b"small layer" * 10, b"0123456789abcdef" * 4096
_WHO = Subject(1, "admin")


class Blob(NamedTuple):
    """Bytes and their type."""

    data: bytes
    media_type: str

    @property
    def digest(self) -> str:
        return str(Digest.of(self.data))

    def descriptor(self, **more: object) -> dict[str, object]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.data), **more}


def image(name: str, *layers: Blob, subject: Blob | None = None, media_type: str = IMAGE) -> Blob:
    """A manifest over a config of its own (`config_of`) and `layers`."""
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": config_of(name).descriptor(),
        "layers": [layer.descriptor() for layer in layers],
    }
    if subject is not None:
        document |= {"artifactType": "application/vnd.test.signature", "subject": subject.descriptor()}
    return Blob(json.dumps(document).encode(), media_type)


def config_of(name: str) -> Blob:
    return Blob(json.dumps({"name": name}).encode(), CONFIG)


def index(*children: Blob) -> Blob:
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [child.descriptor() for child in children]}
    return Blob(json.dumps(document).encode(), INDEX)


small, large, foreign = Blob(SMALL, LAYER), Blob(LARGE, LAYER), Blob(b"never pushed", FOREIGN)
old, new = image("old", small), image("new", small, large)
arm, amd = image("arm", small), image("amd", large)
multi = index(arm, amd)
signature = image("signature", small, subject=new)
early = image("early", small, subject=Blob(b"a subject that nobody pushed", IMAGE))
docker = image("docker", foreign, Blob(LARGE, DOCKER_LAYER), media_type=DOCKER)
untagged = image("untagged", small)
deleted = image("deleted", small)
awaited = image("awaited", small)
sparse = index(arm, awaited)


class Core(NamedTuple):
    """The use-cases over one data directory."""

    push: Push
    pull: Pull
    upload: Upload
    deletion: Deletion
    listing: Listing


@dataclass(frozen=True)
class Site:
    """One data directory."""

    data: Path

    def use(self, work: Callable[[Core], Awaitable[T]], settings: RegistrySettings | None = None) -> T:
        """Run `work` with the use-cases of a process of its own."""

        async def within() -> T:
            core, directory = settings or RegistrySettings(reserve=0), DataDirectory(self.data)
            db, blobs = SqliteDatabase(directory.database), LocalBlobs(directory.store)
            try:
                await blobs.open(await installation_id(db))
                objects = Objects(blobs)
                upload = Upload(db, objects, core, SessionSigner(bytes(32)))
                push, pull = Push(db, objects, core), Pull(db, objects, core)
                return await work(Core(push, pull, upload, Deletion(db, objects, core), Listing(db, objects, core)))
            finally:
                await blobs.close()
                await db.close()

        return asyncio.run(within())

    # -- the use-cases, one at a time ----------------------------------------------------------------------------

    def push(self, repository: str, manifest: Blob, *tags: str, blobs: Sequence[Blob] = ()) -> None:
        """Push blobs, and then the manifest under its digest and the tags."""
        self.use(lambda core: push(core, repository, manifest, *tags, blobs=blobs))

    def pull(self, repository: str, reference: str) -> StoredManifest:
        """The manifest as a client gets it; raises as the use-case does."""
        permit = PullPermit(_WHO, RepositoryName.parse(repository), UNCHECKED, Origin("test"))
        return self.use(lambda core: core.pull.manifest(permit, parse_reference(reference)))

    def blob(self, repository: str, digest: str) -> bytes:
        """A blob's bytes as a client gets them."""
        permit = PullPermit(_WHO, RepositoryName.parse(repository), UNCHECKED, Origin("test"))

        async def read(core: Core) -> bytes:
            found = await core.pull.blob(permit, Digest.parse(digest))
            return await core.pull.read(permit, found, 0, found.size)

        return self.use(read)

    def whole(self, repository: str, reference: str) -> bool:
        """Pull an image or an index with everything below it, checking every digest."""
        manifest = self.pull(repository, reference)
        assert Digest.of(manifest.data) == manifest.digest
        document = json.loads(manifest.data)
        for child in document.get("manifests", []):
            assert self.whole(repository, child["digest"])
        blobs = [each for each in (*document.get("layers", []), document.get("config")) if each is not None]
        for each in blobs:
            if "foreign" not in each["mediaType"]:
                assert Digest.of(self.blob(repository, each["digest"])) == each["digest"]
        return True

    def delete_tag(self, repository: str, tag: str) -> None:
        permit = DeletePermit(_WHO, RepositoryName.parse(repository), UNCHECKED, Origin("test"))
        self.use(lambda core: core.deletion.tag(permit, Tag(tag)))

    def delete_manifest(self, repository: str, manifest: Blob) -> None:
        permit = DeletePermit(_WHO, RepositoryName.parse(repository), UNCHECKED, Origin("test"))
        self.use(lambda core: core.deletion.manifest(permit, Digest(manifest.digest)))

    def delete_blob(self, repository: str, blob: Blob) -> None:
        permit = DeletePermit(_WHO, RepositoryName.parse(repository), UNCHECKED, Origin("test"))
        self.use(lambda core: core.deletion.blob(permit, Digest(blob.digest)))

    def upload(self, repository: str, blob: Blob) -> None:
        permit = PushPermit(_WHO, RepositoryName.parse(repository), UNCHECKED, Origin("test"))
        self.use(lambda core: core.upload.put(permit, Digest(blob.digest), Chunk(_once(blob.data))))

    def referrers(self, repository: str, subject: Blob) -> list[object]:
        permit = PullPermit(_WHO, RepositoryName.parse(repository), UNCHECKED, Origin("test"))
        page = self.use(lambda core: core.listing.referrers(permit, Digest(subject.digest), None, 0))
        return [each["digest"] for each in page.descriptors]

    # -- damage --------------------------------------------------------------------------------------------------

    def sql(self, statement: str, *values: object) -> list[Any]:
        """Run a statement with foreign keys off; returns its rows."""
        connection = apsw.Connection(DataDirectory(self.data).database)
        try:
            connection.set_busy_timeout(10_000)
            return list(connection.execute(statement, values))
        finally:
            connection.close()

    def value(self, statement: str, *values: object) -> Any:
        """The first cell of the first row."""
        rows = self.sql(statement, *values)
        return rows[0][0] if rows else None

    def id_of(self, content: Blob) -> int:
        return int(self.value("select id from content where digest = ?", content.digest))

    def repository(self, path: str = APP) -> int:
        return int(self.value("select id from repository where path = ?", path))

    def object_of(self, content: Blob) -> Path:
        """The file that holds it."""
        key = str(self.value("select key from content where digest = ?", content.digest))
        return self.data / "store" / "objects" / key[-2:] / key

    def journal(self, kind: str) -> list[dict[str, object]]:
        return [json.loads(data) for (data,) in self.sql("select data from journal where kind = ? order by id", kind)]

    # -- verify --------------------------------------------------------------------------------------------------

    def verify(self, *, deep: bool = False, repair: bool = False, force: bool = False, adopt: bool = False) -> Outcome:
        return run(Settings(data=self.data), Options(deep, repair, force, adopt), lambda progress: None)

    def classes(self, **options: bool) -> list[str]:
        """The classes of what verify finds, but that what is damaged here is not what was counted."""
        found = [str(each.damage) for each in self.verify(**options).findings]
        return [each for each in found if each != "usage-wrong"]


async def push(core: Core, repository: str, manifest: Blob, *tags: str, blobs: Sequence[Blob] = ()) -> None:
    permit = PushPermit(_WHO, RepositoryName.parse(repository), UNCHECKED, Origin("test"))
    for blob in blobs:
        await core.upload.put(permit, Digest(blob.digest), Chunk(_once(blob.data)))
    names = tuple(Tag(tag) for tag in tags)
    await core.push.manifest(permit, ManifestPut(manifest.data, manifest.media_type, Digest(manifest.digest), names))


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def lay(data: Path) -> Site:
    """Make a data directory with a bit of everything."""
    settings, directory = Settings(data=data), DataDirectory(data)
    directory.prepare()
    asyncio.run(first_start(settings, directory))
    site = Site(data)
    site.use(_fill)
    site.use(_fill_sparse, RegistrySettings(reserve=0, sparse_indexes=True))
    site.delete_tag(APP, "gone")
    site.delete_manifest(APP, deleted)
    return site


async def _fill(core: Core) -> None:
    configs = [config_of(name) for name in ("old", "new", "arm", "amd", "signature", "early", "docker", "untagged")]
    await push(core, APP, old, "latest", "1.0", "gone", blobs=[*configs, config_of("deleted"), small, large])
    for name, manifest, tags in (
        ("signature before its image", signature, ()),
        ("a tag that moves", new, ("latest", "2.0")),
        ("arm", arm, ()),
        ("amd", amd, ()),
        ("several architectures", multi, ("multi",)),
        ("an unknown subject", early, ("early",)),
        ("a layer that no registry holds", docker, ("docker",)),
        ("by digest", untagged, ()),
        ("deleted later", deleted, ("deleted",)),
    ):
        assert name
        await push(core, APP, manifest, *tags)
    await push(core, OTHER, new, "latest", blobs=[config_of("new"), small, large])


async def _fill_sparse(core: Core) -> None:
    await push(core, SPARSE, arm, blobs=[config_of("arm"), small])
    await push(core, SPARSE, sparse, "partial")
