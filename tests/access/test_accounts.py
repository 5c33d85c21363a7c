"""The first administrator, the way back in, and the identity of an installation."""

from __future__ import annotations

import asyncio
import re
import uuid
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.access.house import HERE, JOURNAL, House, lived_in
from tests.access.place import PASSWORD, with_admin
from tests.databases import database_at, lay_database

from holdfast.access.accounts.administrator import ensure_administrator, reset_password
from holdfast.access.installation import installation_id
from holdfast.access.password import matches
from holdfast.db.port import Database
from holdfast.db.query import Query
from holdfast.db.session import system_clock
from holdfast.journal.model import ChangeKind


class Account(NamedTuple):
    name: str
    verifier: str
    changed: int


ACCOUNTS = Query("select name, verifier, changed from account order by name", Account)


async def the_account(db: Database) -> Account:
    (found,) = await db.all(ACCOUNTS)
    return found


def fresh(tmp_path: Path) -> Database:
    return database_at(lay_database(str(tmp_path / "holdfast.db")), system_clock)


def test_the_first_start_makes_the_administrator_and_tells_its_password_once(tmp_path: Path) -> None:
    async def main() -> None:
        db = fresh(tmp_path)
        made = await ensure_administrator(db, None)
        assert made is not None
        assert re.fullmatch(r"\w{24}", made)
        account = await the_account(db)
        assert account.name == "admin"
        assert matches(account.verifier, made)
        assert await ensure_administrator(db, None) is None
        assert await ensure_administrator(db, "another-password") is None
        assert await the_account(db) == account
        await db.close()

    asyncio.run(main())


def test_a_given_password_is_not_told(tmp_path: Path) -> None:
    async def main() -> None:
        db = fresh(tmp_path)
        with pytest.raises(ValueError, match="at least 12 characters"):
            await ensure_administrator(db, "too-short")
        assert await db.all(ACCOUNTS) == []
        assert await ensure_administrator(db, PASSWORD) is None
        assert matches((await the_account(db)).verifier, PASSWORD)
        await db.close()

    asyncio.run(main())


def test_two_first_starts_at_once_make_one_administrator(tmp_path: Path) -> None:
    async def main() -> None:
        one, two = fresh(tmp_path), fresh(tmp_path)
        made = await asyncio.gather(*(ensure_administrator(db, None) for db in (one, two)))
        (password,) = [each for each in made if each is not None]
        assert matches((await the_account(one)).verifier, password)
        for db in (one, two):
            await db.close()

    asyncio.run(main())


def test_reset_makes_a_new_password(tmp_path: Path) -> None:
    async def scenario(db: Database) -> None:
        before = await the_account(db)
        made = await reset_password(db, "admin")
        after = await the_account(db)
        assert matches(after.verifier, made.password)
        assert not matches(after.verifier, PASSWORD)
        assert after.changed > before.changed

    with_admin(tmp_path, scenario)


def test_reset_of_nobody_changes_nothing(tmp_path: Path) -> None:
    async def scenario(db: Database) -> None:
        before = await the_account(db)
        with pytest.raises(LookupError, match="there is no user named 'nobody'"):
            await reset_password(db, "nobody")
        assert await the_account(db) == before

    with_admin(tmp_path, scenario)


def test_reset_ends_what_the_old_password_opened_and_changes_no_right(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        alice = await house.person("alice")
        await house.keychain.create(alice, "one", origin=HERE)
        new = await house.keychain.create(await house.again(alice), "two", origin=HERE)
        await house.keychain.rotate(await house.again(alice), "two", origin=HERE)
        await house.users.disable(await house.admin(), "alice", origin=HERE)
        done = await reset_password(house.db, "alice")
        assert (done.keys, done.tokens, done.sessions, done.disabled) == (2, 0, 0, True)
        assert await house.refused(house.by_password("alice", done.password)), "it stays disabled"
        await house.users.enable(await house.admin(), "alice", origin=HERE)
        assert await house.refused(house.by_key(new.secret))
        alice = await house.by_password("alice", done.password)
        assert await house.keychain.page(alice, origin=HERE) == []
        (row,) = [row for row in await house.db.all(JOURNAL) if row.kind == ChangeKind.PASSWORD_CHANGED]
        assert row.actor == "host"
        assert done.password not in row.data

    lived_in(tmp_path, scenario)


def test_only_people_with_a_password_here_have_one_reset(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        admin = await house.admin()
        await house.robots.create(admin, "team", "ci", origin=HERE)
        await house.users.create(admin, "alice", origin=HERE)
        await house.users.create(admin, "gone", origin=HERE)
        await house.users.delete(admin, "gone", origin=HERE)
        await house.run("update account set provider = 1 where name = 'alice'")
        for name in ("team+ci", "gone"):
            with pytest.raises(LookupError):
                await reset_password(house.db, name)
        with pytest.raises(ValueError, match="signs in by a provider"):
            await reset_password(house.db, "alice")

    lived_in(tmp_path, scenario)


def test_an_installation_is_one_for_ever(tmp_path: Path) -> None:
    async def main() -> list[str]:
        one, two = fresh(tmp_path), fresh(tmp_path)
        found = list(await asyncio.gather(installation_id(one), installation_id(two), installation_id(one)))
        for db in (one, two):
            await db.close()
        return found

    found = {*asyncio.run(main()), *asyncio.run(main())}
    assert len(found) == 1
    assert str(uuid.UUID(found.pop())) != ""
