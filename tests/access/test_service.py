"""Who a credential belongs to, by which one way, and how soon a change is felt, in this process and in another."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path

import pytest
from tests.access.house import HERE, PASSWORD
from tests.access.place import with_admin
from tests.access.tokens.place import Desk, at_desk, basic, bearer

from holdfast.access.accounts.administrator import reset_password
from holdfast.access.errors import Busy, Denied, StalePermit, Throttled, Unauthenticated
from holdfast.access.model import ANONYMOUS, UNCHECKED, Credential, CredentialKind, Identity, Permit, Recognised
from holdfast.access.service import Access
from holdfast.access.standing import check_permit
from holdfast.db.port import Database
from holdfast.journal.model import Origin
from holdfast.oci.name import RepositoryName

GOOD = basic("admin", PASSWORD)
NAME = RepositoryName.parse("team/app")


def encoded(text: bytes) -> bytes:
    return b64encode(text)


REFUSED = [
    b"",
    b"Basic",
    b"Basic ",
    b"Basic" + encoded(b"admin:" + PASSWORD.encode()),
    b"Bearer " + encoded(b"admin:" + PASSWORD.encode()),
    b"Bearer",
    b"Bearer ",
    b"Token " + encoded(b"admin:" + PASSWORD.encode()),
    b"Basic !!!",
    b"Basic " + encoded(b"admin:" + PASSWORD.encode())[:-1],
    b"Basic " + encoded(b"admin"),
    b"Basic " + encoded(b":" + PASSWORD.encode()),
    b"Basic " + encoded(b":"),
    b"Basic " + encoded(b"admin\0:" + PASSWORD.encode()),
    b"Basic " + encoded(b"admin:" + PASSWORD.encode() + b"\0"),
    b"Basic " + encoded(b"\xff\xfe:" + PASSWORD.encode()),
    b"Basic " + encoded(b"admin:" + b"x" * 9000),
    b"Basic " + encoded(b"admin:" + b"x" * 90000),
    b"Basic " + encoded(b"admin:" + PASSWORD.encode()) + b" extra",
    b"Basic \xff",
    basic("admin", ""),
    basic("admin", PASSWORD + "x"),
    basic("admin", PASSWORD[:-1]),
    basic("admin", PASSWORD.upper()),
    basic("admin ", PASSWORD),
    basic("nobody", PASSWORD),
    basic("' or 1=1 --", PASSWORD),
    basic("admin", "hf_" + "a" * 36),
    basic("admin", "eyJhbGciOiJub25lIn0.e30."),
]


@pytest.mark.parametrize("header", REFUSED, ids=lambda header: repr(header)[:40])
def test_what_is_no_good_credential_is_refused(tmp_path: Path, header: bytes) -> None:
    async def scenario(desk: Desk) -> None:
        for _ in range(2):
            with pytest.raises(Unauthenticated):
                await desk.access.authenticate(header, HERE)
            assert desk.access.remembered(header) is None

    at_desk(tmp_path, scenario)


@pytest.mark.parametrize("header", [GOOD, GOOD.replace(b"Basic", b"bAsIc"), GOOD.replace(b" ", b"   "), GOOD + b" "])
def test_a_good_credential_is_recognised_and_remembered(tmp_path: Path, header: bytes) -> None:
    async def scenario(desk: Desk) -> None:
        assert desk.access.remembered(header) is None
        found = await desk.access.authenticate(header, HERE)
        assert (found.subject.name, found.subject.actor) == ("admin", "user:admin")
        assert found.credential.text == "password"
        assert desk.access.remembered(header) is found
        await desk.access.confirm(found)

    at_desk(tmp_path, scenario)


def test_a_password_may_hold_colons_and_any_letters(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        password = "a:b:ü:😀:pass-word.with.dots"
        await desk.house.person("alice", password)
        assert (await desk.by(basic("alice", password))).subject.name == "alice"

    at_desk(tmp_path, scenario)


def test_nobody_is_somebody_with_what_everyone_may(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        who = await desk.by(None)
        assert who.subject == ANONYMOUS
        assert who.version == await desk.access.policy_version()
        for permit in (desk.access.pull, desk.access.push, desk.access.delete):
            with pytest.raises(Denied):
                permit(who, NAME, HERE)
        with pytest.raises(Unauthenticated):
            desk.access.catalog(who, HERE)

    at_desk(tmp_path, scenario)


class TestOneFieldAndNoFallThrough:
    """What a secret looks like decides by which way it is looked at, and only that way counts a failure."""

    def test_a_wrong_key_is_no_password(self, tmp_path: Path) -> None:
        async def scenario(desk: Desk) -> None:
            password = "hf_is-how-my-password-begins"
            await desk.house.person("alice", password)
            for _ in range(20):
                with pytest.raises((Unauthenticated, Throttled)):
                    await desk.access.authenticate(basic("alice", password), HERE)
            assert desk.machines.asked == []
            # No failure of the password was counted: the right one of another account is looked at without delay.
            assert (await desk.by(GOOD)).subject.name == "admin"

        at_desk(tmp_path, scenario)

    def test_a_machines_token_is_no_password_whatever_the_name(self, tmp_path: Path) -> None:
        async def scenario(desk: Desk) -> None:
            token = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"
            for name in ("admin", "", "<token>", "team+ci", "oauth2accesstoken"):
                with pytest.raises(Unauthenticated):
                    await desk.access.authenticate(basic(name, token), HERE)
            assert desk.machines.asked == ["admin", "", "<token>", "team+ci", "oauth2accesstoken"]
            who = await desk.by(GOOD)
            desk.machines.known[token] = Recognised(who.subject.id, Credential(CredentialKind.CERTIFICATE))
            assert (await desk.by(basic("", token))).subject.name == "admin"

        at_desk(tmp_path, scenario)

    def test_a_key_has_its_owners_name_or_a_neutral_one(self, tmp_path: Path) -> None:
        async def scenario(desk: Desk) -> None:
            made = await desk.house.keychain.create(await desk.by(GOOD), "laptop", origin=HERE)
            for name in ("admin", "", "<token>", "oauth2accesstoken", "AWS", "$oauthtoken"):
                assert (await desk.by(basic(name, made.secret))).credential.kind is CredentialKind.KEY
            with pytest.raises(Unauthenticated):
                await desk.by(basic("somebody", made.secret))

        at_desk(tmp_path, scenario)

    def test_a_refresh_token_is_no_password(self, tmp_path: Path) -> None:
        async def scenario(desk: Desk) -> None:
            issued = await desk.token(await desk.by(GOOD), client="docker")
            assert issued.refresh is not None
            with pytest.raises(Unauthenticated):
                await desk.by(basic("admin", issued.refresh))
            with pytest.raises(Unauthenticated):
                await desk.by(bearer(issued.refresh))

        at_desk(tmp_path, scenario)


def permits(access: Access, who: Identity) -> list[Permit]:
    return [access.pull(who, NAME, HERE), access.push(who, NAME, HERE), access.delete(who, NAME, HERE)]


def test_a_permit_carries_who_what_and_when(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        who = await desk.by(GOOD)
        for permit in permits(desk.access, who):
            assert (permit.subject, permit.repository, permit.version) == (who.subject, NAME, who.version)
            assert (permit.origin, permit.credential) == (HERE, who.credential)
            await check_permit(desk.house.db, permit)
        await check_permit(desk.house.db, desk.access.catalog(who, HERE))

    at_desk(tmp_path, scenario)


async def expect_stale(db: Database, access: Access, who: Identity) -> None:
    for permit in permits(access, who):
        with pytest.raises(StalePermit):
            await check_permit(db, permit)
    with pytest.raises(StalePermit):
        await access.confirm(who)


def test_a_reset_password_is_felt_at_the_next_request_everywhere(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        known = [await node.by(GOOD) for node in desk.nodes]
        reset = await reset_password(desk.house.db, "admin")
        for node, who in zip(desk.nodes, known, strict=True):
            assert node.access.remembered(GOOD) == who, "who it was is still known, and the statement finds it stale"
            await expect_stale(desk.house.db, node.access, who)
            with pytest.raises(Unauthenticated):
                await node.access.authenticate(GOOD, HERE)
            assert (await node.access.authenticate(basic("admin", reset.password), HERE)).subject == who.subject

    at_desk(tmp_path, scenario)


def test_a_change_of_another_account_refuses_nobody(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        who = await desk.by(GOOD)
        await desk.house.person("other")
        for permit in permits(desk.access, who):
            await check_permit(desk.house.db, permit)
        with pytest.raises(StalePermit):
            await desk.access.confirm(who)
        again = await desk.access.authenticate(GOOD, HERE)
        assert again.subject == who.subject
        assert again.version > who.version
        await desk.access.confirm(again)

    at_desk(tmp_path, scenario)


async def fill(access: Access, checks: int) -> list[asyncio.Task[Identity]]:
    """Let `checks` log-ins wait, each from elsewhere, so that the queue is full."""
    waiting = []
    for number in range(checks):
        origin = Origin("r", f"10.{number}.0.1")
        waiting.append(asyncio.create_task(access.authenticate(basic(f"nobody{number}", "wrong"), origin)))
    for _ in range(50):
        await asyncio.sleep(0)
    return waiting


def test_what_was_decided_is_not_computed_again(tmp_path: Path) -> None:
    """While no password can be checked, what was decided is answered, good and bad, also after a change of others."""

    async def scenario(desk: Desk) -> None:
        wrong = basic("admin", "wrong-password")
        who = await desk.by(GOOD)
        with pytest.raises(Unauthenticated):
            await desk.access.authenticate(wrong, HERE)
        waiting = await fill(desk.access, 66)
        await desk.house.run("update policy set version = version + 1")
        assert (await desk.access.authenticate(GOOD, HERE)).subject == who.subject
        with pytest.raises(Unauthenticated):
            await desk.access.authenticate(wrong, HERE)
        assert not all(task.done() for task in waiting)
        for task in waiting:
            with pytest.raises((Unauthenticated, Busy)):
                await task

    at_desk(tmp_path, scenario)


def test_what_is_remembered_is_bounded_and_the_oldest_goes(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        who = await desk.by(GOOD)
        known = desk.access._known
        for number in range(9000):
            known.put(number.to_bytes(16), who)
            assert len(known) <= 8192
        assert desk.access.remembered(GOOD) is None
        assert known.get((8999).to_bytes(16)) is who
        assert PASSWORD.encode() not in b"".join(known._kept)
        for number in range(2000):
            desk.access.pull(who, RepositoryName.parse(f"a{number}"), HERE)
        assert len(who.kept) <= 1024

    at_desk(tmp_path, scenario)


def test_conditions_are_looked_at_with_every_request(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.house.person("alice", "a-password-of-alice-1")
        await desk.house.grant("alice", "reader", "team/**")
        end = desk.house.clock() + 60_000_000
        await desk.house.run("update access_grant set expires_at = :end where role = 'reader'", end=end)
        header = basic("alice", "a-password-of-alice-1")
        who = await desk.by(header)
        desk.access.pull(who, NAME, HERE)
        desk.house.clock.at = end
        with pytest.raises(Denied):
            desk.access.pull(await desk.by(header), NAME, HERE)

    at_desk(tmp_path, scenario)


@pytest.mark.parametrize("header", [None, b"garbage", GOOD, basic("nobody", "x")], ids=repr)
def test_open_to_all_asks_for_nothing(tmp_path: Path, header: bytes | None) -> None:
    async def scenario(db: Database) -> None:
        access = Access(db, open_to_all=True)
        assert access.is_open
        who = await access.authenticate(header)
        assert who is access.remembered(header)
        assert (who.subject, who.version) == (ANONYMOUS, UNCHECKED)
        await access.confirm(who)
        await reset_password(db, "admin")
        await access.confirm(who)
        for permit in permits(access, who):
            await check_permit(db, permit)
        assert access.catalog(who, HERE).shown is None

    with_admin(tmp_path, scenario)
