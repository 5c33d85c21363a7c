"""Leases and candidates, as the data model has them (rules 3 to 5): what was reported present stays for its push."""

from __future__ import annotations

import pytest
from tests.registry.house import LEASE, REPO, WINDOW, House, Place, image

from holdfast.access.model import Subject
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.errors import BlobUnknown, ManifestUnknown

DATA = b"some blob"
DIGEST = Digest.of(DATA)


def test_an_upload_writes_a_lease_and_a_candidate_that_is_never_due_before_it(place: Place) -> None:
    async def scenario(house: House) -> None:
        for how in (house.blob, house.chunked):
            await how(DATA)
            ((opener, until),) = house.leases(DATA)
            assert (opener, until) == (0, house.clock.now + LEASE)
            assert house.due(DATA) == house.clock.now + 2 * LEASE
            house.clock.move(LEASE)

    place.run(scenario)


def test_each_opener_has_a_lease_of_his_own(place: Place) -> None:
    async def scenario(house: House) -> None:
        for number in range(3):
            house.who = Subject(number, "x")
            await house.blob(DATA)
            house.clock.move(10)
        start = house.clock.now - 30
        assert house.leases(DATA) == [(number, start + 10 * number + LEASE) for number in range(3)]
        assert house.due(DATA) == start + 20 + 2 * LEASE

    place.run(scenario)


