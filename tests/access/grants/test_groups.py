"""Groups: that a member gets what the group has, and that only who could give it all may change who is in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.access.grants.place import ORIGIN, Engine, Place, living

from holdfast.access.errors import Conflict, Denied, Invalid, StalePermit, Unknown
from holdfast.access.grants.groups import replace_provider_groups
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit
from holdfast.access.versions import move
from holdfast.db.port import Unit


@pytest.mark.parametrize("engine", Engine)
def test_members_have_what_the_group_has_from_the_next_request_on(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await place.groups.create(await place.who(), "devs", "those who develop", origin=ORIGIN)
        await place.give("group:devs", "writer", "team/**")
        before = await place.who("bob")
        await place.groups.add(await place.who(), "devs", "user:bob", origin=ORIGIN)
        await place.groups.add(await place.who(), "devs", "user:bob", origin=ORIGIN)
        await place.groups.add(await place.who(), "devs", "robot:team+ci", origin=ORIGIN)
        with pytest.raises(StalePermit):
            await check_permit(place.db, before)
        assert await place.may("bob", Action.PULL, "team/app", "v1")
        assert await place.may("team+ci", Action.PULL, "team/app", "v1")
        names = [each.actor for each in await place.groups.members(await place.who(), "devs", origin=ORIGIN)]
        assert names == ["user:bob", "robot:team+ci"]
        inside = await place.who("bob")
        await place.groups.remove(await place.who(), "devs", "user:bob", origin=ORIGIN)
        with pytest.raises(StalePermit):
            await check_permit(place.db, inside)
        assert not await place.may("bob", Action.PULL, "team/app", "v1")
        with pytest.raises(Unknown):
            await place.groups.remove(await place.who(), "devs", "user:bob", origin=ORIGIN)
        robot = await place.who("team+ci")
        await place.groups.delete(await place.who(), "devs", origin=ORIGIN)
        with pytest.raises(StalePermit):
            await check_permit(place.db, robot)
        assert not await place.may("team+ci", Action.PULL, "team/app", "v1")
        with pytest.raises(Conflict):  # the name stays taken
            await place.groups.create(await place.who(), "devs", origin=ORIGIN)
        with pytest.raises(Unknown):
            await place.give("group:devs", "reader", "team/**")
        assert await place.kinds() == [
            "group.created",
            "grant.added",
            "member.added",
            "member.added",
            "member.removed",
            "grant.removed",
            "group.deleted",
        ]

    living(tmp_path, scenario, "bob", "team+ci", engine=engine)


def test_a_member_is_made_only_by_who_could_give_all_that_the_group_has(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:owen", "owner", "team/**")
        await place.groups.create(await place.who(), "devs", origin=ORIGIN)
        await place.give("group:devs", "writer", "team/app/**")
        await place.groups.add(await place.who("owen"), "devs", "user:bob", origin=ORIGIN)
        await place.groups.remove(await place.who("owen"), "devs", "user:bob", origin=ORIGIN)
        wider = await place.give("group:devs", "reader", "other/**")
        for attempt in (
            place.groups.add(await place.who("owen"), "devs", "user:bob", origin=ORIGIN),
            place.groups.add(await place.who("owen"), "devs", "user:owen", origin=ORIGIN),
            place.groups.delete(await place.who("owen"), "devs", origin=ORIGIN),
        ):
            with pytest.raises(Denied):
                await attempt
        await place.grants.remove(await place.who(), wider.id, origin=ORIGIN)
        await place.groups.add(await place.who("owen"), "devs", "user:bob", origin=ORIGIN)

    living(tmp_path, scenario, "owen", "bob")


def test_leaving_a_group_does_not_lift_what_it_is_denied(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:owen", "owner", "team/**")
        await place.groups.create(await place.who(), "barred", origin=ORIGIN)
        await place.groups.add(await place.who(), "barred", "user:owen", origin=ORIGIN)
        await place.deny("group:barred", "delete-repository", "team/**")
        for attempt in (
            place.groups.remove(await place.who("owen"), "barred", "user:owen", origin=ORIGIN),
            place.groups.delete(await place.who("owen"), "barred", origin=ORIGIN),
        ):
            with pytest.raises(Denied):
                await attempt
        await place.groups.add(await place.who("owen"), "barred", "user:bob", origin=ORIGIN)

    living(tmp_path, scenario, "owen", "bob")


def test_a_group_without_grants_belongs_to_its_maker(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        for name in ("owen", "olga"):
            await place.give(f"user:{name}", "owner", f"{name}/**")
        await place.groups.create(await place.who("owen"), "mine", origin=ORIGIN)
        with pytest.raises(Unknown):
            await place.groups.add(await place.who("olga"), "mine", "user:olga", origin=ORIGIN)
        await place.groups.add(await place.who("owen"), "mine", "user:bob", origin=ORIGIN)
        with pytest.raises(Denied):
            await place.groups.add(await place.who("bob"), "mine", "user:olga", origin=ORIGIN)
        with pytest.raises(Denied):
            await place.groups.create(await place.who("bob"), "his", origin=ORIGIN)

    living(tmp_path, scenario, "owen", "olga", "bob")


def test_who_sees_which_groups_and_members(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:owen", "owner", "team/**")
        await place.give("user:audra", "auditor", "**")
        for name in ("devs", "others"):
            await place.groups.create(await place.who(), name, origin=ORIGIN)
        for name in ("bob", "carol"):
            await place.groups.add(await place.who(), "devs", f"user:{name}", origin=ORIGIN)
        await place.give("group:devs", "reader", "team/app")

        async def seen(name: str) -> list[str]:
            return [group.name for group in await place.groups.page(await place.who(name), origin=ORIGIN)]

        async def members(name: str) -> list[str]:
            return [each.name for each in await place.groups.members(await place.who(name), "devs", origin=ORIGIN)]

        assert await seen("admin") == await seen("audra") == ["devs", "others"]
        assert await seen("owen") == await seen("bob") == ["devs"]
        assert await seen("dave") == await seen("") == []
        assert await members("owen") == await members("admin") == ["bob", "carol"]
        assert await members("bob") == ["bob"]
        with pytest.raises(Unknown):
            await members("dave")

    living(tmp_path, scenario, "owen", "audra", "bob", "carol", "dave")


@pytest.mark.parametrize("name", ["", "a/b", "corp/devs", "-a", "a b", "a" * 65, "a+b"])
def test_what_can_be_no_groups_name(tmp_path: Path, name: str) -> None:
    async def scenario(place: Place) -> None:
        with pytest.raises(Invalid):
            await place.groups.create(await place.who(), name, origin=ORIGIN)

    living(tmp_path, scenario)


def test_only_accounts_are_members(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.groups.create(await place.who(), "devs", origin=ORIGIN)
        for member in ("group:devs", "anonymous"):
            with pytest.raises(Invalid):
                await place.groups.add(await place.who(), "devs", member, origin=ORIGIN)
        with pytest.raises(Unknown):
            await place.groups.add(await place.who(), "devs", "user:ghost", origin=ORIGIN)

    living(tmp_path, scenario)


def test_the_last_administrator_stays_in_its_group(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.groups.create(await place.who(), "admins", origin=ORIGIN)
        await place.groups.add(await place.who(), "admins", "user:admin", origin=ORIGIN)
        await place.give("group:admins", "administrator", "**")
        first = (await place.grants.page(await place.who(), subject="user:admin", origin=ORIGIN))[0]
        await place.grants.remove(await place.who(), first.id, origin=ORIGIN)
        for attempt in (
            place.groups.remove(await place.who(), "admins", "user:admin", origin=ORIGIN),
            place.groups.delete(await place.who(), "admins", origin=ORIGIN),
        ):
            with pytest.raises(Conflict):
                await attempt
        await place.groups.add(await place.who(), "admins", "user:bob", origin=ORIGIN)
        await place.groups.remove(await place.who(), "admins", "user:admin", origin=ORIGIN)

    living(tmp_path, scenario, "bob")


@pytest.mark.parametrize("engine", Engine)
def test_a_providers_groups_are_replaced_at_each_sign_in(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        corp, other = await place.provider("corp"), await place.provider("other")

        async def sign_in(provider: int, *names: str) -> None:
            async def work(unit: Unit) -> None:
                await move(unit)
                await replace_provider_groups(unit, place.ids["bob"], provider, names, origin=ORIGIN)

            await place.db.write(work)

        async def groups() -> list[str]:
            return [group.name for group in await place.groups.page(await place.who("bob"), origin=ORIGIN)]

        await place.groups.create(await place.who(), "devs", origin=ORIGIN)
        await place.groups.add(await place.who(), "devs", "user:bob", origin=ORIGIN)
        await sign_in(corp, "devs", "staff")
        await sign_in(other, "devs")
        assert await groups() == ["corp/devs", "corp/staff", "devs", "other/devs"]
        await place.give("group:corp/staff", "reader", "team/**")
        assert await place.may("bob", Action.PULL, "team/app", "v1")
        held = await place.who("bob")
        await sign_in(corp, "devs")
        with pytest.raises(StalePermit):
            await check_permit(place.db, held)
        assert await groups() == ["corp/devs", "devs", "other/devs"]
        assert not await place.may("bob", Action.PULL, "team/app", "v1")
        await sign_in(corp)
        assert await groups() == ["devs", "other/devs"]
        with pytest.raises(Conflict, match="provider"):
            await place.groups.add(await place.who(), "corp/devs", "user:bob", origin=ORIGIN)
        with pytest.raises(Conflict, match="provider"):
            await place.groups.delete(await place.who(), "corp/devs", origin=ORIGIN)

    living(tmp_path, scenario, "bob", engine=engine)


def test_an_unchanged_sign_in_changes_nothing(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        corp = await place.provider("corp")

        async def sign_in() -> None:
            async def work(unit: Unit) -> None:
                await move(unit)
                await replace_provider_groups(unit, place.ids["bob"], corp, ["devs"], origin=ORIGIN)

            await place.db.write(work)

        await sign_in()
        held, kinds = await place.who("bob"), await place.kinds()
        await sign_in()
        await check_permit(place.db, held)
        assert await place.kinds() == kinds

    living(tmp_path, scenario, "bob")


def test_a_providers_group_keeps_no_last_administrator(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        corp = await place.provider("corp")

        async def work(unit: Unit) -> None:
            await move(unit)
            await replace_provider_groups(unit, place.ids["bob"], corp, ["admins"], origin=ORIGIN)

        await place.db.write(work)
        await place.give("group:corp/admins", "administrator", "**")
        assert (await place.who("bob")).rights.system(Action.ADMINISTER)
        first = (await place.grants.page(await place.who(), subject="user:admin", origin=ORIGIN))[0]
        with pytest.raises(Conflict):
            await place.grants.remove(await place.who("bob"), first.id, origin=ORIGIN)

    living(tmp_path, scenario, "bob")
