"""Counting and looking find their rows by indexes on both engines: a page costs the same in any repository."""

from __future__ import annotations

from collections.abc import Iterator

import apsw
import asyncpg
import pytest
from tests import backends
from tests.db.statements import Constant, all_hold, constants
from tests.db.test_statements import plan, scanned, sql

from holdfast.db.dialect import Numbered
from holdfast.db.migrate import migrate
from holdfast.db.session import connect

OURS = [each for each in constants() if each.module.startswith("holdfast.insights.")]
PAGES = {
    f"insights.{name}"
    for name in (
        "ranking_store.TOP",
        "ranking_store.TOP_TAGS",
        "ranking_store.IDLE",
        "ranking_store.IDLE_TAGS",
        "aging_store.OF_DAY",
        "aging_store.FIGURES",
        "aging_store.WAITING",
    )
}
"""Pages, in the order of an index. Other statements group or sort what a day, a month, or a bound of rows holds."""

WHOLE = {"insights.aging_store.WALK"}
"""The last of a handful of rows."""


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    path = str(tmp_path_factory.mktemp("plans") / "holdfast.db")
    migrate(path)
    found = connect(path)
    yield found
    found.close()


def test_there_are_pages() -> None:
    assert {str(each) for each in OURS} >= PAGES


def test_nothing_is_scanned_and_pages_are_not_sorted(connection: apsw.Connection) -> None:
    def holds(constant: Constant) -> None:
        text = sql(constant)
        steps = plan(connection, text)
        if str(constant) not in WHOLE:
            assert scanned(connection, text, steps) == []
        if str(constant) in PAGES:
            assert [step for step in steps if "TEMP B-TREE" in step] == []

    all_hold(holds, OURS)


def test_the_same_on_postgresql() -> None:
    url = backends.laid_database_url()
    slow: dict[str, list[str]] = {}

    async def work() -> None:
        connection = await asyncpg.connect(url)
        try:
            for setting in ("enable_seqscan = off", "enable_sort = off", "plan_cache_mode = force_generic_plan"):
                await connection.execute(f"set {setting}")
            for constant in OURS:
                text = Numbered(constant.statement.text, None)
                await connection.execute(f"prepare ours as {text.text}")
                nothing = f"({', '.join('null' for _ in text.names)})" if text.names else ""
                rows = await connection.fetch(f"explain (costs off) execute ours{nothing}")
                await connection.execute("deallocate ours")
                steps = [row[0].strip().removeprefix("->").strip() for row in rows]
                bad = [step for step in steps if step.startswith("Seq Scan on")]
                if str(constant) in PAGES:
                    bad += [step for step in steps if step.startswith("Sort")]
                if bad:
                    slow[str(constant)] = steps
        finally:
            await connection.close()

    backends.asyncio_run(work)
    assert slow == {}
