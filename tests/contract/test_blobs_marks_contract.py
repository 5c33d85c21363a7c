"""The blob store's contract (blobs/port.py), held against every backend: marks beside the store's marker."""

import asyncio
from pathlib import Path

import pytest
from tests.blobs.places import BACKENDS, INSTALLATION, KEY, Place, listed, make_place, write

from holdfast.blobs.errors import Unavailable
from holdfast.blobs.port import BlobStore


@pytest.fixture(params=BACKENDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return make_place(request.param, tmp_path)


def test_a_mark_stands_until_it_is_set_again(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        assert await store.mark("guard") is None
        for text in ("first", "a" * 128, "~"):
            await store.set_mark("guard", text)
            assert await store.mark("guard") == text
        assert await store.mark("other") is None
        await asyncio.gather(*(store.set_mark("guard", f"number-{number}") for number in range(8)))
        last = await store.mark("guard")
        assert last is not None
        assert last.startswith("number-")

    place.run(scenario)

    async def again(store: BlobStore) -> None:
        assert (await store.mark("guard") or "").startswith("number-")

    place.run(again)


def test_a_mark_is_no_object_and_not_the_marker(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await write(store, KEY, b"data")
        await store.set_mark("guard", "text")
        assert await listed(store) == [KEY]
        assert await store.mark("store") == INSTALLATION
        with pytest.raises(ValueError, match="malformed"):
            await store.set_mark("store", "another")
        for name in ("", "Guard", "../guard", "a/b", "a.new"):
            with pytest.raises(ValueError, match="malformed"):
                await store.mark(name)
            with pytest.raises(ValueError, match="malformed"):
                await store.set_mark(name, "text")
        for text in ("", "a b", "a\n", "a" * 129):
            with pytest.raises(ValueError, match="malformed"):
                await store.set_mark("guard", text)
        assert await store.mark("guard") == "text"

    place.run(scenario)


def test_the_marker_can_be_read_before_the_store_is_opened(place: Place) -> None:
    async def main() -> None:
        store = place.store()
        try:
            with pytest.raises(Unavailable):
                await store.mark("store")
            await store.open(INSTALLATION)
            assert await store.mark("store") == INSTALLATION
        finally:
            await store.close()

    asyncio.run(main())


def test_a_closed_store_takes_no_mark(place: Place) -> None:
    async def main() -> None:
        store = place.store()
        await store.open(INSTALLATION)
        await store.close()
        with pytest.raises(Unavailable):
            await store.set_mark("guard", "text")

    asyncio.run(main())
