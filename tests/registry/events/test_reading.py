"""Reading events by cursor, on both databases: in order, each once, bounded, and never past what is archived."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.db.engines import Engine, Postgres, make_engine
from tests.journal.sealed import Journal, with_journal
from tests.registry.events.feeding import news_of, version
from tests.registry.history.rolling import now, roll_back
from tests.registry.house import House, Place
from tests.registry.paths import may_manage

from holdfast.access.errors import Invalid, Unknown
from holdfast.access.policy.globs import GlobInvalid
from holdfast.journal import archive, reading, sealing
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.sealing import seal
from holdfast.oci.name import Tag
from holdfast.registry.errors import EventsArchived
from holdfast.registry.events import service
from holdfast.registry.events.feed import Feed
from holdfast.registry.events.model import Event
from holdfast.registry.events.service import Events, Filter

NOON = 1_800_000_000_000_000
SECOND = 1_000_000
ALL = may_manage("")
EVERY = Filter()
NAMESPACE = ChangeKind.NAMESPACE_CHANGED


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return make_engine(request.param, tmp_path)


async def walked(
    journal: Journal, wanted: Filter = EVERY, permit: Any = ALL, after: int | None = None, limit: int = 3
) -> list[int]:
    """The places of all that is told, page by page."""
    found: list[Event] = []
    while True:
        page = await Events(journal.db).oldest(permit, wanted, after, limit)
        assert len(page.events) <= limit
        found += page.events
        assert page.next is not None
        if not page.events and page.next == after:
            return [event.pos for event in found]
        after = page.next


async def backwards(journal: Journal, wanted: Filter = EVERY, limit: int = 3) -> list[int]:
    found: list[int] = []
    before: int | None = None
    while True:
        page = await Events(journal.db).newest(ALL, wanted, before, limit)
        found += [event.pos for event in page.events]
        before = page.next
        if before is None:
            return found


def test_pages_hold_every_event_once_in_order(engine: Engine) -> None:
    async def scenario(journal: Journal) -> None:
        assert await walked(journal) == [], "an empty journal is an empty page"
        for _ in range(5):
            await journal.note("user:a", "user:b", kind=NAMESPACE, path="team")
            await journal.sealer.turn()
        await journal.note("user:c", kind=NAMESPACE, path="other")
        nothing = await Events(journal.db).newest(ALL, EVERY, None, 3, most=0)
        assert not nothing.events, "nothing was to be looked at"
        assert nothing.next is not None, "there may be more"
        assert await walked(journal) == list(range(1, 11)), "what is not sealed is not told"
        await journal.sealer.turn()
        assert await walked(journal, after=10) == [11]
        assert await walked(journal, after=500) == [], "beyond the end there is nothing yet"
        assert (await Events(journal.db).oldest(ALL, Filter(), 500, 5)).next == 500
        assert await backwards(journal) == list(range(11, 0, -1))
        assert await walked(journal, Filter.of(repositories=["other"])) == [11]
        latest = Events(journal.db).latest
        assert [event.pos for event in await latest(ALL, EVERY, 3, 100)] == [11, 10, 9]
        assert [event.pos for event in await latest(ALL, EVERY, 30, 4)] == [11, 10, 9, 8], "so many are looked at"
        assert [event.pos for event in await latest(ALL, EVERY, 1, 100)] == [11]
        for given in ("auditor other/**", "auditor **/team", "reader none/**"):
            permit = may_manage("", given)
            page = await Events(journal.db).newest(permit, EVERY, None, 100)
            assert await latest(permit, EVERY, 100, 100) == page.events, given
        assert (await Events(journal.db).show(ALL, 11)).actor == "user:c"
        with pytest.raises(Unknown):
            await Events(journal.db).show(ALL, 12)
        with pytest.raises(Unknown):
            await Events(journal.db).show(may_manage("", "reader team/**"), 11)

    with_journal(engine, scenario)


def test_filters(engine: Engine) -> None:
    clock = Clock()

    async def scenario(journal: Journal) -> None:
        for kind, path in (
            (NAMESPACE, "team"),
            (NAMESPACE, "team/app"),
            (ChangeKind.REPOSITORY_CREATED, "team/app"),
            (ChangeKind.KEY_CREATED, "team"),
            (NAMESPACE, "teams"),
            (NAMESPACE, ""),
        ):
            await journal.note("user:a", kind=kind, path=path)
        await journal.sealer.turn()
        clock.now += 3600 * SECOND
        await journal.note("user:a", kind=NAMESPACE, path="team/late")
        await journal.sealer.turn()

        async def found(**wanted: Any) -> list[int]:
            places = await walked(journal, Filter.of(**wanted))
            assert sorted(await backwards(journal, Filter.of(**wanted))) == places
            return places

        assert await found(repositories=["team/**"]) == [1, 2, 3, 4, 7]
        assert await found(repositories=["team"]) == [1, 4]
        assert await found(repositories=["team/*", "teams"]) == [2, 3, 5, 7]
        assert await found(repositories=["**"]) == [1, 2, 3, 4, 5, 6, 7]
        assert await found(types=["namespace"], repositories=["team/**"]) == [1, 2, 7]
        assert await found(types=["holdfast.repository.created", "key"]) == [3, 4]
        assert await found(since=NOON + 1800 * SECOND) == [7]
        assert await found(since=NOON + 7200 * SECOND) == []
        assert await found(tags=["*"]) == []
        with pytest.raises(Invalid, match="no events of the type"):
            Filter.of(types=["tags"])
        for wrong in ({"repositories": ["A"]}, {"tags": ["a/b"]}):
            with pytest.raises(GlobInvalid):
                Filter.of(**wrong)  # type: ignore[arg-type]

    with_journal(engine, scenario, clock)


def test_a_time_that_nothing_happened_since_is_no_place_beyond_all(engine: Engine) -> None:
    """Whoever follows since then is told of what comes."""
    clock = Clock()

    async def scenario(journal: Journal) -> None:
        await journal.note("user:a", kind=NAMESPACE)
        await journal.sealer.turn()
        clock.now += 3600 * SECOND
        wanted = Filter.of(since=clock.now - SECOND)
        page = await Events(journal.db).oldest(ALL, wanted, None, 5)
        assert (page.events, page.next) == ([], 1)
        await journal.note("user:b", kind=NAMESPACE)
        await journal.sealer.turn()
        page = await Events(journal.db).oldest(ALL, wanted, page.next, 5)
        assert [event.actor for event in page.events] == ["user:b"]

    with_journal(engine, scenario, clock)


def test_a_page_looks_at_so_many_rows_and_goes_on(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_CHUNK", 4)
    monkeypatch.setattr(reading, "_CHUNKS", 2)

    async def scenario(journal: Journal) -> None:
        await journal.note(*["user:a"] * 20, kind=NAMESPACE, path="hidden")
        await journal.note("user:b", kind=NAMESPACE, path="team")
        await journal.sealer.turn()
        page = await Events(journal.db).oldest(may_manage("", "reader team/**"), Filter(), None, 5)
        assert (page.events, page.next) == ([], 8), "a page without events that goes on"
        assert await walked(journal, permit=may_manage("", "reader team/**")) == [21]

    with_journal(engine, scenario)


def test_what_was_archived_is_said_to_be(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SEGMENT_ROWS", 4)

    async def scenario(journal: Journal) -> None:
        await journal.note(*"abcdefghij", kind=NAMESPACE, path="team")
        await journal.sealer.turn()
        events = Events(journal.db)
        first, *_ = await archive.segments(journal.db, after=0, sealed_before=1 << 62)
        await archive.drop(journal.db, first.segment.n, first.segment.hash.hex(), actor="user:a", origin=Origin("r"))
        await journal.sealer.turn()
        for place in (0, 1, 3):
            for ask in (events.oldest(ALL, Filter(), place, 5), events.begin(ALL, Filter(), place)):
                with pytest.raises(EventsArchived, match="go on after 4"):
                    await ask
        with pytest.raises(EventsArchived):
            await events.show(ALL, 4)
        assert await walked(journal, after=4) == [5, 6, 7, 8, 9, 10, 11]
        assert (await walked(journal))[0] == 5, "without a place it begins with what is here"
        assert await events.begin(ALL, Filter(), None) == 11
        assert await events.begin(ALL, Filter.of(since=1), None) == 0

    with_journal(engine, scenario)


def test_what_commits_late_is_told_late_and_not_passed_over() -> None:
    """On PostgreSQL: a transaction that took its number first and ends last."""
    engine = Postgres()

    async def scenario(journal: Journal) -> None:
        outside = await asyncpg.connect(engine.url)
        slow = outside.transaction()
        await slow.start()
        await outside.execute(
            "insert into journal (repo_id, seq, at, actor, request, kind, data, origin, path)"
            " values (0, 0, $1, 'user:slow', 'r', 'namespace.changed', '{}', null, 'team')",
            NOON,
        )
        await journal.note("user:quick", kind=NAMESPACE, path="team")
        await journal.sealer.turn()
        events = Events(journal.db)
        feed = Feed(journal.db, version, every=0.01)
        async with feed.following():
            page = await events.oldest(ALL, Filter(), None, 5)
            assert [event.actor for event in page.events] == ["user:quick"]
            await slow.commit()
            await outside.close()
            await journal.sealer.turn()
            again = await events.oldest(ALL, Filter(), page.next, 5)
            assert [event.actor for event in again.events] == ["user:slow"]
            news = await news_of(feed, page.next or 0)
            assert [event.actor for event in news] == ["user:slow"]

    with_journal(engine, scenario)


def test_a_rollback_tells_what_it_moved(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(house: House) -> None:
        await house.image("prod", "stage", "gone", name="first")
        await house.image("other", name="x", repo="team/other")
        then = await now(house)
        await house.image("prod", "stage", "born", name="second")
        await house.deletion.tag(house.may_delete(), Tag("gone"))
        await roll_back(house, "team/app", then, exact=True)
        await house.db.write(seal)
        events = Events(house.db)

        async def rolled(*tags: str, grants: tuple[str, ...] = ()) -> list[dict[str, Any]]:
            page = await events.oldest(may_manage("", *grants), Filter.of(types=["rollback"], tags=tags), None, 10)
            return [dict(event.data) for event in page.events]

        (data,) = await rolled()
        moved = {move["tag"]: (move["was"], move["now"]) for move in data["moves"]}
        first, second = moved["prod"][1], moved["prod"][0]
        assert first
        assert second
        assert moved == {
            "prod": (second, first),
            "stage": (second, first),
            "born": (second, None),
            "gone": (None, first),
        }
        assert len(await rolled("pro*")) == 1
        assert await rolled("other") == []
        (some,) = await rolled("pro*", grants=("reader team/app:prod",))
        assert [move["tag"] for move in some["moves"]] == ["prod"]
        assert await rolled("stage", grants=("reader team/app:prod",)) == []
        monkeypatch.setattr(service, "MOST_MOVES", 2)
        (cut,) = await rolled()
        assert (len(cut["moves"]), cut["more"]) == (2, True)

    place.run(scenario)
