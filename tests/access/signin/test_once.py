"""What a form holds counts once, for whoever sends it twice, however close together."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.access.house import DAY, ENGINES, Engine, House, lived_in

from holdfast.access.signin.once import Once


@pytest.mark.parametrize("engine", ENGINES)
def test_a_value_is_taken_once(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        once = Once(house.db)
        assert await once.take("one")
        assert not await once.take("one")
        assert await once.take("another")
        assert await once.take("\ud800" + "x" * 100_000)

    lived_in(tmp_path, scenario, engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_of_many_at_once_one_is_the_first(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        here, there = Once(house.db), Once(house.db)
        taken = await asyncio.gather(*(each.take("one") for each in (here, there) for _ in range(4)))
        assert sorted(taken) == [False] * 7 + [True]

    lived_in(tmp_path, scenario, engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_after_a_day_it_is_forgotten(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        once = Once(house.db)
        await once.take("old")
        house.clock.at += DAY
        await once.take("young")
        assert await once.forget() == 0
        house.clock.at += 1
        assert await once.forget() == 1
        assert not await once.take("young")
        assert await once.take("old")

    lived_in(tmp_path, scenario, engine)
