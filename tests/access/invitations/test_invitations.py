"""Invitations: a code gives a grant, once, while it is open and its maker may still give it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.access.grants.place import HOUR, ORIGIN, START, Engine, Place, living

from holdfast.access.errors import Conflict, Denied, Invalid, Unknown
from holdfast.access.invitations.code import code_in, link, new_code
from holdfast.access.invitations.model import Acceptance, InvitationState, NewInvitation
from holdfast.access.invitations.service import KEPT, LIFE, LONGEST, Invitations, Wish, forget_invitations
from holdfast.access.policy.decide import Bound
from holdfast.access.policy.model import Action

KEY = b"k" * 32


def service(place: Place) -> Invitations:
    return Invitations(place.db, KEY)


async def invite(
    place: Place, scope: str = "team/**", role: str = "writer", by: str = "otto", **more: Any
) -> NewInvitation:
    return await service(place).create(await place.who(by), Wish(scope, role, **more), origin=ORIGIN)


async def accept(place: Place, name: str, code: str) -> Acceptance:
    return await service(place).accept(await place.who(name), code, origin=ORIGIN)


async def refused(place: Place, name: str, code: str) -> None:
    """The invitation is answered as one that never was."""
    said = set()
    for each in (code, new_code(), "hf_nothing", ""):
        with pytest.raises(Unknown) as found:
            await accept(place, name, each)
        said.add(str(found.value))
        with pytest.raises(Unknown) as found:
            await service(place).offered(await place.who(name), each)
        said.add(str(found.value))
    assert len(said) == 1


async def owned(place: Place) -> None:
    await place.give("user:otto", "owner", "team/**")


@pytest.mark.parametrize("engine", Engine)
def test_an_invitation_is_accepted_once(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await owned(place)
        made, code = await invite(place)
        assert (made.namespace, made.expires_at, made.state) == ("team", START + LIFE, "open")
        assert made.hint == code[-4:]
        offer = await service(place).offered(await place.who("dora"), f" {link('https://r.example/', code)} ")
        assert (offer.made_by, offer.role, offer.scope) == ("user:otto", "writer", "team/**")
        got = await accept(place, "dora", code)
        assert await place.may("dora", Action.CREATE_TAG, "team/app", "v1")
        grant = await place.grants.get(await place.who("dora"), got.grant, origin=ORIGIN)
        assert (grant.made_by, grant.made_over, grant.grant.note) == ("user:otto", "team", f"invitation {made.id}")
        assert (await place.kinds())[-2:] == ["grant.added", "invitation.accepted"]
        actor, _, data = await place.last()
        assert (actor, data["maker"]) == ("user:dora", "user:otto")
        await refused(place, "dave", code)
        seen = await service(place).get(await place.who("otto"), made.id, origin=ORIGIN)
        assert seen.state is InvitationState.USED
        assert [(each.subject, each.grant) for each in seen.accepted] == [("user:dora", got.grant)]
        assert await service(place).page(await place.who("otto"), origin=ORIGIN) == []
        assert len(await service(place).page(await place.who("otto"), closed=True, origin=ORIGIN)) == 1

    living(tmp_path, scenario, "otto", "dora", "dave", engine=engine)


@pytest.mark.parametrize("engine", Engine)
def test_of_two_who_take_the_last_use_one_gets_it(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await owned(place)
        _, code = await invite(place)
        done = await asyncio.gather(
            accept(place, "dora", code),
            accept(place, "dave", code),
            accept(place, "dora", code),
            return_exceptions=True,
        )
        assert sum(isinstance(each, Acceptance) for each in done) == 1, done
        pushers = [name for name in ("dora", "dave") if await place.may(name, Action.CREATE_TAG, "team/app", "v1")]
        assert len(pushers) == 1

    living(tmp_path, scenario, "otto", "dora", "dave", engine=engine)


@pytest.mark.parametrize("engine", Engine)
def test_one_for_several_is_accepted_once_by_each(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await owned(place)
        _, code = await invite(place, most=2)
        await accept(place, "dora", code)
        with pytest.raises(Conflict, match="already"):
            await accept(place, "dora", code)
        await accept(place, "dave", code)
        await refused(place, "mallory", code)

    living(tmp_path, scenario, "otto", "dora", "dave", "mallory", engine=engine)


@pytest.mark.parametrize("engine", Engine)
def test_it_ends_by_time_and_by_hand(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await owned(place)
        over = await invite(place, expires_at=START + HOUR)
        revoked = await invite(place)
        given_until = await invite(place, grant_expires_at=START + HOUR)
        await service(place).revoke(await place.who("otto"), revoked.invitation.id, origin=ORIGIN)
        with pytest.raises(Conflict):
            await service(place).revoke(await place.who("otto"), revoked.invitation.id, origin=ORIGIN)
        await refused(place, "dora", revoked.code)
        place.now = START + HOUR
        await refused(place, "dora", over.code)
        await refused(place, "dora", given_until.code)
        assert await service(place).page(await place.who("otto"), origin=ORIGIN) != []
        place.now = START + LIFE + KEPT + 1
        assert await forget_invitations(place.db) == 3
        with pytest.raises(Unknown):
            await service(place).get(await place.who("otto"), over.invitation.id, origin=ORIGIN)

    living(tmp_path, scenario, "otto", "dora", engine=engine)


@pytest.mark.parametrize("engine", Engine)
def test_it_holds_as_long_as_its_maker_may_give_it(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        grant = await place.give("user:otto", "owner", "team/**")
        made, code = await invite(place)
        await place.grants.remove(await place.who(), grant.id, origin=ORIGIN)
        await refused(place, "dora", code)
        (seen,) = await service(place).page(await place.who(), origin=ORIGIN)
        assert (seen.id, seen.state) == (made.id, InvitationState.LAPSED)
        lent = await place.give("user:otto", "owner", "team/**", expires_at=START + HOUR)
        await refused(place, "dora", code)  # what it gives would outlast what he has
        await place.grants.remove(await place.who(), lent.id, origin=ORIGIN)
        await owned(place)
        await place.run("update account set disabled_at = 1 where id = :id", id=place.ids["otto"])
        await refused(place, "dora", code)
        await place.run("update account set disabled_at = null where id = :id", id=place.ids["otto"])
        await accept(place, "dora", code)

    living(tmp_path, scenario, "otto", "dora", engine=engine)


def test_nobody_invites_to_what_he_cannot_give(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.roles.create(await place.who(), "gatekeeper", ["manage-access", "pull", "list"], origin=ORIGIN)
        await place.give("user:gate", "gatekeeper", "team/**")
        await invite(place, role="reader", by="gate")
        for scope, role in (("team/**", "writer"), ("other/**", "reader"), ("team*/**", "reader")):
            with pytest.raises((Denied, Invalid)):
                await invite(place, scope, role, by="gate")
        limited = await place.who("gate", (Bound(frozenset({Action.PULL}), "team/**"),))
        with pytest.raises(Denied):
            await service(place).create(limited, Wish("team/**", "reader"), origin=ORIGIN)
        with pytest.raises(Denied):
            await service(place).create(await place.who(""), Wish("team/**", "reader"), origin=ORIGIN)
        await place.give("user:otto", "owner", "team/**", conditions={"networks": ["10.0.0.0/8"]})
        with pytest.raises(Denied):  # he may here and now, but his invitation would not hold
            await invite(place)

    living(tmp_path, scenario, "gate", "otto")


def test_what_cannot_be_an_invitation(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        impossible: list[dict[str, Any]] = [
            {"expires_at": START},
            {"expires_at": START + LONGEST + 1},
            {"grant_expires_at": START},
            {"most": 0},
            {"most": 101},
        ]
        for more in impossible:
            with pytest.raises(Invalid):
                await invite(place, by="admin", **more)
        for scope, role in (("**", "reader"), ("*/app", "reader"), ("team/**", "king"), ("team/**:v*", "auditor")):
            with pytest.raises(Invalid):
                await invite(place, scope, role, by="admin")
        await invite(place, by="admin", expires_at=START + LONGEST)

    living(tmp_path, scenario)


def test_invitations_of_others_are_not_there(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await owned(place)
        await place.give("user:olga", "owner", "other/**")
        made, code = await invite(place)
        for name in ("olga", "mallory", ""):
            who = await place.who(name)
            assert await service(place).page(who, closed=True, origin=ORIGIN) == []
            for id in (made.id, 4711):
                with pytest.raises(Unknown):
                    await service(place).get(who, id, origin=ORIGIN)
                with pytest.raises(Unknown):
                    await service(place).revoke(who, id, origin=ORIGIN)
        for name in ("", "team+ci"):
            with pytest.raises(Denied):
                await accept(place, name, code)
        assert [each.id for each in await service(place).page(await place.who(), path="team", origin=ORIGIN)] == [
            made.id
        ]
        assert await service(place).page(await place.who(), path="other", origin=ORIGIN) == []
        await service(place).revoke(await place.who(), made.id, origin=ORIGIN)

    living(tmp_path, scenario, "otto", "olga", "mallory", "team+ci")


def test_the_database_holds_no_code(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await owned(place)
        _, code = await invite(place)
        await accept(place, "dora", code)

    living(tmp_path, scenario, "otto", "dora")
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"hfi_" not in everything


def test_a_code_is_found_in_its_link() -> None:
    code = new_code()
    assert code_in(code) == code_in(f"\n{link('http://127.0.0.1:5000', code)} ") == code
    assert code_in(code[:-1]) is code_in(code + "x") is code_in(f"{code}?x") is None
