"""A primary is lost and its standby takes over: nodes follow by themselves, and nothing acknowledged is missing."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import pytest
from tests import backends
from tests.db.engines import ALL, names, put
from tests.db.test_postgres import heals, opened

from holdfast.db.errors import Unavailable
from holdfast.db.postgres import PostgresDatabase
from holdfast.db.postgres_describe import describe
from holdfast.db.schema import prepare_schema


@pytest.fixture
def pair() -> Iterator[tuple[backends.PostgresServer, backends.PostgresServer]]:
    """A primary, and a standby that every commit waits for."""
    primary, standby = backends.PostgresServer(), backends.PostgresServer()
    try:
        primary.lay()
        standby.follow(primary)
        primary.execute("alter system set synchronous_standby_names = '*'")
        primary.execute("select pg_reload_conf()")
        state = "select count(*) from pg_stat_replication where sync_state = 'sync'"
        backends.until(lambda: primary.execute(state) == [(1,)], "synchronous replication")
        yield primary, standby
    finally:
        primary.remove()
        standby.remove()


def test_nodes_follow_a_fail_over(pair: tuple[backends.PostgresServer, backends.PostgresServer]) -> None:
    primary, standby = pair

    async def main() -> None:
        direct = primary.laid()
        name = direct.rpartition("/")[2]
        both = f"postgresql://holdfast@127.0.0.1:{standby.port},127.0.0.1:{primary.port}/{name}"
        replayed = "select count(*) from pg_database where datname = $1"
        backends.until(lambda: standby.execute(replayed, name) == [(1,)], "the database on the standby")
        facts = await describe(both)
        assert (facts.synchronous_standby_names, facts.standby) == ("*", False)
        refused = PostgresDatabase(standby.url(name))
        with pytest.raises(Unavailable, match="standby"):
            await refused.open()
        with pytest.raises(Unavailable, match="closed"):  # it does not go on trying, and connect when this one leads
            await refused.all(ALL)
        with pytest.raises(Unavailable, match="standby"):
            await prepare_schema(standby.url(name))
        async with opened(both, pool=4) as db:
            acknowledged: list[str] = []
            stop = asyncio.Event()

            async def push(worker: int) -> None:
                for number in itertools.count():
                    if stop.is_set():
                        return
                    try:
                        acknowledged.append(await db.write(put(f"{worker}-{number}")))
                    except Unavailable:
                        await asyncio.sleep(0.01)

            pushing = [asyncio.create_task(push(worker)) for worker in range(4)]
            while len(acknowledged) < 200:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(primary.stop, "immediate")
            await asyncio.to_thread(standby.promote)
            standby.execute("alter system set synchronous_standby_names = ''")
            standby.execute("select pg_reload_conf()")
            await heals(db)
            before = len(acknowledged)
            while len(acknowledged) < before + 50:
                await asyncio.sleep(0.01)
            stop.set()
            await asyncio.gather(*pushing)
            assert set(acknowledged) <= set(await names(db))

    asyncio.run(main())
