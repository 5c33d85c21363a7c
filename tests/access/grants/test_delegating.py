"""What the other management services ask: who manages a path, who could act as another, which administrator is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.access.grants.place import HOUR, ORIGIN, START, Engine, Place, living

from holdfast.access.delegating import (
    circumstances_of,
    require_administrator,
    require_administrator_left,
    require_manage,
    require_over_grantee,
    scope_of,
)
from holdfast.access.errors import Conflict, Denied
from holdfast.access.policy.globs import GlobInvalid
from holdfast.access.policy.languages import Scope
from holdfast.access.policy.model import GranteeKind
from holdfast.db.port import Unit


def test_a_path_is_all_of_it_and_a_glob_is_itself() -> None:
    assert scope_of("team") == Scope("team/**")
    assert scope_of("") == Scope("**")
    assert scope_of("team/*") == Scope("team/*")
    for text in ("Team", "team/", "team**"):
        with pytest.raises(GlobInvalid):
            scope_of(text)


def test_who_manages_a_path(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:owen", "owner", "team/**")
        await place.give("user:lita", "owner", "team")
        await place.give("user:olaf", "owner", "team/**", conditions={"networks": ["10.0.0.0/8"]})
        await place.give("user:tina", "owner", "team/**", expires_at=START + HOUR)
        await place.give("user:dean", "owner", "team/**")
        await place.deny("user:dean", "manage-access", "team/secret/x")

        async def manages(name: str, path: str, address: str = ORIGIN.address) -> bool:
            try:
                await require_manage(place.db, await place.who(name), path, ORIGIN._replace(address=address))
            except Denied as refusal:
                return refusal.detail["action"] != "manage-access"
            return True

        assert await manages("owen", "team")
        assert await manages("owen", "team/app/x")
        assert await manages("owen", "team/*/x")
        assert not await manages("owen", "")
        assert not await manages("owen", "tea*")
        assert not await manages("owen", "other")
        assert not await manages("lita", "team")
        assert await manages("olaf", "team")
        assert not await manages("olaf", "team", "192.0.2.1")
        assert await manages("tina", "team")
        place.now += HOUR
        assert not await manages("tina", "team")
        assert not await manages("dean", "team")
        assert not await manages("dean", "team/secret")
        assert await manages("dean", "team/app")
        assert await manages("admin", "")

    living(tmp_path, scenario, "owen", "lita", "olaf", "tina", "dean")


def test_who_is_an_administrator(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:tina", "administrator", "**", expires_at=START + HOUR)
        await place.give("user:owen", "owner", "team/**")
        require_administrator(await place.who())
        tina = await place.who("tina")
        with pytest.raises(Denied):
            require_administrator(tina)  # not known to be in time
        require_administrator(tina, await circumstances_of(place.db, tina, ORIGIN))
        with pytest.raises(Denied):
            require_administrator(await place.who("owen"))

    living(tmp_path, scenario, "tina", "owen")


def test_who_could_act_as_another(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:owen", "owner", "team/**")
        robot = place.ids["team+ci"]

        async def may(name: str, kind: GranteeKind = GranteeKind.ACCOUNT, id: int = robot) -> bool:
            try:
                await require_over_grantee(place.db, await place.who(name), kind, id, ORIGIN)
            except Denied:
                return False
            return True

        assert await may("owen")
        await place.give("robot:team+ci", "writer", "team/app/**")
        await place.deny("robot:team+ci", "sign", "other/**")  # takes, and gives nothing
        assert await may("owen")
        past = await place.give("robot:team+ci", "reader", "other/**", expires_at=START + 1)
        assert not await may("owen")
        place.now += 1
        assert await may("owen")
        await place.grants.remove(await place.who(), past.id, origin=ORIGIN)
        await place.groups.create(await place.who(), "bots", origin=ORIGIN)
        await place.groups.add(await place.who(), "bots", "robot:team+ci", origin=ORIGIN)
        assert await may("owen")
        await place.give("group:bots", "reader", "other/**", conditions={"networks": ["10.0.0.0/8"]})
        assert not await may("owen")
        group = (await place.groups.get(await place.who(), "bots", origin=ORIGIN)).id
        assert not await may("owen", GranteeKind.GROUP, group)
        assert await may("admin", GranteeKind.GROUP, group)
        assert await may("bob", id=place.ids["bob"])  # oneself

    living(tmp_path, scenario, "owen", "bob", "team+ci")


@pytest.mark.parametrize("engine", Engine)
def test_an_administrator_is_left(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        async def left(*statements: str) -> bool:
            """Whether one is left after these changes, which are taken back."""

            class Undone(Exception):
                pass

            async def work(unit: Unit) -> None:
                for statement in statements:
                    await unit.run(place.command(statement))
                await require_administrator_left(unit)
                raise Undone

            try:
                await place.db.write(work)
            except Conflict:
                return False
            except Undone:
                return True
            raise AssertionError

        assert await left()
        for column in ("disabled_at", "gone_at", "expires_at"):
            assert not await left(f"update account set {column} = :now where name = 'admin'")
        await place.groups.create(await place.who(), "admins", origin=ORIGIN)
        await place.groups.add(await place.who(), "admins", "user:bob", origin=ORIGIN)
        await place.give("group:admins", "administrator", "**")
        gone = "update account set disabled_at = :now where name = 'admin'"
        assert await left(gone)
        assert not await left(gone, "update account set disabled_at = :now where name = 'bob'")
        assert not await left(gone, "delete from membership")
        assert not await left(gone, "update user_group set gone_at = :now")
        await place.deny("user:bob", "administer", "**")
        assert not await left(gone)
        assert await left()
        await place.roles.create(await place.who(), "boss", ["administer"], origin=ORIGIN)
        await place.give("user:carol", "boss", "**")
        assert await left(gone)
        assert not await left(gone, "update role set actions = '[\"pull\"]'")

    living(tmp_path, scenario, "bob", "carol", engine=engine)