def test_a_mount_writes_them_too(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.blob(DATA)
        house.clock.move(3 * LEASE)
        assert await house.mounts.blob(house.may_push("other"), house.may_pull(), DIGEST)
        assert house.leases(DATA)[-1] == (0, house.clock.now + LEASE)
        (due,) = house.sql("select due from candidate k join repository r on r.id = k.repo_id where r.path = 'other'")
        assert due == house.clock.now + 2 * LEASE
        assert await house.read(DIGEST, "other") == DATA

    place.run(scenario)


@pytest.mark.parametrize("kind", ["blob", "manifest by digest"])
def test_head_moves_the_due_time_only_within_one_lease_of_it(place: Place, kind: str) -> None:
    async def scenario(house: House) -> None:
        if kind == "blob":
            data = DATA
            await house.blob(data)
        else:
            data = await house.image()
        due = house.due(data)
        assert due is not None

        async def head() -> None:
            permit = house.may_pull()
            read = house.pulls.blob_head if kind == "blob" else house.pulls.manifest_head
            await read(permit, Digest.of(data))

        house.clock.now = due - LEASE
        await head()
        assert house.due(data) == due
        house.clock.move(1)
        await head()
        assert house.due(data) == house.clock.now + 2 * LEASE
        house.clock.move(3 * LEASE)
        await head()
        assert house.due(data) == house.clock.now + 2 * LEASE

    place.run(scenario)


def test_head_by_someone_who_may_not_push_writes_nothing(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.blob(DATA)
        data = await house.image()
        permit = house.may_pull(may_push=False)
        house.clock.move(WINDOW + 2 * LEASE)
        before = house.sql("select * from candidate")
        assert (await house.pulls.blob_head(permit, DIGEST)).size == len(DATA)
        assert (await house.pulls.manifest_head(permit, Digest.of(data))).size == len(data)
        assert house.sql("select * from candidate") == before

    place.run(scenario)


def test_get_writes_nothing(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.blob(DATA)
        data = await house.image()
        house.clock.move(WINDOW + 2 * LEASE)
        before = house.sql("select * from candidate")
        await house.read(DIGEST)
        await house.get(Digest.of(data))
        assert house.sql("select * from candidate") == before

    place.run(scenario)


def collect(house: House, data: bytes, *, between: bool) -> None:
    """What the collector does to content: its link goes, and its candidate with it."""
    number = house.id_of(data)
    house.sql("delete from lease where content_id = ?", number)
    house.sql("delete from candidate where content_id = ?", number)
    if not between:
        house.sql("delete from link where content_id = ?", number)


def test_head_of_what_was_collected_is_unknown(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.blob(DATA)
        collect(house, DATA, between=False)
        with pytest.raises(BlobUnknown):
            await house.pulls.blob_head(house.may_pull(), DIGEST)
        data = await house.image()
        house.sql("delete from edge")
        collect(house, data, between=False)
        with pytest.raises(ManifestUnknown):
            await house.pulls.manifest_head(house.may_pull(), Digest.of(data))

    place.run(scenario)


def test_head_that_meets_the_collector_is_decided_inside_the_unit(place: Place) -> None:
    """The candidate was read, then the collector was first: the row that HEAD would move is gone."""

    async def scenario(house: House) -> None:
        await house.blob(DATA)
        (repo_id,) = house.sql("select id from repository")
        number, due = house.id_of(DATA), house.due(DATA)
        house.clock.move(3 * LEASE)
        collect(house, DATA, between=True)
        leased = house.pulls._leased
        assert await leased(house.may_pull(), repo_id, number, due), (
            "somebody took the candidate away, the link is live"
        )
        house.sql("update link set gone_at = 1")
        assert not await leased(house.may_pull(), repo_id, number, due)
        house.sql("delete from link")
        assert not await leased(house.may_pull(), repo_id, number, due)

    place.run(scenario)


def test_a_manifest_takes_its_parts_out_of_the_collectors_hands(place: Place) -> None:
    async def scenario(house: House) -> None:
        config, layer = await house.blob(b"{}"), await house.blob(b"layer")
        house.who = Subject(7, "other")
        await house.blob(b"layer")
        house.who = Subject(0, "anonymous")
        await house.blob(b"bystander")
        await house.manifest(image(b"{}", b"layer"), "v1")
        assert house.due(config) is None
        assert house.due(layer) is None
        assert house.leases(config) == []
        assert [opener for opener, _ in house.leases(layer)] == [7], "another's push still relies on it"
        assert house.due(b"bystander") is not None
        assert len(house.leases(b"bystander")) == 1

    place.run(scenario)


def test_a_tag_is_a_root_and_a_push_by_digest_is_none(place: Place) -> None:
    async def scenario(house: House) -> None:
        tagged = await house.image("v1", name="tagged")
        untagged = await house.image(name="untagged")
        assert house.due(tagged) is None
        assert house.due(untagged) == house.last_at() + WINDOW + LEASE
        await house.manifest(untagged, "v2")
        assert house.due(untagged) is None
        await house.manifest(tagged)
        assert house.due(tagged) == house.last_at() + WINDOW + LEASE

    place.run(scenario)


@pytest.mark.parametrize("how", ["moved", "deleted", "manifest deleted"])
def test_what_a_tag_leaves_is_held_for_the_window_and_a_lease(place: Place, how: str) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", name="old")
        house.clock.move(5)
        if how == "moved":
            await house.image("v1", name="new")
        elif how == "deleted":
            await house.deletion.tag(house.may_delete(), Tag("v1"))
        else:
            await house.deletion.manifest(house.may_delete(), Digest.of(data))
        (at,) = house.sql("select max(at) from tag_event")
        assert house.due(data) == at + WINDOW + LEASE
        if how != "manifest deleted":
            assert (await house.get(Digest.of(data))).data == data

    place.run(scenario)


def test_a_candidate_only_moves_forward(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image()
        due = house.due(data)
        assert due is not None
        house.clock.move(-WINDOW)
        await house.blob(data)
        assert house.due(data) == due
        await house.manifest(data)
        later = house.due(data)
        assert later is not None
        assert later > due

    place.run(scenario)


def test_deleting_ends_the_leases(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.blob(DATA)
        await house.deletion.blob(house.may_delete(), DIGEST)
        assert house.leases(DATA) == []
        assert house.due(DATA) == house.last_at() + WINDOW + LEASE
        assert house.sql("select gone_at is not null from link") == [1]
        assert house.sql("select path from repository") == [REPO]

    place.run(scenario)
