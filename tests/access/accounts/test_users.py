"""Users: who may keep them, what their names may be, and what ends with what."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.access.house import ADMIN, ENGINES, HERE, PASSWORD, Engine, House, lived_in

from holdfast.access.errors import Changed, Conflict, Denied, Invalid, StalePermit, Unauthenticated, Unknown
from holdfast.access.model import ANONYMOUS, UNCHECKED, Identity
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit
from holdfast.journal.model import ChangeKind

LONG = "twelve-chars"


@pytest.mark.parametrize("engine", ENGINES)
def test_the_life_of_a_user(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        admin = await house.admin()
        made = await house.users.create(
            admin, "alice", password=LONG, description=" builds ", display="Alice", origin=HERE
        )
        assert (made.name, made.description, made.display, made.has_password) == ("alice", "builds", "Alice", True)
        assert (made.made_at, made.made_by, made.provider, made.disabled_at) == (
            house.clock(),
            "user:admin",
            None,
            None,
        )
        assert await house.users.get(admin, "alice", origin=HERE) == made
        assert [each.name for each in await house.users.page(admin, origin=HERE)] == [ADMIN, "alice"]
        assert [each.name for each in await house.users.page(admin, after=ADMIN, limit=1, origin=HERE)] == ["alice"]
        alice = await house.by_password("alice", LONG)
        assert not alice.rights.allows(Action.PULL, "team/app", "v1"), "without any right"
        changed = await house.users.describe(admin, "alice", description="", display=None, origin=HERE)
        assert (changed.description, changed.display) == (None, None)
        assert changed.changed > made.changed
        with pytest.raises(Changed):
            await house.users.describe(
                admin, "alice", description="x", display=None, expected=made.changed, origin=HERE
            )
        assert (await house.users.disable(admin, "alice", origin=HERE)).disabled_at == house.clock()
        assert (await house.users.enable(admin, "alice", origin=HERE)).disabled_at is None
        await house.users.delete(admin, "alice", origin=HERE)
        with pytest.raises(Unknown):
            await house.users.get(admin, "alice", origin=HERE)
        assert [each.name for each in await house.users.page(admin, origin=HERE)] == [ADMIN]
        with pytest.raises(Conflict, match="taken for ever by a user who was deleted"):
            await house.users.create(admin, "alice", origin=HERE)
        assert await house.kinds() == [
            ChangeKind.USER_CREATED,
            ChangeKind.USER_CREATED,
            ChangeKind.USER_CHANGED,
            ChangeKind.USER_DISABLED,
            ChangeKind.USER_ENABLED,
            ChangeKind.USER_DELETED,
        ]

    lived_in(tmp_path, scenario, engine)


@pytest.mark.parametrize(
    "name",
    ["", "a+b", "team/a", "a:b", "a b", "-a", "a-", ".a", "a\n", "ä", "a" * 65, "AWS", "oauth2accesstoken", "a\0b"],
)
def test_names_that_cannot_be(tmp_path: Path, name: str) -> None:
    async def scenario(house: House) -> None:
        with pytest.raises(Invalid) as refused:
            await house.users.create(await house.admin(), name, origin=HERE)
        assert refused.value.field == "name"

    lived_in(tmp_path, scenario)


def test_names_that_can_be_and_no_two_that_differ_in_capitals(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        admin = await house.admin()
        for name in ("Alice", "a.b-c_d@example.org", "7", "a" * 64):
            await house.users.create(admin, name, password=LONG, origin=HERE)
            assert (await house.by_password(name, LONG)).subject.name == name
        for name in ("alice", "ALICE", "Admin"):
            with pytest.raises(Conflict, match="in capitals only"):
                await house.users.create(admin, name, origin=HERE)
        with pytest.raises(Conflict, match="is taken"):
            await house.users.create(admin, "Alice", origin=HERE)
        with pytest.raises(Unauthenticated):
            await house.login.recognise("alice", LONG, HERE)

    lived_in(tmp_path, scenario)


@pytest.mark.parametrize("password", ["", "short", "a" * 11, "a" * 1025])
def test_a_password_is_long_enough_and_nothing_else(tmp_path: Path, password: str) -> None:
    async def scenario(house: House) -> None:
        admin = await house.admin()
        with pytest.raises(Invalid):
            await house.users.create(admin, "alice", password=password, origin=HERE)
        with pytest.raises(Invalid):
            await house.users.set_password(admin, ADMIN, password, origin=HERE)
        with pytest.raises(Invalid):
            await house.users.change_own_password(admin, PASSWORD, password, origin=HERE)
        await house.users.create(admin, "alice", password="a" * 12, origin=HERE)

    lived_in(tmp_path, scenario)


def test_who_is_no_administrator_sees_only_himself_and_changes_nothing(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        alice = await house.person("alice")
        await house.person("bob")
        await house.grant("alice", "owner", "team/**")
        alice = await house.again(alice)
        users = house.users
        assert (await users.get(alice, "alice", origin=HERE)).name == "alice"
        assert [each.name for each in await users.page(alice, origin=HERE)] == ["alice"]
        assert await users.page(alice, after="alice", origin=HERE) == []
        for name in ("bob", ADMIN, "nobody"):
            for call in (users.get, users.disable, users.enable, users.delete):
                with pytest.raises(Unknown, match="in your sight"):
                    await call(alice, name, origin=HERE)
            with pytest.raises(Unknown):
                await users.describe(alice, name, description=None, display=None, origin=HERE)
            with pytest.raises(Denied):
                await users.set_password(alice, name, LONG, origin=HERE)
        for call in (users.disable, users.enable, users.delete):
            with pytest.raises(Denied):
                await call(alice, "alice", origin=HERE)
        with pytest.raises(Denied):
            await users.describe(alice, "alice", description="x", display=None, origin=HERE)
        with pytest.raises(Denied):
            await users.create(alice, "carol", origin=HERE)

    lived_in(tmp_path, scenario)


def test_robots_and_the_anonymous_are_no_users(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        admin = await house.admin()
        await house.robots.create(admin, "team", "ci", origin=HERE)
        nobody = Identity(ANONYMOUS, await house.version(), Rights("anonymous", [], {}))
        everyone = Identity(ANONYMOUS, UNCHECKED, Rights.EVERYTHING)
        assert await house.users.page(nobody, origin=HERE) == []
        assert [each.name for each in await house.users.page(everyone, origin=HERE)] == [ADMIN]
        for caller in (admin, everyone):
            with pytest.raises(Unknown):
                await house.users.get(caller, "team+ci", origin=HERE)
        for caller in (nobody, everyone):
            with pytest.raises(Denied):
                await house.users.change_own_password(caller, PASSWORD, LONG, origin=HERE)

    lived_in(tmp_path, scenario)


def test_the_last_administrator_stays(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        admin = await house.admin()
        for call in (house.users.disable, house.users.delete):
            with pytest.raises(Conflict, match="no administrator"):
                await call(admin, ADMIN, origin=HERE)
        before = await house.kinds()
        second = await house.person("second")
        await house.grant("second", "administrator", "**")
        second = await house.again(second)
        await house.users.disable(second, ADMIN, origin=HERE)
        with pytest.raises(Conflict):
            await house.users.delete(await house.again(second), "second", origin=HERE)
        with pytest.raises(Unauthenticated):
            await house.by_password(ADMIN, PASSWORD)
        assert ChangeKind.USER_DISABLED not in before

    lived_in(tmp_path, scenario)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("way", ["disable", "delete", "set_password"])
def test_what_ends_a_log_in_is_felt_at_the_next_request(tmp_path: Path, engine: Engine, way: str) -> None:
    async def scenario(house: House) -> None:
        alice = await house.person("alice")
        admin = await house.admin()
        await check_permit(house.db, alice)
        if way == "disable":
            await house.users.disable(admin, "alice", origin=HERE)
        elif way == "delete":
            await house.users.delete(admin, "alice", origin=HERE)
        else:
            await house.users.set_password(admin, "alice", LONG, origin=HERE)
        with pytest.raises(StalePermit):
            await check_permit(house.db, alice)
        await check_permit(house.db, admin)
        with pytest.raises(StalePermit):
            await house.keychain.create(alice, "laptop", origin=HERE)

    lived_in(tmp_path, scenario, engine)


def test_changing_ones_password_needs_the_old_one(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        alice = await house.person("alice")
        with pytest.raises(Unauthenticated):
            await house.users.change_own_password(alice, "not-the-old-one", LONG, origin=HERE)
        key = await house.keychain.create(alice, "laptop", origin=HERE)
        alice = await house.again(alice)
        await house.users.change_own_password(alice, "a-password-of-" * 2, LONG, origin=HERE)
        assert (await house.by_password("alice", LONG)).subject == alice.subject
        assert (await house.by_key(key.secret)).subject == alice.subject, "keys stay"
        with pytest.raises(Unauthenticated):
            await house.login.recognise("alice", "a-password-of-" * 2, HERE)

    lived_in(tmp_path, scenario)


def test_who_signs_in_by_a_provider_has_no_password_here(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.users.create(await house.admin(), "alice", origin=HERE)
        await house.run(
            "insert into identity_provider (name, issuer, client_id, scopes, name_claim, creates, made_at, made_by, "
            "changed) values ('corp', 'https://id.example', 'c', 'openid', 'email', 0, 1, 'test', 0)"
        )
        await house.run("update account set provider = (select id from identity_provider) where name = 'alice'")
        admin = await house.admin()
        with pytest.raises(Conflict, match="signs in by corp"):
            await house.users.set_password(admin, "alice", LONG, origin=HERE)
        assert (await house.users.get(admin, "alice", origin=HERE)).provider == "corp"

    lived_in(tmp_path, scenario)


def test_two_equal_names_at_once_are_one_user(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        admin = await house.admin()
        names = ["Alice", "alice", "ALICE", "alice"]
        calls = [house.users.create(admin, name, origin=HERE) for name in names]
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(each, Conflict) for each in found) == 3

    lived_in(tmp_path, scenario)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["a\0b", "\ud800", "a\nb", "", "x" * 513])
def test_names_that_no_database_takes_are_unknown(tmp_path: Path, engine: Engine, name: str) -> None:
    async def scenario(house: House) -> None:
        admin = await house.admin()
        for look in (house.users.get, house.robots.get, house.keychain.get):
            with pytest.raises(Unknown):
                await look(admin, name, origin=HERE)
        with pytest.raises(Unknown):
            await house.keychain.page(admin, owner=f"user:{name}", origin=HERE)
        with pytest.raises(Unauthenticated):
            await house.login.recognise(name, PASSWORD, HERE)
        with pytest.raises(Unauthenticated):
            await house.login.recognise(ADMIN, name, HERE)
        for page in (house.users.page, house.robots.page):
            if name:
                with pytest.raises(Invalid):
                    await page(admin, after=name, origin=HERE)
        with pytest.raises(Invalid):
            await house.users.create(admin, "alice", password=PASSWORD + "\ud800", origin=HERE)
        house.keys.used(1, HERE._replace(agent=f"agent {name}"))
        await house.keys.flush()

    lived_in(tmp_path, scenario, engine)
