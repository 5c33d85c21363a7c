"""Browser sessions of passwords: none begins with a password, or of an account, that no longer holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.access.house import ENGINES, HERE, Engine, House, lived_in

from holdfast.access.errors import StalePermit, Unauthenticated
from holdfast.access.model import Identity, Recognised
from holdfast.access.signin.sealing import Seal
from holdfast.access.signin.sessions import Sessions
from holdfast.access.signin.settings import SigninSettings

OLD, NEW = "the-old-password-of-alice", "the-next-password-of-alice"


async def change_password(house: House) -> None:
    await house.users.set_password(await house.admin(), "alice", NEW, origin=HERE)


async def disable(house: House) -> None:
    await house.users.disable(await house.admin(), "alice", origin=HERE)


async def delete(house: House) -> None:
    await house.users.delete(await house.admin(), "alice", origin=HERE)


ENDS: list[Callable[[House], Awaitable[None]]] = [change_password, disable, delete]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
@pytest.mark.parametrize("late", [False, True], ids=["while it is looked at", "when it was looked at"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_password_that_ends_while_somebody_signs_in_begins_no_session(
    tmp_path: Path, engine: Engine, end: Callable[[House], Awaitable[None]], late: bool
) -> None:
    async def scenario(house: House) -> None:
        await house.person("alice", OLD)

        async def look() -> Recognised:
            return await house.login.recognise("alice", OLD, HERE)

        async def look_and_then() -> Recognised:
            found = await look()
            await end(house)
            return found

        async def identify_and_then(found: Recognised) -> Identity:
            identity = await house.identified(found)
            await end(house)
            return identity

        seal = Seal(bytes(32))
        sessions = Sessions(house.db, seal, identify_and_then if late else house.identified, SigninSettings())
        with pytest.raises((StalePermit, Unauthenticated)):
            await sessions.begin_with_password(look if late else look_and_then, HERE)
        with pytest.raises(Unauthenticated):
            await Sessions(house.db, seal, house.identified, SigninSettings()).begin_with_password(look, HERE)

    lived_in(tmp_path, scenario, engine)
