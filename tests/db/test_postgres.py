"""PostgreSQL when things go wrong: what callers see, and that everything comes back alone."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import asyncpg
import pytest
from tests import backends
from tests.db.cutting import Cutting
from tests.db.engines import ALL, GET, PATIENCE, PUT, Postgres, Work, names, put, run

from holdfast.db.errors import Damaged, Full, StatementFailed, Unavailable
from holdfast.db.port import Database, Unit
from holdfast.db.postgres import PostgresDatabase
from holdfast.db.postgres_describe import describe
from holdfast.db.postgres_errors import translate
from holdfast.db.postgres_link import Link, PostgresOptions, open_link
from holdfast.db.postgres_pool import Pool
from holdfast.db.query import Command, Query
from holdfast.db.server_clock import ServerClock, ticks


class Void(NamedTuple):
    nothing: None


SLEEP = Query("select pg_sleep(:seconds) as nothing", Void)
LOCK = Command("update setting set value = value where path = '' and name = :name")


@pytest.fixture
def engine() -> Postgres:
    return Postgres()


@pytest.fixture(scope="module")
def own_server() -> Iterator[backends.PostgresServer]:
    """A server that may be stopped."""
    server = backends.PostgresServer()
    try:
        yield server.lay()
    finally:
        server.remove()


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[PostgresDatabase]:
    """The database, closed afterwards."""
    db = PostgresDatabase(url, PostgresOptions(**options))
    await db.open()
    try:
        yield db
    finally:
        await db.close()


async def heals(db: Database) -> None:
    """Return when the database answers; fails the test after a while."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            await db.all(ALL)
            await db.write(put("healed"))
        except Unavailable:
            assert time.monotonic() < end
            await asyncio.sleep(0.02)
        else:
            return


def test_units_that_wait_for_each_other_are_run_again(engine: Postgres) -> None:
    """A deadlock costs the server's second of patience, and nobody sees it."""
    runs: list[str] = []

    def crossing(first: str, second: str) -> Work:
        async def work(unit: Unit) -> None:
            runs.append(first)
            await unit.run(LOCK, name=first)
            await unit.run(PUT, path="", name=f"got {first}", value="x")
            await unit.run(LOCK, name=second)

        return work

    async def scenario(db: Database) -> None:
        for name in "ab":
            await db.write(put(name))
        for _ in range(3):
            await asyncio.gather(db.write(crossing("a", "b")), db.write(crossing("b", "a")))
        assert await names(db) == ["a", "b", "got a", "got b"]
        assert len(runs) >= 6

    run(engine, scenario)


def test_an_idle_connection_that_the_server_ended_is_replaced_unseen(engine: Postgres) -> None:
    async def scenario(db: Database) -> None:
        await db.write(put("a"))
        for _ in range(5):
            end_all(engine)
            assert await names(db) == ["a"]
            end_all(engine)
            await db.write(put("a"))

    run(engine, scenario)


def end_all(engine: Postgres) -> None:
    backends.postgres_server().execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()",
        engine.direct.rpartition("/")[2],
    )


def test_a_statement_that_takes_too_long_ends_and_its_unit_leaves_nothing(engine: Postgres) -> None:
    async def slow(unit: Unit) -> None:
        await unit.run(PUT, path="", name="slow", value="x")
        await unit.one(SLEEP, seconds=60.0)

    async def main() -> None:
        for prepared in (True, False):
            async with opened(engine.url, statement_timeout=0.3, prepared=prepared) as db:
                begun = time.monotonic()
                with pytest.raises(Unavailable):
                    await db.write(slow)
                with pytest.raises(Unavailable):
                    await db.one(SLEEP, seconds=60.0)
                assert time.monotonic() - begun < PATIENCE
                assert await names(db) == []
                assert await db.write(put("a")) == "a"
                await db.write(lambda unit: unit.run(Command("delete from setting")))

    asyncio.run(main())


