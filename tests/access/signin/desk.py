"""Everything that signs somebody in with a browser, over a house with a clock of the test."""

from __future__ import annotations

from typing import NamedTuple

from tests.access.house import HERE, SECOND, House

from holdfast.access.model import Identity
from holdfast.access.requirement import Required
from holdfast.access.signin.model import Session
from holdfast.access.signin.sealing import Seal
from holdfast.access.signin.second_factor import SecondFactors
from holdfast.access.signin.sessions import Entered, Sessions
from holdfast.access.signin.settings import SigninSettings
from holdfast.access.signin.totp import PERIOD, code_of, step_at
from holdfast.access.throttle import Hold, Throttle, ThrottleSettings
from holdfast.journal.model import Origin

PASSWORD = "the-password-of-alice"
HOST = "registry.example.com"


class Alice(NamedTuple):
    """Somebody with a second factor: the secret of the app, and the recovery codes."""

    secret: bytes
    codes: list[str]


class Desk:
    """Sessions and second factors of a house."""

    def __init__(
        self,
        house: House,
        throttle: ThrottleSettings = ThrottleSettings(free=1000),  # noqa: B008
        required: Required = Required.NONE,
    ) -> None:
        self.house = house
        seal = Seal(bytes(32))
        self.sessions = Sessions(house.db, seal, house.identified, SigninSettings(required=required))
        self.told: list[tuple[str, bool]] = []
        self.factors = SecondFactors(
            house.db,
            Seal(bytes(31) + b"\1"),
            host=HOST,
            throttle=Throttle(throttle, house.clock.seconds),
            hold=Hold(self._pause),
            told=lambda actor, _origin, ok, _why: self.told.append((actor, ok)),
        )

    async def enter(self, name: str = "alice", password: str = PASSWORD, origin: Origin = HERE) -> Entered:
        """The first step."""
        return await self.sessions.begin_with_password(
            lambda: self.house.login.first_step(name, password, origin), origin
        )

    async def second(self, cookie: str, code: str, origin: Origin = HERE) -> str:
        """The second step."""
        half = self.sessions.half(cookie)
        assert half is not None
        return await self.sessions.begin_with_code(half, code, self.factors, origin)

    async def session(self, cookie: str) -> Session:
        """The session of a cookie."""
        found = await self.sessions.find(cookie)
        assert found is not None
        return found

    async def signed_in(self, name: str = "alice", password: str = PASSWORD) -> tuple[Identity, Session]:
        """Somebody without a second factor, in a browser."""
        entered = await self.enter(name, password)
        assert not entered.half
        session = await self.session(entered.cookie)
        return await self.sessions.identity(session), session

    def code(self, secret: bytes, later: int = 0) -> str:
        """What the app shows now, or so many intervals later."""
        return code_of(secret, step_at(self.house.clock()) + later)

    def wait(self, intervals: int = 1) -> None:
        """Let so many intervals pass."""
        self.house.clock.at += intervals * PERIOD * SECOND

    async def alice(self) -> Alice:
        """A new user, who has set up a second factor."""
        await self.house.person("alice", PASSWORD)
        who, session = await self.signed_in()
        secret = secret_of(await self.factors.begin(who))
        codes = await self.factors.confirm(who, self.code(secret), session.key, origin=HERE)
        self.wait()
        return Alice(secret, codes)

    async def _pause(self, _seconds: float) -> None:
        return


def secret_of(setup: object) -> bytes:
    """What an app reads from the URI of a set-up."""
    import base64
    from urllib.parse import parse_qs, urlsplit

    text = parse_qs(urlsplit(setup.uri).query)["secret"][0]  # type: ignore[attr-defined]
    return base64.b32decode(text + "=" * (-len(text) % 8))
