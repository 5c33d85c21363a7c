"""Every statement of the program on PostgreSQL: it prepares, returns what its row type says, in types of that name."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import asyncpg
import pytest
from tests import backends
from tests.db.statements import Constant, all_hold, constants
from tests.db.test_statements import FEW_ROWS, HANDFUL, PLANNED, WHOLE

from holdfast.db.dialect import Numbered
from holdfast.db.query import Query

ALL = constants()
TYPES = {
    "int8": ("int", "bool"),
    "int4": ("int", "bool"),
    "text": ("str",),
    "bytea": ("bytes",),
    "bool": (),  # SQLite has none: 0 and 1 become bool where the row type says so
    "numeric": (),  # what sum() of whole numbers gives: cast it
}


class Prepared(NamedTuple):
    """What the server says of a statement: its columns, with their types, and the types of its parameters."""

    columns: list[tuple[str, str]]
    parameters: list[str]


@pytest.fixture(scope="module")
def prepared() -> dict[str, Prepared | Exception]:
    """Every statement, as the server prepared it."""
    url = backends.laid_database_url()
    found: dict[str, Prepared | Exception] = {}

    async def work() -> None:
        connection = await asyncpg.connect(url)
        try:
            for constant in ALL:
                try:
                    statement = await connection.prepare(Numbered(constant.statement.text, None).text)
                except asyncpg.PostgresError as error:
                    found[str(constant)] = error
                else:
                    columns = [(each.name, each.type.name) for each in statement.get_attributes()]
                    found[str(constant)] = Prepared(columns, [each.name for each in statement.get_parameters()])
        finally:
            await connection.close()

    backends.asyncio_run(work)
    return found


def test_a_statement_prepares_and_returns_what_its_row_says(prepared: dict[str, Prepared | Exception]) -> None:
    def holds(constant: Constant) -> None:
        found = prepared[str(constant)]
        assert isinstance(found, Prepared), f"{found}\n{constant.statement.text}"
        if not isinstance(constant.statement, Query):
            assert found.columns == []
            return
        row: Any = constant.statement.row
        assert tuple(name for name, _ in found.columns) == row._fields
        for name, kind in found.columns:
            declared = set(re.split(r"\W+", str(row.__annotations__[name])))
            assert declared & set(TYPES[kind]), f"{name} is {kind} and declared as {row.__annotations__[name]}"

    all_hold(holds, ALL)


@pytest.fixture(scope="module")
def plans() -> dict[str, list[str]]:
    """The steps of every hot statement's plan, when the planner avoids what an index could do instead."""
    url = backends.laid_database_url()
    found: dict[str, list[str]] = {}

    async def work() -> None:
        connection = await asyncpg.connect(url)
        try:
            for setting in ("enable_seqscan = off", "enable_sort = off", "plan_cache_mode = force_generic_plan"):
                await connection.execute(f"set {setting}")
            for constant in ALL:
                if constant.module not in PLANNED:
                    continue
                text = Numbered(constant.statement.text, None)
                await connection.execute(f"prepare hot as {text.text}")
                nothing = f"({', '.join('null' for _ in text.names)})" if text.names else ""
                rows = await connection.fetch(f"explain (costs off) execute hot{nothing}")
                await connection.execute("deallocate hot")
                found[str(constant)] = [row[0].strip() for row in rows]
        finally:
            await connection.close()

    backends.asyncio_run(work)
    return found


def test_a_hot_statement_neither_scans_nor_sorts(plans: dict[str, list[str]]) -> None:
    def holds(constant: Constant) -> None:
        steps = plans[str(constant)]
        if str(constant) not in WHOLE:
            scans = [step for step in steps if "Seq Scan on" in step]
            assert [step for step in scans if not HANDFUL.intersection(step.split())] == [], steps
        if str(constant) not in FEW_ROWS:
            assert [step for step in steps if step.removeprefix("->").strip().startswith("Sort")] == [], steps

    all_hold(holds, (each for each in ALL if each.module in PLANNED))