def test_who_waits_too_long_for_a_connection_is_told(engine: Postgres) -> None:
    async def main() -> None:
        async with opened(engine.url, patience=0.2, pool=2) as db, engine.pause() as pause:
            stuck = [asyncio.create_task(db.write(pause.here)) for _ in range(2)]
            await pause.reached()
            results = await asyncio.gather(db.one(ALL), db.write(put("a")), return_exceptions=True)
            assert [type(each) for each in results] == [Unavailable, Unavailable]
            pause.release()
            await asyncio.gather(*stuck, return_exceptions=True)
            assert await db.write(put("b")) == "b"

    asyncio.run(main())


def test_who_is_cancelled_while_it_waits_for_a_connection_loses_none(engine: Postgres) -> None:
    async def main() -> None:
        async with opened(engine.url, pool=2) as db, engine.pause() as pause:
            stuck = [asyncio.create_task(db.write(pause.here)) for _ in range(2)]
            await pause.reached()
            for _ in range(20):
                waiting = asyncio.create_task(names(db))
                await asyncio.sleep(0)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            pause.release()
            await asyncio.gather(*stuck)
            await asyncio.gather(*[db.write(put(f"n{number}")) for number in range(20)])

    asyncio.run(main())


async def sleep(db: Database) -> None:
    await db.one(SLEEP, seconds=60.0)


def test_a_read_that_is_cancelled_leaves_its_connection_to_nobody(engine: Postgres) -> None:
    async def main() -> None:
        async with opened(engine.url, pool=2) as db:
            for _ in range(5):
                reading = asyncio.create_task(sleep(db))
                await asyncio.sleep(0.02)
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reading
                assert await db.all(ALL) == []

    asyncio.run(main())


