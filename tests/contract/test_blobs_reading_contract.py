"""The blob store's contract (blobs/port.py), held against every backend: reading, deleting, listing, opening."""

import asyncio
from pathlib import Path

import pytest
from tests.blobs.places import (
    BACKENDS,
    INSTALLATION,
    KEY,
    LONG,
    OTHER,
    Place,
    listed,
    lists,
    make_place,
    whole,
    write,
)

from holdfast.blobs.errors import ForeignStore, Lost, Missing, Unavailable
from holdfast.blobs.key import new_key
from holdfast.blobs.port import BLOCK, BlobStore

_TOGETHER = 20
"""Objects that are written at a time: more than the slowest of the stores answers in time is no question of lists."""


@pytest.fixture(params=BACKENDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return make_place(request.param, tmp_path)


# -- reading --------------------------------------------------------------------------------------------------------


def test_ranges(place: Place) -> None:
    edges = [0, 1, 4095, 4097, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, len(LONG) - 1, len(LONG)]

    async def scenario(store: BlobStore) -> None:
        await write(store, KEY, LONG)
        for start in edges:
            for end in (edge for edge in edges if edge >= start):
                assert await whole(store, KEY, start, end) == LONG[start:end]
                if end - start <= BLOCK:
                    assert await store.read(KEY, start, end) == LONG[start:end]
        async for chunk in store.chunks(KEY, 5, len(LONG)):
            assert 0 < len(chunk) <= BLOCK

    place.run(scenario)


def test_a_range_past_the_end_is_missing(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await write(store, KEY, LONG)
        with pytest.raises(Missing):
            await store.read(KEY, len(LONG) - 1, len(LONG) + 1)
        got: list[bytes] = []

        async def read_on() -> None:
            async for chunk in store.chunks(KEY, 0, len(LONG) + 1):
                got.append(chunk)

        with pytest.raises(Missing):
            await read_on()
        assert LONG.startswith(b"".join(got))

    place.run(scenario)


def test_a_reading_may_be_given_up(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await write(store, KEY, LONG)
        chunks = store.chunks(KEY, 0, len(LONG))
        first = await anext(chunks)
        assert first == LONG[: len(first)]
        assert 0 < len(first) <= BLOCK
        await chunks.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(chunks)

    place.run(scenario)


def test_a_missing_object(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await store.put(OTHER, [b"there"], "sha256")
        assert await store.size(KEY) is None
        with pytest.raises(Missing):
            await store.read(KEY, 0, 1)
        with pytest.raises(Missing):
            await anext(store.chunks(KEY, 0, 1))
        with pytest.raises(Missing):
            await store.digest(KEY, "sha256")
        await store.delete(KEY)
        if store.staging is not None:
            with pytest.raises(Lost):
                await store.staging.digest_staged("never", "sha256", 0)
            await store.staging.drop("never")

    place.run(scenario)


# -- deleting and listing -------------------------------------------------------------------------------------------


def test_delete(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await store.put(KEY, [b"one"], "sha256")
        await store.put(OTHER, [b"two"], "sha256")
        await store.delete(KEY)
        await store.delete(KEY)
        assert await listed(store) == [OTHER]
        with pytest.raises(Missing):
            await store.read(KEY, 0, 1)

    place.run(scenario)


def test_a_reading_survives_the_deletion(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await write(store, KEY, LONG)
        chunks = store.chunks(KEY, 0, len(LONG))
        got = [await anext(chunks)]
        await store.delete(KEY)
        try:
            got += [chunk async for chunk in chunks]
        except Missing:
            # A backend may stop; it may not give other bytes.
            assert LONG.startswith(b"".join(got))
        else:
            assert b"".join(got) == LONG

    place.run(scenario)


def test_every_object_is_listed_once_in_bounded_lists(place: Place) -> None:
    keys = sorted(new_key(n) for n in range(2_345))

    async def scenario(store: BlobStore) -> None:
        assert await lists(store) == []
        for at in range(0, len(keys), _TOGETHER):
            await asyncio.gather(*[store.put(key, [b"x"], "sha256") for key in keys[at : at + _TOGETHER]])
        found = await lists(store)
        assert all(1 <= len(part) <= 1_000 for part in found)
        assert sorted(key for part in found for key in part) == keys

    place.run(scenario)


def test_free_is_a_number_of_bytes(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        assert store.free() > len(LONG)

    place.run(scenario)


# -- opening, closing, and callers' mistakes ------------------------------------------------------------------------


def test_the_store_of_another_installation_is_refused(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await store.put(KEY, [b"mine"], "sha256")

    async def foreign() -> None:
        store = place.store()
        with pytest.raises(ForeignStore):
            await store.open("another")
        with pytest.raises(Unavailable):
            await store.delete(KEY)
        await store.close()

    place.run(scenario)
    asyncio.run(foreign())
    place.run(lambda store: store.delete(KEY))


def test_nothing_is_written_before_opening_and_after_closing(place: Place) -> None:
    async def attempt(store: BlobStore) -> None:
        with pytest.raises(Unavailable):
            await store.put(OTHER, [b"x"], "sha256")
        with pytest.raises(Unavailable):
            await write(store, OTHER, b"x")
        with pytest.raises(Unavailable):
            await store.delete(KEY)
        with pytest.raises(Unavailable):
            store.free()

    async def main() -> None:
        store = place.store()
        await store.open(INSTALLATION)
        await store.put(KEY, [b"x"], "sha256")
        await store.close()
        await attempt(store)
        store = place.store()
        await attempt(store)
        await store.open(INSTALLATION)
        assert await listed(store) == [KEY]
        await store.close()
        await store.close()

    asyncio.run(main())


BAD_KEYS = [
    "",
    "..",
    "../../etc/passwd",
    KEY + "\n",
    KEY.upper(),
    KEY[:-1],
    KEY + "0",
    KEY.replace("-", "/"),
    "\0" * 35,
]


@pytest.mark.parametrize("key", BAD_KEYS, ids=range(len(BAD_KEYS)))
def test_malformed_keys_touch_nothing(place: Place, key: str) -> None:
    async def scenario(store: BlobStore) -> None:
        with pytest.raises(ValueError, match="malformed"):
            store.create(key, "sha256")
        with pytest.raises(ValueError, match="malformed"):
            store.sign(key, 60)
        with pytest.raises(ValueError, match="malformed"):
            await store.put(key, [b"x"], "sha256")
        with pytest.raises(ValueError, match="malformed"):
            await store.read(key, 0, 1)
        with pytest.raises(ValueError, match="malformed"):
            await anext(store.chunks(key, 0, 1))
        with pytest.raises(ValueError, match="malformed"):
            await store.size(key)
        with pytest.raises(ValueError, match="malformed"):
            await store.delete(key)
        with pytest.raises(ValueError, match="malformed"):
            await store.digest(key, "sha256")

    place.run(scenario)


def test_bad_ranges_algorithms_and_installations(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await store.put(KEY, [b"0123456789"], "sha256")
        for start, end in ((-1, 1), (2, 1), (0, BLOCK + 1)):
            with pytest.raises(ValueError, match="range"):
                await store.read(KEY, start, end)
        with pytest.raises(ValueError, match="range"):
            await anext(store.chunks(KEY, 2, 1))
        with pytest.raises(ValueError, match="range"):
            store.create(OTHER, "sha256", size=-1)
        for seconds in (0, -1, 301):
            with pytest.raises(ValueError, match="seconds"):
                store.sign(KEY, seconds)
        for algorithm in ("md5", "SHA256", ""):
            with pytest.raises(ValueError, match="algorithm"):
                store.create(OTHER, algorithm)
            with pytest.raises(ValueError, match="algorithm"):
                await store.put(OTHER, [b"x"], algorithm)
            with pytest.raises(ValueError, match="algorithm"):
                await store.digest(KEY, algorithm)
        for installation in ("", "a b", "a\nb", "é", "x" * 129):
            with pytest.raises(ValueError, match="installation"):
                await place.store().open(installation)
        assert await listed(store) == [KEY]

    place.run(scenario)
