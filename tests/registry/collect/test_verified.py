"""Verify agrees with the collector: nothing is wrong after any step of it, and what it could forget is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.registry.collect.scene import LEVELS, lay, pass_time
from tests.registry.house import LEASE, House, Place

from holdfast.registry.verify.inspection import Site
from holdfast.registry.verify.model import Damage, Finding, Options, Outcome
from holdfast.registry.verify.service import verify


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def _found(house: House, *, repair: bool = False) -> list[Finding]:
    outcome = Outcome(Options(deep=True, repair=repair, force=False, adopt=False))
    await verify(Site(house.db, house.objects, house.settings, "test"), outcome, lambda _: None)
    return outcome.findings


def test_nothing_is_wrong_after_any_step(place: Place) -> None:
    async def scenario(house: House) -> None:
        steps: list[str] = []

        async def pause(name: str) -> None:
            steps.append(name)
            assert await _found(house) == []

        collect = type(house.collect)(house.db, house.settings, pause=pause, batch=2)
        await lay(house)
        await lay(house, "second")
        for _ in range(LEVELS):
            pass_time(house)
            await collect.run()
            await house.sweep.run()
        assert await _found(house) == []
        assert {"links", "contents"} <= set(steps)

    place.run(scenario)


def test_content_that_is_nowhere_is_found_and_left_to_the_collector(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.blob(b"lost" * 9000)
        house.clock.move(2 * LEASE)
        await house.collect.run()
        await house.blob(b"found" * 9000)
        for table in ("candidate", "lease", "link"):
            house.sql(f"delete from {table}")
        found = [each.damage for each in await _found(house)]
        assert found == [Damage.ORPHAN_MISSING, Damage.USAGE_WRONG]
        assert [each.repaired for each in await _found(house, repair=True)] == [True, True]
        assert await _found(house) == []
        assert (await house.collect.run()).contents == 1

    place.run(scenario)


def test_a_tag_that_belongs_to_what_is_not_here_keeps_nothing(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image(f"sha256-{'0' * 64}.sig", name="mark")
        await house.image("sha256-odd", f"sha256-{'g' * 64}", name="odd")
        assert await _found(house) == []
        house.sql("delete from candidate")
        assert [each.damage for each in await _found(house)] == [Damage.CANDIDATE_MISSING]

    place.run(scenario)
