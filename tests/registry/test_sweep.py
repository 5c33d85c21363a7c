"""The sweeper: what is due goes, what is not stays, and whoever is at work is left alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from tests.registry.house import GRACE, LEASE, SETTINGS, House, Place, pieces, staged, staging

from holdfast.blobs.key import new_key
from holdfast.oci.digest import Digest
from holdfast.registry.errors import UploadUnknown
from holdfast.registry.sweep.service import Swept
from holdfast.registry.upload.intake import Chunk
from holdfast.registry.upload.session import staged_name

EXPIRE = SETTINGS.upload_expire
LARGE = b"x" * 50_000


async def leave(house: House, name: str) -> None:
    async with staging(house.blobs).receive(name, "sha256") as receiver:
        await receiver.write(b"litter")
        await receiver.checkpoint()


async def begun(house: House, data: bytes = LARGE) -> str:
    """A session that holds `data`; returns its token."""
    session = await house.uploads.start(house.may_push(), "sha256")
    await house.uploads.append(house.may_push(), session.token, Chunk(pieces(data)))
    return session.token


def test_a_doomed_object_goes_when_it_is_due(place: Place) -> None:
    async def scenario(house: House) -> None:
        now, later = new_key(1), new_key(2)
        for key, due in ((now, house.clock.now), (later, house.clock.now + GRACE)):
            await house.blobs.put(key, [b"data"], "sha256")
            house.sql("insert into doomed (key, due) values (?, ?)", key, due)
        assert await house.sweep.run() == Swept(1, 0, 0)
        assert await house.blobs.size(now) is None
        assert await house.blobs.size(later) == 4
        assert house.doomed() == {later: house.clock.now + GRACE}
        assert await house.sweep.run() == Swept(0, 0, 0)
        house.clock.move(GRACE)
        assert await house.sweep.run() == Swept(1, 0, 0)
        assert house.doomed() == {}

    place.run(scenario)


def test_many_objects_and_one_that_is_gone_already(place: Place) -> None:
    async def scenario(house: House) -> None:
        keys = [new_key(number) for number in range(1200)]
        for key in keys:
            house.sql("insert into doomed (key, due) values (?, 0)", key)
        await house.blobs.put(keys[7], [b"data"], "sha256")
        assert await house.sweep.run() == Swept(1200, 0, 0)
        assert house.doomed() == {}

    place.run(scenario)


def test_what_content_refers_to_stays(place: Place) -> None:
    async def scenario(house: House) -> None:
        digest = await house.blob(LARGE)
        await house.image("v1")
        house.clock.move(1000 * EXPIRE)
        assert await house.sweep.run() == Swept(0, 0, 0)
        assert await house.read(digest) == LARGE
        assert (await house.get("v1")).size > 0

    place.run(scenario)


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["in the database", "staged"])
def test_an_expired_upload_goes_with_its_bytes(place: Place, data: bytes) -> None:
    async def scenario(house: House) -> None:
        token = await begun(house, data)
        house.clock.move(EXPIRE - 1)
        assert await house.sweep.run() == Swept(0, 0, 0)
        assert (await house.uploads.status(house.may_push(), token))[1] == len(data)
        house.clock.move(1)
        assert await house.sweep.run() == Swept(0, 1, 0)
        with pytest.raises(UploadUnknown):
            await house.uploads.status(house.may_push(), token)
        assert await staged(house.blobs) == []
        assert house.sql("select count(*) from upload") == house.sql("select count(*) from upload_body") == [0]

    place.run(scenario)


def test_a_chunk_moves_the_expiry(place: Place) -> None:
    async def scenario(house: House) -> None:
        token = await begun(house)
        house.clock.move(EXPIRE - 1)
        await house.uploads.append(house.may_push(), token, Chunk(pieces(LARGE)))
        house.clock.move(EXPIRE - 1)
        assert await house.sweep.run() == Swept(0, 0, 0)
        await house.uploads.finish(house.may_push(), token, Digest.of(LARGE * 2), Chunk(pieces(b"")))

    place.run(scenario)


def test_a_cancelled_upload_stays_ended_until_its_id_has_expired(place: Place) -> None:
    async def scenario(house: House) -> None:
        held, empty = await begun(house), (await house.uploads.start(house.may_push(), "sha256")).token
        for token in (held, empty):
            await house.uploads.cancel(house.may_push(), token)
        assert await staged(house.blobs) == []
        house.clock.move(EXPIRE - 1)
        assert await house.sweep.run() == Swept(0, 0, 0)
        for _ in range(2):
            for token in (held, empty):
                with pytest.raises(UploadUnknown):
                    await house.uploads.append(house.may_push(), token, Chunk(pieces(b"more")))
            house.clock.move(2)
            await house.sweep.run()
        assert house.sql("select count(*) from upload") == [0]

    place.run(scenario)


def test_staged_litter_goes_by_the_age_in_its_name(place: Place) -> None:
    async def scenario(house: House) -> None:
        oldest = house.clock.now - EXPIRE - GRACE
        old, young = (staged_name(os.urandom(16), issued) for issued in (oldest - 1, oldest))
        strangers = ["zzz", "a" * 47, "0" * 60, "abc", "deadbeef", staged_name(bytes(16), 1) + "x", "0-0"]
        for name in (old, young, *strangers):
            await leave(house, name)
        assert await house.sweep.run() == Swept(0, 0, 1)
        assert set(await staged(house.blobs)) == {young, *strangers}
        house.clock.move(1)
        assert await house.sweep.run() == Swept(0, 0, 1)
        assert set(await staged(house.blobs)) == set(strangers), "what we did not name is not ours"

    place.run(scenario)


def test_old_staged_bytes_of_a_live_session_stay(place: Place) -> None:
    async def scenario(house: House) -> None:
        token = await begun(house)
        for _ in range(5):
            house.clock.move(EXPIRE - 1)
            await house.uploads.append(house.may_push(), token, Chunk(pieces(LARGE)))
        assert await house.sweep.run() == Swept(0, 0, 0)
        await house.uploads.finish(house.may_push(), token, Digest.of(LARGE * 6), Chunk(pieces(b"")))
        assert len(await house.read(Digest.of(LARGE * 6))) == len(LARGE * 6)

    place.run(scenario)


def test_whoever_is_receiving_is_left_alone(place: Place) -> None:
    async def scenario(house: House) -> None:
        name = staged_name(bytes(16), 1)
        async with staging(house.blobs).receive(name, "sha256") as receiver:
            await receiver.write(b"a")
            await receiver.checkpoint()
            assert await house.sweep.run() == Swept(0, 0, 0)
            assert await staged(house.blobs) == [name]
        assert await house.sweep.run() == Swept(0, 0, 1)

    place.run(scenario)


def test_a_session_that_expires_while_a_chunk_comes_ends_without_a_trace(place: Place) -> None:
    async def scenario(house: House) -> None:
        token = await begun(house)
        halfway, go_on = asyncio.Event(), asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield LARGE
            halfway.set()
            await go_on.wait()
            yield LARGE

        chunk = asyncio.create_task(house.uploads.append(house.may_push(), token, Chunk(slow())))
        await halfway.wait()
        house.clock.move(2 * EXPIRE)
        assert (await house.sweep.run()).uploads == 1
        go_on.set()
        with pytest.raises(Exception, match="upload"):
            await chunk
        house.clock.move(GRACE)
        await house.sweep.run()
        assert await staged(house.blobs) == []
        assert house.sql("select count(*) from upload") == [0]

    place.run(scenario)


def test_leases_that_ended_are_forgotten(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.blob(b"one")
        house.clock.move(LEASE - 1)
        await house.blob(b"two")
        await house.sweep.run()
        assert len(house.sql("select * from lease")) == 2
        house.clock.move(1)
        await house.sweep.run()
        assert house.leases(b"one") == []
        assert len(house.leases(b"two")) == 1

    place.run(scenario)


def test_two_sweepers_at_once_do_no_harm(place: Place) -> None:
    async def scenario(house: House) -> None:
        keep = await house.blob(LARGE)
        for number in range(20):
            key = new_key(number)
            await house.blobs.put(key, [b"data"], "sha256")
            house.sql("insert into doomed (key, due) values (?, 0)", key)
            await leave(house, staged_name(os.urandom(16), 1))
            await begun(house)
        house.clock.move(2 * EXPIRE)
        await asyncio.gather(*(house.sweep.run() for _ in range(4)))
        pages = house.blobs.keys()
        assert {key async for page in pages for key in page} == {house.key_of(LARGE)}
        assert await staged(house.blobs) == []
        assert await house.read(keep) == LARGE

    place.run(scenario)
