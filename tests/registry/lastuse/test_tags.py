"""The list of tags: in both orders, complete, with sizes and last use, and only of what may be told."""

from __future__ import annotations

import pytest
from tests.registry.house import START, House, Place, index

from holdfast.access.errors import Denied
from holdfast.access.model import UNCHECKED, PathPermit
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import Circumstances
from holdfast.journal.model import Origin
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName
from holdfast.registry.errors import RepositoryUnknown
from holdfast.registry.lastuse.service import LastUse
from holdfast.registry.lastuse.tags import TagList, ToldTag

REPO = RepositoryName("team/app")


def may(house: House) -> PathPermit:
    return PathPermit(house.who, REPO, UNCHECKED, Origin("test"), Rights.EVERYTHING, Circumstances("", START))


async def listed(house: House, *, by_version: bool, limit: int) -> list[ToldTag]:
    """All tags, page by page."""
    tags, found, after = TagList(house.db), [], ""
    while True:
        page = await tags.page(may(house), REPO, by_version=by_version, after=after, limit=limit)
        found += page.tags
        assert len(page.tags) <= limit
        if page.next is None:
            return found
        after = page.next


def test_both_orders_are_complete_whatever_the_page(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1.10", "v1.9", "v1.2.0-rc1", "v1.2.0", "main", "v2")
        await house.manifest(data, "edge")
        for limit in (1, 2, 3, 6, 7, 8):
            names = [tag.name for tag in await listed(house, by_version=False, limit=limit)]
            assert names == ["edge", "main", "v1.10", "v1.2.0", "v1.2.0-rc1", "v1.9", "v2"]
            versions = [tag.name for tag in await listed(house, by_version=True, limit=limit)]
            assert versions == ["v2", "v1.10", "v1.9", "v1.2.0", "v1.2.0-rc1", "main", "edge"]

    place.run(scenario)


def test_a_tag_tells_its_size_and_when_it_was_pushed_and_pulled(place: Place) -> None:
    async def scenario(house: House) -> None:
        child = await house.image(name="child")
        other = await house.image(name="other")
        outer = index(child, other)
        await house.manifest(outer, "multi")
        await house.image(name="signature", subject=outer)
        last = LastUse(house.db)
        await last.begin()
        (tag,) = await listed(house, by_version=False, limit=10)
        parts = sum(len(f'{{"name":"{each}"}}') + len(f"layer of {each}") for each in ("child", "other"))
        assert tag == ToldTag(
            "multi",
            Digest.of(outer),
            "application/vnd.oci.image.index.v1+json",
            len(outer) + len(child) + len(other) + parts,
            house.last_at() - 1,
            None,
        )
        house.clock.move(9)
        last.pulled(REPO, Digest.of(child), Digest.of(child))
        await last.flush()
        (tag,) = await listed(house, by_version=True, limit=10)
        assert tag.pulled_at == house.clock.now

    place.run(scenario)


def test_nothing_is_told_to_who_may_not_see(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("v1")
        permit = may(house)
        nobody = PathPermit(house.who, REPO, UNCHECKED, Origin("test"), Rights("user:x", (), {}), permit.here)
        with pytest.raises((RepositoryUnknown, Denied)):
            await TagList(house.db).page(nobody, REPO, by_version=False, after="", limit=1)
        with pytest.raises(RepositoryUnknown):
            await TagList(house.db).page(permit, RepositoryName("none"), by_version=False, after="", limit=1)

    place.run(scenario)
