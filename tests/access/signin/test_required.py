"""A second factor that is required: who is asked, what a password alone is still good for, and ways around it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.access.house import ADMIN, ENGINES, HERE, SECOND, Engine, House, lived_in
from tests.access.house import PASSWORD as ADMINS
from tests.access.signin.desk import PASSWORD, Desk, secret_of

from holdfast.access.accounts.administrator import reset_password
from holdfast.access.errors import Conflict, SecondFactorMissing, WrongCode
from holdfast.access.identities import Identities
from holdfast.access.model import Credential, CredentialKind, Identity, Recognised
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import ANYWHERE, Action, Conditions, Effect, Grant, Grantee, GranteeKind, TimeWindow
from holdfast.access.requirement import Required
from holdfast.access.signin.model import Session
from holdfast.access.tokens.model import TokenSettings
from holdfast.access.tokens.refresh import RefreshTokens

NOW = 1_000 * SECOND
ADMINISTER = frozenset({Action.ADMINISTER})


ADMINISTERS = Grant(1, Effect.ALLOW, Grantee(GranteeKind.ACCOUNT, 1, "user:ann"), None, ADMINISTER, "**")


def holder(*grants: Grant) -> Rights:
    """Somebody with these grants."""
    return Rights("user:ann", grants, {})


async def confined(desk: Desk, cookie: str, expected: bool) -> tuple[Identity, Session]:
    """Who is behind a session, when it is for setting up a second factor, or is not, as expected."""
    session = await desk.session(cookie)
    who = await desk.sessions.identity(session)
    assert desk.sessions.must_enrol(session, who) is expected
    return who, session


NIGHTS = Conditions(times=(TimeWindow(start=0, end=60),))


@pytest.mark.parametrize(
    ("rights", "administrator"),
    [
        (holder(ADMINISTERS), True),
        (holder(ADMINISTERS, ADMINISTERS._replace(effect=Effect.DENY)), True),
        (holder(ADMINISTERS._replace(conditions=NIGHTS)), True),
        (holder(ADMINISTERS._replace(expires_at=NOW + 1)), True),
        (holder(ADMINISTERS._replace(expires_at=NOW)), False),
        (holder(ADMINISTERS._replace(repository="team/**")), False),
        (holder(ADMINISTERS._replace(tag="v*")), False),
        (holder(ADMINISTERS._replace(effect=Effect.DENY)), False),
        (holder(ADMINISTERS._replace(actions=frozenset({Action.PULL}))), False),
        (holder(), False),
    ],
)
def test_who_may_ever_administer_is_an_administrator(rights: Rights, administrator: bool) -> None:
    assert Required.ADMINISTRATORS.of(rights, NOW) is administrator
    assert Required.EVERYONE.of(rights, NOW)
    assert not Required.NONE.of(rights, NOW)


def test_a_condition_that_does_not_hold_now_makes_nobody_less_of_an_administrator() -> None:
    rights = holder(ADMINISTERS._replace(conditions=NIGHTS))
    assert not rights.system(Action.ADMINISTER, ANYWHERE)
    assert rights.ever(Action.ADMINISTER, NOW)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_session_by_a_password_alone_is_for_setting_it_up(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house, required=Required.ADMINISTRATORS)
        cookie = (await desk.enter(ADMIN, ADMINS)).cookie
        who, session = await confined(desk, cookie, True)
        setup = await desk.factors.begin(who)
        await confined(desk, cookie, True)
        with pytest.raises(WrongCode):
            await desk.factors.confirm(who, "000000", session.key, origin=HERE)
        await confined(desk, cookie, True)
        await desk.factors.confirm(who, desk.code(secret_of(setup)), session.key, origin=HERE)
        who, _ = await confined(desk, cookie, False)
        desk.wait()
        await desk.factors.disable(who, desk.code(secret_of(setup)), origin=HERE)
        await confined(desk, cookie, True)

    lived_in(tmp_path, scenario, engine)


def test_it_is_required_from_the_moment_on_at_which_somebody_may_administer(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house, required=Required.ADMINISTRATORS)
        await house.person("bob", PASSWORD)
        cookie = (await desk.enter("bob")).cookie
        await confined(desk, cookie, False)
        await house.grant("bob", "administrator", "**")
        await confined(desk, cookie, True)
        await confined(Desk(house), cookie, False)
        await confined(Desk(house, required=Required.EVERYONE), cookie, True)

    lived_in(tmp_path, scenario)


def test_of_two_who_set_it_up_at_once_one_has_it(tmp_path: Path) -> None:
    """Whoever has the password as well can be first: then the other one cannot sign in, and notices."""

    async def scenario(house: House) -> None:
        desk = Desk(house, required=Required.EVERYONE)
        await house.person("alice", PASSWORD)
        mine, theirs = (await desk.enter()).cookie, (await desk.enter()).cookie
        (me, _), (other, session) = [await confined(desk, each, True) for each in (mine, theirs)]
        first, second = await desk.factors.begin(me), await desk.factors.begin(other)
        with pytest.raises(WrongCode):
            await desk.factors.confirm(other, desk.code(secret_of(first)), session.key, origin=HERE)
        await desk.factors.confirm(other, desk.code(secret_of(second)), session.key, origin=HERE)
        assert await desk.sessions.find(mine) is None
        again, _ = await confined(desk, theirs, False)
        with pytest.raises(Conflict):
            await desk.factors.begin(again)
        with pytest.raises(Conflict):
            await desk.factors.confirm(again, desk.code(secret_of(second), 1), session.key, origin=HERE)
        assert (await desk.enter()).half

    lived_in(tmp_path, scenario)


def test_the_last_administrator_is_never_locked_out(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house, required=Required.ADMINISTRATORS)
        who, session = await desk.signed_in(ADMIN, ADMINS)
        setup = await desk.factors.begin(who)
        codes = await desk.factors.confirm(who, desk.code(secret_of(setup)), session.key, origin=HERE)
        half = (await desk.enter(ADMIN, ADMINS)).cookie
        await confined(desk, await desk.second(half, codes[0]), False)
        done = await reset_password(house.db, ADMIN)
        assert done.second_factor
        await confined(desk, (await desk.enter(ADMIN, done.password)).cookie, True)

    lived_in(tmp_path, scenario)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_rests_on_a_password_alone_is_refused(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        desk = Desk(house, required=Required.ADMINISTRATORS)
        before = await house.person("bob", PASSWORD)
        strict = Identities(house.db, Required.ADMINISTRATORS)
        key = await house.keychain.create(before, "ci", bounds=None, expires_at=None, origin=HERE)
        password = await house.login.recognise("bob", PASSWORD, HERE)
        token = Recognised(before.subject.id, before.credential, ceiling=())
        tokens = RefreshTokens(house.db, bytes(32), TokenSettings())
        given = await tokens.issue(before, "docker", HERE)
        assert given is not None
        refresh = await tokens.recognise(given, HERE)
        of_key = await tokens.issue(await house.by_key(key.secret), "docker", HERE)
        assert of_key is not None
        for each in (password, token, refresh):
            assert await strict.of(each)
        await house.grant("bob", "administrator", "**")
        for each in (password, token, refresh):
            with pytest.raises(SecondFactorMissing, match="set it up"):
                await strict.of(each)
            assert await Identities(house.db).of(each)
        assert (await strict.of(await house.keys.recognise("bob", key.secret, HERE))).subject.name == "bob"
        assert (await strict.of(await tokens.recognise(of_key, HERE))).subject.name == "bob"
        who, _ = await desk.signed_in("bob")
        await desk.factors.begin(who)
        with pytest.raises(SecondFactorMissing):
            await strict.of(password)
        assert (await strict.of(Recognised(who.subject.id, Credential(CredentialKind.SESSION)))).subject == who.subject

    lived_in(tmp_path, scenario, engine)
