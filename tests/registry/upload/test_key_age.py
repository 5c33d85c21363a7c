"""The age of an object's key: fresh however long its bytes took to come, and never used when it has become old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.databases import lay_file

from holdfast.access.model import UNCHECKED, PushPermit, Subject
from holdfast.blobs.key import issued_at
from holdfast.blobs.local import LocalBlobs
from holdfast.db.sqlite import SqliteDatabase
from holdfast.journal.model import Origin
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName
from holdfast.registry.errors import UploadUnknown
from holdfast.registry.objects import Objects
from holdfast.registry.settings import HOUR, RegistrySettings
from holdfast.registry.upload.intake import Chunk
from holdfast.registry.upload.service import Upload
from holdfast.registry.upload.session import SessionSigner

PERMIT = PushPermit(Subject(1, "admin"), RepositoryName("app"), UNCHECKED, Origin("test"))
HALF = bytes(1 << 20)
DIGEST = Digest.of(HALF + HALF)


class Clock:
    """The engine's clock, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000_000 * HOUR

    def __call__(self) -> int:
        return self.now


class Suspended(LocalBlobs):
    """A store whose process stands still for a day and more after an object is there and before its row is."""

    clock: Clock

    async def publish(self, name: str, key: str) -> None:
        await super().publish(name, key)
        self.clock.now += 26 * HOUR


async def slowly(clock: Clock) -> AsyncIterator[bytes]:
    yield HALF
    clock.now += 26 * HOUR
    yield HALF


async def upload(blobs: LocalBlobs, clock: Clock, place: Path, *, chunked: bool) -> list[str]:
    """Send a blob slowly; returns the keys of the objects that are there afterwards."""
    database = str(place / "holdfast.db")
    lay_file(database)
    db = SqliteDatabase(database, clock=clock)
    settings = RegistrySettings(reserve=0)
    try:
        await blobs.open("an-installation")
        uploads = Upload(db, Objects(blobs), settings, SessionSigner(bytes(32)))
        if chunked:
            session = await uploads.start(PERMIT, "sha256")
            await uploads.append(PERMIT, session.token, Chunk(slowly(clock)))
            await uploads.finish(PERMIT, session.token, DIGEST, Chunk(nothing()))
        else:
            await uploads.put(PERMIT, DIGEST, Chunk(slowly(clock)))
    finally:
        await blobs.close()
        await db.close()
    return [path.name for path in (place / "store" / "objects").glob("*/*")]


async def nothing() -> AsyncIterator[bytes]:
    pieces: tuple[bytes, ...] = ()
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("chunked", [False, True])
def test_a_slow_upload_ends_with_a_fresh_key(tmp_path: Path, chunked: bool) -> None:
    clock = Clock()
    keys = asyncio.run(upload(LocalBlobs(str(tmp_path / "store")), clock, tmp_path, chunked=chunked))
    assert [issued_at(key) for key in keys] == [clock.now]


@pytest.mark.parametrize("chunked", [False, True])
def test_an_object_that_may_be_taken_for_litter_gets_no_row(tmp_path: Path, chunked: bool) -> None:
    blobs = Suspended(str(tmp_path / "store"))
    blobs.clock = Clock()
    with pytest.raises(UploadUnknown, match="took too long"):
        asyncio.run(upload(blobs, blobs.clock, tmp_path, chunked=chunked))
    assert not any((tmp_path / "store" / "objects").glob("*/*"))
