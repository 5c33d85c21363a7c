"""What goes into a statement comes out of it: parameters, lists, flags, counts and the clock, on every engine."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.db.engines import ALL, ENGINES, GET, PUT, Engine, make_engine, put, run

from holdfast.db.port import Database, Reader, Unit
from holdfast.db.query import Command, Query


class Name(NamedTuple):
    name: str


class Flagged(NamedTuple):
    name: str
    plain: bool
    total: int
    last: bool


class Cells(NamedTuple):
    id: str
    opener: int
    digest_so_far: str | None
    hash_state: bytes | None


class Moment(NamedTuple):
    now: int


NAMED = Query("select name from setting where name = any(:names) order by name", Name)
NAMED_BOTH = Query("select name from setting where name = any(:names) and value = any( :names ) order by name", Name)
SIZED = Query("select digest as name from content where size = any(:sizes) order by size", Name)
DROP = Command("delete from setting where name = any(:names)")
ADD_EACH = Command(
    """
    insert into setting (path, name, value)
    select value ->> 0, value ->> 1, cast(cast(value ->> 2 as bigint) + 1 as text) from each(:rows) where true
    on conflict (path, name) do update set value = excluded.value
    """
)
FLAGGED = Query(
    """
    select name, case when value = 'yes' then 1 else 0 end as plain, 1 as total,
      case when 1 > 2 then 1 else 0 end as last
    from setting order by name
    """,
    Flagged,
)
ADD_CONTENT = Command("insert into content (digest, size) values (:digest, :size)")
ADD_UPLOAD = Command(
    "insert into upload (id, opener, received, digest_so_far, hash_state, expires) "
    "values (:id, :opener, 0, :digest_so_far, :hash_state, 1) on conflict (id) do nothing"
)
UPLOADS = Query("select id, opener, digest_so_far, hash_state from upload order by opener", Cells)
LOCKED = Query("select value as name from setting where name = :name for update", Name)
SKIPPING = Query("select name from setting order by name limit 1 for update skip locked", Name)
CLOCK = Query("select :now as now", Moment)
STAMP = Command("insert into repository (path, born, last_at) values (:path, :now, :now)")
STAMPED = Query("select last_at as now from repository order by path", Moment)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return make_engine(request.param, tmp_path)


def test_lists(engine: Engine) -> None:
    odd = ["", "'; drop table setting; --", '"', "ü€😀", "a,b", "[1]", "null", "%", "\\"]

    async def fill(unit: Unit) -> None:
        for name in odd:
            await unit.run(PUT, path="", name=name, value=name)

    async def scenario(db: Database) -> None:
        await db.write(fill)
        assert await db.all(NAMED, names=[]) == []
        assert sorted(row.name for row in await db.all(NAMED, names=odd)) == sorted(odd)
        for name in odd:
            assert await db.all(NAMED, names=(name, "absent", name)) == [(name,)]
            assert await db.all(NAMED_BOTH, names={name}) == [(name,)]
        assert [row.name for row in await db.all(NAMED, names=map(str, [*range(5000), "%"]))] == ["%"]

    run(engine, scenario)


def test_lists_in_commands_and_of_numbers(engine: Engine) -> None:
    async def fill(unit: Unit) -> None:
        for size in (1, 2, 1 << 60):
            await unit.run(ADD_CONTENT, digest=f"d{size}", size=size)
        for name in "abc":
            await unit.run(PUT, path="", name=name, value="x")

    async def scenario(db: Database) -> None:
        await db.write(fill)
        found = await db.all(SIZED, sizes=[1 << 60, 3, 1])
        assert [row.name for row in found] == ["d1", f"d{1 << 60}"]
        assert await db.write(lambda unit: unit.run(DROP, names=["a", "c", "d"])) == 2
        assert await db.all(ALL) == [("", "b", "x")]

    run(engine, scenario)


def test_rows_of_a_list_are_written_and_changed_by_one_statement(engine: Engine) -> None:
    odd = ["", "'; drop table setting; --", '"', "ü€😀", "a,b", "[1]", "null", "\\"]

    async def scenario(db: Database) -> None:
        for start in (1, 1 << 60):
            rows = json.dumps([["", name, start + n] for n, name in enumerate(odd)])
            assert await db.write(lambda unit, rows=rows: unit.run(ADD_EACH, rows=rows)) == len(odd)  # type: ignore[misc]
            found = {row.name: int(row.value) for row in await db.all(ALL)}
            assert found == {name: start + n + 1 for n, name in enumerate(odd)}
        assert await db.write(lambda unit: unit.run(ADD_EACH, rows="[]")) == 0

    run(engine, scenario)


def test_flags_are_bool_where_the_row_says_so(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        await db.write(put("a", "yes"))
        await db.write(put("b", "no"))
        rows = await db.all(FLAGGED)
        assert rows == [("a", True, 1, False), ("b", False, 1, False)]
        assert [type(cell) for cell in rows[0]] == [str, bool, int, bool]
        assert isinstance(rows[0], Flagged)

    run(engine, scenario)


def test_values_come_back_as_they_went(engine: Engine) -> None:
    rows = [
        Cells("a", -(2**63), None, None),
        Cells("ü'\"\n", 0, "", b""),
        Cells("z" * 10_000, 2**63 - 1, "k", bytes(range(256))),
    ]

    async def fill(unit: Unit) -> list[int]:
        return [await unit.run(ADD_UPLOAD, **row._asdict()) for row in rows]

    async def scenario(db: Database) -> None:
        assert await db.write(fill) == [1, 1, 1]
        assert await db.write(fill) == [0, 0, 0]
        assert await db.all(UPLOADS) == rows

    run(engine, scenario)


def test_run_counts_the_rows_it_changed(engine: Engine) -> None:
    async def work(unit: Unit) -> list[int]:
        changed = [await unit.run(PUT, path="", name=name, value="x") for name in "abc"]
        changed.append(await unit.run(PUT, path="", name="a", value="y"))
        changed.append(await unit.run(DROP, names="abz"))
        changed.append(await unit.run(DROP, names="ab"))
        return changed

    assert run(engine, lambda db: db.write(work)) == [1, 1, 1, 1, 2, 0]


def test_row_locks_are_taken_or_left_out(engine: Engine) -> None:
    async def work(unit: Unit) -> list[Name | None]:
        await unit.run(PUT, path="", name="a", value="v")
        return [await unit.one(LOCKED, name="a"), await unit.one(SKIPPING)]

    assert run(engine, lambda db: db.write(work)) == [("v",), ("a",)]


def test_a_query_may_be_used_in_units_and_outside(engine: Engine) -> None:
    async def look(reader: Reader) -> object:
        return await reader.one(GET, path="", name="a")

    async def scenario(db: Database) -> None:
        await db.write(put("a"))
        assert await db.write(look) == await db.snapshot(look) == await look(db) == ("x",)

    run(engine, scenario)


def test_a_unit_has_one_moment(engine: Engine) -> None:
    async def work(unit: Unit) -> set[int]:
        await unit.run(STAMP, path="a")
        await unit.run(STAMP, path="b")
        seen = await unit.one(CLOCK)
        assert seen is not None
        return {unit.now, seen.now, *(row.now for row in await unit.all(STAMPED))}

    async def scenario(db: Database) -> None:
        moments = await db.write(work)
        assert len(moments) == 1
        assert moments <= set(range(1000, db.now()))

    run(engine, scenario, clock=itertools.count(1000).__next__)


def test_a_later_unit_has_a_later_moment_when_the_clock_moves(engine: Engine) -> None:
    async def moment(unit: Unit) -> int:
        return unit.now

    async def scenario(db: Database) -> None:
        first = await db.write(moment)
        assert first < db.now() < await db.write(moment)

    run(engine, scenario, clock=itertools.count(1).__next__)


def test_reads_outside_a_unit_ask_the_clock(engine: Engine) -> None:
    time = [5]

    async def scenario(db: Database) -> None:
        assert (await db.one(CLOCK), db.now()) == ((5,), 5)
        time[0] = 7
        assert (await db.one(CLOCK), db.now()) == ((7,), 7)
        assert await db.one(CLOCK, now=3) == (3,)

    run(engine, scenario, clock=lambda: time[0])
