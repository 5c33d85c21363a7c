"""How somebody likes the pages: kept with the account, of what may be chosen."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.access.house import ENGINES, HERE, Engine, House, lived_in

from holdfast.access.errors import Invalid, StalePermit
from holdfast.access.signin.profile import Profile, Profiles


@pytest.mark.parametrize("engine", ENGINES)
def test_everyone_has_a_profile_of_his_own(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        admin, alice = await house.admin(), await house.person("alice")
        profiles = Profiles(house.db)
        assert await profiles.of(alice.subject.id) == Profile("auto", "comfortable", "", True)
        chosen = Profile("dark", "compact", "Europe/Zurich", False)
        await profiles.set(alice, chosen)
        assert await profiles.of(alice.subject.id) == chosen
        await profiles.set(alice, Profile("light"))
        assert await profiles.of(alice.subject.id) == Profile("light")
        assert await profiles.of(admin.subject.id) == Profile()

    lived_in(tmp_path, scenario, engine)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (Profile(theme="pink"), "theme"),
        (Profile(density=""), "density"),
        (Profile(zone="Europe"), "zone"),
        (Profile(zone="Mars/Olympus"), "zone"),
        (Profile(zone="../../etc/passwd"), "zone"),
        (Profile(zone="/etc/localtime"), "zone"),
        (Profile(zone="Europe/Zurich\n"), "zone"),
        (Profile(zone="A" * 100_000), "zone"),
    ],
)
def test_what_cannot_be_chosen_is_refused(tmp_path: Path, wrong: Profile, field: str) -> None:
    async def scenario(house: House) -> None:
        with pytest.raises(Invalid) as refused:
            await Profiles(house.db).set(await house.admin(), wrong)
        assert refused.value.field == field

    lived_in(tmp_path, scenario)


def test_who_was_disabled_meanwhile_chooses_nothing_and_who_is_deleted_leaves_nothing(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        alice, bob = await house.person("alice"), await house.person("bob")
        profiles = Profiles(house.db)
        await profiles.set(bob, Profile("dark"))
        await house.users.disable(await house.admin(), "alice", origin=HERE)
        await house.users.delete(await house.admin(), "bob", origin=HERE)
        with pytest.raises(StalePermit):
            await profiles.set(alice, Profile("dark"))
        assert await profiles.of(bob.subject.id) == Profile()

    lived_in(tmp_path, scenario)
