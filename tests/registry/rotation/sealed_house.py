"""Houses that encrypt: several over one database, as nodes are, each with the keys that it read when it was opened."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from tests.registry.house import SETTINGS, House, Place

from holdfast.access.errors import WrongMasterKey
from holdfast.access.keyring import ContentKeys
from holdfast.access.master import MasterKey, MasterKeys
from holdfast.blobs.envelope import Envelope
from holdfast.jobs.model import Job, JobState, NewJob
from holdfast.jobs.run import Run
from holdfast.jobs.service import Jobs, enqueue
from holdfast.jobs.worker import Worker
from holdfast.registry.deletion.service import Deletion
from holdfast.registry.listing.service import Listing
from holdfast.registry.objects import Objects
from holdfast.registry.pull.service import Pull
from holdfast.registry.push.service import Push
from holdfast.registry.rotation.service import KIND, Rotation
from holdfast.registry.upload.service import Upload
from holdfast.registry.upload.session import SessionSigner
from holdfast.telemetry.events import Events

T = TypeVar("T")
ONE, TWO = b"1" * 32, b"2" * 32
DAY = 24 * 3600 * 1_000_000


class Told:
    """Events, kept."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, object]]] = []

    def info(self, event: str, **fields: object) -> None:
        self.told.append((event, fields))

    warning = error = info


class SealedHouse(House):
    """A house whose content is encrypted. Made by `opened`."""

    master: MasterKey
    events: Told

    @classmethod
    async def opened(
        cls, place: Place, masters: Sequence[bytes] = (ONE,), *, master: MasterKey | None = None
    ) -> SealedHouse:
        """A node that starts now, with these master keys, or another `master`."""
        house = cls(place.target, place.blobs, SETTINGS, place.clock)
        house.master, house.events = master or MasterKeys(masters), Told()
        keys = ContentKeys(house.db, house.master)
        try:
            await keys.make_first()
            envelope = Envelope(await keys.load(), keys.load_again)
        except WrongMasterKey:
            await house.close()
            raise
        house.objects = objects = Objects(place.blobs, envelope, sealing=True)
        house.pulls = Pull(house.db, objects, SETTINGS)
        house.pushes = Push(house.db, objects, SETTINGS)
        house.uploads = Upload(house.db, objects, SETTINGS, SessionSigner(bytes(32)))
        house.listing = Listing(house.db, objects, SETTINGS)
        house.deletion = Deletion(house.db, objects, SETTINGS)
        return house

    def rotation(self, page: int = 3) -> Rotation:
        events: Events = self.events
        return Rotation(self.db, self.master, events, page=page, span=5)

    async def work(self, job: NewJob) -> Job:
        """Enqueue `job` and let a worker run it to its end."""
        id = await self.db.write(lambda unit: enqueue(unit, job))
        assert id is not None
        return await self.work_until_ended(id)

    async def work_until_ended(self, id: int) -> Job:
        jobs, stop = Jobs(self.db), asyncio.Event()

        async def run(run: Run) -> None:
            try:
                await self.rotation().run(run)
            finally:
                if run.job.id == id:
                    stop.set()

        events: Events = self.events
        await Worker(self.db, {KIND: run}, name="test", events=events, look=0.01).run(stop)
        return await jobs.show(id)

    async def rest(self) -> Job:
        """Let the time come for what the last rotation left for later, and see it through."""
        waiting = [job for job in await Jobs(self.db).list() if job.state is JobState.WAITING]
        left = max(waiting, key=lambda job: job.run_at)
        self.clock.move(max(0, left.run_at - self.clock.now))
        return await self.work_until_ended(left.id)

    def generations(self) -> set[int]:
        """Which generations wrapped what is stored, by the rows themselves."""
        rows = self.sql("select wrapped_key from content") + self.sql("select wrapped_key from upload")
        assert all(row is not None for row in rows), "everything is encrypted"
        return {int.from_bytes(row[:2], "big") for row in rows}

    def secrets(self) -> list[str]:
        """The names of the keys in the database."""
        return self.sql("select name from secret order by name")


def with_houses(place: Place, scenario: Callable[[], Awaitable[T]]) -> T:
    """Run `scenario` with the place's store open."""

    async def main() -> T:
        await place.blobs.open("tests")
        return await scenario()

    return asyncio.run(main())
