"""The policy that stands comes out as a file, and a file goes in as one unit, with nobody's rights raised by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.access.grants.place import HOUR, ORIGIN, START, Engine, Place, living

from holdfast.access.drafts.model import read_draft, write_draft
from holdfast.access.drafts.service import Drafts
from holdfast.access.errors import Changed, Conflict, Denied, Invalid, StalePermit, Unknown
from holdfast.access.policy.model import Action


@pytest.fixture(params=[Engine.SQLITE, Engine.POSTGRES])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.param
    return found


async def exported(place: Place, path: str = "", by: str = "admin") -> dict[str, Any]:
    draft, _ = await Drafts(place.db).export(await place.who(by), path, origin=ORIGIN)
    return write_draft(draft)


async def applied(place: Place, policy: dict[str, Any], by: str = "admin", expected: int | None = None) -> list[str]:
    drafts = Drafts(place.db)
    made = await drafts.apply(await place.who(by), read_draft(policy), expected=expected, origin=ORIGIN)
    return [f"{change.how} {change.said}" for change in made]


async def lived_in(place: Place) -> None:
    admin = await place.who()
    await place.roles.create(admin, "deployer", ["pull", "list"], "deploys", origin=ORIGIN)
    await place.groups.create(await place.who(), "ops", origin=ORIGIN)
    await place.groups.add(await place.who(), "ops", "user:dora", origin=ORIGIN)
    await place.give("group:ops", "deployer", "shop/**:prod-*", conditions={"networks": ["10.0.0.0/8"]})
    await place.give("user:otto", "owner", "shop/**")
    await place.give("robot:shop+ci", "writer", "shop/web", expires_at=START + HOUR, note="a trial")
    await place.deny("user:dora", "pull", "other/**:x")
    await place.visibility.set(await place.who(), "public", public=True, origin=ORIGIN)


def test_an_export_is_all_of_it_and_applies_to_nothing(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await lived_in(place)
        policy = await exported(place)
        assert policy == {
            "path": "",
            "roles": [{"name": "deployer", "actions": ["list", "pull"], "description": "deploys"}],
            "groups": [{"name": "ops", "members": ["user:dora"]}],
            "grants": [
                {
                    "subject": "group:ops",
                    "role": "deployer",
                    "scope": "shop/**:prod-*",
                    "conditions": {"networks": ["10.0.0.0/8"]},
                },
                {
                    "subject": "robot:shop+ci",
                    "role": "writer",
                    "scope": "shop/web",
                    "expires_at": "2027-01-15T09:00:00Z",
                    "note": "a trial",
                },
                {"subject": "user:admin", "role": "administrator", "scope": "**"},
                {"subject": "user:dora", "deny": ["pull"], "scope": "other/**:x"},
                {"subject": "user:otto", "role": "owner", "scope": "shop/**"},
            ],
            "visibility": {"public": "public"},
        }
        kinds = await place.kinds()
        assert await applied(place, policy) == []
        assert await place.kinds() == kinds, "nothing was changed, nothing is noted"
        place.now += HOUR
        later = await exported(place)
        assert len(later["grants"]) == 4, "what has ended is not exported"
        assert await applied(place, later) == []

    living(tmp_path, scenario, "dora", "otto", "shop+ci", engine=engine)


def test_a_policy_moves_to_an_empty_installation(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await lived_in(place)
        policy = await exported(place)
        empty = {
            "roles": [],
            "groups": [{"name": "ops", "members": []}],  # a group that was deleted keeps its name for ever
            "grants": [{"subject": "user:admin", "role": "administrator", "scope": "**"}],
            "visibility": {},
        }
        assert len(await applied(place, empty)) == 7
        assert not await place.may("otto", Action.PULL, "shop/web", "x")
        assert len(await applied(place, policy)) == 7
        assert await exported(place) == policy
        assert await place.may("otto", Action.PULL, "shop/web", "x")
        assert await place.may("dora", Action.PULL, "shop/web", "prod-1")

    living(tmp_path, scenario, "dora", "otto", "shop+ci", engine=engine)


def test_a_file_is_applied_as_a_whole_or_not_at_all(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await lived_in(place)
        before, kinds = await exported(place), await place.kinds()
        policy = {**before, "grants": [*before["grants"], {"subject": "user:nobody", "role": "reader", "scope": "x"}]}
        policy["roles"] = [*policy["roles"], {"name": "more", "actions": ["list"]}]
        with pytest.raises(Unknown, match="user:nobody"):
            await applied(place, policy)
        policy = {**before, "grants": before["grants"][:2]}
        with pytest.raises(Conflict, match="administrator"):
            await applied(place, policy)
        assert (await exported(place), await place.kinds()) == (before, kinds)

    living(tmp_path, scenario, "dora", "otto", "shop+ci", engine=engine)


def test_a_part_is_exported_and_applied_by_who_manages_it(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await lived_in(place)
        part = await exported(place, "shop", by="otto")
        assert set(part) == {"path", "grants", "visibility"}
        assert [grant["scope"] for grant in part["grants"]] == ["shop/**:prod-*", "shop/web", "shop/**"]
        part["grants"] = [grant for grant in part["grants"] if grant["subject"] != "robot:shop+ci"]
        part["grants"].append({"subject": "user:dora", "role": "writer", "scope": "shop/**"})
        part["visibility"] = {"shop/docs": "public"}
        assert await applied(place, part, by="otto") == [
            "add user:dora writer shop/**",
            "change shop/docs is public",
            "remove robot:shop+ci writer shop/web until 2027-01-15T09:00:00Z",
        ]
        assert await place.may("dora", Action.CREATE_TAG, "shop/web", "x")
        assert [grant["scope"] for grant in (await exported(place))["grants"]].count("other/**:x") == 1

    living(tmp_path, scenario, "dora", "otto", "shop+ci", engine=engine)


@pytest.mark.parametrize(
    "policy",
    [
        {"grants": [{"subject": "user:otto", "role": "administrator", "scope": "**"}]},
        {"path": "other", "grants": [{"subject": "user:otto", "role": "reader", "scope": "other/**"}]},
        {"path": "other", "visibility": {"other": "public"}},
        {"roles": [{"name": "deployer", "actions": ["administer"]}]},
        {"groups": [{"name": "ops", "members": ["user:otto"]}]},
        {"path": "", "visibility": {"": "public"}},
    ],
)
def test_nobody_gives_by_a_file_what_is_not_his(tmp_path: Path, policy: dict[str, Any]) -> None:
    async def scenario(place: Place) -> None:
        await lived_in(place)
        before = await exported(place)
        for by in ("otto", "dora", "shop+ci", ""):
            with pytest.raises((Denied, Unknown)):
                await applied(place, policy, by=by)
        assert await exported(place) == before

    living(tmp_path, scenario, "dora", "otto", "shop+ci")


def test_an_owner_confers_by_a_file_only_what_he_holds(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.roles.create(await place.who(), "keeper", ["pull", "manage-access"], origin=ORIGIN)
        await place.give("user:otto", "keeper", "shop/**")
        part = await exported(place, "shop", by="otto")
        more = {"subject": "user:dora", "role": "writer", "scope": "shop/x"}
        with pytest.raises(Denied, match="pass on"):
            await applied(place, {**part, "grants": [*part["grants"], more]}, "otto")
        bounds = {"subject": "user:otto", "deny": ["pull"], "scope": "shop/secret/**"}
        assert await applied(place, {**part, "grants": [*part["grants"], bounds]}, "admin")
        with pytest.raises(Denied):
            await applied(place, part, "otto")  # lifting what was denied from above

    living(tmp_path, scenario, "dora", "otto")


def test_what_was_seen_is_what_is_changed(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await lived_in(place)
        admin = await place.who()
        policy = await exported(place)
        policy["grants"].append({"subject": "user:dora", "role": "reader", "scope": "shop/**"})
        changes, version = await Drafts(place.db).compare(admin, read_draft(policy), origin=ORIGIN)
        assert len(changes) == 1
        await place.give("user:dora", "reader", "another/**")
        with pytest.raises(Changed):
            await applied(place, policy, expected=version)
        await place.run("update policy set version = version + 1, everyone = version + 1")
        with pytest.raises(StalePermit):
            await Drafts(place.db).apply(admin, read_draft(policy), origin=ORIGIN)

    living(tmp_path, scenario, "dora", "otto", "shop+ci", engine=engine)


def test_only_who_may_know_all_of_it_exports(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await lived_in(place)
        await place.give("user:dora", "auditor", "**")
        assert (await exported(place, by="dora"))["roles"]
        for by in ("otto", "shop+ci", ""):
            with pytest.raises(Denied):
                await exported(place, by=by)
        with pytest.raises(Denied):
            await applied(place, await exported(place), by="dora")
        with pytest.raises(Invalid):
            read_draft({"path": "**"})

    living(tmp_path, scenario, "dora", "otto", "shop+ci")
