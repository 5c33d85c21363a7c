"""What is told of counts, and to whom; what grows old, and what is forgotten."""

from __future__ import annotations

import pytest
from tests.insights.counted import Counting, use
from tests.registry.house import REPO, House, Place, image
from tests.registry.paths import may_manage

from holdfast.access.errors import Denied, Invalid
from holdfast.access.usage.classes import SubjectClass
from holdfast.insights.aging import KIND, age, forget
from holdfast.insights.looking import Asked, By, Insights
from holdfast.insights.model import DAY
from holdfast.insights.platforms import Platforms
from holdfast.insights.ranking import Ranking
from holdfast.insights.showback import Showback
from holdfast.insights.storing import note_storage
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName
from holdfast.registry.errors import RepositoryUnknown
from holdfast.registry.ledger.figures import Figures

NAME = RepositoryName.parse(REPO)


async def shop(house: House) -> tuple[Counting, str, str]:
    """A repository with pulls of two images by three subjects."""
    counting = Counting(house)
    await counting.begin()
    first = Digest.of(await house.image("v1", name="first"))
    second = Digest.of(await house.image("dev-1", name="second"))
    await counting.count(
        use(first, "v1", subject="user:alice", agent="docker", times=3, network="198.51.100.0/24"),
        use(first, times=2),
        use(second, "dev-1", times=4),
        use(second, "dev-1", agent="trivy", times=50),
    )
    return counting, first, second


def test_a_report_leaves_scanners_out_unless_asked(place: Place) -> None:
    async def scenario(house: House) -> None:
        await shop(house)
        insights = Insights(house.db)
        found = await insights.report(may_manage(REPO), NAME, Asked(), By.TAG, 10)
        assert found.total is not None
        assert (found.total.pulls, found.total.named, found.total.pushes) == (9, 9, 2)
        assert [(row.name, row.counts.pulls) for row in found.rows] == [("v1", 5), ("dev-1", 4)]
        assert found.days is not None
        assert [counts.pulls for _, counts in found.days] == [9]
        whole = await insights.report(may_manage(REPO), NAME, Asked(everyone=True), By.CLASS, 10)
        assert [(row.name, row.counts.pulls) for row in whole.rows] == [
            ("scanner", 50), ("robot", 6), ("person", 3), ("anonymous", 0),
        ]  # fmt: skip
        few = await insights.report(may_manage(REPO), NAME, Asked(), By.AGENT, 1)
        assert ([row.name for row in few.rows], few.more) == (["containerd"], True)

    place.run(scenario)


def test_platforms_come_from_configurations(place: Place) -> None:
    async def scenario(house: House) -> None:
        counting = Counting(house)
        config = b'{"architecture":"arm64","os":"linux","variant":"v8"}'
        await house.blob(config)
        await house.manifest(image(config), "v1")
        bare = Digest.of(await house.image("bare"))
        await counting.begin()
        await counting.count(use(Digest.of(image(config)), "v1", times=2), use(bare, "bare"))
        permit, insights = may_manage(REPO), Insights(house.db)
        before = await insights.report(permit, NAME, Asked(), By.PLATFORM, 10)
        assert [(row.name, row.counts.pulls) for row in before.rows] == [(None, 3)]
        assert await Platforms(house.db, house.objects).run() == 2
        assert await Platforms(house.db, house.objects).run() == 0
        after = await insights.report(permit, NAME, Asked(), By.PLATFORM, 10)
        assert [(row.name, row.counts.pulls) for row in after.rows] == [("linux/arm64/v8", 2), ("", 1)]

    place.run(scenario)


