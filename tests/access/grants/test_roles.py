"""Custom roles: who makes them, and that changing one counts as granting it everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.access.grants.place import ORIGIN, Engine, Place, living

from holdfast.access.errors import Changed, Conflict, Denied, Invalid, Unknown
from holdfast.access.policy.model import BUILT_IN_ROLES, Action


@pytest.mark.parametrize("engine", Engine)
def test_a_role_from_making_to_deleting(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        made = await place.roles.create(await place.who(), "signer", ["sign", "pull"], "signs", origin=ORIGIN)
        assert (made.actions, made.built_in) == (frozenset({Action.SIGN, Action.PULL}), False)
        grant = await place.give("user:bob", "signer", "team/**")
        assert await place.may("bob", Action.SIGN, "team/app", "v1")
        assert not await place.may("bob", Action.OVERWRITE, "team/app", "v1")
        changed = await place.roles.change(
            await place.who(), "signer", ["overwrite"], expected=made.changed, origin=ORIGIN
        )
        assert changed == await place.roles.get(await place.who(), "signer", origin=ORIGIN)
        assert not await place.may("bob", Action.SIGN, "team/app", "v1")
        assert await place.may("bob", Action.OVERWRITE, "team/app", "v1")
        with pytest.raises(Changed):
            await place.roles.change(await place.who(), "signer", ["pull"], expected=made.changed, origin=ORIGIN)
        with pytest.raises(Conflict, match="in use"):
            await place.roles.delete(await place.who(), "signer", origin=ORIGIN)
        await place.grants.remove(await place.who(), grant.id, origin=ORIGIN)
        await place.roles.delete(await place.who(), "signer", origin=ORIGIN)
        with pytest.raises(Unknown):
            await place.roles.get(await place.who(), "signer", origin=ORIGIN)
        assert await place.kinds() == [
            "role.created",
            "grant.added",
            "role.changed",
            "grant.removed",
            "role.deleted",
        ]

    living(tmp_path, scenario, "bob", engine=engine)


@pytest.mark.parametrize(
    ("name", "actions", "field"),
    [
        ("Signer", ["sign"], "name"),
        ("", ["sign"], "name"),
        ("a/b", ["sign"], "name"),
        ("a" * 65, ["sign"], "name"),
        ("signer", [], "actions"),
        ("signer", ["push"], "actions"),
    ],
)
def test_what_can_be_no_role(tmp_path: Path, name: str, actions: list[str], field: str) -> None:
    async def scenario(place: Place) -> None:
        with pytest.raises(Invalid) as refusal:
            await place.roles.create(await place.who(), name, actions, origin=ORIGIN)
        assert refusal.value.field == field

    living(tmp_path, scenario)


def test_built_in_roles_are_nobodys_to_change(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        admin = await place.who()
        for name in BUILT_IN_ROLES:
            with pytest.raises(Conflict):
                await place.roles.create(admin, name, ["pull"], origin=ORIGIN)
            with pytest.raises(Conflict):
                await place.roles.change(admin, name, ["pull"], origin=ORIGIN)
            with pytest.raises(Conflict):
                await place.roles.delete(admin, name, origin=ORIGIN)
        nobody = await place.who("")
        assert {role.name for role in await place.roles.page(nobody, origin=ORIGIN)} == set(BUILT_IN_ROLES)

    living(tmp_path, scenario)


def test_changing_a_role_counts_as_granting_it_everywhere(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:owen", "owner", "team/**")
        await place.roles.create(await place.who("owen"), "viewer", ["list"], origin=ORIGIN)
        await place.roles.change(await place.who("owen"), "viewer", ["list", "pull"], origin=ORIGIN)
        await place.give("user:bob", "viewer", "team/app", by="owen")
        await place.roles.change(await place.who("owen"), "viewer", ["list", "overwrite"], origin=ORIGIN)
        elsewhere = await place.give("user:bob", "viewer", "other/app")
        with pytest.raises(Denied):
            await place.roles.change(await place.who("owen"), "viewer", ["list"], origin=ORIGIN)
        await place.grants.remove(await place.who(), elsewhere.id, origin=ORIGIN)
        await place.deny("user:owen", "delete-tag", "team/app:v*")
        with pytest.raises(Denied):
            await place.roles.change(await place.who("owen"), "viewer", ["delete-tag"], origin=ORIGIN)
        await place.give("user:bob", "viewer", "team/x:v*")
        with pytest.raises(Invalid):  # it would mean nothing there
            await place.roles.change(await place.who("owen"), "viewer", ["list"], origin=ORIGIN)

    living(tmp_path, scenario, "owen", "bob")


def test_who_may_make_and_see_roles(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:owen", "owner", "team/**")
        await place.give("user:walt", "writer", "team/**")
        for name in ("walt", "bob", ""):
            with pytest.raises(Denied):
                await place.roles.create(await place.who(name), "viewer", ["list"], origin=ORIGIN)
        for action in ("operate", "administer"):
            with pytest.raises(Denied):
                await place.roles.create(await place.who("owen"), "boss", [action], origin=ORIGIN)
        await place.roles.create(await place.who("owen"), "viewer", ["list"], origin=ORIGIN)
        with pytest.raises(Denied):
            await place.roles.change(await place.who("owen"), "viewer", ["administer"], origin=ORIGIN)
        await place.roles.create(await place.who(), "mine", ["list"], origin=ORIGIN)
        for attempt in (
            place.roles.change(await place.who("owen"), "mine", ["pull"], origin=ORIGIN),
            place.roles.delete(await place.who("owen"), "mine", origin=ORIGIN),
        ):
            with pytest.raises(Denied):
                await attempt
        for name in ("walt", ""):
            with pytest.raises(Unknown):
                await place.roles.get(await place.who(name), "viewer", origin=ORIGIN)
            with pytest.raises(Unknown):
                await place.roles.delete(await place.who(name), "viewer", origin=ORIGIN)
        await place.give("user:walt", "viewer", "team/**")
        assert (await place.roles.get(await place.who("walt"), "viewer", origin=ORIGIN)).made_by == "user:owen"

    living(tmp_path, scenario, "owen", "walt", "bob")


def test_pages_of_roles(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        names = sorted([*BUILT_IN_ROLES, *(f"role-{n}" for n in range(5))])
        for name in set(names) - set(BUILT_IN_ROLES):
            await place.roles.create(await place.who(), name, ["pull"], origin=ORIGIN)
        found: list[str] = []
        while page := await place.roles.page(
            await place.who(), after=found[-1] if found else "", limit=3, origin=ORIGIN
        ):
            found += [role.name for role in page]
        assert found == names

    living(tmp_path, scenario)
