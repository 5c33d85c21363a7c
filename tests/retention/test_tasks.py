"""Retention by itself: by schedule, after a push, and plans that are forgotten."""

from __future__ import annotations

from tests.feature.test_telling import SEAL
from tests.registry.house import START, House, Place
from tests.retention.place import DAY, Keeper

from holdfast.feature.telling import catch_up
from holdfast.retention.feature import RETENTION
from holdfast.retention.model import PlanState
from holdfast.retention.tasks import begin_due, forget_plans

OLD = {"name": "old", "action": "drop", "older_than": "30d"}
HOUR = 3_600_000_000


def test_a_schedule_begins_what_is_due_once(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper = Keeper(house)
        await house.image("v1")
        await house.image("v1", repo="team/own")
        house.clock.move(40 * DAY - house.clock.now % DAY)
        keeper.rules(OLD, schedule="0 3 * * *")
        keeper.rules(OLD, path="team/own")
        assert await begin_due(house.db) == [], "from the next time on"
        house.clock.move(2 * HOUR)
        assert await begin_due(house.db) == []
        house.clock.move(HOUR + 1)
        (made,) = await begin_due(house.db)
        assert await begin_due(house.db) == []
        await keeper.run()
        plan = await keeper.row(made)
        assert (plan.state, plan.cause, plan.applied_by, plan.dropped) == (
            PlanState.APPLIED,
            "schedule",
            "retention",
            1,
        )
        assert keeper.tags() == []
        assert keeper.tags("team/own") == ["v1"], "its rules have no schedule"
        assert house.journal().count("retention.applied") == 1
        # Other times count from then on; rules that are gone are not due any more.
        keeper.rules(OLD, schedule="0 4 * * *")
        house.clock.move(DAY)
        assert await begin_due(house.db) == []
        house.clock.move(DAY)
        assert len(await begin_due(house.db)) == 1
        keeper.rules()
        house.clock.move(DAY)
        assert await begin_due(house.db) == []
        assert house.sql("select count(*) from retention_schedule") == [0]

    place.run(scenario)


def test_a_push_lets_the_rules_run_where_they_say_so(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper = Keeper(house)
        newest = {"name": "newest", "action": "drop", "beyond": 1}
        keeper.rules(newest, on_push=True)
        keeper.rules(newest, path="other")
        await told_then_run(house, keeper)
        for repo in ("team/app", "other/app"):
            await house.image("v1", repo=repo)
            await house.image("v2", repo=repo)
        await told_then_run(house, keeper)
        assert keeper.tags() == ["v2"]
        assert keeper.tags("other/app") == ["v1", "v2"]
        assert house.sql("select cause from retention_plan") == ["push"]
        await house.image("v2", name="new")
        await told_then_run(house, keeper)
        assert house.sql("select count(*) from retention_plan") == [1], "a push that changes nothing leaves no plan"

    place.run(scenario)


async def told_then_run(house: House, keeper: Keeper) -> None:
    """Hand on the journal, and let what that caused run."""
    await house.db.write(lambda unit: unit.run(SEAL))
    for handler in RETENTION.handlers:
        await catch_up(house.db, handler)
    await keeper.run()


def test_old_plans_are_forgotten_with_their_items(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper = Keeper(house)
        for n in range(5):
            await house.image(f"v{n}", name=str(n))
        house.clock.move(40 * DAY)
        keeper.rules(OLD)
        old = await keeper.plan()
        house.clock.move(DAY)
        young = await keeper.plan()
        assert await forget_plans(house.db, house.clock.now - 1) == 1
        assert house.sql("select id from retention_plan") == [young.id]
        assert len(await keeper.items(old)) == 0
        assert len(await keeper.items(young)) == 5
        assert house.clock.now > START

    place.run(scenario)
