"""Pulls of 30 days in lists: every tag once in either direction, told to who may be told."""

from __future__ import annotations

import pytest
from tests.insights.counted import Counting, use
from tests.registry.house import REPO, House, Place
from tests.registry.paths import may_manage

from holdfast.access.errors import Invalid
from holdfast.insights.recent import Recent
from holdfast.oci.digest import Digest


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_every_tag_is_on_one_page_in_either_direction(place: Place, *, descending: bool, limit: int) -> None:
    async def scenario(house: House) -> None:
        counting = Counting(house)
        await counting.begin()
        data = await house.image("a", name="one")
        for tag in ("b", "c", "d", "e", "f"):
            await house.manifest(data, tag)
        digest = Digest.of(data)
        await counting.count(*(use(digest, tag, times=n) for tag, n in (("b", 3), ("d", 3), ("e", 7), ("a", 1))))
        recent, permit = Recent(house.db), may_manage(REPO)
        expected = ["c", "f", "a", "b", "d", "e"]
        if descending:
            expected.reverse()
        seen: list[str] = []
        part = await recent.order(permit, REPO, descending, "", "", limit)
        assert part.previous is None
        pages = [part.names]
        while part.next is not None:
            part = await recent.order(permit, REPO, descending, part.next, "", limit)
            pages.append(part.names)
        seen = [name for page in pages for name in page]
        assert seen == expected
        back = [part.names]
        while part.previous is not None:
            part = await recent.order(permit, REPO, descending, "", part.previous, limit)
            back.insert(0, part.names)
        assert [name for page in back for name in page] == expected
        assert dict(await recent.tags(permit, REPO, ["a", "c", "e"])) == {"a": 1, "c": 0, "e": 7}
        known = (await recent.repositories(permit, [REPO]))[REPO]
        assert (known.pulls, known.days[-1], sum(known.days)) == (14, 14, 14)
        found = await recent.use(permit, REPO, digest)
        assert found is not None
        assert (found.pulls, found.days[-1], found.platforms) == (14, 14, [])
        with pytest.raises(Invalid):
            await recent.order(permit, REPO, descending, "no place", "", limit)

    place.run(scenario)
