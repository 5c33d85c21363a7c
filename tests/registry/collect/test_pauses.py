"""A push comes between any two steps of the collector, on both databases: statement by statement where units run side
by side.

Each race is run once for every step of a collection of what it relies on. Whatever was acknowledged is pulled
afterwards, now and when all times have passed; what was refused goes through after everything was uploaded, as clients
do. Nothing that was reported present within a lease is refused.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.backends import laid_database_url
from tests.databases import lay_file
from tests.property.registry_invariants import broken
from tests.registry.collect.stepping import Stepping, stepping
from tests.registry.house import GRACE, LEASE, SETTINGS, WINDOW, Clock, House, image, index
from tests.registry.paths import may_manage

from holdfast.access.errors import Conflict
from holdfast.blobs.memory import MemoryBlobs
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName, Tag
from holdfast.registry.collect.service import Collect
from holdfast.registry.errors import BlobsMissing, BlobUnknown, ManifestUnknown, NotRestorable
from holdfast.registry.history.rollback.model import Wish
from holdfast.registry.history.rollback.service import Rollback
from holdfast.registry.history.targets import Target
from holdfast.registry.history.undelete.service import Undelete
from holdfast.registry.promotion.model import Wanted
from holdfast.registry.promotion.service import Promotion
from holdfast.registry.sweep.service import Sweep

_LEVELS = 2
"""The manifest, then what it kept."""
_DEEPEST = 6
_LOOKS = 5
_MEMORY = Path("/dev/shm")


class Dying(NamedTuple):
    """An image that nothing keeps any more in `repo`; its layer is live in `live`. `moment`: when a tag was on it."""

    repo: str
    live: str
    config: bytes
    layer: bytes
    manifest: bytes
    moment: int

    @property
    def parts(self) -> tuple[bytes, bytes]:
        return self.config, self.layer

    async def upload(self, house: House, repo: str) -> None:
        """All of it, as a client does that is refused."""
        for part in self.parts:
            await house.blob(part, repo)
        await house.manifest(self.manifest, repo=repo)


async def die(house: House, number: int) -> Dying:
    """Push such an image, and let it lose its tag."""
    repo, live = f"dying/{number}", f"live/{number}"
    config, layer = f'{{"n":{number}}}'.encode(), f"{number} ".encode() * 9000
    for place in (repo, live):
        for part in (config, layer):
            await house.blob(part, place)
    manifest = image(config, layer, note="dying")
    await house.manifest(image(config, layer, note="live"), "v1", repo=live)
    await house.manifest(manifest, "v1", repo=repo)
    moment = house.clock.now
    house.clock.move(1000)
    await house.deletion.tag(house.may_delete(repo), Tag("v1"))
    return Dying(repo, live, config, layer, manifest, moment)


class Race:
    """One push: `first` comes between the steps, `then` after them; `whole` says what must be pulled afterwards."""

    def __init__(self, house: House, dying: Dying) -> None:
        self.house = house
        self.dying = dying
        self.repo = dying.repo
        self.manifest = dying.manifest

    async def first(self) -> None:
        raise NotImplementedError

    async def then(self) -> None:
        return

    async def push(self) -> None:
        """The manifest, which must not be refused any more."""
        await self.house.manifest(self.manifest, "again", repo=self.repo)

    async def heal(self) -> None:
        """Everything anew."""
        await self.dying.upload(self.house, self.repo)
        await self.push()

    async def whole(self) -> None:
        """What was acknowledged is there."""
        house, dying = self.house, self.dying
        assert (await house.get("again", self.repo)).data == self.manifest
        assert (await house.get(Digest.of(dying.manifest), self.repo)).data == dying.manifest
        for part in dying.parts:
            assert await house.read(Digest.of(part), self.repo) == part


class Uploads(Race):
    """PUT of every blob, then the manifest."""

    async def first(self) -> None:
        for part in self.dying.parts:
            await self.house.blob(part, self.repo)

    async def then(self) -> None:
        await self.push()


class Looks(Race):
    """HEAD of every blob; those that are there are not uploaded."""

    async def first(self) -> None:
        for part in self.dying.parts:
            try:
                await self.house.pulls.blob_head(self.house.may_pull(self.repo), Digest.of(part))
            except BlobUnknown:
                await self.house.blob(part, self.repo)

    async def then(self) -> None:
        await self.push()


class LooksAtTheManifest(Race):
    """HEAD of the manifest; where it is there, it is listed by an index."""

    def __init__(self, house: House, dying: Dying) -> None:
        super().__init__(house, dying)
        self.manifest = index(dying.manifest)

    async def first(self) -> None:
        permit = self.house.may_pull(self.repo)
        try:
            await self.house.pulls.manifest_head(permit, Digest.of(self.dying.manifest))
        except ManifestUnknown:
            await self.dying.upload(self.house, self.repo)

    async def then(self) -> None:
        await self.push()


class Mounts(Race):
    """Every blob is mounted from where it lives."""

    source = "live"

    async def first(self) -> None:
        house = self.house
        source = house.may_pull(getattr(self.dying, self.source))
        for part in self.dying.parts:
            if not await house.mounts.blob(house.may_push(self.repo), source, Digest.of(part)):
                await house.blob(part, self.repo)

    async def then(self) -> None:
        await self.push()


class MountsWhatDies(Mounts):
    """Every blob is mounted from where it dies."""

    source = "repo"

    def __init__(self, house: House, dying: Dying) -> None:
        super().__init__(house, dying)
        self.repo = dying.repo.replace("dying", "far")


class _Bold(Race):
    """Something that relies on nothing that it was told: it may be refused, and is healed then."""

    refusals: tuple[type[Exception], ...] = (BlobsMissing, ManifestUnknown, BlobUnknown)

    async def first(self) -> None:
        try:
            await self.act()
        except self.refusals:
            await self.heal()

    async def act(self) -> None:
        raise NotImplementedError


class Tags(_Bold):
    """A tag moves onto the manifest."""

    async def act(self) -> None:
        await self.push()


class Lists(_Bold):
    """An index lists it."""

    def __init__(self, house: House, dying: Dying) -> None:
        super().__init__(house, dying)
        self.manifest = index(dying.manifest)

    async def act(self) -> None:
        await self.push()


class Signs(_Bold):
    """A signature of it is put, and the image after it."""

    async def act(self) -> None:
        mark = image(self.dying.config, subject=self.dying.manifest)
        await self.house.blob(self.dying.config, self.repo)
        await self.house.manifest(mark, repo=self.repo)
        await self.push()
        assert await self.house.referrers(self.dying.manifest, self.repo) == [Digest.of(mark)]


class Promotes(_Bold):
    """It becomes another repository's."""

    def __init__(self, house: House, dying: Dying) -> None:
        super().__init__(house, dying)
        self.repo = dying.repo.replace("dying", "far")

    async def act(self) -> None:
        promotion = Promotion(self.house.db, self.house.objects, self.house.settings)
        names = RepositoryName(self.dying.repo), RepositoryName(self.repo)
        await promotion.promote(
            may_manage(""), Wanted(names[0], Digest.of(self.dying.manifest), names[1], Tag("again"))
        )


