"""What a registry refuses to take on: no room, too many sessions, too many streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.registry.house import House, Place, image, index, pieces, staged

from holdfast.access.model import Subject
from holdfast.blobs.memory import MemoryBlobs
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.errors import NoRoom, TooManyUploads, UploadUnknown
from holdfast.registry.upload.intake import Chunk

LARGE = b"x" * 50_000
HUGE = 1 << 50


async def first(house: House, data: bytes = b"first") -> str:
    """Open a session with its first bytes."""
    token = (await house.uploads.start(house.may_push(), "sha256")).token
    await house.uploads.append(house.may_push(), token, Chunk(pieces(data)))
    return token


def test_below_the_reserve_pushes_stop_and_everything_else_goes_on(place: Place) -> None:
    async def fill(house: House) -> str:
        await house.image("v1")
        await house.image("v2", name="other")
        await house.blob(LARGE)
        return await first(house)

    async def scenario(house: House) -> None:
        data = image(b'{"name":"app"}', b"layer of app")
        permit = house.may_push()
        with pytest.raises(NoRoom):
            await house.uploads.start(permit, "sha256")
        for call in (
            house.blob(b"new"),
            house.blob(LARGE),
            house.manifest(data, "v3"),
            house.manifest(index(), "v3"),
            house.mounts.blob(house.may_push("other"), house.may_pull(), Digest.of(LARGE)),
            house.uploads.append(permit, token, Chunk(pieces(b"more"))),
            house.uploads.finish(permit, token, Digest.of(b"first"), Chunk(pieces(b""))),
        ):
            with pytest.raises(NoRoom):
                await call
        assert (await house.get("v1")).data == data
        assert await house.read(Digest.of(LARGE)) == LARGE
        await house.pulls.blob_head(house.may_pull(), Digest.of(LARGE))
        assert (await house.listing.tags(house.may_pull(), "", None)).names == ["v1", "v2"]
        assert (await house.uploads.status(permit, token))[1] == 5
        await house.deletion.tag(house.may_delete(), Tag("v2"))
        await house.uploads.cancel(permit, token)
        await house.sweep.run()

    token = place.run(fill)
    place.run(scenario, reserve=HUGE)
    place.run(lambda house: house.image("v3"))


def test_room_is_watched_while_a_body_comes(place: Place) -> None:
    blobs = MemoryBlobs(capacity=200 << 20)
    place.blobs = blobs
    piece = b"x" * (8 << 20)

    async def scenario(house: House) -> None:
        with pytest.raises(NoRoom):
            await house.uploads.put(house.may_push(), Digest.of(b""), Chunk(pieces(*[piece] * 20)))
        assert await staged(blobs) == []
        assert house.sql("select count(*) from content") == [0]
        await house.blob(b"small")

    place.run(scenario, reserve=100 << 20)


def test_sessions_are_capped_by_subject(place: Place) -> None:
    async def scenario(house: House) -> None:
        tokens = [await first(house, LARGE if number else b"small") for number in range(3)]
        with pytest.raises(TooManyUploads, match="3 upload sessions are open already: finish or cancel some"):
            await first(house)
        with pytest.raises(TooManyUploads):
            await first(house, LARGE)
        assert len(await staged(house.blobs)) == 2, "the refused one left no bytes"
        await house.uploads.append(house.may_push(), tokens[0], Chunk(pieces(b"goes on")))
        await house.blob(LARGE + b"in one request")
        house.who = Subject(5, "another")
        await first(house)
        house.who = Subject(0, "anonymous")
        await house.uploads.cancel(house.may_push(), tokens[1])
        tokens.append(await first(house))
        with pytest.raises(TooManyUploads):
            await first(house)
        await house.uploads.finish(house.may_push(), tokens[2], Digest.of(LARGE), Chunk(pieces(b"")))
        await first(house)

    place.run(scenario, upload_sessions=3)


def test_cancelling_what_never_began_takes_no_place(place: Place) -> None:
    async def scenario(house: House) -> None:
        for _ in range(10):
            token = (await house.uploads.start(house.may_push(), "sha256")).token
            await house.uploads.cancel(house.may_push(), token)
            with pytest.raises(UploadUnknown):
                await house.uploads.status(house.may_push(), token)
        await first(house)

    place.run(scenario, upload_sessions=1)


def test_streams_are_capped_in_a_process(place: Place) -> None:
    async def scenario(house: House) -> None:
        gate = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b"a"
            await gate.wait()

        digest = Digest.of(b"a")
        running = [asyncio.create_task(house.uploads.put(house.may_push(), digest, Chunk(slow()))) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyUploads, match="as many uploads as it takes at once"):
            await house.blob(b"one too many")
        token = (await house.uploads.start(house.may_push(), "sha256")).token
        with pytest.raises(TooManyUploads):
            await house.uploads.append(house.may_push(), token, Chunk(pieces(b"b")))
        gate.set()
        await asyncio.gather(*running)
        await house.blob(b"now there is room")

    place.run(scenario, upload_streams=2)


def test_a_stream_that_fails_gives_its_place_back(place: Place) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"a"
        raise ConnectionError

    async def scenario(house: House) -> None:
        for _ in range(3):
            with pytest.raises(ConnectionError):
                await house.uploads.put(house.may_push(), Digest.of(b"a"), Chunk(broken()))
        await house.blob(b"b")

    place.run(scenario, upload_streams=1)