def test_closing_that_is_cancelled_leaves_no_connection_open(engine: Postgres) -> None:
    async def main() -> None:
        links: list[Link] = []

        async def connect() -> Link:
            links.append(await open_link(engine.url, PostgresOptions(), ServerClock()))
            return links[-1]

        pool = Pool(connect, 4, PATIENCE)
        for link in [await pool.take() for _ in range(4)]:
            pool.give(link)
        closing = asyncio.create_task(pool.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert [link.closed for link in links] == [True] * 4

    asyncio.run(main())


@pytest.mark.parametrize("delivered", [False, True], ids=["lost on the way", "lost on the way back"])
def test_a_commit_that_was_never_answered_is_an_outage(engine: Postgres, delivered: bool) -> None:
    async def main() -> None:
        async with Cutting(backends.postgres_server().port) as proxy, opened(proxy.url(engine.url)) as db:
            await db.write(put("warm"))
            proxy.arm(0)
            await db.write(put("counted"))
            commit = proxy.seen
            proxy.arm(commit, delivered=delivered)
            with pytest.raises(Unavailable, match="did not say whether it stored a write"):
                await db.write(put("a"))
            proxy.arm(0)
            until = time.monotonic() + PATIENCE
            while delivered and "a" not in await names(db):  # the server has the commit, and is about to do it
                assert time.monotonic() < until, "what was delivered is not committed"
                await asyncio.sleep(0.01)
            assert delivered or "a" not in await names(db)

    asyncio.run(main())


@pytest.mark.parametrize("delivered", [False, True])
def test_a_connection_cut_at_every_block_of_reads_and_units(engine: Postgres, delivered: bool) -> None:
    async def work(db: Database, name: str) -> None:
        await db.one(GET, path="", name=name)
        await db.write(put(name))
        await db.one(GET, path="", name=name)

    async def main() -> None:
        async with Cutting(backends.postgres_server().port) as proxy:
            for block in itertools.count(1):
                async with opened(proxy.url(engine.url)) as db:
                    proxy.arm(block, delivered=delivered)
                    acknowledged = True
                    try:
                        await work(db, f"n{block}")
                    except Unavailable:
                        acknowledged = False
                    whole = proxy.seen < block
                    proxy.arm(0)
                    if acknowledged:
                        assert f"n{block}" in await names(db)
                    await work(db, f"n{block}")
                if whole:
                    assert block > 5
                    return

    asyncio.run(main())


def test_a_crash_of_the_server_under_load_heals_and_loses_nothing(own_server: backends.PostgresServer) -> None:
    """`-m immediate` is kill -9 for every process of it."""

    async def main() -> None:
        async with opened(own_server.laid(), pool=4) as db:
            stop = asyncio.Event()
            acknowledged: list[str] = []
            failures: list[BaseException] = []

            async def push(worker: int) -> None:
                for number in itertools.count():
                    if stop.is_set():
                        return
                    try:
                        acknowledged.append(await db.write(put(f"{worker}-{number}")))
                        assert await db.one(GET, path="", name=f"{worker}-{number}") is not None
                    except Unavailable as error:
                        failures.append(error)
                        await asyncio.sleep(0.01)

            pushing = [asyncio.create_task(push(worker)) for worker in range(8)]
            for _ in range(3):
                before = len(acknowledged)
                while len(acknowledged) < before + 100:
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(own_server.stop, "immediate")
                await asyncio.to_thread(own_server.start)
                await heals(db)
            stop.set()
            await asyncio.gather(*pushing)
            assert failures
            assert set(acknowledged) <= set(await names(db)), "what was acknowledged is there"

    asyncio.run(main())


def test_a_server_that_stands_still_is_an_outage_until_it_goes_on(own_server: backends.PostgresServer) -> None:
    async def main() -> None:
        async with opened(own_server.laid(), statement_timeout=0.3, pool=2) as db:
            await db.write(put("a"))
            own_server.pause()
            try:
                results = await asyncio.gather(
                    *[names(db) for _ in range(3)], db.write(put("b")), return_exceptions=True
                )
                assert {type(each) for each in results} == {Unavailable}
            finally:
                own_server.resume()
            await heals(db)
            assert "a" in await names(db)

    asyncio.run(main())


def test_whoever_waits_hears_again_after_the_server_was_restarted(own_server: backends.PostgresServer) -> None:
    async def ring(unit: Unit) -> None:
        await unit.notify("jobs")

    async def main() -> None:
        url = own_server.laid()
        async with opened(url) as db, opened(url) as other:
            await db.wait("jobs", 0.2)
            await asyncio.to_thread(own_server.stop, "immediate")
            await asyncio.to_thread(own_server.start)
            await heals(other)
            await asyncio.wait_for(db.wait("jobs", PATIENCE), PATIENCE / 2)  # something may have been missed
            waiting = asyncio.create_task(db.wait("jobs", PATIENCE))
            await asyncio.sleep(0)
            await other.write(ring)
            await asyncio.wait_for(waiting, PATIENCE / 2)

    asyncio.run(main())


def test_a_standby_is_an_outage_and_not_written_to(own_server: backends.PostgresServer) -> None:
    """After a fail-over an old address may lead to what is read-only by now."""

    async def main() -> None:
        url = own_server.laid()
        async with opened(url) as db:
            await db.write(put("a"))
            own_server.execute("alter system set default_transaction_read_only = on")
            own_server.execute("select pg_reload_conf()")
            setting = "select current_setting('default_transaction_read_only')"
            backends.until(lambda: own_server.execute(setting) == [("on",)], "the change")
            try:
                with pytest.raises(Unavailable):
                    await write_for_long(db)
                assert "a" in await names(db)
            finally:
                own_server.execute("alter system reset default_transaction_read_only")
                own_server.execute("select pg_reload_conf()")
            await heals(db)

    asyncio.run(main())


async def write_for_long(db: Database) -> None:
    """Each process of the server hears of new settings in its own time."""
    for _ in range(100):
        await db.write(put("b"))
        await asyncio.sleep(0.05)


def test_more_nodes_than_the_server_takes_are_told_so(own_server: backends.PostgresServer) -> None:
    async def main() -> None:
        url = own_server.laid()
        own_server.execute("alter role holdfast connection limit 2")
        try:
            async with opened(url, pool=4) as db, engine_lock(url) as locked:
                units = [db.write(put(f"n{number}")) for number in range(4)]
                waiting = asyncio.gather(*units, return_exceptions=True)
                await asyncio.sleep(0.1)
                await locked.close()
                results = await waiting
                assert any(isinstance(each, Unavailable) for each in results)
                assert all(isinstance(each, str | Unavailable) for each in results)
                await heals(db)
        finally:
            own_server.execute("alter role holdfast connection limit -1")

    asyncio.run(main())


@asynccontextmanager
async def engine_lock(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else's connection that keeps settings from being written."""
    connection = await asyncpg.connect(url.replace("holdfast@", "postgres@"))
    await connection.execute("begin; lock table setting in exclusive mode")
    try:
        yield connection
    finally:
        connection.terminate()


def test_errors_by_meaning() -> None:
    table: dict[Any, type[Exception]] = {
        asyncpg.DiskFullError: Full,
        asyncpg.DataCorruptedError: Damaged,
        asyncpg.IndexCorruptedError: Damaged,
        asyncpg.UniqueViolationError: StatementFailed,
        asyncpg.PostgresSyntaxError: StatementFailed,
        asyncpg.ReadOnlySQLTransactionError: Unavailable,
        asyncpg.CannotConnectNowError: Unavailable,
        asyncpg.QueryCanceledError: Unavailable,
        asyncpg.InvalidPasswordError: Unavailable,
        asyncpg.TooManyConnectionsError: Unavailable,
        ConnectionResetError: Unavailable,
        TimeoutError: Unavailable,
    }
    for kind, meaning in table.items():
        found = translate(kind("the server's own words about /var/lib/secret"))
        assert type(found) is meaning, kind
        assert "secret" not in str(found)


def test_the_servers_clock_and_no_other(engine: Postgres) -> None:
    async def main() -> None:
        async with opened(engine.url) as db:
            await asyncio.sleep(0)
            for _ in range(20):
                ((before,),) = backends.sql(engine.url, "select (extract(epoch from clock_timestamp())*1e6)::bigint")
                now = db.now()
                ((after,),) = backends.sql(engine.url, "select (extract(epoch from clock_timestamp())*1e6)::bigint")
                assert before - 20_000 <= now <= after + 20_000

    asyncio.run(main())


def ahead(clock: ServerClock) -> int:
    return clock() - ticks()


def test_a_measured_clock() -> None:
    clock = ServerClock()
    with pytest.raises(Unavailable):
        ahead(clock)
    hour = 3600 * 1_000_000

    clock.note(hour + 50, 0, 100)
    assert abs(ahead(clock) - hour) < 1000
    clock.note(hour + 25_000, 0, 40_000)  # slow, and nothing new
    assert abs(ahead(clock) - hour) < 1000
    clock.note(2 * hour, 0, 40_000)  # slow, and another server
    assert abs(ahead(clock) - 2 * hour) < 25_000


def test_slower_and_slower_measurements_make_a_clock_no_worse() -> None:
    clock = ServerClock()
    clock.note(50, 0, 100)
    at = 0
    for took in (300, 900, 3_000, 9_000, 30_000, 90_000, 300_000):  # the server was asked at once, and heard late
        at += 1_000_000
        clock.note(at, at, at + took)
    assert abs(ahead(clock)) < 5_000


def test_a_clock_follows_what_drifts_away() -> None:
    clock = ServerClock()
    clock.note(50, 0, 100)
    for minute in range(1, 2_000):
        at = minute * 60_000_000
        clock.note(at + at // 10_000, at, at + 2_000)  # 100 parts in a million
    assert abs(ahead(clock) - at // 10_000) < 60_000


def test_a_server_describes_itself(engine: Postgres) -> None:
    facts = asyncio.run(describe(engine.url))
    assert facts.version.split(".")[0].isdecimal()
    assert (facts.fsync, facts.full_page_writes, facts.synchronous_commit) == ("on", "on", "on")
    assert (facts.standby, facts.pooler, facts.encoding) == (False, False, "UTF8")
    assert facts.max_connections == 200
    assert 0 < facts.used_connections < facts.max_connections
    assert abs(facts.clock_offset) < 1_000_000, "the same host"
    assert asyncio.run(describe(backends.pgbouncer().url(engine.direct))).pooler
