"""The real use-cases over a real directory, in this process: opened, made to fail, closed and opened again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from tests.faults.client import Ledger, content, digest_of, manifest_of

from holdfast.access.installation import installation_id
from holdfast.access.master import new_master_key
from holdfast.access.model import ANONYMOUS, UNCHECKED, PullPermit, PushPermit
from holdfast.blobs.files import Files
from holdfast.blobs.local import LocalBlobs
from holdfast.db.migrate import migrate
from holdfast.db.sqlite import SqliteDatabase
from holdfast.distribution.errors import refusal_of
from holdfast.journal.model import Origin
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName, Tag, parse_reference
from holdfast.registry.errors import BlobUnknown, ManifestUnknown, UploadUnknown
from holdfast.registry.objects import Objects
from holdfast.registry.pull.service import Pull
from holdfast.registry.push.service import ManifestPut, Push
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.sweep.service import Sweep
from holdfast.registry.upload.intake import Chunk
from holdfast.registry.upload.service import Upload
from holdfast.registry.upload.session import SessionSigner

REPOSITORY = RepositoryName.parse("faults/calls")
_PUSH = PushPermit(ANONYMOUS, REPOSITORY, UNCHECKED, Origin("faults"))
_PULL = PullPermit(ANONYMOUS, REPOSITORY, UNCHECKED, Origin("faults"), may_push=True)
_SETTINGS = RegistrySettings(reserve=0)
_TYPE = "application/vnd.oci.image.manifest.v1+json"
BIG, MIDDLE, SMALL = 1_500_000, 64 << 10, 900


class Process:
    """What a worker runs, over the directory `root`. Made by `open`."""

    def __init__(self, db: SqliteDatabase, blobs: LocalBlobs) -> None:
        self.db = db
        self.blobs = blobs
        self.upload = Upload(db, Objects(blobs), _SETTINGS, SessionSigner(bytes(32)))
        self.push = Push(db, Objects(blobs), _SETTINGS)
        self.pull = Pull(db, Objects(blobs), _SETTINGS)
        self.sweep = Sweep(db, blobs, _SETTINGS)

    @classmethod
    async def open(
        cls, root: Path, files: Files | None = None, vfs: str | None = None, store: Path | None = None
    ) -> Process:
        """Begin a process's life in `root`, with another directory's `store` if one is given."""
        path, key = str(root / "holdfast.db"), root / "master.key"
        if not key.exists():  # verify opens nothing without it
            key.write_text(new_master_key())
        migrate(path)
        db = SqliteDatabase(path, vfs=vfs)
        blobs = LocalBlobs(str(store or root / "store"), files, threads=2)
        await blobs.open(await installation_id(db))
        return cls(db, blobs)

    async def close(self) -> None:
        """End it."""
        await self.blobs.close()
        await self.db.close()


def is_outage(error: BaseException) -> bool:
    """Whether a client would be answered 503 or 507."""
    return refusal_of(error).status in (503, 507)


async def body(data: bytes) -> AsyncIterator[bytes]:
    """A body as it arrives."""
    for start in range(0, len(data), 256 << 10):
        yield data[start : start + (256 << 10)]


class WholePush:
    """One push of everything: number `number` shares no content with any other. Its steps may each be repeated."""

    def __init__(self, number: int, ledger: Ledger) -> None:
        self.ledger = ledger
        self.steps = (self._big, self._middle, self._small, self._manifest)
        self._big_data = content(4 * number, BIG)
        self._middle_data = content(4 * number + 1, MIDDLE)
        self._small_data = content(4 * number + 2, SMALL)
        self._document = manifest_of(self._small_data, [self._big_data, self._middle_data], number)
        self._token = ""

    async def _big(self, process: Process) -> None:
        """PATCH and PUT; an upload that was cut short goes on where it stands."""
        stands = 0
        if self._token:
            try:
                stands = (await process.upload.status(_PUSH, self._token))[1]
            except UploadUnknown:
                self._token = ""
        if not self._token:
            self._token = (await process.upload.start(_PUSH, "sha256")).token
        rest = self._big_data[stands:]
        if rest:
            _, stands = await process.upload.append(_PUSH, self._token, Chunk(body(rest), stands, len(rest)))
            assert stands == BIG
        digest = self._asked(self._big_data)
        try:
            await process.upload.finish(_PUSH, self._token, digest, Chunk(body(b""), None, 0))
        except UploadUnknown:
            # Its bytes became an object, and the row that should say so was not written: begin anew.
            self._token = ""
            await process.upload.put(_PUSH, digest, Chunk(body(self._big_data), None, BIG))
        self._told(digest)

    async def _middle(self, process: Process) -> None:
        """PUT with the whole body."""
        token = (await process.upload.start(_PUSH, "sha256")).token
        digest = self._asked(self._middle_data)
        await process.upload.finish(_PUSH, token, digest, Chunk(body(self._middle_data), None, MIDDLE))
        self._told(digest)

    async def _small(self, process: Process) -> None:
        """A single POST of content that the database holds."""
        digest = self._asked(self._small_data)
        await process.upload.put(_PUSH, digest, Chunk(body(self._small_data), None, SMALL))
        self._told(digest)

    async def _manifest(self, process: Process) -> None:
        """The manifest, under a tag that another push had before."""
        digest = digest_of(self._document)
        for reference in (digest, "latest"):
            self.ledger.asked(reference, digest)
        await process.push.manifest(_PUSH, ManifestPut(self._document, _TYPE, None, (Tag.parse("latest"),)))
        for reference in (digest, "latest"):
            self.ledger.told(reference, digest)

    def _asked(self, data: bytes) -> Digest:
        digest = Digest.of(data)
        self.ledger.asked(f"blob {digest}", digest)
        return digest

    def _told(self, digest: Digest) -> None:
        self.ledger.told(f"blob {digest}", digest)


async def look(process: Process, ledger: Ledger) -> None:
    """Everything in the ledger is as it was told, and HEAD 200 implies GET of the right bytes."""
    for address, may in ledger:
        kind, _, named = address.rpartition(" ")
        found = await (_blob(process, Digest(named)) if kind else _manifest(process, named))
        assert found in may, f"{address} shows {found}, acknowledged or possible: {may}"


async def _blob(process: Process, digest: Digest) -> str | None:
    try:
        head = await process.pull.blob_head(_PULL, digest)
    except BlobUnknown:
        return None
    blob = await process.pull.blob(_PULL, digest)
    data = blob.data
    if data is None:
        data = b"".join([piece async for piece in await process.pull.stream(_PULL, blob, 0, blob.size)])
    assert (head.size, len(data)) == (blob.size, blob.size)
    assert digest_of(data) == digest
    return digest


async def _manifest(process: Process, reference: str) -> str | None:
    try:
        head = await process.pull.manifest_head(_PULL, parse_reference(reference))
    except ManifestUnknown:
        return None
    found = await process.pull.manifest(_PULL, parse_reference(reference))
    assert head.digest == found.digest == digest_of(found.data)
    return found.digest
