"""Rotation of the keys while a registry serves: what was stored before, meanwhile and after it pulls by every node."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar, cast

import pytest
from tests.access.vault import TOKEN, vault
from tests.registry.house import MANIFEST, Place, image, pieces
from tests.registry.rotation.sealed_house import DAY, ONE, TWO, SealedHouse, with_houses

from holdfast.access.errors import WrongMasterKey
from holdfast.access.master import MasterKeys
from holdfast.access.master_vault import VaultMasterKey
from holdfast.db.port import Database, Unit
from holdfast.jobs.model import JobState, Later, Superseded
from holdfast.jobs.run import Run
from holdfast.jobs.service import Jobs, enqueue
from holdfast.oci.digest import Digest
from holdfast.registry.rotation.service import KIND, rotation, uses
from holdfast.registry.upload.intake import Chunk

T = TypeVar("T")
LARGE = bytes(range(256)) * 400
"""Above what the database keeps."""


async def fill(house: SealedHouse, mark: bytes = b"") -> list[tuple[str, bytes]]:
    """Images and blobs of all sizes; returns what pulls must give."""
    stored: list[tuple[str, bytes]] = []
    for n in range(4):
        for data in (mark + b"small %d" % n, mark + LARGE + b"%d" % n):
            stored.append((await house.blob(data), data))
    stored.append((await house.blob(mark), mark))
    config, layer = stored[0][1], stored[1][1]
    await house.manifest(image(config, layer), f"v{len(mark)}", media_type=MANIFEST)
    return stored


async def check(house: SealedHouse, stored: list[tuple[str, bytes]]) -> None:
    for digest, data in stored:
        assert await house.read(digest) == data


async def marked(house: SealedHouse) -> str:
    return await house.master.mark()


def test_everything_is_wrapped_by_the_new_generation_and_every_node_reads_it(tmp_path: Path) -> None:
    place = Place(tmp_path)

    async def scenario() -> None:
        here, there = await SealedHouse.opened(place), await SealedHouse.opened(place)
        stored = await fill(here)
        assert here.generations() == {1}
        job = await here.work(rotation(await marked(here)))
        assert (job.state, job.error) == (JobState.DONE, None)
        assert here.generations() == {2}
        assert await uses(here.db) == {2: len(stored) + 1}
        assert here.secrets() == ["content-1", "content-2"]
        for house in (here, there, await SealedHouse.opened(place)):
            await check(house, stored)
            assert (await house.get("v0")).media_type == MANIFEST
            await house.close()

    with_houses(place, scenario)


def test_uploads_go_on_across_a_rotation(tmp_path: Path) -> None:
    place = Place(tmp_path)

    async def scenario() -> None:
        house = await SealedHouse.opened(place)
        permit = house.may_push()
        data = b"early bytes" + LARGE
        tokens = []
        for cut in (11, len(LARGE)):
            session = await house.uploads.start(permit, "sha256")
            await house.uploads.append(permit, session.token, Chunk(pieces(data[:cut])))
            tokens.append((session.token, cut))
        assert house.generations() == {1}
        assert (await house.work(rotation(await marked(house)))).state is JobState.DONE
        assert house.generations() == {2}
        for token, cut in tokens:
            await house.uploads.append(permit, token, Chunk(pieces(data[cut:] + b"%d" % cut)))
            digest = Digest.of(data + b"%d" % cut)
            await house.uploads.finish(permit, token, digest, Chunk(pieces(b"")))
            assert await house.read(digest) == data + b"%d" % cut
        await house.close()

    with_houses(place, scenario)


def test_the_old_master_key_is_needed_no_more(tmp_path: Path) -> None:
    place = Place(tmp_path)

    async def scenario() -> None:
        old = await SealedHouse.opened(place, [ONE])
        stored = await fill(old)
        await old.close()
        both = await SealedHouse.opened(place, [TWO, ONE])
        assert (await both.work(rotation(await marked(both)))).state is JobState.DONE
        await both.close()
        new = await SealedHouse.opened(place, [TWO])
        await check(new, stored)
        await new.close()
        with pytest.raises(WrongMasterKey):
            await SealedHouse.opened(place, [ONE])

    with_houses(place, scenario)


def test_a_new_version_of_a_key_in_vault_wraps_everything(tmp_path: Path) -> None:
    place = Place(tmp_path)

    async def scenario() -> None:
        async with vault() as stand_in:
            master = VaultMasterKey(stand_in.url, "holdfast", lambda: TOKEN)
            house = await SealedHouse.opened(place, master=master)
            stored = await fill(house)
            stand_in.rotate()
            assert (await house.work(rotation(await master.mark()))).state is JobState.DONE
            wrapped = house.sql("select wrapped from secret")
            assert all(bytes(each).startswith(b"vault:v2:") for each in wrapped)
            assert "rewrap" in stand_in.asked
            await check(house, stored)
            await house.close()

    with_houses(place, scenario)


def test_what_a_node_stored_by_the_old_generation_is_found_later(tmp_path: Path) -> None:
    place = Place(tmp_path)

    async def scenario() -> None:
        here, late = await SealedHouse.opened(place), await SealedHouse.opened(place)
        stored = await fill(here)
        mark = await marked(here)
        await here.work(rotation(mark))
        stored += await fill(late, b"late ")
        assert here.generations() == {1, 2}
        await check(here, stored)
        rest = await here.rest()
        assert (rest.state, rest.data) == (JobState.DONE, {"mark": mark, "rest": True})
        assert here.generations() == {2}
        assert here.secrets() == ["content-1", "content-2"]
        assert not [job for job in await Jobs(here.db).list() if job.state is JobState.WAITING]
        for house in (here, late):
            await check(house, stored)
            await house.close()

    with_houses(place, scenario)


def test_a_generation_goes_with_a_rotation_a_day_after_it_was_followed(tmp_path: Path) -> None:
    place = Place(tmp_path)

    async def scenario() -> None:
        house = await SealedHouse.opened(place)
        stored = await fill(house)
        mark = await marked(house)
        await house.work(rotation(mark))
        await house.work(rotation(mark))
        assert house.secrets() == ["content-1", "content-2", "content-3"]
        place.clock.move(DAY - 1)
        await house.work(rotation(mark))
        assert len(house.secrets()) == 4
        place.clock.move(1)
        await house.work(rotation(mark))
        assert house.secrets() == ["content-3", "content-4", "content-5"]
        place.clock.move(DAY)
        await house.rest()
        assert house.secrets() == ["content-5"]
        assert house.generations() == {5}
        await check(house, stored)
        await house.close()

    with_houses(place, scenario)


class Dying:
    """A database that ends its user after so many units."""

    def __init__(self, db: Database, units: int) -> None:
        self._db = db
        self._units = units

    def __getattr__(self, name: str) -> object:
        return getattr(self._db, name)

    async def write(self, work: Callable[[Unit], Awaitable[T]], *, always: bool = False) -> T:
        if self._units == 0:
            raise Superseded("killed")
        self._units -= 1
        return await self._db.write(work, always=always)


@pytest.mark.parametrize("units", range(2, 6))
def test_a_rotation_that_dies_after_any_few_units_goes_on_where_it_was(tmp_path: Path, units: int) -> None:
    place = Place(tmp_path)

    async def scenario() -> None:
        house = await SealedHouse.opened(place)
        stored = await fill(house)
        jobs = Jobs(house.db)
        id = await house.db.write(lambda unit: enqueue(unit, rotation("x")))
        assert id is not None
        mark = await marked(house)
        house.sql("update job set state = 1, data = ? where id = ?", f'{{"mark":"{mark}"}}', id)
        deaths = 0
        for _ in range(50):
            dying = cast(Database, Dying(house.db, units))
            run = Run(dying, await jobs.show(id), lambda: False)
            try:
                await house.rotation().run(run)
            except Superseded:
                deaths += 1
                await check(house, stored)
            else:
                break
        else:
            pytest.fail("it made no progress")
        assert deaths > 0
        assert (await jobs.show(id)).state is JobState.DONE
        assert house.generations() == {2}
        assert house.secrets() == ["content-1", "content-2"], "one generation, however often it died"
        await check(house, stored)
        await house.close()

    with_houses(place, scenario)


def test_pushes_during_a_rotation_are_not_lost(tmp_path: Path) -> None:
    place = Place(tmp_path)

    async def scenario() -> None:
        here, there = await SealedHouse.opened(place), await SealedHouse.opened(place)
        stored = await fill(here)
        mark = await marked(here)

        async def push() -> None:
            for n in range(30):
                data = b"meanwhile %d" % n + (LARGE if n % 3 else b"")
                stored.append((await there.blob(data), data))

        job, _ = await asyncio.gather(here.work(rotation(mark)), push())
        assert job.state is JobState.DONE
        await here.rest()
        assert here.generations() == {2}
        for house in (here, there):
            await check(house, stored)
            await house.close()

    with_houses(place, scenario)


def test_a_key_that_does_not_open_is_said_and_its_generation_stays(tmp_path: Path) -> None:
    place = Place(tmp_path)

    async def scenario() -> None:
        house = await SealedHouse.opened(place)
        stored = await fill(house)
        digest, _ = stored.pop(3)
        house.sql("update content set wrapped_key = substr(wrapped_key, 1, 20) where digest = ?", digest)
        mark = await marked(house)
        assert (await house.work(rotation(mark))).state is JobState.DONE
        assert ("content key does not open", {"content": digest, "why": "The key of this content is damaged."}) in (
            house.events.told
        )
        assert house.generations() == {1, 2}
        place.clock.move(DAY)
        await house.work(rotation(mark))
        assert house.secrets() == ["content-1", "content-2", "content-3"]
        await check(house, stored)
        await house.close()

    with_houses(place, scenario)


def test_a_node_with_another_master_key_leaves_it_to_others(tmp_path: Path) -> None:
    place = Place(tmp_path)

    async def scenario() -> None:
        house = await SealedHouse.opened(place, [TWO, ONE])
        asked = rotation(await MasterKeys([ONE]).mark())
        id = await house.db.write(lambda unit: enqueue(unit, asked))
        assert id is not None
        with pytest.raises(Later, match="another master key"):
            await house.rotation().run(Run(house.db, await Jobs(house.db).show(id), lambda: False))
        job = await house.work_until_ended(id)
        assert job.state is JobState.WAITING
        assert job.attempts == 0
        assert house.secrets() == ["content-1"]
        await house.close()

    with_houses(place, scenario)


def test_one_rotation_is_enough_for_all_who_ask(tmp_path: Path) -> None:
    place = Place(tmp_path)

    async def scenario() -> None:
        house = await SealedHouse.opened(place)
        mark = await marked(house)
        assert await house.db.write(lambda unit: enqueue(unit, rotation(mark))) is not None
        assert await house.db.write(lambda unit: enqueue(unit, rotation(mark))) is None
        assert [job.kind for job in await Jobs(house.db).list()] == [KIND]
        await house.close()

    with_houses(place, scenario)
