"""The feed that all streams of a process share: read once, bounded, and not at all while nobody follows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.db.engines import Engine, make_engine
from tests.journal.sealed import Journal, with_journal
from tests.registry.events.feeding import news_of, version
from tests.registry.paths import may_manage

from holdfast.journal.model import ChangeKind
from holdfast.registry.events.feed import Feed
from holdfast.registry.events.service import Filter, seen_by

NAMESPACE = ChangeKind.NAMESPACE_CHANGED


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return make_engine(request.param, tmp_path)


def test_the_feed_is_read_once_for_all_and_not_without_followers(engine: Engine) -> None:
    async def scenario(journal: Journal) -> None:
        await journal.note("user:a", kind=NAMESPACE, path="team")
        await journal.sealer.turn()
        feed = Feed(journal.db, version, every=0.01)
        assert feed.news(0).events == [], "nobody follows: nothing is known"
        async with feed.following(), feed.following():
            assert feed.news(0).events is None, "older than what is kept: the journal tells"
            assert feed.news(1).events == []
            assert feed.news(99).place == 99
            await journal.note("user:b", "user:c", kind=NAMESPACE, path="team")
            await journal.note("user:d", kind=NAMESPACE, path="other")
            await journal.sealer.turn()
            told = await news_of(feed, 1)
            assert [event.pos for event in told] == [2, 3, 4]
            seen = seen_by(may_manage("", "reader team/**"), Filter(), told)
            assert [event.pos for event in seen] == [2, 3]
            assert feed.news(4) == ([], 5, 4)
        await journal.note("user:e", kind=NAMESPACE)
        await journal.sealer.turn()
        async with feed.following():
            assert feed.news(4).events is None
        await feed.close()
        assert feed.closed

    with_journal(engine, scenario)


def test_the_feed_keeps_so_much(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.registry.events.feed.KEPT", 3)

    async def scenario(journal: Journal) -> None:
        feed = Feed(journal.db, version, every=0.01)
        async with feed.following():
            await journal.note(*"abcdefgh", kind=NAMESPACE)
            await journal.sealer.turn()
            assert [event.pos for event in await news_of(feed, 5)] == [6, 7, 8]
            assert feed.news(4).events is None, "who is slower reads the journal"

    with_journal(engine, scenario)


def test_many_who_wait_cost_what_one_costs(engine: Engine) -> None:
    """200 who follow and nothing happens: the statements are those of the feed alone."""

    async def scenario(journal: Journal) -> None:
        looks = 0

        async def version() -> int:
            nonlocal looks
            looks += 1
            return 5

        feed = Feed(journal.db, version, every=0.02)

        async def follow() -> int:
            async with feed.following():
                await feed.wait(0.5)
                return len(feed.news(0).events or [])

        assert sum(await asyncio.gather(*(follow() for _ in range(200)))) == 0
        assert looks <= 30, "one look each 20 ms, whoever waits"

    with_journal(engine, scenario)
