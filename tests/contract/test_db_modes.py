"""What concerns more than one process: the read-only mode, notifications, and who is alive, on every engine."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from tests.db.engines import ENGINES, PATIENCE, Engine, make_engine, names, opened, put, run, together

from holdfast.db.errors import ReadOnly, Unavailable
from holdfast.db.mode import read_mode, switch, write_mode
from holdfast.db.nodes import ALIVE, FORGET, Pulse, nodes
from holdfast.db.port import Database, Unit
from holdfast.db.steps import newest_known

ACROSS = {"postgresql"}
"""The engines that carry a notification to other processes."""


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return make_engine(request.param, tmp_path)


def test_while_read_only_every_unit_is_refused_but_those_that_say_always(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        assert await read_mode(db) == (False, None, None, 0)
        mode = await switch(db, "moving house", "admin")
        assert mode[:3] == (True, "moving house", "admin")
        assert mode.since > 0
        ran: list[str] = []

        async def touch(_unit: Unit) -> None:
            ran.append("x")

        for _ in range(2):
            with pytest.raises(ReadOnly, match="moving house") as refused:
                await db.write(touch)
            assert refused.value.reason == "moving house"
        assert ran == []
        assert await db.write(put("a"), always=True) == "a"
        assert await names(db) == ["a"]
        other = await opened(engine)
        try:
            with pytest.raises(ReadOnly):
                await other.write(touch)
            await switch(other, None, "admin")
        finally:
            await other.close()
        assert await db.write(put("b")) == "b"
        assert (await read_mode(db)).read_only is False

    run(engine, scenario)


def test_neighbours_of_the_switch_are_refused_from_its_commit_on(engine: Engine) -> None:
    async def close(unit: Unit) -> None:
        await write_mode(unit, "closed", "admin")

    async def scenario(db: Database) -> None:
        async with engine.held(db):
            tasks = [
                asyncio.create_task(db.write(work, always=always))
                for work, always in ((put("before"), False), (close, True), (put("after"), False))
            ]
            await asyncio.sleep(0)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert not isinstance(results[1], BaseException)
        if engine.serial:
            assert results[0] == "before"
            assert isinstance(results[2], ReadOnly)
        with pytest.raises(ReadOnly):
            await db.write(put("later"))

    run(engine, scenario)


def test_who_switched_knows_that_every_unit_before_has_ended(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        other = await opened(engine)
        try:
            async with engine.pause() as pause:

                async def slow(unit: Unit) -> str:
                    await put("slow")(unit)
                    await pause.here(unit)
                    return "slow"

                slow_task = asyncio.create_task(db.write(slow))
                await pause.reached()
                switching = asyncio.create_task(switch(other, "now", "admin"))
                done, _ = await asyncio.wait({switching}, timeout=0.2)
                assert not done, "a unit that began before is still under way"
                pause.release()
                assert await slow_task == "slow"
                assert (await switching).read_only
            assert await names(db) == ["slow"]
        finally:
            await other.close()

    run(engine, scenario)


def test_whoever_does_not_end_is_told_of(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        async with engine.pause() as pause:
            task = asyncio.create_task(db.write(pause.here))
            await pause.reached()
            with pytest.raises(Unavailable, match="did not end"):
                await db.outlast(0.1)
            pause.release()
            await task
        await db.outlast(PATIENCE)

    run(engine, scenario)


async def ring(unit: Unit) -> None:
    await unit.notify("jobs")


async def ring_and_fail(unit: Unit) -> None:
    await unit.notify("jobs")
    raise LookupError


def test_a_notification_wakes_who_waits_once_its_unit_is_committed(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        await db.wait("jobs", 0.2)  # whatever rang before
        with pytest.raises(LookupError):
            await db.write(ring_and_fail)
        begun = time.monotonic()
        await db.wait("jobs", 0.2)
        assert time.monotonic() - begun >= 0.19, "nothing was committed"
        waiting = asyncio.create_task(db.wait("jobs", PATIENCE))
        await asyncio.sleep(0)
        await db.write(ring)
        await asyncio.wait_for(waiting, PATIENCE / 2)
        await db.write(ring)
        await asyncio.wait_for(db.wait("jobs", PATIENCE), PATIENCE / 2)  # it rang since the last wait

    run(engine, scenario)


def test_a_notification_crosses_processes_where_the_engine_can(engine: Engine, request: pytest.FixtureRequest) -> None:
    async def scenario(db: Database) -> None:
        other = await opened(engine)
        try:
            await other.wait("jobs", 0.2)
            waiting = asyncio.create_task(other.wait("jobs", PATIENCE if crosses else 0.1))
            await asyncio.sleep(0)
            await db.write(ring)
            await asyncio.wait_for(waiting, PATIENCE / 2)
        finally:
            await other.close()

    crosses = request.node.callspec.params["engine"] in ACROSS
    run(engine, scenario)


def test_a_channel_is_a_word(engine: Engine) -> None:
    async def loud(unit: Unit) -> None:
        await unit.notify("jobs; drop table setting")

    async def scenario(db: Database) -> None:
        with pytest.raises(ValueError, match="lower-case word"):
            await db.write(loud)
        with pytest.raises(ValueError, match="lower-case word"):
            await db.wait("Jobs", 0.0)

    run(engine, scenario)


def test_nodes_show_who_is_alive(engine: Engine) -> None:
    time_now = [1_700_000_000_000_000]

    async def scenario(db: Database) -> None:
        first, second = Pulse(db, "serve", "1.0"), Pulse(db, "worker", "1.1")
        await first.beat()
        time_now[0] += 1
        await second.beat()
        listed = await nodes(db)
        assert [(node.id, node.kind, node.version) for node in listed] == [
            (first.id, "serve", "1.0"),
            (second.id, "worker", "1.1"),
        ]
        assert {node.schema for node in listed} == {newest_known()}
        assert all(node.pid > 0 and node.host for node in listed)
        time_now[0] += ALIVE
        await second.beat()
        assert [node.alive(db.now()) for node in await nodes(db)] == [False, True]
        await switch(db, "closed", "admin")
        time_now[0] += FORGET
        await second.beat()
        assert [(node.id, node.started < node.seen) for node in await nodes(db)] == [(second.id, True)]
        await second.leave()
        assert await nodes(db) == []

    run(engine, scenario, clock=lambda: time_now[0])


def test_a_pulse_beats_until_it_is_stopped_and_leaves(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        pulse = Pulse(db, "serve", "1.0")
        task = asyncio.create_task(pulse.run())
        while not await nodes(db):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await nodes(db) == []

    run(engine, scenario)


def test_units_of_other_rows_go_on_side_by_side(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        assert await together(engine, db, [put(f"n{number:02}") for number in range(40)]) == [
            f"n{number:02}" for number in range(40)
        ]

    run(engine, scenario)
