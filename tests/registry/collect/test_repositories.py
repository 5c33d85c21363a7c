"""Deleted repositories: kept whole for the window, then emptied piece by piece; and history that is cut off."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.registry.house import GRACE, LEASE, REPO, WINDOW, House, Place, image

import holdfast.registry.collect.repositories as pieces
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.collect.cutting import cut
from holdfast.registry.collect.preview import preview


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def _filled(house: House) -> bytes:
    data = await house.image("v1", "v2")
    mark = await house.image(f"sha256-{Digest.of(data).encoded}.sig", name="mark")
    await house.image(name="referrer", subject=data)
    await house.image(name="waits", subject=image(b"{}", note="elsewhere"))
    await house.image("other", name="app", repo="team/other")
    assert mark
    return data


def _delete(house: House) -> None:
    """As a deletion of the repository leaves it."""
    house.sql(
        "update repository set was_path = path, path = path || '@' || id, gone_at = ? where path = ?",
        *(house.clock.now, REPO),
    )


async def _nothing(_seen: int) -> None:
    return


def _left(house: House) -> list[int]:
    tables = ("link", "edge", "tag", "tag_event", "candidate", "lease")
    return [house.sql(f"select count(*) from {table} where repo_id = 1")[0] for table in tables]


def test_a_deleted_repository_stays_whole_for_the_window(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", 2)

    async def scenario(house: House) -> None:
        await _filled(house)
        before = _left(house)[:4]
        _delete(house)
        house.clock.move(WINDOW - 1)
        for _ in range(3):
            await house.collect.run()
        assert _left(house)[:4] == before
        assert (await preview(house.db, house.settings, path=None, report=_nothing)).repositories == 0
        house.clock.move(1)
        assert (await preview(house.db, house.settings, path=None, report=_nothing)).repositories == 1
        assert (await house.collect.run()).repositories == 1
        assert _left(house) == [0] * 6
        assert house.sql("select path from repository") == ["team/other"]
        house.clock.move(3 * LEASE + GRACE)
        await house.collect.run()
        kept = {Digest.of(b"layer of app"), Digest.of(b'{"name":"app"}')}
        assert set(house.sql("select digest from content")) >= kept
        assert house.sql("select count(*) from content") == [3]
        assert await house.read(Digest.of(b"layer of app"), "team/other") == b"layer of app"

    place.run(scenario)


def test_once_it_is_being_emptied_it_cannot_come_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", 1)

    async def scenario(house: House) -> None:
        await _filled(house)
        _delete(house)
        house.clock.move(WINDOW)
        (row,) = await pieces.expired(house.db, house.settings)
        assert await house.db.write(lambda unit: pieces.empty(unit, house.settings, row.id))
        assert house.sql("select was_path from repository where id = ?", row.id) == [None]
        house.sql("insert into setting (path, name, value) values ('', 'window', ?)", str(9 * WINDOW))
        assert (await house.collect.run()).repositories == 1
        assert house.sql("select count(*) from repository") == [1]

    place.run(scenario)


def test_a_window_that_grew_keeps_it(place: Place) -> None:
    async def scenario(house: House) -> None:
        await _filled(house)
        _delete(house)
        house.sql("insert into setting (path, name, value) values ('team', 'window', ?)", str(2 * WINDOW))
        house.clock.move(WINDOW + LEASE)
        assert (await house.collect.run()).repositories == 0
        house.clock.move(WINDOW)
        assert (await house.collect.run()).repositories == 1

    place.run(scenario)


def test_history_that_is_cut_off_keeps_nothing_but_leases_hold(place: Place) -> None:
    async def scenario(house: House) -> None:
        moved = await house.image("latest", name="moved")
        await house.image("latest", name="app")
        buried = await house.image("bad", name="bad")
        await house.deletion.manifest(house.may_delete(), Digest.of(buried))
        await house.image(name="by digest")
        elsewhere = await house.image("v1", name="elsewhere", repo="teams/app")
        await house.deletion.tag(house.may_delete("teams/app"), Tag("v1"))
        house.clock.move(4 * LEASE)
        await house.collect.run()
        told = await preview(house.db, house.settings, path="team", report=_nothing)
        assert (told.manifests, told.blobs) == (3, 0)
        assert (await house.collect.run()).links == 0
        await cut(house.db, house.settings, "team", actor="test", request="r")
        assert (await house.collect.run()).links == 1, "what was deleted answers 404 already: nobody relies on it"
        assert (await house.get(Digest.of(moved))).data == moved
        for _ in range(4):
            house.clock.move(2 * LEASE)
            await house.collect.run()
        assert house.sql("select count(*) from link where repo_id = 1") == [3]
        assert (await house.get("latest")).data
        assert (await house.get(Digest.of(elsewhere), "teams/app")).data == elsewhere
        assert "history.cut" in house.journal()
        again = await house.image("again", name="again")
        await house.deletion.tag(house.may_delete(), Tag("again"))
        house.clock.move(WINDOW - LEASE)
        await house.collect.run()
        assert (await house.get(Digest.of(again))).data == again

    place.run(scenario)


def test_a_preview_is_what_a_run_does(place: Place) -> None:
    async def scenario(house: House) -> None:
        for number in range(5):
            await house.image(f"v{number}", name=str(number))
            await house.deletion.tag(house.may_delete(), Tag(f"v{number}"))
        await house.blob(b"x" * 1000)
        house.clock.move(WINDOW + LEASE + 1000)
        told = await preview(house.db, house.settings, path=None, report=_nothing)
        assert (told.manifests, told.blobs, len(told.examples)) == (5, 1, 6)
        done = await house.collect.run()
        assert (done.links, done.shown) == (told.manifests + told.blobs, told.bytes)
        after = await preview(house.db, house.settings, path=None, report=_nothing)
        assert (after.manifests, after.blobs, after.stored) == (0, 0, 0)

    place.run(scenario)
