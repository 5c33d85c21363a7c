"""A database with people, and the services that give and take rights over it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tests.backends import laid_database_url
from tests.databases import lay_file, open_at

from holdfast.access.grants.groups import Groups
from holdfast.access.grants.model import KeptGrant, NewGrant
from holdfast.access.grants.roles import Roles
from holdfast.access.grants.service import Grants
from holdfast.access.grants.visibility import Visibility
from holdfast.access.identities import Identities
from holdfast.access.model import Credential, CredentialKind, Identity, Recognised
from holdfast.access.policy.decide import Bound
from holdfast.access.policy.model import Action, Circumstances
from holdfast.access.why import Why
from holdfast.db.port import Database, Unit
from holdfast.db.query import Command, Query
from holdfast.journal.model import Origin

T = TypeVar("T")
START = 1_800_000_000_000_000
HOUR = 3_600_000_000
ORIGIN = Origin("r1", "10.0.0.7", "test")


class Engine(StrEnum):
    """The database under a test."""

    SQLITE = "sqlite"
    POSTGRES = "postgresql"


class Row(NamedTuple):
    """One journal row."""

    actor: str
    kind: str
    data: str


class Id(NamedTuple):
    """A row's number."""

    id: int


JOURNAL = Query("select actor, kind, data from journal order by id", Row)
ADD_ACCOUNT = Query(
    """
    insert into account (name, kind, namespace, made_at, made_by, changed)
    values (:name, :kind, :namespace, :now, 'test', 0) returning id
    """,
    Id,
)
ADD_GRANT = Command(
    """
    insert into access_grant (effect, subject_kind, subject_id, role, repository, home, made_at, made_by)
    values (0, 1, :id, 'administrator', '**', '', :now, 'system')
    """
)
ADD_PROVIDER = Query(
    """
    insert into identity_provider (name, issuer, client_id, scopes, name_claim, creates, made_at, made_by, changed)
    values (:name, 'https://id.example', 'x', 'openid', 'name', 1, :now, 'test', 0) returning id
    """,
    Id,
)


class Place:
    """The services, and the people by name; `admin` is the one administrator."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.grants = Grants(db)
        self.roles = Roles(db)
        self.groups = Groups(db)
        self.visibility = Visibility(db)
        self.why = Why(db)
        self.ids: dict[str, int] = {}
        self.now = START

    async def account(self, name: str) -> None:
        """A person, or with a '+' in the name a robot."""

        async def work(unit: Unit) -> int:
            row = await unit.one(
                ADD_ACCOUNT, name=name, kind=int("+" in name), namespace=name.rpartition("+")[0] or None
            )
            assert row is not None
            if name == "admin":
                await unit.run(ADD_GRANT, id=row.id)
            return row.id

        self.ids[name] = await self.db.write(work)

    async def provider(self, name: str) -> int:
        """A sign-in provider; its id."""

        async def work(unit: Unit) -> int:
            row = await unit.one(ADD_PROVIDER, name=name)
            assert row is not None
            return row.id

        return await self.db.write(work)

    @staticmethod
    def command(text: str) -> Command:
        """A statement of the test's own."""
        return Command(text)

    async def run(self, text: str, **values: Any) -> int:
        """A statement beside the program."""
        return await self.db.write(lambda unit: unit.run(Command(text), **values))

    async def who(self, name: str = "admin", bounds: tuple[Bound, ...] | None = None) -> Identity:
        """The identity of `name` as it is now; '' is nobody."""
        credential = Credential(CredentialKind.PASSWORD if name else CredentialKind.NONE)
        found = await Identities(self.db).of(Recognised(self.ids[name] if name else 0, credential))
        if bounds is None:
            return found
        rights = type(found.rights)(found.rights.subject, found.rights.grants, found.rights.public, bounds)
        return Identity(found.subject, found.version, rights, found.credential)

    async def give(self, subject: str, role: str, scope: str, by: str = "admin", **more: Any) -> KeptGrant:
        """A grant."""
        return await self.grants.add(await self.who(by), NewGrant(subject, scope, role, **more), origin=ORIGIN)

    async def deny(self, subject: str, action: str, scope: str, by: str = "admin", **more: Any) -> KeptGrant:
        """A deny."""
        new = NewGrant(subject, scope, None, (action,), **more)
        return await self.grants.add(await self.who(by), new, origin=ORIGIN)

    async def may(self, name: str, action: Action, repository: str, tag: str | None = None) -> bool:
        """Whether `name` may, now."""
        here = Circumstances(ORIGIN.address, self.now)
        return (await self.who(name)).rights.allows(action, repository, tag, here)

    async def kinds(self) -> list[str]:
        """The kinds of change in the journal, in their order."""
        return [row.kind for row in await self.db.all(JOURNAL)]

    async def last(self) -> tuple[str, str, dict[str, Any]]:
        """The last row of the journal."""
        row = (await self.db.all(JOURNAL))[-1]
        return row.actor, row.kind, json.loads(row.data)


def living(tmp_path: Path, scenario: Callable[[Place], Awaitable[T]], *names: str, engine: Engine = Engine.SQLITE) -> T:
    """Run `scenario` where there are `admin` and these people and robots."""

    async def main() -> T:
        target = laid_database_url() if engine is Engine.POSTGRES else str(tmp_path / "holdfast.db")
        if engine is Engine.SQLITE:
            lay_file(target)
        db = await open_at(target, lambda: place.now)
        place = Place(db)
        try:
            for name in ("admin", *names):
                await place.account(name)
            return await scenario(place)
        finally:
            await db.close()

    return asyncio.run(main())
