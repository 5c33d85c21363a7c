"""The ledger after random work: what the store and the database hold, byte for byte, folded or not."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest
from tests.registry.house import GRACE, LEASE, REPO, SETTINGS, WINDOW, House, Place, image, pieces
from tests.registry.ledger.counts import check
from tests.registry.rotation.sealed_house import SealedHouse

from holdfast.jobs.model import JobState
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.compaction.service import Compaction
from holdfast.registry.errors import BlobsMissing, RegistryError
from holdfast.registry.ledger import totals as ledger
from holdfast.registry.quotas.folding import fold as fold_usage
from holdfast.registry.rotation.service import rotation
from holdfast.registry.upload.intake import Chunk

REPOS = (REPO, "team/other", "solo")
SIZES = (0, 7, 900, 20_000, 65_536, 140_000)
STEPS = 80


class Worker:
    """Somebody who does what comes to mind, by `chance`."""

    def __init__(self, house: House, chance: random.Random) -> None:
        self.house = house
        self.chance = chance
        self.blobs = [chance.randbytes(size) for size in SIZES]
        self.images = [image(config, layer) for config in self.blobs[:2] for layer in self.blobs[2:]]
        self.open: list[tuple[str, str]] = []

    @property
    def repo(self) -> str:
        return self.chance.choice(REPOS)

    async def blob(self) -> None:
        await self.house.blob(self.chance.choice(self.blobs), self.repo)

    async def chunks(self) -> None:
        """A session of one to three requests, which may stay open, be cancelled or finished."""
        repo, data = self.repo, self.chance.choice(self.blobs)
        permit = self.house.may_push(repo)
        token = (await self.house.uploads.start(permit, "sha256")).token
        cuts = sorted(self.chance.choices(range(len(data) + 1), k=self.chance.randint(0, 2)))
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            await self.house.uploads.append(permit, token, Chunk(pieces(data[start:end])))
        chance = self.chance.random()
        if chance < 0.5:
            await self.house.uploads.finish(permit, token, Digest.of(data), Chunk(pieces(b"")))
        elif chance < 0.75:
            await self.house.uploads.cancel(permit, token)

    async def manifest(self) -> None:
        data, repo = self.chance.choice(self.images), self.repo
        with suppress(BlobsMissing):
            await self.house.manifest(data, *self.chance.sample(["a", "b", "c"], self.chance.randint(0, 2)), repo=repo)

    async def manifest_as_blob(self) -> None:
        await self.house.chunked(self.chance.choice(self.images), self.repo)

    async def mount(self) -> None:
        source = self.house.may_pull(self.repo)
        await self.house.mounts.blob(self.house.may_push(self.repo), source, Digest.of(self.chance.choice(self.blobs)))

    async def untag(self) -> None:
        with suppress(RegistryError):
            await self.house.deletion.tag(self.house.may_delete(self.repo), Tag(self.chance.choice("abc")))

    async def delete(self) -> None:
        permit = self.house.may_delete(self.repo)
        with suppress(RegistryError):
            await self.house.deletion.manifest(permit, Digest.of(self.chance.choice(self.images)))
        with suppress(RegistryError):
            await self.house.deletion.blob(permit, Digest.of(self.chance.choice(self.blobs)))

    async def damage(self) -> None:
        """What is marked is taken anew from the next push."""
        self.house.sql("update content set state = 1 where id = (select min(id) from content where state = 0)")

    async def compact(self) -> None:
        async def silent(_done: int, _total: int) -> None:
            return

        compaction = Compaction(self.house.objects, SETTINGS)
        for row in self.house.sql("select distinct content_id from segment"):
            await compaction.compact(self.house.db, int(row), silent)

    async def sweep(self) -> None:
        self.house.clock.move(self.chance.choice([GRACE + 1, LEASE, WINDOW]))
        await self.house.sweep.run()

    async def step(self) -> None:
        steps = [self.blob, self.chunks, self.chunks, self.manifest, self.manifest, self.manifest_as_blob]
        steps += [self.mount, self.untag, self.delete, self.damage, self.compact, self.sweep]
        await self.chance.choice(steps)()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("sealed", [False, True])
def test_totals_are_what_is_there(place: Place, sealed: bool, seed: int) -> None:
    async def main() -> None:
        await place.blobs.open("tests")
        if sealed:
            house: House = await SealedHouse.opened(place)
        else:
            house = House(place.target, place.blobs, SETTINGS, place.clock)
        worker = Worker(house, random.Random(seed))
        try:
            for step in range(STEPS):
                await worker.step()
                await check(house, fold=step % 3 == 0)
            if isinstance(house, SealedHouse):
                assert (await house.work(rotation(await house.master.mark()))).state is JobState.DONE
                await check(house, fold=False)
        finally:
            await house.close()

    asyncio.run(main())


def test_several_fold_at_once(place: Place) -> None:
    async def scenario(house: House) -> None:
        for number in range(40):
            await house.blob(b"%d" % number, REPOS[number % 3])
        await asyncio.gather(*(fold(house.db) for fold in (ledger.fold, fold_usage) * 4))
        assert house.sql("select count(*) from ledger_delta") == [0]
        assert house.sql("select count(*) from usage_delta") == [0]
        await check(house, fold=False)

    place.run(scenario)
