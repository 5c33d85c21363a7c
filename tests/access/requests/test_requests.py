"""Requests for access: asking tells nothing, deciding is one unit under the rules of grants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.access.grants.place import HOUR, ORIGIN, START, Engine, Place, living

from holdfast.access.errors import Conflict, Denied, Invalid, TooManyRequests, Unknown
from holdfast.access.model import Identity
from holdfast.access.policy.decide import Bound
from holdfast.access.policy.model import Action
from holdfast.access.requests.model import AccessRequest, RequestState
from holdfast.access.requests.service import KEPT, LIFE, WAITING_LIMIT, Requests, forget_requests

DAY = 24 * HOUR


async def ask(
    place: Place, name: str = "dora", action: str = "pull", repository: str = "team/app", **more: str
) -> AccessRequest:
    return await Requests(place.db).create(await place.who(name), action, repository, **more, origin=ORIGIN)


async def team(place: Place) -> Requests:
    """Otto owns the team."""
    await place.give("user:otto", "owner", "team/**")
    return Requests(place.db)


@pytest.mark.parametrize("engine", Engine)
def test_a_request_is_approved_in_one_step(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        requests = await team(place)
        asked = await ask(place, note="for the  release\nof friday")
        assert asked.note == "for the release of friday"
        assert asked.expires_at == START + LIFE
        otto = await place.who("otto")
        (seen,) = await requests.page(otto, origin=ORIGIN)
        assert seen == asked
        done = await requests.approve(otto, asked.id, origin=ORIGIN)
        assert (done.state, done.decided_by, done.given) == (RequestState.APPROVED, "user:otto", "reader on team/app")
        assert not done.notice
        grant = await place.grants.get(await place.who("dora"), done.grant, origin=ORIGIN)
        assert (grant.made_by, grant.grant.note) == ("user:otto", f"access request {asked.id}")
        assert await place.may("dora", Action.PULL, "team/app", "v1")
        assert not await place.may("dora", Action.CREATE_TAG, "team/app", "v1")
        assert await requests.page(otto, origin=ORIGIN) == []
        assert [each.id for each in await requests.page(await place.who("dora"), own=True, closed=True, origin=ORIGIN)]
        kinds = (await place.kinds())[-3:]
        assert kinds == ["access-request.created", "grant.added", "access-request.approved"]
        with pytest.raises(Conflict, match="approved"):
            await requests.decline(otto, asked.id, origin=ORIGIN)

    living(tmp_path, scenario, "otto", "dora", engine=engine)


@pytest.mark.parametrize("engine", Engine)
def test_who_approves_chooses_role_scope_and_end(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        requests = await team(place)
        asked = await ask(place, action="create-tag", tag="v1")
        otto = await place.who("otto")
        for refused in ({"role": "reader"}, {"scope": "team/other"}, {"scope": "team/app:ci-*"}, {"role": "nothing"}):
            with pytest.raises(Invalid):
                await requests.approve(otto, asked.id, **refused, origin=ORIGIN)  # type: ignore[arg-type]
        with pytest.raises(Denied):
            await requests.approve(otto, asked.id, scope="**", origin=ORIGIN)
        with pytest.raises(Invalid, match="past"):
            await requests.approve(otto, asked.id, expires_at=START - 1, origin=ORIGIN)
        done = await requests.approve(
            otto, asked.id, role="maintainer", scope="team/**:v*", expires_at=START + DAY, origin=ORIGIN
        )
        assert done.given == "maintainer on team/**:v*"
        assert await place.may("dora", Action.DELETE_TAG, "team/other", "v2")
        place.now = START + DAY
        assert not await place.may("dora", Action.DELETE_TAG, "team/other", "v2")

    living(tmp_path, scenario, "otto", "dora", engine=engine)


def test_by_itself_the_least_grant_is_made(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        requests = await team(place)
        asked = await ask(place, action="delete-tag", tag="v1")
        done = await requests.approve(await place.who("otto"), asked.id, origin=ORIGIN)
        assert done.given == "maintainer on team/app:v1"
        assert await place.may("dora", Action.DELETE_TAG, "team/app", "v1")
        assert not await place.may("dora", Action.DELETE_TAG, "team/app", "v2")

    living(tmp_path, scenario, "otto", "dora")


@pytest.mark.parametrize("engine", Engine)
def test_nobody_passes_on_what_he_does_not_hold(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await place.roles.create(await place.who(), "gatekeeper", ["manage-access", "pull", "list"], origin=ORIGIN)
        await place.give("user:gate", "gatekeeper", "team/**")
        requests = Requests(place.db)
        push, pull = await ask(place, action="create-tag"), await ask(place)
        gate = await place.who("gate")
        with pytest.raises(Denied, match="cannot pass on"):
            await requests.approve(gate, push.id, origin=ORIGIN)
        assert (await requests.get(gate, push.id, origin=ORIGIN)).state is RequestState.OPEN
        assert (await requests.approve(gate, pull.id, origin=ORIGIN)).state is RequestState.APPROVED
        limited = await place.who("gate", (Bound(frozenset({Action.PULL, Action.LIST}), "team/**"),))
        assert await requests.page(limited, origin=ORIGIN) == []
        with pytest.raises(Unknown):
            await requests.decline(limited, push.id, origin=ORIGIN)

    living(tmp_path, scenario, "gate", "dora", engine=engine)


def test_requests_of_others_are_not_there(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        requests = await team(place)
        await place.give("user:olga", "owner", "other/**")
        await place.give("user:maria", "maintainer", "team/**")
        asked = await ask(place)
        doing: list[Callable[[Identity, int], Awaitable[object]]] = [
            lambda who, id: requests.get(who, id, origin=ORIGIN),
            lambda who, id: requests.approve(who, id, origin=ORIGIN),
            lambda who, id: requests.decline(who, id, origin=ORIGIN),
            lambda who, id: requests.withdraw(who, id, origin=ORIGIN),
        ]
        for name in ("olga", "maria", "mallory", ""):
            who = await place.who(name)
            assert await requests.page(who, origin=ORIGIN) == []
            assert await requests.page(who, own=True, closed=True, origin=ORIGIN) == []
            assert await requests.page(who, path="team", origin=ORIGIN) == []
            for do in doing:
                said = []
                for id in (asked.id, 4711):
                    with pytest.raises(Unknown) as refused:
                        await do(who, id)
                    said.append(str(refused.value).replace(str(id), "N"))
                assert said[0] == said[1]
        with pytest.raises(Denied):
            await requests.approve(await place.who("dora"), asked.id, origin=ORIGIN)
        with pytest.raises(Unknown):
            await requests.withdraw(await place.who("otto"), asked.id, origin=ORIGIN)
        assert (await requests.withdraw(await place.who("dora"), asked.id, origin=ORIGIN)).state == "withdrawn"

    living(tmp_path, scenario, "otto", "olga", "maria", "mallory", "dora")


def test_asking_looks_at_the_askers_own_rights_alone(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:dora", "reader", "mine/**")
        with pytest.raises(Conflict, match="may do this already"):
            await ask(place, repository="mine/app")
        await ask(place, repository="mine/app", action="create-tag")
        await ask(place, repository="never/made")
        for action, repository in (("administer", "team/app"), ("fly", "team/app"), ("pull", "Team App"), ("pull", "")):
            with pytest.raises(Invalid):
                await ask(place, action=action, repository=repository)
        with pytest.raises(Invalid):
            await ask(place, tag="no tag")
        with pytest.raises(Invalid):
            await ask(place, note="x" * 513)
        with pytest.raises(Invalid):
            await ask(place, note="\x1b[31m")
        for name in ("", "team+ci"):
            with pytest.raises(Denied):
                await ask(place, name)

    living(tmp_path, scenario, "dora", "team+ci")


@pytest.mark.parametrize("engine", Engine)
def test_what_is_open_is_bounded_and_ends(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        requests = await team(place)
        first = await ask(place)
        with pytest.raises(Conflict, match=f"request {first.id}"):
            await ask(place)
        for number in range(WAITING_LIMIT - 1):
            await ask(place, repository=f"team/app-{number}")
        with pytest.raises(Conflict, match="open"):
            await ask(place, repository="team/one-more")
        await ask(place, "dave", repository="team/one-more")
        place.now = START + LIFE
        otto = await place.who("otto")
        assert await requests.page(otto, origin=ORIGIN) == []
        assert (await requests.get(otto, first.id, origin=ORIGIN)).state is RequestState.EXPIRED
        with pytest.raises(Conflict, match="expired"):
            await requests.approve(otto, first.id, origin=ORIGIN)
        again = await ask(place)
        assert again.state is RequestState.OPEN
        assert (await requests.get(otto, first.id, origin=ORIGIN)).state is RequestState.EXPIRED
        place.now = START + LIFE + KEPT + 1
        assert await forget_requests(place.db) == WAITING_LIMIT + 1
        with pytest.raises(Unknown):
            await requests.get(otto, first.id, origin=ORIGIN)

    living(tmp_path, scenario, "otto", "dora", "dave", engine=engine)


def test_who_asks_and_withdraws_all_day_waits(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        requests = Requests(place.db)
        dora = await place.who("dora")
        for _ in range(50):
            await requests.withdraw(dora, (await ask(place)).id, origin=ORIGIN)
        with pytest.raises(TooManyRequests):
            await ask(place)
        place.now += DAY
        await ask(place)

    living(tmp_path, scenario, "dora")


@pytest.mark.parametrize("engine", Engine)
def test_of_two_deciders_one_decides(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        requests = await team(place)
        asked = await ask(place)
        otto, admin = await place.who("otto"), await place.who()
        done = await asyncio.gather(
            requests.approve(otto, asked.id, origin=ORIGIN),
            requests.decline(admin, asked.id, "no", origin=ORIGIN),
            return_exceptions=True,
        )
        assert sorted(type(each).__name__ for each in done) == ["AccessRequest", "Conflict"]
        approved = isinstance(done[0], AccessRequest)
        assert await place.may("dora", Action.PULL, "team/app", "v1") is approved

    living(tmp_path, scenario, "otto", "dora", engine=engine)


def test_an_approval_says_what_still_forbids_it(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        requests = await team(place)
        await place.deny("user:dora", "pull", "team/**")
        asked = await ask(place)
        done = await requests.approve(await place.who("otto"), asked.id, origin=ORIGIN)
        assert "may not do it yet: denied by grant" in done.notice

    living(tmp_path, scenario, "otto", "dora")


def test_a_list_shows_each_request_once_newest_first(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        requests = await team(place)
        await place.give("user:otto", "owner", "apart/**")
        ids = [(await ask(place, repository=name)).id for name in ("team/a", "elsewhere/b", "apart/c", "team/d/e")]
        otto = await place.who("otto")
        first = await requests.page(otto, limit=2, origin=ORIGIN)
        rest = await requests.page(otto, limit=2, before=first[-1].id, origin=ORIGIN)
        assert [each.id for each in (*first, *rest)] == [ids[3], ids[2], ids[0]]
        assert [each.id for each in await requests.page(otto, path="team/d", origin=ORIGIN)] == [ids[3]]
        assert [each.id for each in await requests.page(await place.who(), path="elsewhere", origin=ORIGIN)] == [ids[1]]
        assert [each.id for each in await requests.page(await place.who(), origin=ORIGIN)] == ids[::-1]
        with pytest.raises(Invalid):
            await requests.page(otto, path="..", origin=ORIGIN)

    living(tmp_path, scenario, "otto", "dora")