class Undeletes(_Bold):
    """The tag that it lost comes back, and another one with it."""

    refusals = (*_Bold.refusals, NotRestorable, Conflict)

    async def act(self) -> None:
        undelete = Undelete(self.house.db, self.house.settings)
        await undelete.restore(may_manage(self.repo), self.repo, Tag("v1"))
        await self.push()


class RollsBack(_Bold):
    """The tags go back to when it had one."""

    async def act(self) -> None:
        wish = Wish(Target(self.repo), self.dying.moment, skip_blocked=True)
        await Rollback(self.house.db, self.house.settings).apply(may_manage(self.repo), wish)
        await self.push()


CAREFUL = (Uploads, Looks, LooksAtTheManifest, Mounts, MountsWhatDies)
BOLD = (Tags, Lists, Signs, Promotes, Undeletes, RollsBack)
AT_ONCE = [pytest.param(kind, False, id=f"{kind.__name__}, at once") for kind in (*CAREFUL, *BOLD)]
IN_PARTS = [pytest.param(kind, True, id=f"{kind.__name__}, in two parts") for kind in CAREFUL]


def race(target: str, kind: type[Race], slowly: bool) -> int:
    """Run `kind` once for each step; how many there were. `slowly`: what follows comes after the collector's run."""

    async def main() -> int:
        blobs, clock = MemoryBlobs(), Clock()
        await blobs.open("tests")
        one, two = House(target, blobs, SETTINGS, clock), House(target, blobs, SETTINGS, clock)
        try:
            async with stepping(one.db, target) as steps:
                for number in itertools.count():
                    if not await at_step(one, steps, kind(two, await die(one, number)), number, slowly):
                        return number
        finally:
            await one.close()
            await two.close()
        raise AssertionError

    return asyncio.run(main())


async def at_step(one: House, steps: Stepping, entrant: Race, number: int, slowly: bool) -> bool:
    """Run the race before step `number`; whether there was one."""

    async def meanwhile() -> None:
        await entrant.first()
        if not slowly:
            await entrant.then()

    done = False
    one.clock.move(WINDOW)
    await steps.arm(number, meanwhile)
    for _ in range(_LEVELS):
        one.clock.move(2 * LEASE + GRACE)
        await Collect(steps, SETTINGS).run()
        await (Sweep(steps, one.blobs, SETTINGS) if isinstance(entrant, Uploads) else one.sweep).run()
        if await steps.reached() and not done:
            done = True
            if slowly:
                await entrant.then()
            await entrant.whole()
    await steps.disarm()
    if done:
        await entrant.whole()
        if number % _LOOKS == 0:
            assert await broken(one) == {}, f"step {number}"
        await end(one, entrant)
    return done


async def end(house: House, entrant: Race) -> None:
    """Let go of everything, so that the next round counts the same steps."""
    for repo in {entrant.repo, entrant.dying.repo, entrant.dying.live}:
        for tag in house.sql("select t.name from tag t join repository r on r.id = t.repo_id where r.path = ?", repo):
            await house.deletion.tag(house.may_delete(repo), Tag(tag))
    house.clock.move(WINDOW)
    for _ in range(_DEEPEST):
        if house.sql("select (select count(*) from content) + (select count(*) from doomed)") == [0]:
            break
        house.clock.move(2 * LEASE + GRACE)
        await house.collect.run()
        await house.sweep.run()
    assert house.sql("select count(*) from content") == [0]
    assert house.sql("select count(*) from doomed") == [0]


@pytest.mark.parametrize(("kind", "slowly"), [*AT_ONCE, *IN_PARTS])
def test_between_two_units(kind: type[Race], slowly: bool) -> None:
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as place:
        target = str(Path(place) / "holdfast.db")
        lay_file(target)
        assert race(target, kind, slowly) > 5


@pytest.mark.parametrize(
    ("kind", "slowly"),
    [
        AT_ONCE[len(CAREFUL)],
        *(
            pytest.param(*each.values, id=each.id, marks=pytest.mark.slow)
            for each in (*AT_ONCE[len(CAREFUL) + 1 :], *IN_PARTS)
        ),
    ],
)
def test_between_two_statements(kind: type[Race], slowly: bool) -> None:
    assert race(laid_database_url(), kind, slowly) > 40
