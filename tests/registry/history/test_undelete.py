"""Undelete: what was deleted comes back whole inside the window, by who may, and nothing else does."""

from __future__ import annotations

import pytest
from tests.property.registry_invariants import broken
from tests.registry.house import REPO, SETTINGS, WINDOW, House, Place, index
from tests.registry.paths import may_manage

from holdfast.access.errors import Conflict, Denied
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.errors import (
    BlobUnknown,
    ManifestUnknown,
    NotRestorable,
    QuotaExceeded,
    RegistryError,
    RepositoryUnknown,
)
from holdfast.registry.history.undelete.model import Gone, Kind, Restored
from holdfast.registry.history.undelete.service import Undelete

ALL = may_manage("")


def undelete(house: House) -> Undelete:
    return Undelete(house.db, SETTINGS)


async def restore(house: House, what: str | bytes, *grants: str, with_tags: bool = False) -> Restored:
    reference = Digest.of(what) if isinstance(what, bytes) else Tag(what) if ":" not in what else Digest(what)
    return await undelete(house).restore(may_manage("", *grants), REPO, reference, with_tags=with_tags)


async def delete(house: House, *data: bytes) -> None:
    for each in data:
        house.clock.move(10)
        await house.deletion.manifest(house.may_delete(), Digest.of(each))
    house.clock.move(10)


async def listed(house: House, *grants: str, limit: int = 100) -> list[Gone]:
    found: list[Gone] = []
    after = None
    while True:
        page = await undelete(house).deleted(may_manage("", *grants), REPO, after, limit)
        found += page.found
        after = page.next
        if after is None:
            return found


def used(house: House) -> tuple[int, int]:
    (found,) = house.sql("select coalesce(sum(bytes), 0), coalesce(sum(tags), 0) from usage_delta where path = ?", REPO)
    return int(found[0]), int(found[1])


