"""The log-in by password: who is refused, who waits, what is worked on once, and what is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import argon2
import pytest
from tests.access.house import ADMIN, ELSEWHERE, ENGINES, HERE, MINUTE, PASSWORD, Engine, House, lived_in
from tests.access.test_accounts import Account

from holdfast.access.errors import Busy, Throttled, Unauthenticated
from holdfast.access.model import CredentialKind
from holdfast.access.password import MINIMUM_LENGTH, is_outdated, matches
from holdfast.access.throttle import ThrottleSettings
from holdfast.db.query import Query
from holdfast.journal.model import Origin

STORED = Query("select name, verifier, changed from account where name = :name", Account)
QUICK = ThrottleSettings(free=3, first=10.0, cap=100.0)


async def refuse(house: House, name: str, secret: str, origin: Origin = HERE) -> None:
    with pytest.raises(Unauthenticated):
        await house.login.recognise(name, secret, origin)


async def fail(house: House, name: str, times: int, origin: Origin = HERE, mark: str = "") -> None:
    for number in range(times):
        await refuse(house, name, f"wrong-{mark}-{number}", origin)


@pytest.mark.parametrize("name", ["nobody", "Admin", "", "team+ci", "admin ", "a" * 5000, "'--"])
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    async def scenario(house: House) -> None:
        await house.robots.create(await house.admin(), "team", "ci", origin=HERE)
        await refuse(house, name, PASSWORD)

    lived_in(tmp_path, scenario)


def test_the_right_password_is_recognised(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        found = await house.login.recognise(ADMIN, PASSWORD, HERE)
        assert found.credential.kind is CredentialKind.PASSWORD
        assert found.bounds is None
        assert (await house.identified(found)).subject.actor == "user:admin"
        assert house.told == [("user:admin", True)]

    lived_in(tmp_path, scenario)


@pytest.mark.parametrize("engine", ENGINES)
def test_who_is_disabled_is_refused_and_let_in_again(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        admin = await house.admin()
        await house.users.create(admin, "alice", password=PASSWORD, origin=HERE)
        await house.by_password("alice", PASSWORD)
        await house.users.disable(admin, "alice", origin=HERE)
        await refuse(house, "alice", PASSWORD)
        await house.users.enable(await house.admin(), "alice", origin=HERE)
        await house.by_password("alice", PASSWORD)

    lived_in(tmp_path, scenario, engine)


@pytest.mark.parametrize("name", [ADMIN, "nobody"])
def test_failures_delay_the_account_from_this_block_alone(tmp_path: Path, name: str) -> None:
    async def scenario(house: House) -> None:
        await fail(house, name, 3)
        with pytest.raises(Throttled) as refused:
            await house.login.recognise(name, PASSWORD, HERE)
        assert refused.value.seconds == 10
        assert house.held == [1.0], "a moment before the 429, for clients that ask again at once"
        if name == ADMIN:
            await house.login.recognise(name, PASSWORD, ELSEWHERE)
            house.clock.at += 10_000_000
            await house.login.recognise(name, PASSWORD, HERE)

    lived_in(tmp_path, scenario, settings=QUICK)


def test_a_right_password_from_where_it_came_lately_is_never_delayed(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.users.create(await house.admin(), "alice", password="a" * MINIMUM_LENGTH, origin=HERE)
        await house.login.recognise("alice", "a" * MINIMUM_LENGTH, HERE)
        await fail(house, "alice", 3, mark="a")
        with pytest.raises(Throttled):
            await house.login.recognise("alice", "wrong once more", HERE)
        await house.users.set_password(await house.admin(), "alice", "b" * MINIMUM_LENGTH, origin=HERE)
        await house.login.recognise("alice", "b" * MINIMUM_LENGTH, HERE)

    lived_in(tmp_path, scenario, settings=QUICK)


def test_a_repeated_wrong_password_counts_once_and_costs_no_argon2(tmp_path: Path) -> None:
    """As a machine with an old password does it, and containerd with every one."""

    async def scenario(house: House) -> None:
        for name in (ADMIN, "nobody"):
            for _ in range(20):
                await refuse(house, name, "an old password")
        assert house.told == [("user:admin", False), ("unknown", False)]
        await house.login.recognise(ADMIN, PASSWORD, HERE)
        house.passwords.close()  # from here on argon2 would fail
        for name in (ADMIN, "nobody"):
            await refuse(house, name, "an old password")
        await house.login.recognise(ADMIN, PASSWORD, HERE)

    lived_in(tmp_path, scenario, settings=QUICK)


def test_what_was_right_is_right_until_the_password_changes(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        admin = await house.admin()
        new = "another-password"
        await refuse(house, ADMIN, new)
        await house.users.change_own_password(admin, PASSWORD, new, origin=HERE)
        await refuse(house, ADMIN, PASSWORD)
        await house.login.recognise(ADMIN, new, HERE)

    lived_in(tmp_path, scenario)


def test_equal_attempts_at_once_are_one(tmp_path: Path) -> None:
    """Twenty machines start with one password: nobody waits, and it is checked once."""

    async def scenario(house: House) -> None:
        found = await asyncio.gather(*(house.login.recognise(ADMIN, PASSWORD, HERE) for _ in range(20)))
        assert len({each.account_id for each in found}) == 1
        assert house.told == [("user:admin", True)]
        gone = asyncio.create_task(house.login.recognise("nobody", "x", HERE))
        other = asyncio.create_task(house.login.recognise("nobody", "x", HERE))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(Unauthenticated):
            await other

    lived_in(tmp_path, scenario, settings=QUICK)


def test_different_guesses_at_once_do_not_slip_by(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        guesses = [house.login.recognise(ADMIN, f"guess-{number}", HERE) for number in range(20)]
        found = await asyncio.gather(*guesses, return_exceptions=True)
        assert sum(isinstance(each, Unauthenticated) for each in found) == 3
        assert sum(isinstance(each, Throttled) for each in found) == 17
        assert house.told == [("user:admin", False)] * 3

    lived_in(tmp_path, scenario, settings=QUICK)


def test_one_block_that_fills_the_queue_keeps_nobody_else_out(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        flood = [asyncio.create_task(house.login.recognise(f"nobody-{n}", "x", ELSEWHERE)) for n in range(100)]
        await asyncio.sleep(0)
        await house.login.recognise(ADMIN, PASSWORD, HERE)
        assert not all(task.done() for task in flood), "it did not wait for the whole flood"
        found = await asyncio.gather(*flood, return_exceptions=True)
        assert {type(each) for each in found} == {Unauthenticated, Busy}

    lived_in(tmp_path, scenario, settings=ThrottleSettings(accounts=1000))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_password_of_an_older_program_moves_at_its_next_use(tmp_path: Path, engine: Engine) -> None:
    """And under today's parameters; but not while such a program serves beside this one."""

    async def scenario(house: House) -> None:
        weak = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
        await house.run("update account set verifier = null, password = :old where name = 'admin'", old=weak)
        await house.run(
            "insert into node (id, host, pid, kind, version, schema, started, seen) "
            "values ('n', 'h', 1, 'serve', '1', 6, 1, :seen)",
            seen=house.clock(),
        )
        before = await house.version()
        await house.by_password(ADMIN, PASSWORD)
        assert await house.run("update account set name = name where password is not null") == 1
        stored = await house.db.one(STORED, name=ADMIN)
        assert stored is not None
        assert matches(stored.verifier, PASSWORD)
        assert not is_outdated(stored.verifier)
        house.clock.at += 2 * MINUTE
        await house.by_password(ADMIN, PASSWORD)
        assert await house.run("update account set name = name where password is not null") == 0
        await house.by_password(ADMIN, PASSWORD)
        assert await house.version() == before, "nobody's rights changed"

    lived_in(tmp_path, scenario, engine)
