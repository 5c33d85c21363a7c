"""Plans over a real registry: what is chosen and why, what applying does, and what it leaves alone."""

from __future__ import annotations

import asyncio

import pytest
from tests.registry.house import REPO, START, House, Place, image, index
from tests.retention.place import DAY, Keeper

from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.deletion import dropping
from holdfast.registry.errors import ManifestUnknown
from holdfast.retention import applying, store
from holdfast.retention.applying import Applier
from holdfast.retention.model import Cause, PlanState
from holdfast.retention.planning import Planner
from holdfast.retention.tasks import new_plan, plan_job

OLD = {"name": "old", "action": "drop", "older_than": "30d"}


async def pushed_daily(house: House, *tags: str) -> dict[str, bytes]:
    """One image a tag, a day apart, the first one oldest."""
    found = {}
    for tag in tags:
        found[tag] = await house.image(tag, name=tag)
        house.clock.move(DAY)
    return found


def test_without_rules_nothing_goes(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper = Keeper(house)
        await pushed_daily(house, "v1")
        plan = await keeper.plan()
        assert (plan.state, plan.repositories, plan.drops) == (PlanState.READY, 0, 0)

    place.run(scenario)


def test_the_newest_are_kept_by_push_and_by_version(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper = Keeper(house)
        await pushed_daily(house, "1.10.0", "1.9.0", "1.2.0", "main", "dev-1", "dev-2", "dev-3")
        keeper.rules(
            {"name": "dev", "action": "drop", "tags": ["dev-*"], "beyond": 1},
            {"name": "versions", "action": "drop", "tags": ["*"], "except": ["dev-*"], "beyond": 2, "by": "version"},
        )
        plan = await keeper.plan()
        assert await keeper.drops(plan) == ["1.2.0", "dev-1", "dev-2"], "main is no version"
        assert (plan.tags, plan.drops, plan.keeps) == (7, 3, 0)
        assert len(keeper.tags()) == 7, "a plan changes nothing"
        plan = await keeper.apply(plan)
        assert keeper.tags() == ["1.10.0", "1.9.0", "dev-3", "main"]
        assert (plan.state, plan.dropped, plan.skipped) == (PlanState.APPLIED, 3, 0)
        keeper.rules(
            {"name": "all", "action": "drop"},
            {"name": "last", "action": "keep", "newest": 1},
        )
        plan = await keeper.plan()
        assert await keeper.kept(plan) == {"dev-3": "last"}

    place.run(scenario)


def test_ranks_may_count_images_instead_of_tags(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper = Keeper(house)
        one = await house.image("a", name="one")
        house.clock.move(DAY)
        await house.image("b", "c", name="two")
        house.clock.move(DAY)
        await house.manifest(one, "d")
        rule = {"name": "r", "action": "drop", "beyond": 1}
        keeper.rules(rule)
        assert await keeper.drops(await keeper.plan()) == ["a", "b", "c"]
        keeper.rules({**rule, "count": "images"})
        assert await keeper.drops(await keeper.plan()) == ["b", "c"]
        keeper.rules({**rule, "count": "images", "beyond": 0})
        assert await keeper.drops(await keeper.plan()) == ["a", "b", "c", "d"]

    place.run(scenario)


def test_age_and_use_decide_and_what_is_not_known_keeps(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper = Keeper(house)
        await keeper.last_use.begin()
        images = await pushed_daily(house, "used", "unused")
        house.clock.move(40 * DAY)
        keeper.last_use.pulled(REPO, Digest.of(images["used"]), Digest.of(images["used"]))
        house.clock.move(DAY)
        await keeper.last_use.flush()
        keeper.rules({"name": "idle", "action": "drop", "unused_for": "30d"})
        plan = await keeper.plan()
        assert await keeper.drops(plan) == ["unused"]
        assert plan.tracked_since == START
        # Pulled after the plan was made: it stays, and the item says why.
        keeper.last_use.pulled(REPO, "unused", Digest.of(images["unused"]))
        house.clock.move(1)
        await keeper.last_use.flush()
        plan = await keeper.apply(plan)
        assert [each.skipped for each in await keeper.items(plan)] == [applying.PULLED]
        assert keeper.tags() == ["unused", "used"]
        # A gap: for thirty days from then on nothing is known to be unused.
        house.sql("update use_tracking set since = ?", house.clock.now)
        house.clock.move(20 * DAY)
        await keeper.last_use.flush()
        assert await keeper.drops(await keeper.plan()) == []
        house.sql("update use_tracking set since = ?", house.clock.now)
        keeper.rules(OLD, {"name": "warm", "action": "keep", "used_within": "10d"})
        plan = await keeper.plan()
        assert await keeper.kept(plan) == {"unused": "warm", "used": "warm"}
        assert "not known" in (await keeper.items(plan))[0].reason

    place.run(scenario)


def test_labels_and_annotations_choose_and_what_cannot_be_read_stays(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper = Keeper(house)
        await house.image("plain", name="plain")
        await house.image("noted", name="noted", annotations={"org.team": "shop", "keep": "forever"})
        broken = await house.image("broken", name="broken", annotations={"org.team": "shop"})
        house.sql("update content set state = 1 where id = ?", house.id_of(broken))
        house.clock.move(DAY)
        keeper.rules({"name": "shop", "action": "drop", "annotations": {"org.team": "sh*"}})
        assert await keeper.drops(await keeper.plan()) == ["noted"]
        keeper.rules({"name": "all", "action": "drop"}, {"name": "f", "action": "keep", "annotations": {"keep": "*"}})
        plan = await keeper.plan()
        assert await keeper.drops(plan) == ["plain"]
        assert await keeper.kept(plan) == {"noted": "f", "broken": "f"}
        # The configuration of an image carries its labels.
        config = b'{"config": {"Labels": {"stage": "test"}}}'
        await house.blob(config)
        await house.manifest(image(config), "labelled")
        house.clock.move(1)
        keeper.rules({"name": "tests", "action": "drop", "labels": {"stage": "test"}})
        assert await keeper.drops(await keeper.plan()) == ["labelled"]

    place.run(scenario)


def test_immutable_tags_stay_when_planned_and_when_applied(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper = Keeper(house)
        await pushed_daily(house, "v1", "w1")
        house.clock.move(40 * DAY)
        keeper.rules(OLD)
        immutable = '[{"tags": "%s", "except": [], "move": false, "delete": false}]'
        house.sql("insert into setting (path, name, value) values ('team', 'immutable', ?)", immutable % "v*")
        plan = await keeper.plan()
        assert await keeper.drops(plan) == ["w1"]
        assert await keeper.kept(plan) == {"v1": "(immutable)"}
        house.sql("update setting set value = ? where name = 'immutable'", immutable % "*")
        plan = await keeper.apply(plan)
        assert keeper.tags() == ["v1", "w1"]
        assert "immutable" in str([each.skipped for each in await keeper.items(plan) if each.verdict == 0])

    place.run(scenario)


def test_what_changed_since_the_plan_is_skipped_and_says_so(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper = Keeper(house)
        images = await pushed_daily(house, "moved", "gone", "again", "old")
        house.clock.move(40 * DAY)
        keeper.rules(OLD)
        plan = await keeper.plan()
        assert plan.drops == 4
        await house.image("moved", name="new")
        await house.deletion.tag(house.may_delete(), Tag("gone"))
        await house.deletion.tag(house.may_delete(), Tag("again"))
        await house.manifest(images["again"], "again")
        plan = await keeper.apply(plan)
        assert keeper.tags() == ["again", "moved"]
        assert {each.name: each.skipped for each in await keeper.items(plan)} == {
            "moved": dropping.CHANGED,
            "gone": dropping.GONE,
            "again": dropping.CHANGED,
            "old": None,
        }
        assert (plan.dropped, plan.skipped) == (1, 3)

    place.run(scenario)


def test_two_appliers_at_once_drop_everything_once(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper = Keeper(house)
        await pushed_daily(house, *(f"t{n}" for n in range(20)))
        house.clock.move(40 * DAY)
        keeper.rules(OLD)
        plan = await keeper.plan()

        async def told(_done: int, _total: int) -> None:
            await asyncio.sleep(0)

        await asyncio.gather(*(Applier(house.db, house.settings, 3).apply(plan, told, "r") for _ in range(2)))
        row = await keeper.row(plan.id)
        assert (row.dropped, row.skipped, keeper.tags()) == (20, 0, [])
        assert house.journal().count("tag.deleted") == 20

    place.run(scenario)


def test_an_applier_that_was_killed_goes_on_where_it_was(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper = Keeper(house)
        await pushed_daily(house, *(f"t{n}" for n in range(10)))
        house.clock.move(40 * DAY)
        keeper.rules(OLD)
        plan = await keeper.plan()

        async def killed(done: int, _total: int) -> None:
            if done == 4:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await Applier(house.db, house.settings, 2).apply(plan, killed, "r")
        assert len(keeper.tags()) == 6
        plan = await keeper.apply(plan)
        assert (plan.dropped, plan.skipped, keeper.tags()) == (10, 0, [])

    place.run(scenario)


def test_a_planner_that_was_killed_makes_the_repository_anew(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper = Keeper(house)
        await pushed_daily(house, *(f"t{n}" for n in range(6)))
        house.clock.move(40 * DAY)
        keeper.rules(OLD)
        made = await house.db.write(lambda unit: new_plan(unit, "team", None, Cause.ASKED, "user:a"))
        plan = await keeper.row(made)
        (repository,) = await house.db.all(store.REPOSITORIES, after="", low="team", high="team0", limit=10)

        async def killed(done: int, _total: int) -> None:
            if done == 4:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await Planner(house.db, house.objects, house.settings, 2).repository(plan, repository, killed)
        assert len(await keeper.items(plan)) == 4
        await house.deletion.tag(house.may_delete(), Tag("t0"))
        await keeper.run(plan_job(made))
        plan = await keeper.row(made)
        assert (plan.repositories, plan.tags, plan.drops) == (1, 5, 5)
        assert len(await keeper.items(plan)) == 5

    place.run(scenario)


def test_indexes_referrers_and_shared_parts_follow_reachability(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper = Keeper(house)
        child = await house.image("child", name="child")
        other = await house.image(name="other")
        inner = index(other)
        await house.manifest(inner)
        outer = index(child, inner)
        await house.manifest(outer, "multi")
        alone = await house.image("alone", name="alone")
        signature = await house.image(name="signature", subject=alone)
        house.clock.move(40 * DAY)
        keeper.rules({**OLD, "tags": ["child", "alone"]}, {**OLD, "name": "bare", "untagged": True})
        plan = await keeper.plan()
        assert await keeper.drops(plan) == ["alone", "child"], "what an index or a subject keeps is not untagged"
        sizes = {each.name: each.bytes for each in await keeper.items(plan)}
        parts = sum(len(f'{{"name":"{each}"}}') + len(f"layer of {each}") for each in ("alone", "signature"))
        assert sizes == {"alone": len(alone) + len(signature) + parts, "child": 0}, "the index keeps its child"
        assert plan.bytes == sizes["alone"]
        plan = await keeper.apply(plan)
        assert plan.freed == plan.bytes
        for data in (outer, inner, child, other):
            assert (await house.get(Digest.of(data))).data == data
        # Now the image that lost its tag is reached by nothing; its signature goes after it.
        house.clock.move(31 * DAY)
        plan = await keeper.plan(apply=True)
        assert await keeper.drops(plan) == [Digest.of(alone)]
        with pytest.raises(ManifestUnknown):
            await house.get(Digest.of(alone))
        plan = await keeper.plan(apply=True)
        assert await keeper.drops(plan) == [Digest.of(signature)]
        assert (await house.get("multi")).data == outer

    place.run(scenario)


def test_what_is_being_pushed_is_never_untagged(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper = Keeper(house)
        data = await house.image(name="half")
        house.clock.move(10)
        keeper.rules({"name": "bare", "action": "drop", "untagged": True, "older_than": "0s"})
        assert await keeper.drops(await keeper.plan()) == [], "a push may rely on it"
        house.clock.move(house.settings.lease + 1)
        plan = await keeper.plan()
        assert await keeper.drops(plan) == [Digest.of(data)]
        await house.manifest(data, "now")
        plan = await keeper.apply(plan)
        assert (plan.dropped, plan.skipped, keeper.tags()) == (0, 1, ["now"])

    place.run(scenario)


def test_signature_tags_live_with_their_subject(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper = Keeper(house)
        data = await house.image("v1")
        signature = "sha256-" + Digest.of(data).encoded + ".sig"
        await house.image(signature, name="sig")
        house.clock.move(40 * DAY)
        keeper.rules(OLD, {**OLD, "name": "bare", "untagged": True})
        plan = await keeper.plan()
        assert await keeper.drops(plan) == ["v1"]

    place.run(scenario)


def test_each_repository_has_the_rules_of_the_nearest_path(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper = Keeper(house)
        for repo in ("team/app", "team/lib", "teams"):
            await house.image("v1", repo=repo)
        house.clock.move(40 * DAY)
        keeper.rules(OLD)
        keeper.rules(path="team/lib")
        plan = await keeper.plan()
        assert [each.repository for each in await keeper.items(plan)] == ["team/app"]
        keeper.rules(OLD, path="")
        plan = await keeper.plan("")
        assert sorted(each.repository for each in await keeper.items(plan)) == ["team/app", "teams"]

    place.run(scenario)
