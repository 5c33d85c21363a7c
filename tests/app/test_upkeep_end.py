"""What is done beside the work is ended with the process, and cannot hold it up."""

from __future__ import annotations

import asyncio

from holdfast.app import upkeep
from holdfast.telemetry.events import make_events


def test_a_task_that_will_not_end_holds_nobody_up() -> None:
    said: list[str] = []

    async def good() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            said.append("ended")

    async def bad(gate: asyncio.Event) -> None:
        while not gate.is_set():
            try:
                await gate.wait()
            except asyncio.CancelledError:
                said.append("ignored")

    async def scenario() -> None:
        gate = asyncio.Event()
        tasks = [asyncio.create_task(good()), asyncio.create_task(bad(gate))]
        await asyncio.sleep(0)
        await upkeep.end_upkeep(tasks, make_events("error"), 0.05)
        assert tasks[0].done()
        assert not tasks[1].done()
        gate.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(scenario())
    assert sorted(said) == ["ended", "ignored"]
