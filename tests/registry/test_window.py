"""The history window of a namespace: it holds for what its repositories keep, and for who reaches it by tags."""

from __future__ import annotations

import pytest
from tests.registry.house import LEASE, WINDOW, Held, House, Place
from tests.registry.reach.recording import Recorded
from tests.registry.rights import rights

from holdfast.access.model import Subject
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.effective.store import SETTINGS
from holdfast.registry.errors import ManifestUnknown
from holdfast.registry.push.service import Push

DEV = Subject(7, "dora")
READS_ALL_TAGS = Held(pull=rights("v*"), push=False)


def set_window(house: House, path: str, microseconds: int) -> None:
    house.sql("delete from setting where path = ?", path)
    house.sql("insert into setting (path, name, value) values (?, 'window', ?)", path, str(microseconds))


@pytest.mark.parametrize(("path", "window"), [("team", 5), ("team/app", 0), ("", 7 * WINDOW), ("other", None)])
def test_what_lost_its_tag_is_kept_for_the_window_of_its_path(place: Place, path: str, window: int | None) -> None:
    async def scenario(house: House) -> None:
        if window is not None:
            set_window(house, path, window)
        span = (WINDOW if window is None else window) + LEASE
        old = await house.image("v1", name="old")
        house.clock.move(1)
        new = await house.image("v1", "v2", name="new")
        assert house.due(old) == house.last_at() + span
        loose = await house.image(name="loose")
        assert house.due(loose) == house.last_at() + span
        house.clock.move(1)
        await house.deletion.tag(house.may_delete(), Tag("v2"))
        assert house.due(new) == house.last_at() + span
        house.clock.move(1)
        await house.deletion.manifest(house.may_delete(), Digest.of(loose))
        assert house.due(loose) == house.last_at() + span

    place.run(scenario)


def test_who_may_pull_a_tag_pulls_what_it_moved_away_from_inside_the_window(place: Place) -> None:
    async def scenario(house: House) -> None:
        old = await house.image("v1", name="old")
        await house.image("v1", name="new")
        set_window(house, "team", 1000)
        with house.acting(DEV, READS_ALL_TAGS):
            assert (await house.get(Digest.of(old))).data == old
            house.clock.move(2000)
            with pytest.raises(ManifestUnknown):
                await house.get(Digest.of(old))
            set_window(house, "team/app", 10_000)
            assert (await house.get(Digest.of(old))).data == old
            house.sql("insert into setting (path, name, value) values ('', 'history-cut', ?)", str(house.last_at()))
            with pytest.raises(ManifestUnknown):
                await house.get(Digest.of(old))
            house.sql("delete from setting where name = 'history-cut'")
            assert (await house.get(Digest.of(old))).data == old
            set_window(house, "team/app", 0)
            with pytest.raises(ManifestUnknown):
                await house.get(Digest.of(old))

    place.run(scenario)


def test_a_push_reads_its_settings_once(place: Place) -> None:
    async def scenario(house: House) -> None:
        house.sql("insert into setting (path, name, value) values ('team', 'quota-tags', '1000')")
        await house.image("v1", name="old")
        recorded = Recorded(house.db)
        house.pushes = Push(recorded, house.objects, house.settings)
        await house.image("v1", "v2", name="new")
        assert recorded.take().count(SETTINGS.text) == 1

    place.run(scenario)
