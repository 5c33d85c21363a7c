"""Accounts, keys and their log-ins over a fresh database of either engine, with a clock of the test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tests.backends import laid_database_url
from tests.databases import lay_file, open_at

from holdfast.access.accounts.administrator import ensure_administrator
from holdfast.access.accounts.login import PasswordLogin
from holdfast.access.accounts.robots import Robots
from holdfast.access.accounts.users import Users
from holdfast.access.errors import ProviderAway, Unauthenticated
from holdfast.access.identities import Identities
from holdfast.access.keys.keychain import Keychain
from holdfast.access.keys.service import Keys
from holdfast.access.model import Credential, CredentialKind, Identity, Recognised
from holdfast.access.password import PasswordChecker
from holdfast.access.throttle import Hold, Throttle, ThrottleSettings
from holdfast.db.port import Database, Unit
from holdfast.db.query import Command, Query
from holdfast.journal.model import Origin

T = TypeVar("T")
ADMIN, PASSWORD = "admin", "correct-horse-battery"
SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3600_000_000, 86400_000_000
START = 1_800_000_000 * SECOND
HERE = Origin("r1", "192.0.2.7", "crane")
ELSEWHERE = Origin("r2", "198.51.100.9", "podman")
HASH_KEY = bytes(range(32))


class Engine(StrEnum):
    """The database under a test."""

    SQLITE = "sqlite"
    POSTGRES = "postgresql"


ENGINES = list(Engine)


class Row(NamedTuple):
    """One journal row."""

    actor: str
    kind: str
    data: str
    origin: str | None


class Version(NamedTuple):
    """The policy version."""

    version: int


JOURNAL = Query("select actor, kind, data, origin from journal order by id", Row)
VERSION = Query("select version from policy where id = 1", Version)
GRANT = Command(
    """
    insert into access_grant (effect, subject_kind, subject_id, role, repository, tag, home, made_at, made_by)
    select 0, 1, id, :role, :repository, :tag, :home, :now, 'test' from account where name = :name
    """
)
TOUCH = Command("update account set changed = (select version from policy where id = 1) where name = :name")
MOVE = Command("update policy set version = version + 1 where id = 1")


class Clock:
    """A clock that goes when it is told to; microseconds."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> int:
        return self.at

    def seconds(self) -> float:
        """The same for what counts seconds."""
        return self.at / SECOND


class House:
    """Everything that this half of `access` has."""

    def __init__(self, db: Database, clock: Clock, settings: ThrottleSettings) -> None:
        self.db = db
        self.clock = clock
        self.passwords = PasswordChecker()
        self.told: list[tuple[str, bool]] = []
        self.held: list[float] = []
        self.provider: bool | None = True
        self.asked: list[int] = []
        hold = Hold(self._pause)
        self.login = PasswordLogin(db, Throttle(settings, clock.seconds), self.passwords, hold, self._tell)
        self.users = Users(db, self.passwords, self.login)
        self.robots = Robots(db)
        throttle = Throttle(settings, clock.seconds)
        self.keys = Keys(db, HASH_KEY, throttle, hold, told=self._tell, recheck=self._recheck)
        self.keychain = Keychain(db, HASH_KEY)

    async def admin(self) -> Identity:
        """The administrator, by password."""
        return await self.by_password(ADMIN, PASSWORD)

    async def by_password(self, name: str, secret: str, origin: Origin = HERE) -> Identity:
        """Who logs in with a password."""
        return await self.identified(await self.login.recognise(name, secret, origin))

    async def by_key(self, secret: str, name: str = "", origin: Origin = HERE) -> Identity:
        """Who logs in with a key."""
        return await self.identified(await self.keys.recognise(name, secret, origin))

    async def identified(self, found: Recognised) -> Identity:
        """The identity of what was recognised."""
        return await Identities(self.db).of(found)

    async def person(self, name: str, password: str = "a-password-of-" * 2) -> Identity:
        """A new user, logged in."""
        await self.users.create(await self.admin(), name, password=password, origin=HERE)
        return await self.by_password(name, password)

    async def again(self, who: Identity) -> Identity:
        """The same caller with the rights of now."""
        kind = who.credential.kind
        credential = Credential(CredentialKind.PASSWORD) if kind is CredentialKind.PASSWORD else who.credential
        return await self.identified(Recognised(who.subject.id, credential))

    async def grant(self, name: str, role: str, repository: str, tag: str | None = None) -> None:
        """Give the account `name` a role."""

        async def work(unit: Unit) -> None:
            await unit.run(MOVE)
            await unit.run(GRANT, name=name, role=role, repository=repository, tag=tag, home="")
            await unit.run(TOUCH, name=name)

        await self.db.write(work)

    async def run(self, text: str, **values: Any) -> int:
        """A statement beside the program."""
        return await self.db.write(lambda unit: unit.run(Command(text), **values))

    async def version(self) -> int:
        """The policy version."""
        row = await self.db.one(VERSION)
        assert row is not None
        return row.version

    async def kinds(self) -> list[str]:
        """The kinds of change in the journal, in their order."""
        return [row.kind for row in await self.db.all(JOURNAL)]

    async def refused(self, awaitable: Awaitable[object]) -> bool:
        """Whether this credential is refused."""
        try:
            await awaitable
        except Unauthenticated:
            return True
        return False

    def _tell(self, actor: str, origin: Origin, ok: bool, why: str) -> None:
        assert bool(why) is not ok
        self.told.append((actor, ok))

    async def _recheck(self, account_id: int) -> bool:
        self.asked.append(account_id)
        if self.provider is None:
            raise ProviderAway
        return self.provider

    async def _pause(self, seconds: float) -> None:
        self.held.append(seconds)


def lived_in(
    tmp_path: Path,
    scenario: Callable[[House], Awaitable[T]],
    engine: Engine = Engine.SQLITE,
    settings: ThrottleSettings = ThrottleSettings(),  # noqa: B008 - a constant
) -> T:
    """Run `scenario` in a house whose one account is `admin`."""

    async def main() -> T:
        clock = Clock()
        if engine is Engine.POSTGRES:
            target = laid_database_url()
        else:
            target = str(tmp_path / "holdfast.db")
            lay_file(target)
        db = await open_at(target, clock)
        house = House(db, clock, settings)
        try:
            await ensure_administrator(db, PASSWORD)
            return await scenario(house)
        finally:
            house.passwords.close()
            await db.close()

    return asyncio.run(main())
