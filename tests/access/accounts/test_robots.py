"""Robots: who may keep them, and what ends with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.access.house import DAY, ENGINES, HERE, Engine, House, lived_in

from holdfast.access.errors import Changed, Conflict, Denied, Invalid, StalePermit, Unknown
from holdfast.access.model import Identity
from holdfast.access.standing import check_permit
from holdfast.db.port import Unit
from holdfast.db.query import Command
from holdfast.journal.model import ChangeKind


async def owner(house: House, name: str, scope: str) -> Identity:
    """A user who owns `scope`."""
    person = await house.person(name)
    await house.grant(name, "owner", scope)
    return await house.again(person)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_life_of_a_robot(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        alice = await owner(house, "alice", "team/**")
        end = house.clock() + DAY
        made = await house.robots.create(alice, "team/web", "ci", description="builds", expires_at=end, origin=HERE)
        assert (made.name, made.namespace, made.description, made.expires_at) == (
            "team/web+ci",
            "team/web",
            "builds",
            end,
        )
        assert made.made_by == "user:alice"
        assert await house.robots.get(alice, "team/web+ci", origin=HERE) == made
        changed = await house.robots.change(alice, made.name, description=None, expires_at=None, origin=HERE)
        assert (changed.description, changed.expires_at) == (None, None)
        with pytest.raises(Changed):
            await house.robots.change(
                alice, made.name, description="x", expires_at=None, expected=made.changed, origin=HERE
            )
        assert (await house.robots.disable(alice, made.name, origin=HERE)).disabled_at is not None
        assert (await house.robots.enable(alice, made.name, origin=HERE)).disabled_at is None
        await house.robots.delete(alice, made.name, origin=HERE)
        with pytest.raises(Unknown):
            await house.robots.get(alice, made.name, origin=HERE)
        with pytest.raises(Conflict, match="taken for ever"):
            await house.robots.create(alice, "team/web", "ci", origin=HERE)
        assert (await house.kinds())[-5:] == [
            ChangeKind.ROBOT_CREATED,
            ChangeKind.ROBOT_CHANGED,
            ChangeKind.ROBOT_DISABLED,
            ChangeKind.ROBOT_ENABLED,
            ChangeKind.ROBOT_DELETED,
        ]

    lived_in(tmp_path, scenario, engine)


def test_robots_are_kept_by_who_manages_their_namespace(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        alice = await owner(house, "alice", "team/**")
        narrow = await owner(house, "narrow", "team/web/app")
        other = await owner(house, "other", "elsewhere/**")
        await house.robots.create(alice, "team/web", "ci", origin=HERE)
        for caller in (narrow, other):
            for call in (house.robots.get, house.robots.disable, house.robots.enable, house.robots.delete):
                for name in ("team/web+ci", "team/web+nothing"):
                    with pytest.raises(Unknown, match="in your sight"):
                        await call(caller, name, origin=HERE)
            with pytest.raises(Denied):
                await house.robots.create(caller, "team/web", "mine", origin=HERE)
            assert await house.robots.page(caller, origin=HERE) == []

    lived_in(tmp_path, scenario)


def test_a_list_shows_what_is_in_sight(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        admin = await house.admin()
        for namespace in ("a", "b", "b/c", "d"):
            for name in ("one", "two"):
                await house.robots.create(admin, namespace, name, origin=HERE)
        alice = await owner(house, "alice", "b/**")
        names = [each.name for each in await house.robots.page(alice, origin=HERE)]
        assert names == ["b+one", "b+two", "b/c+one", "b/c+two"]
        first = await house.robots.page(alice, limit=3, origin=HERE)
        rest = await house.robots.page(alice, after=first[-1].name, origin=HERE)
        assert [each.name for each in (*first, *rest)] == names
        only = await house.robots.page(await house.admin(), namespace="b/c", origin=HERE)
        assert [each.name for each in only] == names[2:]
        assert len(await house.robots.page(await house.admin(), origin=HERE)) == 8
        with pytest.raises(Invalid):
            await house.robots.page(alice, namespace="B//", origin=HERE)

    lived_in(tmp_path, scenario)


def test_a_robot_sees_itself_and_no_other(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        admin = await house.admin()
        await house.robots.create(admin, "team", "ci", origin=HERE)
        await house.robots.create(await house.admin(), "team", "other", origin=HERE)
        key = await house.keychain.create(await house.admin(), "main", owner="robot:team+ci", origin=HERE)
        robot = await house.by_key(key.secret)
        assert [each.name for each in await house.robots.page(robot, origin=HERE)] == ["team+ci"]
        assert (await house.robots.get(robot, "team+ci", origin=HERE)).name == "team+ci"
        with pytest.raises(Unknown):
            await house.robots.get(robot, "team+other", origin=HERE)
        with pytest.raises(Denied):
            await house.robots.enable(robot, "team+ci", origin=HERE)
        with pytest.raises(Denied):
            await house.robots.delete(robot, "team+ci", origin=HERE)

    lived_in(tmp_path, scenario)


@pytest.mark.parametrize(
    ("namespace", "name", "field"),
    [
        ("team", "", "name"),
        ("team", "Ci", "name"),
        ("team", "a+b", "name"),
        ("team", "a/b", "name"),
        ("team", "a--b", "name"),
        ("team", "a" * 65, "name"),
        ("", "ci", "namespace"),
        ("Team", "ci", "namespace"),
        ("team/", "ci", "namespace"),
        ("team+x", "ci", "namespace"),
        ("team/**", "ci", "namespace"),
    ],
)
def test_names_that_cannot_be(tmp_path: Path, namespace: str, name: str, field: str) -> None:
    async def scenario(house: House) -> None:
        with pytest.raises(Invalid) as refused:
            await house.robots.create(await house.admin(), namespace, name, origin=HERE)
        assert refused.value.field == field

    lived_in(tmp_path, scenario)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("way", ["disable", "delete", "expire"])
def test_what_ends_a_robot_is_felt_at_the_next_request(tmp_path: Path, engine: Engine, way: str) -> None:
    async def scenario(house: House) -> None:
        admin = await house.admin()
        await house.robots.create(admin, "team", "ci", origin=HERE)
        key = await house.keychain.create(await house.admin(), "main", owner="robot:team+ci", origin=HERE)
        robot = await house.by_key(key.secret)
        if way == "disable":
            await house.robots.disable(await house.admin(), "team+ci", origin=HERE)
        elif way == "delete":
            await house.robots.delete(await house.admin(), "team+ci", origin=HERE)
        else:
            end = house.clock() + DAY
            await house.robots.change(await house.admin(), "team+ci", description=None, expires_at=end, origin=HERE)
            assert (await house.by_key(key.secret)).until == end
            house.clock.at = end
        with pytest.raises(StalePermit):
            await check_permit(house.db, robot)
        assert await house.refused(house.by_key(key.secret))
        with pytest.raises(Invalid):
            await house.robots.create(await house.admin(), "team", "late", expires_at=house.clock(), origin=HERE)

    lived_in(tmp_path, scenario, engine)


def test_robots_in_sight_are_found_behind_thousands_that_are_not(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        alice = await owner(house, "alice", "zoo/**")
        made = await house.robots.create(alice, "zoo", "ci", origin=HERE)
        row = "insert into account (name, kind, namespace, made_at, changed) values (:name, 1, :namespace, 0, 0)"

        async def work(unit: Unit) -> None:
            for number in range(5_200):
                await unit.run(Command(row), name=f"ape{number % 7}+r{number}", namespace=f"ape{number % 7}")

        await house.db.write(work)
        assert await house.robots.page(alice, origin=HERE) == [made]
        assert len(await house.robots.page(await house.admin(), limit=1000, origin=HERE)) == 1000

    lived_in(tmp_path, scenario)
