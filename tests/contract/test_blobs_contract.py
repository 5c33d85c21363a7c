"""The life of a staged upload, sentence by sentence (blobs/port.py), held against every backend that can append."""

import asyncio
from pathlib import Path

import pytest
from tests.blobs.places import (
    KEY,
    LONG,
    OTHER,
    STAGING,
    Place,
    digest,
    listed,
    make_place,
    stage,
    staging,
    whole,
)

from holdfast.blobs.errors import BlobError, Busy, Lost
from holdfast.blobs.port import BLOCK, BlobStore, Received


@pytest.fixture(params=STAGING)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return make_place(request.param, tmp_path)


# -- the life of a blob ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("step", [100_003, BLOCK, 2 * BLOCK, 2 * BLOCK + 1, len(LONG)])
def test_received_hashed_checkpointed_published(place: Place, algorithm: str, step: int) -> None:
    async def scenario(store: BlobStore) -> None:
        async with staging(store).receive("up", algorithm) as receiver:
            assert receiver.offset == 0
            for at in range(0, len(LONG), step):
                await receiver.write(LONG[at : at + step])
                assert receiver.offset == min(at + step, len(LONG))
            received = await receiver.checkpoint()
            assert (received.size, received.digest) == (len(LONG), digest(LONG, algorithm))
            await staging(store).publish("up", KEY)
        assert await staging(store).staged() == []
        assert await listed(store) == [KEY]
        assert await whole(store, KEY) == LONG
        assert await store.size(KEY) == len(LONG)
        assert await store.digest(KEY, algorithm) == received.digest

    place.run(scenario)


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 4096])
def test_sizes_around_the_edges(place: Place, size: int) -> None:
    data = LONG[:size]

    async def scenario(store: BlobStore) -> None:
        assert await stage(store, "up", data) == (size, digest(data), (await stage(store, "same", data)).state)
        await staging(store).publish("up", KEY)
        assert await whole(store, KEY) == data
        assert await store.size(KEY) == size

    place.run(scenario)


def test_many_small_chunks(place: Place) -> None:
    data = LONG[:300_000]

    async def scenario(store: BlobStore) -> None:
        async with staging(store).receive("up", "sha256") as receiver:
            await receiver.write(b"")
            for at in range(0, len(data), 37):
                await receiver.write(data[at : at + 37])
                await receiver.write(b"")
            assert (await receiver.checkpoint())[:2] == (len(data), digest(data))
            await staging(store).publish("up", KEY)
        assert await whole(store, KEY) == data

    place.run(scenario)