def test_a_tag_comes_back_with_what_it_pointed_to(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", name="one")
        before = used(house)
        house.clock.move(10)
        await house.deletion.tag(house.may_delete(), Tag("v1"))
        with pytest.raises(ManifestUnknown):
            await house.get("v1")
        (gone,) = await listed(house)
        assert (gone.kind, gone.tag, gone.digest) == (Kind.TAG, "v1", Digest.of(data))
        assert gone.until == gone.deleted_at + WINDOW == house.last_at() + WINDOW
        found = await restore(house, "v1")
        assert (found.digest, found.restored, found.tags) == (Digest.of(data), 0, ("v1",))
        assert (await house.get("v1")).data == data
        assert await listed(house) == []
        assert used(house) == before
        assert house.due(data) is None
        assert house.journal()[-1] == "tag.undeleted"
        with pytest.raises(Conflict):
            await restore(house, "v1")
        assert await broken(house) == {}

    place.run(scenario)


@pytest.mark.parametrize("with_tags", [True, False])
def test_a_manifest_comes_back_with_parts_and_referrers(place: Place, with_tags: bool) -> None:
    async def scenario(house: House) -> None:
        bad = await house.image(name="bad-signature", subject=None)
        one, two = await house.image(name="one"), await house.image(name="two")
        both = index(one, two)
        await house.manifest(both, "v1", "v2")
        signature = await house.image(name="signature", subject=both)
        old = await house.image(name="old-signature", subject=both)
        before = used(house)
        await delete(house, old, both, signature, one, bad)
        await house.deletion.blob(house.may_delete(), Digest.of(b"layer of one"))
        await house.manifest(two, "v2")
        for digest in (both, one, signature):
            with pytest.raises(ManifestUnknown):
                await house.get(Digest.of(digest))
        found = await restore(house, both, with_tags=with_tags)
        assert found.restored == 4, "the index, an image, its layer, and the signature"
        assert found.tags == (("v1",) if with_tags else ())
        assert found.left == (("v2",) if with_tags else ())
        for data in (both, one, two, signature):
            assert (await house.get(Digest.of(data))).data == data
        assert await house.read(Digest.of(b"layer of one")) == b"layer of one"
        assert await house.referrers(both) == [Digest.of(signature)], "what was deleted before stays deleted"
        for data in (old, bad):
            with pytest.raises(ManifestUnknown):
                await house.get(Digest.of(data))
        assert (house.due(both) is None) == with_tags
        assert used(house)[0] == before[0] - len(old) - len(bad)
        assert used(house)[1] == before[1] - (0 if with_tags else 1)
        assert await broken(house) == {}

    place.run(scenario)


def test_a_blob_comes_back(place: Place) -> None:
    async def scenario(house: House) -> None:
        digest = await house.blob(b"some bytes")
        await house.image("v1")
        house.clock.move(10)
        await house.deletion.blob(house.may_delete(), digest)
        with pytest.raises(BlobUnknown):
            await house.read(digest)
        (gone,) = await listed(house)
        assert (gone.kind, gone.digest, gone.size) == (Kind.BLOB, digest, 10)
        house.clock.move(10)
        found = await restore(house, str(digest))
        assert (found.restored, found.bytes) == (1, 10)
        assert await house.read(digest) == b"some bytes"
        assert house.journal()[-1] == "blob.undeleted"
        with pytest.raises(Conflict):
            await restore(house, str(digest))

    place.run(scenario)


def test_nothing_comes_back_after_the_window(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", "v2")
        house.clock.move(10)
        await house.deletion.tag(house.may_delete(), Tag("v2"))
        await delete(house, data)
        house.clock.move(WINDOW)
        assert await listed(house) == []
        for what in ("v1", "v2", data):
            with pytest.raises(NotRestorable):
                await restore(house, what)
        house.sql("insert into setting (path, name, value) values ('team', 'window', ?)", str(3 * WINDOW))
        assert {gone.tag for gone in await listed(house)} == {"v1", "v2", None}
        await restore(house, "v2")
        house.sql("update setting set value = '0'")
        with pytest.raises(NotRestorable):
            await restore(house, "v1")

    place.run(scenario)


def test_nothing_comes_back_of_a_history_that_was_cut(place: Place) -> None:
    """As by `holdfast collect --window 0`."""

    async def scenario(house: House) -> None:
        data = await house.image("v1")
        await delete(house, data)
        house.sql("insert into setting (path, name, value) values ('team', 'history-cut', ?)", str(house.clock.now))
        assert await listed(house) == []
        for what in ("v1", data):
            with pytest.raises(NotRestorable):
                await restore(house, what)
        other = await house.image("v2", name="later")
        await delete(house, other)
        assert {gone.digest for gone in await listed(house)} == {Digest.of(other)}
        await restore(house, "v2")

    place.run(scenario)


def test_what_is_gone_is_named(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        await delete(house, data)
        layer = Digest.of(b"layer of app")
        house.sql("update content set state = 1 where digest = ?", layer)
        with pytest.raises(NotRestorable, match=str(layer)):
            await restore(house, data)
        house.sql("update content set state = 0 where digest = ?", layer)
        house.sql("update content set state = 3 where digest = ?", Digest.of(data))
        house.sql(
            "insert into purged (content_id, reason, actor, at) values (?, 'a leaked key', 'user:root', 1)",
            house.id_of(data),
        )
        for what in (data, "v1"):
            with pytest.raises(NotRestorable, match="purged: a leaked key"):
                await restore(house, what)
        assert [gone.kind for gone in await listed(house)] == [Kind.TAG]

    place.run(scenario)


def test_what_never_was_here_is_not_shown(place: Place) -> None:
    """A child that a sparse index waits for, and that another repository has, is no deletion of this one."""

    async def scenario(house: House) -> None:
        house.sql("insert into setting (path, name, value) values ('team/app', 'sparse-indexes', 'true')")
        child = await house.image("v1", repo="other/app", name="secret")
        lost = index(child)
        await house.manifest(lost, "v1")
        house.clock.move(10)
        with pytest.raises(ManifestUnknown):
            await restore(house, child)
        await delete(house, lost)
        assert {gone.digest for gone in await listed(house)} == {Digest.of(lost)}
        await restore(house, lost)
        for digest in (Digest.of(child), Digest.of(b"layer of secret")):
            with pytest.raises(RegistryError):
                await house.get(digest)
            with pytest.raises(BlobUnknown):
                await house.read(digest)

    place.run(scenario)


def test_who_may(place: Place) -> None:
    async def scenario(house: House) -> None:
        dev, prod = await house.image("dev-1", name="dev"), await house.image("prod-1", name="prod")
        await delete(house, dev, prod)
        reads, writes = "reader team/app:dev-*", "writer team/app:dev-*"
        for grant in (reads, writes):
            assert {gone.tag for gone in await listed(house, grant)} == {"dev-1", None}
            assert {gone.digest for gone in await listed(house, grant)} == {Digest.of(dev)}
            with pytest.raises((ManifestUnknown, Denied)):
                await restore(house, prod, grant)
        for what in ("dev-1", dev):
            with pytest.raises(Denied):
                await restore(house, what, reads)
        with pytest.raises(RepositoryUnknown):
            await restore(house, dev, "writer other/**")
        with pytest.raises(RepositoryUnknown):
            await listed(house, "writer other/**")
        with pytest.raises(ManifestUnknown):
            await restore(house, "prod-1", writes)
        with pytest.raises(Denied):
            await restore(house, dev, writes, "deny:create-tag team/app:dev-1", with_tags=True)
        assert (await restore(house, dev, writes, with_tags=True)).tags == ("dev-1",)

    place.run(scenario)


def test_the_list_comes_in_pages(place: Place) -> None:
    async def scenario(house: House) -> None:
        images = [await house.image(f"v{n}", f"w{n}", name=f"image {n}") for n in range(4)]
        await delete(house, *images)
        whole = await listed(house)
        assert len(whole) == 12
        assert [each.deleted_at for each in whole] == sorted((each.deleted_at for each in whole), reverse=True)
        for limit in (1, 2, 5):
            assert await listed(house, limit=limit) == whole

    place.run(scenario)


def test_a_quota_is_asked(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        await delete(house, data)
        house.sql("insert into setting (path, name, value) values ('team', 'quota-tags', '0')")
        with pytest.raises(QuotaExceeded):
            await restore(house, "v1")
        assert house.sql("select name from tag") == []
        await restore(house, data)

    place.run(scenario)
