"""Keys that end soon or lie idle: one's own, and those of robots of who manages access there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.access.house import DAY, ENGINES, HERE, Engine, House, lived_in

from holdfast.access.keys.soon import LONG, SoonKeys
from holdfast.access.model import ANONYMOUS, Identity
from holdfast.access.policy.decide import Rights


@pytest.mark.parametrize("engine", ENGINES)
def test_who_is_told_of_which_key(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        soon = SoonKeys(house.db)
        alice, bob = await house.person("alice"), await house.person("bob")
        now = house.clock()
        for name, days in (("next", 3), ("later", 60), ("first", 1)):
            await house.keychain.create(await house.again(alice), name, expires_at=now + days * DAY, origin=HERE)
        await house.keychain.create(await house.again(alice), "forever", origin=HERE)
        told = await soon.of(await house.again(alice))
        assert [(key.name, key.owner, key.own) for key in told] == [
            ("first", "user:alice", True),
            ("next", "user:alice", True),
        ]
        assert await soon.of(bob) == []
        assert await soon.of(Identity(ANONYMOUS, 0, Rights("anonymous", [], {}))) == []
        house.clock.at += LONG + DAY
        idle = await soon.of(await house.again(alice))
        assert [(key.name, key.ends_at, key.used_at) for key in idle] == [("forever", 0, None)]

    lived_in(tmp_path, scenario, engine)