def test_who_may_be_told_of_some_tags_is_told_of_those_alone(place: Place) -> None:
    async def scenario(house: House) -> None:
        await shop(house)
        insights, ranking = Insights(house.db), Ranking(house.db)
        some = may_manage(REPO, "reader team/app:v*")
        found = await insights.report(some, NAME, Asked(), By.TAG, 10)
        assert (found.total, found.days) == (None, None)
        assert [row.name for row in found.rows] == ["v1"]
        for by in (By.DIGEST, By.AGENT, By.CLASS, By.PLATFORM, By.NETWORK, By.SUBJECT):
            with pytest.raises(Denied):
                await insights.report(some, NAME, Asked(), by, 10)
        assert [each.tag for each in await ranking.top(some, 10)] == ["v1"]
        assert await ranking.top(may_manage("team", "reader team/app:v*"), 10) == []
        reader = may_manage(REPO, "reader team/**")
        with pytest.raises(Denied):
            await insights.report(reader, NAME, Asked(), By.SUBJECT, 10)
        with pytest.raises(Denied):
            await insights.who(reader, NAME, Asked(), "", "", 10)
        stranger = may_manage(REPO, "reader other/**")
        for name in (NAME, RepositoryName.parse("team/none")):
            with pytest.raises(RepositoryUnknown, match="there is no such repository"):
                await insights.report(stranger, name, Asked(), By.TAG, 10)
            with pytest.raises(RepositoryUnknown, match="there is no such repository"):
                await insights.who(stranger, name, Asked(), "", "", 10)
        assert await ranking.top(stranger, 10) == []
        assert (await ranking.idle(stranger, 1, "", 10)).rows == []
        assert (await Showback(house.db).months(may_manage("team", "reader other/**"), 3, "", 10)).rows == []

    place.run(scenario)


def test_who_pulled_when_and_from_where(place: Place) -> None:
    async def scenario(house: House) -> None:
        counting, first, _ = await shop(house)
        house.clock.move(5_000)
        await house.image("v1", name="third")
        house.clock.move(5_000)
        await counting.count(use(first, subject="user:late", times=9))
        permit, insights = may_manage(REPO, "auditor team/**"), Insights(house.db)
        everybody = await insights.who(permit, NAME, Asked(), "", "", 50)
        assert {each.subject for each in everybody if each.pulls} == {"user:alice", "user:late", "robot:team+ci"}
        assert SubjectClass.SCANNER not in {each.what for each in everybody}
        of_tag = await insights.who(permit, NAME, Asked(), "v1", "", 50)
        pulls = {each.subject: each.pulls for each in of_tag if each.pulls}
        assert pulls == {"user:alice": 3, "robot:team+ci": 2}, "the tag led elsewhere when the last one came"
        (alice,) = [each for each in of_tag if each.subject == "user:alice"]
        assert (alice.agent, alice.network) == ("docker", "198.51.100.0/24")
        of_digest = await insights.who(permit, NAME, Asked(), "", first, 50)
        assert {each.subject: each.pulls for each in of_digest if each.pulls} == {**pulls, "user:late": 9}
        assert await insights.who(permit, NAME, Asked(), "none", "", 50) == []
        with pytest.raises(Invalid):
            await insights.who(permit, NAME, Asked(), "v1", first, 50)
        with pytest.raises(Invalid):
            await insights.who(permit, NAME, Asked(days=0), "", "", 50)

    place.run(scenario)


def test_recent_pulls_leave_after_thirty_days_and_days_are_forgotten(place: Place) -> None:
    async def scenario(house: House) -> None:
        counting, first, _ = await shop(house)
        await age(house.db)
        assert counting.recent()[""] == (9, 59)
        house.clock.move(29 * DAY)
        await age(house.db)
        await counting.count(use(first, "v1"))
        assert counting.recent() == {"": (10, 60), "v1": (6, 6), "dev-1": (4, 54)}
        house.clock.move(DAY)
        for _ in range(3):
            await age(house.db)
        assert counting.recent() == {"": (1, 1), "v1": (1, 1), "dev-1": (0, 0)}
        assert counting.total() == 60
        late = house.clock.now - 40 * DAY
        await counting.count(use(first, "v1", first_at=late, last_at=late))
        assert counting.recent()["v1"] == (2, 2), "what comes late is counted on a day that is still recent"
        house.clock.move(29 * DAY)
        await age(house.db)
        assert counting.recent() == {"": (0, 0), "v1": (0, 0), "dev-1": (0, 0)}
        house.sql("insert into setting (path, name, value) values ('team', 'insights-keep', ?)", KIND.read("45d"))
        assert await forget(house.db) == 2
        assert counting.total() == 1
        house.sql("delete from setting where name = 'insights-keep'")
        house.clock.move(500 * DAY)
        assert await forget(house.db) == 1
        for table in ("insight", "insight_who", "insight_room", "insight_name", "insight_platform", "insight_recent"):
            assert house.sql(f"select count(*) from {table}") == [0], table
        assert house.sql("select count(*) from insight_month") != [0]
        house.clock.move(6 * 365 * DAY)
        await forget(house.db)
        assert house.sql("select count(*) from insight_month") == [0]
        with pytest.raises(Invalid, match="at least 31d"):
            KIND.read("30d")

    place.run(scenario)


