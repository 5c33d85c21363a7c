"""The store in a bucket: whom it believes, and what it says."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.blobs.places import KEY, OTHER, digest, listed, whole, write
from tests.buckets import INSTALLATION, Bucket
from tests.faults.proxy import CutAnswer, Proxy
from tests.object_servers import bucket

from holdfast.blobs.errors import BlobError, ForeignStore, Missing, Unavailable
from holdfast.blobs.objects import MARKER, ObjectBlobs, open_object_store
from holdfast.blobs.port import BLOCK
from holdfast.blobs.sending import PART

DATA = os.urandom(3 * BLOCK + 77)
LARGE = os.urandom(3 * PART)


def marker(place: Bucket) -> Path:
    assert place.directory is not None
    return place.directory / "some" / "where" / MARKER


def remove_marker(place: Bucket) -> None:
    marker(place).unlink()


def foreign_marker(place: Bucket) -> None:
    marker(place).write_text("another\n")


def remove_bucket(place: Bucket) -> None:
    assert place.directory is not None
    shutil.rmtree(place.directory)


@pytest.mark.parametrize("happens", [remove_marker, foreign_marker, remove_bucket])
def test_nothing_is_missing_from_a_store_that_is_not_there(happens: Callable[[Bucket], None]) -> None:
    place = bucket()

    async def scenario(store: ObjectBlobs) -> None:
        await store.put(KEY, [DATA[:1000]], "sha256")
        assert await store.size(OTHER) is None
        happens(place)
        for attempt in (
            lambda: store.size(OTHER),
            lambda: store.read(OTHER, 0, 1),
            lambda: store.read(OTHER, 0, 0),
            lambda: whole(store, OTHER, 0, 10),
            lambda: store.digest(OTHER, "sha256"),
            lambda: listed(store),
        ):
            with pytest.raises(Unavailable):
                await attempt()
        if happens is remove_bucket:
            for writing in (
                lambda: store.delete(KEY),
                lambda: store.put(OTHER, [b"x"], "sha256"),
                lambda: write(store, OTHER, b"x"),
                lambda: write(store, OTHER, LARGE),
                lambda: store.open(INSTALLATION),
            ):
                with pytest.raises(Unavailable):
                    await writing()
        else:
            # What is there is what it is.
            assert await store.read(KEY, 0, 1000) == DATA[:1000]
            with pytest.raises(ForeignStore):
                await store.open(INSTALLATION)

    place.run(scenario)


def test_stores_below_other_prefixes_do_not_see_each_other() -> None:
    place = bucket()
    beside = Bucket(place.url.replace("some/where", "some/where-else"), place.environment, place.directory)
    above = Bucket(place.url.replace("some/where", "some"), place.environment, place.directory)

    async def scenario(store: ObjectBlobs) -> None:
        await store.put(KEY, [b"mine"], "sha256")
        for other in (beside, above):
            neighbour = other.store()
            await neighbour.open("another")
            assert await listed(neighbour) == []
            assert await neighbour.size(KEY) is None
            await neighbour.close()
        assert await listed(store) == [KEY]

    place.run(scenario)


def test_two_installations_at_once_do_not_share_a_bucket() -> None:
    async def main() -> None:
        place = bucket()
        stores = [place.store() for _ in range(8)]
        outcomes = await asyncio.gather(
            *[store.open(f"installation-{n}") for n, store in enumerate(stores)], return_exceptions=True
        )
        marked = marker(place).read_text().strip()
        for n, outcome in enumerate(outcomes):
            assert outcome is None or isinstance(outcome, ForeignStore)
            # Whoever believed too early is refused as soon as it matters.
            if outcome is None and marked != f"installation-{n}":
                with pytest.raises(Unavailable):
                    await stores[n].size(KEY)
        await asyncio.gather(*[store.close() for store in stores])

    asyncio.run(main())


def test_what_else_lies_in_the_bucket_is_not_listed() -> None:
    place = bucket()

    async def scenario(store: ObjectBlobs) -> None:
        await store.put(KEY, [b"x"], "sha256")
        for name in ("note.txt", "objects/note.txt", f"objects/below/{OTHER}x"):
            path = marker(place).parent / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("of somebody else")
        assert await listed(store) == [KEY]

    place.run(scenario)


def test_a_reading_goes_on_where_it_broke_off() -> None:
    async def main() -> None:
        place = bucket()
        with Proxy(int(place.endpoint.rpartition(":")[2])) as proxy:
            store = place.at(proxy.endpoint).store()
            await store.open(INSTALLATION)
            await write(store, KEY, LARGE)
            proxy.faults = lambda call: CutAnswer(5 * BLOCK)
            got = hashlib.sha256()
            async for chunk in store.chunks(KEY, 0, len(LARGE)):
                assert 0 < len(chunk) <= BLOCK
                got.update(chunk)
            assert f"sha256:{got.hexdigest()}" == digest(LARGE)
            await store.close()

    asyncio.run(main())


def test_reasons_show_neither_paths_nor_the_library() -> None:
    async def main() -> None:
        place = bucket()
        reasons: list[str] = []
        nowhere = place.at("http://127.0.0.1:1").store()
        gone = Bucket(place.url.replace("bucket-", "no-bucket-"), place.environment).store()
        for store in (nowhere, gone):
            for attempt in (lambda: store.open("x"), lambda: store.size(KEY), lambda: store.read(KEY, 0, 1)):  # noqa: B023
                try:
                    await attempt()
                except BlobError as error:
                    reasons.append(error.reason)
            await store.close()
        assert len(reasons) == 6
        for reason in reasons:
            assert not any(word in reason for word in ("127.0.0.1", "some/where", KEY, "Generic", "Debug", "reqwest"))
            assert len(reason) < 120

    asyncio.run(main())


def test_certificates_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ca="):
        open_object_store(f"s3://bucket?endpoint=https://127.0.0.1:1&ca={tmp_path}/none.pem")


def test_a_missing_object_of_an_open_store_is_missing() -> None:
    async def scenario(store: ObjectBlobs) -> None:
        await store.put(KEY, [b"0123456789"], "sha256")
        for start, end in ((10, 11), (5, 11), (100, 101)):
            with pytest.raises(Missing):
                await store.read(KEY, start, end)
            with pytest.raises(Missing):
                await whole(store, KEY, start, end)

    bucket().run(scenario)
