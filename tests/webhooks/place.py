"""Webhooks for tests: on a database of any engine, with a real receiver, events as a test says, and a real worker."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any, NamedTuple, TypeVar

from tests.db.engines import Engine
from tests.webhooks.receiver import Receiver, receiver

from holdfast.access.master import MasterKeys
from holdfast.access.model import ANONYMOUS, UNCHECKED, PathPermit
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import Circumstances
from holdfast.blobs.memory import MemoryBlobs
from holdfast.db.port import Database, Unit
from holdfast.db.query import Query
from holdfast.db.session import system_clock
from holdfast.feature.model import Working
from holdfast.feature.telling import catch_up
from holdfast.jobs.worker import Worker
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.sealing import seal
from holdfast.journal.service import Place as Where
from holdfast.journal.service import record
from holdfast.registry.objects import Objects
from holdfast.registry.settings import RegistrySettings
from holdfast.remote.model import Lookup
from holdfast.remote.outbound import Outbound, system_lookup
from holdfast.telemetry.events import make_events
from holdfast.webhooks import delivery_store
from holdfast.webhooks.deliveries import Deliveries
from holdfast.webhooks.feature import WEBHOOKS
from holdfast.webhooks.model import DeliveryState, Draft, Pace, Shown
from holdfast.webhooks.service import Webhooks
from holdfast.webhooks.tasks import tasks

T = TypeVar("T")
PACE = Pace(timeout=5.0, first=0.02, most=0.1, failures=5, probe_first=0.05, probe_most=0.2, look=0.05)
HERE = (ip_network("127.0.0.0/8"),)
PUBLIC = "https://registry.example"
ORIGIN = Origin("r1", "192.0.2.9", "test")


class Text(NamedTuple):
    """A text of the journal."""

    text: str


_KINDS = Query("select kind as text from journal order by id", Text)
_DATA = Query("select data as text from journal where kind = :kind order by id", Text)


class Clock:
    """The machine's clock, which a test may put forward."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return system_clock() + self.ahead

    def forward(self, microseconds: int) -> None:
        self.ahead += microseconds


class House:
    """The services over one database, and a receiver."""

    def __init__(self, engine: Engine, target: Receiver, lookup: Lookup = system_lookup) -> None:
        self.engine = engine
        self.clock = Clock()
        self.db: Database = engine.open(self.clock)
        self.target = target
        self.outbound = Outbound(HERE, setting="HOLDFAST_ALLOW_PRIVATE_TARGETS", connections=64, lookup=lookup)
        self.master = MasterKeys([bytes(32)])
        self.webhooks = Webhooks(self.db, self.master, self.outbound)
        self.deliveries = Deliveries(self.db, self.webhooks, self.master, self.outbound, PUBLIC)
        self._number = itertools.count(1)

    def permit(self, path: str = "", rights: Rights = Rights.EVERYTHING) -> PathPermit:
        return PathPermit(ANONYMOUS, path, UNCHECKED, ORIGIN, rights, Circumstances("", self.db.now()))

    async def create(self, path: str = "", **more: Any) -> Shown:
        """A webhook to the receiver."""
        facts = {"url": self.target.url + "/hook", "path": path, **more}
        return await self.webhooks.create(self.permit(path), Draft(**facts))

    async def push(self, *repositories: str, tags: Sequence[str] = ("v1",), tell: bool = True) -> list[int]:
        """A push to each repository; the numbers that they carry as their digests."""
        numbers = [next(self._number) for _ in repositories]

        async def work(unit: Unit) -> None:
            for number, path in zip(numbers, repositories, strict=True):
                data: dict[str, object] = {"digest": f"sha256:{number:064x}", "tags": list(tags)}
                where = Where(0, 0, unit.now)
                await record(
                    unit, ChangeKind.MANIFEST_PUSHED, where, actor="user:a", origin=ORIGIN, data=data, path=path
                )

        await self.db.write(work)
        if tell:
            await self.tell()
        return numbers

    async def tell(self) -> None:
        """Seal what waits, and tell the handler."""
        while await self.db.write(seal):
            pass
        (handler,) = WEBHOOKS.handlers
        await catch_up(self.db, handler)

    def working(self) -> Working:
        return Working(
            objects=Objects(MemoryBlobs()),
            settings=RegistrySettings(),
            master=self.master,
            targets=self.outbound,
            public=PUBLIC,
        )

    @asynccontextmanager
    async def worker(self, pace: Pace = PACE, **more: Any) -> AsyncIterator[None]:
        """A worker that delivers while the block runs."""
        stop = asyncio.Event()
        facts: dict[str, Any] = {"name": "test", "events": make_events("critical"), "look": 0.02, "grace": 2.0}
        facts |= {"lease": 1_000_000.0, **more}  # the clock may be put forward
        worker = Worker(self.db, tasks(self.working(), pace), WEBHOOKS.schedules, **facts)
        working = asyncio.create_task(worker.run(stop))
        try:
            yield
        finally:
            stop.set()
            await working

    async def rows(self, id: int) -> list[delivery_store.DeliveryRow]:
        """Every delivery of a webhook, the oldest first."""
        found = await self.db.all(delivery_store.NEWEST, webhook_id=id, before=1 << 62, limit=100_000)
        return found[::-1]

    async def states(self, id: int) -> list[DeliveryState]:
        return [DeliveryState(row.state) for row in await self.rows(id)]

    async def until(self, holds: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
        """Return when something holds of the database."""
        async with asyncio.timeout(seconds):
            while not await holds():
                await asyncio.sleep(0.01)

    async def settled(self, id: int) -> None:
        """Return when nothing waits for a webhook."""

        async def holds() -> bool:
            return DeliveryState.WAITING not in await self.states(id)

        await self.until(holds)

    async def attempts(self, id: int, pos: int) -> list[delivery_store.AttemptRow]:
        """The attempts of a delivery, the oldest first."""
        return (await self.db.all(delivery_store.ATTEMPTS, webhook_id=id, pos=pos, limit=1000))[::-1]

    async def journal(self) -> list[str]:
        """The kinds of what was recorded."""
        return [row.text for row in await self.db.all(_KINDS)]

    async def told(self, kind: str) -> list[dict[str, Any]]:
        """The data of what was recorded of a kind."""
        return [json.loads(row.text) for row in await self.db.all(_DATA, kind=kind)]

    async def close(self) -> None:
        await self.outbound.close()
        await self.db.close()


def numbers(requests: Sequence[Any]) -> list[int]:
    """The numbers of the pushes that CloudEvents tell of."""
    return [int(each.json["data"]["digest"].removeprefix("sha256:"), 16) for each in requests]


def run(engine: Engine, scenario: Callable[[House], Awaitable[T]], lookup: Lookup = system_lookup) -> T:
    """Run `scenario` with a receiver and a database of `engine`."""

    async def main() -> T:
        async with receiver() as target:
            house = House(engine, target, lookup)
            try:
                await house.tell()
                async with asyncio.timeout(90):
                    return await scenario(house)
            finally:
                await house.close()

    return asyncio.run(main())
