"""A house with the whole way in: every way of logging in, tokens, and the permits."""

from __future__ import annotations

import base64
import json
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tests.access.house import HERE, Engine, House, lived_in

from holdfast.access.errors import Unauthenticated
from holdfast.access.model import Identity, Recognised
from holdfast.access.service import Access, Ways
from holdfast.access.tokens.keys import SigningKeys
from holdfast.access.tokens.model import Issued, TokenSettings
from holdfast.access.tokens.refresh import RefreshTokens
from holdfast.access.tokens.scope import parse_scopes
from holdfast.access.tokens.service import Tokens
from holdfast.access.tokens.sessions import Sessions
from holdfast.db.port import Database
from holdfast.journal.model import Origin

T = TypeVar("T")
WRAPPING, SEALING, HASHING = (bytes([number]) * 32 for number in (1, 2, 3))
INSTALLATION = "0a0b0c0d-0000-4000-8000-000000000001"
SETTINGS = TokenSettings(service="registry.example.com")


class Machines:
    """Tokens of another issuer: those that were told beforehand."""

    def __init__(self) -> None:
        self.known: dict[str, Recognised] = {}
        self.asked: list[str] = []

    async def recognise(self, name: str, secret: str, origin: Origin) -> Recognised:
        """See `holdfast.access.service.Recogniser`."""
        self.asked.append(name)
        if secret not in self.known:
            raise Unauthenticated
        return self.known[secret]


class Node:
    """One process of the installation: what it remembers is its own."""

    def __init__(self, house: House, db: Database) -> None:
        self.keys = SigningKeys(db, WRAPPING)
        self.tokens = Tokens(db, self.keys, SEALING, INSTALLATION, SETTINGS)
        self.refresh = RefreshTokens(db, HASHING, SETTINGS)
        self.sessions = Sessions(db)
        self.machines = Machines()
        ways = Ways(
            passwords=house.login,
            keys=house.keys,
            machines=self.machines,
            tokens=self.tokens,
            refresh=self.refresh,
            used=house.keys,
        )
        self.access = Access(db, ways)
        self.house = house

    async def token(self, who: Identity, *scopes: str, client: str | None = None) -> Issued:
        """A token for `who`."""
        return await self.access.issue(who, parse_scopes(scopes), HERE, client)

    async def bearer(self, who: Identity, *scopes: str) -> bytes:
        """The header with a token for `who`."""
        return bearer((await self.token(who, *scopes)).token)

    async def by(self, header: bytes | None) -> Identity:
        """Who a header belongs to at a request: remembered and confirmed, or decided anew; as the surface does."""
        who = self.access.remembered(header)
        if who is not None and who.version == await self.access.policy_version():
            return who
        return await self.access.authenticate(header, HERE)


class Desk(Node):
    """Two nodes of one installation: this one, and `other`."""

    def __init__(self, house: House) -> None:
        super().__init__(house, house.db)
        self.other = Node(house, house.db)

    @property
    def nodes(self) -> Sequence[Node]:
        """Both."""
        return (self, self.other)


def at_desk(tmp_path: Path, scenario: Callable[[Desk], Awaitable[T]], engine: Engine = Engine.SQLITE) -> T:
    """Run `scenario` in a house with a desk; the first signing key is made."""

    async def run(house: House) -> T:
        desk = Desk(house)
        await desk.keys.ensure()
        return await scenario(desk)

    return lived_in(tmp_path, run, engine)


def basic(name: str, secret: str) -> bytes:
    """An Authorization header."""
    return b"Basic " + b64encode(f"{name}:{secret}".encode())


def bearer(token: str) -> bytes:
    """An Authorization header."""
    return b"Bearer " + token.encode()


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Header, claims and signature."""
    first, second, third = token.split(".")
    header, claims = (json.loads(base64.urlsafe_b64decode(each + "=" * (-len(each) % 4))) for each in (first, second))
    return header, claims, third
