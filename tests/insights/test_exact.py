"""Counts equal the clients' own log: over several workers and a restart in order; kill -9 loses a few seconds."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from tests.insights.traffic import PATIENCE, Puller, Shop, differences, traffic
from tests.serving import running_server

from holdfast.access.usage.watch import FOLDS_EVERY, USES_EVERY

LOST = USES_EVERY + FOLDS_EVERY + 2.0
"""Seconds before a kill -9 from which nothing need be counted: two flushes of a busy machine."""


def pulls_are_counted_exactly(place: Path, pulls: int, seed: int = 1) -> list[str]:
    """Pull so often from three workers, with a restart in the middle; where the counts differ from the log."""
    with running_server(place, "--workers", "3") as server:
        shop = Shop(server)
        shop.fill()
        shop.wait_until_counting()
        log = asyncio.run(traffic(shop, pulls // 2, seed))
        server.restart()
        log += asyncio.run(traffic(shop, pulls - pulls // 2, seed + 1))
        server.restart()
        shop.wait_until(sum(row.pull for row in log))
        shop.wait_until_platforms(log)
        return differences(shop, log)


@pytest.mark.slow
def test_counts_equal_the_log_of_the_clients(tmp_path: Path) -> None:
    assert pulls_are_counted_exactly(tmp_path, 3_000) == []


@pytest.mark.slow
def test_kill_9_loses_the_last_seconds_at_most(tmp_path: Path) -> None:
    with running_server(tmp_path, "--workers", "3") as server:
        shop = Shop(server)
        shop.fill()
        shop.wait_until_counting()

        async def until_killed() -> tuple[int, int]:
            pullers = [Puller(shop, each) for each in range(6)]
            pulling = [asyncio.create_task(each.pull(1_000_000)) for each in pullers]
            deadline = time.monotonic() + PATIENCE
            while not _older(pullers, time.monotonic() - LOST) and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
            killed = time.monotonic()
            server.kill9()
            await asyncio.gather(*pulling)
            return _older(pullers, killed - LOST), _older(pullers, time.monotonic())

        surely, at_most = asyncio.run(until_killed())
        server.start()
        counted = shop.wait_until(at_most)
        assert 0 < surely <= counted <= at_most + 6, "a client may not have read the answer that was counted"


def _older(pullers: list[Puller], moment: float) -> int:
    """How many pulls were answered before a moment."""
    return sum(row.pull and row.at < moment for each in pullers for row in each.log)