def test_small_and_large_chunks_keep_their_order(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        at, steps = 0, [1, 70_000, 3, 4, 5, BLOCK, 63 << 10, 64 << 10, 65 << 10, 7, 2 * BLOCK, 9]
        async with staging(store).receive("up", "sha256") as receiver:
            for step in steps:
                await receiver.write(LONG[at : at + step])
                at += step
            assert (await receiver.checkpoint())[:2] == (at, digest(LONG[:at]))
            await staging(store).publish("up", KEY)
        assert await whole(store, KEY) == LONG[:at]

    place.run(scenario)


def test_a_key_is_never_used_twice(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await store.put(KEY, [b"first"], "sha256")
        with pytest.raises(ValueError, match="twice"):
            await store.put(KEY, [b"second"], "sha256")
        await stage(store, "up", b"third")
        with pytest.raises(ValueError, match="twice"):
            await staging(store).publish("up", KEY)
        assert await store.read(KEY, 0, 5) == b"first"
        assert await staging(store).staged() == ["up"]

    place.run(scenario)


def test_objects_and_staged_uploads_outlive_the_process(place: Place) -> None:
    kept: list[Received] = []

    async def before(store: BlobStore) -> None:
        await store.put(KEY, [b"kept"], "sha256")
        kept.append(await stage(store, "up", LONG))

    async def after(store: BlobStore) -> None:
        assert await store.read(KEY, 0, 4) == b"kept"
        assert await staging(store).staged() == ["up"]
        received = await stage(store, "up", b"more", at=kept[0].size, state=kept[0].state)
        assert received[:2] == (len(LONG) + 4, digest(LONG + b"more"))

    place.run(before)
    place.run(after)


# -- one at a time --------------------------------------------------------------------------------------------------


def test_second_receiver_drop_and_publish_are_busy_and_change_nothing(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        async with staging(store).receive("up", "sha256") as receiver:
            await receiver.write(LONG)
            with pytest.raises(Busy):
                async with staging(store).receive("up", "sha256"):
                    pytest.fail("two receivers of one upload")
            with pytest.raises(Busy):
                await staging(store).drop("up")
            with pytest.raises(Busy):
                await staging(store).publish("up", KEY)
            assert (await receiver.checkpoint())[:2] == (len(LONG), digest(LONG))
            await receiver.write(b"uncovered")
            with pytest.raises(Busy):
                await staging(store).publish("up", KEY)
        assert await listed(store) == []
        assert await stage(store, "up", b"", at=len(LONG)) == (len(LONG), None, None)
        await staging(store).drop("up")
        assert await staging(store).staged() == []

    place.run(scenario)


def test_other_uploads_are_not_disturbed(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        names = [f"up-{n}" for n in range(9)]

        async def one(name: str) -> None:
            async with staging(store).receive(name, "sha256") as receiver:
                for at in range(0, len(LONG), 700_001):
                    await receiver.write(LONG[at : at + 700_001])
                    await receiver.write(name.encode())
                received = await receiver.checkpoint()
                assert received.digest == await staging(store).digest_staged(name, "sha256", received.size)

        await asyncio.gather(*map(one, names))
        assert sorted(await staging(store).staged()) == names

    place.run(scenario)


def test_inside_its_receiver_a_published_upload_is_out_of_reach(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        async with staging(store).receive("up", "sha256") as receiver:
            await receiver.write(LONG)
            await receiver.checkpoint()
            await staging(store).publish("up", KEY)
            for attempt in (receiver.checkpoint, receiver.rollback, lambda: receiver.write(b"more")):
                with pytest.raises(BlobError):
                    await attempt()
            # The name is free again, and what takes it is another upload.
            assert (await stage(store, "up", b"new")).digest == digest(b"new")
        assert await whole(store, KEY) == LONG
        assert await staging(store).staged() == ["up"]
        await staging(store).publish("up", OTHER)
        assert await store.read(OTHER, 0, 3) == b"new"

    place.run(scenario)


def test_a_receiver_left_is_of_no_use(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        async with staging(store).receive("up", "sha256") as receiver:
            await receiver.write(b"kept")
            await receiver.checkpoint()
        with pytest.raises(BlobError):
            await receiver.write(b"late")
        with pytest.raises(BlobError):
            await receiver.checkpoint()
        assert await staging(store).digest_staged("up", "sha256", 4) == digest(b"kept")

    place.run(scenario)


# -- nothing but checkpoints lasts ----------------------------------------------------------------------------------


def test_without_checkpoint_a_new_upload_is_gone(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        async with staging(store).receive("up", "sha256") as receiver:
            await receiver.write(LONG)
            assert await staging(store).staged() == ["up"]
        assert await staging(store).staged() == []

        async def failing() -> None:
            async with staging(store).receive("up", "sha256") as receiver:
                await receiver.write(LONG)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await failing()
        assert await staging(store).staged() == []

    place.run(scenario)


def test_without_checkpoint_a_resumed_upload_is_as_before(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        first = await stage(store, "up", LONG)
        async with staging(store).receive("up", "sha256", at=first.size, state=first.state) as receiver:
            assert receiver.offset == first.size
            await receiver.write(LONG)
        with pytest.raises(Lost):
            await staging(store).digest_staged("up", "sha256", first.size + 1)
        assert await staging(store).digest_staged("up", "sha256", first.size) == first.digest

    place.run(scenario)


def test_what_comes_after_the_last_checkpoint_is_cut_off(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        async with staging(store).receive("up", "sha256") as receiver:
            await receiver.write(LONG)
            first = await receiver.checkpoint()
            await receiver.write(LONG[:5_000])
            second = await receiver.checkpoint()
            await receiver.write(LONG)
        assert first[:2] == (len(LONG), digest(LONG))
        assert second[:2] == (len(LONG) + 5_000, digest(LONG + LONG[:5_000]))
        with pytest.raises(Lost):
            await staging(store).digest_staged("up", "sha256", second.size + 1)
        assert await staging(store).digest_staged("up", "sha256", second.size) == second.digest

    place.run(scenario)


def test_what_is_staged_can_be_read(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        first = await stage(store, "up", LONG)
        async with staging(store).receive("up", "sha256", at=first.size, state=first.state) as receiver:
            await receiver.write(b"not acknowledged")
            for start, end in ((0, first.size), (5, first.size - 5), (7, 7), (0, 0)):
                read = [piece async for piece in staging(store).chunks_staged("up", start, end)]
                assert b"".join(read) == LONG[start:end]
                assert all(len(piece) <= BLOCK for piece in read)
        for name, end in (("up", first.size + 1), ("never", 1)):
            with pytest.raises(Lost):
                _ = [piece async for piece in staging(store).chunks_staged(name, 0, end)]

    place.run(scenario)


def test_an_empty_upload_can_be_checkpointed(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        async with staging(store).receive("up", "sha256") as receiver:
            assert (await receiver.checkpoint())[:2] == (0, digest(b""))
        assert await staging(store).staged() == ["up"]
        await staging(store).publish("up", KEY)
        assert await store.size(KEY) == 0

    place.run(scenario)


@pytest.mark.parametrize("at", [0, 1, 4096, BLOCK, BLOCK + 5, len(LONG)])
def test_a_receiver_cuts_to_where_it_begins(place: Place, at: int) -> None:
    async def scenario(store: BlobStore) -> None:
        prefix = await stage(store, "prefix", LONG[:at])
        await stage(store, "up", LONG)
        received = await stage(store, "up", LONG, at=at, state=prefix.state)
        assert received[:2] == (at + len(LONG), digest(LONG[:at] + LONG))
        assert await staging(store).digest_staged("up", "sha256", received.size) == received.digest

    place.run(scenario)


@pytest.mark.parametrize("at", [0, 1, BLOCK])
def test_a_receiver_that_is_left_untouched_leaves_what_lies_beyond(place: Place, at: int) -> None:
    """Somebody was faster: he was told that his bytes are safe, and who comes too late finds out while holding them."""

    async def scenario(store: BlobStore) -> None:
        staged = await stage(store, "up", LONG)
        async with staging(store).receive("up", "sha256", at=at) as receiver:
            assert receiver.offset == at
        assert await staging(store).digest_staged("up", "sha256", len(LONG)) == staged.digest

    place.run(scenario)


@pytest.mark.parametrize("at", [0, 1, BLOCK])
@pytest.mark.parametrize("size", [1, 100_000, 3 * BLOCK])
def test_a_receiver_that_is_left_after_a_write_has_cut(place: Place, at: int, size: int) -> None:
    async def scenario(store: BlobStore) -> None:
        await stage(store, "up", LONG)
        async with staging(store).receive("up", "sha256", at=at) as receiver:
            await receiver.write(LONG[:size])
        assert await staging(store).staged() == (["up"] if at else [])
        with pytest.raises(Lost):
            await staging(store).digest_staged("up", "sha256", at + 1)
        if at:
            assert await staging(store).digest_staged("up", "sha256", at) == digest(LONG[:at])

    place.run(scenario)


def test_a_receiver_cannot_begin_beyond_what_is_there(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await stage(store, "up", b"four")
        for name, at in (("up", 5), ("never", 1)):
            with pytest.raises(Lost):
                async with staging(store).receive(name, "sha256", at=at):
                    pytest.fail("began in nowhere")
        assert await staging(store).staged() == ["up"]
        assert await staging(store).digest_staged("up", "sha256", 4) == digest(b"four")

    place.run(scenario)


@pytest.mark.parametrize("begin", [0, 5, 2 * BLOCK, 2 * BLOCK + 77])
def test_rollback_makes_the_receiver_as_it_was(place: Place, begin: int) -> None:
    async def scenario(store: BlobStore) -> None:
        base = await stage(store, "up", LONG[:begin])
        async with staging(store).receive("up", "sha256", at=begin, state=base.state) as receiver:
            await receiver.rollback()
            await receiver.write(b"x" * 3_000_000)
            await receiver.checkpoint()
            await receiver.write(b"y" * 3_000_000)
            await receiver.rollback()
            assert receiver.offset == begin
            with pytest.raises(Busy):
                await staging(store).publish("up", KEY)
            await receiver.write(LONG)
            received = await receiver.checkpoint()
            assert received[:2] == (begin + len(LONG), digest(LONG[:begin] + LONG))
            assert await staging(store).digest_staged("up", "sha256", received.size) == received.digest
            await receiver.rollback()
        assert await staging(store).staged() == (["up"] if begin else [])
        if begin:
            assert await staging(store).digest_staged("up", "sha256", begin) == base.digest
            with pytest.raises(Lost):
                await staging(store).digest_staged("up", "sha256", begin + 1)

    place.run(scenario)


# -- the hash goes on -----------------------------------------------------------------------------------------------


def test_the_hash_goes_on_over_many_receivers(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        received = Received(0, None, None)
        for at in range(0, len(LONG), 777_777):
            received = await stage(store, "up", LONG[at : at + 777_777], at=at, state=received.state)
            assert received.digest == digest(LONG[: at + 777_777])
        assert await staging(store).digest_staged("up", "sha256", len(LONG)) == digest(LONG)

    place.run(scenario)


def test_without_a_usable_state_the_digest_is_unknown(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        base = await stage(store, "up", LONG)
        shorter = await stage(store, "other", LONG[:-1])
        assert base.state is not None
        for state in (None, b"", b"garbage", base.state[:-1], base.state + b"x", shorter.state):
            assert await stage(store, "up", b"more", at=base.size, state=state) == (base.size + 4, None, None)
            assert await staging(store).digest_staged("up", "sha256", base.size + 4) == digest(LONG + b"more")
        async with staging(store).receive("up", "sha512", at=base.size, state=base.state) as receiver:
            assert (await receiver.checkpoint()).digest is None

    place.run(scenario)


# -- cancellation ---------------------------------------------------------------------------------------------------


def test_a_cancelled_receiver_leaves_the_upload_as_it_was(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        base = await stage(store, "up", LONG)

        async def endless() -> None:
            async with staging(store).receive("up", "sha256", at=base.size, state=base.state) as receiver:
                while True:
                    await receiver.write(LONG)
                    await asyncio.sleep(0)

        for turns in (1, 2, 5, 20, 100):
            task = asyncio.create_task(endless())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            received = await until_free(store, "up", base)
            assert received[:2] == base[:2]
            assert await staging(store).digest_staged("up", "sha256", base.size) == base.digest

    place.run(scenario)


async def until_free(store: BlobStore, name: str, base: Received) -> Received:
    """Take up an upload that a cancelled receiver may still be letting go of."""
    for _ in range(10_000):
        try:
            return await stage(store, name, b"", at=base.size, state=base.state)
        except Busy:
            await asyncio.sleep(0)
    raise AssertionError("the lock was never released")
