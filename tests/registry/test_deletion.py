"""Deletes: 404 at once, nothing from under what uses it, and a tombstone that stays."""

from __future__ import annotations

import pytest
from tests.registry.house import House, Place, image, index

from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.errors import BlobUnknown, InUse, ManifestUnknown, RepositoryUnknown


async def delete(house: House, data: bytes) -> None:
    await house.deletion.manifest(house.may_delete(), Digest.of(data))


async def delete_blob(house: House, data: bytes) -> None:
    await house.deletion.blob(house.may_delete(), Digest.of(data))


async def gone(house: House, data: bytes) -> bool:
    """Whether a manifest answers 404 to GET and HEAD."""
    answers = []
    for call in (house.pulls.manifest, house.pulls.manifest_head):
        try:
            await call(house.may_pull(), Digest.of(data))
            answers.append(False)
        except ManifestUnknown:
            answers.append(True)
    assert len(set(answers)) == 1
    return answers[0]


def test_a_tag_goes_and_its_manifest_stays(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", "v2")
        await house.deletion.tag(house.may_delete(), Tag("v1"))
        with pytest.raises(ManifestUnknown):
            await house.get("v1")
        assert (await house.get("v2")).data == (await house.get(Digest.of(data))).data == data
        with pytest.raises(ManifestUnknown):
            await house.deletion.tag(house.may_delete(), Tag("v1"))

    place.run(scenario)


def test_a_manifest_goes_with_all_its_tags_and_leaves_a_tombstone(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", "v2")
        other = await house.image("v3", name="other")
        await delete(house, data)
        assert await gone(house, data)
        assert (await house.listing.tags(house.may_pull(), "", None)).names == ["v3"]
        assert (await house.get("v3")).data == other
        assert house.sql("select gone_at from link where content_id = ?", house.id_of(data)) == [house.last_at()]
        assert house.sql("select length(bytes) from body where content_id = ?", house.id_of(data)) == [len(data)]
        with pytest.raises(ManifestUnknown):
            await delete(house, data)
        assert await house.read(Digest.of(b"layer of app")) == b"layer of app"

    place.run(scenario)


def test_deleting_elsewhere_is_deleting_elsewhere(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        await house.image("v1", repo="other")
        await house.deletion.manifest(house.may_delete("other"), Digest.of(data))
        await house.deletion.blob(house.may_delete("other"), Digest.of(b"layer of app"))
        assert not await gone(house, data)
        assert await house.read(Digest.of(b"layer of app")) == b"layer of app"

    place.run(scenario)


def test_what_is_not_there_is_said(place: Place) -> None:
    async def scenario(house: House) -> None:
        absent = Digest.of(b"absent")
        for call in (house.deletion.manifest, house.deletion.blob):
            with pytest.raises(RepositoryUnknown):
                await call(house.may_delete(), absent)
        with pytest.raises(RepositoryUnknown):
            await house.deletion.tag(house.may_delete(), Tag("v1"))
        data = await house.image()
        with pytest.raises(ManifestUnknown):
            await house.deletion.manifest(house.may_delete(), absent)
        with pytest.raises(ManifestUnknown):
            await delete(house, b"layer of app")
        with pytest.raises(BlobUnknown):
            await house.deletion.blob(house.may_delete(), absent)
        with pytest.raises(BlobUnknown):
            await delete_blob(house, data)
        assert house.sql("select seq from repository") == [1], "what is refused takes no place in history"

    place.run(scenario)


def test_a_blob_that_a_manifest_uses_is_refused_naming_it(place: Place) -> None:
    async def scenario(house: House) -> None:
        for data in (b"{}", b"shared", b"free"):
            await house.blob(data)
        users = [image(b"{}", b"shared", annotations={"n": str(number)}) for number in range(3)]
        for data in users:
            await house.manifest(data)
        for data in (b"shared", b"{}"):
            with pytest.raises(InUse) as caught:
                await delete_blob(house, data)
            assert caught.value.detail == {"used_by": [Digest.of(each) for each in users]}
        await delete_blob(house, b"free")
        for data in users:
            await delete(house, data)
        await delete_blob(house, b"shared")
        with pytest.raises(BlobUnknown):
            await house.read(Digest.of(b"shared"))

    place.run(scenario)


def test_at_most_ten_users_are_named(place: Place) -> None:
    async def scenario(house: House) -> None:
        for data in (b"{}", b"shared"):
            await house.blob(data)
        for number in range(15):
            await house.manifest(image(b"{}", b"shared", annotations={"n": str(number)}))
        with pytest.raises(InUse) as caught:
            await delete_blob(house, b"shared")
        assert len(caught.value.detail["used_by"]) == 10  # type: ignore[arg-type]

    place.run(scenario)


def test_a_manifest_that_an_index_lists_is_refused(place: Place) -> None:
    async def scenario(house: House) -> None:
        child = await house.image("child")
        parent = index(child)
        await house.manifest(parent, "v1")
        with pytest.raises(InUse) as caught:
            await delete(house, child)
        assert caught.value.detail == {"used_by": [Digest.of(parent)]}
        assert (await house.get("child")).data == child
        await delete(house, parent)
        await delete(house, child)

    place.run(scenario)


def test_a_subject_does_not_hold_its_referrer_nor_a_referrer_its_subject(place: Place) -> None:
    async def scenario(house: House) -> None:
        for first in ("subject", "referrer"):
            subject = await house.image("v1", name=first)
            referrer = await house.image(name=f"signature of {first}", subject=subject)
            order = (subject, referrer) if first == "subject" else (referrer, subject)
            for data in order:
                await delete(house, data)
            assert await gone(house, subject)
            assert await gone(house, referrer)

    place.run(scenario)


def test_an_index_whose_subject_is_its_own_child(place: Place) -> None:
    """The child is listed, so the index goes first; the index is kept by its subject, which does not use it."""

    async def scenario(house: House) -> None:
        child = await house.image(name="child")
        parent = index(child, subject=child)
        await house.manifest(parent, "v1")
        assert await house.referrers(child) == [Digest.of(parent)]
        with pytest.raises(InUse) as caught:
            await delete(house, child)
        assert caught.value.detail == {"used_by": [Digest.of(parent)]}
        await delete(house, parent)
        await delete(house, child)

    place.run(scenario)


def test_a_child_whose_subject_is_its_own_index(place: Place) -> None:
    """An index cannot name a child that names the index by digest; but the index may be the subject by another name."""

    async def scenario(house: House) -> None:
        child = await house.image(name="child")
        parent = index(child)
        await house.manifest(parent, "v1")
        signature = await house.image(name="signature", subject=parent)
        both = index(child, signature, subject=parent)
        await house.manifest(both, "v2")
        for data in (child, signature):
            with pytest.raises(InUse):
                await delete(house, data)
        await delete(house, parent)
        with pytest.raises(InUse) as caught:
            await delete(house, child)
        assert caught.value.detail == {"used_by": [Digest.of(both)]}
        await delete(house, both)
        await delete(house, signature)
        await delete(house, child)

    place.run(scenario)


def test_what_was_deleted_can_be_pushed_again(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        for _ in range(3):
            await delete(house, data)
            for part in (b'{"name":"app"}', b"layer of app"):
                await delete_blob(house, part)
                with pytest.raises(BlobUnknown):
                    await house.pulls.blob_head(house.may_pull(), Digest.of(part))
            assert await house.image("v1") == data
            assert not await gone(house, data)
            assert (await house.get("v1")).data == data

    place.run(scenario)


def test_deleted_content_is_not_mounted(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.blob(b"data")
        digest = Digest.of(b"data")
        assert await house.mounts.blob(house.may_push("one"), house.may_pull(), digest)
        await delete_blob(house, b"data")
        assert not await house.mounts.blob(house.may_push("two"), house.may_pull(), digest)
        assert not await house.mounts.blob(house.may_push("two"), house.may_pull("nowhere"), digest)
        assert not await house.mounts.blob(house.may_push("two"), house.may_pull("one"), Digest.of(b"absent"))
        assert await house.mounts.blob(house.may_push("two"), house.may_pull("one"), digest)
        house.sql("update content set state = 1")
        assert not await house.mounts.blob(house.may_push("three"), house.may_pull("two"), digest)

    place.run(scenario)
