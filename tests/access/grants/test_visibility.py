"""What is open to everyone: where it is said, by whom, and from when on."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.access.grants.place import ORIGIN, Engine, Place, living

from holdfast.access.errors import Denied, Invalid, StalePermit, Unknown
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit


@pytest.mark.parametrize("engine", Engine)
def test_a_path_is_opened_and_closed(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        nobody = await place.who("")
        assert not await place.may("", Action.PULL, "team/app", "v1")
        found = await place.visibility.set(await place.who(), "team", True, origin=ORIGIN)
        assert (found.public, found.set_at) == (True, "team")
        with pytest.raises(StalePermit):
            await check_permit(place.db, nobody)
        assert await place.may("", Action.PULL, "team/app", "v1")
        assert await place.may("bob", Action.LIST, "team/app")
        assert not await place.may("", Action.CREATE_TAG, "team/app", "v1")
        await place.visibility.set(await place.who(), "team/secret", False, origin=ORIGIN)
        assert not await place.may("", Action.PULL, "team/secret/x", "v1")
        inherited = await place.visibility.get(await place.who(""), "team/app", origin=ORIGIN)
        assert (inherited.path, inherited.public, inherited.set_at) == ("team/app", True, "team")
        opened = await place.visibility.reset(await place.who(), "team/secret", origin=ORIGIN)
        assert (opened.public, opened.set_at) == (True, "team")
        closed = await place.visibility.reset(await place.who(), "team", origin=ORIGIN)
        assert (closed.public, closed.set_at) == (False, None)
        assert await place.kinds() == ["visibility.changed"] * 4
        assert (await place.last())[2] == {"path": "team", "public": False, "set_at": None}

    living(tmp_path, scenario, "bob", engine=engine)


def test_who_may_open_and_close(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.roles.create(await place.who(), "gatekeeper", ["manage-access"], origin=ORIGIN)
        await place.give("user:owen", "owner", "team/**")
        await place.give("user:gina", "gatekeeper", "team/**")
        await place.give("user:walt", "maintainer", "team/**")
        for name, path in (("owen", ""), ("owen", "other"), ("walt", "team"), ("gina", "team"), ("", "team")):
            with pytest.raises(Denied):
                await place.visibility.set(await place.who(name), path, True, origin=ORIGIN)
        await place.visibility.set(await place.who("owen"), "team/app", True, origin=ORIGIN)
        await place.visibility.set(await place.who("gina"), "team/app", False, origin=ORIGIN)
        await place.visibility.set(await place.who(), "team", True, origin=ORIGIN)
        with pytest.raises(Denied):  # taking back a closing is opening
            await place.visibility.reset(await place.who("gina"), "team/app", origin=ORIGIN)
        assert not await place.may("", Action.PULL, "team/app", "v1")
        await place.deny("user:owen", "pull", "team/app/x")
        with pytest.raises(Denied):
            await place.visibility.reset(await place.who("owen"), "team/app", origin=ORIGIN)
        await place.visibility.set(await place.who(), "", True, origin=ORIGIN)
        assert await place.may("", Action.PULL, "any/thing", "v1")

    living(tmp_path, scenario, "owen", "gina", "walt")


def test_who_is_told(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:bob", "reader", "team/app")
        assert not (await place.visibility.get(await place.who("bob"), "team/app", origin=ORIGIN)).public
        for name, path in (("bob", "team"), ("bob", "team/lib"), ("", "team/app"), ("bob", "")):
            with pytest.raises(Unknown):
                await place.visibility.get(await place.who(name), path, origin=ORIGIN)
        assert (await place.visibility.get(await place.who(), "", origin=ORIGIN)).set_at is None

    living(tmp_path, scenario, "bob")


@pytest.mark.parametrize("path", ["Team", "team/", "/team", "team/**", "a//b"])
def test_what_is_no_path(tmp_path: Path, path: str) -> None:
    async def scenario(place: Place) -> None:
        with pytest.raises(Invalid):
            await place.visibility.set(await place.who(), path, True, origin=ORIGIN)

    living(tmp_path, scenario)
