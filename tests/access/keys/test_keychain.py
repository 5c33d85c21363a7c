"""Keys: who may make and end them, rotation with two live secrets, and never more than the key that made it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.access.house import (
    ADMIN,
    DAY,
    ELSEWHERE,
    ENGINES,
    HERE,
    HOUR,
    JOURNAL,
    Engine,
    House,
    lived_in,
)

from holdfast.access.errors import Conflict, Denied, Invalid, Unknown
from holdfast.access.keys.model import Asked
from holdfast.access.keys.secret import keyed_hash
from holdfast.access.model import ANONYMOUS, Credential, CredentialKind, Identity, Recognised
from holdfast.access.policy.decide import Bound, Rights
from holdfast.access.policy.model import Action
from holdfast.journal.model import ChangeKind

READ = frozenset({Action.PULL, Action.LIST})


@pytest.mark.parametrize("engine", ENGINES)
def test_the_life_of_a_key(tmp_path: Path, engine: Engine) -> None:
    async def scenario(house: House) -> None:
        alice = await house.person("alice")
        end = house.clock() + 30 * DAY
        new = await house.keychain.create(
            alice, "laptop", bounds=[Asked("team/**", role="reader")], expires_at=end, origin=HERE
        )
        assert new.key.owner == new.key.made_by == "user:alice"
        assert (new.key.name, new.key.bounds, new.key.expires_at) == ("laptop", (Bound(READ, "team/**"),), end)
        (first,) = new.key.secrets
        assert first.hint == new.secret[-4:]
        alice = await house.again(alice)
        assert await house.keychain.get(alice, "laptop", origin=HERE) == new.key
        second = await house.keychain.rotate(alice, "laptop", origin=HERE)
        assert [each.hint for each in second.key.secrets] == [second.secret[-4:], new.secret[-4:]]
        assert [each.expires_at for each in second.key.secrets] == [None, house.clock() + DAY]
        for secret in (new.secret, second.secret):
            assert (await house.by_key(secret)).subject == alice.subject
        finished = await house.keychain.finish(alice, "laptop", origin=HERE)
        assert [each.hint for each in finished.secrets] == [second.secret[-4:]]
        await house.keychain.revoke(alice, "laptop", origin=HERE)
        with pytest.raises(Unknown):
            await house.keychain.get(alice, "laptop", origin=HERE)
        assert await house.refused(house.by_key(second.secret))
        await house.keychain.create(alice, "laptop", origin=HERE)
        assert (await house.kinds())[-5:] == [
            ChangeKind.KEY_CREATED,
            ChangeKind.KEY_ROTATED,
            ChangeKind.KEY_ROTATED,
            ChangeKind.KEY_REVOKED,
            ChangeKind.KEY_CREATED,
        ]
        for row in await house.db.all(JOURNAL):
            assert new.secret[3:30] not in row.data

    lived_in(tmp_path, scenario, engine)


def test_a_rotation_keeps_two_secrets_at_most_and_takes_an_overlap(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        alice = await house.person("alice")
        made = [(await house.keychain.create(alice, "ci", origin=HERE)).secret]
        alice = await house.again(alice)
        for _ in range(3):
            made.append((await house.keychain.rotate(alice, "ci", overlap=HOUR, origin=HERE)).secret)
            house.clock.at += 60_000_000
        assert [await house.refused(house.by_key(secret)) for secret in made] == [True, True, False, False]
        now = await house.keychain.rotate(alice, "ci", overlap=0, origin=HERE)
        assert [each.hint for each in now.key.secrets] == [now.secret[-4:]]
        assert await house.refused(house.by_key(made[-1]))
        with pytest.raises(Invalid):
            await house.keychain.rotate(alice, "ci", overlap=-1, origin=HERE)
        house.clock.at += 2 * HOUR
        assert len((await house.keychain.get(alice, "ci", origin=HERE)).secrets) == 1

    lived_in(tmp_path, scenario)


def test_only_a_keyed_hash_is_kept(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        new = await house.keychain.create(await house.admin(), "laptop", origin=HERE)
        hashed = keyed_hash(bytes(range(32)), new.secret)
        assert await house.run("update api_secret set hint = hint where hash = :hash", hash=hashed) == 1
        assert keyed_hash(bytes(32), new.secret) != hashed
        await house.db.close()
        for path in tmp_path.iterdir():
            assert new.secret[3:].encode() not in path.read_bytes()

    lived_in(tmp_path, scenario)


def test_names_are_the_accounts_own_and_bounded(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        alice, bob = await house.person("alice"), await house.person("bob")
        await house.keychain.create(alice, "laptop", origin=HERE)
        await house.keychain.create(bob, "laptop", origin=HERE)
        alice = await house.again(alice)
        with pytest.raises(Conflict, match="has a key called 'laptop'"):
            await house.keychain.create(alice, "laptop", origin=HERE)
        for name in ("", "a b", "a/b", "a" * 65, "-"):
            with pytest.raises(Invalid):
                await house.keychain.create(alice, name, origin=HERE)
        with pytest.raises(Invalid):
            await house.keychain.create(alice, "late", expires_at=house.clock(), origin=HERE)
        for number in range(99):
            await house.keychain.create(alice, f"k{number}", origin=HERE)
        with pytest.raises(Conflict, match="100 keys"):
            await house.keychain.create(alice, "more", origin=HERE)
        first = await house.keychain.page(alice, limit=60, origin=HERE)
        rest = await house.keychain.page(alice, after=first[-1].id, limit=60, origin=HERE)
        assert len({key.name for key in (*first, *rest)}) == 100

    lived_in(tmp_path, scenario)


@pytest.mark.parametrize(
    "bounds",
    [
        [],
        [Asked("team/**")],
        [Asked("team/**", role="reader", actions=("pull",))],
        [Asked("team/**", role="nothing")],
        [Asked("team/**", actions=("fly",))],
        [Asked("Team//", role="reader")],
        [Asked("team/**", role="reader", tag="!")],
        [Asked("team/**", actions=("settings",), tag="v*")],
        [Asked("team/**", role="reader")] * 51,
    ],
)
def test_bounds_that_cannot_be(tmp_path: Path, bounds: list[Asked]) -> None:
    async def scenario(house: House) -> None:
        with pytest.raises(Invalid) as refused:
            await house.keychain.create(await house.admin(), "laptop", bounds=bounds, origin=HERE)
        assert refused.value.field == "bounds"

    lived_in(tmp_path, scenario)


def test_other_peoples_keys(tmp_path: Path) -> None:
    """Nobody makes them; administrators see and end them; everyone else knows nothing of them."""

    async def scenario(house: House) -> None:
        alice, bob = await house.person("alice"), await house.person("bob")
        new = await house.keychain.create(alice, "laptop", origin=HERE)
        admin = await house.admin()
        assert [key.name for key in await house.keychain.page(admin, owner="user:alice", origin=HERE)] == ["laptop"]
        with pytest.raises(Denied, match="another person"):
            await house.keychain.create(admin, "mine", owner="user:alice", origin=HERE)
        with pytest.raises(Denied):
            await house.keychain.rotate(admin, "laptop", owner="user:alice", origin=HERE)
        nobody = Identity(ANONYMOUS, await house.version(), Rights("anonymous", [], {}))
        for caller in (await house.again(bob), nobody):
            for owner in ("user:alice", "user:nobody", "robot:alice", "alice", ":", "user:admin"):
                for call in (house.keychain.create, house.keychain.get, house.keychain.rotate):
                    with pytest.raises(Unknown, match="in your sight"):
                        await call(caller, "laptop", owner=owner, origin=HERE)
                for end in (house.keychain.finish, house.keychain.revoke):
                    with pytest.raises(Unknown, match="in your sight"):
                        await end(caller, "laptop", owner=owner, origin=HERE)
                with pytest.raises(Unknown, match="in your sight"):
                    await house.keychain.page(caller, owner=owner, origin=HERE)
        await house.keychain.revoke(await house.admin(), "laptop", owner="user:alice", origin=HERE)
        assert await house.refused(house.by_key(new.secret))

    lived_in(tmp_path, scenario)


def test_a_robots_keys_are_made_by_who_could_confer_all_that_it_holds(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        alice, bob = await house.person("alice"), await house.person("bob")
        await house.grant("alice", "owner", "team/**")
        alice = await house.again(alice)
        await house.robots.create(alice, "team", "ci", origin=HERE)
        new = await house.keychain.create(alice, "main", owner="robot:team+ci", origin=HERE)
        assert new.key.owner == "robot:team+ci"
        await house.grant("team+ci", "writer", "team/app")
        alice = await house.again(alice)
        await house.keychain.rotate(alice, "main", owner="robot:team+ci", origin=HERE)
        await house.grant("team+ci", "reader", "secret/**")
        alice = await house.again(alice)
        for name, call in (("more", house.keychain.create), ("main", house.keychain.rotate)):
            with pytest.raises(Denied, match="rights that you cannot pass on"):
                await call(alice, name, owner="robot:team+ci", origin=HERE)
        await house.keychain.revoke(alice, "main", owner="robot:team+ci", origin=HERE)
        with pytest.raises(Unknown):
            await house.keychain.create(await house.again(bob), "x", owner="robot:team+ci", origin=HERE)
        await house.keychain.create(await house.admin(), "x", owner="robot:team+ci", origin=HERE)

    lived_in(tmp_path, scenario)


def test_a_key_makes_no_key_that_may_more_or_lives_longer(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        alice = await house.person("alice")
        end = house.clock() + DAY
        bounds = [Asked("team/**", role="reader"), Asked("team/app", role="writer", tag="dev-*")]
        first = await house.keychain.create(alice, "first", bounds=bounds, expires_at=end, origin=HERE)
        wide = await house.keychain.create(await house.again(alice), "wide", origin=HERE)
        await house.keychain.create(await house.again(alice), "lasting", bounds=bounds, origin=HERE)
        caller = await house.by_key(first.secret)
        heir = await house.keychain.create(caller, "heir", origin=HERE)
        assert heir.key.bounds == first.key.bounds
        assert heir.key.expires_at == end
        caller = await house.by_key(first.secret)
        longer = await house.keychain.create(caller, "longer", expires_at=end + DAY, origin=HERE)
        assert longer.key.expires_at == end
        caller = await house.by_key(first.secret)
        asked = [Asked("team/web/*", actions=("pull",)), Asked("team/app", actions=("create-tag",), tag="dev-1*")]
        narrow = await house.keychain.create(caller, "narrow", bounds=asked, expires_at=end - HOUR, origin=HERE)
        assert narrow.key.expires_at == end - HOUR
        for more in (
            [Asked("**", role="reader")],
            [Asked("team/**", role="writer")],
            [Asked("team/app", actions=("create-tag",))],
            [Asked("team/app", actions=("create-tag",), tag="*")],
            [Asked("other", actions=("pull",))],
        ):
            with pytest.raises(Denied, match="may do no more"):
                await house.keychain.create(await house.by_key(first.secret), "more", bounds=more, origin=HERE)
        for call in (house.keychain.rotate, house.keychain.finish, house.keychain.revoke):
            with pytest.raises(Denied):
                await call(await house.by_key(first.secret), "wide", origin=HERE)
            with pytest.raises(Denied):
                await call(await house.by_key(narrow.secret), "first", origin=HERE)
            with pytest.raises(Denied, match="ends earlier"):
                await call(await house.by_key(heir.secret), "lasting", origin=HERE)
        assert not await house.refused(house.by_key(wide.secret))
        second = await house.keychain.rotate(await house.by_key(first.secret), "first", origin=HERE)
        await house.keychain.revoke(await house.by_key(second.secret), "first", origin=HERE)

    lived_in(tmp_path, scenario)


def test_a_token_made_of_a_key_makes_no_more_than_the_key(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        alice = await house.person("alice")
        end = house.clock() + DAY
        key = await house.keychain.create(
            alice, "first", bounds=[Asked("team/**", role="reader")], expires_at=end, origin=HERE
        )
        await house.run(
            "insert into refresh_token (account_id, secret_id, hash, service, client, made_at, expires_at, changed) "
            "values (:account, :secret, :hash, 's', 'c', 1, :ends, 0)",
            account=alice.subject.id,
            secret=key.key.secrets[0].id,
            hash=b"1",
            ends=end + DAY,
        )
        caller = await house.identified(Recognised(alice.subject.id, Credential(CredentialKind.REFRESH, 1)))
        heir = await house.keychain.create(caller, "heir", origin=ELSEWHERE)
        assert (heir.key.bounds, heir.key.expires_at) == (key.key.bounds, end)

    lived_in(tmp_path, scenario)


def test_a_machine_that_comes_by_its_own_token_makes_no_keys(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        admin = await house.admin()
        await house.robots.create(admin, "team", "ci", origin=HERE)
        key = await house.keychain.create(await house.admin(), "main", owner="robot:team+ci", origin=HERE)
        robot = await house.by_key(key.secret)
        machine = Identity(robot.subject, robot.version, robot.rights, Credential(CredentialKind.FEDERATION))
        with pytest.raises(Denied, match="makes no keys"):
            await house.keychain.create(machine, "more", origin=HERE)
        await house.keychain.create(robot, "more", origin=HERE)

    lived_in(tmp_path, scenario)


def test_an_administrators_bounded_key_is_no_administrator(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        new = await house.keychain.create(
            await house.admin(), "narrow", bounds=[Asked("**", role="owner")], origin=HERE
        )
        caller = await house.by_key(new.secret)
        for call in (house.users.disable, house.users.delete, house.users.enable):
            with pytest.raises(Denied):
                await call(caller, ADMIN, origin=HERE)
        with pytest.raises(Denied):
            await house.users.create(caller, "alice", origin=HERE)

    lived_in(tmp_path, scenario)
