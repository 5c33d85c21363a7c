"""Staged uploads (blobs/port.py), held against every backend that can append: dropping, closing, callers' mistakes."""

import asyncio
from pathlib import Path

import pytest
from tests.blobs.places import INSTALLATION, KEY, LONG, OTHER, STAGING, Place, make_place, stage, staging

from holdfast.blobs.errors import Lost, Unavailable
from holdfast.blobs.port import BlobStore


@pytest.fixture(params=STAGING)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return make_place(request.param, tmp_path)


def test_dropped_uploads_are_gone(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        for name in ("a", "B-2", "c_3", "d" * 128):
            await stage(store, name, b"x")
        assert sorted(await staging(store).staged()) == sorted(["a", "B-2", "c_3", "d" * 128])
        await staging(store).drop("a")
        await staging(store).drop("a")
        assert sorted(await staging(store).staged()) == sorted(["B-2", "c_3", "d" * 128])
        with pytest.raises(Lost):
            await staging(store).publish("a", KEY)

    place.run(scenario)


def test_nothing_is_staged_before_opening_and_after_closing(place: Place) -> None:
    async def attempt(store: BlobStore) -> None:
        with pytest.raises(Unavailable):
            await stage(store, "up", b"x")
        with pytest.raises(Unavailable):
            await staging(store).publish("kept", OTHER)
        with pytest.raises(Unavailable):
            await staging(store).drop("kept")

    async def main() -> None:
        store = place.store()
        await store.open(INSTALLATION)
        await stage(store, "kept", b"x")
        await store.close()
        await attempt(store)
        store = place.store()
        await attempt(store)
        await store.open(INSTALLATION)
        assert await staging(store).staged() == ["kept"]
        await store.close()

    asyncio.run(main())


def test_a_store_closed_under_a_receiver(place: Place) -> None:
    async def main() -> None:
        store = place.store()
        await store.open(INSTALLATION)
        async with staging(store).receive("up", "sha256") as receiver:
            await receiver.write(LONG)
            await store.close()
            with pytest.raises(Unavailable):
                await receiver.checkpoint()
        store = place.store()
        await store.open(INSTALLATION)
        assert await staging(store).staged() == []
        await store.close()

    asyncio.run(main())


BAD_NAMES = ["", ".", "..", "a/b", "../a", "/a", "a\0", "a\n", "a.b", "-a", "_a", "put.x", "é", "x" * 129]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_malformed_names_touch_nothing(place: Place, name: str) -> None:
    async def scenario(store: BlobStore) -> None:
        with pytest.raises(ValueError, match="malformed"):
            staging(store).receive(name, "sha256")
        with pytest.raises(ValueError, match="malformed"):
            await staging(store).publish(name, KEY)
        with pytest.raises(ValueError, match="malformed"):
            await staging(store).drop(name)
        with pytest.raises(ValueError, match="malformed"):
            await staging(store).digest_staged(name, "sha256", 0)

    place.run(scenario)


def test_keys_offsets_and_algorithms_of_staged_uploads(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await stage(store, "up", b"x")
        with pytest.raises(ValueError, match="malformed"):
            await staging(store).publish("up", "../../etc/passwd")
        with pytest.raises(ValueError, match="range"):
            staging(store).receive("up", "sha256", at=-1)
        for algorithm in ("md5", "SHA256", ""):
            with pytest.raises(ValueError, match="algorithm"):
                staging(store).receive("up", algorithm)
            with pytest.raises(ValueError, match="algorithm"):
                await staging(store).digest_staged("up", algorithm, 0)
        assert await staging(store).staged() == ["up"]

    place.run(scenario)
