"""How far a new installation is: pushed to, backed up; told to administrators alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.access.house import ADMIN, ENGINES, HERE, Engine, House, lived_in

from holdfast.access.errors import Denied
from holdfast.access.service import Access
from holdfast.db.query import Command
from holdfast.registry.beginning.service import Beginning, Begun

PUSH = Command("insert into repository (path, born, seq, last_at) values (:path, 1, :seq, 1)")
BACKUP = Command(
    "insert into journal (at, actor, request, kind, data) values (:now, 'system', 'backup', 'backup.made', '{}')"
)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_done_is_told(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        permit = Access(house.db).path(await house.admin(), "", HERE)
        beginning = Beginning(house.db)
        assert await beginning.of(permit) == Begun(False, None)
        await house.db.write(lambda unit: unit.run(PUSH, path="team/empty", seq=0))
        assert await beginning.of(permit) == Begun(False, None), "a repository that was made, and is empty"
        await house.db.write(lambda unit: unit.run(PUSH, path="team/app", seq=3))
        await house.db.write(lambda unit: unit.run(BACKUP))
        assert await beginning.of(permit) == Begun(True, house.clock.at)

    lived_in(tmp_path, scenario, engine)


def test_to_nobody_else(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        alice = await house.person("alice")
        with pytest.raises(Denied):
            await Beginning(house.db).of(Access(house.db).path(alice, "", HERE))

    lived_in(tmp_path, scenario)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_password_is_of_its_first_day_until_it_is_changed(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        admin = await house.admin()
        assert (await house.users.get(admin, ADMIN, origin=HERE)).password_at is None
        await house.users.create(admin, "alice", password="a-password-of-alice", origin=HERE)
        assert (await house.users.get(admin, "alice", origin=HERE)).password_at is None
        house.clock.at += 1
        await house.users.set_password(admin, "alice", "another-password-of-alice", origin=HERE)
        admin = await house.again(admin)
        assert (await house.users.get(admin, "alice", origin=HERE)).password_at == house.clock.at

    lived_in(tmp_path, scenario, engine)
