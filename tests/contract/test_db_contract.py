"""Every sentence of a database's life-cycle (db/port.py), held against every engine."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from tests.db.engines import (
    ADD,
    ALL,
    ENGINES,
    GET,
    PATIENCE,
    PUT,
    Engine,
    make_engine,
    names,
    opened,
    put,
    run,
    together,
)

from holdfast.db.errors import StatementFailed, Unavailable
from holdfast.db.port import Database, Reader, Unit
from holdfast.db.query import Command

FIRST = Command(
    "insert into setting (path, name, value) values (:path, :name, :value) on conflict (path, name) do nothing"
)
LOCK = Command("update setting set value = value where path = :path and name = :name")


class Refused(Exception):
    """What a unit of these tests raises."""


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return make_engine(request.param, tmp_path)


async def fail(unit: Unit) -> None:
    await unit.run(PUT, path="", name="half", value="x")
    raise Refused


async def value(reader: Reader, name: str) -> str | None:
    row = await reader.one(GET, path="", name=name)
    return row.value if row is not None else None


def test_a_unit_is_one_transaction(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        with pytest.raises(Refused):
            await db.write(fail)
        assert await names(db) == []

    run(engine, scenario)


def test_write_returns_what_the_unit_returns(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        assert await db.write(put("a")) == "a"

    run(engine, scenario)


def test_neighbours_of_a_unit_that_raises_lose_nothing(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        first, second, third = await together(engine, db, [put("a"), fail, put("b")])
        assert (first, third) == ("a", "b")
        assert isinstance(second, Refused)
        assert await names(db) == ["a", "b"]

    run(engine, scenario)


def test_a_statement_that_fails_takes_its_unit_and_nobody_elses(engine: Engine) -> None:
    async def twice(unit: Unit) -> None:
        await unit.run(ADD, path="", name="twice", value="x")
        await unit.run(ADD, path="", name="twice", value="x")

    async def scenario(db: Database) -> None:
        first, second, third = await together(engine, db, [put("a"), twice, put("b")])
        assert (first, third) == ("a", "b")
        assert isinstance(second, StatementFailed)
        assert await names(db) == ["a", "b"]

    run(engine, scenario)


def test_a_whole_group_that_raises_leaves_nothing(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        results = await together(engine, db, [fail, fail, fail])
        assert all(isinstance(result, Refused) for result in results)
        assert await names(db) == []
        await db.write(put("later"))
        assert await names(db) == ["later"]

    run(engine, scenario)


def test_a_unit_sees_its_own_writes_and_nobody_else_does_before_it_ends(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        seen: list[str | None] = []
        async with engine.pause() as pause:

            async def work(unit: Unit) -> None:
                await unit.run(PUT, path="", name="a", value="mine")
                seen.append(await value(unit, "a"))
                await pause.here(unit)

            task = asyncio.create_task(db.write(work))
            await pause.reached()
            before = await value(db, "a")
            pause.release()
            await task
        assert (seen, before, await value(db, "a")) == (["mine"], None, "mine")

    run(engine, scenario)


def test_units_that_lock_what_they_decide_on_lose_no_update(engine: Engine) -> None:
    async def count(unit: Unit) -> int:
        await unit.run(FIRST, path="", name="n", value="0")
        await unit.run(LOCK, path="", name="n")
        total = int(await value(unit, "n") or "0") + 1
        await unit.run(PUT, path="", name="n", value=str(total))
        return total

    async def scenario(db: Database) -> None:
        results = await together(engine, db, [count] * 20)
        assert (results if engine.serial else sorted(results)) == list(range(1, 21))
        assert await value(db, "n") == "20"

    run(engine, scenario)


def test_more_units_at_once_than_a_group_holds(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        wanted = [f"n{number:04}" for number in range(600)]
        assert await together(engine, db, [put(name) for name in wanted]) == wanted
        assert await names(db) == wanted

    run(engine, scenario)


def test_a_read_sees_every_write_acknowledged_before_it_whoever_wrote(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        other = await opened(engine)
        try:
            for number in range(50):
                writer, reader = (db, other) if number % 2 else (other, db)
                await writer.write(put("n", str(number)))
                assert await value(reader, "n") == str(number)
        finally:
            await other.close()

    run(engine, scenario)


def test_a_snapshot_stands_still(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        await db.write(put("a", "old"))

        def write_elsewhere() -> None:
            run(engine, lambda other: other.write(put("a", "new")))

        async def look(reader: Reader) -> list[str | None]:
            first = await value(reader, "a")
            thread = threading.Thread(target=write_elsewhere)
            thread.start()
            thread.join(PATIENCE)
            return [first, await value(reader, "a")]

        assert await db.snapshot(look) == ["old", "old"]
        assert await value(db, "a") == "new"

    run(engine, scenario)


def test_a_snapshot_that_raises_is_over(engine: Engine) -> None:
    async def look(reader: Reader) -> None:
        assert await value(reader, "a") is None
        raise Refused

    async def scenario(db: Database) -> None:
        with pytest.raises(Refused):
            await db.snapshot(look)
        await db.write(put("a"))
        assert await value(db, "a") == "x"

    run(engine, scenario)


def test_who_stops_waiting_disturbs_nobody(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        async with engine.held(db):
            gone, stays = (asyncio.create_task(db.write(put(name))) for name in ("gone", "stays"))
            await asyncio.sleep(0)
            gone.cancel()
        assert await stays == "stays"
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert "stays" in await names(db)
        assert await db.write(put("later")) == "later"

    run(engine, scenario)


def test_close_finishes_what_is_queued_and_refuses_what_comes_later(engine: Engine) -> None:
    async def main() -> None:
        db = await opened(engine)
        wanted = [f"n{number}" for number in range(10)]
        async with engine.held(db):
            tasks = [asyncio.create_task(db.write(put(name))) for name in wanted]
            await asyncio.sleep(0)
            closing = asyncio.create_task(db.close())
            await asyncio.sleep(0)
            with pytest.raises(Unavailable):
                await db.write(put("late"))
        await closing
        assert await asyncio.gather(*tasks) == wanted
        await db.close()
        with pytest.raises(Unavailable):
            await db.write(put("late"))

    asyncio.run(main())
    assert run(engine, names) == [f"n{number}" for number in range(10)]


def test_a_unit_awaits_nothing_but_its_own_statements(engine: Engine) -> None:
    async def stray(unit: Unit) -> None:
        await unit.run(PUT, path="", name="half", value="x")
        await asyncio.sleep(0)

    async def look(reader: Reader) -> None:
        await value(reader, "a")
        await asyncio.sleep(0)

    async def scenario(db: Database) -> None:
        with pytest.raises(RuntimeError):
            await db.write(stray)
        first, second, third = await together(engine, db, [put("a"), stray, put("b")])
        assert isinstance(second, RuntimeError)
        assert (first, third) == ("a", "b")
        with pytest.raises(RuntimeError):
            await db.snapshot(look)
        assert await names(db) == ["a", "b"]

    run(engine, scenario)


def test_rows_as_declared(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        assert await db.one(ALL) is None
        assert await db.all(ALL) == []
        for name in ("b", "a"):
            await db.write(put(name))
        assert await db.one(ALL) == ("", "a", "x")
        assert [row.name for row in await db.all(ALL)] == ["a", "b"]

    run(engine, scenario)
