"""The log-in by key: whose it is, when it ends, what it costs, and what is kept of its use."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.access.house import (
    ADMIN,
    DAY,
    ELSEWHERE,
    ENGINES,
    HERE,
    HOUR,
    MINUTE,
    Engine,
    House,
    lived_in,
)

from holdfast.access.accounts.administrator import reset_password
from holdfast.access.errors import StalePermit, Throttled, Unauthenticated
from holdfast.access.keys.model import Asked
from holdfast.access.keys.secret import new_secret
from holdfast.access.model import Credential, CredentialKind, Identity
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit
from holdfast.access.throttle import ThrottleSettings

QUICK = ThrottleSettings(free=3, first=10.0, cap=100.0)


async def made(house: House, name: str = "laptop", bounds: Sequence[Asked] | None = None, **more: int) -> str:
    new = await house.keychain.create(await house.admin(), name, bounds=bounds, origin=HERE, **more)  # type: ignore[arg-type]
    return new.secret


@pytest.mark.parametrize(
    "name", [ADMIN, "", "<token>", "oauth2accesstoken", "00000000-0000-0000-0000-000000000000", "_dcgcr_2_1_token"]
)
def test_a_key_comes_with_its_owners_name_or_a_neutral_one(tmp_path: Path, name: str) -> None:
    async def scenario(house: House) -> None:
        who = await house.by_key(await made(house), name)
        assert who.subject.actor == "user:admin"
        assert who.credential.kind is CredentialKind.KEY
        assert who.rights.system(Action.ADMINISTER)

    lived_in(tmp_path, scenario)


@pytest.mark.parametrize("name", ["nobody", "Admin", "admin ", "team+ci", "robot$admin"])
def test_a_key_with_another_name_is_refused(tmp_path: Path, name: str) -> None:
    async def scenario(house: House) -> None:
        secret = await made(house)
        with pytest.raises(Unauthenticated):
            await house.keys.recognise(name, secret, HERE)

    lived_in(tmp_path, scenario)


@pytest.mark.parametrize("name", ["team/web+ci", "robot$team/web+ci", ""])
def test_a_robot_logs_in_by_its_key(tmp_path: Path, name: str) -> None:
    async def scenario(house: House) -> None:
        admin = await house.admin()
        await house.robots.create(admin, "team/web", "ci", origin=HERE)
        admin = await house.again(admin)
        new = await house.keychain.create(admin, "main", owner="robot:team/web+ci", origin=HERE)
        who = await house.by_key(new.secret, name)
        assert who.subject.actor == "robot:team/web+ci"
        with pytest.raises(Unauthenticated):
            await house.login.recognise("team/web+ci", new.secret, HERE)

    lived_in(tmp_path, scenario)


def test_bounds_bound(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        bounds = [Asked("team/**", role="reader"), Asked("team/app", actions=("overwrite",), tag="dev-*")]
        rights = (await house.by_key(await made(house, bounds=bounds))).rights
        assert rights.allows(Action.PULL, "team/app", "v1")
        assert not rights.allows(Action.PULL, "other/app", "v1")
        assert rights.allows(Action.OVERWRITE, "team/app", "dev-1")
        assert not rights.allows(Action.OVERWRITE, "team/app", "v1")
        assert not rights.system(Action.ADMINISTER)

    lived_in(tmp_path, scenario)


async def holds(house: House, who: Identity) -> bool:
    try:
        await check_permit(house.db, who)
    except StalePermit:
        return False
    return True


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("way", ["revoked", "disabled", "deleted", "finished", "rotated twice", "reset"])
def test_what_ends_a_key_ends_it_at_the_next_request(tmp_path: Path, engine: Engine, way: str) -> None:
    """The permit that was remembered is stale, and the key is refused, here and in every other process."""

    async def scenario(house: House) -> None:
        alice = await house.person("alice")
        new = await house.keychain.create(alice, "laptop", origin=HERE)
        who = await house.by_key(new.secret)
        assert await holds(house, who)
        if way == "revoked":
            await house.keychain.revoke(await house.again(alice), "laptop", origin=HERE)
        elif way == "disabled":
            await house.users.disable(await house.admin(), "alice", origin=HERE)
        elif way == "deleted":
            await house.users.delete(await house.admin(), "alice", origin=HERE)
        elif way == "finished":
            await house.keychain.rotate(await house.again(alice), "laptop", origin=HERE)
            assert (await house.by_key(new.secret)).subject.name == "alice"
            await house.keychain.finish(await house.again(alice), "laptop", origin=HERE)
        elif way == "rotated twice":
            for _ in range(2):
                await house.keychain.rotate(await house.again(alice), "laptop", origin=HERE)
        else:
            await reset_password(house.db, "alice")
        assert not await holds(house, who)
        assert await house.refused(house.by_key(new.secret))

    lived_in(tmp_path, scenario, engine)


def test_a_credential_whose_row_is_gone_holds_no_more(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        who = await house.by_key(await made(house))
        other = Credential(CredentialKind.REFRESH, 77)
        token = Identity(who.subject, who.version, who.rights, other)
        assert await holds(house, who)
        await house.run("delete from api_secret")
        await house.person("alice")
        assert not await holds(house, who)
        assert not await holds(house, token)

    lived_in(tmp_path, scenario)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_key_and_a_replaced_secret_end_by_the_databases_clock(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        alice = await house.person("alice")
        new = await house.keychain.create(alice, "laptop", expires_at=house.clock() + 2 * DAY, origin=HERE)
        who = await house.by_key(new.secret)
        assert who.until == house.clock() + 2 * DAY
        second = await house.keychain.rotate(await house.again(alice), "laptop", overlap=HOUR, origin=HERE)
        assert not await holds(house, who), "what was remembered does not know of the new end"
        assert (await house.by_key(new.secret)).until == house.clock() + HOUR
        house.clock.at += HOUR
        assert await house.refused(house.by_key(new.secret))
        assert (await house.by_key(second.secret)).subject.name == "alice"
        house.clock.at += 2 * DAY
        assert await house.refused(house.by_key(second.secret))

    lived_in(tmp_path, scenario, engine)


def test_wrong_keys_delay_their_branch_and_no_valid_key(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        secret = await made(house)
        for _ in range(3):
            assert await house.refused(house.keys.recognise(ADMIN, new_secret(), HERE))
        with pytest.raises(Throttled):
            await house.keys.recognise(ADMIN, new_secret(), HERE)
        await house.by_key(secret, ADMIN)
        await house.by_key(secret)
        await house.by_password(ADMIN, "correct-horse-battery", ELSEWHERE)
        assert house.held == [1.0]

    lived_in(tmp_path, scenario, settings=QUICK)


def test_a_wrong_key_that_is_sent_again_counts_once(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        wrong = new_secret()
        for _ in range(20):
            assert await house.refused(house.keys.recognise(ADMIN, wrong, HERE))
        assert house.told.count(("unknown", False)) == 1

    lived_in(tmp_path, scenario, settings=QUICK)


def test_a_broken_checksum_costs_nothing(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.db.close()
        for number in range(50):
            assert await house.refused(house.keys.recognise(ADMIN, f"hf_{number:036d}", HERE))
        assert house.told == []

    lived_in(tmp_path, scenario, settings=QUICK)


def test_a_log_in_is_told_once_an_hour_for_each_address(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        secret = await made(house)
        house.told.clear()
        for _ in range(5):
            await house.by_key(secret)
        await house.by_key(secret, origin=ELSEWHERE)
        assert house.told == [("user:admin", True)] * 2
        house.clock.at += HOUR
        await house.by_key(secret)
        assert len(house.told) == 3

    lived_in(tmp_path, scenario)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_last_use_is_kept_in_batches_and_moves_no_policy_version(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        admin = await house.admin()
        new = await house.keychain.create(admin, "laptop", origin=HERE)
        await house.by_key(new.secret)
        house.clock.at += MINUTE
        await house.by_key(new.secret, origin=ELSEWHERE._replace(agent="x" * 5000))
        version = await house.version()
        before = await house.keychain.get(await house.admin(), "laptop", origin=HERE)
        assert before.secrets[0].used_at is None
        await house.keys.flush()
        used = (await house.keychain.get(await house.admin(), "laptop", origin=HERE)).secrets[0]
        assert (used.used_at, used.used_from, used.used_agent) == (house.clock(), ELSEWHERE.address, "x" * 255)
        assert await house.version() == version

    lived_in(tmp_path, scenario, engine)


def test_a_use_that_cannot_be_written_waits_and_the_loop_writes_at_its_end(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        new = await house.keychain.create(await house.admin(), "laptop", origin=HERE)
        who = await house.by_key(new.secret)
        for number in range(10_000):
            house.keys.used(who.credential.id + number, HERE)
        assert len(house.keys._uses) == 8192
        loop = asyncio.create_task(house.keys.run())
        await asyncio.sleep(0)
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
        assert house.keys._uses == {}
        (secret,) = (await house.keychain.get(await house.admin(), "laptop", origin=HERE)).secrets
        assert secret.used_at == house.clock()

    lived_in(tmp_path, scenario)


class Provided:
    """A house whose user alice signs in by a provider, and has a key."""

    def __init__(self, house: House, secret: str) -> None:
        self.house = house
        self.secret = secret

    async def refused(self) -> bool:
        """Whether the key is refused now."""
        return await self.house.refused(self.house.by_key(self.secret))


async def provided(house: House) -> Provided:
    alice = await house.person("alice")
    new = await house.keychain.create(alice, "laptop", origin=HERE)
    await house.run(
        "insert into identity_provider (name, issuer, client_id, scopes, name_claim, creates, made_at, made_by, "
        "changed) values ('corp', 'https://id.example', 'c', 'openid', 'email', 0, 1, 'test', 0)"
    )
    await house.run("update account set provider = (select id from identity_provider) where name = 'alice'")
    await house.run(
        "insert into provider_session (account_id, checked_at) select id, :at from account where name = 'alice'",
        at=house.clock(),
    )
    return Provided(house, new.secret)


def test_the_provider_is_asked_only_when_its_word_is_old(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        alice = await provided(house)
        who = await house.by_key(alice.secret)
        assert who.until == house.clock() + 15 * MINUTE
        house.clock.at += 15 * MINUTE - 1
        assert not await alice.refused()
        assert house.asked == []
        house.clock.at += 1
        assert (await house.by_key(alice.secret)).until == house.clock() + 15 * MINUTE
        assert house.asked == [who.subject.id]
        assert not await alice.refused()
        house.provider = False
        assert await alice.refused()

    lived_in(tmp_path, scenario)


def test_while_the_provider_is_away_its_last_word_counts_for_a_day(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        alice = await provided(house)
        house.provider = None
        house.clock.at += DAY - 1
        who = await house.by_key(alice.secret)
        assert who.until == house.clock() + 1
        house.clock.at += 1
        assert await alice.refused()
        house.provider = True
        assert not await alice.refused()

    lived_in(tmp_path, scenario)
