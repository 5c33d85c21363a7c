"""Handlers: told of what was committed and of what was used, in order, once; and only since there was one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tests.registry.house import House, Place

from holdfast.access.model import ANONYMOUS, UNCHECKED, Credential, CredentialKind, Identity, Subject
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import Action
from holdfast.access.usage import feed
from holdfast.access.usage.feed import FedUse
from holdfast.access.usage.watch import Watch
from holdfast.db.port import Unit
from holdfast.db.query import Command
from holdfast.feature.model import Feature, Handler, UseHandler
from holdfast.feature.telling import Teller, begin
from holdfast.journal.chain import SealedRow
from holdfast.journal.model import ChangeKind, Origin
from holdfast.telemetry.events import make_events

KINDS = frozenset({ChangeKind.TAG_DELETED, ChangeKind.TAG_MOVED, ChangeKind.MANIFEST_PUSHED})
SEAL = Command(
    """
    update journal set pos = id, path = coalesce(path, (select path from repository where id = journal.repo_id))
    where pos is null
    """
)
ALICE = Identity(Subject(7, "alice"), 1, Rights("user:alice", [], {}), Credential(CredentialKind.KEY, 12, {}))
OPEN = Identity(ANONYMOUS, UNCHECKED, Rights("anonymous", [], {}))
HERE = Origin("r1", "192.0.2.9", "containerd/1.7 (linux)")


def teller(house: House, *handlers: Handler | UseHandler) -> Teller:
    feature = Feature(
        name="ears",
        handlers=tuple(each for each in handlers if isinstance(each, Handler)),
        uses=tuple(each for each in handlers if isinstance(each, UseHandler)),
    )
    return Teller(house.db, [feature], make_events("critical"))


async def told(house: House, *handlers: Handler | UseHandler) -> None:
    """Tell these handlers what waits, as a process does that begins with it."""
    await house.db.write(lambda unit: unit.run(SEAL))
    await teller(house, *handlers).turn()


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


class Eyes:
    """A handler of uses that remembers, and fails where it is asked to."""

    def __init__(self, name: str = "eyes") -> None:
        self.seen: list[FedUse] = []
        self.fails = False
        self.handler = UseHandler(name=name, handle=self.handle)

    async def handle(self, _unit: Unit, uses: Sequence[FedUse]) -> None:
        self.seen += uses
        if self.fails:
            raise ValueError("not now")


def test_a_handler_is_told_what_comes_after_it_in_order_and_once(place: Place) -> None:
    async def scenario(house: House) -> None:
        ears = Ears()
        await house.image("before")
        await told(house, ears.handler)
        assert ears.heard == []
        data = await house.image("v1", name="one", repo="team/lib")
        await house.manifest(data, "v2", repo="team/lib")
        for _ in range(2):
            await told(house, ears.handler)
            assert ears.heard == ["manifest.pushed team/lib", "tag.moved team/lib"]

    place.run(scenario)


def test_a_handler_hears_what_was_sealed_before_the_first_turn_of_a_new_registry(place: Place) -> None:
    async def scenario(house: House) -> None:
        ears, eyes = Ears(), Eyes()
        await begin(house.db, [Feature(name="ears", handlers=(ears.handler,), uses=(eyes.handler,))])
        await house.image("v1")
        watch = Watch(house.db, fed=True)
        watch.used(ALICE, HERE, Action.PULL, "team/app", "v1")
        await watch.flush()
        await told(house, ears.handler, eyes.handler)
        assert (ears.heard, len(eyes.seen)) == (["manifest.pushed team/app"], 1)

    place.run(scenario)


def test_a_handler_that_fails_is_told_again_and_stops_no_other(place: Place) -> None:
    async def scenario(house: House) -> None:
        bad, good, eyes = Ears("bad"), Ears("good"), Eyes()
        await told(house, bad.handler, good.handler, eyes.handler)
        await house.image("v1")
        watch = Watch(house.db, fed=True)
        watch.used(ALICE, HERE, Action.PULL, "team/app", "v1")
        await watch.flush()
        bad.fails = True
        await told(house, bad.handler, good.handler, eyes.handler)
        assert good.heard == ["manifest.pushed team/app"]
        assert len(eyes.seen) == 1
        bad.fails, bad.heard = False, []
        await told(house, bad.handler, good.handler, eyes.handler)
        assert bad.heard == good.heard == ["manifest.pushed team/app"]

    place.run(scenario)


def test_a_handler_that_failed_is_left_alone_for_a_moment(place: Place) -> None:
    async def scenario(house: House) -> None:
        bad = Ears()
        patient = teller(house, bad.handler)
        await patient.turn()
        await house.image("v1")
        await house.db.write(lambda unit: unit.run(SEAL))
        bad.fails = True
        await patient.turn()
        await patient.turn()
        assert len(bad.heard) == 1

    place.run(scenario)


def test_many_changes_are_told_in_pieces(place: Place) -> None:
    async def scenario(house: House) -> None:
        ears = Ears()
        await told(house, ears.handler)
        data = await house.image("t0")
        for n in range(1, 450):
            await house.manifest(data, f"t{n}")
        await told(house, ears.handler)
        assert len(ears.heard) == 450

    place.run(scenario)


def test_several_processes_tell_nothing_twice(place: Place) -> None:
    async def scenario(house: House) -> None:
        ears, eyes = Ears(), Eyes()
        await told(house, ears.handler, eyes.handler)
        data = await house.image("t0")
        for n in range(1, 30):
            await house.manifest(data, f"t{n}")
        watch = Watch(house.db, fed=True)
        for n in range(300):
            watch.used(ALICE, HERE, Action.PULL, "team/app", f"t{n}")
        await watch.flush()
        await asyncio.gather(*(told(house, ears.handler, eyes.handler) for _ in range(4)))
        await told(house, ears.handler, eyes.handler)
        assert len(ears.heard) == 30
        assert sorted(use.reference for use in eyes.seen) == sorted(f"t{n}" for n in range(300))

    place.run(scenario)


def test_use_is_told_as_it_was_and_then_dropped(place: Place) -> None:
    async def scenario(house: House) -> None:
        eyes, late = Eyes(), Eyes("late")
        await told(house, eyes.handler)
        watch = Watch(house.db, fed=True)
        for _ in range(3):
            counted = watch.used(ALICE, HERE, Action.PULL, "team/app", "v1", "sha256:ab")
            assert counted is not None
            watch.sent(counted, 100)
        watch.used(ALICE, HERE, Action.PULL, "team/app", "v1", "sha256:ab", head=True)
        watch.denied(ALICE, HERE, Action.OVERWRITE, "team/app", "v1", "no")
        watch.used(OPEN, HERE, Action.PULL, "team/app", "v1", "sha256:ab")
        await watch.flush()
        eyes.fails = True
        await told(house, eyes.handler, late.handler)
        assert await feed.batches(house.db, 0, 10), "who failed is told again"
        eyes.fails, eyes.seen = False, []
        await told(house, eyes.handler, late.handler)
        assert late.seen == [], "it came later"
        seen = {(use.subject, use.action, use.head): use for use in eyes.seen}
        pulled = seen["user:alice", "pull", False]
        assert pulled[:-2] == (
            *("user:alice", 7, "key:12", "192.0.2.0/24", "containerd", "pull", "team/app", "v1", "sha256:ab"),
            *(False, True, 3, 300),
        )
        assert seen["user:alice", "pull", True].times == 1
        assert (seen["user:alice", "overwrite", False].allowed, seen["anonymous", "pull", False].times) == (False, 1)
        assert await feed.batches(house.db, 0, 10) == []

    place.run(scenario)


def test_bytes_of_a_long_answer_are_counted_when_it_ends(place: Place) -> None:
    async def scenario(house: House) -> None:
        eyes = Eyes()
        await told(house, eyes.handler)
        watch = Watch(house.db, fed=True)
        counted = watch.used(ALICE, HERE, Action.PULL, "team/app")
        assert counted is not None
        await watch.flush()
        watch.sent(counted, 7)
        watch.sent(counted, 5)
        await watch.flush()
        await told(house, eyes.handler)
        assert [(use.times, use.bytes) for use in eyes.seen] == [(1, 0), (0, 12)]

    place.run(scenario)


def test_without_a_reader_nothing_is_fed(place: Place) -> None:
    async def scenario(house: House) -> None:
        watch = Watch(house.db)
        watch.used(ALICE, HERE, Action.PULL, "team/app", "v1")
        await watch.flush()
        await feed.place(house.db)
        assert await feed.batches(house.db, 0, 10) == []

    place.run(scenario)
