"""After a large collection the database's file is as small as what is left in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.registry.house import LEASE, House, Place


def test_the_file_shrinks(tmp_path: Path) -> None:
    place = Place(tmp_path)
    if "://" in place.target:
        pytest.skip("the server's own vacuum uses the room again")
    file = Path(place.target)

    async def scenario(house: House) -> None:
        for number in range(800):
            await house.blob(f"{number} ".encode() * 2000)
        await house.collect.shrink()
        full = file.stat().st_size
        house.clock.move(2 * LEASE)
        assert (await house.collect.run()).contents == 800
        reports: list[int] = []

        async def report(_so_far: object, left: int) -> None:
            reports.append(left)

        await house.collect.shrink(report)
        assert reports == sorted(reports, reverse=True)
        assert len(reports) > 2
        assert file.stat().st_size < full / 5
        assert file.with_name(file.name + "-wal").stat().st_size == 0

    place.run(scenario)
