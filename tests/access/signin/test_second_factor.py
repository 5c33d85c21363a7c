"""Second factors: set up, asked for, spent once, given up, and what attackers try."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.access.house import ADMIN, ELSEWHERE, ENGINES, HERE, JOURNAL, MINUTE, SECOND, Engine, House, lived_in
from tests.access.house import PASSWORD as ADMINS
from tests.access.signin.desk import PASSWORD, Desk, secret_of

from holdfast.access.accounts.administrator import reset_password
from holdfast.access.errors import (
    Conflict,
    Denied,
    SecondFactorNeeded,
    Throttled,
    Unauthenticated,
    Unknown,
    WrongCode,
)
from holdfast.access.model import Recognised
from holdfast.access.signin.second_factor import Factor
from holdfast.access.throttle import ThrottleSettings
from holdfast.db.query import Query


class Kept(NamedTuple):
    """What the database holds of a secret."""

    kept: bytes


FACTORS = Query("select wrapped as kept from second_factor", Kept)
CODES = Query("select hash as kept from recovery_code", Kept)
NEW = "another-password-of-alice"


@pytest.mark.parametrize("engine", ENGINES)
def test_who_has_a_second_factor_signs_in_in_two_steps(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house)
        alice = await desk.alice()
        entered = await desk.enter()
        assert entered.half
        assert await desk.sessions.find(entered.cookie) is None, "half a session is none"
        cookie = await desk.second(entered.cookie, desk.code(alice.secret))
        session = await desk.session(cookie)
        assert (session.name, session.method) == ("alice", "password+code")
        who = await desk.sessions.identity(session)
        assert await desk.factors.of(who.subject.id) == Factor(house.clock.at - 30 * SECOND, 10)
        assert (await house.kinds())[-3:] == ["session.started", "second-factor.enabled", "session.started"]

    lived_in(tmp_path, scenario, engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_code_counts_once_wherever_it_is_spent(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        desk, other = Desk(house), Desk(house)
        alice = await desk.alice()
        code = desk.code(alice.secret)
        halves = [(await each.enter()).cookie for each in (desk, other) for _ in range(3)]
        tries = [each.second(half, code) for each, half in zip([desk] * 3 + [other] * 3, halves, strict=True)]
        found = await asyncio.gather(*tries, return_exceptions=True)
        assert sorted(type(each).__name__ for each in found) == ["WrongCode"] * 5 + ["str"]
        with pytest.raises(WrongCode):
            await desk.second(halves[0], desk.code(alice.secret, -1))
        desk.wait(10)
        with pytest.raises(WrongCode):
            await desk.second((await desk.enter()).cookie, code)

    lived_in(tmp_path, scenario, engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_recovery_code_opens_once(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house)
        alice = await desk.alice()
        half = (await desk.enter()).cookie
        found = await asyncio.gather(*(desk.second(half, alice.codes[0]) for _ in range(4)), return_exceptions=True)
        assert sorted(type(each).__name__ for each in found) == ["WrongCode"] * 3 + ["str"]
        cookie = await desk.second(half, alice.codes[1].upper().replace("-", " "))
        session = await desk.session(cookie)
        assert session.method == "password+recovery-code"
        factor = await desk.factors.of(session.account_id)
        assert factor is not None
        assert factor.codes == 8
        used = [row for row in await house.db.all(JOURNAL) if row.kind == "recovery-code.used"]
        assert [json.loads(row.data)["left"] for row in used] == [9, 8]
        who = await desk.sessions.identity(session)
        fresh = await desk.factors.renew_codes(who, desk.code(alice.secret), origin=HERE)
        assert not set(fresh) & set(alice.codes)
        with pytest.raises(WrongCode):
            await desk.second(half, alice.codes[2])
        await desk.second(half, fresh[0])

    lived_in(tmp_path, scenario, engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_stands_in_clear(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house)
        alice = await desk.alice()
        ((wrapped,),) = await house.db.all(FACTORS)
        assert alice.secret not in wrapped
        plain = [code.replace("-", "").encode() for code in alice.codes]
        kept = [row.kept for row in await house.db.all(CODES)]
        assert len(kept) == 10
        assert not any(code in each for code in plain for each in kept)
        told = " ".join(row.data + (row.origin or "") for row in await house.db.all(JOURNAL))
        assert not any(code in told for code in alice.codes)

    lived_in(tmp_path, scenario, engine)


def test_a_secret_of_one_account_does_not_open_for_another(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house)
        await desk.alice()
        await house.person("bob", PASSWORD)
        bob, _ = await desk.signed_in("bob")
        await desk.factors.begin(bob)
        await house.run(
            "update second_factor set wrapped = (select f.wrapped from second_factor f where f.confirmed_at > 0)"
        )
        with pytest.raises(ValueError):
            await desk.factors.confirm(bob, "123456", (await desk.signed_in("bob"))[1].key, origin=HERE)

    lived_in(tmp_path, scenario)


def test_a_password_alone_is_refused_everywhere_else_and_a_key_is_not(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house)
        before = await house.person("alice", PASSWORD)
        made = await house.keychain.create(before, "ci", bounds=None, expires_at=None, origin=HERE)
        who, session = await desk.signed_in()
        token = await house.by_password("alice", PASSWORD)
        secret = secret_of(await desk.factors.begin(who))
        assert await house.by_password("alice", PASSWORD), "nothing is asked for before it is confirmed"
        await desk.factors.confirm(who, desk.code(secret), session.key, origin=HERE)
        with pytest.raises(SecondFactorNeeded, match="Make a key at /me"):
            await house.by_password("alice", PASSWORD)
        with pytest.raises(Unauthenticated) as wrong:
            await house.by_password("alice", "not-the-password")
        assert not isinstance(wrong.value, SecondFactorNeeded), "only who knows the password learns of it"
        with pytest.raises(Unauthenticated):
            await house.identified(Recognised(token.subject.id, token.credential))
        assert (await house.by_key(made.secret)).subject.name == "alice"

    lived_in(tmp_path, scenario)


def test_what_the_password_alone_had_opened_ends(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house)
        await house.person("alice", PASSWORD)
        elsewhere = (await desk.enter()).cookie
        who, session = await desk.signed_in()
        secret = secret_of(await desk.factors.begin(who))
        await desk.factors.confirm(who, desk.code(secret), session.key, origin=HERE)
        assert await desk.sessions.find(elsewhere) is None
        assert [each.key for each in await desk.sessions.of(await desk.sessions.identity(session))] == [session.key]

    lived_in(tmp_path, scenario)


def test_half_a_sign_in_ends_with_the_password_the_factor_the_account_and_the_time(tmp_path: Path) -> None:
    async def change_password(house: House) -> None:
        await house.users.set_password(await house.admin(), "alice", NEW, origin=HERE)

    async def disable(house: House) -> None:
        await house.users.disable(await house.admin(), "alice", origin=HERE)

    async def delete(house: House) -> None:
        await house.users.delete(await house.admin(), "alice", origin=HERE)

    async def reset(house: House) -> None:
        await Desk(house).factors.reset(await house.admin(), "alice", origin=HERE)

    ends: list[Callable[[House], Awaitable[None]]] = [change_password, disable, delete, reset]
    for number, end in enumerate(ends):

        async def scenario(house: House, end: Callable[[House], Awaitable[None]] = end) -> None:
            desk = Desk(house)
            alice = await desk.alice()
            half = (await desk.enter()).cookie
            await end(house)
            with pytest.raises(Unauthenticated):
                await desk.second(half, desk.code(alice.secret))

        (tmp_path / str(number)).mkdir()
        lived_in(tmp_path / str(number), scenario)

    async def late(house: House) -> None:
        desk = Desk(house)
        await desk.alice()
        half = (await desk.enter()).cookie
        house.clock.at += 5 * MINUTE - 1
        assert desk.sessions.half(half) is not None
        house.clock.at += 1
        assert desk.sessions.half(half) is None
        for wrong in ("", "x", half[:-2], half + "A", "\xe9", "A" * 5000):
            assert desk.sessions.half(wrong) is None

    lived_in(tmp_path, late)


def test_a_grant_in_between_costs_nobody_his_code(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house)
        alice = await desk.alice()
        half = (await desk.enter()).cookie
        await house.grant("alice", "reader", "team/**")
        assert await desk.second(half, desk.code(alice.secret))

    lived_in(tmp_path, scenario)


@pytest.mark.parametrize("engine", ENGINES)
def test_guessing_is_slowed_for_the_account_wherever_it_comes_from(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house)
        alice = await desk.alice()
        half = (await desk.enter()).cookie
        wrong = "000000" if desk.code(alice.secret) != "000000" else "000001"
        for number in range(10):
            with pytest.raises(WrongCode):
                await desk.second(half, wrong, HERE._replace(address=f"203.0.113.{number}"))
        with pytest.raises(Throttled) as slowed:
            await desk.second(half, desk.code(alice.secret), ELSEWHERE)
        assert slowed.value.seconds == 30
        other = Desk(house)
        with pytest.raises(Throttled):
            await other.second((await other.enter()).cookie, desk.code(alice.secret), ELSEWHERE)
        assert await desk.second(half, alice.codes[0], ELSEWHERE), "a recovery code is not guessed: it opens still"
        assert desk.told[-1] == ("user:alice", False)
        assert len(desk.told) == 10
        desk.wait(1)
        assert await desk.second((await desk.enter()).cookie, desk.code(alice.secret))

    lived_in(tmp_path, scenario, engine)


def test_ever_longer_up_to_an_hour(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house)
        alice = await desk.alice()
        for failures, seconds in ((10, 30), (11, 60), (14, 480), (17, 3600), (100_000, 3600)):
            await house.run(f"update second_factor set failures = {failures}, failed_at = {house.clock.at}")
            with pytest.raises(Throttled) as slowed:
                await desk.second((await desk.enter()).cookie, desk.code(alice.secret))
            assert slowed.value.seconds == seconds

    lived_in(tmp_path, scenario)


def test_a_place_that_guesses_waits_and_another_does_not(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house, ThrottleSettings())
        alice = await desk.alice()
        half = (await desk.enter()).cookie
        for guess in ("a", "b", "c"):
            with pytest.raises(WrongCode):
                await desk.second(half, guess)
        with pytest.raises(Throttled):
            await desk.second(half, desk.code(alice.secret))
        assert await desk.second(half, desk.code(alice.secret), ELSEWHERE)

    lived_in(tmp_path, scenario)


def test_it_is_set_up_by_a_code_of_the_app_alone(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house)
        await house.person("alice", PASSWORD)
        who, session = await desk.signed_in()
        with pytest.raises(Conflict):
            await desk.factors.confirm(who, "123456", session.key, origin=HERE)
        first, second = secret_of(await desk.factors.begin(who)), secret_of(await desk.factors.begin(who))
        with pytest.raises(WrongCode):
            await desk.factors.confirm(who, desk.code(first), session.key, origin=HERE)
        assert await desk.factors.of(who.subject.id) is None
        assert len(await desk.factors.confirm(who, desk.code(second), session.key, origin=HERE)) == 10
        who = await desk.sessions.identity(session)
        with pytest.raises(Conflict):
            await desk.factors.begin(who)
        with pytest.raises(WrongCode):
            await desk.factors.disable(who, desk.code(second), origin=HERE)
        desk.wait()
        await desk.factors.disable(who, desk.code(second), origin=HERE)
        assert await desk.factors.of(who.subject.id) is None
        assert not (await desk.enter()).half
        with pytest.raises(Conflict):
            await desk.factors.disable(who, desk.code(second), origin=HERE)
        assert [kind for kind in await house.kinds() if "factor" in kind] == [
            "second-factor.enabled",
            "second-factor.disabled",
        ]

    lived_in(tmp_path, scenario)


def test_a_key_or_a_password_sets_up_and_disables_nothing(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house)
        alice = await house.person("alice", PASSWORD)
        made = await house.keychain.create(alice, "ci", bounds=None, expires_at=None, origin=HERE)
        for who in (alice, await house.by_key(made.secret)):
            for attempt in (
                desk.factors.begin(who),
                desk.factors.confirm(who, "123456", "00", origin=HERE),
                desk.factors.disable(who, "123456", origin=HERE),
                desk.factors.renew_codes(who, "123456", origin=HERE),
            ):
                with pytest.raises(Denied):
                    await attempt

    lived_in(tmp_path, scenario)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_administrator_takes_it_away_from_others_alone(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house)
        await desk.alice()
        bob = await house.person("bob")
        admin = await house.admin()
        for name in ("alice", "nobody", "\0"):
            with pytest.raises(Unknown):
                await desk.factors.reset(bob, name, origin=HERE)
        with pytest.raises(Denied):
            await desk.factors.reset(bob, "bob", origin=HERE)
        with pytest.raises(Denied):
            await desk.factors.reset(admin, ADMIN, origin=HERE)
        before = await house.kinds()
        await desk.factors.reset(admin, "bob", origin=HERE)
        assert await house.kinds() == before, "there was none"
        with pytest.raises(Unknown):
            await desk.factors.reset(admin, "nobody", origin=HERE)
        assert (await house.users.get(admin, "alice", origin=HERE)).second_factor
        await desk.factors.reset(admin, "alice", origin=HERE)
        assert not (await house.users.get(admin, "alice", origin=HERE)).second_factor
        assert not (await desk.enter()).half
        assert await house.by_password("alice", PASSWORD)

    lived_in(tmp_path, scenario, engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_reset_on_the_host_takes_it_away(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house)
        await desk.alice()
        done = await reset_password(house.db, "alice")
        assert done.second_factor
        assert not (await desk.enter(password=done.password)).half
        assert not (await reset_password(house.db, "alice")).second_factor
        assert (await house.by_password(ADMIN, ADMINS)).subject.name == ADMIN

    lived_in(tmp_path, scenario, engine)


def test_ones_own_password_is_changed_with_the_old_one_and_the_factor_stays(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house)
        alice = await desk.alice()
        cookie = await desk.second((await desk.enter()).cookie, desk.code(alice.secret))
        who = await desk.sessions.identity(await desk.session(cookie))
        await house.users.change_own_password(who, PASSWORD, NEW, origin=HERE)
        assert (await desk.enter(password=NEW)).half

    lived_in(tmp_path, scenario)