def test_top_and_idle(place: Place) -> None:
    async def scenario(house: House) -> None:
        counting, first, _ = await shop(house)
        other = Digest.of(await house.image("1", repo="lab/tool"))
        await house.image("1", repo="team")
        await house.image("1", repo="team-b/x")
        await counting.count(use(other, "1", repository="lab/tool", times=100), use(first, "v1"))
        ranking = Ranking(house.db)

        async def top(path: str) -> list[tuple[str, str | None, int, int]]:
            return [each[:4] for each in await ranking.top(may_manage(path), 10)]

        assert await top("") == [("lab/tool", None, 100, 100), (REPO, None, 10, 60)]
        assert await top("team") == []
        assert [row[0] for row in await top("team-b")] == []
        assert await top("lab") == [("lab/tool", None, 100, 100)]
        assert await top(REPO) == [(REPO, "v1", 6, 6), (REPO, "dev-1", 4, 54)]
        assert [each.repository for each in await ranking.top(may_manage("", "reader team/**"), 10)] == [REPO]

        house.clock.move(100 * DAY)
        await counting.count(use(other, "1", repository="lab/tool"), use(first, "v1", agent="grype"))
        found = await ranking.idle(may_manage(""), 90, "", 10)
        assert [each.repository for each in found.rows] == ["team", "team-b/x", REPO]
        one = await ranking.idle(may_manage(""), 90, "", 1)
        assert ([each.repository for each in one.rows], one.next) == (["team"], "team")
        rest = await ranking.idle(may_manage(""), 90, "team", 10)
        assert [each.repository for each in rest.rows] == ["team-b/x", REPO]
        assert (rest.rows[1].pulls_all, rest.rows[0].last_at) == (61, None)
        tags = await ranking.idle(may_manage(REPO), 90, "", 10)
        assert [each.tag for each in tags.rows] == ["dev-1", "v1"]
        assert (await ranking.idle(may_manage(REPO), 101, "", 10)).rows == []

    place.run(scenario)


def test_showback_by_month(place: Place) -> None:
    async def scenario(house: House) -> None:
        counting, first, _ = await shop(house)
        await house.image("1", repo="solo", name="solo")
        await house.image("1", repo="lab/deep/tool", name="tool")
        await counting.count(
            use("", bytes=1000), use("", agent="trivy", bytes=10), use("", repository="lab/deep/tool", bytes=7)
        )
        await Figures(house.db).walk()
        assert await note_storage(house.db) == 5
        await note_storage(house.db)
        showback = Showback(house.db)
        found = (await showback.months(may_manage(""), 3, "", 10)).rows
        assert [row.path for row in found] == ["", "lab", "solo", "team"]
        assert [(row.sent, row.pulls, row.pushes) for row in found] == [
            (1017, 59, 4),
            (7, 0, 1),
            (0, 0, 1),
            (1010, 59, 2),
        ]
        assert all(row.stored == row.average for row in found)
        assert found[0].stored == sum(row.stored or 0 for row in found[1:])
        deep = (await showback.months(may_manage("lab"), 3, "", 10)).rows
        assert [row.path for row in deep] == ["lab", "lab/deep"]
        own = (await showback.months(may_manage("", "reader team/**"), 3, "", 10)).rows
        assert [row.path for row in own] == ["team"]
        page = await showback.months(may_manage(""), 3, "", 2)
        assert [row.path for row in page.rows] == ["", "lab"]
        assert page.next is not None
        rest = await showback.months(may_manage(""), 3, page.next, 10)
        assert [row.path for row in rest.rows] == ["solo", "team"]
        house.clock.move(40 * DAY)
        await counting.count(use(first, "v1", bytes=5))
        await note_storage(house.db)
        months = [row for row in (await showback.months(may_manage(""), 3, "", 10)).rows if row.path == "team"]
        assert [(row.pulls, row.sent) for row in months] == [(59, 1010), (1, 5)]

    place.run(scenario)
