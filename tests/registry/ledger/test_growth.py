"""How storage grew, what is largest, and what lies right below a path: by rights, and in both directions."""

from __future__ import annotations

import pytest
from tests.registry.house import House, Place
from tests.registry.ledger.test_figures import BASE, ONE, THREE, TWO, push
from tests.registry.paths import may_manage

from holdfast.access.errors import Denied, Invalid, Unknown
from holdfast.oci.digest import Digest
from holdfast.registry.ledger.figures import DAY, KEPT_DAYS, Figures
from holdfast.registry.ledger.service import Asked, Storage

MANY = b"m" * 5_000


async def laid(house: House) -> Storage:
    await push(house, "team/a", "v1", BASE, ONE)
    await push(house, "team/b", "v1", BASE)
    await push(house, "team-2/x", "v1", TWO)
    await push(house, "zoo", "v1", MANY)
    await Figures(house.db).walk()
    return Storage(house.db)


def test_only_days_on_which_something_changed_have_a_row(place: Place) -> None:
    async def scenario(house: House) -> None:
        storage = await laid(house)
        rows = house.sql("select path, day from storage_day")
        await Figures(house.db).walk()
        assert house.sql("select path, day from storage_day") == rows
        house.clock.move(3 * DAY)
        await push(house, "team/b", "v2", THREE)
        await Figures(house.db).walk()
        days = await storage.days(may_manage("team"), 30)
        assert len(days) == 4
        assert days[0].live == days[2].live < days[3].live
        assert days[3].live - days[0].live > len(THREE)
        assert len(house.sql("select day from storage_day where path = 'zoo'")) == 1
        house.clock.move((KEPT_DAYS + 5) * DAY)
        await Figures(house.db).walk()
        assert len(house.sql("select day from storage_day where path = 'team/'")) == 1, "one row tells of all since"
        assert len(await storage.days(may_manage("team"), 30)) == 30

    place.run(scenario)


def test_growth_is_counted_from_the_first_day_that_is_known(place: Place) -> None:
    async def scenario(house: House) -> None:
        storage = await laid(house)
        house.clock.move(2 * DAY)
        await push(house, "team/b", "v2", THREE)
        await push(house, "new", "v1", THREE)
        await Figures(house.db).walk()
        found = await storage.growing(may_manage(""), Asked(by_live=True, down=True), 10)
        grown = {each.figure.path: each.growth for each in found.rows}
        assert found.since == house.clock() // DAY - 2
        assert grown["zoo"] == 0
        assert grown["team/b"] is not None
        assert len(THREE) < grown["team/b"] < len(THREE) + 2_000
        new = next(each.figure for each in found.rows if each.figure.path == "new")
        assert grown["new"] == new.live + new.history + new.pending

    place.run(scenario)


@pytest.mark.parametrize("by_live", [True, False])
@pytest.mark.parametrize("down", [True, False])
def test_pages_go_both_ways(place: Place, *, by_live: bool, down: bool) -> None:
    async def scenario(house: House) -> None:
        storage = await laid(house)
        asked = Asked(by_live, down)
        whole = [each.figure.path for each in (await storage.growing(may_manage(""), asked, 100)).rows]
        assert sorted(whole) == ["team-2/x", "team/a", "team/b", "zoo"]
        first = await storage.growing(may_manage(""), asked, 2)
        assert first.previous is None
        second = await storage.growing(may_manage(""), asked._replace(at=first.next or ""), 2)
        assert [each.figure.path for each in (*first.rows, *second.rows)] == whole
        assert second.next is None
        back = await storage.growing(may_manage(""), asked._replace(at=second.previous or "", back=True), 2)
        assert [each.figure.path for each in back.rows] == whole[:2]
        assert back.previous is None
        if by_live:
            with pytest.raises(Invalid):
                await storage.growing(may_manage(""), asked._replace(at="much team/a"), 2)

    place.run(scenario)


@pytest.mark.parametrize("by_live", [True, False])
@pytest.mark.parametrize("down", [True, False])
@pytest.mark.parametrize("path", ["team", ""])
def test_a_part_has_the_order_of_the_whole(place: Place, *, by_live: bool, down: bool, path: str) -> None:
    async def scenario(house: House) -> None:
        storage = await laid(house)
        asked = Asked(by_live, down)
        every = (await storage.growing(may_manage(""), asked, 100)).rows
        wanted = [each.figure.path for each in every if each.figure.path.startswith(path or ("team/", "zoo"))]
        permit = may_manage(path) if path else may_manage("", "reader team/**", "reader zoo/**")
        found, at = [], ""
        while True:
            page = await storage.growing(permit, asked._replace(at=at), 1)
            found += [each.figure.path for each in page.rows]
            if page.next is None:
                break
            at = page.next
        assert found == [each for each in wanted if not each.startswith("team-2")]
        back = await storage.growing(permit, asked._replace(at=page.previous or "", back=True), 1)
        assert [each.figure.path for each in back.rows] == [found[-2]]

    place.run(scenario)


def test_who_may_know_what(place: Place) -> None:
    async def scenario(house: House) -> None:
        storage = await laid(house)
        assert [each.path for each in await storage.below(may_manage(""))] == ["team-2", "team", "zoo"]
        some = may_manage("", "reader team/**", "reader team-2/x:v*")
        assert [each.path for each in await storage.below(some)] == ["team"]
        assert [each.path for each in await storage.below(may_manage(""), 2)] == ["team-2", "team"]
        assert [each.path for each in await storage.below(may_manage("", "reader zoo/**"), 1)] == ["zoo"]
        assert [each.path for each in await storage.below(may_manage("", "reader */x/**"))] == []
        assert [each.path for each in await storage.below(may_manage("team"))] == ["team/a", "team/b"]
        rows = (await storage.growing(some, Asked(), 10)).rows
        assert [each.figure.path for each in rows] == ["team-2/x", "team/a", "team/b"]
        largest = await storage.largest(may_manage("team", "reader team/**"))
        assert [row.size for row in largest] == sorted((row.size for row in largest), reverse=True)
        assert (largest[0].digest, largest[0].repositories) in (
            (Digest.of(BASE), 2),
            (Digest.of(ONE), 1),
        )
        assert Digest.of(TWO) not in {row.digest for row in largest}
        with pytest.raises(Denied):
            await storage.days(some)
        with pytest.raises(Unknown):
            await storage.largest(may_manage("zoo", "reader team/**"))

    place.run(scenario)
