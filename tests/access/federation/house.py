"""An installation with an administrator, people, robots and a clock of its own, for the tests of federation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tests.access.federation.issuing import AUDIENCE, Issuing
from tests.databases import database_at, lay_database

from holdfast.access.accounts.administrator import ensure_administrator
from holdfast.access.accounts.robots import Robots
from holdfast.access.federation.issuers import Issuers
from holdfast.access.federation.keysets import KeySets
from holdfast.access.federation.model import FederationSettings, Issuer, IssuerDraft, Rule
from holdfast.access.federation.rules import RuleDraft, Rules
from holdfast.access.federation.service import Federation
from holdfast.access.identities import Identities
from holdfast.access.model import Credential, CredentialKind, Identity, Recognised
from holdfast.access.versions import move, touch_everyone
from holdfast.db.port import Database, Unit
from holdfast.db.postgres import PostgresDatabase
from holdfast.db.query import Command, Query
from holdfast.journal.model import Origin
from holdfast.remote.outbound import Outbound

T = TypeVar("T")
SECOND = 1_000_000
ORIGIN = Origin("request-1", "192.0.2.7", "agent/1")
ADD_USER = Command(
    """
    insert into account (name, kind, made_at, changed)
    select :name, 0, :now, version from policy where id = 1
    """
)
ADD_GRANT = Command(
    """
    insert into access_grant (effect, subject_kind, subject_id, role, repository, home, made_at, made_by)
    select 0, 1, id, :role, :repository, :home, :now, 'test' from account where name = :name
    """
)


class IdRow(NamedTuple):
    id: int


class KindRow(NamedTuple):
    kind: str
    data: str


ACCOUNT_ID = Query("select id from account where name = :name", IdRow)
JOURNAL = Query("select kind, data from journal order by id", KindRow)


class House:
    """Everything of federation over one database. `told`: what log-ins told; `clock`: what its clock is ahead by."""

    def __init__(self, db: Database, clock: list[int]) -> None:
        self.db = db
        self._ahead = clock
        self.told: list[tuple[str, bool, str]] = []
        self.outbound = Outbound([ip_network("127.0.0.0/8")])
        self.settings = FederationSettings(AUDIENCE)
        self.robots = Robots(db)
        self.fresh()

    def fresh(self) -> None:
        """As after a restart: nothing is remembered."""
        self.keys = KeySets(self.db, self.outbound, self.settings.keys_stale)
        self.federation = Federation(self.db, self.keys, self.settings, told=self._hear)
        self.issuers = Issuers(self.db, self.keys, self.outbound, self.settings)
        self.rules = Rules(self.db, self.federation)

    def later(self, seconds: int) -> None:
        """Let so much time pass."""
        self._ahead[0] += seconds * SECOND

    def _hear(self, actor: str, origin: Origin, ok: bool, why: str) -> None:
        self.told.append((actor, ok, why))

    async def person(self, name: str, role: str | None = None, repository: str = "**") -> Identity:
        """A person, made when there is none, with a grant."""

        async def add(unit: Unit) -> None:
            await touch_everyone(unit, await move(unit))
            if await unit.one(ACCOUNT_ID, name=name) is None:
                await unit.run(ADD_USER, name=name)
            if role is not None:
                home = repository.partition("*")[0].rstrip("/")
                await unit.run(ADD_GRANT, name=name, role=role, repository=repository, home=home)

        await self.db.write(add)
        return await self.who(name)

    async def who(self, name: str) -> Identity:
        """Somebody, as recognised now."""
        row = await self.db.one(ACCOUNT_ID, name=name)
        assert row is not None
        return await Identities(self.db).of(Recognised(row.id, Credential(CredentialKind.PASSWORD)))

    async def robot(self, namespace: str, name: str, role: str | None = None, repository: str = "") -> str:
        """A robot, by its whole name."""
        full = (await self.robots.create(await self.who("admin"), namespace, name, origin=ORIGIN)).name
        if role is not None:
            await self.person(full, role, repository or f"{namespace}/**")
        return full

    async def issuer(self, issuing: Issuing, name: str = "ci", **more: Any) -> Issuer:
        """A registered issuer."""
        draft = IssuerDraft(name, issuing.iss, **more)
        return await self.issuers.add(await self.who("admin"), draft, origin=ORIGIN)

    async def rule(self, robot: str, claims: Mapping[str, str], name: str = "rule", issuer: str = "ci") -> Rule:
        """A rule, made by the administrator."""
        draft = RuleDraft(robot.partition("+")[0], name, issuer, robot, claims)
        return await self.rules.add(await self.who("admin"), draft, origin=ORIGIN)

    async def recognise(self, token: str, name: str = "<token>") -> Recognised:
        """What a token comes to."""
        return await self.federation.recognise(name, token, ORIGIN)

    async def kinds(self) -> list[str]:
        """What the journal has of federation."""
        kinds = [row.kind for row in await self.db.all(JOURNAL)]
        return [kind for kind in kinds if kind.startswith(("issuer.", "federation-rule."))]


def with_house(tmp_path: Path, scenario: Callable[[House], Awaitable[T]]) -> T:
    """Run `scenario` in a fresh installation."""

    async def main() -> T:
        target = lay_database(str(tmp_path / "holdfast.db"))
        ahead = [0]

        def clock() -> int:
            return time.time_ns() // 1000 + ahead[0]

        db = database_at(target, clock)
        if isinstance(db, PostgresDatabase):
            await db.open()
        try:
            await ensure_administrator(db, "correct-horse-battery")
            house = House(db, ahead)
            try:
                return await scenario(house)
            finally:
                await house.outbound.close()
        finally:
            await db.close()

    return asyncio.run(main())
