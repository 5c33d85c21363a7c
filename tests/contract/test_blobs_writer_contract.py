"""Objects made in one step and by writers (blobs/port.py), held against every backend."""

import asyncio
import os
from pathlib import Path

import pytest
from tests.blobs.places import BACKENDS, KEY, LONG, OTHER, Place, digest, listed, make_place, whole, write

from holdfast.blobs.errors import BlobError
from holdfast.blobs.key import new_key
from holdfast.blobs.port import BLOCK, BlobStore, Received

PART = 8 * BLOCK
"""What a part of a large object is made of in an object store, at the least."""
BIG = os.urandom(PART + 1)


@pytest.fixture(params=BACKENDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return make_place(request.param, tmp_path)


async def assert_whole(store: BlobStore, key: str, data: bytes) -> None:
    assert await store.size(key) == len(data)
    assert await whole(store, key) == data
    assert await store.digest(key, "sha256") == digest(data)


# -- in one step ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(0,), (5,), (4096, 3), (BLOCK,)])
def test_put_makes_an_object_in_one_step(place: Place, sizes: tuple[int, ...]) -> None:
    chunks = [LONG[:size] for size in sizes]
    data = b"".join(chunks)

    async def scenario(store: BlobStore) -> None:
        assert await store.put(KEY, chunks, "sha512") == (len(data), digest(data, "sha512"), None)
        assert await store.put(OTHER, [], "sha256") == (0, digest(b""), None)
        assert await listed(store) == sorted([KEY, OTHER])
        assert await store.read(KEY, 0, len(data)) == data
        assert await whole(store, OTHER) == b""

    place.run(scenario)


def test_objects_outlive_the_process(place: Place) -> None:
    async def before(store: BlobStore) -> None:
        await store.put(KEY, [b"kept"], "sha256")
        await write(store, OTHER, LONG)

    async def after(store: BlobStore) -> None:
        assert await store.read(KEY, 0, 4) == b"kept"
        await assert_whole(store, OTHER, LONG)

    place.run(before)
    place.run(after)


# -- by a writer ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("size", [0, 1, 4095, 4097, BLOCK, 3 * BLOCK + 5, PART - 1, PART, PART + 1])
def test_sizes_around_the_edges(place: Place, size: int, known: bool) -> None:
    data = BIG[:size]

    async def scenario(store: BlobStore) -> None:
        made = await write(store, KEY, data, known=known)
        assert made[:2] == (size, digest(data))
        await assert_whole(store, KEY, data)
        assert await listed(store) == [KEY]

    place.run(scenario)


@pytest.mark.parametrize("known", [True, False])
def test_a_hundred_mebibytes(place: Place, known: bool) -> None:
    block = os.urandom(4 * BLOCK)

    async def scenario(store: BlobStore) -> None:
        made = await write(store, KEY, block * 25, known=known)
        assert made[:2] == (100 * BLOCK, digest(block * 25))
        assert await store.size(KEY) == 100 * BLOCK
        assert await store.digest(KEY, "sha256") == made.digest
        assert await whole(store, KEY, 50 * BLOCK - 1, 50 * BLOCK + 3) == (block * 25)[50 * BLOCK - 1 : 50 * BLOCK + 3]

    place.run(scenario)


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("step", [37, 70_001, BLOCK + 1, 3 * BLOCK])
def test_any_chunks_make_the_same_object(place: Place, algorithm: str, step: int) -> None:
    data = LONG[: 300_000 if step < 100 else len(LONG)]

    async def scenario(store: BlobStore) -> None:
        made = await write(store, KEY, data, step=step, known=False, algorithm=algorithm)
        assert made[:2] == (len(data), digest(data, algorithm))
        await assert_whole(store, KEY, data)

    place.run(scenario)


def test_a_chunk_may_change_after_it_was_written(place: Place) -> None:
    """Servers reuse their buffers: what `write` took is taken."""

    async def scenario(store: BlobStore) -> None:
        buffer = bytearray(BLOCK)
        async with store.create(KEY, "sha256") as writer:
            for n in range(1, 20):
                buffer[:] = bytes([n]) * BLOCK
                await writer.write(bytes(buffer))
            made = await writer.finish()
        data = b"".join(bytes([n]) * BLOCK for n in range(1, 20))
        assert made.digest == digest(data)
        await assert_whole(store, KEY, data)

    place.run(scenario)


def test_a_key_shows_nothing_before_finish(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        async with store.create(KEY, "sha256") as writer:
            for _ in range(3):
                await writer.write(BIG)
                assert await store.size(KEY) is None
                assert await listed(store) == []
            made = await writer.finish()
            await assert_whole(store, KEY, BIG * 3)
            assert made[:2] == (3 * len(BIG), digest(BIG * 3))
        await assert_whole(store, KEY, BIG * 3)

    place.run(scenario)


@pytest.mark.parametrize("size", [0, 5, BLOCK, PART + 1])
def test_a_writer_left_without_finish_leaves_nothing(place: Place, size: int) -> None:
    async def scenario(store: BlobStore) -> None:
        async with store.create(KEY, "sha256") as writer:
            await writer.write(BIG[:size])

        async def failing() -> None:
            async with store.create(OTHER, "sha256") as writer:
                await writer.write(BIG[:size])
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await failing()
        assert await listed(store) == []
        assert await store.size(KEY) is None
        if store.staging is not None:
            assert await store.staging.staged() == []

    place.run(scenario)


def test_a_writer_that_finished_or_was_left_is_of_no_use(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        async with store.create(KEY, "sha256") as writer:
            await writer.write(LONG)
            await writer.finish()
            with pytest.raises(BlobError):
                await writer.write(b"late")
            with pytest.raises(BlobError):
                await writer.finish()
        with pytest.raises(BlobError):
            await writer.write(b"late")
        await assert_whole(store, KEY, LONG)

    place.run(scenario)


@pytest.mark.parametrize("size", [5, len(BIG)])
def test_a_cancelled_writer_leaves_nothing_or_all(place: Place, size: int) -> None:
    async def scenario(store: BlobStore) -> None:
        for turns in (1, 2, 3, 5, 9, 20, 100, 300):
            key = new_key(turns)
            task = asyncio.create_task(write(store, key, BIG[:size]))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            for shown in await listed(store):
                await assert_whole(store, shown, BIG[:size])

    place.run(scenario)


def test_writers_do_not_disturb_each_other(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        keys = [new_key(n) for n in range(5)]
        contents = [bytes([n]) + LONG[n * 1_000 :] for n in range(5)]
        async with store.create(OTHER, "sha256") as never_finished:
            await never_finished.write(LONG)
            made = await asyncio.gather(
                *[write(store, key, data, step=300_001) for key, data in zip(keys, contents, strict=True)]
            )
            assert [each.digest for each in made] == [digest(data) for data in contents]
        for key, data in zip(keys, contents, strict=True):
            await assert_whole(store, key, data)
        assert await listed(store) == sorted(keys)

    place.run(scenario)


# -- the hash goes on -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_the_hash_goes_on_over_many_objects(place: Place, algorithm: str) -> None:
    async def scenario(store: BlobStore) -> None:
        made, at = Received(0, None, None), 0
        for n, size in enumerate((0, 5, BLOCK, 1, 2 * BLOCK + 7, 0)):
            piece = LONG[at : at + size]
            made = await write(store, new_key(n), piece, state=made.state, algorithm=algorithm)
            at += size
            assert made[:2] == (size, digest(LONG[:at], algorithm))

    place.run(scenario)


def test_without_a_usable_state_the_digest_is_unknown(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        base = await write(store, KEY, LONG)
        assert base.state is not None
        for n, state in enumerate((b"", b"garbage", base.state[:-1], base.state + b"x")):
            assert await write(store, new_key(n), b"more", state=state) == (4, None, None)
        assert await write(store, OTHER, b"more", state=base.state, algorithm="sha512") == (4, None, None)
        assert await store.read(OTHER, 0, 4) == b"more"

    place.run(scenario)


def test_without_an_algorithm_nothing_is_hashed(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        async with store.create(KEY, None) as writer:
            await writer.write(LONG)
            assert await writer.finish() == (len(LONG), None, None)
        await assert_whole(store, KEY, LONG)

    place.run(scenario)
