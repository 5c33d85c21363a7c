"""Last use: what was pulled is stored, in batches; what is not known is never taken for unused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import apsw
import pytest
from tests.clients import images
from tests.clients.wire import Wire
from tests.registry.house import START, House, Place, index
from tests.serving import running_server

from holdfast.db.errors import Full, StatementFailed
from holdfast.db.nodes import Pulse
from holdfast.db.port import Database, Unit
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.lastuse import store
from holdfast.registry.lastuse.service import LastUse
from holdfast.registry.lastuse.tracking import SILENT, last_pulls, settle, tracked_since

T = TypeVar("T")
REPO = "team/app"


async def at_once(_seconds: float) -> None:
    """Time stands still: who waits is told nothing new."""


def uses(house: House) -> dict[str, int]:
    return dict(house.sql("select name, last_at from tag_use order by name"))


def test_a_pull_is_of_the_tag_and_of_what_was_sent(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", "v2")
        last = LastUse(house.db)
        await last.begin()
        house.clock.move(5)
        last.pulled(REPO, "v1", Digest.of(data))
        last.pulled(REPO, "gone", Digest.of(b"gone"))
        last.pulled("team/none", "v1", Digest.of(data))
        assert uses(house) == {}, "nothing is written on the request path"
        await last.flush()
        assert uses(house) == {"v1": START + 5}
        assert house.sql("select last_at from content_use") == [START + 5]
        house.clock.move(-3)
        last.pulled(REPO, "v1", Digest.of(data))
        await last.flush()
        assert uses(house) == {"v1": START + 5}, "the last use never goes back"

    place.run(scenario)


def test_a_tag_that_is_deleted_takes_its_use_along(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", "v2")
        last = LastUse(house.db)
        for tag in ("v1", "v2"):
            last.pulled(REPO, tag, Digest.of(data))
        await last.flush()
        await house.deletion.tag(house.may_delete(), Tag("v1"))
        assert list(uses(house)) == ["v2"]

    place.run(scenario)


def test_a_pull_of_a_child_is_use_of_its_index_and_its_tags(place: Place) -> None:
    async def scenario(house: House) -> None:
        child = await house.image(name="child")
        inner = index(child)
        await house.manifest(inner)
        outer = index(inner, child)
        await house.manifest(outer, "multi")
        signature = await house.image(name="signature", subject=outer)
        last = LastUse(house.db)
        house.clock.move(1)
        last.pulled(REPO, Digest.of(signature), Digest.of(signature))
        await last.flush()
        tags = {"multi": house.id_of(outer)}
        assert await last_pulls(house.db, 1, tags) == ({}, {}), "what refers to it is no part of it"
        house.clock.move(1)
        last.pulled(REPO, Digest.of(child), Digest.of(child))
        await last.flush()
        names, contents = await last_pulls(house.db, 1, tags, [house.id_of(inner)])
        assert names == {"multi": START + 2}
        assert contents == {house.id_of(outer): START + 2, house.id_of(inner): START + 2}

    place.run(scenario)


def test_what_found_no_room_is_a_gap(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", "v2")
        last = LastUse(house.db, pending=2)
        await last.begin()
        assert await tracked_since(house.db) == START
        last.pulled(REPO, "v1", Digest.of(data))
        last.pulled(REPO, Digest.of(b"other"), Digest.of(b"other"))
        house.clock.move(7)
        await last.flush()
        assert list(uses(house)) == ["v1"]
        assert await tracked_since(house.db) == START + 7

    place.run(scenario)


def test_a_question_waits_for_every_process_and_takes_silence_for_a_gap(place: Place) -> None:
    async def scenario(house: House) -> None:
        first, second = LastUse(house.db), LastUse(house.db)
        for each in (first, second):
            await each.begin("node")
        house.clock.move(10)
        asked: list[int] = []

        async def flush(_seconds: float) -> None:
            asked.append(1)
            await (first if len(asked) == 1 else second).flush()

        assert await settle(house.db, sleep=flush) == START
        assert len(asked) == 2
        # One does not answer: known from now on only, for this question.
        house.clock.move(10)

        async def patience(_seconds: float) -> None:
            house.clock.move(5_000_000)

        now = await settle(house.db, 10.0, patience)
        assert now == house.clock.now
        assert await tracked_since(house.db) == START
        # It was killed: a gap for everybody, and nobody waits for it again.
        house.clock.move(SILENT + 1)
        await second.flush()
        asked_at = house.clock.move(1)
        await settle(house.db, 0.0)
        await second.flush()
        assert await tracked_since(house.db) == asked_at
        assert [row.id for row in await house.db.all(store.PROCESSES)] == [second.id]
        assert await settle(house.db, sleep=at_once) == asked_at

    place.run(scenario)


def test_a_node_that_tells_nothing_of_its_use_makes_it_unknown(place: Place) -> None:
    async def scenario(house: House) -> None:
        last = LastUse(house.db)
        await last.begin()
        old = Pulse(house.db, "serve", "0.1")
        await old.beat()
        house.clock.move(10)
        await last.flush()
        assert await settle(house.db, 0.0) == START + 10
        await old.leave()
        await Pulse(house.db, "worker", "0.1").beat()
        assert await settle(house.db, 0.0) == START

    place.run(scenario)


def test_a_process_that_starts_on_a_full_disk_serves_and_leaves_a_gap(place: Place) -> None:
    class FullOnce:
        def __init__(self, db: Database) -> None:
            self.db = db
            self.full = True

        def __getattr__(self, name: str) -> object:
            return getattr(self.db, name)

        async def write(self, work: Callable[[Unit], Awaitable[T]], *, always: bool = False) -> T:
            if self.full:
                self.full = False
                raise Full
            return await self.db.write(work, always=always)

    async def scenario(house: House) -> None:
        earlier = LastUse(house.db)
        await earlier.begin()
        last = LastUse(FullOnce(house.db))  # type: ignore[arg-type]
        await last.begin("node")
        assert [row.id for row in await house.db.all(store.PROCESSES)] == [earlier.id]
        house.clock.move(7)
        await last.flush()
        assert await tracked_since(house.db) == START + 7
        assert {row.id for row in await house.db.all(store.PROCESSES)} == {earlier.id, last.id}

    place.run(scenario)


def test_what_cannot_be_stored_now_is_kept(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        last = LastUse(house.db)
        last.pulled(REPO, "v1", Digest.of(data))
        house.sql("alter table tag_use rename to elsewhere")
        with pytest.raises(StatementFailed):
            await last.flush()
        house.sql("alter table elsewhere rename to tag_use")
        await last.flush()
        assert uses(house) == {"v1": START}

    place.run(scenario)


def test_who_stops_in_order_stores_what_is_left_and_leaves_no_gap(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        last = LastUse(house.db)
        await last.begin()
        serving = asyncio.create_task(last.run())
        await asyncio.sleep(0)
        last.pulled(REPO, "v1", Digest.of(data))
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        assert uses(house) == {"v1": START}
        assert await house.db.all(store.PROCESSES) == []
        house.clock.move(SILENT * 2)
        assert await settle(house.db, 0.0) == START

    place.run(scenario)


@pytest.mark.parametrize("flags", [(), ("--open",)])
def test_a_server_notes_gets_and_heads_of_manifests(tmp_path: Path, flags: tuple[str, ...]) -> None:
    with running_server(tmp_path, *flags) as server:
        wire = Wire(server)
        pushed = wire.push(REPO, images.image("used"), "got", "headed", "unused")
        wire.manifest(REPO, "got")
        assert wire.has(REPO, "headed")
        assert not wire.has(REPO, "nowhere")
        server.stop()
        connection = apsw.Connection(str(server.data / "holdfast.db"))
        assert [name for (name,) in connection.execute("select name from tag_use order by name")] == ["got", "headed"]
        digests = connection.execute("select c.digest from content_use u join content c on c.id = u.content_id")
        assert digests.fetchall() == [(pushed.digest,)]
        assert connection.execute("select count(*) from use_process").fetchall() == [(0,)]
        connection.close()
