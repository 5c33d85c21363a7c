"""The transfer: whatever happens to the source between two passes, the last one leaves equal tables."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests import backends
from tests.db import engines

from holdfast.db.errors import DatabaseError, StatementFailed
from holdfast.db.migrate import migrate
from holdfast.db.port import Database, Unit
from holdfast.db.query import Command
from holdfast.db.transfer import Bounds, Tables, Transfer, Values
from holdfast.db.transfer_postgres import open_postgres_tables
from holdfast.db.transfer_sqlite import SqliteTables

NARROW = Bounds(7, 1000)
CONTENT = Command("insert into content (id, digest, size, key) values (:id, :digest, :size, :key)")
FRESH = Command("insert into content (digest, size) values (:digest, 1)")
RESIZE = Command("update content set size = :size where id = :id")
DROP_CONTENT = Command("delete from content where id = :id")
BODY = Command("insert into body (content_id, bytes) values (:id, :bytes)")
REPOSITORY = Command("insert into repository (id, path, born, last_at) values (:id, :path, 1, 1)")
LINK = Command("insert into link (repo_id, content_id, kind, put_at) values (:repo_id, :content_id, 0, 1)")
TAG = Command(
    """
    insert into tag (repo_id, name, content_id, seq, version_key) values (:repo_id, :name, :content_id, :seq, :name)
    """
)
UNTAG = Command("delete from tag where repo_id = :repo_id and name = :name")
UPLOAD = Command(
    """
    insert into upload (id, opener, received, hash_state, expires) values (:id, -1, 5, :hash_state, 9000000000000000000)
    """
)
Scenario = Callable[["Pair"], Awaitable[None]]


class Pair:
    """Two databases with the schema, and the way from one to the other."""

    def __init__(self, source: Database, target: Database, ours: Tables, theirs: Tables) -> None:
        self.source = source
        self.target = target
        self.ours = ours
        self.theirs = theirs
        self.transfer = Transfer(ours, theirs, without={"moving_constraint"}, bounds=NARROW)

    async def everything(self, tables: Tables) -> dict[str, list[Values]]:
        """All rows of the tables that are brought over."""
        wide = Bounds(1_000_000, 1 << 40)
        return {table.name: (await tables.page(table, None, None, wide)).rows for table in await self.transfer.tables()}

    async def same(self) -> None:
        """The target holds what the source holds, values and order."""
        assert await self.everything(self.ours) == await self.everything(self.theirs)


async def tables_of(engine: engines.Engine) -> Tables:
    if isinstance(engine, engines.Sqlite):
        return SqliteTables(engine.path)
    assert isinstance(engine, engines.Postgres)
    return await open_postgres_tables(engine.url)


@pytest.fixture(
    params=[("sqlite", "sqlite"), ("sqlite", "postgresql"), ("postgresql", "sqlite"), ("sqlite", "pgbouncer")],
    ids="-".join,
)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Scenario], None]:
    """Runs a scenario over two databases."""

    def run(scenario: Scenario) -> None:
        asyncio.run(main(scenario))

    async def main(scenario: Scenario) -> None:
        places = [tmp_path / "source", tmp_path / "target"]
        for place in places:
            place.mkdir()
        both = [engines.make_engine(name, place) for name, place in zip(request.param, places, strict=True)]
        source, target = [await engines.opened(engine) for engine in both]
        ours, theirs = [await tables_of(engine) for engine in both]
        try:
            await theirs.part_references()
            await scenario(Pair(source, target, ours, theirs))
        finally:
            for each in (ours, theirs, source, target):
                await each.close()

    return run


async def fill(db: Database, *, contents: int, start: int = 1) -> None:
    """Content, bodies, a repository, links and tags, with every kind of value."""

    async def work(unit: Unit) -> None:
        if start == 1:
            await unit.run(REPOSITORY, id=1, path="team/äpp")
        for id in range(start, start + contents):
            key = f"key-{id}" if id % 2 else None
            await unit.run(CONTENT, id=id, digest=f"sha256:{id:064x}", size=id * 2**40, key=key)
            if id % 2 == 0:
                await unit.run(BODY, id=id, bytes=bytes(range(256)) * (id % 7))
            await unit.run(LINK, repo_id=1, content_id=id)
            await unit.run(TAG, repo_id=1, name=f"v{id % 10}.{'Z' if id % 3 else 'a'}.{id}", content_id=id, seq=id)
        await unit.run(UPLOAD, id=f"up-{start}", hash_state=b"\0\xff" * 50)

    await db.write(work)


async def doing(db: Database, command: Command, **values: Any) -> None:
    await db.write(lambda unit: unit.run(command, **values))


def test_one_pass_brings_everything(run: Callable[[Scenario], None]) -> None:
    async def scenario(pair: Pair) -> None:
        await fill(pair.source, contents=40)
        seen: list[tuple[str, int]] = []
        passed = await pair.transfer.bring(lambda table, rows: seen.append((table, rows)))
        assert passed.brought >= 40 * 3
        await pair.same()
        counts = await pair.transfer.check()
        assert (counts["content"], counts["tag"], counts["journal"]) == (40, 40, 0)
        assert sum(rows for table, rows in seen if table == "tag") == 40
        assert "mode" not in counts

    run(scenario)


def test_a_second_pass_brings_what_changed_only(run: Callable[[Scenario], None]) -> None:
    async def scenario(pair: Pair) -> None:
        await fill(pair.source, contents=60)
        await pair.transfer.bring()
        assert (await pair.transfer.bring()).brought == 0
        await doing(pair.source, RESIZE, id=30, size=7)
        passed = await pair.transfer.bring()
        assert 1 <= passed.brought <= NARROW.rows
        await fill(pair.source, contents=30, start=100)
        await doing(pair.source, UNTAG, repo_id=1, name="v7.a.57")
        await pair.transfer.bring()
        await pair.same()
        await pair.transfer.check()

    run(scenario)


def test_a_new_mover_goes_on_from_what_is_there(run: Callable[[Scenario], None]) -> None:
    """Also where the target holds rows that the source has lost since."""

    async def scenario(pair: Pair) -> None:
        await fill(pair.source, contents=40)
        await pair.transfer.bring()
        for name in ("v1.Z.1", "v0.Z.40"):
            await doing(pair.source, UNTAG, repo_id=1, name=name)
        await doing(pair.target, RESIZE, id=12, size=3)
        again = Transfer(pair.ours, pair.theirs, without={"moving_constraint"}, bounds=NARROW)
        passed = await again.bring()
        assert 0 < passed.brought <= 5 * NARROW.rows
        await pair.same()
        await again.check()

    run(scenario)


def test_random_changes_between_passes(run: Callable[[Scenario], None]) -> None:
    async def scenario(pair: Pair) -> None:
        chance = random.Random(4)
        await fill(pair.source, contents=30)
        there = {f"v{id % 10}.{'Z' if id % 3 else 'a'}.{id}" for id in range(1, 31)}
        for round in range(12):
            for _ in range(chance.choice((0, 1, 20))):
                if there and chance.random() < 0.5:
                    name = chance.choice(sorted(there))
                    there.discard(name)
                    await doing(pair.source, UNTAG, repo_id=1, name=name)
                else:
                    name = f"{chance.choice('aZ~')}{round}-{chance.random()}"
                    there.add(name)
                    await doing(pair.source, TAG, repo_id=1, name=name, content_id=chance.randrange(1, 31), seq=round)
            await pair.transfer.bring()
            await pair.same()
            await pair.transfer.check()

    run(scenario)


def test_a_row_too_many_or_too_few_is_noticed(run: Callable[[Scenario], None]) -> None:
    async def scenario(pair: Pair) -> None:
        await fill(pair.source, contents=10)
        await pair.transfer.bring()
        await doing(pair.target, UNTAG, repo_id=1, name="v1.Z.1")
        with pytest.raises(DatabaseError, match="the table tag has 9 rows"):
            await pair.transfer.check()

    run(scenario)


def test_numbers_go_on_where_the_source_stands(run: Callable[[Scenario], None]) -> None:
    """A number is never given out twice, also when the row that had it is gone."""

    async def scenario(pair: Pair) -> None:
        for n in range(1, 6):
            await doing(pair.source, FRESH, digest=f"sha256:{n}")
        await doing(pair.source, DROP_CONTENT, id=5)
        await pair.transfer.bring()
        await pair.transfer.bring_counters()
        await doing(pair.target, FRESH, digest="sha256:next")
        content = (await pair.everything(pair.theirs))["content"]
        assert [row[0] for row in content] == [1, 2, 3, 4, 6]

    run(scenario)


def test_references_come_back(run: Callable[[Scenario], None]) -> None:
    async def scenario(pair: Pair) -> None:
        await fill(pair.source, contents=20)
        await pair.transfer.bring()
        await pair.theirs.join_references()
        await pair.theirs.check_references()
        await pair.theirs.gather_statistics()
        with pytest.raises(StatementFailed):
            await doing(pair.target, LINK, repo_id=1, content_id=999)

    run(scenario)


def test_a_row_that_refers_to_nothing_is_told(run: Callable[[Scenario], None]) -> None:
    async def scenario(pair: Pair) -> None:
        await fill(pair.source, contents=3)
        await pair.transfer.bring()
        (content,) = [each for each in await pair.transfer.tables() if each.name == "content"]
        await pair.theirs.replace(content, None, None, [])
        await pair.theirs.join_references()
        with pytest.raises(StatementFailed):
            await pair.theirs.check_references()

    run(scenario)


def test_parting_twice_loses_no_reference(run: Callable[[Scenario], None]) -> None:
    async def scenario(pair: Pair) -> None:
        await pair.theirs.part_references()
        await pair.theirs.join_references()
        await pair.theirs.join_references()
        with pytest.raises(StatementFailed):
            await doing(pair.target, LINK, repo_id=1, content_id=999)

    run(scenario)


@pytest.mark.parametrize("name", ["sqlite", "postgresql", "pgbouncer"])
def test_one_mover_at_a_time(name: str, tmp_path: Path) -> None:
    async def main() -> None:
        engine = engines.make_engine(name, tmp_path)
        one, other = await tables_of(engine), await tables_of(engine)
        try:
            assert await one.claim()
            assert not await other.claim()
            await other.unclaim()
            await one.unclaim()
            while not await other.claim():
                await other.unclaim()
        finally:
            await one.close()
            await other.close()

    asyncio.run(main())


def test_databases_of_other_schemas_are_refused(tmp_path: Path) -> None:
    async def main() -> None:
        migrate(str(tmp_path / "one.db"))
        one = SqliteTables(str(tmp_path / "one.db"))
        other = await open_postgres_tables(backends.database_url())
        try:
            with pytest.raises(DatabaseError, match="differ in the table"):
                await Transfer(one, other).bring()
        finally:
            await one.close()
            await other.close()

    asyncio.run(main())
