"""Why content is kept: each root by its name, to who may see it, and when it may go."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.registry.house import GRACE, LEASE, REPO, WINDOW, House, Place, index
from tests.registry.promotion.granted import everything, granted

from holdfast.access.errors import Unknown
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.collect.why import Place as Found
from holdfast.registry.collect.why import Reason, WhyKept
from holdfast.registry.model import State

LAYER = b"layer of app"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def _one(house: House, data: bytes, repository: str | None = REPO) -> Found:
    why = WhyKept(house.db, house.settings)
    (found,) = (await why.explain(everything(), Digest.of(data), repository)).places
    return found


def _kinds(found: Found) -> list[tuple[str, str | None]]:
    return [(each.kind, each.tag) for each in found.reasons]


def test_a_tag_keeps_everything_below_it(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", "v2")
        both = index(data)
        await house.manifest(both, "multi")
        house.clock.move(2 * WINDOW)
        await house.collect.run()
        found = await _one(house, LAYER)
        digest, multi = Digest.of(data), Digest.of(both)
        assert found.reasons == (
            Reason("tag", (digest,), tag="v1"),
            Reason("tag", (digest,), tag="v2"),
            Reason("tag", (digest, multi), tag="multi"),
        )
        assert (found.manifest, found.deleted, found.more, found.may_go_at) == (False, False, False, None)
        assert _kinds(await _one(house, both)) == [("tag", "multi")]

    place.run(scenario)


def test_history_a_deletion_and_a_push_keep_for_the_window(place: Place) -> None:
    async def scenario(house: House) -> None:
        old = await house.image("latest", name="app")
        await house.image("latest", name="new")
        buried = await house.image("bad", name="bad")
        await house.deletion.manifest(house.may_delete(), Digest.of(buried))
        house.clock.move(LEASE)
        found = await _one(house, old)
        assert ("history", "latest") in _kinds(found)
        at = found.reasons[0].at
        assert at is not None
        assert found.reasons[0].until == at + WINDOW
        assert found.may_go_at is not None
        assert found.may_go_at >= at + WINDOW
        # Its layer goes a lease after it at the earliest.
        layer = await _one(house, LAYER)
        assert layer.may_go_at is not None
        assert layer.may_go_at > found.may_go_at
        gone = await _one(house, buried)
        assert gone.deleted
        assert ("deleted", None) in _kinds(gone)

    place.run(scenario)


def test_what_may_go_does_not_go_before(place: Place) -> None:
    async def scenario(house: House) -> None:
        old = await house.image("latest", name="app")
        await house.deletion.tag(house.may_delete(), Tag("latest"))
        for data in (old, LAYER):
            found = await _one(house, data)
            assert found.may_go_at is not None
            house.clock.now = found.may_go_at - 1
            await house.collect.run()
            assert house.sql("select count(*) from link where content_id = ?", house.id_of(data)) == [1]
            house.clock.move(1 + 3 * LEASE)
            await house.collect.run()
        house.clock.move(3 * LEASE + GRACE)
        await house.collect.run()
        with pytest.raises(Unknown):
            await _one(house, LAYER)

    place.run(scenario)


def test_a_lease_and_the_collectors_list(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.blob(LAYER)
        found = await _one(house, LAYER)
        assert _kinds(found) == [("lease", None), ("pending", None)]
        assert found.due == found.may_go_at == house.clock.now + 2 * LEASE

    place.run(scenario)


def test_only_what_is_in_sight_is_told(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", "secret-1")
        await house.image("v1", repo="other/app")
        why = WhyKept(house.db, house.settings)
        digest = Digest.of(LAYER)
        seen = (await why.explain(granted("reader other/**"), digest)).places
        assert [each.repository for each in seen] == ["other/app"]
        (own,) = (await why.explain(granted("reader team/**:v*"), digest)).places
        assert [(each.kind, each.tag) for each in own.reasons if each.kind == "tag"] == [("tag", None), ("tag", "v1")]
        assert {each.via for each in own.reasons} == {()}
        for grants, what in (
            ("reader third/**", digest),
            ("reader team/**:x*", digest),
            ("reader **", Digest.of(b"nothing")),
        ):
            with pytest.raises(Unknown) as refused:
                await why.explain(granted(grants), what)
            assert str(refused.value) == f"there is no {what} in your sight"
        assert len((await why.explain(granted("operator **"), Digest.of(data))).places) == 2

    place.run(scenario)


def test_what_no_repository_has_is_told_to_operators(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.blob(LAYER)
        house.sql("delete from candidate")
        house.sql("delete from lease")
        house.sql("delete from link")
        house.sql("insert into orphan (content_id, due) values (?, 5)", house.id_of(LAYER))
        why = WhyKept(house.db, house.settings)
        found = await why.explain(everything(), Digest.of(LAYER))
        assert (found.places, found.orphaned_at, found.state) == ((), 5, State.STORED)
        with pytest.raises(Unknown):
            await why.explain(granted("reader **"), Digest.of(LAYER))

    place.run(scenario)
