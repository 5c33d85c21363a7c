"""Who a credential belongs to, and how soon a change of the account is felt, in this process and in another."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.access.place import ADD, DISABLE, PASSWORD, basic, change_account, with_admin

from holdfast.access.accounts.administrator import reset_password
from holdfast.access.errors import Busy, StalePermit, Unauthenticated
from holdfast.access.model import ANONYMOUS, UNCHECKED, Identity, PullPermit
from holdfast.access.password import hash_password
from holdfast.access.service import Access
from holdfast.access.standing import check_permit
from holdfast.db.port import Database
from holdfast.oci.name import RepositoryName

GOOD = basic("admin", PASSWORD)
NAME = RepositoryName.parse("team/app")
Scenario = Callable[[Database, Access], Awaitable[None]]


def run(tmp_path: Path, scenario: Scenario, *, open_to_all: bool = False) -> None:
    async def with_access(db: Database) -> None:
        access = Access(db, open_to_all=open_to_all)
        try:
            await scenario(db, access)
        finally:
            access.close()

    with_admin(tmp_path, with_access)


def encoded(text: bytes) -> bytes:
    return b64encode(text)


REFUSED = [
    None,
    b"",
    b"Basic",
    b"Basic ",
    b"Basic" + encoded(b"admin:" + PASSWORD.encode()),
    b"Bearer " + encoded(b"admin:" + PASSWORD.encode()),
    b"Basic !!!",
    b"Basic " + encoded(b"admin:" + PASSWORD.encode())[:-1],
    b"Basic " + encoded(b"admin"),
    b"Basic " + encoded(b":" + PASSWORD.encode()),
    b"Basic " + encoded(b":"),
    b"Basic " + encoded(b"admin\0:" + PASSWORD.encode()),
    b"Basic " + encoded(b"\xff\xfe:" + PASSWORD.encode()),
    b"Basic " + encoded(b"admin:" + b"x" * 9000),
    b"Basic " + encoded(b"admin:" + PASSWORD.encode()) + b" extra",
    b"Basic \xff",
    basic("admin", ""),
    basic("admin", PASSWORD + "x"),
    basic("admin", PASSWORD[:-1]),
    basic("admin", PASSWORD.upper()),
    basic("Admin", PASSWORD),
    basic("admin ", PASSWORD),
    basic("nobody", PASSWORD),
    basic("' or 1=1 --", PASSWORD),
]


@pytest.mark.parametrize("header", REFUSED, ids=lambda header: repr(header)[:40])
def test_what_is_no_good_credential_is_refused(tmp_path: Path, header: bytes | None) -> None:
    async def scenario(_db: Database, access: Access) -> None:
        for _ in range(2):
            with pytest.raises(Unauthenticated):
                await access.authenticate(header)
            assert access.remembered(header) is None

    run(tmp_path, scenario)


@pytest.mark.parametrize("header", [GOOD, GOOD.replace(b"Basic", b"bAsIc"), GOOD.replace(b" ", b"   "), GOOD + b" "])
def test_a_good_credential_is_recognised_and_remembered(tmp_path: Path, header: bytes) -> None:
    async def scenario(_db: Database, access: Access) -> None:
        assert access.remembered(header) is None
        found = await access.authenticate(header)
        assert found.subject.name == "admin"
        assert found.subject.id > 0
        assert found.subject.actor == "user:admin"
        assert access.remembered(header) == found
        assert await access.authenticate(header) == found
        await access.confirm(found)

    run(tmp_path, scenario)


def test_a_password_may_hold_colons_and_any_letters(tmp_path: Path) -> None:
    async def scenario(db: Database, access: Access) -> None:
        password = "a:b:ü:😀:pass-word"
        await change_account(db, ADD, name="ünal", password=hash_password(password))
        assert (await access.authenticate(basic("ünal", password))).subject.name == "ünal"

    run(tmp_path, scenario)


def permits(access: Access, who: Identity) -> list[object]:
    return [
        access.pull(who, NAME, "r1"),
        access.push(who, NAME, "r1"),
        access.delete(who, NAME, "r1"),
        access.catalog(who, "r1"),
    ]


def test_a_permit_carries_who_what_and_when(tmp_path: Path) -> None:
    async def scenario(db: Database, access: Access) -> None:
        who = await access.authenticate(GOOD)
        assert access.pull(who, NAME, "r1") == PullPermit(who.subject, NAME, who.version, "r1", True)
        for permit in permits(access, who):
            assert permit.subject == who.subject  # type: ignore[attr-defined]
            assert permit.request == "r1"  # type: ignore[attr-defined]
            await check_permit(db, permit)  # type: ignore[arg-type]

    run(tmp_path, scenario)


async def expect_stale(db: Database, access: Access, who: Identity) -> None:
    for permit in permits(access, who):
        with pytest.raises(StalePermit):
            await check_permit(db, permit)  # type: ignore[arg-type]
    with pytest.raises(StalePermit):
        await access.confirm(who)


def test_a_reset_password_is_felt_at_the_next_request_everywhere(tmp_path: Path) -> None:
    async def scenario(db: Database, access: Access) -> None:
        elsewhere = Access(db)
        known = [await each.authenticate(GOOD) for each in (access, elsewhere)]
        new = (await reset_password(db, "admin")).password
        for each, who in zip((access, elsewhere), known, strict=True):
            assert each.remembered(GOOD) == who, "who it was is still known, and the statement finds it stale"
            await expect_stale(db, each, who)
            with pytest.raises(Unauthenticated):
                await each.authenticate(GOOD)
            assert each.remembered(GOOD) is None
            assert (await each.authenticate(basic("admin", new))).subject == who.subject
        elsewhere.close()

    run(tmp_path, scenario)


def test_a_change_of_another_account_refuses_nobody(tmp_path: Path) -> None:
    async def scenario(db: Database, access: Access) -> None:
        who = await access.authenticate(GOOD)
        await change_account(db, ADD, name="other", password=hash_password("another-password"))
        for permit in permits(access, who):
            await check_permit(db, permit)  # type: ignore[arg-type]
        with pytest.raises(StalePermit):
            await access.confirm(who)
        again = await access.authenticate(GOOD)
        assert again.subject == who.subject
        assert again.version > who.version
        await access.confirm(again)

    run(tmp_path, scenario)


def test_a_disabled_account_is_refused_at_the_next_request(tmp_path: Path) -> None:
    async def scenario(db: Database, access: Access) -> None:
        who = await access.authenticate(GOOD)
        await change_account(db, DISABLE, name="admin")
        await expect_stale(db, access, who)
        for _ in range(2):
            with pytest.raises(Unauthenticated):
                await access.authenticate(GOOD)

    run(tmp_path, scenario)


async def fill(access: Access, checks: int) -> list[asyncio.Task[Identity]]:
    """Let `checks` log-ins wait, so that any further one is refused as `Busy`."""
    waiting = [asyncio.create_task(access.authenticate(basic("nobody", f"{number}"))) for number in range(checks)]
    async with asyncio.timeout(30):
        while access._passwords._waiting < checks:  # each asks the database first
            await asyncio.sleep(0)
    with pytest.raises(Busy):
        await access.authenticate(basic("nobody", "one more"))
    return waiting


def test_what_was_decided_is_not_computed_again(tmp_path: Path) -> None:
    """While no password can be checked, known headers are still answered, good and bad."""

    async def scenario(db: Database, access: Access) -> None:
        wrong = basic("admin", "wrong-password")
        who = await access.authenticate(GOOD)
        with pytest.raises(Unauthenticated):
            await access.authenticate(wrong)
        waiting = await fill(access, 64)
        assert await access.authenticate(GOOD) == who
        with pytest.raises(Unauthenticated):
            await access.authenticate(wrong)
        await change_account(db, ADD, name="other", password="none")
        with pytest.raises(Busy):
            await access.authenticate(wrong)
        assert (await access.authenticate(GOOD)).subject == who.subject
        for task in waiting:
            with pytest.raises(Unauthenticated):
                await task

    run(tmp_path, scenario)


def test_what_is_remembered_is_bounded(tmp_path: Path) -> None:
    async def scenario(_db: Database, access: Access) -> None:
        who = await access.authenticate(GOOD)
        for number in range(5000):
            access._remember(number.to_bytes(16), who)
            assert len(access._known) <= 4096
        assert (await access.authenticate(GOOD)) == who
        assert PASSWORD.encode() not in b"".join(access._known)

    run(tmp_path, scenario)


@pytest.mark.parametrize("header", [None, b"garbage", GOOD, basic("nobody", "x")], ids=repr)
def test_open_to_all_asks_for_nothing(tmp_path: Path, header: bytes | None) -> None:
    async def scenario(db: Database, access: Access) -> None:
        assert access.is_open
        who = await access.authenticate(header)
        assert who == access.remembered(header) == Identity(ANONYMOUS, UNCHECKED)
        await access.confirm(who)
        await reset_password(db, "admin")
        await access.confirm(who)
        for permit in permits(access, who):
            await check_permit(db, permit)  # type: ignore[arg-type]
        assert who.subject.actor == "anonymous"

    run(tmp_path, scenario, open_to_all=True)


def test_without_it_anonymous_is_nobody(tmp_path: Path) -> None:
    async def scenario(db: Database, access: Access) -> None:
        assert not access.is_open
        who = Identity(ANONYMOUS, await access.policy_version())
        for permit in permits(access, who):
            with pytest.raises(StalePermit):
                await check_permit(db, permit)  # type: ignore[arg-type]

    run(tmp_path, scenario)
