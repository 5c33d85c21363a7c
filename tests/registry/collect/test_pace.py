"""The collector rests while others write, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.registry.house import House, Place

from holdfast.db.port import Unit
from holdfast.db.query import Command
from holdfast.registry.pace import Pace

WRITE = Command("insert into setting (path, name, value) values ('', :name, '')")


def test_it_rests_while_another_process_writes(tmp_path: Path) -> None:
    place = Place(tmp_path)
    if "://" in place.target:
        pytest.skip("units of PostgreSQL run beside each other: nobody waits for another's")

    async def scenario(house: House) -> None:
        rests: list[float] = []

        async def sleep(seconds: float) -> None:
            rests.append(seconds)

        pace = Pace(house.db, sleep)

        async def unit(name: str) -> bool:
            async def write(unit: Unit) -> None:
                await unit.run(WRITE, name=name)

            await pace.write(write)
            return rests[-1] > 0

        await unit("first")  # whatever was written before it began
        assert not await unit("alone")
        for number in range(3):
            house.sql(f"insert into setting (path, name, value) values ('', 'other{number}', '')")
            assert await unit(f"beside {number}")
        assert not await unit("alone again")

    place.run(scenario)
