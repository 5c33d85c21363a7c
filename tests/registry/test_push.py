"""A manifest push: what it may leave out, what it keeps, and what a second push of the same bytes does."""

from __future__ import annotations

import json

import pytest
from tests.registry.house import CONFIG, LAYER, MANIFEST, REPO, House, Place, descriptor, image, index

from holdfast.oci.digest import Digest
from holdfast.oci.errors import ManifestInvalid
from holdfast.oci.name import RepositoryName
from holdfast.registry.errors import BlobsMissing, BlobUnknown, ManifestUnknown
from holdfast.registry.push.service import SPARSE_INDEXES
from holdfast.registry.store import effective_setting


def keepers(house: House, data: bytes | str) -> list[str]:
    """Who keeps content, by digest."""
    return house.sql(
        "select k.digest from edge e join content k on k.id = e.keeper_id where e.kept_id = ? order by k.digest",
        house.id_of(data),
    )


def test_what_is_not_there_is_named_and_nothing_is_stored(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.blob(b"{}")
        with pytest.raises(BlobsMissing) as caught:
            await house.manifest(image(b"{}", b"a", b"{}", b"b", b"a"), "v1")
        assert caught.value.digests == (Digest.of(b"a"), Digest.of(b"b"))
        child = image(b"{}")
        with pytest.raises(BlobsMissing) as caught:
            await house.manifest(index(child), "v1")
        assert caught.value.digests == (Digest.of(child),)
        assert house.sql("select count(*) from content") == [1]
        assert house.sql("select seq from repository") == [0]
        assert house.journal() == []

    place.run(scenario)


def test_parts_in_another_repository_are_missing_here(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", repo="other")
        with pytest.raises(BlobsMissing):
            await house.manifest(data, "v1")
        with pytest.raises(BlobsMissing):
            await house.manifest(index(data), "v1")

    place.run(scenario)


def test_deleted_and_damaged_parts_are_missing(place: Place) -> None:
    async def scenario(house: House) -> None:
        for data in (b"{}", b"a", b"b"):
            await house.blob(data)
        await house.deletion.blob(house.may_delete(), Digest.of(b"a"))
        house.sql("update content set state = 1 where digest = ?", Digest.of(b"b"))
        with pytest.raises(BlobsMissing) as caught:
            await house.manifest(image(b"{}", b"a", b"b"), "v1")
        assert set(caught.value.digests) == {Digest.of(b"a"), Digest.of(b"b")}

    place.run(scenario)


def test_layers_that_nobody_distributes_need_not_be_there_and_are_kept_when_they_are(place: Place) -> None:
    foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"

    def with_foreign(layer: bytes) -> bytes:
        layers = [descriptor(layer, foreign)]
        return json.dumps(
            {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(b"{}", CONFIG), "layers": layers}
        ).encode()

    async def scenario(house: House) -> None:
        await house.blob(b"{}")
        await house.blob(b"here")
        await house.manifest(with_foreign(b"absent"), "absent")
        await house.manifest(with_foreign(b"here"), "here")
        assert house.sql("select count(*) from content where digest = ?", Digest.of(b"absent")) == [0]
        assert keepers(house, b"here") == [Digest.of(with_foreign(b"here"))]

    place.run(scenario)


def test_a_manifest_keeps_its_parts_and_an_index_its_manifests(place: Place) -> None:
    async def scenario(house: House) -> None:
        one, two = await house.image(name="one"), await house.image(name="two")
        both = index(one, two, one)
        await house.manifest(both, "v1")
        assert keepers(house, b"layer of one") == [Digest.of(one)]
        assert keepers(house, one) == keepers(house, two) == [Digest.of(both)]
        assert keepers(house, both) == []

    place.run(scenario)


def test_bytes_and_media_type_are_kept_as_they_came_first(place: Place) -> None:
    """In each repository by itself."""
    other = "application/vnd.example.thing.v1+json"

    async def scenario(house: House) -> None:
        document = {"schemaVersion": 2, "config": descriptor(b"{}", CONFIG), "layers": [descriptor(b"a", LAYER)]}
        data = json.dumps(document, indent=3).encode() + b"\n  "
        for repo in (REPO, "other"):
            for part in (b"{}", b"a"):
                await house.blob(part, repo)
        await house.manifest(data, "v1", media_type=MANIFEST + "; charset=utf-8")
        await house.manifest(data, "v2", media_type=other)
        await house.manifest(data, "v1", media_type=other, repo="other")
        for reference in ("v1", "v2", Digest.of(data)):
            found = await house.get(reference)
            assert (found.data, found.media_type) == (data, MANIFEST)
        assert (await house.get("v1", "other")).media_type == other
        await house.deletion.manifest(house.may_delete(), Digest.of(data))
        await house.manifest(data, "v3", media_type=other)
        assert (await house.get("v3")).media_type == MANIFEST

    place.run(scenario)


def test_a_deleted_manifest_is_revived_by_its_push(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        digest = Digest.of(data)
        await house.deletion.manifest(house.may_delete(), digest)
        await house.deletion.blob(house.may_delete(), Digest.of(b"layer of app"))
        with pytest.raises(BlobsMissing):
            await house.manifest(data, "v1")
        with pytest.raises(ManifestUnknown):
            await house.get(digest)
        await house.blob(b"layer of app")
        await house.manifest(data, "v2")
        assert (await house.get("v2")).data == (await house.get(digest)).data == data
        with pytest.raises(ManifestUnknown):
            await house.get("v1")
        assert house.journal().count("manifest.pushed") == 2

    place.run(scenario)


def test_a_deleted_manifest_that_comes_back_as_a_blob_is_a_blob(place: Place) -> None:
    async def scenario(house: House) -> None:
        subject = await house.image("v1", name="subject")
        data = await house.image(name="signature", subject=subject)
        digest, layer = Digest.of(data), Digest.of(b"layer of signature")
        await house.deletion.manifest(house.may_delete(), digest)
        assert await house.referrers(subject) == []
        await house.blob(data)
        assert await house.read(digest) == data
        with pytest.raises(ManifestUnknown):
            await house.get(digest)
        assert await house.referrers(subject) == []
        await house.deletion.blob(house.may_delete(), layer)
        with pytest.raises(BlobUnknown):
            await house.read(layer)
        await house.blob(b"layer of signature")
        await house.manifest(data)
        assert (await house.get(digest)).data == data
        assert await house.referrers(subject) == [digest]
        assert keepers(house, layer) == [digest]

    place.run(scenario)


def test_a_live_manifest_pushed_as_a_blob_stays_a_manifest(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        await house.blob(data)
        assert (await house.get("v1")).data == data
        assert house.sql("select kind from link where content_id = ?", house.id_of(data)) == [1]

    place.run(scenario)


def test_many_tags_move_together(place: Place) -> None:
    async def scenario(house: House) -> None:
        names = [f"v{number}" for number in range(50)]
        data = await house.image(*names)
        for name in names:
            assert (await house.get(name)).data == data
        assert house.sql("select distinct seq from tag_event") == [1]

    place.run(scenario)


def test_what_is_no_manifest_is_refused(place: Place) -> None:
    async def scenario(house: House) -> None:
        for data in (b"", b"{}", b"[]", b'{"schemaVersion":2}', b"\xff"):
            with pytest.raises(ManifestInvalid):
                await house.manifest(data, "v1", media_type=MANIFEST)
        assert house.sql("select count(*) from repository") == [0]

    place.run(scenario)


def test_an_index_may_be_sparse_where_a_setting_says_so(place: Place) -> None:
    async def scenario(house: House) -> None:
        here, later = await house.image(name="here"), image(b"{}", b"later")
        sparse = index(here, later)
        with pytest.raises(BlobsMissing):
            await house.manifest(sparse, "v1")
        house.sql("insert into setting values ('team', ?, 'true')", SPARSE_INDEXES)
        await house.manifest(sparse, "v1")
        assert (await house.get("v1")).data == sparse
        for call in (house.get(Digest.of(later)), house.read(Digest.of(later))):
            with pytest.raises((ManifestUnknown, BlobUnknown)):
                await call
        assert keepers(house, later) == keepers(house, here) == [Digest.of(sparse)]
        for data in (b"{}", b"later"):
            await house.blob(data)
        await house.manifest(later)
        assert (await house.get(Digest.of(later))).data == later
        assert keepers(house, later) == [Digest.of(sparse)]
        assert house.state(later) == 0

    place.run(scenario)


def test_an_awaited_child_may_be_elsewhere_or_come_as_a_blob_first(place: Place) -> None:
    async def scenario(house: House) -> None:
        child = await house.image(name="child", repo="other")
        await house.manifest(index(child), "v1")
        with pytest.raises(ManifestUnknown):
            await house.get(Digest.of(child))
        await house.blob(child)
        assert await house.read(Digest.of(child)) == child
        for part in (b'{"name":"child"}', b"layer of child"):
            await house.blob(part)
        await house.manifest(child)
        assert (await house.get(Digest.of(child))).data == child
        assert keepers(house, child) == [Digest.of(index(child))]

    place.run(scenario, sparse_indexes=True)


SETTINGS = [
    ([], None),
    ([("", "1")], ("", "1")),
    ([("", "1"), ("team", "2")], ("team", "2")),
    ([("team/app", "3"), ("team", "2")], ("team/app", "3")),
    ([("team/ap", "4"), ("te", "5"), ("team/app/x", "6"), ("team/", "7")], None),
    ([("", "1"), ("team/other", "8"), ("Team", "9")], ("", "1")),
]


@pytest.mark.parametrize(("rows", "wanted"), SETTINGS)
def test_the_longest_prefix_that_has_a_setting_decides(
    place: Place, rows: list[tuple[str, str]], wanted: tuple[str, str] | None
) -> None:
    async def scenario(house: House) -> None:
        for path, value in rows:
            house.sql("insert into setting values (?, 'x', ?)", path, value)
            house.sql("insert into setting values (?, 'y', 'not asked for')", path)
        assert await effective_setting(house.db, RepositoryName.parse(REPO).prefixes(), "x") == wanted

    place.run(scenario)
