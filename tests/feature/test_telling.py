"""Handlers: told of what was committed, in order, once; and only since there was such a handler."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tests.registry.house import House, Place

from holdfast.db.port import Unit
from holdfast.db.query import Command
from holdfast.feature.model import Handler
from holdfast.feature.telling import tell
from holdfast.jobs.model import JobState, NewJob
from holdfast.jobs.run import Run
from holdfast.jobs.service import Jobs, enqueue
from holdfast.jobs.worker import Worker
from holdfast.journal.chain import SealedRow
from holdfast.journal.model import ChangeKind
from holdfast.telemetry.events import make_events

KINDS = frozenset({ChangeKind.TAG_DELETED, ChangeKind.TAG_MOVED, ChangeKind.MANIFEST_PUSHED})
SEAL = Command(
    """
    update journal set pos = id, path = coalesce(path, (select path from repository where id = journal.repo_id))
    where pos is null
    """
)


async def told(house: House, *handlers: Handler) -> list[JobState]:
    """Tell these handlers in a job, as the worker does; how it ended."""
    await house.db.write(lambda unit: unit.run(SEAL))

    async def task(run: Run) -> None:
        await tell(run, handlers)

    await house.db.write(lambda unit: enqueue(unit, NewJob("tell", attempts=1)))
    stop, jobs = asyncio.Event(), Jobs(house.db)
    worker = Worker(house.db, {"tell": task}, name="t", events=make_events("critical"), look=0.01)
    running = asyncio.create_task(worker.run(stop))
    async with asyncio.timeout(30):
        while sum((await jobs.pending()).values()):
            await asyncio.sleep(0.005)
    stop.set()
    await running
    return [job.state for job in await jobs.list(limit=1)]


class Ears:
    """A handler that remembers, and fails where it is asked to."""

    def __init__(self, name: str = "ears") -> None:
        self.heard: list[str] = []
        self.fails = False
        self.handler = Handler(name=name, kinds=KINDS, handle=self.handle)

    async def handle(self, _unit: Unit, rows: Sequence[SealedRow]) -> None:
        self.heard += [f"{row.kind} {row.path}" for row in rows]
        if self.fails:
            raise ValueError("not now")


def test_a_handler_is_told_what_comes_after_it_in_order_and_once(place: Place) -> None:
    async def scenario(house: House) -> None:
        ears = Ears()
        await house.image("before")
        assert await told(house, ears.handler) == [JobState.DONE]
        assert ears.heard == []
        data = await house.image("v1", name="one", repo="team/lib")
        await house.manifest(data, "v2", repo="team/lib")
        for _ in range(2):
            assert await told(house, ears.handler) == [JobState.DONE]
            assert ears.heard == ["manifest.pushed team/lib", "tag.moved team/lib"]

    place.run(scenario)


def test_a_handler_that_fails_is_told_again_and_stops_no_other(place: Place) -> None:
    async def scenario(house: House) -> None:
        bad, good = Ears("bad"), Ears("good")
        await told(house, bad.handler, good.handler)
        await house.image("v1")
        bad.fails = True
        assert await told(house, bad.handler, good.handler) == [JobState.FAILED]
        assert good.heard == ["manifest.pushed team/app"]
        bad.fails, bad.heard = False, []
        assert await told(house, bad.handler, good.handler) == [JobState.DONE]
        assert bad.heard == good.heard == ["manifest.pushed team/app"]

    place.run(scenario)


def test_many_changes_are_told_in_pieces(place: Place) -> None:
    async def scenario(house: House) -> None:
        ears = Ears()
        await told(house, ears.handler)
        data = await house.image("t0")
        for n in range(1, 450):
            await house.manifest(data, f"t{n}")
        assert await told(house, ears.handler) == [JobState.DONE]
        assert len(ears.heard) == 450

    place.run(scenario)
