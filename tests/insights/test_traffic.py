"""Pulls and pushes by day of all that somebody may know as a whole: summed once, told to nobody else, forgotten."""

from __future__ import annotations

import pytest
from tests.insights.counted import Counting, use
from tests.registry.house import House, Place
from tests.registry.paths import may_manage

from holdfast.access.errors import Invalid
from holdfast.insights.aging import TRAFFIC, forget
from holdfast.insights.model import DAY, RECENT, day_of
from holdfast.insights.traffic import Traffic
from holdfast.oci.digest import Digest


async def used(house: House) -> Counting:
    """Two days of pulls in one repository, one push among them."""
    counting = Counting(house)
    await counting.begin()
    digest = Digest.of(await house.image("v1"))
    await counting.count(use(digest, "v1", times=3), use(digest, "v1", agent="trivy", times=50))
    house.clock.move(DAY)
    await counting.count(use(digest, "v1", times=4))
    return counting


def test_days_are_summed_for_who_may_know_them(place: Place) -> None:
    async def scenario(house: House) -> None:
        await used(house)
        traffic = Traffic(house.db)
        whole = await traffic.recent(may_manage(""))
        assert whole is not None
        assert whole.paths == ("",)
        today = day_of(house.clock.now)
        assert [(day - today, counts.pulls, counts.pushes) for day, counts in whole.days] == [(-1, 3, 1), (0, 4, 0)]
        assert (whole.total.pulls, whole.total.pushes) == (7, 1), "scanners are nobody who runs images"
        assert (whole.first, whole.counted_since) == (today - RECENT + 1, today - 1)
        own = await traffic.recent(may_manage("", "reader team/**", "reader team/deep/**", "reader other/**"))
        assert own is not None
        assert own.paths == ("other", "team"), "what is inside another one counts once"
        assert own.days == whole.days
        assert await traffic.recent(may_manage("team", "reader team/**")) is not None
        for permit in (
            may_manage("", "reader team/app:v*"),
            may_manage("team", "reader team/app:v*"),
            may_manage("team", "reader other/**"),
            may_manage("", "reader te*/**"),
        ):
            assert await traffic.recent(permit) is None
        elsewhere = await traffic.recent(may_manage("", "reader other/**"))
        assert elsewhere is not None
        assert elsewhere.days == []
        with pytest.raises(Invalid):
            await traffic.recent(may_manage("no//name"))

    place.run(scenario)


def test_days_grow_old_and_are_forgotten(place: Place) -> None:
    async def scenario(house: House) -> None:
        await used(house)
        house.clock.move((RECENT - 1) * DAY)
        whole = await Traffic(house.db).recent(may_manage(""))
        assert whole is not None
        assert [counts.pulls for _, counts in whole.days] == [4]
        assert [int(each) for each in house.sql("select sum(pulls) from insight_traffic where path = '/'")] == [57]
        house.clock.move((TRAFFIC - RECENT + 1) * DAY)
        await forget(house.db)
        assert [int(each) for each in house.sql("select sum(pulls) from insight_traffic where path = '/'")] == [4]
        house.clock.move(2 * DAY)
        await forget(house.db)
        assert house.sql("select count(*) from insight_traffic") == [0]

    place.run(scenario)
