"""The scrub finds exactly what is damaged, in whatever form it lies there; a store that is away marks nothing."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from tests.registry.house import SETTINGS, House, Place
from tests.registry.rotation.sealed_house import SealedHouse

from holdfast.blobs.errors import Unavailable
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.memory import MemoryBlobs
from holdfast.oci.digest import Digest
from holdfast.registry.errors import BlobUnknown
from holdfast.registry.scrub import service
from holdfast.registry.scrub.service import PATIENCE, ROUND_EVERY, Scrub, Turned
from holdfast.registry.upload.intake import Chunk

FAST = 1 << 40
SMALL, LARGE = b"small", bytes(range(256)) * 200


def scrub(house: House, **more: object) -> Scrub:
    return Scrub(house.db, house.objects, FAST, **more)  # type: ignore[arg-type]


def damages(house: House) -> list[str]:
    """The digests that were recorded as damaged."""
    rows = house.sql("select data from journal where kind = 'content.damaged' order by id")
    return [json.loads(row)["digest"] for row in rows]


async def files(place: Place, tmp_path: Path) -> Path:
    place.blobs = LocalBlobs(str(tmp_path / "blobs"))
    await place.blobs.open("tests")
    return tmp_path / "blobs"


def file_of(root: Path, house: House, data: bytes) -> Path:
    """The file that holds content."""
    key = house.key_of(data)
    (found,) = [path for path in root.rglob("*") if path.is_file() and path.name in (key, str(key))]
    return found


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)


@pytest.mark.parametrize("sealed", [False, True])
def test_flipped_bytes_are_found_and_nothing_else(place: Place, tmp_path: Path, sealed: bool) -> None:
    async def main() -> None:
        root = await files(place, tmp_path)
        house = await SealedHouse.opened(place) if sealed else House(place.target, place.blobs, SETTINGS, place.clock)
        try:
            contents = [LARGE + bytes([number]) for number in range(8)]
            for data in (*contents, SMALL, SMALL * 2):
                await house.blob(data)
            await house.image("v1")
            flip(file_of(root, house, contents[2]), 0)
            flip(file_of(root, house, contents[5]), 50_000)
            house.sql("update body set bytes = x'0000' where content_id = ?", house.id_of(SMALL))
            done = await scrub(house).turn()
            bad = sorted(Digest.of(data) for data in (contents[2], contents[5], SMALL))
            assert (done.damaged, done.contents) == (3, 13)
            assert sorted(damages(house)) == bad
            assert house.sql("select digest from content where state = 1 order by digest") == bad
            with pytest.raises(BlobUnknown):
                await house.read(bad[0])
            await house.blob(contents[2])  # the next push of it heals it
            assert await house.read(Digest.of(contents[2])) == contents[2]
            house.clock.move(ROUND_EVERY + 1)
            assert (await scrub(house).turn()).damaged == 0
        finally:
            await house.close()

    asyncio.run(main())


def test_a_missing_object_is_believed_at_the_second_look(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.blob(LARGE)
        key = house.key_of(LARGE)
        assert key is not None
        await house.blobs.delete(key)
        assert (await scrub(house).turn()).damaged == 0
        assert house.state(LARGE) == 0
        assert (await scrub(house).turn()).damaged == 0
        house.clock.move(PATIENCE + 1)
        assert (await scrub(house).turn()).damaged == 1
        assert damages(house) == [Digest.of(LARGE)]
        assert house.sql("select count(*) from scrub_suspect") == [0]

    place.run(scenario)


def test_what_is_there_again_is_no_damage(place: Place) -> None:
    async def scenario(house: House) -> None:
        assert isinstance(house.blobs, MemoryBlobs)
        await house.blob(LARGE)
        key = house.key_of(LARGE)
        assert key is not None
        hidden = house.blobs._objects.pop(key)
        await scrub(house).turn()
        house.blobs._objects[key] = hidden
        house.clock.move(PATIENCE + 1)
        assert (await scrub(house).turn()).damaged == 0
        assert house.state(LARGE) == 0

    place.run(scenario)


def test_a_store_that_is_away_marks_nothing(place: Place, tmp_path: Path) -> None:
    async def main() -> None:
        root = await files(place, tmp_path)
        house = House(place.target, place.blobs, SETTINGS, place.clock)
        try:
            for number in range(3):
                await house.blob(LARGE + bytes([number]))
            shutil.move(root, tmp_path / "away")
            for _ in range(2):
                with pytest.raises(Unavailable):
                    await scrub(house).turn()
                root.mkdir(exist_ok=True)  # an empty mount point
                house.clock.move(PATIENCE + 1)
            assert house.sql("select count(*) from content where state = 1") == [0]
            assert house.sql("select count(*) from scrub_suspect") == [0]
            shutil.rmtree(root)
            shutil.move(tmp_path / "away", root)
            assert await scrub(house).turn() == Turned(3, 3 * (len(LARGE) + 1), 0)
        finally:
            await house.close()

    asyncio.run(main())


def test_content_in_several_objects(place: Place) -> None:
    async def scenario(house: House) -> None:
        permit = house.may_push()
        token = (await house.uploads.start(permit, "sha256")).token
        for _ in range(3):
            await house.uploads.append(permit, token, Chunk(one(LARGE)))
        digest = Digest.of(LARGE * 3)
        await house.uploads.finish(permit, token, digest, Chunk(one(b"")))
        assert house.sql("select count(*) from segment") == [3]
        assert (await scrub(house).turn()).damaged == 0
        house.clock.move(ROUND_EVERY + 1)
        assert isinstance(house.blobs, MemoryBlobs)
        key = house.sql("select key from segment order by n")[1]
        house.blobs._objects[key] = b"x" + house.blobs._objects[key][1:]
        assert (await scrub(house).turn()).damaged == 1
        assert damages(house) == [digest]

    place.blobs = MemoryBlobs(appends=False)
    place.run(scenario)


def test_rounds_and_turns(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn goes on where the last one ended; after a round there is a rest."""
    monkeypatch.setattr(service, "_STEP", 1)

    async def scenario(house: House) -> None:
        for number in range(5):
            await house.blob(LARGE + bytes([number]))
        slept: list[float] = []

        async def pause(seconds: float) -> None:
            slept.append(seconds)

        size = len(LARGE) + 1
        paced = Scrub(house.db, house.objects, size, pause=pause, turn=2)
        assert [(await paced.turn()).contents for _ in range(3)] == [2, 2, 1]
        assert 6 < sum(slept) <= 7  # by a clock that stands still meanwhile
        ((round, ended, done, total),) = house.sql("select round, ended_at, done, total from scrub")
        assert (round, ended is not None, done, total) == (1, True, 5 * size, 5 * size)
        assert await scrub(house).turn() == Turned(0, 0, 0)
        house.clock.move(ROUND_EVERY + 1)
        assert (await scrub(house).turn()).contents == 5
        assert house.sql("select round from scrub") == [2]

    place.run(scenario)


def test_a_stop_gives_up_at_once(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.blob(LARGE)
        stopping = Scrub(house.db, house.objects, 1, stopping=lambda: True)
        assert (await stopping.turn()).contents == 0
        assert (await scrub(house).turn()).contents == 1

    place.run(scenario)


async def one(data: bytes):  # type: ignore[no-untyped-def]
    yield data
